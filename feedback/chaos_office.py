"""An office in a folder of its own, whose mail is reviewed under chaos."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.label_studio.annotations import CHANNEL
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.reviews import LabelStudioReviews
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.emails import Email
from triage_cl.domain.review import ReviewPolicy
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.privacy.keys import Keys
from triage_cl.synthesis.labelled_mail import LabelledMail, short_mail
from triage_cl.usecases.ledger import Routed
from triage_cl.usecases.retrain import ensure_champion
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.teach_archive import ARCHIVE
from triage_cl.usecases.triage import Desk

OPENED = datetime(2025, 3, 3, 8, tzinfo=UTC)
#: So many mails of an archive taught it something, so that there are suggestions.
ARCHIVED = 60

#: What takes a question to Label Studio and brings its answer, None where it is out of reach.
Question = Mapping[str, Any]
Ask = Callable[[Question], tuple[int, object] | None]


@dataclass
class Office:
    """Ledger, registry and snapshots in `folder`, under keys that the seed tells."""

    folder: Path
    seed: int
    keys: Keys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = Keys.from_seed(self.seed)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, opened."""
        return Ledger(f"sqlite:///{self.folder / 'ledger.db'}")

    @property
    def registry(self) -> FolderRegistry:
        """Where versions are."""
        return FolderRegistry(self.folder / "registry")

    @property
    def snapshots(self) -> Snapshots:
        """Where live learners are kept."""
        return Snapshots(self.folder / "snapshots")

    def queue(self, connection: Connection) -> LabelStudioReviews:
        """The review queue that asks Label Studio so."""
        return LabelStudioReviews(connection, self.ledger, self.keys)

    def reviewer(self, user: int) -> str:
        """The pseudonym of a user of Label Studio."""
        return self.keys.pseudonym(f"{CHANNEL}/{user}")

    def close(self) -> None:
        """Give the ledger back; it is opened again where it is needed."""
        if "ledger" in self.__dict__:
            self.ledger.close()
            del self.ledger


def open_office(folder: Path, seed: int, mails: int) -> tuple[Office, list[str]]:
    """An office, closed again, that was taught an archive and has decided so many mails; its departments."""
    office = Office(folder, seed)
    migrate(office.ledger.engine)
    archive, letters = _letters(seed, mails)
    departments = sorted({letter.label for letter in [*archive, *letters]})
    office.ledger.append([DepartmentAdded(id, id.title()) for id in departments], OPENED)
    office.ledger.append([ReviewPolicy(share=1.0)], OPENED)
    office.ledger.take_routed([_routed(number, letter) for number, letter in enumerate(archive)], OPENED)
    ensure_champion(office.ledger, office.registry, DEFAULT_RECIPE, office.keys.subkey("features"), OPENED)
    desk = Desk(office.ledger, office.keys, office.snapshots)
    desk.triage([_email(f"mail-{n:05}", one) for n, one in enumerate(letters)], lambda email: email.received_at)
    office.close()
    return office, departments


def _letters(seed: int, mails: int) -> tuple[list[LabelledMail], list[LabelledMail]]:
    """What the archive has, and what is to be decided."""
    found = list(short_mail(seed, ARCHIVED + mails))
    return found[:ARCHIVED], found[ARCHIVED:]


def _routed(number: int, letter: LabelledMail) -> Routed:
    email = _email(f"archive-{number:05}", letter)
    answer = Correction(
        email_id=email.id,
        department=letter.label,
        source=Source.IMPORT,
        origin=Origin.SCRATCH,
        blind=True,
        reviewer=ARCHIVE,
        answer_id=f"{ARCHIVE}:{email.id}",
        answered_at=OPENED,
    )
    return Routed(email, answer)


def _email(id: str, letter: LabelledMail) -> Email:
    return Email(
        id=id,
        received_at=letter.received_at,
        sender=letter.sender,
        subject=letter.subject,
        body=letter.body,
        thread=letter.thread,
        redaction=1,
    )
