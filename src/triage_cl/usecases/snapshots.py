"""Snapshots of live learners: a cache that spares folding; whatever is missing or stale is folded again."""

from collections.abc import Iterator
from pathlib import Path

from triage_cl.domain.errors import BadSnapshot
from triage_cl.domain.versions import ModelVersion, entrant_of, version_name
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import find_recipe
from triage_cl.usecases.learn import encoder_of, fold
from triage_cl.usecases.ledger import Ledger

#: How many snapshots of one entrant are kept, where nothing else is said.
KEPT = 3


class Snapshots:
    """A folder of snapshots, `kept` of an entrant, or none: then every learner is folded from the ledger."""

    def __init__(self, folder: Path | None = None, kept: int = KEPT) -> None:
        self.folder = folder
        self.kept = kept

    def save(self, learner: Learner) -> None:
        """Keep a learner's bytes; a snapshot is complete or not there."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / _file(entrant_of(learner.recipe.name, learner.start), learner.through, learner.as_of)
        if path.exists():
            return
        part = path.with_suffix(f".{id(learner)}.part")
        part.write_bytes(learner.snapshot())
        part.replace(path)
        for old in self._of(entrant_of(learner.recipe.name, learner.start))[: -self.kept]:
            old.unlink(missing_ok=True)

    def load(self, ledger: Ledger, version: ModelVersion, key: bytes) -> Learner:
        """The learner of `version`, or for an online recipe one that followed the ledger further."""
        head, wanted = ledger.position(), encoder_of(ledger, find_recipe(version.recipe))
        for _, learner in self.newest_first(entrant_of(version.recipe, version.start), key):
            if learner is not None and _serves(learner, version, head) and learner.encoder == wanted:
                return learner
        return fold(ledger, version.recipe, key, version.start, version.through, version.as_of)

    def newest_first(self, entrant: str, key: bytes) -> Iterator[tuple[Path, Learner | None]]:
        """The snapshots of an entrant, each restored when it is asked for; None for one that cannot be."""
        for path in reversed(self._of(entrant)):
            yield path, _restored(path, key)

    def _of(self, entrant: str) -> list[Path]:
        if self.folder is None or not self.folder.is_dir():
            return []
        found = [path for path in self.folder.glob("*.safetensors") if path.name.rpartition("@")[0] == entrant]
        return sorted(found, key=_positions)


def _file(entrant: str, through: int, as_of: int) -> str:
    return f"{version_name(entrant, through, as_of)}.safetensors"


def _positions(path: Path) -> tuple[int, ...]:
    return tuple(int(position) for position in path.stem.rpartition("@")[2].split("-"))


def _restored(path: Path, key: bytes) -> Learner | None:
    try:
        return Learner.restore(path.read_bytes(), key)
    except (BadSnapshot, OSError):
        return None


def _serves(learner: Learner, version: ModelVersion, head: int) -> bool:
    if learner.recipe.kind == "batch":
        return learner.fingerprint() == version.fingerprint
    return version.as_of <= learner.as_of <= head
