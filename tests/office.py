"""A small office for tests: a ledger with departments, a desk that decides mail, a folder registry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.builders import NOON, a_correction, an_email
from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.decisions import Decision
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.emails import Email
from triage_cl.domain.review import ReviewPolicy
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.retrain import ensure_champion
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk

#: What mail of each department is about.
TOPICS = {
    "billing": ("invoice", "refund", "charged", "payment", "receipt", "overdue"),
    "support": ("router", "broken", "password", "screen", "crash", "reboot"),
    "legal": ("contract", "clause", "court", "liability", "notice", "terms"),
}


def mail_about(department: str, number: int, received_at: datetime = NOON) -> Email:
    """A mail that belongs to `department`; the same number gives the same mail."""
    words = TOPICS[department]
    text = " ".join(words[(number * step + step) % len(words)] for step in (1, 2, 3))
    return an_email(f"{department}-{number}", subject=text, body=f"{text} regards {number}", received_at=received_at)


def department_of(email_id: str) -> str:
    """Whom a mail made by `mail_about` belongs to."""
    return email_id.rpartition("-")[0]


@dataclass
class Office:
    """Everything that decides, reviews and learns, over one ledger."""

    ledger: Ledger
    registry: FolderRegistry
    keys: Keys
    desk: Desk

    @property
    def key(self) -> bytes:
        return self.keys.subkey("features")

    def triage(self, mails: int, first: int = 0, at: datetime = NOON) -> list[Decision]:
        """Decide so many mails of each department."""
        emails = [mail_about(name, number) for number in range(first, first + mails) for name in TOPICS]
        return self.desk.triage(emails, lambda email: at + timedelta(seconds=len(email.subject)))

    def answer(self, decisions: list[Decision], at: datetime = NOON) -> None:
        """Correct the drawn ones as their names tell."""
        told = [
            a_correction(d.email_id, department_of(d.email_id), blind=d.blind, answered_at=at)
            for d in decisions
            if d.drawn
        ]
        self.ledger.append(told, at)


def an_office(
    ledger: Ledger, folder: Path, share: float = 0.5, recipe: str = DEFAULT_RECIPE, **policy: float
) -> Office:
    """An office that opens at noon, with a champion that knows nothing."""
    keys = Keys.from_seed(3)
    registry = FolderRegistry(folder / "registry")
    ledger.append([DepartmentAdded(name, name.title()) for name in TOPICS], NOON)
    ledger.append([ReviewPolicy(share=share, **policy)], NOON)
    ensure_champion(ledger, registry, recipe, keys.subkey("features"), NOON)
    return Office(ledger, registry, keys, Desk(ledger, keys, Snapshots(folder / "snapshots")))
