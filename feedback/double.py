"""A stand-in for Label Studio: tasks and annotations with the fields of its API and webhooks, and its ways.

What it keeps, answers and sends has the shapes recorded from Label Studio 1.23.2. Like that, it validates no choice,
takes any number of annotations a task, tells no task when an annotation goes, and only the task when a task goes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from feedback.hearing import DELETED, SAID_AT_ONCE, TASKS_DELETED
from triage_cl.adapters.label_studio.queries import TIME
from triage_cl.adapters.label_studio.tasks import BODY, DEPARTMENT, FLAGS, mark_of, title_of

#: A webhook's body; a row of the API.
Event = dict[str, Any]
Row = dict[str, Any]

PROJECT = 1
NOT_FOUND, BROKEN = 404, 500


@dataclass
class LabelStudioDouble:
    """One project of a review group; `now` is its clock, moved by whoever acts."""

    group: str
    now: datetime
    tasks: dict[int, Row] = field(default_factory=dict)
    model_version: str = ""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _task_numbers: "count[int]" = field(default_factory=lambda: count(1))

    def submit(self, task: int, user: int, result: Sequence[Row], at: datetime, skipped: bool = False) -> Event:
        """Somebody answers or skips a task."""
        return self._event("ANNOTATION_CREATED", self._annotate(task, user, result, at, skipped), self.tasks[task])

    def accept(self, tasks: Iterable[int], user: int, at: datetime) -> Event:
        """Somebody turns predictions into annotations, those that are none yet; no webhook where all are."""
        chosen = [self.tasks[task] for task in tasks]
        made = [self._turned(task, one, user, at) for task in chosen for one in task["predictions"] if _is_free(task)]
        return {
            "action": SAID_AT_ONCE,
            "annotation": [self._told(one) for one in made],
            "task": [self._row(self.tasks[one["task"]]) for one in made],
            "project": self._project(),
        }

    def _turned(self, task: Row, prediction: Row, user: int, at: datetime) -> Row:
        made = self._annotate(task["id"], user, prediction["result"], at, False)
        made |= {"parent_prediction": task["id"], "updated_by": None, "lead_time": None}
        return made

    def clear(self, tasks: Iterable[int], at: datetime) -> Event:
        """Somebody deletes all annotations of several tasks."""
        gone: list[Row] = []
        for task in (self.tasks[number] for number in tasks):
            gone += task["annotations"]
            task |= {"annotations": [], "updated_at": at}
        return {"action": DELETED, "annotations": [{"id": one["id"]} for one in gone], "project": self._project()}

    def bring_in(self, task: int, user: int, result: Sequence[Row], at: datetime) -> None:
        """Somebody imports another task about the same mail, with an annotation; no webhook tells of it."""
        number = self._import({"data": self.tasks[task]["data"]})
        self._annotate(number, user, result, at, False)
        self.tasks[number]["annotations"][0] |= {"ground_truth": True, "updated_by": None}

    def change(self, annotation: Row, user: int, result: Sequence[Row], at: datetime) -> Event:
        """Somebody saves an annotation, which may say the same as before."""
        task = self.tasks[annotation["task"]]
        annotation |= {"result": list(result), "updated_at": at, "updated_by": user, "was_cancelled": False}
        task["updated_at"] = at
        return self._event("ANNOTATION_UPDATED", annotation, task)

    def withdraw(self, annotation: Row, at: datetime) -> Event:
        """Somebody deletes an annotation."""
        task = self.tasks[annotation["task"]]
        task["annotations"].remove(annotation)
        task["updated_at"] = at
        return {"action": DELETED, "annotations": [{"id": annotation["id"]}], "project": self._project()}

    def delete_task(self, task: int) -> Event:
        """Somebody deletes a task, with its annotations."""
        del self.tasks[task]
        return {"action": TASKS_DELETED, "tasks": [{"id": task}], "project": self._project()}

    def _annotate(self, task: int, user: int, result: Sequence[Row], at: datetime, skipped: bool) -> Row:
        annotation = {
            "id": next(self._numbers),
            "task": task,
            "project": PROJECT,
            "result": list(result),
            "was_cancelled": skipped,
            "ground_truth": False,
            "created_at": at,
            "updated_at": at,
            "completed_by": user,
            "updated_by": user,
            "lead_time": 3.5,
            "parent_prediction": None,
        }
        self.tasks[task]["annotations"].append(annotation)
        self.tasks[task]["updated_at"] = at
        return annotation

    def _event(self, action: str, annotation: Row, task: Row) -> Event:
        told = {"annotation": self._told(annotation), "task": self._row(task), "project": self._project()}
        return {"action": action, **told}

    def _told(self, annotation: Row) -> Row:
        # A webhook tells the whole user where a query tells the number.
        return _plain(annotation) | {"completed_by": {"id": annotation["completed_by"]}}

    def _row(self, task: Row) -> Row:
        return _plain({name: value for name, value in task.items() if name not in ("annotations", "predictions")})

    def _project(self) -> Row:
        return {
            "id": PROJECT,
            "title": title_of(self.group),
            "description": mark_of(self.group),
            "model_version": self.model_version,
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], body: str = "") -> tuple[int, Any]:
        """What the API answers: a status and a body."""
        match method, path.strip("/"):
            case "GET", "api/projects":
                first = query.get("page", "1") == "1"
                return 200, {"count": 1, "next": None, "previous": None, "results": [self._project()] if first else []}
            case "DELETE", named if named.startswith("api/tasks/"):
                return self._delete([int(named.rpartition("/")[2])])
            case "POST", "api/dm/actions" if query["id"] == "delete_tasks":
                return self._delete(json.loads(body)["selectedItems"]["included"])
            case "PATCH", named if named == f"api/projects/{PROJECT}":
                self.model_version = json.loads(body)["model_version"]
                return 200, self._project()
            case "GET", "api/tasks":
                return self._list(query)
            case "POST", named if named == f"api/projects/{PROJECT}/import":
                return 201, {"task_ids": [self._import(row) for row in json.loads(body)]}
        return NOT_FOUND, {"detail": f"The double knows no {method} {path}."}

    def _import(self, row: Mapping[str, Any]) -> int:
        number = next(self._task_numbers)
        self.tasks[number] = {
            "id": number,
            "project": PROJECT,
            "data": row["data"],
            "created_at": self.now,
            "updated_at": self.now,
            "annotations": [],
            "predictions": row.get("predictions", []),
        }
        return number

    def _delete(self, tasks: Iterable[int]) -> tuple[int, Any]:
        gone = [self.tasks.pop(task, None) for task in tasks]
        return (200, {}) if any(gone) else (NOT_FOUND, {"detail": "Not found."})

    def _list(self, query: Mapping[str, str]) -> tuple[int, Any]:
        asked = json.loads(query.get("query", "{}"))
        try:
            found = _filtered(self.tasks.values(), asked.get("filters", {}).get("items", ()))
        except ValueError:
            return BROKEN, {"detail": "Label Studio reads times of one form only."}
        [order] = asked.get("ordering", ["tasks:id"])
        found = sorted(found, key=lambda task: task[order.rpartition(":")[2]], reverse=order.startswith("-"))
        page, size = int(query.get("page", "1")), int(query["page_size"])
        begin = (page - 1) * size
        if begin >= len(found) and page > 1:
            return NOT_FOUND, {"detail": "Invalid page."}
        included = set(query["include"].split(","))
        rows = [_plain(task, included) for task in found[begin : begin + size]]
        return 200, {"tasks": rows, "total": len(found), "total_annotations": 0, "total_predictions": 0}


def region(control: str, *choices: str) -> Row:
    """What the screen sends for a control."""
    value = {"choices": list(choices)}
    return {"from_name": control, "to_name": BODY, "type": "choices", "value": value, "origin": "manual"}


def chosen(departments: Sequence[str], flags: Sequence[str] = ()) -> list[Row]:
    """What the screen sends for an answer; the server takes any."""
    made = {DEPARTMENT: departments, FLAGS: flags}
    return [region(control, *choices) for control, choices in made.items() if choices]


def _is_free(task: Row) -> bool:
    """Whether no annotation was made of a task's prediction, or none is left."""
    return all(one["parent_prediction"] is None for one in task["annotations"])


def _filtered(tasks: Iterable[Row], filters: Iterable[Mapping[str, Any]]) -> list[Row]:
    found = list(tasks)
    for one in filters:
        match one["filter"], one["operator"]:
            case "filter:tasks:updated_at", "greater_or_equal":
                since = datetime.strptime(one["value"], TIME).replace(tzinfo=UTC)
                found = [task for task in found if task["updated_at"] >= since]
            case "filter:tasks:id", "in_list":
                found = [task for task in found if task["id"] in one["value"]]
            case unknown:
                raise ValueError(f"no filter {unknown} here")
    return found


def _plain(row: Mapping[str, Any], included: set[str] | None = None) -> Row:
    """A row as JSON has it; a list of fields holds for what is nested in it, too."""
    kept = {name: value for name, value in row.items() if included is None or name in included}
    return {name: _value(value, included) for name, value in kept.items()}


def _value(value: object, included: set[str] | None) -> object:
    if isinstance(value, datetime):
        return value.strftime(TIME)
    if isinstance(value, list) and included is not None:
        return [_plain(one, included) if "was_cancelled" in one else one for one in value]
    return value
