"""Reviewers at the stand-in for Label Studio: a seed tells everything that they do, and what holds at the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from feedback.double import Event, LabelStudioDouble, Row, chosen
from triage_cl.adapters.label_studio.annotations import NO_LESSON
from triage_cl.adapters.label_studio.tasks import DEPARTMENT, FLAGS, MARKS
from triage_cl.usecases.chaos import Held

USERS = (7, 8, 9, 10)
#: A department that never existed: Label Studio would take it.
NOBODYS = "nobody's"
#: Seconds between two acts, at most; one in ten is committed later than others that began after it, by so many.
PACE, LATE, LATE_PART = 6.0, 20.0, 0.1


@dataclass
class Staff:
    """Reviewers who answer, change, skip, delete and mistake, at random."""

    double: LabelStudioDouble
    departments: Sequence[str]
    random: Random

    def act(self) -> Event:
        """One thing that somebody does; the webhook that Label Studio sends about it."""
        self.double.now += timedelta(seconds=self.random.uniform(0.1, PACE))
        [way] = self.random.choices(list(WAYS), weights=list(WAYS.values()))
        return way(self)

    def submit(self) -> Event:
        """An answer to any task, mostly one without."""
        task = self._any_task()
        return self.double.submit(task, self._user(), self._says(), self._time(task))

    def skip(self) -> Event:
        """A skip of any task."""
        task = self._any_task()
        return self.double.submit(task, self._user(), [], self._time(task), skipped=True)

    def turn_in(self) -> Event:
        """Several tasks answered by one click."""
        tasks = self.random.sample(sorted(self.double.tasks), k=min(3, len(self.double.tasks)))
        return self.double.turn_in(tasks, self._user(), self._says(), max(map(self._time, tasks)))

    def change(self) -> Event:
        """An answer changed by anybody."""
        found = self._annotation()
        if found is None:
            return self.submit()
        return self.double.change(found, self._user(), self._says(), self._time(found["task"]))

    def save_again(self) -> Event:
        """An answer saved as it was."""
        found = self._annotation()
        if found is None or found["was_cancelled"]:
            return self.submit()
        return self.double.change(found, found["updated_by"], found["result"], self._time(found["task"]))

    def withdraw(self) -> Event:
        """An annotation deleted."""
        found = self._annotation()
        return self.submit() if found is None else self.double.withdraw(found, self._time(found["task"]))

    def delete_task(self) -> Event:
        """A task deleted; the last ones stay, so that there is work."""
        if len(self.double.tasks) * 2 < len(self.double.mails):
            return self.submit()
        return self.double.delete_task(self.random.choice(sorted(self.double.tasks)))

    def _any_task(self) -> int:
        fresh = [number for number, task in self.double.tasks.items() if not task["annotations"]]
        return self.random.choice(fresh if fresh and self.random.random() < 0.7 else sorted(self.double.tasks))

    def _annotation(self) -> Row | None:
        found = [one for task in self.double.tasks.values() for one in task["annotations"]]
        return self.random.choice(found) if found else None

    def _user(self) -> int:
        return self.random.choice(USERS)

    def _says(self) -> list[Row]:
        department = self.random.choice(self.departments)
        match self.random.random():
            case drawn if drawn < 0.04:
                return chosen([NOBODYS])
            case drawn if drawn < 0.07:
                return []
            case drawn if drawn < 0.09:
                return chosen([department, self.departments[0] + "?"])
            case drawn if drawn < 0.19:
                return chosen([department], [self.random.choice(MARKS)])
        return chosen([department])

    def _time(self, task: int) -> datetime:
        """When the act began: now, or somewhat earlier for one whose commit took long."""
        late = self.random.uniform(0, LATE) if self.random.random() < LATE_PART else 0.0
        earliest: datetime = self.double.tasks[task]["updated_at"] + timedelta(microseconds=1)
        return max(earliest, self.double.now - timedelta(seconds=late))

    def held(self, pseudonym: Callable[[int], str]) -> dict[str, Held | None]:
        """What holds for every mail by the rules of the reference, told from the annotations alone."""
        found: dict[str, Held | None] = dict.fromkeys(self.double.mails)
        for task in self.double.tasks.values():
            found[task["data"]["email_id"]] = self._held(task["annotations"], pseudonym)
        return found

    def _held(self, annotations: Sequence[Row], pseudonym: Callable[[int], str]) -> Held | None:
        said = [one for one in annotations if not one["was_cancelled"]]
        if not said:
            return None
        last = max(said, key=lambda one: (one["updated_at"], one["id"]))
        picked = {one["from_name"]: one["value"]["choices"] for one in last["result"]}
        departments, flags = picked.get(DEPARTMENT, []), picked.get(FLAGS, [])
        if NO_LESSON & set(flags) or len(departments) != 1 or departments[0] not in self.departments:
            return None
        return Held(departments[0], tuple(flags), pseudonym(last["updated_by"]))


#: What reviewers do, and how often.
WAYS: dict[Callable[[Staff], Event], int] = {
    Staff.submit: 40,
    Staff.change: 20,
    Staff.withdraw: 12,
    Staff.skip: 10,
    Staff.save_again: 8,
    Staff.turn_in: 4,
    Staff.delete_task: 2,
}
