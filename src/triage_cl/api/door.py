"""How much may be inside the service at once: what comes on top is turned away before it costs anything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil

from triage_cl.api.problems import Full, TooLarge

#: One message of 25 MiB fits in base64 in JSON.
MAX_BODY_BYTES = 40 * 2**20
#: Of all requests under way together.
MAX_BYTES_INSIDE = 160 * 2**20
LONGEST_RETRY_SECONDS = 60


@dataclass
class Door:
    """Counts the mails and bytes that are inside; only the event loop's thread uses it.

    `rate` tells the mails decided a second, as measured.
    """

    most_mails: int
    rate: Callable[[], float]
    mails: int = field(default=0, init=False)
    bytes: int = field(default=0, init=False)

    @contextmanager
    def visit(self) -> Iterator["Visit"]:
        """A request, from its first byte to its answer; raises Full at once where there is no room for one mail."""
        visit = Visit(self)
        if self.mails >= self.most_mails:
            raise self.full()
        try:
            yield visit
        finally:
            self.mails -= visit.mails
            self.bytes -= visit.bytes

    def full(self) -> Full:
        """The refusal, with the seconds after which what waits now is decided."""
        seconds = ceil(self.mails / self.rate()) if self.rate() > 0 else 1
        return Full(retry_seconds=min(LONGEST_RETRY_SECONDS, max(1, seconds)))


@dataclass
class Visit:
    """What one request brought inside."""

    door: Door
    mails: int = 0
    bytes: int = 0

    def carry(self, size: int) -> None:
        """Bring in another piece of the body; raises TooLarge, or Full where all bodies together are."""
        if self.bytes + size > MAX_BODY_BYTES:
            raise TooLarge(f"At most {MAX_BODY_BYTES // 2**20} MiB are read at once.")
        if self.door.bytes + size > MAX_BYTES_INSIDE:
            raise self.door.full()
        self.bytes += size
        self.door.bytes += size

    def bring(self, mails: int) -> None:
        """Bring in so many mails; raises Full, or TooLarge for more than ever fit."""
        if mails > self.door.most_mails:
            raise TooLarge(f"At most {self.door.most_mails:,} mails are taken in one request.")
        if self.door.mails + mails > self.door.most_mails:
            raise self.door.full()
        self.mails += mails
        self.door.mails += mails
