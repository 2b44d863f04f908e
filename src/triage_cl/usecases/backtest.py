"""What would have happened: the whole loop in simulated time over a labelled archive.

The same use cases serve as in production, over a ledger of their own; only the clock and the reviewer are
simulated. The same archive, options and seed give the same outcome.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from triage_cl.domain.corrections import ANSWER_WINDOW, measures
from triage_cl.domain.decisions import Decision
from triage_cl.domain.departments import (
    DepartmentAdded,
    DepartmentChange,
    DepartmentMerged,
    DepartmentMoved,
    DepartmentRenamed,
    DepartmentSplit,
)
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.emails import Email, Message
from triage_cl.domain.errors import BadInput
from triage_cl.domain.versions import Judgement
from triage_cl.learning.recipes import find_recipe
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.backtest_outcome import Change, Judgment, Options, Outcome
from triage_cl.usecases.departments import change_departments, unused_id
from triage_cl.usecases.encode import text_to_encode
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.promote import conclude_duel, judge
from triage_cl.usecases.receive import receive
from triage_cl.usecases.reconcile import correction_of
from triage_cl.usecases.registry import Registry
from triage_cl.usecases.retrain import (
    STANDING,
    challenging_recipe,
    ensure_champion,
    refresh_champion,
    retrain,
    standing_at,
)
from triage_cl.usecases.review import Answer
from triage_cl.usecases.simulated_reviewer import plan_answers
from triage_cl.usecases.snapshots import Snapshots
from triage_cl.usecases.triage import Desk

#: How many mails are decided in one transaction.
GROUP = 256


#: Tells how many mails of how many are done.
Progress = Callable[[int, int], None]
#: Looks for drift at a time.
Watch = Callable[[Ledger, Desk, datetime], DriftVerdict]


class Backtest:
    """One simulated deployment over `archive`."""

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        archive: Sequence[Message],
        options: Options,
        watch: Watch | None = None,
    ) -> None:
        self.ledger = ledger
        self.registry = registry
        self.archive = archive
        self.options = options
        self.watch = watch
        self.keys = Keys.from_seed(options.seed)
        self.desk = Desk(ledger, self.keys, Snapshots(), options.bars)
        self.outcome = Outcome()
        self.ids: dict[str, str] = {}
        self._due: list[tuple[datetime, int, Answer]] = []
        self._decided_at: dict[str, datetime] = {}
        self._changes = sorted(options.changes, key=lambda change: change.at)
        self._retrain_at: datetime | None = None
        self._looked_at = 0

    def run(self, progress: Progress = lambda done, total: None) -> Outcome:
        """Decide every mail of the archive in its order, answering, learning, retraining and judging meanwhile."""
        if not self.archive:
            return self.outcome
        begins_at = _time(self.archive[0])
        self.ledger.append([self.options.policy], begins_at)
        ensure_champion(self.ledger, self.registry, self.options.champion, self._key, begins_at)
        if self.options.retrain_every:
            self._retrain_at = begins_at + self.options.retrain_every
        done = 0
        while done < len(self.archive):
            self._catch_up(_time(self.archive[done]))
            group = self._group(done)
            self._decide(group)
            done += len(group)
            progress(done, len(self.archive))
        self._finish()
        return self.outcome

    @property
    def encoded(self) -> list[str]:
        """The kinds of encoder that the recipes learn from."""
        recipes = [find_recipe(self.options.champion)]
        if self.options.retrain_every:
            recipes.append(find_recipe(self.options.challenger))
        return sorted({recipe.vectors for recipe in recipes if recipe.vectors})

    def texts(self) -> list[str]:
        """What of each mail is encoded."""
        emails = map(self._receive, self.archive)
        return [text_to_encode(email.subject, email.body) for email in emails]

    @property
    def _key(self) -> bytes:
        return self.keys.subkey("features")

    def _group(self, start: int) -> Sequence[Message]:
        """The mails from `start` on that nothing happens between, not even an answer to one of themselves."""
        until = self._next_at()
        end = start
        while end < min(start + GROUP, len(self.archive)):
            message = self.archive[end]
            if end > start and _time(message) >= until:
                break
            answers = plan_answers(message, _time(message), self.options.delay)
            until = min([until, *(answer.at for answer in answers)])
            end += 1
        return self.archive[start:end]

    def _next_at(self) -> datetime:
        upcoming = [self._due[0][0]] if self._due else []
        upcoming += [self._changes[0].at] if self._changes else []
        upcoming += [self._retrain_at] if self._retrain_at else []
        return min(upcoming, default=datetime.max.replace(tzinfo=UTC))

    def _decide(self, group: Sequence[Message]) -> None:
        emails: dict[str, tuple[Email, Message]] = {}
        for message in group:
            email = self._receive(message)
            emails.setdefault(email.id, (email, message))
        decided = len(self.outcome.decisions)
        for decision in self.desk.triage([email for email, _ in emails.values()], at=lambda email: email.received_at):
            email, message = emails[decision.email_id]
            self.outcome.decisions.append(decision)
            self.outcome.truths.append(self._truth(message))
            self.outcome.threads[email.id] = email.thread or email.id
            if decision.drawn:
                self._ask(decision, message)
        self.outcome.repeated += len(group) - (len(self.outcome.decisions) - decided)

    def _truth(self, message: Message) -> str | None:
        """Whose the mail is, as departments stand; one that ended without an heir keeps its name."""
        if message.department is None:
            return None
        id = self._id_of(message.department)
        return self.desk.taxonomy.teaches(id) or id

    def _receive(self, message: Message) -> Email:
        return receive(message, self.keys, _time(message))

    def _ask(self, decision: Decision, message: Message) -> None:
        self._decided_at[decision.email_id] = decision.decided_at
        shown = None if decision.blind or decision.department is None else decision.department
        for number, planned in enumerate(plan_answers(message, decision.decided_at, self.options.delay)):
            answer = Answer(
                answer_id=f"{decision.email_id}:{number}",
                email_id=decision.email_id,
                department=self._id_of(planned.department),
                suggestion=shown,
                blind=decision.blind,
                reviewer="simulated",
                answered_at=planned.at,
            )
            heapq.heappush(self._due, (planned.at, len(self.outcome.decisions) * 100 + number, answer))

    def _catch_up(self, now: datetime) -> None:
        """Let everything happen that is due by `now`, in the order of its time."""
        while (at := self._next_at()) <= now:
            if self._changes and self._changes[0].at <= at:
                self._change(self._changes.pop(0))
            elif self._retrain_at == at:
                self._judge_and_retrain(at)
            else:
                self._answer(at)

    def _answer(self, at: datetime) -> None:
        given = []
        while self._due and self._due[0][0] <= at:
            given.append(heapq.heappop(self._due)[2])
        self._introduce([answer.department for answer in given if answer.department is not None], at)
        for answer in given:
            self.outcome.reviewed.add(answer.email_id)
        # Whoever answers for a department that ended meanwhile means its heir; without one, nobody.
        heirs = [replace(answer, department=self.desk.taxonomy.teaches(answer.department or "")) for answer in given]
        told = [answer for answer in heirs if answer.department is not None]
        known = {id.casefold(): id for id in self.desk.taxonomy.departments}
        corrections = [correction_of(answer, known) for answer in told]
        self.ledger.append(corrections, at)
        for correction in corrections:
            in_time = measures(correction, self._decided_at[correction.email_id], ANSWER_WINDOW)
            if in_time and correction.department is not None:
                self.outcome.answers[correction.email_id] = correction.department

    def _introduce(self, ids: Sequence[str], at: datetime) -> None:
        """Add departments at their first answer: an archive does not tell when they began."""
        known = self.desk.taxonomy.lessons_of
        added = [DepartmentAdded(id, self.outcome.names[id]) for id in dict.fromkeys(ids) if id not in known]
        if added:
            self.ledger.append(added, at)
            self.desk.refresh()

    def _id_of(self, name: str) -> str:
        known = name.casefold()
        if known not in self.ids:
            self.ids[known] = unused_id(name, set(self.ids.values()))
            self.outcome.names[self.ids[known]] = name
        return self.ids[known]

    def _change(self, change: Change) -> None:
        seen = [id for one in change.changes for id in _spoken_of(one) if id in self.outcome.names]
        self._introduce(seen, change.at)
        try:
            change_departments(self.ledger, change.changes, change.at)
        except BadInput as error:
            raise BadInput(f"The change of {change.at:%Y-%m-%d} cannot be made: {error}") from None
        for named in change.changes:
            if isinstance(named, DepartmentAdded | DepartmentRenamed):
                self.ids[named.name.casefold()] = named.id
                self.outcome.names[named.id] = named.name
        self.desk.refresh()

    def _judge_and_retrain(self, at: datetime) -> None:
        self._retrain_at = at + self.options.retrain_every if self.options.retrain_every else None
        if len(self.outcome.decisions) == self._looked_at:
            return
        self._looked_at = len(self.outcome.decisions)
        self._judge(at)
        if self.watch is not None:
            self.outcome.verdicts.append((at, self.watch(self.ledger, self.desk, at)))
        refresh_champion(self.ledger, self.registry, self._key, ("on schedule",), at)
        recipe = challenging_recipe(self.ledger, self.options.champion, self.options.challenger)
        retrain(self.ledger, self.registry, recipe, self._key, ("on schedule",), at)

    def _judge(self, at: datetime) -> None:
        judged = judge(self.ledger, self.options.rule, at)
        if judged is not None:
            moved = conclude_duel(self.ledger, self.registry, judged, "backtest", at)
            self.outcome.judgements.append(Judgment(at, judged, moved))

    def _finish(self) -> None:
        """Take in the answers that were still due, and remember what the champion became."""
        while self._due:
            self._answer(self._due[0][0])
        self.desk.refresh()
        self.outcome.departments = self.desk.taxonomy
        self.outcome.history = list(self.ledger.facts(kinds=(*STANDING, Judgement.kind)))
        champion = standing_at(self.ledger).champion
        if champion is not None:
            learner = self.desk.learners[champion.entrant]
            self.outcome.fingerprint, self.outcome.lessons = learner.fingerprint(), learner.lessons


def _spoken_of(change: DepartmentChange) -> tuple[str, ...]:
    """The departments that must be there for a change."""
    match change:
        case DepartmentAdded(parent=parent):
            return (parent,) if parent else ()
        case DepartmentMerged(id=id, into=into) | DepartmentMoved(id=id, under=str(into)):
            return (id, into)
        case DepartmentSplit(id=id, parts=parts):
            return (id, *parts)
        case _:
            return (change.id,)


def _time(message: Message) -> datetime:
    return message.received_at or datetime(1970, 1, 1, tzinfo=UTC)
