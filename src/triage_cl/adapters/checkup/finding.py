"""What one look found."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether something has to be done."""

    OK = "ok"
    MISSING = "missing"
    """Not there, or not running; it is made or started when it is needed, or by what is advised."""
    WRONG = "wrong"
    """There, and not as it has to be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, what exactly was found, and what to do where something is to be done."""

    name: str
    state: State
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as plain data."""
        return {**asdict(self), "state": self.state.value}


def ok(name: str, found: str) -> Finding:
    """As it should be."""
    return Finding(name, State.OK, found)


def missing(name: str, found: str, advice: str) -> Finding:
    """Not there."""
    return Finding(name, State.MISSING, found, advice)


def wrong(name: str, found: str, advice: str) -> Finding:
    """Not as it should be."""
    return Finding(name, State.WRONG, found, advice)
