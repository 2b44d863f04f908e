"""One day under chaos: reviewers act, and the receiving side is told of it as well as the faults allow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from feedback.chaos_board import Board
from feedback.chaos_office import Office
from feedback.chaos_process import ReceiverProcess
from feedback.chaos_staff import Staff
from feedback.double import Event
from triage_cl.domain.errors import BadInput

#: So many acts until the live learner takes in what is new.
ACTS_A_LOOK = 20
#: How far a webhook may fall behind, in acts; for how many a killed process stays away, at most.
BEHIND, AWAY = 5, 3
#: How long a process that will be killed goes on, seconds, at most, within a webhook; after it, as long as a lookup.
WITHIN = 0.004
#: So many questions to Label Studio break off, where anything is lost at all.
BROKEN = 0.05
#: So many kills of the receiving side to one of Label Studio.
KILLS_AN_OUTAGE = 10


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: the parts of webhooks lost and doubled, whether they overtake each other, how many kills.

    Without `reconciles` nobody finds what was lost: then nothing may be said to hold.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: bool = False
    kills: int = 0
    reconciles: bool = True

    def check(self, acts: int) -> None:
        """Raise BadInput where so many acts are too few for them."""
        if self.kills > acts:
            raise BadInput(f"{self.kills} kills need at least as many acts of reviewers, not {acts}.")

    @property
    def outages(self) -> int:
        """How often Label Studio goes down."""
        return -(-self.kills // KILLS_AN_OUTAGE)


@dataclass
class Counts:
    """What happened to webhooks (`missed` ones met no process), processes and questions."""

    acts: int = 0
    sent: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0
    missed: int = 0
    kills: int = 0
    label_studio_killed: int = 0
    label_studio_stopped: int = 0
    broken_questions: int = 0


@dataclass
class Day:
    """Reviewers at work, and everything that goes wrong meanwhile."""

    office: Office
    board: Board
    staff: Staff
    faults: Faults
    random: Random
    counts: Counts = field(default_factory=Counts)
    process: ReceiverProcess = field(init=False)
    _under_way: list[tuple[int, int, Event]] = field(default_factory=list)
    _back_at: int = 0

    def __post_init__(self) -> None:
        breaking = BROKEN if self.faults.drop else 0.0
        self.process = ReceiverProcess(self.office, self.board, breaking, self.faults.reconciles)

    def pass_by(self, acts: int, acted: Callable[[], None]) -> Iterator[str]:
        """Let reviewers act so often, then let the receiving side come to rest; what it said was wrong."""
        doomed = set(self.random.sample(range(acts), self.faults.kills))
        outages = set(self.random.sample(range(acts), self.faults.outages))
        for act in range(acts):
            if act in outages:
                yield from self._go_without_label_studio(act)
            self.staff.act()
            self._send(act)
            yield from self._deliver(act, kills=act in doomed)
            if act % ACTS_A_LOOK == 0 and self.process.runs:
                yield from self._order("learn")
            acted()
        self.counts.acts, self._back_at = acts, 0
        yield from self._deliver(acts + BEHIND, kills=False)
        yield from self._order("settle")
        yield from self._order("learn")
        self.counts.broken_questions = self.process.broken

    def _go_without_label_studio(self, act: int) -> Iterator[str]:
        """Reviewers wait for Label Studio to come back; the receiving side has to do without it."""
        killed = self.random.random() < 0.5
        self.board.go_down(killed)
        self.counts.label_studio_killed += killed
        self.counts.label_studio_stopped += not killed
        yield from self._deliver(act - 1 + BEHIND, kills=False)
        self.board.come_up(self.process.go_on)

    def _send(self, act: int) -> None:
        """Put webhooks under way as often as they will arrive, for when they will."""
        for event in self.board.webhooks():
            lost, doubled = self.random.random() < self.faults.drop, self.random.random() < self.faults.duplicate
            copies = 0 if lost else 1 + doubled
            late = [self.random.randint(0, BEHIND) if self.faults.reorder else 0 for _ in range(copies)]
            self._under_way += [(act + behind, act, event) for behind in late]
            self.counts.sent += 1
            self.counts.dropped += copies == 0
            self.counts.duplicated += copies == 2
            self.counts.reordered += any(late)

    def _deliver(self, act: int, kills: bool) -> Iterator[str]:
        due = sorted((one for one in self._under_way if one[0] <= act), key=lambda one: one[:2])
        self._under_way = [one for one in self._under_way if one[0] > act]
        if act < self._back_at and not kills:
            self.counts.missed += len(due)
            return
        self.process.start()
        events: list[Event | None] = [event for *_, event in due]
        *before, last = events or [None]
        for event in before:
            yield from self._order("take", webhook=event)
        if kills:
            self._kill_within(act, last)
        elif last is not None:
            yield from self._order("take", webhook=last)

    def _order(self, do: str, **more: object) -> Iterator[str]:
        self.process.start()
        trouble = self.process.obeyed(do, **more)
        if trouble is not None:
            yield trouble

    def _kill_within(self, act: int, event: Event | None) -> None:
        """Kill the process while it takes a webhook, or some time after, while it looks things up."""
        if event is not None:
            self.process.tell("take", webhook=event)
        self.process.go_on(self.random.uniform(0, WITHIN if self.random.random() < 0.5 else self.board.lookup))
        self.process.kill()
        self.counts.kills += 1
        self._back_at = act + 1 + self.random.randint(0, AWAY)
