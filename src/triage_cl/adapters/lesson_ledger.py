"""A ledger full of lessons, written in large groups: what folding is measured on."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.decisions import Action, Decision
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.emails import Email, Message
from triage_cl.domain.versions import version_name
from triage_cl.learning.recipes import DEFAULT_RECIPE
from triage_cl.privacy.keys import Keys
from triage_cl.synthesis.labelled_mail import LabelledMail, short_mail
from triage_cl.synthesis.organisation import organisation
from triage_cl.synthesis.stream import A_MONDAY
from triage_cl.usecases.ledger import Admission
from triage_cl.usecases.receive import receive

GROUP = 5_000

#: Every mail was drawn with this chance, so that every lesson has a weight to be looked up.
REVIEW_PROBABILITY = 0.5


def fill(ledger: Ledger, lessons: int, keys: Keys, seed: int, waiting: int = 0) -> list[Correction]:
    """Record departments and `lessons` generated mails, redacted under `keys`, decided and rightly answered.

    `waiting` more are decided and not answered: returns the answers that they wait for.
    """
    company = organisation()
    departments = {each.id: each.name for each in (*company.departments, *company.parts)}
    ledger.append([DepartmentAdded(id, name) for id, name in departments.items()], A_MONDAY)
    mails = iter(enumerate(short_mail(seed, lessons + waiting)))
    unanswered: list[Correction] = []
    while group := list(islice(_kept(mails, keys), GROUP)):
        under = ledger.position()
        ledger.admit([Admission(email, _decided(email, label)) for email, label in group], under)
        answers = [_answered(email, label) for email, label in group]
        now = max(0, min(len(answers), lessons))
        lessons -= now
        ledger.append(answers[:now], A_MONDAY)
        unanswered += answers[now:]
    return unanswered


def _kept(mails: Iterator[tuple[int, LabelledMail]], keys: Keys) -> Iterator[tuple[Email, str]]:
    for number, mail in mails:
        message = Message(
            "generated", f"{number}", mail.sender, mail.subject, mail.body, mail.received_at, thread=mail.thread
        )
        yield receive(message, keys, A_MONDAY), mail.label


def _decided(email: Email, department: str) -> Decision:
    return Decision(
        email_id=email.id,
        version=version_name(DEFAULT_RECIPE, 0, 0),
        department=department,
        confidence=0.5,
        margin=0.25,
        unseen=0.0,
        action=Action.ASK,
        review_probability=REVIEW_PROBABILITY,
        draw=0.0,
        blind=False,
        disputed=False,
        decided_at=email.received_at,
        through=0,
        as_of=0,
    )


def _answered(email: Email, department: str) -> Correction:
    return Correction(
        email_id=email.id,
        department=department,
        source=Source.REVIEW,
        origin=Origin.ACCEPTED,
        blind=False,
        reviewer="generator",
        answer_id=f"generated:{email.id}",
        answered_at=email.received_at + timedelta(hours=1),
    )
