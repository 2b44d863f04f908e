"""An application whose reviewers work in a real Label Studio, and what that server says of it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from tests.builders import NOON
from tests.label_studio_server import EMAIL, RunningLabelStudio
from triage_cl.adapters.label_studio.tasks import group_marked, task_row
from triage_cl.bootstrap import App
from triage_cl.domain.departments import DepartmentAdded
from triage_cl.settings import load_settings
from triage_cl.usecases.departments import change_departments
from triage_cl.usecases.review import ReviewTask

CHROMIUM = Path("/usr/bin/chromium")


@contextmanager
def logged_in(server: RunningLabelStudio) -> Iterator[Page]:
    """A browser in which the first user has logged in."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{server.url}/user/login/")
        page.fill("input[name=email]", EMAIL)
        page.fill("input[name=password]", server.access.label_studio_password)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "login" not in url)
        yield page
        browser.close()


def settings_for(server: RunningLabelStudio, home: Path, url: str, **given: Any) -> dict[str, Any]:
    """Settings of an installation that uses this server."""
    told = {"label_studio_url": server.url, "label_studio_token": server.access.label_studio_token}
    return {"home": home, "database_url": url, "registry": "folder", **told, **given}


@contextmanager
def an_app(server: RunningLabelStudio, home: Path, url: str, **given: Any) -> Iterator[App]:
    """An application that finds no project of ours on the server, and leaves none."""
    remove_projects(server)
    with closing(App(load_settings(**settings_for(server, home, url, **given)))) as app:
        yield app
    remove_projects(server)


def add_departments(app: App, *names: str) -> None:
    """Departments whose ids are their names in lower case."""
    change_departments(app.ledger, [DepartmentAdded(name.casefold(), name) for name in names], NOON)


def our_projects(server: RunningLabelStudio) -> list[int]:
    """Every project that is marked as ours."""
    every = got(server, "/api/projects/?page_size=1000")["results"]
    return [project["id"] for project in every if group_marked(project["description"]) is not None]


def remove_projects(server: RunningLabelStudio) -> None:
    """Leave none of ours."""
    for project in our_projects(server):
        sent(server, "DELETE", f"/api/projects/{project}/", None)


@contextmanager
def asking(server: RunningLabelStudio) -> Iterator[httpx.Client]:
    """A plain client, past everything of ours."""
    key = {"Authorization": f"Token {server.access.label_studio_token}"}
    with httpx.Client(base_url=server.url, headers=key, trust_env=False, timeout=60) as client:
        yield client


def got(server: RunningLabelStudio, path: str) -> Any:
    """What the server answers to a question."""
    with asking(server) as client:
        return client.get(path).raise_for_status().json()


def sent(server: RunningLabelStudio, method: str, path: str, body: Any) -> Any:
    """What the server answers to a change."""
    with asking(server) as client:
        answer = client.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None


def views_of(server: RunningLabelStudio, project: int) -> dict[str, dict[str, Any]]:
    """A project's views, by title."""
    return {view["data"]["title"]: view for view in got(server, f"/api/dm/views/?project={project}")}


def offer(server: RunningLabelStudio, project: int, tasks: Sequence[ReviewTask]) -> list[int]:
    """Put tasks into a project; their ids."""
    rows = [task_row(task) for task in tasks]
    return list(sent(server, "POST", f"/api/projects/{project}/import?return_task_ids=true", rows)["task_ids"])


def a_task(department: str | None = "billing", number: int = 1, **changes: Any) -> ReviewTask:
    """A task that suggests a department, or a blind one."""
    told: dict[str, Any] = {
        "email_id": f"mail-{number}",
        "received_at": NOON,
        "sender": "sender-7f",
        "subject": f"Invoice {number}",
        "body": "Where is my money?\n\nAnn",
        "suggestion": department and department.title(),
        "confidence": 0.87,
        "blind": department is None,
        "priority": number / 100,
        "department": department,
        "version": "hashed-ensemble@0-0" if department else "",
        "group": "Mail",
    }
    return ReviewTask(**{**told, **changes})
