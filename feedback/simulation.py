"""A reviewer who knows an archive's truth and answers open tasks at a steady pace: for load, demos and tests."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.adapters.label_studio import queries
from triage_cl.adapters.label_studio.annotations import Task
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.tasks import BODY, DEPARTMENT
from triage_cl.bootstrap import App, utcnow
from triage_cl.domain.emails import Message
from triage_cl.domain.second_looks import mail_of
from triage_cl.usecases.departments import names_ever
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.review import ReviewTask
from triage_cl.usecases.simulated_reviewer import SimulatedReviewer

#: How long it waits before it looks for tasks again where there was none for it, seconds.
LOOK_SECONDS = 1.0

#: Answers one task, if it knows how.
Opened = Callable[[], bool]


class Screen(Protocol):
    """Where a simulated reviewer sits."""

    def open_tasks(self) -> Mapping[str, Opened]:
        """What answers each open task, by mail, most urgent first."""
        ...


def simulate(screen: Screen, rate: float, follow: bool = False) -> tuple[int, int]:
    """Answer open tasks, at most `rate` a second, until none is left that can be answered; with `follow` for ever.

    How many tasks were met open, and how many were answered.
    """
    met: set[str] = set()
    answered = 0
    while True:
        opened = screen.open_tasks()
        met |= opened.keys()
        given = sum(_paced(answer, 1 / rate) for answer in opened.values())
        answered += given
        if not given and not follow:
            return len(met), answered
        if not given:
            time.sleep(LOOK_SECONDS)


def _paced(answer: Opened, seconds: float) -> bool:
    """Answer a task; if there was something to say, not before so many seconds are over."""
    began = time.monotonic()
    if not answer():
        return False
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    return True


def screen_of(app: App, archive: Sequence[Message], rate: float) -> Screen:
    """Where the reviewers of an installation sit, for one who knows `archive`."""
    if app.settings.reviews == "file":
        return InFiles(app.file_queue, SimulatedReviewer(archive, app.keys))
    truth = {app.keys.identify(one.key): one.department for one in archive if one.department is not None}
    return InLabelStudio(app.label_studio.connection, app.ledger, truth, 1 / rate)


@dataclass
class InFiles:
    """The queue in files, answered with the archive's delays."""

    queue: JsonlReviews
    reviewer: SimulatedReviewer

    def open_tasks(self) -> Mapping[str, Opened]:
        """What answers each open task, by mail, most urgent first."""
        return {task.email_id: partial(self._answer, task) for task in self.queue.open_tasks()}

    def _answer(self, task: ReviewTask) -> bool:
        return self.queue.give(self.reviewer.answer([task], utcnow())) > 0


@dataclass
class InLabelStudio:
    """Label Studio, through its API; `truth` names the department of each mail that the reviewer knows."""

    connection: Connection
    ledger: Ledger
    truth: Mapping[str, str]
    seconds: float

    def open_tasks(self) -> Mapping[str, Opened]:
        """What answers each open task, by mail, most urgent first."""
        known, taxonomy = names_ever(self.ledger), taxonomy_at(self.ledger)
        departments = {name: taxonomy.teaches(id) for name, id in known.items()}
        with self.connection.asking() as client:
            projects = queries.find_projects(client)
            tasks = [task for project in projects for task in queries.open_tasks(client, project.id)]
        tasks.sort(key=lambda task: task.data.priority)
        return {task.data.email_id: partial(self._answer, task, departments) for task in tasks}

    def _answer(self, task: Task, departments: Mapping[str, str | None]) -> bool:
        department = departments.get(self.truth.get(mail_of(task.data.email_id), "").casefold())
        if department is None:
            return False
        suggested = departments.get((task.data.suggested or "").casefold())
        with self.connection.asking() as client:
            client.annotations.create(id=task.id, result=[_chosen(department, suggested)], lead_time=self.seconds)
        return True


def _chosen(department: str, suggested: str | None) -> dict[str, Any]:
    """A choice as the screen sends it, with where it came from."""
    origin = "manual" if suggested is None else "prediction" if suggested == department else "prediction-changed"
    value = {"choices": [department]}
    return {"from_name": DEPARTMENT, "to_name": BODY, "type": "choices", "value": value, "origin": origin}
