"""Follow double reviews through the ledger: who said what, who was right, and what that tells of whom."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.departments import DepartmentChange, Taxonomy, fold_taxonomy
from triage_cl.domain.double_reviews import DoubleReview, Outcome, Said
from triage_cl.domain.facts import Recorded
from triage_cl.domain.reviewers import ReviewerChange, Trust, fold_trust
from triage_cl.domain.second_looks import Opinion, Purpose, SecondLook
from triage_cl.usecases.learn import CHANGES, TRUST
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.reviewer_evidence import Evidence
from triage_cl.usecases.second_looks import brought_by_look


def docket_at(ledger: Ledger, until: int | None = None) -> "Docket":
    """All double reviews, and the evidence of those judged, as the facts up to a position have them (None: all).

    A pure function of these facts and of the looks that were asked for: whoever computes it again gets the same.
    """
    looks = {look.id: look for look in ledger.looks_for(Purpose.DOUBLE, Purpose.VERDICT)}
    corrections = ledger.corrections_of(list({look.email_id for look in looks.values()}))
    docket = Docket(looks, corrections, Evidence(ledger))
    said = [one for one in ledger.facts(until=until, kinds=[Opinion.kind]) if _look_of(one) in looks]
    changes = ledger.facts(until=until, kinds=[*CHANGES, *TRUST])
    for recorded in sorted([*changes, *first_said(said)], key=lambda one: one.position):
        docket.hear(recorded)
    docket.heard = {_look_of(one) for one in said}
    return docket


def _look_of(recorded: Recorded) -> str:
    return recorded.fact.look_id if isinstance(recorded.fact, Opinion) else ""


def first_said(opinions: Iterable[Recorded]) -> Iterator[Recorded]:
    """Of each look the first opinion that names a department.

    What is said later changes no comparison: by then a reviewer may know that there is one.
    """
    seen = set[str]()
    for recorded in opinions:
        opinion = recorded.fact
        if isinstance(opinion, Opinion) and opinion.department is not None and opinion.look_id not in seen:
            seen.add(opinion.look_id)
            yield recorded


def first_answer(corrections: Sequence[Recorded]) -> tuple[int, Correction] | None:
    """The first answer of a mail that a person gave of themselves and that names a department, with its position.

    What is withheld is nobody's answer, and neither is an import.
    """
    for recorded in corrections:
        answer = recorded.fact
        if not isinstance(answer, Correction) or brought_by_look(answer) or answer.withheld:
            continue
        if answer.department is not None and answer.source is not Source.IMPORT:
            return recorded.position, answer
    return None


@dataclass
class Docket:
    """The double reviews of some looks, by mail, as far as facts were heard; facts come in order."""

    looks: Mapping[str, SecondLook]
    corrections: Mapping[str, Sequence[Recorded]]
    evidence: Evidence
    trust: Trust = field(default_factory=Trust)
    taxonomy: Taxonomy = field(default_factory=Taxonomy)
    heard: set[str] = field(default_factory=set)
    _reviews: dict[str, DoubleReview] = field(default_factory=dict)
    _departments: list[DepartmentChange] = field(default_factory=list)
    _trusted: list[ReviewerChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        for look in sorted(self.looks.values(), key=lambda look: (look.asked_at, look.id)):
            first = first_answer(self.corrections.get(look.email_id, ()))
            if first is not None and first[1].department is not None and look.email_id not in self._reviews:
                said = Said(first[1].reviewer, first[1].department)
                self._reviews[look.email_id] = DoubleReview(look.email_id, said, look.chance, look.aim)

    def hear(self, recorded: Recorded) -> None:
        """Take in the next fact."""
        fact = recorded.fact
        if isinstance(fact, Opinion):
            self._hear(fact, recorded)
        elif isinstance(fact, ReviewerChange):
            self._trusted.append(fact)
            self.trust = fold_trust(self._trusted)
        elif isinstance(fact, DepartmentChange):
            self._departments.append(fact)
            self.taxonomy = fold_taxonomy(self._departments)

    def _hear(self, opinion: Opinion, recorded: Recorded) -> None:
        review = self._reviews.get(opinion.email_id)
        if review is None or not self._counts(opinion, review):
            return
        if opinion.purpose is Purpose.DOUBLE and review.outcome is Outcome.OPEN:
            review = self._compared(review, opinion, recorded.position)
        elif opinion.purpose is Purpose.VERDICT and review.outcome is Outcome.WAITING:
            review = self._settled(review, opinion, recorded.position)
        else:
            return
        self._reviews[review.email_id] = review
        self.evidence.meet(one.reviewer for one in (review.first, review.second, review.third) if one is not None)
        if review.outcome.judged:
            self.evidence.judge(review, self.taxonomy, recorded)

    def _counts(self, opinion: Opinion, review: DoubleReview) -> bool:
        """Whether it is an answer by the right person: somebody else, whose answers count.

        Who is flagged settles nothing; who is suspected of the same is no second reviewer, being maybe in league.
        """
        said = [review.first, *([review.second] if review.second else [])]
        if opinion.reviewer in {one.reviewer for one in said}:
            return False
        if opinion.purpose is Purpose.VERDICT:
            doubtful = opinion.reviewer in self.evidence.flagged
        else:
            doubtful = self.evidence.suspected(opinion.reviewer, review.aim)
        if doubtful:
            return False
        return self.trust.trusts(opinion.reviewer, opinion.answered_at)

    def _compared(self, review: DoubleReview, opinion: Opinion, position: int) -> DoubleReview:
        """The review when the second answer is there; the first is what its reviewer stood by until then."""
        stood_by = self._stood_by(review, position)
        first, second = (self._today(one) for one in (stood_by, opinion.department))
        if first is None or second is None:
            return replace(review, outcome=Outcome.NOTHING, position=position)
        outcome = Outcome.AGREED if self.taxonomy.agree(first, second) else Outcome.WAITING
        return replace(
            review,
            first=replace(review.first, department=first),
            second=Said(opinion.reviewer, second),
            outcome=outcome,
            position=position,
        )

    def _stood_by(self, review: DoubleReview, position: int) -> str | None:
        own = None
        for recorded in self.corrections[review.email_id]:
            answer = recorded.fact
            if (
                isinstance(answer, Correction)
                and answer.reviewer == review.first.reviewer
                and recorded.position < position
            ):
                own = answer.department
        return own

    def _settled(self, review: DoubleReview, opinion: Opinion, position: int) -> DoubleReview:
        said, second = self._today(opinion.department), review.second
        if said is None or second is None:
            return replace(review, outcome=Outcome.NOTHING, position=position)
        for_first, for_second = (self.taxonomy.agree(said, one.department) for one in (review.first, second))
        outcome = Outcome.UNSETTLED
        if for_first != for_second:
            outcome = Outcome.AGAINST_SECOND if for_first else Outcome.AGAINST_FIRST
        return replace(review, third=Said(opinion.reviewer, said), outcome=outcome, position=position)

    def _today(self, department: str | None) -> str | None:
        return None if department is None else self.taxonomy.teaches(department)

    def reviews(self) -> list[DoubleReview]:
        """The reviews in the order in which they came this far, with how many people were asked; the open ones last."""
        asked: dict[tuple[str, Purpose], list[str]] = {}
        for look in sorted(self.looks.values(), key=lambda look: (look.asked_at, look.id)):
            asked.setdefault((look.email_id, look.purpose), []).append(look.id)
        told = (self._told(review, asked) for review in self._reviews.values())
        return sorted(told, key=lambda review: (not review.position, review.position))

    def _told(self, review: DoubleReview, asked: Mapping[tuple[str, Purpose], Sequence[str]]) -> DoubleReview:
        doubles, verdicts = (asked.get((review.email_id, one), ()) for one in (Purpose.DOUBLE, Purpose.VERDICT))
        latest = {Outcome.OPEN: doubles[-1:], Outcome.WAITING: verdicts[-1:]}.get(review.outcome, ())
        waits = any(id not in self.heard for id in latest)
        return replace(review, attempts=len(doubles), verdicts=len(verdicts), waits=waits)
