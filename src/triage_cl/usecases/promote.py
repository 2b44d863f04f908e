"""Judge the challenger on reviewed disagreements, and let it take over.

The duel is that of betting e-processes with a confidence sequence beside it (Waudby-Smith & Ramdas 2024;
Howard, Ramdas, McAuliffe & Sekhon 2021): valid however often somebody looks. Mails about which both agree are
factors of one, so they need no review.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from triage_cl.domain.errors import BadInput
from triage_cl.domain.promotion import Evidence, PromotionDecision, PromotionRule, Verdict, decide_promotion
from triage_cl.domain.review import ReviewPolicy
from triage_cl.domain.versions import CHALLENGER, CHAMPION, AliasMoved, Judgement, ModelVersion
from triage_cl.statistics.sequences import BettingTest, ConfidenceSequence
from triage_cl.usecases.ledger import Dispute, Ledger
from triage_cl.usecases.registry import Registry
from triage_cl.usecases.retrain import move_alias, standing_at

DEFAULT_WINDOW = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Judged:
    """A look at the duel between two versions, under the rule for this challenger."""

    champion: ModelVersion
    challenger: ModelVersion
    rule: PromotionRule
    evidence: Evidence
    decision: PromotionDecision


def judge(ledger: Ledger, rule: PromotionRule, at: datetime, window: timedelta = DEFAULT_WINDOW) -> Judged | None:
    """What the duel says at `at`, recorded in the ledger; None where nobody challenges."""
    judged = look(ledger, rule, at, window)
    if judged is not None:
        ledger.append([_judgement(judged)], at)
    return judged


def look(ledger: Ledger, rule: PromotionRule, at: datetime, window: timedelta = DEFAULT_WINDOW) -> Judged | None:
    """What the duel says at `at`; None where nobody challenges. Looking often costs nothing: the test allows it."""
    standing = standing_at(ledger)
    champion, challenger = standing.champion, standing.challenger
    if champion is None or challenger is None:
        return None
    disputes = ledger.disputes(champion.entrant, challenger.entrant)
    agreements = ledger.agreements(champion.entrant, challenger.entrant)
    strict = rule.for_challenger(standing.number_of(challenger.entrant))
    evidence = weigh(disputes, agreements, at - window, least_probability(ledger), level=1 - strict.alpha)
    return Judged(champion, challenger, strict, evidence, decide_promotion(evidence, strict))


def least_probability(ledger: Ledger) -> float:
    """Under no policy so far was a disputed mail reviewed with a lower probability than this."""
    policies = [r.fact for r in ledger.facts(kinds=[ReviewPolicy.kind]) if isinstance(r.fact, ReviewPolicy)]
    return min((policy.disputed_floor for policy in policies), default=1.0)


def weigh(
    disputes: Sequence[Dispute],
    agreements: Mapping[date, int],
    waits_since: datetime,
    least: float,
    level: float = 0.95,
) -> Evidence:
    """The evidence in decision order, up to the first drawn dispute that may still be answered.

    Drawn disputes older than `waits_since` without an answer are non-response and weigh nothing. `least` bounds the
    review probability of disputed mail from below; it must not depend on what the duel saw, or the bets lose their
    guarantee.
    """
    settled = settle(disputes, waits_since)
    until = settled[-1].decision.decided_at.date() if len(settled) < len(disputes) and settled else date.max
    agreed = sum(mails for day, mails in agreements.items() if day <= until) if settled or not disputes else 0
    betting, sequence = BettingTest(), ConfidenceSequence(bound=1.0, level=level)
    sequence.update_zeros(agreed)
    answered = 0
    for dispute in settled:
        gain = gain_of(dispute)
        weight = min(1.0, least / dispute.decision.review_probability)
        if gain is not None:
            answered += 1
            betting.update(gain, weight)
        sequence.update((gain or 0.0) * weight)
    low, high = sequence.interval
    return Evidence(
        mails=len(settled) + agreed,
        disputed=len(settled),
        answered=answered,
        e_value=betting.e_value,
        gain=sequence.mean / least,
        gain_low=max(-1.0, low / least),
        gain_high=min(1.0, high / least),
    )


def settle(disputes: Sequence[Dispute], waits_since: datetime) -> list[Dispute]:
    """The disputes before the first that was drawn and may still be answered."""
    settled = []
    for dispute in disputes:
        decision = dispute.decision
        if decision.drawn and dispute.answer is None and decision.decided_at > waits_since:
            break
        settled.append(dispute)
    return settled


def gain_of(dispute: Dispute) -> float | None:
    """1 where the challenger alone is right, -1 where the champion alone is, 0 where neither; None unanswered."""
    answer = dispute.answer
    if answer is None or answer.department is None:
        return None
    challenger_right = dispute.shadow.department == answer.department
    champion_right = dispute.decision.department == answer.department
    return float(challenger_right) - float(champion_right)


def _judgement(judged: Judged) -> Judgement:
    evidence, decision = judged.evidence, judged.decision
    return Judgement(
        champion=judged.champion.version,
        challenger=judged.challenger.version,
        verdict=decision.verdict.value,
        reasons=decision.reasons,
        answered=evidence.answered,
        mails=evidence.mails,
        e_value=evidence.e_value,
        gain=evidence.gain,
        gain_low=evidence.gain_low,
        gain_high=evidence.gain_high,
    )


def conclude_duel(ledger: Ledger, registry: Registry, judged: Judged, decided_by: str, at: datetime) -> bool:
    """Act on a judgement: promote or retire; whether an alias moved.

    A promoted challenger's predecessor goes on in shadow, and can win its place back.
    """
    reasons = judged.decision.reasons
    match judged.decision.verdict:
        case Verdict.PROMOTE:
            promote(ledger, registry, judged.challenger, reasons, decided_by, at)
        case Verdict.RETIRE:
            move_alias(ledger, registry, CHALLENGER, None, judged.challenger, reasons, decided_by, at)
        case Verdict.KEEP:
            return False
    return True


def promote(
    ledger: Ledger, registry: Registry, version: ModelVersion, reasons: tuple[str, ...], decided_by: str, at: datetime
) -> None:
    """`version` becomes champion; the deposed champion challenges it from now on."""
    deposed = standing_at(ledger).champion
    if deposed is not None and deposed.version == version.version:
        raise BadInput(f"{version.version} is champion already.")
    move_alias(ledger, registry, CHAMPION, version, deposed, reasons, decided_by, at)
    if deposed is not None:
        why = (f"deposed by {version.version}, stays in shadow",)
        move_alias(ledger, registry, CHALLENGER, deposed, version, why, decided_by, at)


def roll_back(
    ledger: Ledger, registry: Registry, reasons: tuple[str, ...], decided_by: str, at: datetime
) -> ModelVersion:
    """The champion's predecessor, champion again; raises BadInput where there was none."""
    standing = standing_at(ledger)
    moves = [recorded.fact for recorded in ledger.facts(kinds=[AliasMoved.kind])]
    last = [move for move in moves if isinstance(move, AliasMoved) and move.alias == CHAMPION][-1:]
    previous = last[0].previous if last else None
    if previous is None:
        raise BadInput("The champion has no predecessor to roll back to.")
    promote(ledger, registry, standing.versions[previous], ("rolled back", *reasons), decided_by, at)
    return standing.versions[previous]
