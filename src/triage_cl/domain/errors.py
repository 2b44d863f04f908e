"""What can go wrong, as a tree; a leaf's docstring is its message, `detail` says to what it happened.

TriageError
├── BadInput            something given to a command cannot be used
│   ├── BadArchiveLine
│   ├── UnknownDepartment
│   ├── UnknownRecipe
│   ├── BadEncoder
│   └── BadSettings
├── NoChampion
├── BadSnapshot
├── LedgerUnavailable
├── LedgerNotMigrated
├── RegistryUnavailable
├── OrchestratorUnavailable
├── ReviewScreenUnavailable
├── Overloaded
└── NoSpace
"""


class TriageError(Exception):
    """Something triage could not do."""

    def __init__(self, detail: str = "") -> None:
        summary = " ".join((type(self).__doc__ or "").split())
        super().__init__(f"{summary} {detail}".strip())


class BadInput(TriageError):
    """The input cannot be used."""


class BadArchiveLine(BadInput):
    """A line of the mail archive cannot be read."""


class UnknownDepartment(BadInput):
    """No department of that name or id exists; `triage departments show` lists them."""


class UnknownRecipe(BadInput):
    """No recipe of that name exists."""


class BadEncoder(BadInput):
    """The encoder cannot be used."""


class BadSettings(BadInput):
    """The settings cannot be used; see `triage settings`."""


class NoChampion(TriageError):
    """No model version is champion yet; run `triage ingest` first."""


class BadSnapshot(TriageError):
    """The snapshot cannot be loaded; replay the ledger to make a new one."""


class LedgerUnavailable(TriageError):
    """The ledger's database cannot be reached or written."""


class LedgerNotMigrated(TriageError):
    """The ledger was written by another version; run `triage migrate`."""


class RegistryUnavailable(TriageError):
    """The model registry cannot be reached."""


class OrchestratorUnavailable(TriageError):
    """The Prefect server cannot be reached."""


class ReviewScreenUnavailable(TriageError):
    """Label Studio cannot be reached, or refuses the key."""


class Overloaded(TriageError):
    """More mail is waiting than can be decided soon; try again later."""


class NoSpace(TriageError):
    """The disk is full; free some space, then run the same command again: nothing acknowledged was lost."""
