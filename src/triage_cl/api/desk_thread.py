"""The one thread that owns the desk: what waits is decided in groups, and nobody is answered before the commit."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, perf_counter
from typing import TypeVar

from triage_cl.api.measures import Measures
from triage_cl.api.problems import LOG, PASSING, UNEXPECTED, Starting, Stopping, log_unexpected
from triage_cl.api.storing import Decided, Result, outcome_of, store
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.emails import Email, Unreadable
from triage_cl.domain.errors import TriageError
from triage_cl.usecases.triage import Desk

#: Between two looks into the ledger while no mail comes, and between two tries to open the desk.
IDLE_SECONDS = 0.1
RETRY_SECONDS = 2.0
#: How long the thread may be silent until it counts as stuck: a writer waits for another one up to 30 s.
STUCK_SECONDS = 45.0
#: After so many lessons a learner's snapshot is kept, so that a start after a crash has little to fold.
KEEP_LESSONS = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Served:
    """What mail is decided with: up to which fact the desk knows the ledger, and the champion's learner."""

    seen: int = 0
    version: str | None = None
    through: int = 0
    as_of: int = 0
    lessons: int = 0
    taxonomy: Taxonomy = field(default_factory=Taxonomy)

    @classmethod
    def by(cls, desk: Desk) -> "Served":
        """What this desk decides with."""
        champion = desk.champion
        learner = desk.learners[champion.entrant]
        return cls(desk.seen, champion.version, learner.through, learner.as_of, learner.lessons, desk.taxonomy)


@dataclass(slots=True)
class _Batch:
    """The mails of one request, answered together when the last one is durable."""

    found: Sequence[Email | Unreadable]
    results: list[Result | None]
    left: int
    done: "Future[list[Result]]"


class DeskThread:
    """Decides mail for all requests; what it serves with can be read by every thread.

    `open_desk` makes the desk, ready to decide; it may fail and is then called again until it succeeds. `group` is the
    number of mails in one transaction. `keep` saves the desk's learners.
    """

    def __init__(
        self,
        open_desk: Callable[[], Desk],
        keep: Callable[[Desk], None],
        group: int,
        clock: Callable[[], datetime],
        measures: Measures,
    ) -> None:
        self._open_desk, self._keep, self._group = open_desk, keep, group
        self._clock, self._measures = clock, measures
        self._news = threading.Condition()
        self._mails: deque[tuple[_Batch, int]] = deque()
        self._questions: deque[Callable[[], None]] = deque()
        self._desk: Desk | None = None
        self._retry_at = 0.0
        self._kept = 0
        self._stopping = False
        self._alive_at = monotonic()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self.served = Served()
        self.trouble: TriageError | None = Starting()
        self.trouble_since: datetime | None = clock()
        self.rate = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Decide what waits, keep the learners, end; give up after `seconds`."""
        with self._news:
            self._stopping = True
            self._news.notify()
        self._thread.join(seconds)

    @property
    def stuck(self) -> bool:
        """Whether nothing has moved for longer than any wait that ends by itself."""
        return monotonic() - self._alive_at > STUCK_SECONDS

    def decide(self, found: Sequence[Email | Unreadable]) -> "Future[list[Result]]":
        """What becomes of each mail, in this order, once it is durable.

        The future raises the reason (LedgerUnavailable, say) where nothing can be promised about some of them; sent
        again, those that were stored come back as repeated. Raises that reason at once while the desk is closed.
        """
        batch = _Batch(found, [None] * len(found), len(found), Future())
        # From here on it cannot be cancelled: whoever waits may go away, the mails are decided.
        batch.done.set_running_or_notify_cancel()
        if not found:
            batch.done.set_result([])
            return batch.done
        with self._news:
            self.check_open()
            self._mails.extend((batch, place) for place in range(len(found)))
            self._news.notify()
        return batch.done

    def ask(self, question: Callable[[Desk], T]) -> "Future[T]":
        """The desk's answer to a question, given between two groups; raises at once while the desk is closed."""
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()

        def answer_it() -> None:
            try:
                answer.set_result(question(self._opened()))
            except TriageError as error:
                answer.set_exception(error)
            except Exception as error:
                log_unexpected(error)
                answer.set_exception(TriageError(UNEXPECTED))

        with self._news:
            self.check_open()
            self._questions.append(answer_it)
            self._news.notify()
        return answer

    def check_open(self) -> None:
        """Raise the reason why mail cannot be decided now."""
        trouble = self.trouble
        if trouble is not None:
            # Without what was raised before: one error is told many times.
            raise trouble.with_traceback(None)
        if self._stopping:
            raise Stopping

    def _run(self) -> None:
        while (group := self._take()) or self._questions or not self._stopping:
            self._alive_at = monotonic()
            try:
                self._serve(group)
            except Exception as error:  # the outermost line of this thread: it outlives whatever happens
                self._close(group, error)
        if self._desk is not None:
            self._keep(self._desk)

    def _take(self) -> list[tuple[_Batch, int]]:
        """The next mails, as soon as there are any; none when it is time to look into the ledger."""
        with self._news:
            if not (self._mails or self._questions or self._stopping):
                self._news.wait(IDLE_SECONDS)
            group: list[tuple[_Batch, int]] = []
            while self._mails and len(group) < self._group:
                batch, place = self._mails.popleft()
                if not batch.done.done():
                    group.append((batch, place))
            return group

    def _serve(self, group: list[tuple[_Batch, int]]) -> None:
        if self._desk is None:
            self._open()
        while self._questions:
            self._questions.popleft()()
        if group:
            self._answer(group)
        else:
            self._idle()
            self._publish()

    def _open(self) -> None:
        if monotonic() < self._retry_at:
            self.check_open()
        self._desk = self._open_desk()
        if not isinstance(self.trouble, Starting):
            LOG.warning("mail is decided again")

    def _opened(self) -> Desk:
        if self._desk is None:
            self.check_open()
            raise Starting
        return self._desk

    def _close(self, group: Iterable[tuple[_Batch, int]], error: Exception) -> None:
        """Tell everybody in the group why; the desk is made anew, for nobody knows how far it had come."""
        if not isinstance(error, TriageError):
            log_unexpected(error)
            error = TriageError(UNEXPECTED)
        if self.trouble is None or str(self.trouble) != str(error):
            LOG.warning("mail cannot be decided: %s", error)
            self.trouble_since = self._clock()
        if monotonic() >= self._retry_at:
            self._retry_at = monotonic() + RETRY_SECONDS
        with self._news:
            self._desk, self.trouble = None, error
            waiting = [batch for batch, _ in (*group, *self._mails)]
            self._mails.clear()
            questions, self._questions = list(self._questions), deque()
        for batch in waiting:
            if not batch.done.done():
                batch.done.set_exception(error)
        for question in questions:
            question()

    def _idle(self) -> None:
        desk = self._opened()
        desk.refresh()
        lessons = desk.learners[desk.champion.entrant].lessons
        if lessons - self._kept >= KEEP_LESSONS:
            self._keep(desk)
            self._kept = lessons

    def _publish(self) -> None:
        self.served = Served.by(self._opened())
        self.trouble = self.trouble_since = None

    def _answer(self, group: Sequence[tuple[_Batch, int]]) -> None:
        began = perf_counter()
        results = self._results([batch.found[place] for batch, place in group])
        self._measure(results, perf_counter() - began)
        # Before the answers: whoever gets one finds the departments that it names.
        self._publish()
        for (batch, place), result in zip(group, results, strict=True):
            batch.results[place] = result
            batch.left -= 1
            if not batch.left:
                batch.done.set_result([one for one in batch.results if one is not None])

    def _results(self, found: Sequence[Email | Unreadable]) -> list[Result]:
        try:
            return store(self._opened(), found, self._clock())
        except PASSING:
            raise
        except Exception as error:
            if not isinstance(error, TriageError):
                log_unexpected(error)
            if len(found) > 1:
                # One of them spoils the transaction: each gets its own.
                self._desk = self._open_desk()
                return [result for item in found for result in self._results([item])]
            return [error if isinstance(error, TriageError) else TriageError(f"The mail is not decided. {UNEXPECTED}")]

    def _measure(self, results: Sequence[Result], seconds: float) -> None:
        measures = self._measures
        measures.group_mails.observe(len(results))
        measures.group_seconds.observe(seconds)
        for result in results:
            measures.mails.labels(outcome_of(result)).inc()
            if isinstance(result, Decided) and not result.repeated:
                measures.actions.labels(result.decision.action.value).inc()
        fresh = len(results) / max(seconds, 1e-6)
        self.rate = fresh if not self.rate else 0.9 * self.rate + 0.1 * fresh
