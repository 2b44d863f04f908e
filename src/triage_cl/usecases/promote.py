"""Judge the challenger on reviewed disagreements, and let it take over.

The duel is that of betting e-processes with a confidence sequence beside it (Waudby-Smith & Ramdas 2024;
Howard, Ramdas, McAuliffe & Sekhon 2021): valid however often somebody looks. Mails about which both agree are
factors of one, so they need no review.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from triage_cl.domain.corrections import ANSWER_WINDOW
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.errors import BadInput
from triage_cl.domain.promotion import Evidence, PromotionDecision, PromotionRule, Verdict, decide_promotion
from triage_cl.domain.review import ReviewPolicy
from triage_cl.domain.versions import CHALLENGER, CHAMPION, AliasMoved, Judgement, ModelVersion, Standing
from triage_cl.statistics.sequences import BettingTest, ConfidenceSequence
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Dispute, Ledger
from triage_cl.usecases.registry import Registry
from triage_cl.usecases.retrain import move_alias, standing_at


@dataclass(frozen=True, slots=True)
class Judged:
    """A look at the duel between two versions, under the rule for this challenger."""

    champion: ModelVersion
    challenger: ModelVersion
    rule: PromotionRule
    evidence: Evidence
    decision: PromotionDecision


def judge(ledger: Ledger, rule: PromotionRule, at: datetime, window: timedelta = ANSWER_WINDOW) -> Judged | None:
    """What the duel says at `at`, recorded in the ledger; None where nobody challenges."""
    judged = look(ledger, rule, at, window)
    if judged is not None:
        ledger.append([_judgement(judged)], at)
    return judged


def look(ledger: Ledger, rule: PromotionRule, at: datetime, window: timedelta = ANSWER_WINDOW) -> Judged | None:
    """What the duel says at `at`; None where nobody challenges. Looking often costs nothing: the test allows it."""
    standing = standing_at(ledger)
    champion, challenger = standing.champion, standing.challenger
    if champion is None or challenger is None:
        return None
    began_at = reign_began_at(ledger, standing)
    disputes = [d for d in ledger.disputes(champion.entrant, challenger.entrant) if d.decision.decided_at >= began_at]
    agreed = ledger.agreements(champion.entrant, challenger.entrant)
    agreements = {day: mails for day, mails in agreed.items() if day >= began_at.astimezone(UTC).date()}
    strict = rule.for_challenger(standing.number_of(challenger.entrant))
    closed_on, least = last_closed_day(at, window), least_probability(ledger)
    evidence = weigh(disputes, agreements, closed_on, least, 1 - strict.alpha, taxonomy_at(ledger))
    return Judged(champion, challenger, strict, evidence, decide_promotion(evidence, strict))


def reign_began_at(ledger: Ledger, standing: Standing) -> datetime:
    """When the champion's entrant became champion: what it and a challenger did before was another duel."""
    began_at, reigning = datetime.min.replace(tzinfo=UTC), None
    for recorded in ledger.facts(kinds=[AliasMoved.kind]):
        move = recorded.fact
        if isinstance(move, AliasMoved) and move.alias == CHAMPION and move.version is not None:
            entrant = standing.versions[move.version].entrant
            if reigning is not None and entrant != reigning:
                began_at = recorded.at
            reigning = entrant
    return began_at


def least_probability(ledger: Ledger) -> float:
    """Under no policy so far was a disputed mail reviewed with a lower probability than this."""
    policies = [r.fact for r in ledger.facts(kinds=[ReviewPolicy.kind]) if isinstance(r.fact, ReviewPolicy)]
    return min((policy.disputed_floor for policy in policies), default=1.0)


def weigh(
    disputes: Sequence[Dispute],
    agreements: Mapping[date, int],
    closed_on: date,
    least: float,
    level: float = 0.95,
    departments: Taxonomy = Taxonomy(),
) -> Evidence:
    """The evidence of all days up to `closed_on`, in decision order.

    A day is a block: it counts once its answer window is over, so that it makes no difference which answers come
    sooner. Drawn disputes still without an answer are non-response and weigh nothing. `least` bounds the
    review probability of disputed mail from below; it must not depend on what the duel saw, or the bets lose their
    guarantee.
    """
    settled = settle(disputes, closed_on)
    agreed = sum(mails for day, mails in agreements.items() if day <= closed_on)
    betting, sequence = BettingTest(), ConfidenceSequence(bound=1.0, level=level)
    sequence.update_zeros(agreed)
    answered = 0
    for dispute in settled:
        gain = gain_of(dispute, departments)
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


def settle(disputes: Sequence[Dispute], closed_on: date) -> list[Dispute]:
    """The disputes decided on days whose answers are all in, or will never be."""
    return [dispute for dispute in disputes if dispute.decision.decided_at.astimezone(UTC).date() <= closed_on]


def last_closed_day(at: datetime, window: timedelta) -> date:
    """The last day on which every decision is older than `window`."""
    return (at - window).astimezone(UTC).date() - timedelta(days=1)


def gain_of(dispute: Dispute, departments: Taxonomy) -> float | None:
    """1 where the challenger alone is right, -1 where the champion alone is, else 0; None where nobody answered."""
    answer = dispute.answer
    if answer is None or answer.department is None:
        return None
    challenger_right = departments.agree(dispute.shadow.department, answer.department)
    champion_right = departments.agree(dispute.decision.department, answer.department)
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
    if deposed is not None and deposed.entrant != version.entrant:
        why = (f"deposed by {version.version}, stays in shadow",)
        move_alias(ledger, registry, CHALLENGER, deposed, version, why, decided_by, at)


def roll_back(
    ledger: Ledger, registry: Registry, reasons: tuple[str, ...], decided_by: str, at: datetime
) -> ModelVersion:
    """The last champion of another entrant, champion again; raises BadInput where there was none."""
    standing = standing_at(ledger)
    moves = [recorded.fact for recorded in ledger.facts(kinds=[AliasMoved.kind])]
    reigns = [
        standing.versions[m.version] for m in moves if isinstance(m, AliasMoved) and m.alias == CHAMPION and m.version
    ]
    others = [version for version in reigns if version.entrant != reigns[-1].entrant]
    if not others:
        raise BadInput("The champion has no predecessor to roll back to.")
    promote(ledger, registry, others[-1], ("rolled back", *reasons), decided_by, at)
    return others[-1]
