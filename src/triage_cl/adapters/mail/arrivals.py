"""Files that appear in a mail folder, found by looking again and again; only names are read, nothing is written.

Looking works where notifications do not: on NFS, on disks of other machines, in containers.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: So long after a change a directory is listed whether or not its time changes again: clocks are coarse.
_RESTLESS_SECONDS = 3.0
#: So long a directory whose time stays is not listed: some file systems keep no times.
_LONGEST_REST_SECONDS = 60.0
#: After it was listed a directory rests this many times as long as that took.
_REST = 10


class Directory:
    """One directory as it was last listed; `known` has 8 bytes for each of its files, `trouble` why it cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = ""
        self.folders: list[str] = []
        self.known: NDArray[np.int64] = np.empty(0, np.int64)
        self._time = -1
        self._changed_at = self._listed_at = self._rests_until = float("-inf")

    def look(self) -> list[str] | None:
        """Its files' names in order, without hidden ones; None where nothing can have changed, or it cannot be read."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            # Opening comes first: it makes a network file system ask for the time that the directory has by now.
            with os.scandir(self.path) as entries:
                names = self._list(entries) if self._may_have_changed(time.monotonic()) else None
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return None
        self.trouble = ""
        return names

    def _may_have_changed(self, now: float) -> bool:
        changed = self.path.stat().st_mtime_ns
        if changed != self._time:
            self._time, self._changed_at = changed, now
        return now - self._changed_at < _RESTLESS_SECONDS or now - self._listed_at > _LONGEST_REST_SECONDS

    def _list(self, entries: Iterator[os.DirEntry[str]]) -> list[str]:
        self._listed_at = time.monotonic()
        names: list[str] = []
        folders: list[str] = []
        for entry in entries:
            if entry.is_dir():
                folders.append(entry.name)
            elif entry.is_file() and not entry.name.startswith("."):
                names.append(entry.name)
        self.folders = folders
        names.sort()
        took = time.monotonic() - self._listed_at
        self._rests_until = self._listed_at + _REST * took
        return names

    def take(self, numbers: NDArray[np.int64]) -> None:
        """Know these files, and no others."""
        self.known = np.sort(numbers)

    def knows(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these files are known."""
        if not self.known.size:
            return np.zeros(numbers.size, np.bool_)
        places = np.searchsorted(self.known, numbers)
        return np.asarray(self.known[np.minimum(places, self.known.size - 1)] == numbers)

    def forget(self, name: str) -> None:
        """A file of this name is new when it is seen again."""
        self.known = self.known[self.known != _numbers([name])]
        self._changed_at = time.monotonic()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that was not there at the last look; one that `may_grow` may still be written to."""

    folder: "Folder"
    directory: Directory
    name: str
    may_grow: bool

    @property
    def path(self) -> Path:
        """Where it was."""
        return self.directory.path / self.name

    @property
    def source(self) -> str:
        """What it is called: the same name wherever in a Maildir it stands, and whatever its flags are."""
        return f"{self.folder.name}/{_lasting(self.name)}"

    def missed(self) -> None:
        """It was gone before it was read; where it appears again, under another name perhaps, it is new."""
        for directory in self.folder.boxes:
            directory.forget(self.name)


class Folder:
    """A Maildir, or any other folder of messages; `below` are the folders in it, by name."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.own = Directory(path)
        self.boxes: tuple[Directory, ...] = (self.own,)
        self.below: dict[str, Folder] = {}

    @property
    def troubles(self) -> list[str]:
        """What keeps it from being read, by directory."""
        looked_at = {self.own, *self.boxes}
        return [f"{directory.path}: {directory.trouble}" for directory in looked_at if directory.trouble]

    def arrivals(self) -> list[Arrival]:
        """What is new since the last look, by name; a file that moved from `new` to `cur`, or got flags, is not."""
        names = self.own.look()
        if names is not None:
            self._take_folders(self.own.folders)
        is_maildir = self.own not in self.boxes
        looks = [(box, box.look()) for box in self.boxes] if is_maildir else [(self.own, names)]
        listed = [(box, names, _numbers(names)) for box, names in looks if names is not None]
        found = [
            Arrival(self, box, names[i], may_grow=not is_maildir)
            for box, names, numbers in listed
            for i in np.flatnonzero(~np.any([one.knows(numbers) for one in self.boxes], axis=0)).tolist()
        ]
        for box, _, numbers in listed:
            box.take(numbers)
        return sorted(found, key=lambda arrival: arrival.name)

    def _take_folders(self, names: list[str]) -> None:
        """Links to folders are not followed; what is in a Maildir's `tmp` is still being written."""
        path = self.own.path
        is_maildir = {"cur", "new"} <= set(names)
        if is_maildir != (self.own not in self.boxes):
            self.boxes = (Directory(path / "new"), Directory(path / "cur")) if is_maildir else (self.own,)
        inner = [
            name for name in sorted(names) if name.startswith(".") == is_maildir and not (path / name).is_symlink()
        ]
        self.below = {name: self.below.get(name) or Folder(path / name, f"{self.name}/{name}") for name in inner}


def _lasting(name: str) -> str:
    """A file's name without a Maildir's flags."""
    return name.partition(":2,")[0]


def _numbers(names: list[str]) -> NDArray[np.int64]:
    # 64 bits, keyed anew in each process: two of a million names are confused once in thirty million starts.
    return np.fromiter((hash(_lasting(name)) for name in names), np.int64, len(names))
