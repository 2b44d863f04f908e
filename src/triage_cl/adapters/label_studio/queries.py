"""What is asked of Label Studio and told to it about tasks: each question in one place, and no larger than needed."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from triage_cl.adapters.label_studio.annotations import Annotation, Task, read_task
from triage_cl.adapters.label_studio.tasks import group_marked

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

#: Tasks a page; whole ones are slow to read, and much larger pages of them slower still.
PAGE, WHOLE_PAGE = 500, 100
#: How many ids stand in the address of a request; some servers take 4 KiB of it.
NAMED = 100
#: The one form of a time that a filter understands.
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
GONE = 404

#: A list of fields holds for what is nested in them too.
WHOLE = ",".join(("id", "updated_at", "data", "annotations", *Annotation.model_fields))

UNANSWERED = [
    {"filter": f"filter:tasks:{column}", "operator": "equal", "type": "Number", "value": 0}
    for column in ("total_annotations", "cancelled_annotations")
]


@dataclass(frozen=True, slots=True)
class Project:
    """A project of ours, the review group that it is for, and the version whose predictions it shows.

    `made` is when: a number alone does not tell a project, for another server counts from 1, too.
    """

    id: int
    group: str
    model_version: str
    made: str = ""


def find_projects(client: "LabelStudio") -> list[Project]:
    """Our projects, oldest first."""
    every: Any = client.projects.list(include="id,description,model_version,created_at")
    marked = [(one, group_marked(one.description)) for one in every]
    ours = [
        Project(one.id, group, one.model_version or "", one.created_at.isoformat() if one.created_at else "")
        for one, group in marked
        if group is not None
    ]
    return sorted(ours, key=lambda project: project.id)


def newest(client: "LabelStudio", project: int, count: int) -> dict[str, int]:
    """The last `count` tasks of a project: their numbers by mail."""
    page: Any = client.tasks.list(
        project=project, include="id,data", page_size=count, query=json.dumps({"ordering": ["-tasks:id"]})
    )
    found = [(one.id, one.data) for one in page.items or ()]
    return {str(data["email_id"]): number for number, data in reversed(found) if data and "email_id" in data}


def add(client: "LabelStudio", project: int, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """New tasks in a project, by mail; their numbers by mail."""
    if not rows:
        return {}
    request: Any = list(rows.values())
    made: Any = client.projects.import_tasks(id=project, request=request, return_task_ids=True)
    return dict(zip(rows, made.task_ids or (), strict=True))


def changed_since(client: "LabelStudio", project: int, at: datetime) -> Iterator[Task]:
    """The tasks of a project that changed at or after `at`, in the order of their changes.

    Each page starts where the one before it ended, by time: tasks that change meanwhile move no other one out of sight.
    """
    seen: set[tuple[int, datetime]] = set()
    number = 1
    while True:
        query = {"ordering": ["tasks:updated_at"], "filters": _all(_changed(at))}
        page: Any = client.tasks.list(
            project=project, fields="all", include=WHOLE, page=number, page_size=WHOLE_PAGE, query=json.dumps(query)
        )
        tasks = [task for one in page.items or () if (task := _task(one)) is not None]
        yield from (task for task in tasks if (task.id, task.updated_at) not in seen)
        if number * WHOLE_PAGE >= page.response.total or not page.items:
            return
        seen |= {(task.id, task.updated_at) for task in tasks}
        last = page.items[-1].updated_at or at
        number, at = (1, last) if last > at else (number + 1, at)


def numbers(client: "LabelStudio", project: int, unanswered: bool = False) -> set[int]:
    """All tasks of a project, or those that nobody answered or skipped."""
    query = {"ordering": ["tasks:id"], "filters": _all(*(UNANSWERED if unanswered else ()))}
    listed: Any = client.tasks.list(project=project, include="id", page_size=PAGE, query=json.dumps(query))
    return {one.id for one in listed}


def open_tasks(client: "LabelStudio", project: int) -> list[Task]:
    """The tasks of a project that nobody answered or skipped, most urgent first, without annotations."""
    query = json.dumps({"ordering": ["tasks:data.priority"], "filters": _all(*UNANSWERED)})
    listed: Any = client.tasks.list(project=project, include="id,updated_at,data", page_size=PAGE, query=query)
    return [task for one in listed if (task := _task(one)) is not None]


def open_data(client: "LabelStudio", project: int) -> dict[int, dict[str, Any]]:
    """What the tasks of a project show that nobody answered or skipped, by their numbers."""
    query = json.dumps({"ordering": ["tasks:id"], "filters": _all(*UNANSWERED)})
    listed: Any = client.tasks.list(project=project, include="id,data", page_size=PAGE, query=query)
    return {one.id: one.data for one in listed if one.data}


def mails(client: "LabelStudio", project: int, tasks: Collection[int]) -> dict[int, str]:
    """The mails of some tasks of a project, by task."""
    found: dict[int, str] = {}
    for some in _chunks(sorted(tasks), NAMED):
        chosen = {"filter": "filter:tasks:id", "operator": "in_list", "type": "List", "value": some}
        query = json.dumps({"filters": _all(chosen)})
        page: Any = client.tasks.list(project=project, include="id,data", page_size=NAMED, query=query)
        found |= {one.id: str((one.data or {}).get("email_id", "")) for one in page}
    return found


def change(client: "LabelStudio", task: int, data: Mapping[str, Any]) -> None:
    """Let a task show other data; nothing where it is gone."""
    from label_studio_sdk.core.api_error import ApiError

    try:
        client.tasks.update(id=str(task), data=dict(data))
    except ApiError as error:
        if error.status_code != GONE:
            raise


def replace_predictions(client: "LabelStudio", project: int, shown: Mapping[int, Mapping[str, Any] | None]) -> int:
    """Let tasks of a project have these predictions, or none, in place of any other; how many were not taken.

    It takes none of a department that the screen does not have.
    """
    from label_studio_sdk.types.prediction_request import PredictionRequest

    client.actions.create(id="delete_tasks_predictions", project=project, selected_items=_selected(shown))
    rows = [PredictionRequest(task=task, **one) for task, one in shown.items() if one is not None]
    if not rows:
        return 0
    made: Any = client.projects.import_predictions(id=project, request=rows)
    return len(rows) - int(made.created)


def delete(client: "LabelStudio", project: int, tasks: Collection[int]) -> None:
    """Delete tasks of a project, with their annotations; those that are gone already are none of it."""
    from label_studio_sdk.core.api_error import ApiError

    *most, last = sorted(tasks)
    if most:
        client.actions.create(id="delete_tasks", project=project, selected_items=_selected(most))
    try:
        # By itself: whoever deletes all tasks of a project at once deletes its saved views, too.
        client.tasks.delete(id=str(last))
    except ApiError as error:
        if error.status_code != GONE:
            raise


def _task(told: Any) -> Task | None:
    return read_task({"annotations": told.annotations or [], **told.model_dump(include={"id", "updated_at", "data"})})


def _selected(tasks: Collection[int]) -> Any:
    """A selection for an action; never an empty one, which would mean every task there is."""
    if not tasks:
        raise ValueError("an action needs at least one task")
    return {"all": False, "included": list(tasks)}


def _changed(at: datetime) -> dict[str, Any]:
    value = at.astimezone(UTC).strftime(TIME)
    return {"filter": "filter:tasks:updated_at", "operator": "greater_or_equal", "type": "Datetime", "value": value}


def _all(*filters: Mapping[str, Any]) -> dict[str, Any]:
    return {"conjunction": "and", "items": filters}


def _chunks(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (values[start : start + size] for start in range(0, len(values), size))
