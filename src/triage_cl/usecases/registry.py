"""What a model registry is to us: a place outside the ledger where snapshots lie and aliases point.

The ledger stays the truth about versions and aliases; a registry shows them to tools that know nothing of the ledger
and hands out snapshots. Two adapters exist: MLflow and a plain folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from triage_cl.domain.errors import BadInput


class UnknownVersion(BadInput):
    """No such model version is registered."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is registered beside a snapshot.

    `version` is our own id of the model version; `start`, `through` and `as_of` are the positions of its fold;
    `fingerprint` is that of the folded learner; `reasons` say why the version exists or was promoted.
    """

    version: str
    recipe: str
    start: int
    through: int
    as_of: int
    fingerprint: str
    metrics: Mapping[str, float]
    reasons: tuple[str, ...]


class Registry(Protocol):
    """Keeps snapshots by our own version ids, and aliases to them.

    Every method raises RegistryUnavailable when the registry cannot be reached, read or written, and
    UnknownVersion where it is given a version that was never registered.
    """

    def register(self, entry: Entry, snapshot: bytes, static_vectors: Path | None = None) -> str:
        """The registry's own name for the version; registering one again changes nothing and returns the first.

        `static_vectors` is the folder of the table that the version learned with; a copy is kept with it.
        """

    def point(self, alias: str, version: str | None) -> None:
        """Let the alias name this version from now on (None: no version); promotion and rollback alike."""

    def aliased(self, alias: str) -> str | None:
        """The version that the alias names, or None while it names none."""

    def snapshot(self, version: str) -> bytes:
        """The very bytes that were registered."""

    def entry(self, version: str) -> Entry:
        """What is registered beside the snapshot, with everything annotated since."""

    def annotate(self, version: str, metrics: Mapping[str, float], reasons: Sequence[str]) -> None:
        """Add metrics, a later one replacing an earlier one of its name, and append the reasons."""
