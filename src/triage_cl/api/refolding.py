"""Folding a rewritten learner again beside the desk, so that an edit of an old lesson keeps no mail waiting."""

from concurrent.futures import Future, ThreadPoolExecutor

from triage_cl.domain.versions import entrant_of
from triage_cl.learning.learner import Learner
from triage_cl.usecases.learn import fold, follow
from triage_cl.usecases.ledger import Ledger


class BackgroundRefold:
    """Folds in a thread of its own; meanwhile the learner that there is goes on as it is.

    Edits that come while one is being folded share the next fold. Only the desk's thread calls this.
    """

    def __init__(self) -> None:
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
            recipe, key, start = learner.recipe.name, learner.key, learner.start
            self._running[entrant] = self._pool.submit(fold, ledger, recipe, key, start, head, head)
            return learner
        if not running.done():
            return learner
        return follow(ledger, self._running.pop(entrant).result(), self)
