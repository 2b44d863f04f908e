"""A program that the supervisor runs: what it is, how it is started, how it is known to be well."""

from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Program:
    """One row of the table of programs.

    `url` is where people find it, `health` the page that answers 200, with the text `says` in it, once it is well; a
    program without one is well while it runs. It starts when those in `after` are well. One that runs `once` is well
    from when it ended without an error. A `backend` stops after those that are none.
    """

    name: str
    purpose: str
    command: tuple[str, ...]
    url: str = ""
    health: str = ""
    says: str = ""
    after: tuple[str, ...] = ()
    once: bool = False
    backend: bool = False

    @property
    def port(self) -> int | None:
        """The port that it listens on, None for one that does not."""
        return port_of(self.url) if self.url else None


def port_of(url: str) -> int:
    """The port that a URL names, or its scheme's."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine and no further."""
    return urlsplit(url).hostname in LOOPBACK
