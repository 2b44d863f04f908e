"""The state of a deployment at a glance, from the ledger alone: what a console keeps on its screen.

Looking costs about the same however long the ledger is: counts are carried on from the last look, estimates are about
at most the last fortnight and the last 20,000 decisions, and made anew only when something was recorded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from triage_cl.domain.corrections import ANSWER_WINDOW
from triage_cl.domain.decisions import Decision
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.facts import Recorded
from triage_cl.domain.promotion import PromotionRule
from triage_cl.domain.versions import CHAMPION, AliasMoved, ModelVersion, entrant_in
from triage_cl.learning.recipes import find_recipe
from triage_cl.usecases.account import LATELY, Decided, decided_since
from triage_cl.usecases.console_ledger import ConsoleLedger, Volume
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Backlog
from triage_cl.usecases.promote import Judged, look
from triage_cl.usecases.retrain import standing_at

#: How many decisions estimates are about at most, and how many facts back today's corrections are looked for.
MOST_DECISIONS, MOST_FACTS = 20_000, 100_000
#: How many promotions are told, how many other moves of aliases, and how many moves are looked through for them.
PROMOTIONS, OTHER_MOVES, MOVES_SEEN = 4, 3, 500

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reign:
    """The champion: its version, since when its entrant acts, and how many corrections it will only learn retrained.

    `through` and `as_of` name the learner that made the last decision; before the champion's first, the registered one.
    """

    version: ModelVersion
    since: datetime | None
    through: int
    as_of: int
    unlearned: int


@dataclass(frozen=True, slots=True)
class Estimates:
    """What takes a moment to compute: decisions since `since` with their accuracy, all lessons, the duel."""

    since: datetime
    decided: Decided
    lessons: int
    duel: Judged | None


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who is sent decisions: how many it has not taken yet, and since when the first of them waits."""

    name: str
    behind: int
    waiting_since: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """A deployment at `at`.

    `hours` are today's up to now, `days` the last fortnight's, oldest first, all in UTC; `position` and `number` are
    those of the last fact and the last decision; `cursors` tells when each reader of the outside last came on.
    """

    at: datetime
    position: int
    number: int
    last_at: datetime | None
    hours: tuple[Volume, ...]
    days: tuple[Volume, ...]
    estimates: Estimates
    backlog: Backlog
    corrections_today: int
    reign: Reign | None
    drift: Recorded | None
    moves: tuple[Recorded, ...]
    quarantined: Mapping[str, int]
    cursors: Mapping[str, datetime]
    subscribers: tuple[Subscriber, ...]

    @property
    def today(self) -> Volume:
        """Today's mail so far."""
        return self.days[-1]


@dataclass
class Lookout:
    """Looks at a ledger again and again; `subscribers` names them by their cursors."""

    ledger: ConsoleLedger
    rule: PromotionRule
    window: timedelta = ANSWER_WINDOW
    subscribers: Mapping[str, str] = field(default_factory=dict)
    _number: int = 0
    _hours: dict[datetime, Volume] = field(default_factory=dict)
    _estimated: tuple[object, Estimates] | None = None

    def look(self, at: datetime) -> Overview:
        """The deployment as the ledger has it now, which is `at`."""
        ledger, today = self.ledger, midnight(at)
        self._count(today - LATELY + DAY)
        position, last = ledger.position(), next(iter(ledger.recent_decisions(1)), None)
        moves, cursors = ledger.latest(AliasMoved.kind, MOVES_SEEN), ledger.cursors()
        return Overview(
            at=at,
            position=position,
            number=self._number,
            last_at=last.decided_at if last else None,
            hours=tuple(self._sum(today + n * HOUR, HOUR) for n in range(int((at - today) / HOUR) + 1)),
            days=tuple(self._sum(today - n * DAY, DAY) for n in reversed(range(LATELY.days))),
            estimates=self._estimates(at, position),
            backlog=ledger.backlog(),
            corrections_today=ledger.corrections_since(today, position - MOST_FACTS, imported=False),
            reign=reign(ledger, moves, last),
            drift=next(iter(ledger.latest(DriftVerdict.kind, 1)), None),
            moves=worth_telling(moves),
            quarantined=ledger.quarantined(),
            cursors={name: moved for name, (_, moved) in cursors.items()},
            subscribers=tuple(
                self._subscriber(cursor, cursors[cursor][0]) for cursor in self.subscribers if cursor in cursors
            ),
        )

    def _count(self, since: datetime) -> None:
        number, news = self.ledger.volumes(self._number, since)
        if number < self._number:
            # Another ledger has taken its place, a restored one say.
            self._number, self._hours, self._estimated = 0, {}, None
            number, news = self.ledger.volumes(0, since)
        for volume in news:
            self._hours[volume.at] = total([self._hours.get(volume.at), volume], volume.at)
        self._hours = {at: volume for at, volume in self._hours.items() if at >= since}
        self._number = number

    def _sum(self, start: datetime, span: timedelta) -> Volume:
        hours = (start + n * HOUR for n in range(int(span / HOUR)))
        return total(map(self._hours.get, hours), start)

    def _subscriber(self, cursor: str, taken: str) -> Subscriber:
        first = self.ledger.feed(int(taken), 1)
        since = first[0][1].decided_at if first else None
        return Subscriber(self.subscribers[cursor], max(0, self._number - int(taken)), since)

    def _estimates(self, at: datetime, position: int) -> Estimates:
        state = (position, self._number, at.replace(minute=0, second=0, microsecond=0))
        if self._estimated is None or self._estimated[0] != state:
            self._estimated = (state, estimates(self.ledger, self.rule, at, self.window))
        return self._estimated[1]


def midnight(at: datetime) -> datetime:
    """When the day began, in UTC."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def total(volumes: Iterable[Volume | None], at: datetime) -> Volume:
    """The volumes together, as that of what begins at `at`."""
    known = [volume for volume in volumes if volume is not None]
    return Volume(at, *(sum(getattr(volume, part) for volume in known) for part in ("mails", "automatic", "drawn")))


def estimates(ledger: ConsoleLedger, rule: PromotionRule, at: datetime, window: timedelta) -> Estimates:
    """Accuracy lately, lessons, and the duel, as the ledger has them at `at`."""
    since = max(at - LATELY, ledger.start_of_last(MOST_DECISIONS) or EVER)
    taxonomy = taxonomy_at(ledger)
    taught = ledger.lessons_by_department().items()
    lessons = sum(count for department, count in taught if taxonomy.teaches(department) is not None)
    return Estimates(since, decided_since(ledger, since), lessons, look(ledger, rule, at, window))


def reign(ledger: ConsoleLedger, moves: Iterable[Recorded], last: Decision | None) -> Reign | None:
    """The champion as it made the `last` decision; None where there is no champion. `moves` are newest first."""
    version = standing_at(ledger).champion
    if version is None:
        return None
    acted = last if last is not None and last.version == version.version else version
    waits = find_recipe(version.recipe).kind == "batch"
    return Reign(
        version=version,
        since=began_at(moves, version.entrant),
        through=acted.through,
        as_of=acted.as_of,
        unlearned=ledger.corrections_since(EVER, version.as_of) if waits else 0,
    )


def began_at(moves: Iterable[Recorded], entrant: str) -> datetime | None:
    """Since when an entrant is champion without a break, told by moves of aliases, newest first."""
    crowned = [
        (r.at, r.fact.version or "") for r in moves if isinstance(r.fact, AliasMoved) and r.fact.alias == CHAMPION
    ]
    own = list(takewhile(lambda move: entrant_in(move[1]) == entrant, crowned))
    return own[-1][0] if own else None


def worth_telling(moves: Sequence[Recorded]) -> tuple[Recorded, ...]:
    """The last promotions and a few other moves, newest first: a challenger made every night hides no promotion."""
    promotions = [recorded for recorded in moves if is_promotion(recorded)]
    others = [recorded for recorded in moves if not is_promotion(recorded)]
    told = [*promotions[:PROMOTIONS], *others[:OTHER_MOVES]]
    return tuple(sorted(told, key=lambda recorded: -recorded.position))


def is_promotion(recorded: Recorded) -> bool:
    """Whether another entrant became champion by this."""
    move = recorded.fact
    if not isinstance(move, AliasMoved) or move.alias != CHAMPION:
        return False
    return entrant_in(move.version or "") != entrant_in(move.previous or "")
