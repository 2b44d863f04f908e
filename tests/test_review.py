"""Tasks to reviewers and answers back, through the file queue."""

from datetime import timedelta
from pathlib import Path

import pytest

from feedback.terminal import understand
from tests.builders import NOON, after
from tests.office import Office, an_office, department_of
from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction, Origin
from triage_cl.domain.departments import Department, DepartmentMerged, DepartmentRenamed
from triage_cl.domain.emails import Handover, Message
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.review import Answer, publish
from triage_cl.usecases.simulated_reviewer import SimulatedReviewer, plan_answers


@pytest.fixture
def office(ledger: Ledger, tmp_path: Path) -> Office:
    return an_office(ledger, tmp_path)


@pytest.fixture
def queue(tmp_path: Path) -> JsonlReviews:
    return JsonlReviews(tmp_path / "reviews")


def answers_to(queue: JsonlReviews, **changes: str) -> list[Answer]:
    return [
        Answer(
            answer_id=f"{task.email_id}/1",
            email_id=task.email_id,
            department=changes.get("department", department_of(task.email_id)),
            suggestion=task.suggestion,
            blind=task.blind,
            reviewer="somebody",
            answered_at=NOON,
        )
        for task in queue.open_tasks()
    ]


def test_publishing_twice_offers_each_drawn_mail_once(office: Office, queue: JsonlReviews) -> None:
    drawn = [decision for decision in office.triage(20) if decision.drawn]
    assert publish(office.ledger, queue, NOON) == len(drawn)
    assert publish(office.ledger, queue, NOON) == 0
    assert {task.email_id for task in queue.tasks()} == {decision.email_id for decision in drawn}


def test_tasks_lost_between_queue_and_ledger_are_not_offered_twice(office: Office, queue: JsonlReviews) -> None:
    office.triage(20)

    class Crashing:
        def __getattr__(self, name: str) -> object:
            return getattr(office.ledger, name)

        def published(self, *_: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(Crashing(), queue, NOON)  # type: ignore[arg-type]
    publish(office.ledger, queue, NOON)
    offered = [task.email_id for task in queue.tasks()]
    assert len(offered) == len(set(offered)) > 0


def test_tasks_are_worked_in_the_order_of_their_priority(office: Office, queue: JsonlReviews) -> None:
    office.triage(30)
    publish(office.ledger, queue, NOON)
    priorities = [task.priority for task in queue.open_tasks()]
    assert priorities == sorted(priorities)


def test_an_answer_is_recorded_once_however_often_it_is_found(office: Office, queue: JsonlReviews) -> None:
    office.triage(20)
    publish(office.ledger, queue, NOON)
    queue.give(answers_to(queue))
    first = reconcile(office.ledger, queue, NOON)
    again = reconcile(office.ledger, JsonlReviews(queue.folder), NOON)
    assert first.corrections > 0
    assert (again.corrections, again.repeated) == (0, first.corrections)


def test_an_unknown_department_is_counted_and_never_learned(office: Office, queue: JsonlReviews) -> None:
    office.triage(5)
    publish(office.ledger, queue, NOON)
    queue.give(answers_to(queue, department="Nobody's"))
    found = reconcile(office.ledger, queue, NOON)
    assert found.corrections == 0
    assert found.unknown > 0
    assert list(office.ledger.facts(kinds=[Correction.kind])) == []


def test_the_origin_tells_accepted_changed_and_from_scratch_apart(office: Office, queue: JsonlReviews) -> None:
    office.answer(office.triage(40))
    office.triage(40, first=100, at=after(days=1))
    publish(office.ledger, queue, NOON)
    queue.give(answers_to(queue, department="Billing"))
    reconcile(office.ledger, queue, NOON)
    shown = {task.email_id: task for task in queue.tasks()}
    facts = [r.fact for r in office.ledger.facts(kinds=[Correction.kind])]
    told = [fact for fact in facts if isinstance(fact, Correction) and fact.reviewer == "somebody"]
    for fact in told:
        suggestion = shown[fact.email_id].suggestion
        expected = {None: Origin.SCRATCH, "Billing": Origin.ACCEPTED}.get(suggestion, Origin.CHANGED)
        assert fact.origin == expected
    assert {fact.origin for fact in told} == set(Origin)


def test_an_answer_given_before_a_department_changed_is_not_lost(office: Office, queue: JsonlReviews) -> None:
    office.triage(10)
    publish(office.ledger, queue, NOON)
    queue.give(answers_to(queue, department="Billing"))
    office.ledger.append([DepartmentRenamed("legal", "Law"), DepartmentMerged("billing", "legal")], NOON)
    found = reconcile(office.ledger, queue, NOON)
    head = office.ledger.position()
    assert (found.unknown, found.corrections) == (0, len(list(queue.tasks())))
    assert {lesson.department for lesson in lessons_between(office.ledger, 0, head, head)} == {"legal"}


def test_blind_tasks_show_no_suggestion(office: Office, queue: JsonlReviews) -> None:
    office.answer(office.triage(40))
    office.triage(60, first=100, at=after(days=1))
    publish(office.ledger, queue, NOON)
    tasks = list(queue.tasks())
    assert any(task.blind for task in tasks)
    assert all(task.suggestion is None for task in tasks if task.blind)


def test_a_torn_last_line_is_left_until_it_is_whole(queue: JsonlReviews) -> None:
    queue.give([Answer("a/1", "a", "Billing", None, True, "x", NOON)])
    whole = (queue.folder / "answers.jsonl").read_bytes()
    (queue.folder / "answers.jsonl").write_bytes(whole + whole[:20])
    assert [answer.answer_id for answer in queue.answers()] == ["a/1"]
    queue.give([Answer("b/1", "b", "Billing", None, True, "x", NOON)])
    assert [answer.answer_id for answer in queue.answers()] == ["b/1"]


def a_message(**changes: object) -> Message:
    told = {"source": "x:1", "key": "k", "sender": "", "subject": "s", "body": "b", "received_at": NOON}
    return Message(**told | {"department": "Billing"} | changes)  # type: ignore[arg-type]


def test_a_history_is_answered_entry_by_entry_at_its_times() -> None:
    history = (Handover(after(hours=1), "Sales"), Handover(after(days=2), "Billing"))
    planned = plan_answers(a_message(history=history), NOON, None)
    assert [(answer.at, answer.department) for answer in planned] == [(h.at, h.department) for h in history]


def test_without_a_history_the_answer_comes_after_the_delay() -> None:
    assert plan_answers(a_message(), NOON, None)[0].at == after(days=1)
    assert plan_answers(a_message(), NOON, timedelta(hours=5))[0].at == after(hours=5)


def test_a_delay_of_zero_answers_at_once_with_the_final_department() -> None:
    history = (Handover(after(hours=1), "Sales"), Handover(after(days=2), "Billing"))
    [answer] = plan_answers(a_message(history=history), NOON, timedelta(0))
    assert (answer.at, answer.department) == (NOON, "Billing")


def test_a_mail_without_a_label_is_never_answered() -> None:
    assert plan_answers(a_message(department=None), NOON, None) == []


def test_the_simulated_reviewer_answers_only_what_is_due(office: Office, queue: JsonlReviews) -> None:
    decisions = office.triage(20)
    publish(office.ledger, queue, NOON)

    class Identity(Keys):
        def identify(self, text: str) -> str:
            return text

    archive = [a_message(key=d.email_id, department=department_of(d.email_id)) for d in decisions]
    reviewer = SimulatedReviewer(archive, Identity.from_seed(0))
    assert reviewer.answer(queue.open_tasks(), after(hours=23)) == []
    assert len(reviewer.answer(queue.open_tasks(), after(hours=25))) == len(queue.open_tasks()) > 0


DEPARTMENTS = [Department("a", "Accounts"), Department("b", "Board"), Department("c", "Accounts Payable")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2", "Board"),
        ("bo", "Board"),
        ("", "Board"),
        ("s", "s"),
        ("q", "q"),
        ("9", None),
        ("0", None),
        ("acc", None),
        ("accounts", "Accounts"),
        ("ACCOUNTS P", "Accounts Payable"),
        ("zzz", None),
    ],
)
def test_a_line_in_the_terminal_means_one_department_or_nothing(typed: str, meant: str | None) -> None:
    found = understand(typed, "Board", DEPARTMENTS)
    assert (found.name if isinstance(found, Department) else found) == meant
