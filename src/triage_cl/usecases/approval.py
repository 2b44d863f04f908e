"""Where a promotion waits for a person: what that person said, acted upon and recorded."""

from dataclasses import replace
from datetime import datetime

from triage_cl.domain.promotion import PromotionDecision, Verdict
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.promote import Judged, conclude_duel
from triage_cl.usecases.registry import Registry


def needs_approval(judged: Judged, approval: bool) -> bool:
    """Whether a person has to agree first: to a promotion only, and only where the settings want it."""
    return approval and judged.decision.verdict is Verdict.PROMOTE


def question_of(judged: Judged) -> str:
    """What the person is asked about: the duel, whose evidence outlives a version.

    Retraining either side while the question is open does not change it; another challenger is another question.
    """
    return f"{judged.challenger.entrant} instead of {judged.champion.entrant}"


def conclude_with_consent(
    ledger: Ledger, registry: Registry, judged: Judged, approved: bool, approver: str, note: str, at: datetime
) -> Verdict:
    """Promote the challenger as `approver` agreed, or retire it as refused; what was done.

    The ledger has the evidence and the person's own words as the reasons, and the person as who decided.
    """
    answer = "approved" if approved else "refused"
    said = f"{answer} by {approver}" + (f": {note}" if note else "")
    verdict = Verdict.PROMOTE if approved else Verdict.RETIRE
    reasons = (*judged.decision.reasons, said) if approved else (said, *judged.decision.reasons)
    decided = replace(judged, decision=PromotionDecision(verdict, reasons))
    conclude_duel(ledger, registry, decided, approver, at)
    return verdict
