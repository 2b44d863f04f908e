"""Learners kept on the way, so that one whose lessons were rewritten need not be folded from the start."""

from contextlib import suppress
from pathlib import Path

from triage_cl.domain.versions import entrant_of
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import Recipe
from triage_cl.usecases.learn import FOLLOWED, answers_in, lessons_between, rewrites, teach, untaught
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.snapshots import Snapshots

#: So many lessons lie between checkpoints, and so many are kept: an edit of one of the last fifteen thousand answers
#: costs a fold of twenty thousand at most.
EVERY, KEPT = 5_000, 4


class Checkpoints:
    """Keeps a learner every so many lessons, and folds again from the last one that no edit has touched.

    A checkpoint is a snapshot: it holds the lessons up to its `through`, as edits stood at its `as_of`. It serves as
    long as no mail that had an answer by `through` got another after `as_of`, no department ended since, and nobody was
    taken out or reinstated. Without a folder nothing is kept.
    """

    def __init__(self, folder: Path | None = None, every: int = EVERY) -> None:
        self._snapshots = Snapshots(folder, KEPT)
        self._every = every
        self._kept: dict[str, int] = {}

    def keep(self, learner: Learner) -> None:
        """Keep a learner that has counted all edits, if it has learned enough since the last one.

        A checkpoint only saves time: a full disk is no reason to stop.
        """
        entrant = entrant_of(learner.recipe.name, learner.start)
        if learner.lessons - self._kept.setdefault(entrant, 0) >= self._every:
            self._kept[entrant] = learner.lessons
            with suppress(OSError):
                self._snapshots.save(learner)

    def fold(self, ledger: Ledger, recipe: Recipe, key: bytes, start: int, head: int) -> Learner:
        """The learner that the ledger makes of a recipe at `head`; the same as folded from the start."""
        learner = self._newest(ledger, recipe, key, start, head)
        self._kept[entrant_of(recipe.name, start)] = learner.lessons
        lessons = lessons_between(ledger, learner.through, head, head)
        for begin in range(0, len(lessons), self._every):
            part = lessons[begin : begin + self._every]
            teach(ledger, learner, part)
            learner.through, learner.as_of = part[-1].position, head
            self.keep(learner)
        learner.through = learner.as_of = head
        return learner

    def _newest(self, ledger: Ledger, recipe: Recipe, key: bytes, start: int, head: int) -> Learner:
        """The last checkpoint that serves, or a learner that was taught nothing; others are deleted."""
        fresh = untaught(ledger, recipe, key, start)
        for path, learner in self._snapshots.newest_first(entrant_of(recipe.name, start), key):
            if learner is not None and learner.encoder == fresh.encoder and _untouched(ledger, learner, head):
                return learner
            path.unlink(missing_ok=True)
        return fresh


def _untouched(ledger: Ledger, learner: Learner, head: int) -> bool:
    """Whether the lessons of a learner are what they would be at `head`."""
    if not learner.through <= learner.as_of <= head:
        return False
    since = list(ledger.facts(after=learner.as_of, until=head, kinds=FOLLOWED))
    if rewrites(ledger, since):
        return False
    mails = list({correction.email_id for _, correction in answers_in(since)})
    return not ledger.corrected_before(mails, learner.through)
