"""The board that is the stand-in for Label Studio: in this process, with a clock of its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

from feedback.chaos_board import Board
from feedback.chaos_office import OPENED, Office, Question
from feedback.double import Event, LabelStudioDouble, Row
from triage_cl.domain.review import ReviewGroups

USERS = (7, 8, 9, 10)
#: Seconds between two acts, at most; one in ten is committed later than others that began after it, by so many.
PACE, LATE, LATE_PART = 6.0, 20.0, 0.1


@contextmanager
def on_the_double(office: Office) -> Iterator[Board]:
    """The stand-in as a board, empty."""
    # Repeatable, and no secret.
    yield DoubleBoard(LabelStudioDouble(ReviewGroups().others, OPENED), Random(f"{office.seed} clock"))  # noqa: S311


class DoubleBoard:
    """The stand-in, acted on by reviewers, and what it sent."""

    url, token = "http://label-studio.test", ""
    reviewers, lookup = len(USERS), 0.05

    def __init__(self, double: LabelStudioDouble, random: Random) -> None:
        self.double, self._random = double, random
        self._sent: list[Event] = []
        self._is_down = False
        self.tasks: Mapping[str, int] = {}

    @property
    def now(self) -> datetime:
        """The stand-in's clock."""
        return self.double.now

    def ask(self, question: Question) -> tuple[int, object] | None:
        """What it answers, None where it is down."""
        if self._is_down:
            return None
        return self.double.answer(question["method"], question["path"], question["query"], question["body"])

    def submit(self, mail: str, reviewer: int, result: Sequence[Row], skipped: bool = False) -> int:
        """Somebody answers or skips a task; the annotation."""
        task = self.tasks[mail]
        event = self.double.submit(task, USERS[reviewer], result, self._time(task), skipped)
        self._sent.append(event)
        return int(event["annotation"]["id"])

    def change(self, annotation: int, reviewer: int, result: Sequence[Row]) -> None:
        """Somebody saves an annotation."""
        found = self._annotation(annotation)
        self._sent.append(self.double.change(found, USERS[reviewer], result, self._time(found["task"])))

    def withdraw(self, annotation: int) -> None:
        """Somebody deletes an annotation."""
        found = self._annotation(annotation)
        self._sent.append(self.double.withdraw(found, self._time(found["task"])))

    def accept(self, mails: Sequence[str], reviewer: int) -> Mapping[str, tuple[int, Sequence[Row]]]:
        """Somebody turns predictions into annotations."""
        tasks = {self.tasks[mail]: mail for mail in mails}
        event = self.double.accept(list(tasks), USERS[reviewer], max(map(self._time, tasks)))
        self._sent += [event] if event["annotation"] else []
        return {tasks[one["task"]]: (one["id"], one["result"]) for one in event["annotation"]}

    def clear(self, mails: Sequence[str]) -> None:
        """Somebody deletes all annotations of several tasks."""
        tasks = [self.tasks[mail] for mail in mails]
        self._sent.append(self.double.clear(tasks, max(map(self._time, tasks))))

    def bring_in(self, mail: str, reviewer: int, result: Sequence[Row]) -> None:
        """Somebody imports an answered task, of which no webhook tells."""
        self._time(self.tasks[mail])
        self.double.bring_in(self.tasks[mail], USERS[reviewer], result, self.double.now)

    def delete_task(self, mail: str) -> None:
        """Somebody deletes a task."""
        self._sent.append(self.double.delete_task(self.tasks[mail]))

    def webhooks(self) -> Sequence[Event]:
        """What it sent since this was asked last."""
        sent, self._sent = self._sent, []
        return sent

    def go_down(self, _kill: bool, /) -> None:
        """Answer no more questions."""
        self._is_down = True

    def come_up(self, meanwhile: Callable[[float], None]) -> None:
        """Answer again, after a while."""
        meanwhile(self.lookup)
        self._is_down = False

    def state(self) -> Iterable[Row]:
        """All tasks with their annotations."""
        return self.double.tasks.values()

    def _annotation(self, number: int) -> Row:
        return next(one for task in self.double.tasks.values() for one in task["annotations"] if one["id"] == number)

    def _time(self, task: int) -> datetime:
        """When an act begins: now, or somewhat earlier for one whose commit takes long."""
        self.double.now += timedelta(seconds=self._random.uniform(0.1, PACE))
        late = self._random.uniform(0, LATE) if self._random.random() < LATE_PART else 0.0
        earliest: datetime = self.double.tasks[task]["updated_at"] + timedelta(microseconds=1)
        return max(earliest, self.double.now - timedelta(seconds=late))
