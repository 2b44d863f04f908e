"""What is said at second looks: recorded once, taught only where the purpose teaches, offered like any task."""

from pathlib import Path

import pytest

from feedback.hearing import Ear
from tests.builders import NOON, a_correction, after, an_admission
from tests.review_projects import chosen
from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.domain.second_looks import Opinion, Purpose, SecondLook, look_id
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import Reconciled, reconcile, settle
from triage_cl.usecases.review import Answer, Withdrawn, publish, put_away
from triage_cl.usecases.verify import verify_lessons, verify_propensities

MAIL = "mail-1"


def a_look(purpose: Purpose = Purpose.DOUBLE, topic: str = "", attempt: int = 1, priority: float = 0.5) -> SecondLook:
    return SecondLook(look_id(MAIL, purpose, attempt), MAIL, purpose, NOON, priority, topic)


def said(look: SecondLook, department: str | None = "legal", version: int = 1, reviewer: str = "reviewer-7b") -> Answer:
    return Answer(
        answer_id=f"label-studio:90:{version}",
        email_id=look.id,
        department=department,
        suggestion=None,
        blind=True,
        reviewer=reviewer,
        answered_at=after(hours=2, minutes=version),
    )


@pytest.fixture
def office(ledger: Ledger) -> Ledger:
    """Two departments, and a mail that was drawn and answered."""
    ledger.append([DepartmentAdded(id, id.title()) for id in ("billing", "legal")], NOON)
    draw = Keys.from_seed(5).uniform("review", MAIL)
    ledger.admit([an_admission(MAIL, review_probability=1.0, draw=draw)], ledger.position())
    ledger.append([a_correction(MAIL, "billing")], NOON)
    return ledger


def opinions(ledger: Ledger) -> list[str | None]:
    return [one.fact.department for one in ledger.facts(kinds=[Opinion.kind]) if isinstance(one.fact, Opinion)]


def lesson(ledger: Ledger) -> str | None:
    head = ledger.position()
    return next((one.department for one in lessons_between(ledger, 0, head, head)), None)


@pytest.mark.parametrize("purpose", Purpose)
def test_an_answer_is_an_opinion_and_a_lesson_only_where_it_should_teach(office: Ledger, purpose: Purpose) -> None:
    look = a_look(purpose)
    assert office.ask([look]) == 1
    assert settle(office, [said(look)], NOON) == Reconciled(corrections=1)
    assert opinions(office) == ["legal"]
    assert lesson(office) == ("billing" if purpose is Purpose.DOUBLE else "legal")
    assert verify_lessons(office).holds
    assert verify_propensities(office, Keys.from_seed(5)).holds


@pytest.mark.parametrize("purpose", Purpose)
def test_the_same_answer_again_changes_nothing(office: Ledger, purpose: Purpose) -> None:
    look = a_look(purpose)
    office.ask([look])
    settle(office, [said(look)], NOON)
    position = office.position()
    assert settle(office, [said(look)], NOON) == Reconciled(repeated=1)
    assert settle(office, [said(look, version=2)], NOON) == Reconciled(repeated=1)
    assert office.position() == position


def test_a_look_is_asked_for_once(office: Ledger) -> None:
    assert [office.ask([a_look(), a_look(attempt=2)]), office.ask([a_look()])] == [2, 0]
    assert set(office.looks_at([MAIL])) == {a_look().id, a_look(attempt=2).id}
    assert office.looks([a_look().id, MAIL]) == {a_look().id: a_look()}


def test_a_changed_answer_counts_in_place_of_the_first(office: Ledger) -> None:
    look = a_look(Purpose.VERDICT)
    office.ask([look])
    settle(office, [said(look), said(look, "billing", version=2)], NOON)
    assert opinions(office) == ["legal", "billing"]
    assert lesson(office) == "billing"


def test_a_withdrawn_answer_lets_the_one_before_it_count_again(office: Ledger) -> None:
    look = a_look(Purpose.VERDICT)
    office.ask([look])
    settle(office, [said(look)], NOON)
    gone = Withdrawn(look.id, "label-studio", after(hours=4))
    assert settle(office, [gone], NOON).corrections == 2
    assert (opinions(office), lesson(office)) == (["legal", None], "billing")
    position = office.position()
    settle(office, [gone], NOON)
    assert office.position() == position
    settle(office, [said(look, version=3)], NOON)
    settle(office, [gone], NOON)
    assert (opinions(office)[-1], lesson(office)) == (None, "billing")


def test_a_department_that_never_was_is_counted_and_nobodys_opinion(office: Ledger) -> None:
    look = a_look(Purpose.AGAIN)
    office.ask([look])
    assert settle(office, [said(look, "nowhere")], NOON) == Reconciled(unknown=1)
    assert (opinions(office), lesson(office)) == ([], "billing")


def test_a_look_that_was_answered_meanwhile_is_left_alone(office: Ledger) -> None:
    look = a_look()
    office.ask([look])
    began = office.position()
    settle(office, [said(look, version=2)], NOON)
    assert settle(office, [said(look, "billing")], NOON, began) == Reconciled(overtaken=1)


def test_second_looks_are_offered_blind_and_put_away_when_they_were_answered(office: Ledger, tmp_path: Path) -> None:
    queue = JsonlReviews(tmp_path)
    look = a_look(Purpose.AGAIN, topic="parcels, customs")
    office.ask([look])
    assert publish(office, queue, NOON) == 2
    assert publish(office, queue, NOON) == 0
    task = next(task for task in queue.tasks() if task.email_id == look.id)
    assert (task.blind, task.suggestion, task.version, task.reasons) == (True, None, "", ("parcels, customs",))
    assert (task.priority, task.subject) == (look.priority, queue.tasks()[0].subject)
    before = office.backlog().tasks
    queue.give([said(look)])
    reconcile(office, queue, NOON)
    assert (office.backlog().tasks, lesson(office)) == (before - 1, "legal")
    assert put_away(office, queue, after(days=9), after(days=9)) == 2
    assert office.standing_tasks() == {}


def test_webhooks_about_second_looks_are_heard_like_others(office: Ledger) -> None:
    look = a_look(Purpose.VERDICT)
    office.ask([look])
    office.published({look.id: "7/70"}, NOON)
    ear = Ear(office, Keys.from_seed(5), lambda: after(hours=9))

    def event(department: str, version: int) -> dict[str, object]:
        changed_at = after(hours=2, minutes=version).isoformat()
        annotation = {"id": 70, "updated_at": changed_at, "result": chosen(department), "completed_by": 3}
        return {"action": "ANNOTATION_UPDATED", "annotation": annotation, "task": {"data": {"email_id": look.id}}}

    assert ear.hear(event("legal", 2)).corrections == 1
    assert lesson(office) == "legal"
    late = ear.hear(event("billing", 1))
    assert (late.corrections, late.settled) == (0, False)
    assert ear.hear({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 70}]}).corrections
    assert (opinions(office), lesson(office)) == (["legal", None], "billing")


def test_what_two_said_stays_on_record_when_a_third_settles_it(office: Ledger) -> None:
    double, verdict = a_look(Purpose.DOUBLE), a_look(Purpose.VERDICT)
    office.ask([double, verdict])
    settle(office, [said(double, "legal")], NOON)
    settle(office, [said(verdict, "legal", version=8, reviewer="reviewer-9c")], NOON)
    facts = [one.fact for one in office.facts()]
    said_by = {fact.reviewer: fact.department for fact in facts if isinstance(fact, Correction | Opinion)}
    assert said_by == {"reviewer-3a": "billing", "reviewer-7b": "legal", "reviewer-9c": "legal"}
    assert lesson(office) == "legal"
