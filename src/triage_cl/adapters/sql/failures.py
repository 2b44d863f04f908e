"""The database's errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from triage_cl.domain.errors import BadInput, LedgerNotMigrated, LedgerUnavailable, NoSpace, TriageError

# PostgreSQL's own names for these are in its manual, appendix A; its sentences may be in any language.
DISK_FULL, UNDEFINED_TABLE = "53100", "42P01"


@contextmanager
def translated() -> Iterator[None]:
    """The database's errors as ours: NoSpace, LedgerNotMigrated, LedgerUnavailable, or BadInput for a refused value."""
    try:
        yield
    except exc.DBAPIError as error:
        # `from None`: PostgreSQL's error goes on with details, which may quote a whole row with its text.
        raise _ours(error) from None
    except exc.TimeoutError as error:
        raise LedgerUnavailable("All its connections are in use.") from error


def _ours(error: exc.DBAPIError) -> TriageError:
    reason = _reason(error)
    state, name = getattr(error.orig, "sqlstate", None), getattr(error.orig, "sqlite_errorname", "")
    if state == DISK_FULL or name in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"):
        return NoSpace(f"The ledger reports: {reason}.")
    if state == UNDEFINED_TABLE or "no such table" in reason:
        return LedgerNotMigrated(f"It lacks a table: {reason}.")
    if isinstance(error, exc.DataError):
        return BadInput(f"The ledger refuses a value: {reason}.")
    return LedgerUnavailable(f"It reports: {reason}.")


def _reason(error: exc.DBAPIError) -> str:
    """The first line alone names what is wrong, never a value."""
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error.orig).__name__
