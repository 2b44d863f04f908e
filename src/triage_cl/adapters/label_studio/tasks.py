"""What a review task and its project look like in Label Studio; the screen is made of these names."""

from collections.abc import Iterable
from html import escape
from typing import Any

from triage_cl.usecases.review import ReviewTask

#: The controls of the screen, and the text that they are about.
DEPARTMENT, FLAGS, COMMENT, BODY = "department", "flags", "comment", "body"
#: What a reviewer may mark besides the department.
MARKS = PERSONAL_DATA, NOT_MY_AREA, SPAM = "personal-data", "not-my-area", "spam"
#: What every task brings, by the names that the screen and the saved views use.
FIELDS = ("email_id", "subject", "header_line", "body", "suggestion", "reasons", "department", "priority", "receipt")

#: In the field `department`, where no department is suggested.
IS_BLIND, IS_UNSURE = "blind", "none"
BLIND = "Decide for yourself: this mail is shown without a suggestion"
UNSURE = "No suggestion: the model is not sure"
RECEIPT = "What became of your answer"

_MARK = "triage:"


def title_of(group: str) -> str:
    """What the project of a review group is called; it may be renamed there."""
    return f"E-mail triage: {group}"


def mark_of(group: str) -> str:
    """The first line of the description of a group's project: it tells which project that is."""
    return f"{_MARK}{group}"


def group_marked(description: str | None) -> str | None:
    """The review group whose project has this description, None for a project that is not ours."""
    first = (description or "").partition("\n")[0].strip()
    return first.removeprefix(_MARK) if first.startswith(_MARK) else None


def task_row(task: ReviewTask, link: str = "") -> dict[str, Any]:
    """A task as it is imported, with the prediction that it shows."""
    shown = prediction_of(task)
    return {"data": task_data(task, link), "predictions": [shown] if shown else []}


def task_data(task: ReviewTask, link: str = "") -> dict[str, str]:
    """What a task shows; all of it is text but the link to its receipt, and the priority sorts as text."""
    return {
        "email_id": task.email_id,
        "subject": task.subject or "(no subject)",
        "header_line": f"{task.sender or 'unknown sender'}, {task.received_at:%Y-%m-%d %H:%M} UTC",
        "body": task.body,
        "suggestion": _suggestion(task),
        "reasons": _reasons(task),
        "department": task.suggestion or (IS_BLIND if task.blind else IS_UNSURE),
        "priority": f"{task.priority:.9f}",
        "receipt": receipt_shown(link),
    }


def receipt_shown(link: str) -> str:
    """The one field that the screen shows as markup: nothing of a mail may be in it."""
    return f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer">{RECEIPT}</a>' if link else ""


def _reasons(task: ReviewTask) -> str:
    """The words that weighed most for the suggestion; where there is none, those of what such mails are about."""
    return f"{'About' if task.blind else 'Because of'}: {', '.join(task.reasons)}" if task.reasons else ""


def _suggestion(task: ReviewTask) -> str:
    if task.suggestion:
        return f"{task.suggestion}, {100 * task.confidence:.0f} % sure"
    return BLIND if task.blind else UNSURE


def prediction_of(task: ReviewTask) -> dict[str, Any] | None:
    """The prediction that a task shows, None where it shows none; its score is the confidence."""
    if task.department is None:
        return None
    chosen = {"from_name": DEPARTMENT, "to_name": BODY, "type": "choices", "value": {"choices": [task.department]}}
    return {"model_version": task.version, "score": task.confidence, "result": [chosen]}


def task_name(project: int, number: int) -> str:
    """How the ledger names a task: numbers alone would not tell which project it was in once that is gone."""
    return f"{project}/{number}"


def numbers_by_project(names: Iterable[str]) -> dict[int, dict[int, str]]:
    """These tasks' names by project and number; other queues' names are left out."""
    found: dict[int, dict[int, str]] = {}
    for name in names:
        project, slash, number = name.partition("/")
        if slash and project.isdecimal() and number.isdecimal():
            found.setdefault(int(project), {})[int(number)] = name
    return found
