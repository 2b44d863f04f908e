"""Where reviewers act under chaos: a port, whose adapters are the stand-in for Label Studio and a real server."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from feedback.chaos_office import Ask, Office
from feedback.double import Event, Row
from triage_cl.adapters.label_studio.annotations import NO_LESSON
from triage_cl.adapters.label_studio.tasks import DEPARTMENT, FLAGS
from triage_cl.usecases.chaos import Held


class Board(Protocol):
    """Tasks about mails, and everything that reviewers may do with them; they are numbered from 0."""

    url: str
    token: str
    #: The task of each mail that was offered.
    tasks: Mapping[str, int]
    #: How many reviewers there are.
    reviewers: int
    #: How long it takes to answer what reconciliation asks, seconds, about.
    lookup: float

    @property
    def ask(self) -> Ask | None:
        """How it is asked from the process that acts; None: over the network."""
        ...

    @property
    def now(self) -> datetime:
        """Its clock."""
        ...

    def submit(self, mail: str, reviewer: int, result: Sequence[Row], skipped: bool = False) -> int:
        """Somebody answers or skips a task; the annotation."""
        ...

    def change(self, annotation: int, reviewer: int, result: Sequence[Row]) -> None:
        """Somebody saves an annotation, which may say the same as before."""
        ...

    def withdraw(self, annotation: int) -> None:
        """Somebody deletes an annotation."""
        ...

    def accept(self, mails: Sequence[str], reviewer: int) -> Mapping[str, tuple[int, Sequence[Row]]]:
        """Somebody turns the predictions of several tasks into annotations; those, with what they say, by mail."""
        ...

    def clear(self, mails: Sequence[str]) -> None:
        """Somebody deletes all annotations of several tasks by one click."""
        ...

    def bring_in(self, mail: str, reviewer: int, result: Sequence[Row]) -> None:
        """Somebody imports another task about a mail, which brings its annotation."""
        ...

    def delete_task(self, mail: str) -> None:
        """Somebody deletes a task, with its annotations."""
        ...

    def webhooks(self) -> Sequence[Event]:
        """What it sent since this was asked last."""
        ...

    def go_down(self, kill: bool, /) -> None:
        """End, in good order or not."""
        ...

    def come_up(self, meanwhile: Callable[[float], None]) -> None:
        """Be there again; until then `meanwhile` is called with so many seconds, again and again."""
        ...

    def state(self) -> Iterable[Row]:
        """All tasks with their annotations, asked for in a way of its own."""
        ...


#: The board of an office whose mail is to be offered there, for as long as a block takes.
Boards = Callable[[Office], AbstractContextManager[Board]]


def held(board: Board, departments: Sequence[str], pseudonym: Callable[[int], str]) -> dict[str, Held | None]:
    """What holds for every mail that was offered, by the rules of the reference, told from the annotations alone."""
    mails = {task: mail for mail, task in board.tasks.items()}
    found: dict[str, Held | None] = dict.fromkeys(board.tasks)
    for task in board.state():
        if task["id"] in mails:
            found[mails[task["id"]]] = _held(task["annotations"], departments, pseudonym)
    return found


def _held(annotations: Sequence[Row], departments: Sequence[str], pseudonym: Callable[[int], str]) -> Held | None:
    said = [one for one in annotations if not one["was_cancelled"]]
    if not said:
        return None
    last = max(said, key=lambda one: (one["updated_at"], one["id"]))
    picked = {one["from_name"]: one["value"]["choices"] for one in last["result"]}
    chosen, flags = picked.get(DEPARTMENT, []), picked.get(FLAGS, [])
    if NO_LESSON & set(flags) or len(chosen) != 1 or chosen[0] not in departments:
        return None
    return Held(chosen[0], tuple(flags), pseudonym(last["updated_by"] or last["completed_by"]))
