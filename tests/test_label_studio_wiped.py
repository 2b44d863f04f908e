"""Label Studio wiped, or without a project that it had: reviewers go on where they were, and no answer is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from feedback.projects import set_up
from tests.builders import NOON, after
from tests.label_studio_server import RunningLabelStudio, running_label_studio
from tests.office import Office, an_office, department_of
from tests.review_projects import chosen
from tests.review_screens import an_app, got, our_projects, sent
from triage_cl.adapters.access_file import Access
from triage_cl.adapters.processes import free_port
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.bootstrap import App, utcnow
from triage_cl.domain.corrections import Correction
from triage_cl.domain.errors import ReviewScreenUnavailable
from triage_cl.settings import load_settings
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.reconcile import reconcile
from triage_cl.usecases.review import publish

#: So many mails of each department wait, numbered from here.
MAILS, LATER = 8, 100


@pytest.fixture
def office(sqlite_ledger: Ledger, tmp_path: Path) -> Office:
    """Some mail with suggestions, all of it for reviewers."""
    office = an_office(sqlite_ledger, tmp_path, share=1.0)
    office.answer(office.triage(20))
    return office


@contextmanager
def reviewed(office: Office, server: RunningLabelStudio, home: Path) -> Iterator[App]:
    """The office's application, whose mail is reviewed on this server."""
    url = office.ledger.engine.url.render_as_string(hide_password=False)
    with an_app(server, home, url, key=office.keys.hex()) as app:
        yield app


def offer(app: App) -> int:
    return publish(app.ledger, app.label_studio, utcnow(), app.settings.groups)


def look(app: App) -> int:
    """Everything that there is to find, deleted tasks, too; how many corrections it brought."""
    app.label_studio.look_for_deleted()
    return reconcile(app.ledger, app.label_studio, utcnow()).corrections


def shown(server: RunningLabelStudio, project: int) -> dict[str, dict[str, Any]]:
    """What each task of a project shows, by mail, in the order of the tasks."""
    told = got(server, f"/api/tasks?project={project}&fields=all&page_size=200")["tasks"]
    return {task["data"]["email_id"]: task for task in sorted(told, key=lambda task: task["id"])}


def answer_some(server: RunningLabelStudio, project: int) -> None:
    """Answer three tasks and skip one."""
    tasks = [(email, task) for email, task in shown(server, project).items() if int(email.partition("-")[2]) >= LATER]
    for number, (email, task) in enumerate(tasks[:4]):
        body = {"result": [], "was_cancelled": True} if number == 3 else {"result": chosen(department_of(email))}
        sent(server, "POST", f"/api/tasks/{task['id']}/annotations/", body)


def answered(app: App) -> set[str]:
    return {one.fact.subject for one in app.ledger.facts(kinds=[Correction.kind])}


def lessons(app: App) -> dict[str, str]:
    head = app.ledger.position()
    return {one.email_id: one.department for one in lessons_between(app.ledger, 0, head, head)}


def goes_on(app: App, server: RunningLabelStudio, before: dict[str, dict[str, Any]]) -> int:
    """Set up a server without our project, and check that reviewers go on; the new project."""
    known, waiting = lessons(app), [task["data"] for email, task in before.items() if email not in answered(app)]
    [project] = set_up(app)
    assert look(app) == 0
    assert offer(app) == len(waiting) > 0
    assert [task["data"] for task in shown(server, project.id).values()] == waiting
    assert (look(app), lessons(app)) == (0, known)
    # Once more, nothing is left to do.
    assert [one.id for one in set_up(app)] == [project.id]
    assert offer(app) == 0
    return project.id


@pytest.mark.integration
def test_after_a_project_was_deleted_open_mail_is_offered_again_and_no_answer_is_lost(
    office: Office, label_studio: RunningLabelStudio, tmp_path: Path
) -> None:
    office.triage(MAILS, first=LATER)
    with reviewed(office, label_studio, tmp_path / "home") as app:
        [project] = set_up(app)
        offer(app)
        before = shown(label_studio, project.id)
        answer_some(label_studio, project.id)
        look(app)
        sent(label_studio, "DELETE", f"/api/projects/{project.id}/", None)
        again = goes_on(app, label_studio, before)
        email, task = next(iter(shown(label_studio, again).items()))
        sent(label_studio, "POST", f"/api/tasks/{task['id']}/annotations/", {"result": chosen("legal")})
        assert (look(app), lessons(app)[email]) == (1, "legal")


@pytest.mark.integration
def test_a_wiped_label_studio_whose_numbers_begin_anew_takes_no_answer_back(office: Office, tmp_path: Path) -> None:
    office.triage(MAILS, first=LATER)
    port, access = free_port(), Access()
    with (
        running_label_studio(tmp_path / "one", port, access) as server,
        reviewed(office, server, tmp_path / "home") as app,
    ):
        [project] = set_up(app)
        offer(app)
        before = shown(server, project.id)
        answer_some(server, project.id)
        look(app)
    with (
        running_label_studio(tmp_path / "another", port, access) as server,
        reviewed(office, server, tmp_path / "home") as app,
    ):
        known = lessons(app)
        assert (look(app), lessons(app)) == (0, known)
        # Made by somebody who has not settled yet what became of the one that had its number.
        sent(server, "POST", "/api/projects/", a_copy(project.id, project.group))
        assert our_projects(server) == [project.id]
        assert (look(app), lessons(app)) == (0, known)
        assert goes_on(app, server, before) == project.id


def a_copy(number: int, group: str) -> dict[str, str]:
    """A project of a review group as somebody would make it, where it gets this number."""
    return {"title": f"number {number}", "description": f"triage:{group}", "label_config": "<View></View>"}


def test_while_label_studio_is_down_nothing_is_offered_again(office: Office, tmp_path: Path) -> None:
    office.triage(2, first=LATER)
    ledger = office.ledger
    ledger.published({one.email_id: f"1/{number}" for number, one in enumerate(ledger.unpublished(100))}, NOON)
    standing = ledger.standing_tasks()
    url = ledger.engine.url.render_as_string(hide_password=False)
    settings = load_settings(
        home=tmp_path / "home", database_url=url, label_studio_url=f"http://127.0.0.1:{free_port()}"
    )
    app = App(settings)
    with pytest.raises(ReviewScreenUnavailable):
        app.label_studio.offer_again()
    assert ledger.standing_tasks() == standing
    app.close()


def test_lost_tasks_are_offered_again_but_answered_ones_and_those_of_later(ledger: Ledger, tmp_path: Path) -> None:
    office = an_office(ledger, tmp_path, share=1.0)
    decisions = office.triage(2)
    names = {one.email_id: f"1/{number}" for number, one in enumerate(decisions)}
    ledger.published(names, NOON)
    office.answer(decisions[:2])
    answered, waiting = {one.email_id for one in decisions[:2]}, {one.email_id for one in decisions[2:]}
    assert ledger.lose_tasks(list(names.values()), NOON) == len(waiting)
    assert {one.email_id for one in ledger.unpublished(10)} == waiting
    assert (ledger.archived(list(names)), ledger.standing_tasks()) == (answered, {})
    assert ledger.tasks_of(list(names)).keys() == answered
    # The numbers begin anew, and what has one of them now is no lost task.
    again = dict(zip(sorted(waiting), names.values(), strict=False))
    ledger.published(again, after(days=1))
    assert ledger.lose_tasks(list(names.values()), NOON) == 0
    assert ledger.tasks_of(sorted(waiting)) == again
