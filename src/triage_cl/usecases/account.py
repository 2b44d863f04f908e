"""What a deployment has done so far, from the ledger alone."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from triage_cl.domain.corrections import Correction, Source
from triage_cl.domain.decisions import Action
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.versions import CHAMPION, AliasMoved, Judgement
from triage_cl.statistics.estimators import Interval, aipw_mean
from triage_cl.usecases.learn import lessons_between, taxonomy_at
from triage_cl.usecases.ledger import Ledger

LATELY = timedelta(days=14)


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
    decided = decided_since(ledger)
    head = ledger.position()
    return {
        "decided": decided.mails,
        "drawn": decided.drawn,
        "reviewed": decided.answered,
        "corrections": sum(fact.source is not Source.IMPORT for fact in _all(ledger, Correction)),
        "lessons": len(lessons_between(ledger, 0, head, head)),
        "automatic_share": round(decided.automatic / decided.mails, 6) if decided.mails else 0.0,
        "accuracy": interval_as_json(decided.accuracy),
        "accuracy_lately": interval_as_json(lately(ledger)),
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


def interval_as_json(interval: Interval | None) -> dict[str, float | None]:
    """`point`, `low` and `high` to six digits, null where nothing is known."""
    ends = {"point": None, "low": None, "high": None} if interval is None else asdict(interval)
    return {name: None if end is None else round(end, 6) for name, end in ends.items()}


def lately(ledger: Ledger) -> Interval | None:
    """The accuracy of the last fortnight's decisions."""
    last = ledger.recent_decisions(1)
    return decided_since(ledger, last[0].decided_at - LATELY).accuracy if last else None


def decided_since(ledger: Ledger, since: datetime | None = None) -> Decided:
    """The decisions counted, and how many of them are right as the drawn and answered ones tell (AIPW)."""
    correct, answered, probability, confidence, clusters = [], [], [], [], []
    automatic = drawn = 0
    departments = taxonomy_at(ledger)
    for item in ledger.decisions(since):
        decision, answer = item.decision, item.answer
        told = decision.drawn and answer is not None and answer.department is not None
        answered.append(told)
        correct.append(told and answer is not None and departments.agree(decision.department, answer.department))
        probability.append(decision.review_probability)
        confidence.append(decision.confidence)
        clusters.append(item.thread or decision.email_id)
        automatic += decision.action is Action.AUTO
        drawn += decision.drawn
    accuracy = aipw_mean(correct, answered, probability, confidence, clusters=clusters) if answered else None
    return Decided(len(answered), automatic, drawn, sum(answered), accuracy)


def _all(ledger: Ledger, kind: Any) -> list[Any]:
    return [recorded.fact for recorded in ledger.facts(kinds=[kind.kind]) if isinstance(recorded.fact, kind)]
