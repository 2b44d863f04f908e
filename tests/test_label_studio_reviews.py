"""Tasks to a real Label Studio and answers back, by its API."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.builders import NOON, a_version, after, an_alias_move
from tests.label_studio_server import RunningLabelStudio
from tests.office import Office, an_office, department_of
from tests.review_projects import ReviewProject, another_reviewer, chosen, review_project
from triage_cl.adapters.label_studio import queries
from triage_cl.adapters.label_studio.accounts import names_of
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.reviews import LabelStudioReviews, complete_until
from triage_cl.adapters.label_studio.tasks import BLIND, UNSURE, numbers_by_project
from triage_cl.adapters.processes import free_port
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.decisions import Decision
from triage_cl.domain.double_reviews import Outcome
from triage_cl.domain.errors import ReviewScreenUnavailable
from triage_cl.domain.review import ReviewGroups
from triage_cl.domain.second_looks import Opinion, Purpose, look_id
from triage_cl.usecases.dealing import deal
from triage_cl.usecases.double_reviews import docket_at
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import Reconciled, reconcile
from triage_cl.usecases.refresh import refresh
from triage_cl.usecases.review import Withdrawn, publish, put_away

pytestmark = pytest.mark.integration


@dataclass
class Staff:
    """An office whose mail is reviewed in Label Studio."""

    office: Office
    project: ReviewProject

    @property
    def ledger(self) -> Ledger:
        return self.office.ledger

    @property
    def groups(self) -> ReviewGroups:
        return ReviewGroups(others=self.project.group)

    def queue(self) -> LabelStudioReviews:
        """As each run of a flow makes it."""
        return LabelStudioReviews(self.project.connection, self.ledger, self.office.keys)

    def publish(self) -> int:
        return publish(self.ledger, self.queue(), NOON, self.groups, lambda email, department: ["invoice", "refund"])

    def reconcile(self, sweep: bool = False) -> Reconciled:
        queue = self.queue()
        if sweep:
            queue.look_for_deleted()
        return reconcile(self.ledger, queue, datetime.now(UTC))

    def corrections(self, email: str | None = None) -> list[Correction]:
        facts = [recorded.fact for recorded in self.ledger.facts(kinds=[Correction.kind])]
        corrections = [fact for fact in facts if isinstance(fact, Correction)]
        return [one for one in corrections if email in (None, one.email_id) and one.reviewer != "reviewer-3a"]

    def lessons(self) -> dict[str, str]:
        head = self.ledger.position()
        return {one.email_id: one.department for one in lessons_between(self.ledger, 0, head, head)}

    def ask(self) -> tuple[str, int]:
        """One mail that is given to reviewers; its id and the task's."""
        [decision] = drawn(self.office.triage(1))[:1]
        self.publish()
        return decision.email_id, self.project.tasks()[decision.email_id].id


def drawn(decisions: list[Decision]) -> list[Decision]:
    return [decision for decision in decisions if decision.drawn]


@pytest.fixture
def project(label_studio: RunningLabelStudio) -> Iterator[ReviewProject]:
    with review_project(label_studio) as project:
        yield project


@pytest.fixture
def staff(sqlite_ledger: Ledger, tmp_path: Path, project: ReviewProject) -> Staff:
    return Staff(an_office(sqlite_ledger, tmp_path, share=1.0), project)


@pytest.fixture
def staff_anywhere(ledger: Ledger, tmp_path: Path, project: ReviewProject) -> Staff:
    """On either kind of database: what the ledger is asked for here is tested on both by itself, too."""
    return Staff(an_office(ledger, tmp_path, share=1.0), project)


def test_a_thousand_mails_become_a_thousand_tasks_in_the_order_of_their_priority(staff: Staff) -> None:
    decisions = staff.office.triage(334)
    assert staff.publish() == len(decisions) == 1_002
    tasks = staff.project.tasks()
    by_priority = sorted(decisions, key=lambda decision: decision.priority)
    assert [one.email_id for one in by_priority] == sorted(tasks, key=lambda email: tasks[email].id)
    assert [one.email_id for one in by_priority] == sorted(tasks, key=lambda email: tasks[email].data["priority"])


def test_a_task_shows_what_the_reviewer_needs_and_its_prediction_chooses_the_suggestion(staff: Staff) -> None:
    staff.office.answer(staff.office.triage(30))
    decisions = {one.email_id: one for one in staff.office.triage(20, first=100, at=after(days=1))}
    staff.publish()
    for email, task in staff.project.tasks().items():
        decision = decisions.get(email)
        if decision is None:
            continue
        shown, predicted = task.data, task.predictions
        if decision.blind:
            assert (shown["suggestion"], shown["department"], shown["reasons"]) == (BLIND, "blind", "")
            assert predicted == []
        else:
            assert decision.department is not None
            name = decision.department.title()
            assert shown["suggestion"] == f"{name}, {100 * decision.confidence:.0f} % sure"
            assert (shown["department"], shown["reasons"]) == (name, "Because of: invoice, refund")
            [one] = predicted
            assert one.result[0]["value"] == {"choices": [decision.department]}
            assert (one.score, one.model_version) == (pytest.approx(decision.confidence), decision.version)
    assert {decision.blind for decision in decisions.values()} == {True, False}


def test_a_model_that_knows_nothing_suggests_nothing(staff: Staff) -> None:
    staff.office.triage(10)
    staff.publish()
    shown = {(task.data["suggestion"], task.data["department"]) for task in staff.project.tasks().values()}
    assert shown == {(BLIND, "blind"), (UNSURE, "none")}


def test_publishing_twice_offers_each_mail_once(staff: Staff) -> None:
    decisions = staff.office.triage(10)
    assert staff.publish() == len(decisions)
    assert staff.publish() == 0
    assert len(staff.project.numbers()) == len(decisions)


def test_tasks_that_were_made_and_not_recorded_are_found_again(staff: Staff) -> None:
    staff.office.triage(10)

    class Crashing:
        def __getattr__(self, name: str) -> object:
            return getattr(staff.ledger, name)

        def published(self, *_: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(Crashing(), staff.queue(), NOON, staff.groups)  # type: ignore[arg-type]
    made = staff.project.numbers()
    later = staff.office.triage(5, first=100)
    staff.publish()
    assert made < staff.project.numbers()
    assert len(staff.project.numbers()) == len(made) + len(later)
    known = numbers_by_project(staff.ledger.standing_tasks())[staff.project.id]
    assert known.keys() == staff.project.numbers()


def test_mail_of_a_confidential_group_is_in_that_groups_project_alone(
    staff: Staff, label_studio: RunningLabelStudio
) -> None:
    staff.office.answer(staff.office.triage(30))
    decisions = staff.office.triage(10, first=100, at=after(days=1))
    with review_project(label_studio) as confidential:
        groups = ReviewGroups({confidential.group: ["legal"]}, others=staff.project.group)
        publish(staff.ledger, staff.queue(), NOON, groups)
        expected = {one.email_id for one in decisions if one.department == "legal"}
        assert expected <= set(confidential.tasks())
        assert not expected & set(staff.project.tasks())


def test_a_group_without_a_project_is_named_and_nothing_is_published(staff: Staff) -> None:
    staff.office.triage(5)
    with pytest.raises(ReviewScreenUnavailable, match="no project for Nobody; run `triage review setup`"):
        publish(staff.ledger, staff.queue(), NOON, ReviewGroups(others="Nobody"))
    assert staff.project.numbers() == set()


def test_answers_changes_skips_and_deletions_come_back(staff_anywhere: Staff) -> None:
    staff = staff_anywhere
    email, task = staff.ask()
    annotation = staff.project.answer(task, "legal")
    assert staff.reconcile().corrections == 1
    assert staff.lessons() == {email: "legal"}
    staff.project.change(annotation, "support")
    assert staff.reconcile().corrections == 1
    assert staff.lessons() == {email: "support"}
    staff.project.withdraw(annotation)
    assert staff.reconcile().corrections == 1
    assert staff.lessons() == {}
    staff.project.skip(task)
    assert staff.reconcile().corrections == 0
    assert staff.reconcile() == Reconciled(repeated=1)
    assert [one.department for one in staff.corrections()] == ["legal", "support", None]


def test_a_correction_says_who_answered_when_and_what_was_shown(staff: Staff) -> None:
    staff.office.answer(staff.office.triage(30))
    decisions = [one for one in staff.office.triage(20, first=100, at=after(days=1)) if not one.blind]
    staff.publish()
    tasks = staff.project.tasks()
    accepted, changed = decisions[:2]
    assert accepted.department is not None
    staff.project.answer(tasks[accepted.email_id].id, accepted.department)
    staff.project.answer(
        tasks[changed.email_id].id, "legal" if changed.department != "legal" else "billing", "personal-data"
    )
    staff.reconcile()
    told = {one.email_id: one for one in staff.corrections()}
    assert told[accepted.email_id].origin is Origin.ACCEPTED
    assert told[changed.email_id].origin is Origin.CHANGED
    assert told[changed.email_id].flags == ("personal-data",)
    assert {one.source for one in told.values()} == {Source.REVIEW}
    assert {one.reviewer for one in told.values()} == {staff.office.keys.pseudonym("label-studio/1")}
    assert datetime.now(UTC) - told[changed.email_id].answered_at < timedelta(minutes=1)


def test_saving_without_a_change_changes_nothing(staff: Staff) -> None:
    _, task = staff.ask()
    annotation = staff.project.answer(task, "legal")
    staff.reconcile()
    staff.project.change(annotation, "legal")
    assert staff.reconcile() == Reconciled(repeated=1)


def test_the_newest_of_several_answers_counts_and_when_it_is_deleted_the_one_before(staff: Staff) -> None:
    email, task = staff.ask()
    staff.project.answer(task, "legal")
    staff.reconcile()
    second = staff.project.answer(task, "billing")
    staff.project.skip(task)
    staff.reconcile()
    assert staff.lessons() == {email: "billing"}
    staff.project.withdraw(second)
    staff.reconcile()
    assert staff.lessons() == {email: "legal"}
    assert staff.reconcile().corrections == 0


@pytest.mark.parametrize("flag", ["spam", "not-my-area"])
def test_a_mail_that_is_spam_or_somebody_elses_teaches_nothing_and_keeps_its_flag(staff: Staff, flag: str) -> None:
    _, task = staff.ask()
    staff.project.answer(task, "legal", flag)
    staff.reconcile()
    [correction] = staff.corrections()
    assert (correction.department, correction.flags) == (None, (flag,))
    assert staff.lessons() == {}


def test_what_names_no_department_of_ours_is_counted_and_never_learned(staff: Staff) -> None:
    decisions = drawn(staff.office.triage(2))
    staff.publish()
    tasks = staff.project.tasks()
    staff.project.answer(tasks[decisions[0].email_id].id, "nobody's")
    staff.project.answer(tasks[decisions[1].email_id].id, None)
    assert staff.reconcile() == Reconciled(unknown=2)
    assert staff.corrections() == []


def test_a_comment_is_never_stored(staff: Staff) -> None:
    _, task = staff.ask()
    comment = {"from_name": "comment", "to_name": "body", "type": "textarea", "value": {"text": ["zinnoberrot"]}}
    answer = {"from_name": "department", "to_name": "body", "type": "choices", "value": {"choices": ["legal"]}}
    staff.project.client.annotations.create(id=task, result=[answer, comment])
    assert staff.reconcile().corrections == 1
    assert "zinnoberrot" not in repr(list(staff.ledger.facts()))


def test_a_deleted_task_withdraws_its_answer_and_is_waited_for_no_longer(staff_anywhere: Staff) -> None:
    staff = staff_anywhere
    decisions = drawn(staff.office.triage(2))
    staff.publish()
    answered, unanswered, *_ = [staff.project.tasks()[one.email_id].id for one in decisions]
    staff.project.answer(answered, "legal")
    staff.reconcile(sweep=True)
    assert list(staff.lessons().values()) == ["legal"]
    queries.delete(staff.project.client, staff.project.id, [answered, unanswered])
    assert staff.reconcile().corrections == 0
    assert staff.reconcile(sweep=True).corrections == 1
    assert staff.lessons() == {}
    assert len(staff.ledger.standing_tasks()) == len(decisions) - 2
    assert staff.reconcile(sweep=True).corrections == 0


def test_a_project_that_vanishes_withdraws_nothing(staff: Staff, label_studio: RunningLabelStudio) -> None:
    with review_project(label_studio) as doomed:
        there = Staff(staff.office, doomed)
        email, task = there.ask()
        doomed.answer(task, "legal")
        there.reconcile()
    with review_project(label_studio, doomed.group):
        assert there.reconcile(sweep=True).corrections == 0
    assert there.lessons() == {email: "legal"}


def test_an_answered_task_is_put_away_and_its_lesson_stays(staff_anywhere: Staff) -> None:
    staff = staff_anywhere
    decisions = drawn(staff.office.triage(3))
    staff.publish()
    staff.project.client.views.create(project=staff.project.id, data={"title": "By priority"})
    for task in staff.project.tasks().values():
        staff.project.answer(task.id, department_of(task.data["email_id"]))
    staff.reconcile()
    later = datetime.now(UTC) + timedelta(days=8)
    assert put_away(staff.ledger, staff.queue(), later - timedelta(days=7), later) == len(decisions)
    assert staff.project.numbers() == set()
    assert len(list(staff.project.client.views.list(project=staff.project.id))) == 1
    assert staff.reconcile(sweep=True).corrections == 0
    assert staff.lessons() == {one.email_id: department_of(one.email_id) for one in decisions}


def test_what_was_put_away_while_label_studio_was_down_is_deleted_there_later(staff: Staff) -> None:
    email, task = staff.ask()
    staff.project.answer(task, "legal")
    staff.reconcile()
    later = datetime.now(UTC) + timedelta(days=8)
    nowhere = LabelStudioReviews(Connection(f"http://127.0.0.1:{free_port()}", "x"), staff.ledger, staff.office.keys)
    with closing(nowhere), pytest.raises(ReviewScreenUnavailable):
        put_away(staff.ledger, nowhere, later, later)
    staff.reconcile(sweep=True)
    assert task not in staff.project.numbers()
    assert staff.lessons() == {email: "legal"}


def promote(staff: Staff, version: str) -> None:
    """Another champion, which makes the same of the ledger."""
    head = staff.ledger.position()
    staff.ledger.append([a_version(through=head, version=version), an_alias_move(version)], after(days=2))


def test_open_tasks_follow_the_champion(staff_anywhere: Staff) -> None:
    staff = staff_anywhere
    decisions = staff.office.triage(10)
    staff.publish()
    before = staff.project.tasks()
    answered = next(one for one in decisions if not one.blind)
    staff.project.answer(before[answered.email_id].id, "legal")
    staff.office.answer(staff.office.triage(30, first=100))
    promote(staff, "hashed-ensemble@9-9")
    desk = staff.office.desk
    refreshed = refresh(staff.ledger, staff.queue(), desk, staff.groups, lambda email, department: ["contract"])
    tasks = staff.project.tasks()
    shown = {one.email_id: tasks[one.email_id] for one in decisions}
    assert refreshed == sum(not one.blind for one in decisions)
    for one in decisions:
        task = shown[one.email_id]
        if one.blind or one is answered:
            assert task.data == before[one.email_id].data
            assert task.predictions == []
        else:
            assert task.data["suggestion"].endswith("% sure")
            assert task.data["reasons"] == "Because of: contract"
            [prediction] = task.predictions
            assert prediction.model_version == "hashed-ensemble@9-9"
            assert prediction.result[0]["value"]["choices"] == [task.data["department"].lower()]
    assert staff.project.client.projects.get(id=staff.project.id).model_version == "hashed-ensemble@9-9"
    assert refresh(staff.ledger, staff.queue(), desk, staff.groups) == 0


def test_a_second_refresh_leaves_one_prediction(staff: Staff) -> None:
    staff.office.answer(staff.office.triage(30))
    staff.office.triage(3, first=100, at=after(days=1))
    staff.publish()
    for version in ("hashed-ensemble@8-8", "hashed-ensemble@9-9"):
        promote(staff, version)
        assert refresh(staff.ledger, staff.queue(), staff.office.desk, staff.groups) > 0
    counts = [len(task.predictions) for task in staff.project.tasks().values() if task.data["suggestion"] != BLIND]
    assert set(counts) <= {0, 1}
    assert 1 in counts


def test_a_refresh_is_bounded_and_the_most_urgent_come_first(staff: Staff) -> None:
    decisions = [one for one in staff.office.triage(10) if not one.blind]
    staff.publish()
    staff.office.answer(staff.office.triage(10, first=100))
    promote(staff, "hashed-ensemble@9-9")
    assert refresh(staff.ledger, staff.queue(), staff.office.desk, staff.groups, limit=4) == 4
    changed = {email for email, task in staff.project.tasks().items() if task.predictions}
    assert changed == {one.email_id for one in sorted(decisions, key=lambda one: one.priority)[:4]}


def test_changes_are_read_page_by_page_without_a_gap(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "WHOLE_PAGE", 4)
    decisions = drawn(staff.office.triage(5))
    staff.publish()
    tasks = staff.project.tasks()
    for one in decisions:
        staff.project.answer(tasks[one.email_id].id, "legal")
    client: Any = staff.project.client
    # All at one time.
    selected = {"all": False, "included": [task.id for task in tasks.values()][:9]}
    client.actions.create(id="delete_tasks_annotations", project=staff.project.id, selected_items=selected)
    found = list(queries.changed_since(client, staff.project.id, NOON))
    assert {task.data.email_id for task in found} == {one.email_id for one in decisions}
    assert [task.updated_at for task in found] == sorted(task.updated_at for task in found)
    assert staff.reconcile().corrections == len(decisions) - 9


def test_only_what_changed_lately_is_asked_for_again(staff: Staff) -> None:
    _, task = staff.ask()
    staff.project.answer(task, "legal")
    queue = staff.queue()
    assert len(list(queue.answers())) == 1
    assert len(list(queue.answers())) == 1
    queue.acknowledge()
    # As if the last change had been two minutes ago.
    name, (value, _) = next((k, v) for k, v in staff.ledger.cursors().items() if k.endswith(f":{staff.project.id}"))
    moved = datetime.fromisoformat(value) + timedelta(minutes=2)
    staff.ledger.move_cursor(name, moved.isoformat(), NOON)
    assert list(staff.queue().answers()) == []


def test_after_a_quiet_minute_all_but_the_last_change_is_left_alone(staff: Staff) -> None:
    staff.office.triage(3)
    staff.publish()
    for task in staff.project.tasks().values():
        staff.project.answer(task.id, "legal")
    assert staff.reconcile().corrections == len(staff.project.numbers())
    assert staff.reconcile().repeated == len(staff.project.numbers())
    name = f"label-studio:{staff.project.id}"
    value, at = staff.ledger.cursors()[name]
    staff.ledger.move_cursor(name, value, at - timedelta(minutes=2))
    staff.reconcile()
    assert staff.reconcile().repeated == 1


@pytest.mark.parametrize(
    ("last", "passed", "complete"),
    [(600, 0, 540), (600, 30, 540), (600, 100, 540), (200, 0, 140), (200, 60, 160), (200, 99, 199), (100, 30, 100)],
)
def test_how_far_everything_was_seen(last: int, passed: int, complete: int) -> None:
    found = complete_until(after(seconds=last), after(seconds=100), timedelta(seconds=passed))
    assert found == after(seconds=complete)


def test_tasks_that_nobody_answered_say_nothing(staff: Staff) -> None:
    staff.office.triage(5)
    staff.publish()
    assert [item for item in staff.queue().answers() if isinstance(item, Withdrawn)] == []


def test_a_task_that_is_not_ours_is_passed_over(staff: Staff) -> None:
    data = dict.fromkeys(("subject", "header_line", "body", "suggestion", "reasons"), "x")
    [foreign] = staff.project.client.projects.import_tasks(
        id=staff.project.id, request=[{"data": data}], return_task_ids=True
    ).task_ids
    staff.project.answer(foreign, "legal")
    assert staff.reconcile(sweep=True) == Reconciled()
    email, _ = staff.ask()
    assert email in staff.project.tasks()


def test_a_wrong_key_is_told_in_one_sentence(staff: Staff, label_studio: RunningLabelStudio) -> None:
    with closing(Connection(label_studio.url, "0" * 40)) as connection:
        queue = LabelStudioReviews(connection, staff.ledger, staff.office.keys)
        with pytest.raises(ReviewScreenUnavailable, match="refuses the API key; see `label_studio_token`") as told:
            queue.answers()
    assert "\n" not in str(told.value)


def test_a_server_that_is_down_is_told_in_one_sentence(staff: Staff) -> None:
    staff.office.triage(2)
    with closing(Connection(f"http://127.0.0.1:{free_port()}", "0" * 40)) as connection:
        queue = LabelStudioReviews(connection, staff.ledger, staff.office.keys)
        with pytest.raises(ReviewScreenUnavailable, match="Label Studio cannot be reached") as told:
            publish(staff.ledger, queue, NOON, staff.groups)
    assert "\n" not in str(told.value)


def test_what_reviewers_disagree_about_is_recorded_and_the_last_one_counts(
    staff: Staff, label_studio: RunningLabelStudio
) -> None:
    email, task = staff.ask()
    with another_reviewer(label_studio, staff.project) as colleague:
        colleague.answer(task, "legal")
        staff.project.answer(task, "billing")
        assert staff.reconcile().corrections == 2
        told = staff.corrections(email)
        assert [one.department for one in told] == ["legal", "billing"]
        assert len({one.reviewer for one in told}) == 2
        assert staff.lessons() == {email: "billing"}
        assert staff.reconcile().corrections == 0
        # Whoever agrees afterwards is recorded, too.
        colleague.answer(task, "billing")
        assert staff.reconcile().corrections == 1
        assert staff.lessons() == {email: "billing"}


def test_an_answer_that_somebody_else_changes_is_theirs(staff: Staff, label_studio: RunningLabelStudio) -> None:
    email, task = staff.ask()
    annotation = staff.project.answer(task, "legal")
    staff.reconcile()
    with another_reviewer(label_studio, staff.project) as colleague:
        colleague.change(annotation, "billing")
    staff.reconcile()
    first, second = staff.corrections(email)
    assert (first.department, second.department) == ("legal", "billing")
    assert first.reviewer != second.reviewer


def test_what_nobody_understands_overrules_and_what_it_overruled_is_not_learned(
    staff: Staff, label_studio: RunningLabelStudio
) -> None:
    email, task = staff.ask()
    staff.project.answer(task, "legal")
    staff.reconcile()
    with another_reviewer(label_studio, staff.project) as colleague:
        wrong = colleague.answer(task, "nobody's")
        assert staff.reconcile().unknown == 1
        assert staff.lessons() == {}
        colleague.withdraw(wrong)
        staff.reconcile()
    assert staff.lessons() == {email: "legal"}


def test_imported_annotations_of_mail_that_has_its_task_are_nobodys_answers(staff: Staff) -> None:
    email, task = staff.ask()
    data, before = staff.project.tasks()[email].data, staff.project.numbers()
    answered = {"data": data, "annotations": [{"result": chosen("legal")}]}
    staff.project.client.projects.import_tasks(id=staff.project.id, request=[answered])
    [imported] = staff.project.numbers() - before
    listed = staff.project.client.annotations.list(id=imported)
    assert [one.ground_truth for one in listed] == [True]
    assert staff.reconcile(sweep=True).corrections == 0
    # Nor does changing it, or the task that was offered and that nobody answered.
    staff.project.change(listed[0].id, "billing")
    assert staff.reconcile().corrections == 0
    staff.project.answer(task, "support")
    staff.reconcile()
    staff.project.change(listed[0].id, "legal")
    staff.reconcile()
    assert staff.lessons() == {email: "support"}


def test_imported_annotations_of_mail_that_nobody_knows_are_counted(staff: Staff) -> None:
    email, _ = staff.ask()
    data = staff.project.tasks()[email].data | {"email_id": "never-heard-of"}
    answered = {"data": data, "annotations": [{"result": chosen("legal")}]}
    staff.project.client.projects.import_tasks(id=staff.project.id, request=[answered])
    assert staff.reconcile() == Reconciled(unknown_mails=1)


def test_an_answer_marked_as_ground_truth_is_the_same_answer(staff: Staff) -> None:
    _, task = staff.ask()
    annotation = staff.project.answer(task, "legal")
    staff.reconcile()
    staff.project.client.annotations.update(id=annotation, ground_truth=True)
    assert staff.reconcile() == Reconciled(repeated=1)


def test_annotations_that_are_deleted_at_once_are_withdrawn(staff: Staff) -> None:
    staff.office.triage(1)
    staff.publish()
    tasks = [task.id for task in staff.project.tasks().values()]
    for task in tasks:
        staff.project.answer(task, "legal")
    staff.reconcile()
    act_on(staff, "delete_tasks_annotations", tasks[:2])
    assert staff.reconcile().corrections == 2
    assert len(staff.lessons()) == len(tasks) - 2


def test_tasks_that_are_deleted_at_once_withdraw_their_answers(staff: Staff) -> None:
    staff.office.triage(1)
    staff.publish()
    tasks = [task.id for task in staff.project.tasks().values()]
    for task in tasks:
        staff.project.answer(task, "legal")
    staff.reconcile()
    act_on(staff, "delete_tasks", tasks[:2])
    assert staff.reconcile(sweep=True).corrections == 2
    assert len(staff.lessons()) == len(tasks) - 2


def test_predictions_become_answers_and_impossible_ones_teach_nobody(staff: Staff) -> None:
    staff.office.triage(1)
    staff.publish()
    (good, task), (odd, other), *_ = [(email, task.id) for email, task in staff.project.tasks().items()]
    for number, department, score in ((task, "legal", 1.7), (other, "nobody's", -3.0)):
        staff.project.client.predictions.create(task=number, result=chosen(department), score=score)
    assert staff.reconcile().corrections == 0
    act_on(staff, "predictions_to_annotations", [task, other])
    told = staff.reconcile()
    assert (told.corrections, told.unknown) == (1, 1)
    assert staff.lessons() == {good: "legal"}
    assert staff.corrections(odd) == []


def act_on(staff: Staff, action: str, tasks: list[int]) -> None:
    """What is done to several tasks by one click."""
    selected = {"all": False, "included": tasks}
    staff.project.client.actions.create(id=action, project=staff.project.id, selected_items=selected)


def test_a_second_look_is_a_blind_task_like_others_and_its_answer_an_opinion(
    staff: Staff, label_studio: RunningLabelStudio
) -> None:
    email, task = staff.ask()
    other = next(each for each in staff.project.tasks() if each != email)
    with another_reviewer(label_studio, staff.project) as colleague:
        staff.project.answer(task, "billing")
        colleague.answer(staff.project.tasks()[other].id, "legal")
        staff.reconcile()
        assert deal(staff.ledger, staff.office.keys, 1.0, datetime.now(UTC)) == 2
        staff.publish()
        look = staff.project.tasks()[look_id(email, Purpose.DOUBLE)]
        data = staff.project.tasks()[email].data
        assert (look.data["suggestion"], look.data["subject"]) == (BLIND, data["subject"])
        assert set(look.data) == set(data)
        lessons = staff.lessons()
        colleague.answer(look.id, "legal")
        assert staff.reconcile().corrections == 1
    (opinion,) = (one.fact for one in staff.ledger.facts(kinds=[Opinion.kind]))
    assert isinstance(opinion, Opinion)
    assert (opinion.email_id, opinion.department, opinion.purpose) == (email, "legal", Purpose.DOUBLE)
    assert staff.lessons() == lessons
    (waiting,) = (review for review in docket_at(staff.ledger).reviews() if review.email_id == email)
    assert waiting.outcome is Outcome.WAITING
    names = names_of(staff.project.connection, staff.office.keys)
    assert len({names[waiting.first.reviewer], names[opinion.reviewer]}) == 2
