"""Everything that there is about one decision: what was stored, what came after, and what would be concluded today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from triage_cl.domain.corrections import Correction, measures
from triage_cl.domain.decisions import Decision, ShadowDecision
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Recorded
from triage_cl.domain.reviewers import Trust
from triage_cl.usecases.console_ledger import ConsoleLedger, Offered
from triage_cl.usecases.learn import taxonomy_at, trust_at
from triage_cl.usecases.triage import Desk

#: How many words tell why.
WORDS = 8


@dataclass(frozen=True, slots=True)
class Trace:
    """One mail's way through the ledger; `email` is None where its text is no longer kept."""

    decision: Decision
    email: Email | None
    offered: Offered | None
    corrections: tuple[Recorded, ...]
    shadows: tuple[ShadowDecision, ...]
    taxonomy: Taxonomy
    trust: Trust

    @property
    def lesson(self) -> Recorded | None:
        """The correction that teaches: the last that counts, if it is no skip and its department has not ended."""
        counting = [recorded for recorded in self.corrections if self.trust.counts(answer_in(recorded))]
        last = counting[-1] if counting else None
        return last if last is not None and self.taught_by(last) is not None else None

    def taught_by(self, recorded: Recorded) -> str | None:
        """The department that a correction teaches today, by itself."""
        named = answer_in(recorded).department
        return None if named is None else self.taxonomy.teaches(named)

    def settled(self, window: timedelta) -> Correction | None:
        """The answer that measures the decision, None where there is none or it is a skip."""
        if not self.decision.drawn:
            return None
        answers = [answer_in(recorded) for recorded in self.corrections]
        counting = [a for a in answers if self.trust.counts(a) and measures(a, self.decision.decided_at, window)]
        return counting[-1] if counting and counting[-1].department is not None else None


def answer_in(recorded: Recorded) -> Correction:
    """The correction that was recorded; a fact of another kind is a TypeError."""
    if not isinstance(recorded.fact, Correction):
        raise TypeError(f"{recorded.fact.kind} is no correction")
    return recorded.fact


def trace(ledger: ConsoleLedger, email_id: str) -> Trace | None:
    """What the ledger has about a mail's decision; None where it has none."""
    decision = ledger.decisions_of([email_id]).get(email_id)
    if decision is None:
        return None
    about = ledger.facts_about(email_id)
    return Trace(
        decision=decision,
        email=ledger.emails([email_id]).get(email_id),
        offered=ledger.offered(email_id),
        corrections=tuple(recorded for recorded in about if isinstance(recorded.fact, Correction)),
        shadows=tuple(ledger.shadows_of(email_id)),
        taxonomy=taxonomy_at(ledger),
        trust=trust_at(ledger),
    )


@dataclass(frozen=True, slots=True)
class Belief:
    """What the champion believes of a mail today, likeliest first; `words` weigh most for what was concluded."""

    version: str
    through: int
    as_of: int
    probabilities: Sequence[tuple[str, float]]
    words: Sequence[str]
    at: datetime


def believe(desk: Desk, email: Email, department: str | None, at: datetime) -> Belief:
    """What the champion believes today, with the words that weigh most for `department` (None: for the likeliest).

    Raises NoChampion where there is none.
    """
    desk.refresh()
    champion = desk.champion
    learner = desk.learners[champion.entrant]
    [believed] = desk.probabilities(champion.entrant, desk.describe([email]))
    ranked = sorted(believed.items(), key=lambda item: (-item[1], item[0]))
    explained = department or (ranked[0][0] if ranked else None)
    words = desk.explain(email, explained, WORDS) if explained is not None else []
    return Belief(champion.version, learner.through, learner.as_of, ranked, words, at)
