"""The review queue in Label Studio: a project for each review group, a task for each mail."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from triage_cl.adapters.label_studio import queries
from triage_cl.adapters.label_studio.annotations import CHANNEL, Task, overruled, state_of
from triage_cl.adapters.label_studio.connection import Connection
from triage_cl.adapters.label_studio.queries import Project
from triage_cl.adapters.label_studio.tasks import numbers_by_project, prediction_of, task_data, task_name, task_row
from triage_cl.domain.errors import ReviewScreenUnavailable
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.departments import names_ever
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.retrain import standing_at
from triage_cl.usecases.review import BATCH, Answer, ReviewTask, Withdrawn

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

#: How late a change may be committed: it is then seen with a time before that of others that were seen already.
OVERLAP = timedelta(seconds=60)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
#: How often deleted tasks are looked for: they leave no trace but their absence.
SWEEP_DELAY = timedelta(minutes=10)
SWEPT = f"{CHANNEL}:swept"
#: Among so many last tasks of a project are all that an interrupted publication may have left unrecorded.
LATEST = 2 * BATCH


def no_link(_: str) -> str:
    """What a task links to where no console is known."""
    return ""


@dataclass
class LabelStudioReviews:
    """Tasks and answers of one Label Studio server; every method raises ReviewScreenUnavailable where that is down.

    `link` gives the link to the receipt of a mail, by its id; "" shows none.
    """

    connection: Connection
    ledger: Ledger
    keys: Keys
    link: Callable[[str], str] = no_link
    _read: dict[str, str] = field(default_factory=dict, init=False)
    _gone: list[str] = field(default_factory=list, init=False)
    _asked_to_sweep: bool = field(default=False, init=False)

    def close(self) -> None:
        """Give back what is open."""
        self.connection.close()

    def publish(self, tasks: Sequence[ReviewTask]) -> Mapping[str, str]:
        """Offer tasks, each mail once, in the project of its group; the task's name by mail."""
        named: dict[str, str] = {}
        with self.connection.asking() as client:
            for project, offered in _by_project(self._projects(client), tasks):
                named |= self._offer(client, project, offered)
        return named

    def _offer(self, client: "LabelStudio", project: Project, tasks: Sequence[ReviewTask]) -> dict[str, str]:
        there = queries.newest(client, project.id, LATEST)
        new = {task.email_id: task_row(task, self.link(task.email_id)) for task in tasks if task.email_id not in there}
        numbers = there | queries.add(client, project.id, new)
        self._show_champions(client, project, tasks)
        return {task.email_id: task_name(project.id, numbers[task.email_id]) for task in tasks}

    def _show_champions(self, client: "LabelStudio", project: Project, tasks: Iterable[ReviewTask]) -> None:
        """Let reviewers see the champion's predictions, once the project has some: until then it refuses."""
        champion = standing_at(self.ledger).champion
        name = champion.version if champion else None
        if name != project.model_version and any(task.department and task.version == name for task in tasks):
            client.projects.update(id=project.id, model_version=name)

    def refresh(self, tasks: Mapping[str, ReviewTask]) -> None:
        """Show other suggestions in those of these tasks that nobody has answered yet."""
        with self.connection.asking() as client:
            for project, names in self._there(client, tasks):
                unanswered = queries.numbers(client, project.id, unanswered=True)
                shown = {number: tasks[name] for number, name in names.items() if number in unanswered}
                if shown:
                    self._show(client, project, shown)

    def _show(self, client: "LabelStudio", project: Project, tasks: Mapping[int, ReviewTask]) -> None:
        for number, task in tasks.items():
            queries.change(client, number, task_data(task, self.link(task.email_id)))
        predictions = {number: prediction_of(task) for number, task in tasks.items()}
        if refused := queries.replace_predictions(client, project.id, predictions):
            raise ReviewScreenUnavailable(
                f"The screen for {project.group} lacks departments that {refused:,} open tasks suggest; "
                "run `triage review setup`, or wait until the receiver has done it."
            )
        self._show_champions(client, project, tasks.values())

    def archive(self, task_ids: Sequence[str]) -> None:
        """Delete these tasks in Label Studio; what was answered is in the ledger."""
        with self.connection.asking() as client:
            for project, names in self._there(client, task_ids):
                queries.delete(client, project.id, names)

    def answers(self) -> list[Answer | Withdrawn]:
        """What holds for every mail whose task changed since the last `acknowledge`, some of it once more."""
        said: list[Answer | Withdrawn] = []
        with self.connection.asking() as client:
            projects = self._projects(client)
            for project in projects:
                said += self._changed(client, project)
            if self._asked_to_sweep or self._sweep_is_due():
                said += self._sweep(client, projects)
        return said

    def _changed(self, client: "LabelStudio", project: Project) -> list[Answer | Withdrawn]:
        name, began = f"{CHANNEL}:{project.id}", datetime.now(UTC)
        value, read_at = self.ledger.cursors().get(name, (None, began))
        complete = _time(value)
        changed = list(queries.changed_since(client, project.id, complete))
        last = max([complete, *(task.updated_at for task in changed)])
        self._read[name] = complete_until(last, complete, began - read_at).isoformat()
        return self._without_idle(self._said(self._offered(project, changed)))

    def _said(self, tasks: Sequence[Task]) -> list[Answer | Withdrawn]:
        """What holds for each task's mail, after what else is said about it, so that the disagreement is recorded."""
        names = names_ever(self.ledger)
        said: list[Answer | Withdrawn] = []
        for task in tasks:
            others = overruled(task, self.keys)
            said += [one for one in others if one.department is None or one.department.casefold() in names]
            said.append(state_of(task, self.keys))
        return said

    def _offered(self, project: Project, tasks: Sequence[Task]) -> list[Task]:
        """Without those about mails that became another task: somebody imported or copied them."""
        known = self.ledger.tasks_of([task.data.email_id for task in tasks])
        return [task for task in tasks if known.get(task.data.email_id) in (None, task_name(project.id, task.id))]

    def _without_idle(self, said: Sequence[Answer | Withdrawn]) -> list[Answer | Withdrawn]:
        """Without tasks that nobody ever answered, and those that were put away: their vanishing means nothing."""
        empty = [item.email_id for item in said if isinstance(item, Withdrawn)]
        answered = self.ledger.answered(empty) - self.ledger.archived(empty)
        return [item for item in said if isinstance(item, Answer) or item.email_id in answered]

    def look_for_deleted(self) -> None:
        """Let the next `answers` look for deleted tasks, however long ago it did so."""
        self._asked_to_sweep = True

    def _sweep_is_due(self) -> bool:
        return _time(self.ledger.cursor(SWEPT)) + SWEEP_DELAY <= datetime.now(UTC)

    def _sweep(self, client: "LabelStudio", projects: Sequence[Project]) -> list[Answer | Withdrawn]:
        """The mails whose tasks are gone; a project that is gone as a whole withdraws nothing."""
        began = datetime.now(UTC)
        # The ledger first: what is published after it is then no absence.
        standing = self.ledger.standing_tasks()
        expected = numbers_by_project(standing)
        gone: dict[str, str] = {}
        for project in projects:
            known, there = expected.get(project.id, {}), queries.numbers(client, project.id)
            gone |= {name: standing[name] for number, name in known.items() if number not in there}
            self._delete_archived(client, project, there - known.keys())
        self._gone, self._read[SWEPT], self._asked_to_sweep = list(gone), began.isoformat(), False
        archived = self.ledger.archived(list(gone.values()))
        # Those without an answer, too: it may be heard of while this is being done.
        return [Withdrawn(email, CHANNEL, began, final=True) for email in gone.values() if email not in archived]

    def _delete_archived(self, client: "LabelStudio", project: Project, tasks: set[int]) -> None:
        """Delete what was put away in the ledger and, for a fault in between, not here."""
        mails = queries.mails(client, project.id, tasks)
        archived = self.ledger.archived(list(mails.values()))
        if left := [task for task, email in mails.items() if email in archived]:
            queries.delete(client, project.id, left)

    def _projects(self, client: "LabelStudio") -> list[Project]:
        """Our projects, without one that has the number of another that is gone, until `offer_again` has settled it."""
        made = self.ledger.cursors()
        return [one for one in queries.find_projects(client) if made.get(_made(one), (one.made,))[0] == one.made]

    def groups(self) -> set[str]:
        """The review groups that have a project with which everything is settled."""
        with self.connection.asking() as client:
            return {project.group for project in self._projects(client)}

    def _there(self, client: "LabelStudio", names: Iterable[str]) -> list[tuple[Project, dict[int, str]]]:
        """The projects in which tasks of these names were, as far as they still exist, with the names by number."""
        named = numbers_by_project(names)
        if not named:
            return []
        return [(project, named[project.id]) for project in self._projects(client) if project.id in named]

    def offer_again(self) -> int:
        """Let open tasks of projects that are gone be published again, and put answered ones away; how many wait.

        To be called once there is a project for each group. Nothing happens where the server is out of reach.
        """
        began = datetime.now(UTC)
        with self.connection.asking() as client:
            found, same = queries.find_projects(client), {project.id for project in self._projects(client)}
        standing = numbers_by_project(self.ledger.standing_tasks())
        lost = [name for project, names in standing.items() if project not in same for name in names.values()]
        waiting = self.ledger.lose_tasks(lost, began)
        for project in found:
            if project.id not in same:
                self.ledger.move_cursor(f"{CHANNEL}:{project.id}", BEGINNING.isoformat(), began)
            self.ledger.move_cursor(_made(project), project.made, began)
        return waiting

    def acknowledge(self) -> None:
        """Remember how far was read; tasks that were deleted are no longer waited for."""
        at = datetime.now(UTC)
        self.ledger.archive_tasks(self._gone, at)
        for name, value in self._read.items():
            self.ledger.move_cursor(name, value, at)
        self._read, self._gone = {}, []


def _made(project: Project) -> str:
    """Where the ledger keeps when a project was made."""
    return f"made:{CHANNEL}:{project.id}"


def _by_project(projects: Sequence[Project], tasks: Sequence[ReviewTask]) -> list[tuple[Project, list[ReviewTask]]]:
    """Tasks with the project of their group, the oldest of several; raises ReviewScreenUnavailable if there is none."""
    by_group = {project.group: project for project in reversed(projects)}
    missing = sorted({task.group for task in tasks} - by_group.keys())
    if missing:
        raise ReviewScreenUnavailable(f"It has no project for {', '.join(missing)}; run `triage review setup`.")
    grouped: dict[str, list[ReviewTask]] = {}
    for task in tasks:
        grouped.setdefault(task.group, []).append(task)
    return [(by_group[group], offered) for group, offered in grouped.items()]


def complete_until(last: datetime, complete: datetime, passed: timedelta) -> datetime:
    """Up to which time every change has been seen, `last` being the last one that was.

    It was `complete` at the reading before, `passed` ago: what was not committed then is now, but for the overlap.
    Only the length of time is measured here; the times are Label Studio's.
    """
    return min(last, max(last - OVERLAP, complete + passed))


def _time(cursor: str | None) -> datetime:
    return datetime.fromisoformat(cursor) if cursor else BEGINNING
