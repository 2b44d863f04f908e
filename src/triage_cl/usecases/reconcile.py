"""Take reviewers' answers back into the ledger: each once, whichever way and however often it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.decisions import Decision
from triage_cl.domain.errors import UnknownDepartment
from triage_cl.domain.facts import Fact, Recorded
from triage_cl.domain.second_looks import Opinion
from triage_cl.usecases.departments import names_ever
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.review import Answer, Reconciled, ReviewQueue, Said, Withdrawn, is_final
from triage_cl.usecases.second_looks import brought_by_look, hear_again


def reconcile(ledger: Ledger, queue: ReviewQueue, at: datetime) -> Reconciled:
    """Record every answer that the queue has and the ledger has not; an unknown department teaches nobody."""
    began = ledger.position()
    found = settle(ledger, list(queue.answers()), at, began)
    queue.acknowledge()
    return found


def settle(ledger: Ledger, said: Sequence[Said], at: datetime, as_of: int | None = None) -> Reconciled:
    """Record what was said, so that each mail's last answer is in force; durable when this returns.

    An answer that comes again is recorded once. One that was overtaken meanwhile, and holds again because the later
    one was deleted, is recorded again. A department means what it meant to the reviewer: it may be called otherwise by
    now, or be another's. `as_of` is the ledger's position when the reading of it all began: a mail that was answered
    after it, by the same way, is left alone, because that answer is newer than what was read; unless its task is gone.
    """
    while True:
        seen = ledger.position()
        known, looks = names_ever(ledger), ledger.looks(list({item.email_id for item in said}))
        new, heard = _hear(ledger, [item for item in said if item.email_id not in looks], known, as_of)
        more, overheard = hear_again(ledger, [item for item in said if item.email_id in looks], looks, known, as_of)
        # Whoever answers one of these mails meanwhile, in this process or another, is heard first.
        recorded = ledger.append_answers([*new, *more], at, seen)
        if recorded is not None:
            return _told(heard + overheard, len(said), [one.fact for one in recorded])


def _told(heard: Reconciled, said: int, recorded: Sequence[Fact]) -> Reconciled:
    """What became of everything that was said: a second look counts once, whatever it brought."""
    new = sum(1 for fact in recorded if isinstance(fact, Opinion) or not brought_by_look(fact))
    others = heard.unknown + heard.unknown_mails + heard.overtaken
    return replace(heard, corrections=new, repeated=max(0, said - others - new))


def _hear(
    ledger: Ledger, said: Sequence[Said], known: Mapping[str, str], as_of: int | None
) -> tuple[list[Correction], Reconciled]:
    """The corrections that would be new, and how many answers cannot be any."""
    ids = list({item.email_id for item in said})
    decisions, before = ledger.decisions_of(ids), ledger.corrections_of(ids)
    histories: dict[tuple[str, str], History] = {}
    new: list[Correction] = []
    unknown = unknown_mails = overtaken = 0
    for item in said:
        decision = decisions.get(item.email_id)
        if decision is None:
            unknown_mails += 1
            continue
        channel = channel_of(item)
        history = histories.setdefault((item.email_id, channel), History.of(before.get(item.email_id, ()), channel))
        if as_of is not None and history.position > as_of and not is_final(item):
            overtaken += 1
            continue
        try:
            correction = history.hear(item, decision, known)
        except UnknownDepartment:
            unknown += 1
            correction = history.overruled(item, decision) if isinstance(item, Answer) else None
        if correction is not None:
            new.append(correction)
    new += [again for history in histories.values() if (again := history.restated()) is not None]
    return new, Reconciled(unknown=unknown, unknown_mails=unknown_mails, overtaken=overtaken)


def channel_of(item: Said) -> str:
    """The way an answer came: what its id begins with."""
    return item.channel if isinstance(item, Withdrawn) else item.answer_id.partition(":")[0]


@dataclass
class History:
    """What the ledger has of one mail's answers by one way, and what is being said now."""

    position: int = 0
    last: Correction | None = None
    heard: set[str] = field(default_factory=set)
    in_force: Correction | None = None

    @classmethod
    def of(cls, recorded: Sequence[Recorded], channel: str) -> "History":
        """The history that the ledger has."""
        history = cls()
        for fact in recorded:
            correction = fact.fact
            if isinstance(correction, Correction) and correction.answer_id.partition(":")[0] == channel:
                history.position, history.last = fact.position, correction
                history.heard.add(correction.answer_id)
        return history

    def hear(self, item: Said, decision: Decision, known: Mapping[str, str]) -> Correction | None:
        """The correction that an answer is, None where it changes nothing; raises UnknownDepartment."""
        self.in_force = None
        return self._take(
            self._withdrawal(item) if isinstance(item, Withdrawn) else correction_of(item, known, decision.drawn)
        )

    def overruled(self, item: Answer, decision: Decision) -> Correction | None:
        """The withdrawal of the answer before one that names no department, None where none teaches.

        Who says now what cannot be understood stands by the earlier answer no more.
        """
        if self.last is None or self.last.department is None:
            return None
        return self._take(correction_of(replace(item, department=None), {}, decision.drawn))

    def _take(self, correction: Correction | None) -> Correction | None:
        self.in_force = correction
        if correction is None or correction.answer_id in self.heard or says_the_same(correction, self.last):
            return None
        self.heard.add(correction.answer_id)
        self.last = correction
        return correction

    def _withdrawal(self, item: Withdrawn) -> Correction | None:
        if self.last is None or not (self.last.department or self.last.flags):
            return None
        deleted = f"{self.last.answer_id.rpartition(':')[0]}:deleted"
        return _withdraw(self.last, deleted if deleted not in self.heard else f"{deleted}~{self.position}", item.at)

    def restated(self) -> Correction | None:
        """The answer in force, to be recorded again, where another one was recorded after it."""
        again = self.in_force
        if again is None or self.last is None or says_the_same(again, self.last):
            return None
        return replace(again, answer_id=f"{again.answer_id}~{self.position}")


def says_the_same(correction: Correction, last: Correction | None) -> bool:
    """Whether an answer changes nothing: the same reviewer says the same (a save without a change, say)."""
    if last is None:
        return False
    said = (correction.department, correction.flags, correction.reviewer)
    return said == (last.department, last.flags, last.reviewer)


def correction_of(answer: Answer, known: Mapping[str, str], drawn: bool = True) -> Correction:
    """The correction that an answer is; `known` gives ids by name, case folded. Raises UnknownDepartment.

    The answer measures if the mail was `drawn`; nobody asked about any other.
    """
    department = None if answer.department is None else known.get(answer.department.casefold())
    if answer.department is not None and department is None:
        raise UnknownDepartment(f"It was answered {answer.department!r}.")
    return Correction(
        email_id=answer.email_id,
        department=department,
        source=Source.REVIEW if drawn else Source.VOLUNTEER,
        origin=_origin(answer, department, known),
        blind=answer.blind,
        reviewer=answer.reviewer,
        answer_id=answer.answer_id,
        answered_at=answer.answered_at,
        flags=answer.flags,
    )


def _origin(answer: Answer, department: str | None, known: Mapping[str, str]) -> Origin:
    if answer.suggestion is None:
        return Origin.SCRATCH
    return Origin.ACCEPTED if known.get(answer.suggestion.casefold()) == department else Origin.CHANGED


def _withdraw(last: Correction, answer_id: str, at: datetime) -> Correction:
    return Correction(last.email_id, None, last.source, last.origin, last.blind, last.reviewer, answer_id, at)
