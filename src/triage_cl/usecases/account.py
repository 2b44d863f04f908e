"""What a deployment has done so far, from the ledger alone."""

from dataclasses import dataclass
from typing import Any

from triage_cl.domain.corrections import Correction
from triage_cl.domain.decisions import Action
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.versions import CHAMPION, AliasMoved, Judgement
from triage_cl.statistics.estimators import Interval, aipw_mean
from triage_cl.usecases.learn import lessons_between
from triage_cl.usecases.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions in numbers."""

    mails: int
    automatic: int
    drawn: int
    answered: int
    accuracy: Interval | None


def account(ledger: Ledger) -> dict[str, Any]:
    """One JSON-ready object: mail, reviews, accuracy with its interval, drift, judgements and promotions."""
    decided = decided_so_far(ledger)
    head = ledger.position()
    accuracy = decided.accuracy
    return {
        "decided": decided.mails,
        "drawn": decided.drawn,
        "reviewed": decided.answered,
        "corrections": sum(1 for _ in ledger.facts(kinds=[Correction.kind])),
        "lessons": len(lessons_between(ledger, 0, head, head)),
        "automatic_share": round(decided.automatic / decided.mails, 6) if decided.mails else 0.0,
        "accuracy": {
            "point": None if accuracy is None else round(accuracy.point, 6),
            "low": None if accuracy is None else round(accuracy.low, 6),
            "high": None if accuracy is None else round(accuracy.high, 6),
        },
        "drift": [
            {"at": fact.current[1], "verdict": fact.verdict, "reasons": list(fact.reasons), "report": fact.report}
            for fact in _all(ledger, DriftVerdict)
        ],
        "challengers": [
            {"challenger": fact.challenger, "champion": fact.champion, "verdict": fact.verdict}
            | {"reasons": list(fact.reasons), "e_value": fact.e_value}
            for fact in _all(ledger, Judgement)
        ],
        "promotions": [
            {"version": fact.version, "previous": fact.previous, "reasons": list(fact.reasons), "by": fact.decided_by}
            for fact in _all(ledger, AliasMoved)
            if fact.alias == CHAMPION and fact.previous is not None
        ],
    }


def decided_so_far(ledger: Ledger) -> Decided:
    """The decisions counted, and how many of them are right as the drawn and answered ones tell (AIPW)."""
    correct, answered, probability, confidence, clusters = [], [], [], [], []
    automatic = drawn = 0
    for item in ledger.decisions():
        decision, answer = item.decision, item.answer
        told = decision.drawn and answer is not None and answer.department is not None
        answered.append(told)
        correct.append(told and answer is not None and answer.department == decision.department)
        probability.append(decision.review_probability)
        confidence.append(decision.confidence)
        clusters.append(item.thread or decision.email_id)
        automatic += decision.action is Action.AUTO
        drawn += decision.drawn
    accuracy = aipw_mean(correct, answered, probability, confidence, clusters=clusters) if answered else None
    return Decided(len(answered), automatic, drawn, sum(answered), accuracy)


def _all(ledger: Ledger, kind: Any) -> list[Any]:
    return [recorded.fact for recorded in ledger.facts(kinds=[kind.kind]) if isinstance(recorded.fact, kind)]
