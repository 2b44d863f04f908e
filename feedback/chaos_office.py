"""An office in a folder of its own, whose mail is reviewed at the stand-in for Label Studio."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from feedback.double import LabelStudioDouble
from triage_cl.adapters.folder_registry import FolderRegistry
from triage_cl.adapters.label_studio.annotations import CHANNEL
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.reviews import LabelStudioReviews
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.emails import Email
from triage_cl.domain.review import ReviewGroups, ReviewPolicy
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.privacy.keys import Keys
from triage_cl.synthesis.labelled_mail import LabelledMail, short_mail
from triage_cl.usecases.retrain import ensure_champion
from triage_cl.usecases.review import publish
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk

OPENED = datetime(2025, 3, 3, 8, tzinfo=UTC)
GROUPS = ReviewGroups()

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

    def queue(self, ask: Ask) -> LabelStudioReviews:
        """The review queue that asks Label Studio so."""
        return LabelStudioReviews(Connection("http://label-studio.test", "", Wire(ask)), self.ledger, self.keys)

    def reviewer(self, user: int) -> str:
        """The pseudonym of a user of Label Studio."""
        return self.keys.pseudonym(f"{CHANNEL}/{user}")

    def close(self) -> None:
        """Give the ledger back; it is opened again where it is needed."""
        if "ledger" in self.__dict__:
            self.ledger.close()
            del self.ledger


class Wire(httpx.BaseTransport):
    """Takes the requests of Label Studio's client elsewhere than to the network."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, or a broken connection."""
        told = self._ask(
            {
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.url.params),
                "body": request.read().decode(),
            }
        )
        if told is None:
            raise httpx.ConnectError("it is out of reach", request=request)
        status, body = told
        return httpx.Response(status, json=body, request=request)


def open_office(folder: Path, seed: int, mails: int) -> tuple[Office, LabelStudioDouble, list[str]]:
    """An office, closed again, whose mails are all decided and published; the stand-in, and the departments."""
    office = Office(folder, seed)
    migrate(office.ledger.engine)
    letters = list(short_mail(seed, mails))
    departments = sorted({letter.label for letter in letters})
    office.ledger.append([DepartmentAdded(id, id.title()) for id in departments], OPENED)
    office.ledger.append([ReviewPolicy(share=1.0)], OPENED)
    ensure_champion(office.ledger, office.registry, DEFAULT_RECIPE, office.keys.subkey("features"), OPENED)
    desk = Desk(office.ledger, office.keys, office.snapshots)
    desk.triage([_email(number, letter) for number, letter in enumerate(letters)], lambda email: email.received_at)
    double = LabelStudioDouble(GROUPS.others, OPENED)
    publish(office.ledger, office.queue(asking(double)), OPENED, GROUPS)
    office.close()
    return office, double, departments


def asking(double: LabelStudioDouble) -> Ask:
    """How the stand-in is asked in its own process."""

    def ask(question: Question) -> tuple[int, object]:
        return double.answer(question["method"], question["path"], question["query"], question["body"])

    return ask


def _email(number: int, letter: LabelledMail) -> Email:
    return Email(
        id=f"mail-{number:05}",
        received_at=letter.received_at,
        sender=letter.sender,
        subject=letter.subject,
        body=letter.body,
        thread=letter.thread,
        redaction=1,
    )
