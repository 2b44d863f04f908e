"""Mail as it arrives in a folder that belongs to somebody else: it is read, and nothing there is touched."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from triage_cl.adapters.mail.arrivals import Arrival, Folder
from triage_cl.adapters.mail.sources import parsed, read_stream
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.domain.errors import BadInput

#: Seconds between two looks.
LOOK_SECONDS = 1.0

#: A file that was changed longer ago than this is whole; a younger one must be the same at two looks.
_YOUNG_SECONDS = 60

Size = tuple[int, int]


def watch(
    folders: Sequence[Path],
    is_over: Callable[[], bool],
    warn: Callable[[str], None] = lambda trouble: None,
    strict: bool = False,
) -> Iterator[Message | Unreadable | None]:
    """Every message in `folders`, then those that come, until `is_over`; None when there is none for now.

    A folder is a Maildir or any tree of files that `read_mail` reads; its hidden files, and what is in a Maildir's
    `tmp`, are left alone. A file is read once, though it moves within its Maildir or gets flags; one that vanished is
    no error. What comes while a full folder is read for the first time goes before the rest. A folder that cannot be
    read is told to `warn` once and looked at again. Raises BadInput for a path that is no folder.
    """
    for path in folders:
        if not path.is_dir():
            raise BadInput(f"{path} is no folder: only a Maildir or another folder of messages can be followed.")
    return _Watch([Folder(path, path.name or path.resolve().name) for path in folders], warn, strict).mail(is_over)


class _Watch:
    def __init__(self, roots: Sequence[Folder], warn: Callable[[str], None], strict: bool) -> None:
        self.roots = roots
        self.warn = warn
        self.strict = strict
        self.waiting: list[Arrival] = []
        self.growing: dict[Path, Size] = {}
        self.told: set[str] = set()

    def mail(self, is_over: Callable[[], bool]) -> Iterator[Message | Unreadable | None]:
        while not is_over():
            self.waiting += reversed(self._arrivals())
            next_look = time.monotonic() + LOOK_SECONDS
            later: list[Arrival] = []
            while self.waiting and not is_over() and time.monotonic() < next_look:
                arrival = self.waiting.pop()
                if arrival.may_grow and self._grows(arrival.path):
                    later.append(arrival)
                else:
                    yield from self._read(arrival)
            if not self.waiting:
                yield None
                time.sleep(max(0.0, next_look - time.monotonic()))
            self.waiting += reversed(later)

    def _arrivals(self) -> list[Arrival]:
        found: list[Arrival] = []
        troubles: set[str] = set()
        unseen = list(reversed(self.roots))
        while unseen:
            folder = unseen.pop()
            found += folder.arrivals()
            troubles.update(folder.troubles)
            unseen += reversed(folder.below.values())
        for trouble in sorted(troubles - self.told):
            self.warn(trouble)
        self.told = troubles
        return found

    def _grows(self, path: Path) -> bool:
        """Whether a file may be unfinished: it is young, and not the same as when it was last asked."""
        before = self.growing.pop(path, None)
        try:
            found = path.stat()
        except OSError:
            return False
        size = (found.st_size, found.st_mtime_ns)
        if size == before or time.time() - found.st_mtime > _YOUNG_SECONDS:
            return False
        self.growing[path] = size
        return True

    def _read(self, arrival: Arrival) -> Iterator[Message | Unreadable]:
        try:
            stream = arrival.path.open("rb")
        except FileNotFoundError:
            arrival.missed()
        except OSError as error:
            yield Unreadable(arrival.source, f"cannot be read: {error.strerror}")
        else:
            with stream:
                yield from parsed(read_stream(stream, arrival.source, self.strict))
