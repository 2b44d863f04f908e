"""What reviewers see stays up to date: published, brought in step with the champion, put away."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from flows.publish import publish_reviews
from flows.reconcile import reconcile_feedback
from tests.builders import NOON, a_version, after, an_alias_move
from tests.office import Office, an_office
from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.adapters.processes import free_port
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.retention import forget_texts
from triage_cl.bootstrap import App, bootstrap
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
)
from triage_cl.domain.errors import ReviewScreenUnavailable
from triage_cl.usecases.departments import change_departments
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.refresh import refresh
from triage_cl.usecases.review import ReviewTask, publish, put_away, shown_as

#: Each can be undone by undoing the last change of one department.
CHANGES: list[list[DepartmentChange]] = [
    [DepartmentRenamed("legal", "Lawyers")],
    [DepartmentMerged("legal", "support")],
    [DepartmentSplit("legal", ("support", "billing"))],
    [DepartmentRetired("legal")],
]


@pytest.fixture
def office(ledger: Ledger, tmp_path: Path) -> Office:
    return an_office(ledger, tmp_path, share=1.0)


@pytest.fixture
def queue(tmp_path: Path) -> JsonlReviews:
    return JsonlReviews(tmp_path / "reviews")


def promote(office: Office) -> None:
    """Another champion, which makes the same of the ledger."""
    head = office.ledger.position()
    office.ledger.append(
        [a_version(through=head, version="hashed-ensemble@9-9"), an_alias_move("hashed-ensemble@9-9")], NOON
    )


def shown(queue: JsonlReviews) -> dict[str, ReviewTask]:
    return {task.email_id: task for task in queue.tasks()}


def test_open_tasks_follow_the_champion_and_blind_ones_stay_blind(office: Office, queue: JsonlReviews) -> None:
    office.triage(5)
    publish(office.ledger, queue, NOON)
    before = shown(queue)
    assert {task.suggestion for task in before.values()} == {None}
    office.answer(office.triage(30, first=100))
    assert refresh(office.ledger, queue, office.desk) == 0
    promote(office)
    seeing = [task for task in before.values() if not task.blind]
    assert refresh(office.ledger, queue, office.desk, explain=lambda email, department: [email.subject]) == len(seeing)
    for email, task in shown(queue).items():
        assert (task.suggestion is None) == task.blind == before[email].blind
        assert task.reasons == (() if task.blind else (task.subject,))
        assert task.version == ("" if task.blind else "hashed-ensemble@9-9")
        assert task.priority == before[email].priority
    assert refresh(office.ledger, queue, office.desk) == 0


def test_a_decision_stays_as_it_was_made(office: Office, queue: JsonlReviews) -> None:
    decisions = {one.email_id: one for one in office.triage(5)}
    publish(office.ledger, queue, NOON)
    office.answer(office.triage(30, first=100))
    promote(office)
    refresh(office.ledger, queue, office.desk)
    assert office.ledger.decisions_of(list(decisions)) == decisions


def test_a_task_whose_text_is_gone_keeps_its_suggestion(office: Office, queue: JsonlReviews) -> None:
    office.triage(5)
    publish(office.ledger, queue, NOON)
    before = shown(queue)
    forget_texts(office.ledger.engine, after(days=1))
    promote(office)
    assert refresh(office.ledger, queue, office.desk) == 0
    assert shown(queue) == before
    assert office.ledger.showing_otherwise(shown_as(office.ledger, "hashed-ensemble@9-9"), 10) == []


def test_open_tasks_follow_the_departments(office: Office, queue: JsonlReviews) -> None:
    office.answer(office.triage(30))
    decisions = office.triage(5, first=100)
    ledger = office.ledger
    publish(ledger, queue, NOON)
    before = shown(queue)
    opened = [one.email_id for one in decisions if not one.blind]
    for change in CHANGES:
        change_departments(ledger, change, NOON)
        assert refresh(ledger, queue, office.desk) == len(opened)
        taxonomy, now = taxonomy_at(ledger), shown(queue)
        for email in opened:
            assert now[email].department in taxonomy.departments
            assert now[email].suggestion == taxonomy.name_of(now[email].department)
        change_departments(ledger, [DepartmentUndone("legal")], NOON)
        refresh(ledger, queue, office.desk)
        assert {email: shown(queue)[email] for email in opened} == {email: before[email] for email in opened}
    assert refresh(ledger, queue, office.desk) == 0


def test_a_new_department_changes_no_suggestion(office: Office, queue: JsonlReviews) -> None:
    office.answer(office.triage(30))
    publish(office.ledger, queue, NOON)
    change_departments(office.ledger, [DepartmentAdded("it", "IT")], NOON)
    assert refresh(office.ledger, queue, office.desk) == 0


def test_mail_decided_before_a_department_ended_is_published_for_its_heir_or_without_a_suggestion(
    office: Office, queue: JsonlReviews
) -> None:
    office.answer(office.triage(30))
    decisions = [one for one in office.triage(5, first=100) if not one.blind]
    merged, retired = DepartmentMerged("legal", "support"), DepartmentRetired("billing")
    change_departments(office.ledger, [merged, retired], NOON)
    publish(office.ledger, queue, NOON)
    suggested = {(one.department, shown(queue)[one.email_id].suggestion) for one in decisions}
    assert suggested == {("legal", "Support"), ("support", "Support"), ("billing", None)}


def test_without_a_champion_there_is_nothing_to_refresh(sqlite_ledger: Ledger, queue: JsonlReviews) -> None:
    office = Office(sqlite_ledger, None, None, None)  # type: ignore[arg-type]
    assert refresh(office.ledger, queue, office.desk) == 0


def test_only_tasks_answered_long_ago_are_put_away(office: Office, queue: JsonlReviews) -> None:
    decisions = office.triage(5)
    publish(office.ledger, queue, NOON)
    office.answer(decisions[:4])
    assert put_away(office.ledger, queue, NOON, after(days=1)) == 0
    assert put_away(office.ledger, queue, after(hours=1), after(days=1)) == 4
    assert put_away(office.ledger, queue, after(hours=1), after(days=1)) == 0
    assert office.ledger.archived([one.email_id for one in decisions]) == {one.email_id for one in decisions[:4]}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """The application that flows find, with some mail in it."""
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRIAGE_REGISTRY", "folder")
    monkeypatch.setenv("TRIAGE_REVIEW_SHARE", "1.0")
    monkeypatch.setenv("TRIAGE_KEY", "17" * 32)
    app = bootstrap()
    office = Office(app.ledger, None, app.keys, app.desk())  # type: ignore[arg-type]
    app.ensure_ready(NOON)
    office.triage(2)
    return app


def test_the_flow_publishes_refreshes_and_puts_away(app: App) -> None:
    with closing(app):
        assert publish_reviews.fn(NOON) == {"published": 6, "refreshed": 0, "archived": 0}
        assert publish_reviews.fn(NOON) == {"published": 0, "refreshed": 0, "archived": 0}
        task = app.file_queue.open_tasks()[0]
        Office(app.ledger, None, app.keys, app.desk()).answer(app.ledger.recent_decisions(6)[:1])  # type: ignore[arg-type]
        later = NOON + timedelta(days=app.settings.archive_days, seconds=1)
        assert publish_reviews.fn(later) == {"published": 0, "refreshed": 0, "archived": 1}
        assert task.email_id in shown(app.file_queue)


def test_with_label_studio_down_the_flows_fail_with_one_sentence(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_REVIEWS", "label-studio")
    monkeypatch.setenv("TRIAGE_LABEL_STUDIO_URL", f"http://127.0.0.1:{free_port()}")
    with closing(app):
        for flow in (publish_reviews, reconcile_feedback):
            with pytest.raises(ReviewScreenUnavailable, match="Label Studio cannot be reached") as told:
                flow.fn(NOON)
            assert "\n" not in str(told.value)
        assert len(app.ledger.unpublished(10)) == 6
