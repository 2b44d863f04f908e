"""Folding a rewritten learner again beside the desk, so that an edit of an old lesson keeps no mail waiting."""

from concurrent.futures import Future, ThreadPoolExecutor

from triage_cl.domain.versions import entrant_of
from triage_cl.learning.learner import Learner
from triage_cl.usecases.checkpoints import Checkpoints
from triage_cl.usecases.learn import follow
from triage_cl.usecases.ledger import Ledger


class BackgroundRefold:
    """Folds in a thread of its own, from the last checkpoint that serves; meanwhile the learner goes on learning.

    Edits that come while one is being folded share the next fold. Only the desk's thread calls this.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._pool = ThreadPoolExecutor(1, "refold")
        self._running: dict[str, Future[Learner]] = {}

    @property
    def ready(self) -> bool:
        """Whether a fold is done and not taken yet."""
        return any(running.done() for running in self._running.values())

    def __call__(self, ledger: Ledger, learner: Learner, head: int) -> Learner:
        """The learner folded again, and what came since; the same one while that is still being done."""
        entrant = entrant_of(learner.recipe.name, learner.start)
        running = self._running.get(entrant)
        if running is None:
            recipe, key, start = learner.recipe, learner.key, learner.start
            self._running[entrant] = self._pool.submit(self._checkpoints.fold, ledger, recipe, key, start, head)
            return learner
        if not running.done():
            return learner
        return follow(ledger, self._running.pop(entrant).result(), self)

    def close(self) -> None:
        """Wait for the fold that is running."""
        self._pool.shutdown()

    def keep(self, learner: Learner) -> None:
        """Make a checkpoint of it every so many lessons, but not while one is being folded: that makes its own."""
        if not self._running:
            self._checkpoints.keep(learner)
