"""Reviewers under chaos: a seed tells everything that they do, whatever they do it on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from feedback.chaos_board import Board
from feedback.double import Row, chosen
from triage_cl.adapters.label_studio.tasks import MARKS

#: A department that never existed: Label Studio would take it.
NOBODYS = "nobody's"
#: How many tasks are chosen for what is done to several at once.
SEVERAL = 3


@dataclass
class Said:
    """An annotation as its reviewers know it."""

    annotation: int
    reviewer: int
    result: Sequence[Row]
    skipped: bool = False


@dataclass
class Staff:
    """Reviewers who answer, change, skip, delete and mistake, at random."""

    board: Board
    departments: Sequence[str]
    random: Random
    _said: dict[str, list[Said]] = field(init=False)

    def __post_init__(self) -> None:
        self._said = {mail: [] for mail in sorted(self.board.tasks)}

    def act(self) -> None:
        """One thing that somebody does."""
        [way] = self.random.choices(list(WAYS), weights=list(WAYS.values()))
        way(self)

    def submit(self) -> None:
        """An answer to any task, mostly one without."""
        mail, reviewer, result = self._any_mail(), self._anybody(), self._says()
        self._said[mail].append(Said(self.board.submit(mail, reviewer, result), reviewer, result))

    def skip(self) -> None:
        """A skip of any task."""
        mail, reviewer = self._any_mail(), self._anybody()
        self._said[mail].append(Said(self.board.submit(mail, reviewer, [], skipped=True), reviewer, [], skipped=True))

    def accept(self) -> None:
        """The predictions of several tasks accepted by one click."""
        reviewer = self._anybody()
        for mail, (annotation, result) in self.board.accept(self._some_mails(), reviewer).items():
            self._said[mail].append(Said(annotation, reviewer, result))

    def change(self) -> None:
        """An answer changed by anybody."""
        self._save(self._any_said(), self._anybody(), self._says())

    def save_again(self) -> None:
        """An answer saved as it was."""
        said = self._any_said(answers=True)
        self._save(said, said.reviewer if said else 0, said.result if said else [])

    def _save(self, said: Said | None, reviewer: int, result: Sequence[Row]) -> None:
        if said is None:
            self.submit()
            return
        self.board.change(said.annotation, reviewer, result)
        said.reviewer, said.result, said.skipped = reviewer, result, False

    def withdraw(self) -> None:
        """An annotation deleted."""
        said = self._any_said()
        if said is None:
            self.submit()
            return
        self.board.withdraw(said.annotation)
        for every in self._said.values():
            every[:] = [one for one in every if one is not said]

    def clear(self) -> None:
        """All annotations of several tasks deleted by one click."""
        mails = [mail for mail in self._some_mails() if self._said[mail]]
        if mails:
            self.board.clear(mails)
            self._said |= {mail: [] for mail in mails}

    def bring_in(self) -> None:
        """An answered task about a mail that was offered, imported by somebody."""
        self.board.bring_in(self._any_mail(), self._anybody(), self._says())

    def delete_task(self) -> None:
        """A task deleted; the last ones stay, so that there is work."""
        if len(self._said) * 2 < len(self.board.tasks):
            self.submit()
            return
        mail = self.random.choice(list(self._said))
        self.board.delete_task(mail)
        del self._said[mail]

    def _any_mail(self) -> str:
        fresh = [mail for mail, said in self._said.items() if not said]
        return self.random.choice(fresh if fresh and self.random.random() < 0.7 else list(self._said))

    def _some_mails(self) -> list[str]:
        return self.random.sample(list(self._said), k=min(SEVERAL, len(self._said)))

    def _any_said(self, answers: bool = False) -> Said | None:
        found = [one for said in self._said.values() for one in said if not (answers and one.skipped)]
        return self.random.choice(found) if found else None

    def _anybody(self) -> int:
        return self.random.randrange(self.board.reviewers)

    def _says(self) -> list[Row]:
        department = self.random.choice(self.departments)
        match self.random.random():
            case drawn if drawn < 0.04:
                return chosen([NOBODYS])
            case drawn if drawn < 0.07:
                return []
            case drawn if drawn < 0.09:
                return chosen([department, f"{self.departments[0]}?"])
            case drawn if drawn < 0.19:
                return chosen([department], [self.random.choice(MARKS)])
        return chosen([department])


#: What reviewers do, and how often.
WAYS: dict[Callable[[Staff], None], int] = {
    Staff.submit: 40,
    Staff.change: 20,
    Staff.withdraw: 12,
    Staff.skip: 10,
    Staff.save_again: 8,
    Staff.accept: 4,
    Staff.clear: 2,
    Staff.bring_in: 2,
    Staff.delete_task: 2,
}
