"""Projects in a real Label Studio for tests that are about tasks and answers, and what reviewers do there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import httpx

from tests.label_studio_server import RunningLabelStudio
from tests.office import TOPICS
from triage_cl.adapters.label_studio import queries
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.tasks import BODY, DEPARTMENT, FLAGS, MARKS, mark_of, title_of

_numbers = count(1)

CONFIG = f"""<View>
  <Header value="$subject"/><Header value="$header_line"/><Header value="$suggestion"/><Header value="$reasons"/>
  <Text name="{BODY}" value="$body"/>
  <Choices name="{DEPARTMENT}" toName="{BODY}" required="true">
    {"".join(f'<Choice value="{name.title()}" alias="{name}"/>' for name in TOPICS)}
  </Choices>
  <Choices name="{FLAGS}" toName="{BODY}" choice="multiple">
    {"".join(f'<Choice value="{mark}" alias="{mark}"/>' for mark in MARKS)}
  </Choices>
  <TextArea name="comment" toName="{BODY}"/>
</View>"""


@dataclass(frozen=True)
class ReviewProject:
    """A project of one review group, and everything that people may do in it."""

    id: int
    group: str
    connection: Connection

    @property
    def client(self) -> Any:
        return self.connection.client

    def tasks(self) -> dict[str, Any]:
        """Our tasks with everything about them, by mail."""
        listed = self.client.tasks.list(project=self.id, fields="all", page_size=100)
        return {task.data["email_id"]: task for task in listed if "email_id" in task.data}

    def numbers(self) -> set[int]:
        return queries.numbers(self.client, self.id)

    def answer(self, task: int, department: str | None, *flags: str, **more: Any) -> int:
        """A new annotation; its id."""
        return int(self.client.annotations.create(id=task, result=chosen(department, *flags), **more).id)

    def skip(self, task: int) -> int:
        return int(self.client.annotations.create(id=task, result=[], was_cancelled=True).id)

    def change(self, annotation: int, department: str | None, *flags: str, **more: Any) -> None:
        self.client.annotations.update(id=annotation, result=chosen(department, *flags), **more)

    def withdraw(self, annotation: int) -> None:
        self.client.annotations.delete(id=annotation)


def chosen(department: str | None, *flags: str) -> list[dict[str, Any]]:
    """What the screen sends for a department and flags."""
    made = {DEPARTMENT: [department] if department else [], FLAGS: list(flags)}
    return [
        {"from_name": control, "to_name": BODY, "type": "choices", "value": {"choices": choices}, "origin": "manual"}
        for control, choices in made.items()
        if choices
    ]


@contextmanager
def review_project(server: RunningLabelStudio, group: str | None = None) -> Iterator[ReviewProject]:
    """A project for a group of its own, gone at the end of the block."""
    group = group or f"group {next(_numbers)}"
    client: Any = server.connection.client
    made = client.projects.create(title=title_of(group), description=mark_of(group), label_config=CONFIG)
    try:
        yield ReviewProject(made.id, group, server.connection)
    finally:
        client.projects.delete(id=made.id)


_reviewers = count(1)


@contextmanager
def another_reviewer(server: RunningLabelStudio, project: ReviewProject) -> Iterator[ReviewProject]:
    """The project as a colleague sees it, who has an account of their own."""
    form = {"email": f"colleague-{next(_reviewers)}@example.com", "password": "a-long-password"}
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as visitor:
        link = project.client.organizations.invites.get_invite_link().invite_url
        visitor.get(link).raise_for_status()
        visitor.post(link, data=form | {"csrfmiddlewaretoken": visitor.cookies["csrftoken"]})
        token = visitor.get("/api/current-user/token").raise_for_status().json()["token"]
    with closing(Connection(server.url, token)) as connection:
        yield replace(project, connection=connection)
