"""The model registry as a plain folder, for a laptop, a test or an installation without MLflow.

    versions/<version>/snapshot      the bytes
    versions/<version>/entry.json    what is registered beside them
    versions/<version>/static_vectors    the table that it learned with, if any: what `static_vectors` may be set to
    aliases/<alias>                  the version that the alias names

Everything is written under a temporary name, flushed to the disk and renamed, so a reader and a crash see the old
state or the new one. A version's folder appears whole, once: renaming onto an existing one fails.
"""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from triage_cl.domain.errors import NoSpace, RegistryUnavailable
from triage_cl.usecases.registry import Entry, UnknownVersion

_SNAPSHOT = "snapshot"
_ENTRY = "entry.json"
_TABLE = "static_vectors"


class FolderRegistry:
    """A `Registry` in the folder `root`, which is made when missing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._versions = root / "versions"
        self._aliases = root / "aliases"
        with _translated(root):
            self._versions.mkdir(parents=True, exist_ok=True)
            self._aliases.mkdir(exist_ok=True)

    def register(self, entry: Entry, snapshot: bytes, static_vectors: Path | None = None) -> str:
        """The name of the version's folder; a version that is there already stays as it is."""
        folder = self._folder(entry.version)
        with _translated(self._root):
            if not folder.exists():
                files = {_SNAPSHOT: snapshot, _ENTRY: _encoded(entry)}
                for path in static_vectors.iterdir() if static_vectors else ():
                    files[f"{_TABLE}/{path.name}"] = path.read_bytes()
                self._publish(folder, files)
        return folder.name

    def point(self, alias: str, version: str | None) -> None:
        """Replace the alias's file, or remove it."""
        path = self._aliases / _file_name(alias)
        if version is not None:
            self._known(version)
        with _translated(self._root):
            path.unlink(missing_ok=True) if version is None else _replace_file(path, version.encode())

    def aliased(self, alias: str) -> str | None:
        """What the alias's file says, or None without one."""
        with _translated(self._root):
            try:
                return (self._aliases / _file_name(alias)).read_bytes().decode()
            except FileNotFoundError:
                return None

    def snapshot(self, version: str) -> bytes:
        """The registered bytes."""
        folder = self._known(version)
        with _translated(self._root):
            return (folder / _SNAPSHOT).read_bytes()

    def entry(self, version: str) -> Entry:
        """What is registered beside the snapshot."""
        folder = self._known(version)
        with _translated(self._root):
            return _decoded((folder / _ENTRY).read_bytes())

    def annotate(self, version: str, metrics: Mapping[str, float], reasons: Sequence[str]) -> None:
        """Replace the version's entry by one with these metrics and reasons added."""
        entry = self.entry(version)
        more = replace(entry, metrics={**entry.metrics, **metrics}, reasons=(*entry.reasons, *reasons))
        with _translated(self._root):
            _replace_file(self._folder(version) / _ENTRY, _encoded(more))

    def _folder(self, version: str) -> Path:
        return self._versions / _file_name(version)

    def _known(self, version: str) -> Path:
        folder = self._folder(version)
        if not folder.is_dir():
            raise UnknownVersion(f"{version} is not in {self._root}; `triage challengers` lists the versions.")
        return folder

    def _publish(self, folder: Path, files: Mapping[str, bytes]) -> None:
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self._root))
        try:
            for name, content in files.items():
                (draft / name).parent.mkdir(exist_ok=True)
                _write(draft / name, content)
            _flush_folder(draft)
            _rename_once(draft, folder)
            _flush_folder(self._versions)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _file_name(name: str) -> str:
    """The name as one path component, whatever characters it has."""
    return quote(name, safe="@+=,-_ ").replace(".", "%2E")


def _rename_once(draft: Path, folder: Path) -> None:
    """Give the draft its place, unless another process was first: then its folder stands."""
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _replace_file(path: Path, content: bytes) -> None:
    handle, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
    os.close(handle)
    try:
        _write(Path(draft), content)
        Path(draft).replace(path)
        _flush_folder(path.parent)
    finally:
        Path(draft).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make renames inside the folder durable; a rename is only a change of the folder's own content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encoded(entry: Entry) -> bytes:
    return json.dumps(asdict(entry), indent=1, sort_keys=True, ensure_ascii=False).encode()


def _decoded(content: bytes) -> Entry:
    values: dict[str, Any] = json.loads(content)
    return Entry(**{**values, "reasons": tuple(values["reasons"])})


@contextmanager
def _translated(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoSpace(f"It is that of {root}.") from error
        raise RegistryUnavailable(f"{root}: {error.strerror or error}.") from error
