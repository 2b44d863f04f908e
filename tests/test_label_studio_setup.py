"""Setting up a real Label Studio: as often as one likes, and in step with departments, groups and settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from feedback.projects import LONGEST_TITLE, WEBHOOK_ACTIONS, in_step, set_up
from feedback.reviewers import add, invitation, members
from feedback.saved_views import BY_PRIORITY, views_for
from tests.builders import NOON
from tests.conftest import PASSWORD, Postgres
from tests.label_studio_server import EMAIL, RunningLabelStudio
from tests.review_screens import (
    a_task,
    add_departments,
    an_app,
    got,
    offer,
    our_projects,
    remove_projects,
    sent,
    settings_for,
    views_of,
)
from tests.test_cli import assert_one_sentence, told, triage
from triage_cl.bootstrap import App
from triage_cl.domain.departments import (
    Department,
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentRenamed,
    DepartmentRetired,
)
from triage_cl.domain.errors import BadInput, BadSettings, ReviewScreenUnavailable
from triage_cl.settings import load_settings
from triage_cl.usecases.departments import change_departments

pytestmark = pytest.mark.integration

GROUPS = {"Staff matters": ["Personnel"]}


@pytest.fixture
def app(label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str) -> Iterator[App]:
    """An application with two departments whose mail everybody may see, and one of a group of its own."""
    with an_app(label_studio, tmp_path, sqlite_url, review_groups=GROUPS) as app:
        add_departments(app, "Billing", "Sales", "Personnel")
        yield app


def change(app: App, *changes: DepartmentChange) -> None:
    change_departments(app.ledger, changes, NOON)


def state(server: RunningLabelStudio, *projects: int) -> list[Any]:
    """Everything that setting up makes, with the times of its last changes."""
    return [
        [got(server, f"/api/projects/{id}/"), got(server, f"/api/dm/views/?project={id}"), webhooks_of(server, id)]
        for id in projects
    ]


def webhooks_of(server: RunningLabelStudio, project: int) -> list[dict[str, Any]]:
    return list(got(server, f"/api/webhooks/?project={project}"))


def count_in(server: RunningLabelStudio, project: int, view: int) -> int:
    return int(got(server, f"/api/tasks?project={project}&view={view}")["total"])


def test_setting_up_twice_changes_nothing(label_studio: RunningLabelStudio, app: App) -> None:
    first = set_up(app)
    made = state(label_studio, *(project.id for project in first))
    assert set_up(app) == first
    assert state(label_studio, *(project.id for project in first)) == made
    assert len(our_projects(label_studio)) == len(first) == 2


def test_a_project_is_as_reviewing_needs_it(label_studio: RunningLabelStudio, app: App) -> None:
    mail, staff = set_up(app)
    project = got(label_studio, f"/api/projects/{mail.id}/")
    assert (mail.group, staff.group) == ("Mail", "Staff matters")
    assert project["title"] == "E-mail triage: Mail"
    assert project["maximum_annotations"] == 1
    assert project["show_instruction"] is project["show_collab_predictions"] is True
    assert "Decide by what the sender needs done" in project["expert_instruction"]
    assert [one["alias"] for one in labels(project)] == ["billing", "sales", "personnel"]


def labels(project: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {**one, "alias": name} for name, one in project["parsed_label_config"]["department"]["labels_attrs"].items()
    ]


def test_each_group_has_views_of_its_own_departments_only(label_studio: RunningLabelStudio, app: App) -> None:
    mail, staff = set_up(app)
    assert list(views_of(label_studio, mail.id)) == [BY_PRIORITY, "Billing", "Sales"]
    assert list(views_of(label_studio, staff.id)) == [BY_PRIORITY, "Personnel"]
    assert list(mail.departments) == ["Billing", "Sales"]


def test_a_department_sees_its_open_mail_and_the_blind_tasks(label_studio: RunningLabelStudio, app: App) -> None:
    mail, _ = set_up(app)
    tasks = [
        a_task("billing", 1),
        a_task("billing", 2),
        a_task("sales", 3),
        a_task(None, 4),
        a_task(None, 5, blind=False),
    ]
    answered, *_ = offer(label_studio, mail.id, tasks)
    sent(label_studio, "POST", f"/api/tasks/{answered}/annotations/", {"result": chosen("sales")})
    seen = {
        title: count_in(label_studio, mail.id, view["id"]) for title, view in views_of(label_studio, mail.id).items()
    }
    assert seen == {BY_PRIORITY: 4, "Billing": 2, "Sales": 2}


def chosen(department: str) -> list[dict[str, Any]]:
    return [{"from_name": "department", "to_name": "body", "type": "choices", "value": {"choices": [department]}}]


def test_whoever_labels_a_view_is_given_the_most_urgent_mail_first(label_studio: RunningLabelStudio, app: App) -> None:
    mail, _ = set_up(app)
    offer(label_studio, mail.id, [a_task("billing" if n % 3 else None, n) for n in (7, 2, 9, 1, 8, 3, 5, 4, 6)])
    view = views_of(label_studio, mail.id)["Billing"]["data"]
    # What Label Studio's page asks for when one labels a view.
    wanted = {"ordering": view["ordering"], "filters": view["filters"], "project": str(mail.id)}
    given = []
    for _ in range(9):
        task = sent(label_studio, "POST", f"/api/dm/actions?id=next_task&project={mail.id}", wanted)
        given.append(task["data"]["priority"])
        sent(label_studio, "POST", f"/api/tasks/{task['id']}/annotations/", {"result": chosen("billing")})
    assert given == [f"{n / 100:.9f}" for n in range(1, 10)]


def test_changes_of_departments_reach_the_screen_and_lose_nothing(label_studio: RunningLabelStudio, app: App) -> None:
    mail, _ = set_up(app)
    tasks = offer(label_studio, mail.id, [a_task("billing", 1), a_task("sales", 2), a_task("sales", 3)])
    sent(label_studio, "POST", f"/api/tasks/{tasks[2]}/annotations/", {"result": chosen("sales")})
    change(app, DepartmentRenamed("billing", "Invoices & more"), DepartmentAdded("legal", "Legal"))
    change(app, DepartmentMerged("sales", "billing"))
    mail, _ = set_up(app)
    project = got(label_studio, f"/api/projects/{mail.id}/")
    assert [one["alias"] for one in labels(project)] == ["billing", "personnel", "legal"]
    assert (project["task_number"], project["total_annotations_number"]) == (3, 1)
    views = views_of(label_studio, mail.id)
    assert list(views) == [BY_PRIORITY, "Invoices & more", "Legal"]
    # Mail that was suggested under the names of before waits in the view of the department that goes on.
    assert count_in(label_studio, mail.id, views["Invoices & more"]["id"]) == 2


def test_the_view_of_a_department_that_ended_goes(label_studio: RunningLabelStudio, app: App) -> None:
    set_up(app)
    change(app, DepartmentRetired("sales"))
    mail, _ = set_up(app)
    assert list(views_of(label_studio, mail.id)) == [BY_PRIORITY, "Billing"]


def test_views_that_people_made_stay_and_ours_are_repaired(label_studio: RunningLabelStudio, app: App) -> None:
    mail, _ = set_up(app)
    ours = views_of(label_studio, mail.id)["Billing"]
    theirs = {"title": "Long ones", "type": "list", "ordering": ["-tasks:data.body"]}
    copied = {**ours["data"], "title": "My billing"}
    for data in (theirs, copied):
        sent(label_studio, "POST", "/api/dm/views/", {"project": mail.id, "data": data})
    turned = {**ours["data"], "title": "Gone", "ordering": ["-tasks:id"], "columnsWidth": {"tasks:id": 90}}
    sent(label_studio, "PATCH", f"/api/dm/views/{ours['id']}/", {"project": mail.id, "data": turned})
    set_up(app)
    views = views_of(label_studio, mail.id)
    assert set(views) == {BY_PRIORITY, "Billing", "Sales", "Long ones", "My billing"}
    assert views["Billing"]["id"] == ours["id"]
    assert views["Billing"]["data"]["ordering"] == ["tasks:data.priority"]
    assert views["Billing"]["data"]["columnsWidth"] == {"tasks:id": 90}


@pytest.mark.parametrize("name", ["A & B", 'Größe "[x]" (y)+.*', "back\\slash | pipe", "O'Neil 100%_", "日本"])
def test_the_filter_of_a_department_means_the_same_on_every_database(postgres: Postgres, name: str) -> None:
    *_, view = views_for([Department("größe)", name)], {"größe)": [name, "before"]})
    pattern = view.filters[-1]["value"]
    with psycopg.connect(f"postgresql://triage:{PASSWORD}@127.0.0.1:{postgres.port}/postgres") as connection:
        found = [
            told
            for told in (name, "before", "blind", "Sales", f"{name} x", "none")
            if connection.execute("SELECT %s ~ %s", (told, pattern)).fetchone() == (True,)
        ]
    assert found == [name, "before", "blind"]


def test_there_is_one_webhook_and_it_follows_the_receiver(
    label_studio: RunningLabelStudio, app: App, tmp_path: Path, sqlite_url: str
) -> None:
    mail, _ = set_up(app)
    (first,) = webhooks_of(label_studio, mail.id)
    assert first["url"] == "http://127.0.0.1:8701/webhooks/label-studio"
    assert first["headers"] == {"X-Triage-Secret": app.access.webhook_secret}
    assert sorted(first["actions"]) == sorted(WEBHOOK_ACTIONS)
    assert (first["send_payload"], first["send_for_all_actions"], first["is_active"]) == (True, False, True)

    other = {"url": "http://127.0.0.1:9/somebody-else", "project": mail.id, "send_for_all_actions": True}
    for spare in (other, {**other, "url": "http://127.0.0.1:9/webhooks/label-studio"}):
        sent(label_studio, "POST", "/api/webhooks/", spare)
    moved = App(
        load_settings(**settings_for(label_studio, tmp_path, sqlite_url, receiver_url="http://localhost:8799/"))
    )
    set_up(moved)
    moved.close()
    kept, theirs = webhooks_of(label_studio, mail.id)
    assert (kept["id"], kept["url"]) == (first["id"], "http://localhost:8799/webhooks/label-studio")
    assert theirs["url"] == other["url"]


def test_a_receiver_that_label_studio_cannot_call_is_refused(
    label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str
) -> None:
    with an_app(label_studio, tmp_path, sqlite_url, receiver_url="http://receiver:8701") as app:
        add_departments(app, "Billing")
        with pytest.raises(BadSettings, match="receiver_url"):
            set_up(app)


def test_a_group_that_could_not_be_found_again_is_refused(
    label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str
) -> None:
    with an_app(label_studio, tmp_path, sqlite_url, review_groups={"HR ": ["Billing"]}) as app:
        add_departments(app, "Billing")
        with pytest.raises(BadSettings, match="'HR ' has a line break, or a space"):
            set_up(app)


def test_in_step_a_project_that_is_gone_is_made_again(label_studio: RunningLabelStudio, app: App) -> None:
    position = in_step(app)
    before = {project.id for project in set_up(app)}
    sent(label_studio, "DELETE", f"/api/projects/{min(before)}/", None)
    assert in_step(app, position) == position
    after = {project.id for project in set_up(app)}
    assert len(after) == 2
    assert len(after & before) == 1


def test_in_step_only_changes_of_departments_count(label_studio: RunningLabelStudio, app: App) -> None:
    position = in_step(app)
    mail, _ = set_up(app)
    turned = views_of(label_studio, mail.id)["Sales"]
    sent(label_studio, "DELETE", f"/api/dm/views/{turned['id']}/", None)
    assert in_step(app, position) == position
    assert "Sales" not in views_of(label_studio, mail.id)
    change(app, DepartmentAdded("legal", "Legal"))
    assert in_step(app, position) > position
    assert list(views_of(label_studio, mail.id)) == [BY_PRIORITY, "Billing", "Sales", "Legal"]


def test_names_of_any_length_will_do(label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str) -> None:
    groups = {"A": ["B"], "The " + "very " * 20 + "long one": ["x" * 300]}
    with an_app(label_studio, tmp_path, sqlite_url, review_groups=groups) as app:
        add_departments(app, "B", "x" * 300)
        made = set_up(app)
        assert [project.group for project in made] == ["Mail", *groups]
        assert set_up(app) == made
        titles = [got(label_studio, f"/api/projects/{project.id}/")["title"] for project in made]
    assert all(3 <= len(title) <= LONGEST_TITLE for title in titles)


def test_without_departments_there_is_nothing_to_review(
    label_studio: RunningLabelStudio, tmp_path: Path, sqlite_url: str
) -> None:
    with an_app(label_studio, tmp_path, sqlite_url) as app:
        assert set_up(app) == []
        assert in_step(app, in_step(app)) == 0
        assert our_projects(label_studio) == []


def test_a_wrong_key_is_told(label_studio: RunningLabelStudio, app: App) -> None:
    wrong = App(app.settings.model_copy(update={"label_studio_token": None}))
    with pytest.raises(ReviewScreenUnavailable, match="refuses the API key"):
        set_up(wrong)
    wrong.close()


def test_a_reviewer_who_was_added_can_log_in(label_studio: RunningLabelStudio, app: App) -> None:
    account = add(app, "ann@example.com")
    assert account.password not in repr(account)
    assert {"ann@example.com", EMAIL} <= set(members(app))
    with httpx.Client(base_url=label_studio.url, trust_env=False) as visitor:
        assert filled_in(visitor, "/user/login/", account.email, account.password).is_redirect
        assert visitor.get("/api/current-user/whoami").json()["email"] == account.email
    with pytest.raises(BadInput, match="has an account already"):
        add(app, "ANN@example.com")
    with pytest.raises(BadInput, match="makes no account"):
        add(app, "nobody")


def filled_in(visitor: httpx.Client, page: str, email: str, password: str) -> httpx.Response:
    """What comes of a form of Label Studio's, filled in as a person does."""
    visitor.get(page).raise_for_status()
    form = {"email": email, "password": password, "csrfmiddlewaretoken": visitor.cookies["csrftoken"]}
    return visitor.post(page, data=form)


def test_a_fresh_invitation_ends_the_one_before(app: App) -> None:
    first = invitation(app)
    assert invitation(app) == first
    fresh = invitation(app, fresh=True)
    outcomes = []
    for link in (first, fresh):
        with httpx.Client(trust_env=False) as visitor:
            outcomes.append(filled_in(visitor, link, "bob@example.com", "a-long-password").status_code)
    assert outcomes == [403, 302]


def test_the_commands_print_where_reviewers_begin(
    label_studio: RunningLabelStudio, tmp_path: Path, empty_sqlite_url: str
) -> None:
    remove_projects(label_studio)
    settings = {
        "TRIAGE_LABEL_STUDIO_URL": label_studio.url,
        "TRIAGE_LABEL_STUDIO_TOKEN": label_studio.access.label_studio_token,
        "TRIAGE_DATABASE_URL": empty_sqlite_url,
    }
    assert told(triage(tmp_path, "review", "setup", "--json", "-", settings=settings)) == {"projects": []}
    assert triage(tmp_path, "departments", "add", "Billing", settings=settings).returncode == 0
    (project,) = told(triage(tmp_path, "review", "setup", "--json", "-", settings=settings))["projects"]
    assert project["group"] == "Mail"
    assert httpx.get(project["departments"]["Billing"], trust_env=False).is_redirect
    invited = told(triage(tmp_path, "reviewers", "invite", "--group", "Mail", "--json", "-", settings=settings))
    assert invited["projects"] == {"Mail": project["url"]}
    assert invited["invitation"].startswith(f"{label_studio.url}/user/signup/?token=")
    assert EMAIL in triage(tmp_path, "reviewers", "list", settings=settings).stdout
    assert_one_sentence(triage(tmp_path, "reviewers", "invite", "--group", "HR", settings=settings), "HR", "Mail")
    remove_projects(label_studio)
