"""The master key in a file that only its owner can read."""

import errno
from pathlib import Path

from triage_cl.adapters.atomic_file import create_once
from triage_cl.domain.errors import BadSettings, NoSpace
from triage_cl.privacy.keys import Keys


def load_or_create(path: Path) -> Keys:
    """The keys in the file at `path`; fresh ones, written there first with mode 600, if there is none.

    Of several processes that create it at the same moment one wins and all get its keys. Raises BadSettings
    when the file cannot be read or written or holds no key, NoSpace when the disk is full.
    """
    try:
        if not path.exists():
            create_once(path, Keys.fresh().hex() + "\n")
        return Keys.from_hex(path.read_text("ascii").strip())
    except ValueError as error:
        raise BadSettings(f"{path}: this is no key file; restore it from a backup.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(str(path)) from error
        raise BadSettings(f"{path}: the key file cannot be read or created ({error.strerror}).") from error
