"""Edits of old answers while new ones arrive: how soon each counts, and whether the live learner stays right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from time import perf_counter, sleep

from triage_cl.adapters.lesson_ledger import fill
from triage_cl.adapters.refolding import BackgroundRefold
from triage_cl.adapters.sql.ledger import Ledger
from triage_cl.adapters.sql.migrate import migrate
from triage_cl.domain.corrections import Correction
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import DEFAULT_RECIPE, find_recipe
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.checkpoints import Checkpoints
from triage_cl.usecases.learn import answers_in, fold, follow

#: Answers at the end of the ledger that count as recent.
RECENT = 10_000
#: How often the live learner looks into the ledger, and how often a new answer arrives, seconds.
LOOK, ARRIVAL = 0.05, 0.1
SEED = 0

_BURSTS = 20
_CHECKS = 5
_SINGLE_EDITS = 5


@dataclass
class Edited:
    """What was measured: seconds until edits counted and until new lessons were live; checks, and those that failed."""

    recent: list[float] = field(default_factory=list)
    oldest: list[float] = field(default_factory=list)
    bursts: list[float] = field(default_factory=list)
    lessons: list[float] = field(default_factory=list)
    checks: int = 0
    differing: int = 0

    def lesson_delay(self, part: float) -> float:
        """The seconds within which this part of the new lessons was live; 0 where there were none."""
        ordered = sorted(self.lessons)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


class EditLoad:
    """A ledger of `lessons` lessons in `folder`, a live learner that follows it, reviewers who change their minds."""

    def __init__(self, folder: Path, lessons: int) -> None:
        keys = Keys.from_seed(SEED)
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        migrate(self.ledger.engine)
        self.new = iter(fill(self.ledger, lessons, keys, SEED, waiting=max(1_000, lessons // 10)))
        self.answers = [answer for _, answer in answers_in(self.ledger.facts(kinds=[Correction.kind]))]
        self.departments = sorted({answer.department for answer in self.answers if answer.department})
        checkpoints = Checkpoints(folder / "checkpoints")
        self.refold = BackgroundRefold(checkpoints)
        recipe, key, head = find_recipe(DEFAULT_RECIPE), keys.subkey("features"), self.ledger.position()
        self.learner = checkpoints.fold(self.ledger, recipe, key, 0, head)
        self.chance = Random(SEED)  # noqa: S311  (repeatable, nothing secret)
        self.measured = Edited()
        self._edits = 0

    def run(self, edits: int, progress: Callable[[int], None]) -> Edited:
        """Single edits of recent and of old answers, then `edits` edits and deletes in bursts; checked meanwhile."""
        recent, oldest = self.answers[-RECENT:], self.answers[: max(1, len(self.answers) // 100)]
        for _ in range(_SINGLE_EDITS):
            self.measured.recent.append(self._settled([self._edit(recent)]))
            self.measured.oldest.append(self._settled([self._edit(oldest)]))
        for burst in range(_BURSTS):
            self.measured.bursts.append(self._settled([self._edit(self.answers) for _ in range(edits // _BURSTS)]))
            if burst % (_BURSTS // _CHECKS) == 0:
                self._check()
            progress(burst + 1)
        self._append([self._edit(self.answers)])
        self._look()
        self._check()
        return self.measured

    def close(self) -> None:
        """Let go of the ledger, once nothing folds it any more."""
        self.refold.close()
        self.ledger.close()

    def _edit(self, answers: Sequence[Correction]) -> Correction:
        """One of them answered anew: another department, or none in one case of four."""
        self._edits += 1
        old = self.chance.choice(answers)
        department = None if self.chance.random() < 0.25 else self.chance.choice(self.departments)
        answered_at = old.answered_at + timedelta(seconds=self._edits)
        return replace(old, department=department, answered_at=answered_at, answer_id=f"edit:{self._edits}")

    def _append(self, corrections: Sequence[Correction]) -> int:
        self.ledger.append(corrections, corrections[-1].answered_at)
        return self.ledger.position()

    def _look(self) -> Learner:
        self.learner = follow(self.ledger, self.learner, self.refold)
        return self.learner

    def _settled(self, corrections: Sequence[Correction]) -> float:
        """Seconds until these count in the live learner; new answers arrive meanwhile and are timed as well."""
        position, started = self._append(corrections), perf_counter()
        arrived: list[tuple[int, float]] = []
        while self._look().as_of < position:
            now = perf_counter()
            self.measured.lessons += [now - at for place, at in arrived if place <= self.learner.through]
            arrived = [(place, at) for place, at in arrived if place > self.learner.through]
            if not arrived or now - arrived[-1][1] > ARRIVAL:
                arrived.append((self._append([next(self.new)]), perf_counter()))
            sleep(LOOK)
        return perf_counter() - started

    def _check(self) -> None:
        learner = self.learner
        replayed = fold(self.ledger, DEFAULT_RECIPE, learner.key, 0, learner.through, learner.as_of)
        self.measured.checks += 1
        self.measured.differing += replayed.fingerprint() != learner.fingerprint()
