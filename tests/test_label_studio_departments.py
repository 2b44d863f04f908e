"""Departments change while people review in a real Label Studio: its screens, tasks and answers follow, and back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from feedback.projects import in_step, set_up
from tests.builders import NOON, a_routed
from tests.label_studio_server import RunningLabelStudio
from tests.office import TOPICS, Office, an_office, mail_about
from tests.review_projects import chosen
from tests.review_screens import an_app, got, logged_in, sent
from triage_cl.adapters.label_studio.reviews import LabelStudioReviews
from triage_cl.adapters.label_studio.tasks import IS_BLIND
from triage_cl.bootstrap import App
from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentMoved,
    DepartmentRenamed,
    DepartmentRetired,
    DepartmentSplit,
    DepartmentUndone,
)
from triage_cl.domain.errors import ReviewScreenUnavailable
from triage_cl.usecases.departments import change_departments
from triage_cl.usecases.learn import lessons_between, taxonomy_at
from triage_cl.usecases.receipt import End, Fate, reach_of, rules_at, standings
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.refresh import refresh
from triage_cl.usecases.review import publish

pytestmark = pytest.mark.integration

LESSONS, MAILS = 20, 3

#: A change, and whose last changes are to be undone for everything to be as before.
OPERATIONS: dict[str, tuple[list[DepartmentChange], list[str]]] = {
    "add": ([DepartmentAdded("it", "IT")], ["it"]),
    "rename": ([DepartmentRenamed("legal", "Lawyers & more")], ["legal"]),
    "merge": ([DepartmentMerged("legal", "support")], ["legal"]),
    "split": (
        [DepartmentAdded("court", "Court"), DepartmentSplit("legal", ("court", "billing"))],
        ["legal", "court"],
    ),
    "retire": ([DepartmentRetired("legal")], ["legal"]),
    "move": ([DepartmentMoved("legal", "support")], ["legal"]),
}


@dataclass
class Desk:
    """An office that was taught, whose reviewers work in a real Label Studio."""

    server: RunningLabelStudio
    app: App
    office: Office
    project: int
    position: int

    def change(self, *changes: DepartmentChange) -> None:
        """Change departments; then what runs by itself: the screens first, the open tasks after them."""
        change_departments(self.app.ledger, changes, NOON)
        self.position = in_step(self.app, self.position)
        self.refresh()

    def refresh(self) -> int:
        return refresh(self.app.ledger, self.queue(), self.office.desk)

    def queue(self) -> LabelStudioReviews:
        return LabelStudioReviews(self.server.connection, self.app.ledger, self.office.keys)

    def reconcile(self) -> int:
        return reconcile(self.app.ledger, self.queue(), datetime.now(UTC)).corrections

    def tasks(self) -> dict[str, Any]:
        """Every task with its annotations and predictions, by mail."""
        told = got(self.server, f"/api/tasks?project={self.project}&fields=all&page_size=100")["tasks"]
        return {task["data"]["email_id"]: task for task in told}

    def annotations(self) -> dict[str, Any]:
        """Every answer: its number, what it says, and when it was last changed."""
        return {
            email: [(one["id"], one["result"], one["updated_at"]) for one in task["annotations"]]
            for email, task in self.tasks().items()
        }

    def answer(self, email: str, department: str) -> None:
        task = self.tasks()[email]["id"]
        sent(self.server, "POST", f"/api/tasks/{task}/annotations/", {"result": chosen(department)})

    def choices(self) -> set[str]:
        """The departments that the screen offers."""
        config = got(self.server, f"/api/projects/{self.project}/")["parsed_label_config"]
        return set(config["department"]["labels_attrs"])

    def lessons(self) -> dict[str, str]:
        head = self.app.ledger.position()
        return {one.email_id: one.department for one in lessons_between(self.app.ledger, 0, head, head)}

    def opened(self) -> dict[str, tuple[str, list[list[str]]]]:
        """What the tasks that nobody answered suggest, and their predictions."""
        return {
            email: (task["data"]["department"], [one["result"][0]["value"]["choices"] for one in task["predictions"]])
            for email, task in self.tasks().items()
            if not task["annotations"]
        }


@pytest.fixture
def desk(label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str) -> Iterator[Desk]:
    """Twelve mails are tasks; one of each department is answered."""
    with an_app(label_studio, tmp_path, sqlite_url) as app:
        office = an_office(app.ledger, tmp_path, share=1.0)
        taught = [mail_about(name, number) for number in range(100, 100 + LESSONS) for name in TOPICS]
        texts = [{"subject": one.subject, "body": one.body} for one in taught]
        routed = [a_routed(one.id, one.id.rpartition("-")[0], **text) for one, text in zip(taught, texts, strict=True)]
        app.ledger.take_routed(routed, NOON)
        office.triage(MAILS)
        position = in_step(app)
        (project,) = set_up(app)
        desk = Desk(label_studio, app, office, project.id, position)
        publish(app.ledger, desk.queue(), NOON)
        for name in TOPICS:
            desk.answer(f"{name}-0", name)
        assert desk.reconcile() == len(TOPICS)
        yield desk


def assert_follows(desk: Desk) -> None:
    """The screen has the departments of now, and every open task suggests one of them, as its prediction does."""
    departments = taxonomy_at(desk.app.ledger).departments
    assert desk.choices() == set(departments)
    names = {department.name: id for id, department in departments.items()}
    for suggested, predictions in desk.opened().values():
        assert predictions == ([] if suggested == IS_BLIND else [[names[suggested]]])


def test_label_studio_follows_every_change_and_its_undoing(desk: Desk) -> None:
    assert_follows(desk)
    before, answered, lessons = desk.opened(), desk.annotations(), desk.lessons()
    for operation, (changes, undone) in OPERATIONS.items():
        desk.change(*changes)
        assert_follows(desk)
        assert desk.reconcile() == 0, operation
        desk.change(*(DepartmentUndone(id) for id in undone))
        assert_follows(desk)
        assert desk.reconcile() == 0, operation
        assert (desk.opened(), desk.annotations(), desk.lessons()) == (before, answered, lessons), operation


def test_a_task_that_suggested_a_merged_department_suggests_its_heir(desk: Desk) -> None:
    suggested = [email for email, (department, _) in desk.opened().items() if department == "Legal"]
    assert suggested
    desk.change(DepartmentMerged("legal", "support"))
    assert {desk.opened()[email][0] for email in suggested} == {"Support"}


def test_what_is_answered_on_an_old_screen_to_a_merged_department_is_its_heirs(desk: Desk) -> None:
    desk.change(DepartmentMerged("legal", "support"))
    desk.answer("legal-1", "legal")
    assert desk.reconcile() == 1
    assert desk.lessons()["legal-1"] == desk.lessons()["legal-0"] == "support"


def test_what_is_answered_on_an_old_screen_to_a_retired_department_is_kept_and_teaches_nobody(desk: Desk) -> None:
    desk.change(DepartmentRetired("legal"))
    desk.answer("legal-1", "legal")
    assert desk.reconcile() == 1
    assert not {"legal-0", "legal-1"} & set(desk.lessons())
    about = desk.app.ledger.corrections_of(["legal-1"])["legal-1"]
    assert [one.fact.department for one in about if isinstance(one.fact, Correction)] == ["legal"]
    [standing] = standings(about, rules_at(desk.app.ledger))
    assert (standing.teaches, standing.end) == (None, End.DEPARTMENT_ENDED)
    assert reach_of(desk.office.desk).fate(standing) is Fate.NEVER
    desk.change(DepartmentUndone("legal"))
    assert desk.lessons()["legal-1"] == desk.lessons()["legal-0"] == "legal"


def test_in_the_browser_answered_and_open_tasks_are_as_departments_are_now(desk: Desk) -> None:
    suggested = next(email for email, (department, _) in desk.opened().items() if department == "Legal")
    tasks = {email: task["id"] for email, task in desk.tasks().items()}
    desk.change(DepartmentMerged("legal", "support"), DepartmentAdded("pay", "Pay"), DepartmentAdded("tax", "Tax"))
    desk.change(DepartmentSplit("billing", ("pay", "tax")))
    wrong: list[str] = []
    with logged_in(desk.server) as page:
        page.on("pageerror", lambda error: wrong.append(str(error)))
        names, chosen = page.locator(".triage-departments label"), page.locator(".triage-departments input:checked")

        page.goto(f"{desk.server.url}/projects/{desk.project}/data?task={tasks[suggested]}")
        expect(names).to_contain_text(["Support", "Pay", "Tax"])
        expect(page.locator(".triage-suggestion")).to_contain_text("Support")
        expect(chosen).to_have_attribute("name", "Support")
        for answered in ("legal-0", "billing-0"):
            page.goto(f"{desk.server.url}/projects/{desk.project}/data?task={tasks[answered]}")
            expect(names).to_contain_text(["Support", "Pay", "Tax"])
            expect(page.get_by_role("button", name="submit")).to_have_text("Update")
            expect(chosen).to_have_count(0)
    assert wrong == []


def test_suggestions_wait_until_the_screen_has_the_department(desk: Desk) -> None:
    desk.change(DepartmentRetired("legal"))
    change_departments(desk.app.ledger, [DepartmentUndone("legal")], NOON)
    with pytest.raises(ReviewScreenUnavailable, match="lacks departments that"):
        desk.refresh()
    in_step(desk.app, desk.position)
    assert desk.refresh() > 0
    assert_follows(desk)
