"""The review screen in a terminal: one mail at a time, one line to answer it."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel

from triage_cl.adapters.jsonl_reviews import JsonlReviews
from triage_cl.domain.departments import Department, Taxonomy
from triage_cl.domain.hierarchy import full_names, in_order
from triage_cl.usecases.last_answers import LastAnswers
from triage_cl.usecases.review import Answer, ReviewTask

#: How much of a mail is shown at once, characters.
SHOWN = 3_000


class Word(StrEnum):
    """What may be typed that is no department."""

    SKIP = "s"
    STOP = "q"


HELP = "number or name = department, Enter = accept the suggestion, s = skip, q = stop"


def answer_tasks(queue: JsonlReviews, taxonomy: Taxonomy, reviewer: str, clock: Callable[[], datetime]) -> int:
    """Ask about every open task until the reviewer stops or the input ends; how many were answered."""
    console = Console(highlight=False)
    departments = in_order(sorted(taxonomy.departments.values(), key=lambda department: department.name.casefold()))
    if not departments:
        console.print("There are no departments yet; `triage departments add NAME…` makes them.")
        return 0
    tasks = queue.open_tasks()
    answered = 0
    for number, task in enumerate(tasks, 1):
        console.print(_screen(task, departments, number, len(tasks)))
        choice = _ask(console, task, departments)
        if choice is Word.STOP:
            break
        department = choice.id if isinstance(choice, Department) else None
        answered += queue.give([_answer(task, department, reviewer, clock())])
    return answered


def sum_up(last: LastAnswers) -> str:
    """What a reviewer's last answers did, in one line."""
    did = f"{last.learned} learned, {last.changed} changed what the model says for their mail"
    return f"Your last answers: {last.given} given, {did}." if last.given else "You have named no department yet."


def _screen(task: ReviewTask, departments: Sequence[Department], number: int, total: int) -> Panel:
    suggestion = (
        f"[bold]{escape(task.suggestion)}[/] ({task.confidence:.0%} sure)"
        if task.suggestion
        else "[dim]no suggestion: decide for yourself[/]"
    )
    names = full_names(departments).values()
    choices = "   ".join(f"[bold]{i}[/] {escape(name)}" for i, name in enumerate(names, 1))
    text = task.body if len(task.body) <= SHOWN else task.body[:SHOWN] + " […]"
    return Panel(
        Group(
            f"[bold]{escape(task.subject) or '(no subject)'}[/]",
            f"[dim]from {escape(task.sender) or 'unknown'}, {task.received_at:%Y-%m-%d %H:%M} UTC[/]\n",
            escape(text) + "\n",
            f"Suggestion: {suggestion}",
            choices,
        ),
        title=f"{number} of {total}",
        subtitle=HELP,
    )


def _ask(console: Console, task: ReviewTask, departments: Sequence[Department]) -> "Department | Word":
    while True:
        console.print("Department: ", end="")
        line = sys.stdin.readline()
        if not line:
            return Word.STOP
        choice = understand(line.strip(), task.suggestion, departments)
        if choice is not None:
            return choice
        console.print(f"[yellow]Not understood.[/] {HELP}")


def understand(text: str, suggestion: str | None, departments: Sequence[Department]) -> "Department | Word | None":
    """The department or word that `text` means, None where it means nothing or more than one department.

    A team is meant by its own name and by that with its department's before it.
    """
    if text in {word.value for word in Word}:
        return Word(text)
    if text.isdecimal():
        return departments[int(text) - 1] if 1 <= int(text) <= len(departments) else None
    sought = (text or suggestion or "").casefold()
    full = full_names(departments)
    matching = [department for department in departments if department.name.casefold().startswith(sought)]
    exact = [one for one in departments if sought in (one.name.casefold(), full[one.id].casefold())]
    found = exact or (matching if text else [])
    return found[0] if len(found) == 1 else None


def _answer(task: ReviewTask, department: str | None, reviewer: str, at: datetime) -> Answer:
    return Answer(
        answer_id=f"{task.email_id}:{reviewer}:{at.isoformat()}",
        email_id=task.email_id,
        department=department,
        suggestion=task.suggestion,
        blind=task.blind,
        reviewer=reviewer,
        answered_at=at,
    )
