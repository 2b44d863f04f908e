"""Decide mail: champion and challenger on the same features, an action, a review probability and its draw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from triage_cl.domain.decisions import Bars, Conclusion, Decision, ShadowDecision, decide_action
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.emails import Email
from triage_cl.domain.errors import NoChampion
from triage_cl.domain.facts import Recorded
from triage_cl.domain.hierarchy import conclude_within
from triage_cl.domain.review import HORIZON, Budget, ReviewPolicy, doubt_of
from triage_cl.domain.versions import AliasMoved, ModelVersion, Standing
from triage_cl.learning.hashing import Features
from triage_cl.learning.learner import Learner
from triage_cl.learning.reasons import strongest_words
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.learn import AT_ONCE, CHANGES, Refold, describe_emails, follow, taxonomy_at, text_of
from triage_cl.usecases.ledger import Admission, Ledger
from triage_cl.usecases.snapshots import Snapshots

GOVERNS_LEARNERS = (ModelVersion.kind, AliasMoved.kind)


@dataclass
class Desk:
    """What one process needs to decide mail; it follows the ledger and can be made anew from it at any time."""

    ledger: Ledger
    keys: Keys
    snapshots: Snapshots
    bars: Bars = field(default_factory=Bars)
    seen: int = 0
    standing: Standing = field(default_factory=Standing)
    taxonomy: Taxonomy = field(default_factory=Taxonomy)
    budget: Budget = field(default_factory=lambda: Budget(ReviewPolicy()))
    learners: dict[str, Learner] = field(default_factory=dict)
    refold: Refold = AT_ONCE

    def refresh(self) -> None:
        """Take in everything that the ledger has by now."""
        news = list(self.ledger.facts(after=self.seen))
        if not news and self.learners and not self.refold.ready:
            return
        for recorded in news:
            self._take(recorded)
        self.seen = news[-1].position if news else self.seen
        if any(recorded.fact.kind in CHANGES for recorded in news):
            self.taxonomy = taxonomy_at(self.ledger, self.seen)
        self._follow()

    def _take(self, recorded: Recorded) -> None:
        match recorded.fact:
            case ModelVersion() | AliasMoved() as fact:
                self.standing = self.standing.apply(recorded.position, fact)
            case ReviewPolicy() as policy:
                self.budget = budget_of(self.ledger, policy)

    def _follow(self) -> None:
        acting = [version for version in (self.standing.champion, self.standing.challenger) if version]
        self.learners = {version.entrant: self._learner(version) for version in acting}

    def _learner(self, version: ModelVersion) -> Learner:
        learner = self.learners.get(version.entrant)
        key = self.keys.subkey("features")
        if learner is None or (learner.recipe.kind == "batch" and learner.through != version.through):
            learner = self.snapshots.load(self.ledger, version, key)
        return follow(self.ledger, learner, self.refold) if learner.recipe.kind == "online" else learner

    @property
    def champion(self) -> ModelVersion:
        """The version that acts; NoChampion where there is none yet."""
        if self.standing.champion is None:
            raise NoChampion
        return self.standing.champion

    def probabilities(self, entrant: str, features: Sequence[Features]) -> list[Mapping[str, float]]:
        """What an entrant believes of each mail, over the departments that exist."""
        learner = self.learners[entrant]
        homes = [self.taxonomy.teaches(department) for department in learner.classes]
        believed: list[Mapping[str, float]] = []
        for row in learner.probabilities(features).tolist():
            totals: dict[str, float] = {}
            for home, probability in zip(homes, row, strict=True):
                if home is not None:
                    totals[home] = totals.get(home, 0.0) + probability
            believed.append(totals)
        return believed

    def describe(self, emails: Sequence[Email]) -> list[Features]:
        """What the acting learners look at in mails."""
        return describe_emails(self.ledger, self.keys.subkey("features"), emails, self.learners.values())

    def conclusions(self, emails: Sequence[Email]) -> list[Conclusion]:
        """What the champion concludes about mails today; nothing is stored."""
        features = self.describe(emails)
        return [self.conclude(believed) for believed in self.probabilities(self.champion.entrant, features)]

    def conclude(self, probabilities: Mapping[str, float]) -> Conclusion:
        """The conclusion from what is believed of a mail: a department, or one of its teams where that is clear."""
        return conclude_within(probabilities, self.taxonomy, self.bars.suggest)

    def explain(self, email: Email, department: str, count: int = 5) -> list[str]:
        """The words and pairs of a mail that speak most for `department`, or what became of it, in the champion today.

        Its teams count for it. Nothing is stored; NoChampion where there is none yet.
        """
        learner, sought = self.learners[self.champion.entrant], self.taxonomy.teaches(department)
        own = {sought, *self.taxonomy.below(sought)} if sought else set()
        homes = [self.taxonomy.teaches(taught) for taught in learner.classes]
        homes = [sought if home in own else home for home in homes]
        return strongest_words(learner, text_of(email), homes, sought, count)

    def decide(self, emails: Sequence[Email], at: Callable[[Email], datetime]) -> list[Admission]:
        """A decision for each mail, not stored yet."""
        features = self.describe(emails)
        champion = self.champion
        believed = self.probabilities(champion.entrant, features)
        unseen = self.learners[champion.entrant].unseen(features)
        challenger = self.standing.challenger
        shadows = self.probabilities(challenger.entrant, features) if challenger else None
        admissions = [
            self._admission(
                email, self.conclude(believed[i]), unseen[i], self.conclude(shadows[i]) if shadows else None, at(email)
            )
            for i, email in enumerate(emails)
        ]
        pairs = zip(admissions, features, strict=True)
        return [replace(each, vectors=mine.vectors) if mine.vectors else each for each, mine in pairs]

    def _admission(
        self, email: Email, conclusion: Conclusion, unseen: float | None, shadow: Conclusion | None, at: datetime
    ) -> Admission:
        learner = self.learners[self.champion.entrant]
        action = decide_action(conclusion, self.bars, learner.lessons)
        disputed = shadow is not None and shadow.department != conclusion.department
        doubt = doubt_of(conclusion, action)
        blind = disputed or self.keys.uniform("blind", email.id) < self.budget.policy.blind_part
        decision = Decision(
            email_id=email.id,
            version=self.champion.version,
            department=conclusion.department,
            confidence=conclusion.confidence,
            margin=conclusion.margin,
            unseen=unseen,
            action=action,
            review_probability=self.budget.probability(doubt, disputed, at),
            draw=self.keys.uniform("review", email.id),
            blind=blind,
            disputed=disputed,
            decided_at=at,
            through=learner.through,
            as_of=learner.as_of,
        )
        return _admission(email, decision, self.standing.challenger, shadow)

    def triage(self, emails: Sequence[Email], at: Callable[[Email], datetime]) -> list[Decision]:
        """Decide and store mail; what comes back is durable. Mail that the ledger has already is left out."""
        known = self.ledger.known([email.id for email in emails])
        return self.admit([email for email in emails if email.id not in known], at)

    def admit(self, emails: Sequence[Email], at: Callable[[Email], datetime]) -> list[Decision]:
        """The same for mail that is not known to be there; if it is, deciding it was in vain."""
        unique = list({email.id: email for email in emails}.values())
        while True:
            self.refresh()
            admissions = self.decide(unique, at)
            stored = self.ledger.admit(admissions, decided_under=self.seen)
            if stored is not None:
                new = set(stored)
                decisions = [admission.decision for admission in admissions if admission.email.id in new]
                self._spend(decisions)
                return decisions

    def _spend(self, decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            self.budget.record(doubt_in(decision), decision.disputed, decision.drawn, decision.decided_at)


def _admission(
    email: Email, decision: Decision, challenger: ModelVersion | None, shadow: Conclusion | None
) -> Admission:
    if challenger is None or shadow is None:
        return Admission(email, decision)
    if not decision.disputed:
        return Admission(email, decision, agreeing=(challenger.entrant,))
    other = ShadowDecision(email.id, challenger.entrant, shadow.department, shadow.confidence)
    return Admission(email, decision, disagreements=(other,))


def budget_of(ledger: Ledger, policy: ReviewPolicy) -> Budget:
    """The budget as the decisions so far leave it."""
    seen, drawn, first_at = ledger.spending()
    budget = Budget(policy, seen=seen, drawn=drawn, first_at=first_at)
    recent = ledger.recent_decisions(HORIZON)
    budget.recent.extend((doubt_in(decision), decision.disputed) for decision in recent)
    if recent:
        budget.last_at = recent[-1].decided_at
        today = budget.last_at.replace(hour=0, minute=0, second=0, microsecond=0)
        budget.seen_today, budget.drawn_today, _ = ledger.spending(since=today)
        days = (today.date() - first_at.date()).days if first_at else 0
        budget.usual = (seen - budget.seen_today) / days if days else 0.0
    return budget


def doubt_in(decision: Decision) -> float:
    """The doubt with which a decision was made."""
    return doubt_of(Conclusion(decision.department, decision.confidence, decision.margin), decision.action)
