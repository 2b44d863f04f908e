"""The master key in a file that only its owner can read."""

import errno
import os
import tempfile
from pathlib import Path

from triage_cl.domain.errors import BadSettings, NoSpace
from triage_cl.privacy.keys import Keys


def load_or_create(path: Path) -> Keys:
    """The keys in the file at `path`; fresh ones, written there first with mode 600, if there is none.

    Of several processes that create it at the same moment one wins and all get its keys. Raises BadSettings
    when the file cannot be read or written or holds no key, NoSpace when the disk is full.
    """
    try:
        if not path.exists():
            _create(path, Keys.fresh())
        return Keys.from_hex(path.read_text("ascii").strip())
    except ValueError as error:
        raise BadSettings(f"{path}: this is no key file; restore it from a backup.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(str(path)) from error
        raise BadSettings(f"{path}: the key file cannot be read or created ({error.strerror}).") from error


def _create(path: Path, keys: Keys) -> None:
    """Write a complete file beside `path`, then give it that name unless somebody was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(keys.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return
        _make_durable(path.parent)
    finally:
        Path(unfinished).unlink()


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
