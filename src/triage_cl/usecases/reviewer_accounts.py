"""What every reviewer did so far, from the ledger alone; reviewers are pseudonyms."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp
from statistics import median

from triage_cl.domain.corrections import Correction, Origin, Source, effective_lessons
from triage_cl.domain.double_reviews import DoubleReview, Outcome
from triage_cl.domain.reviewers import Trust
from triage_cl.domain.second_looks import Opinion
from triage_cl.statistics.estimators import Interval
from triage_cl.statistics.reviewers import Difference, agreement, anchoring, cohens_kappa
from triage_cl.usecases.double_reviews import Docket, docket_at
from triage_cl.usecases.learn import answers_in, trust_at
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.reviewer_evidence import Flag
from triage_cl.usecases.second_looks import brought_by_look

#: A pause longer than this ends a sitting.
SITTING = timedelta(minutes=5)
#: How many confusions are told, the most frequent first, and how many of the last mails anchoring is told from.
CONFUSIONS, ANCHORED = 3, 20_000
#: Beyond this a number is as good as any larger one, and still one in JSON.
LARGEST_LOG = 690.0


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often somebody said one department where it was settled as another."""

    said: str
    right: str
    times: int


@dataclass(frozen=True, slots=True)
class Pace:
    """The median of the seconds between two answers of a sitting, and how many answers an hour of sitting brings."""

    seconds: float
    an_hour: float


@dataclass(frozen=True, slots=True)
class Pull:
    """How often the suggestion is the answer where it is shown and where not, and the difference; None: unknown."""

    shown: float | None
    blind: float | None
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Doubles:
    """A reviewer's double reviews: those that can be compared, those judged of them, those that went against them.

    `agreement` and `kappa` are of those that chance alone chose; aimed ones say nothing of the rest.
    """

    compared: int
    judged: int
    against: int
    agreement: Interval | None
    kappa: float | None
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True)
class ReviewerAccount:
    """What a reviewer did so far.

    `answers` are all, second looks and `withheld` ones included; `lessons` those that teach today. `e_value` is the
    evidence that they err more often than is tolerated, as it was when they were flagged if they are.
    """

    reviewer: str
    answers: int
    withheld: int
    lessons: int
    pace: Pace | None
    pull: Pull
    doubles: Doubles
    e_value: float
    flag: Flag | None
    taken_out: bool
    since: datetime | None


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """All reviewers, those with the most answers first.

    `waiting` disagreements have no verdict yet; `doubled` is the share of answered mails that are reviewed twice;
    `needed` the evidence from which the first of so many reviewers is flagged.
    """

    reviewers: tuple[ReviewerAccount, ...]
    lessons: int
    waiting: int
    doubled: float
    needed: float
    pull: Pull


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer as it was given: at a mail or at a second look."""

    reviewer: str
    at: datetime
    withheld: bool


#: Whose answer it is, whether the suggestion was shown, and whether it is the answer.
_Pulled = tuple[str, bool, bool]


def staff_account(ledger: Ledger) -> StaffAccount:
    """What all reviewers did so far."""
    docket, trust, answers = (
        docket_at(ledger),
        trust_at(ledger),
        list(answers_in(ledger.facts(kinds=[Correction.kind]))),
    )
    given = list(_given(ledger, (answer for _, answer in answers)))
    lessons = _lessons_by(trust, answers, docket.taxonomy.teaches)
    pulled, reviews = list(_pulled(ledger, docket, answers)), docket.reviews()
    times, pulls = defaultdict[str, list[datetime]](list), defaultdict[str, list[_Pulled]](list)
    for one in given:
        times[one.reviewer].append(one.at)
    for pull in pulled:
        pulls[pull[0]].append(pull)
    withheld = Counter(one.reviewer for one in given if one.withheld)
    mails = {answer.email_id for _, answer in answers if _is_own(answer)}
    return StaffAccount(
        tuple(
            ReviewerAccount(
                reviewer=name,
                answers=len(answered),
                withheld=withheld[name],
                lessons=lessons[name],
                pace=pace_of(answered),
                pull=_pull(pulls[name], clustered=False),
                doubles=doubles_of(name, reviews),
                e_value=exp(min(LARGEST_LOG, docket.evidence.log_e_value(name))),
                flag=docket.evidence.flagged.get(name),
                taken_out=name in trust.taken_out,
                since=trust.taken_out.get(name),
            )
            for name, answered in sorted(times.items(), key=lambda item: (-len(item[1]), item[0]))
        ),
        lessons=lessons.total(),
        waiting=sum(review.outcome is Outcome.WAITING for review in reviews),
        doubled=len(reviews) / len(mails) if mails else 0.0,
        needed=exp(docket.evidence.enough),
        pull=_pull(pulled, clustered=True),
    )


def _is_own(answer: Correction) -> bool:
    """Whether somebody gave this of themselves: no archive, no second look, not what holds again."""
    repeated = brought_by_look(answer) or "~" in answer.answer_id
    return answer.department is not None and answer.source is not Source.IMPORT and not repeated


def _given(ledger: Ledger, answers: Iterable[Correction]) -> Iterator[_Given]:
    for answer in answers:
        if _is_own(answer):
            yield _Given(answer.reviewer, answer.answered_at, answer.withheld)
    for recorded in ledger.facts(kinds=[Opinion.kind]):
        opinion = recorded.fact
        if isinstance(opinion, Opinion) and opinion.department is not None:
            yield _Given(opinion.reviewer, opinion.answered_at, withheld=False)


def _lessons_by(
    trust: Trust, answers: Sequence[tuple[int, Correction]], teaches: Callable[[str], str | None]
) -> Counter[str]:
    """How many of today's lessons each reviewer taught; an archive's are nobody's."""
    by_position = dict(answers)
    lessons = effective_lessons(trust.counting(answers))
    taught = (by_position[lesson.position] for lesson in lessons if teaches(lesson.department) is not None)
    return Counter(answer.reviewer for answer in taught if answer.source is not Source.IMPORT)


def pace_of(times: Iterable[datetime]) -> Pace | None:
    """The pace of answers given at these times; None where no two are of one sitting."""
    ordered = sorted(times)
    pauses = [later - earlier for earlier, later in pairwise(ordered)]
    seconds = [pause.total_seconds() for pause in pauses if pause <= SITTING]
    if not seconds:
        return None
    # Several tasks can be answered by one click.
    return Pace(median(seconds), 3600 * len(seconds) / max(1.0, sum(seconds)))


def _pulled(ledger: Ledger, docket: Docket, answers: Sequence[tuple[int, Correction]]) -> Iterator[_Pulled]:
    """First answers of the last mails that were drawn and have a suggestion, but not disputed: that is always blind."""
    first: dict[str, Correction] = {}
    for _, answer in answers:
        if answer.source is Source.REVIEW and _is_own(answer):
            first.setdefault(answer.email_id, answer)
    lately = dict(list(first.items())[-ANCHORED:])
    for email_id, decision in ledger.decisions_of(list(lately)).items():
        answer = lately[email_id]
        if decision.department is None or decision.disputed or answer.department is None:
            continue
        if answer.blind:
            suggested, said = (docket.taxonomy.teaches(id) for id in (decision.department, answer.department))
            yield answer.reviewer, False, suggested == said
        elif answer.origin is not Origin.SCRATCH:
            yield answer.reviewer, True, answer.origin is Origin.ACCEPTED


def _pull(pulled: Sequence[_Pulled], clustered: bool) -> Pull:
    shown, blind = ([one for one in pulled if one[1] is is_shown] for is_shown in (True, False))
    taken = [[accepted for _, _, accepted in arm] for arm in (shown, blind)]
    names = [[name for name, _, _ in arm] for arm in (shown, blind)] if clustered else [None, None]
    shares = [sum(arm) / len(arm) if arm else None for arm in taken]
    return Pull(shares[0], shares[1], anchoring(taken[0], taken[1], names[0], names[1]))


def doubles_of(reviewer: str, reviews: Iterable[DoubleReview]) -> Doubles:
    """What the double reviews tell of a reviewer."""
    mine = [(review, *_sides(review, reviewer)) for review in reviews if review.second is not None]
    compared = [one for one in mine if one[1] is not None and one[0].outcome is not Outcome.NOTHING]
    lost = [(said, review.right) for review, said, _ in compared if said and _is_against(review, reviewer)]
    random = [(review, said or "", other or "") for review, said, other in compared if not review.aim]
    confused = Counter((said, right) for said, right in lost if right is not None)
    return Doubles(
        compared=len(compared),
        judged=sum(review.outcome.judged for review, _, _ in compared),
        against=len(lost),
        agreement=agreement(sum(review.outcome is Outcome.AGREED for review, _, _ in random), len(random)),
        kappa=cohens_kappa([said for _, said, _ in random], [other for _, _, other in random]),
        confusions=tuple(Confusion(*pair, times) for pair, times in confused.most_common(CONFUSIONS)),
    )


def _sides(review: DoubleReview, reviewer: str) -> tuple[str | None, str | None]:
    """What a reviewer said and what the other one did; None where they had no part in it."""
    if review.second is None or reviewer not in (review.first.reviewer, review.second.reviewer):
        return None, None
    said, other = (review.first, review.second) if review.first.reviewer == reviewer else (review.second, review.first)
    return said.department, other.department


def _is_against(review: DoubleReview, reviewer: str) -> bool:
    loser = {Outcome.AGAINST_FIRST: review.first, Outcome.AGAINST_SECOND: review.second}.get(review.outcome)
    return loser is not None and loser.reviewer == reviewer
