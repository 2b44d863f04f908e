"""Whether the data folder and the ledger are as they should be; nothing is made where nothing is."""

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from triage_cl.adapters.access_file import load_or_make
from triage_cl.adapters.checkup.finding import Finding, missing, ok, wrong
from triage_cl.adapters.key_file import load_or_create
from triage_cl.domain.errors import TriageError
from triage_cl.settings import Settings

if TYPE_CHECKING:
    from triage_cl.adapters.sql.ledger import Ledger

#: From which on a disk is full enough to say so.
LITTLE_SPACE = 2**30

FIRST_START = "It is made on the first start."


def data(settings: Settings) -> list[Finding]:
    """The folder, its space, who can read the secrets, the ledger and its champion."""
    home = settings.home
    key = [private(home / "key", load_or_create)] if settings.key is None else []
    return [folder(home), space(home), *key, private(home / "access", load_or_make), *ledger(settings)]


def folder(home: Path) -> Finding:
    """Whether there is a folder that we may write to and others may not look into."""
    if not home.is_dir():
        return missing("data folder", f"{home} is not there", FIRST_START)
    if not os.access(home, os.W_OK | os.X_OK):
        return wrong("data folder", f"{home} cannot be written to", "Run as its owner, or set TRIAGE_HOME.")
    return _unless_open("data folder", home, 0o700)


def private(path: Path, read: Callable[[Path], object]) -> Finding:
    """Whether a file of secrets is there, can be read with `read`, and is its owner's alone."""
    if not path.is_file():
        return missing(path.name, f"{path} is not there", FIRST_START)
    try:
        read(path)
    except TriageError as error:
        return wrong(path.name, str(error), "Restore it from a backup.")
    return _unless_open(path.name, path, 0o600)


def _unless_open(name: str, path: Path, mode: int) -> Finding:
    found = stat.S_IMODE(path.stat().st_mode)
    if found & 0o077:
        return wrong(name, f"others can read {path} (mode {found:o})", f"chmod {mode:o} {path}")
    return ok(name, str(path))


def space(home: Path) -> Finding:
    """Whether there is room on the disk of the data folder."""
    there = next(path for path in (home.absolute(), *home.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    told = f"{free / 2**30:,.1f} GiB free"
    return ok("disk", told) if free >= LITTLE_SPACE else wrong("disk", told, "Free some space, or set TRIAGE_HOME.")


def ledger(settings: Settings) -> list[Finding]:
    """Whether the ledger can be reached, is at this version's revision and has a champion."""
    from triage_cl.adapters.sql.ledger import Ledger

    kind = "PostgreSQL" if settings.ledger_url.startswith("postgres") else "SQLite"
    if _is_unborn(settings.ledger_url):
        return [missing("ledger", f"no {kind} file yet", FIRST_START)]
    try:
        with closing(Ledger(settings.ledger_url)) as opened:
            return _look_into(opened, kind)
    except TriageError as error:
        return [wrong("ledger", str(error), "Start the database, or correct TRIAGE_DATABASE_URL.")]


def _is_unborn(url: str) -> bool:
    """Whether opening the ledger would make a new file."""
    return url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file()


def _look_into(opened: "Ledger", kind: str) -> list[Finding]:
    from triage_cl.adapters.sql.migrate import HEAD, REVISIONS, revision_of
    from triage_cl.usecases.retrain import standing_at

    revision = revision_of(opened.engine)
    if revision is None:
        return [missing("ledger", f"{kind}, without tables", FIRST_START)]
    if revision not in REVISIONS:
        return [wrong("ledger", f"revision {revision}; this version knows up to {HEAD}", "Install a newer triage.")]
    if revision != HEAD:
        return [wrong("ledger", f"revision {revision} in place of {HEAD}", "triage migrate")]
    champion = standing_at(opened).champion
    return [
        ok("ledger", f"{kind}, position {opened.position():,}"),
        ok("champion", champion.version) if champion else missing("champion", "there is none yet", FIRST_START),
    ]
