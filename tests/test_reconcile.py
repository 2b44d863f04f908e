"""The laws of taking answers back: whatever was lost, repeated or late, what holds outside holds in the ledger."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.hearing import Ear
from tests.builders import NOON, NOW, a_correction, after, an_admission
from tests.review_projects import chosen
from triage_cl.adapters.label_studio.annotations import read_task, state_of
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import Reconciled, reconcile, settle
from triage_cl.usecases.review import Answer, Withdrawn

KEYS = Keys.from_seed(5)
DEPARTMENTS = ("billing", "legal", "support")

_mails = count(1)


@pytest.fixture
def open_ledger(sqlite_url: str) -> Iterator[Ledger]:
    with closing(Ledger(sqlite_url, durable=False)) as ledger:
        ledger.append([DepartmentAdded(id, id.title()) for id in DEPARTMENTS], NOON)
        yield ledger


def a_mail(ledger: Ledger, **decision: Any) -> str:
    """A mail that reviewers are asked about."""
    name = f"mail-{next(_mails)}"
    ledger.admit([an_admission(name, **{"review_probability": 1.0, "draw": 0.5} | decision)], NOW)
    return name


def said(mail: str, department: str | None, id: str = "1", version: int = 1, **changes: Any) -> Answer:
    """An answer in version `version` of annotation `id`."""
    answer = Answer(
        answer_id=f"label-studio:{id}:{version}",
        email_id=mail,
        department=department,
        suggestion=None,
        blind=True,
        reviewer="reviewer-7b",
        answered_at=after(minutes=version),
    )
    return replace(answer, **changes)


def corrections(ledger: Ledger, mail: str) -> list[Correction]:
    found = [recorded.fact for recorded in ledger.corrections_of([mail]).get(mail, ())]
    return [fact for fact in found if isinstance(fact, Correction)]


def departments(ledger: Ledger, mail: str) -> list[str | None]:
    return [one.department for one in corrections(ledger, mail)]


def lesson(ledger: Ledger, mail: str) -> list[str]:
    head = ledger.position()
    return [one.department for one in lessons_between(ledger, 0, head, head) if one.email_id == mail]


def test_twice_is_once(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    answer = said(mail, "legal")
    assert settle(open_ledger, [answer, answer], NOON) == Reconciled(corrections=1, repeated=1)
    assert settle(open_ledger, [answer], NOON) == Reconciled(repeated=1)
    assert departments(open_ledger, mail) == ["legal"]


def test_when_the_later_answer_is_deleted_the_earlier_one_is_in_force_again(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    first, second = said(mail, "legal", "1"), said(mail, "billing", "2", 2)
    for held in (first, second, first, second, first):
        settle(open_ledger, [held], NOON)
    assert departments(open_ledger, mail) == ["legal", "billing", "legal", "billing", "legal"]
    assert lesson(open_ledger, mail) == ["legal"]


def test_a_save_that_changes_nothing_is_no_correction(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    settle(open_ledger, [said(mail, "legal", version=1)], NOON)
    assert settle(open_ledger, [said(mail, "legal", version=2)], NOON) == Reconciled(repeated=1)


def test_a_skip_is_a_correction_that_teaches_nothing(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    settle(open_ledger, [said(mail, None)], NOON)
    assert departments(open_ledger, mail) == [None]
    assert lesson(open_ledger, mail) == []


def test_a_withdrawal_takes_back_the_answer_once_and_only_where_there_was_one(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    withdrawn = Withdrawn(mail, "label-studio", after(hours=1))
    assert settle(open_ledger, [withdrawn], NOON).corrections == 0
    settle(open_ledger, [said(mail, "legal", "7")], NOON)
    assert settle(open_ledger, [withdrawn], NOON).corrections == 1
    assert settle(open_ledger, [withdrawn], NOON).corrections == 0
    [_, last] = corrections(open_ledger, mail)
    assert (last.answer_id, last.department) == ("label-studio:7:deleted", None)


def test_a_withdrawal_takes_back_flags_too(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    settle(open_ledger, [said(mail, None, flags=("spam",))], NOON)
    settle(open_ledger, [Withdrawn(mail, "label-studio", after(hours=1))], NOON)
    assert [one.flags for one in corrections(open_ledger, mail)] == [("spam",), ()]


def test_what_is_withdrawn_in_one_place_stands_in_another(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    settle(open_ledger, [said(mail, "legal", answer_id="file:1")], NOON)
    assert settle(open_ledger, [Withdrawn(mail, "label-studio", after(hours=1))], NOON).corrections == 0
    assert lesson(open_ledger, mail) == ["legal"]


def test_what_was_recorded_while_others_were_still_reading_is_newer_than_what_they_read(open_ledger: Ledger) -> None:
    mail, other = a_mail(open_ledger), a_mail(open_ledger)
    old, new = said(mail, "legal"), said(mail, "billing", version=2)
    settle(open_ledger, [old], NOON)

    class Slow:
        """Somebody changes an answer after it was read here."""

        def answers(self) -> list[Answer]:
            read = [old, said(other, "support", "2")]
            settle(open_ledger, [new], NOON)
            return read

        def acknowledge(self) -> None: ...

    assert reconcile(open_ledger, Slow(), NOON).corrections == 1  # type: ignore[arg-type]
    assert lesson(open_ledger, mail) == ["billing"]
    assert lesson(open_ledger, other) == ["support"]


def test_an_answer_nobody_asked_for_never_measures(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger, review_probability=0.1)
    settle(open_ledger, [said(mail, "legal")], NOON)
    assert [one.source for one in corrections(open_ledger, mail)] == [Source.VOLUNTEER]


def test_what_nobody_knows_is_counted_and_leaves_the_rest_alone(open_ledger: Ledger) -> None:
    mail, other = a_mail(open_ledger), a_mail(open_ledger)
    told = [said(mail, "legal"), said(other, "nobody's", "2"), said("no such mail", "legal")]
    assert settle(open_ledger, told, NOON) == Reconciled(corrections=1, unknown=1, unknown_mails=1)
    assert lesson(open_ledger, mail) == ["legal"]


def test_an_answer_changed_to_what_nobody_knows_does_not_stand_any_more(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    known, unknown = said(mail, "legal"), said(mail, "nobody's", version=2)
    settle(open_ledger, [known], NOON)
    for _ in range(2):
        assert settle(open_ledger, [unknown], NOON).unknown == 1
    assert departments(open_ledger, mail) == ["legal", None]
    settle(open_ledger, [known], NOON)
    assert lesson(open_ledger, mail) == ["legal"]


def test_who_is_answered_meanwhile_by_another_process_is_heard_again(open_ledger: Ledger) -> None:
    mail = a_mail(open_ledger)
    seen = open_ledger.position()
    settle(open_ledger, [said(mail, "legal")], NOON)
    late = [a_correction(mail, "billing")]
    assert open_ledger.append_answers(late, NOON, seen) is None
    assert departments(open_ledger, mail) == ["legal"]
    assert len(open_ledger.append_answers(late, NOON, open_ledger.position()) or ()) == 1


@dataclass
class Annotator:
    """A task as Label Studio keeps it, and the webhooks about it."""

    mail: str
    ids: count = field(default_factory=lambda: count(next(_mails) * 1_000))
    minutes: count = field(default_factory=lambda: count(1))
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    at: datetime = NOON

    def act(self, action: str, which: int, department: str, cancelled: bool) -> dict[str, Any] | None:
        """Do something; the webhook about it, None where there was nothing to do it to."""
        self.at = NOON + timedelta(minutes=next(self.minutes))
        existing = sorted(self.annotations)
        if action == "create":
            return self._save("ANNOTATION_CREATED", next(self.ids), department, cancelled)
        if not existing:
            return None
        id = existing[which % len(existing)]
        if action == "update":
            return self._save("ANNOTATION_UPDATED", id, department, cancelled)
        if action == "save":
            before = self.annotations[id]
            return self._told("ANNOTATION_UPDATED", before | {"updated_at": self.at.isoformat()})
        del self.annotations[id]
        return {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": id}]}

    def _save(self, action: str, id: int, department: str, cancelled: bool) -> dict[str, Any]:
        result = [] if cancelled else chosen(department)
        annotation = {"id": id, "updated_at": self.at.isoformat(), "was_cancelled": cancelled, "result": result}
        return self._told(action, annotation | {"completed_by": 1})

    def _told(self, action: str, annotation: dict[str, Any]) -> dict[str, Any]:
        self.annotations[annotation["id"]] = annotation
        return {"action": action, "annotation": annotation, "task": {"data": self.data}}

    @property
    def data(self) -> dict[str, str]:
        return {"email_id": self.mail}

    def state(self) -> Answer | Withdrawn:
        annotations = list(self.annotations.values())
        task = {"id": 1, "updated_at": self.at.isoformat(), "data": self.data, "annotations": annotations}
        read = read_task(task)
        assert read is not None
        return state_of(read, KEYS)


class Queue:
    """What a reading of one task finds."""

    def __init__(self, annotator: Annotator) -> None:
        self._annotator = annotator

    def answers(self) -> Sequence[Answer | Withdrawn]:
        return [self._annotator.state()]

    def acknowledge(self) -> None: ...


ACTIONS = st.tuples(
    st.sampled_from(["create", "update", "save", "delete"]),
    st.integers(0, 1),
    st.sampled_from(DEPARTMENTS[:2]),
    st.sampled_from([False, False, True]),
)
DELIVERIES = st.sampled_from(["once", "twice", "late", "lost", "reconciled"])
MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(st.lists(st.tuples(ACTIONS, DELIVERIES), min_size=2, max_size=8))
def test_whatever_becomes_of_webhooks_after_reconciliation_the_ledger_holds_what_label_studio_holds(
    open_ledger: Ledger, history: list[tuple[tuple[str, int, str, bool], str]]
) -> None:
    annotator = Annotator(a_mail(open_ledger))
    ear = Ear(open_ledger, KEYS, lambda: annotator.at)
    late: list[dict[str, Any]] = []
    for action, delivery in history:
        event = annotator.act(*action)
        if delivery == "reconciled":
            reconcile(open_ledger, Queue(annotator), NOON)  # type: ignore[arg-type]
        elif event is not None and delivery == "late":
            late.append(event)
        elif event is not None and delivery != "lost":
            for _ in range(2 if delivery == "twice" else 1):
                ear.hear(event)
    for event in reversed(late):
        ear.hear(event)
    reconcile(open_ledger, Queue(annotator), NOON)  # type: ignore[arg-type]
    held = annotator.state()
    in_force = corrections(open_ledger, annotator.mail)[-1:]
    assert [one.department for one in in_force if one.department] == (
        [held.department] if isinstance(held, Answer) and held.department else []
    )
    assert reconcile(open_ledger, Queue(annotator), NOON).corrections == 0  # type: ignore[arg-type]


@MANY
@given(st.lists(ACTIONS, min_size=2, max_size=8))
def test_what_a_webhook_settles_reconciliation_finds_settled(
    open_ledger: Ledger, history: list[tuple[str, int, str, bool]]
) -> None:
    annotator = Annotator(a_mail(open_ledger))
    ear = Ear(open_ledger, KEYS, lambda: annotator.at)
    for action in history:
        event = annotator.act(*action)
        if event is not None and ear.hear(event).settled:
            assert reconcile(open_ledger, Queue(annotator), NOON).corrections == 0  # type: ignore[arg-type]
        else:
            reconcile(open_ledger, Queue(annotator), NOON)  # type: ignore[arg-type]
