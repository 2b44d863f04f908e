"""Take in what is said at second looks: as opinions, and as corrections of the mail where the purpose teaches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.decisions import Decision
from triage_cl.domain.facts import Fact, Recorded
from triage_cl.domain.second_looks import Opinion, SecondLook
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.review import Answer, Reconciled, Said, is_final

#: What the ids of corrections that second looks brought begin with.
CHANNEL = "look"


@dataclass
class LookHistory:
    """One second look, what was said at it so far, and the corrections of its mail."""

    look: SecondLook
    decision: Decision
    last: Opinion | None
    position: int
    corrections: Sequence[Recorded]

    def hear(self, item: Said, known: Mapping[str, str]) -> Iterator[Opinion | Correction]:
        """What an answer brings, nothing where it changes nothing; an unknown department is none."""
        opinion = self._opinion(item, known)
        if opinion is None or _same(opinion, self.last) or (self.last is None and names_nothing(item, known)):
            return
        self.last = opinion
        yield opinion
        if self.look.purpose.teaches:
            yield self._correction(item, opinion)

    def _opinion(self, item: Said, known: Mapping[str, str]) -> Opinion | None:
        """What is said now; None for the withdrawal of nothing."""
        if isinstance(item, Answer):
            said = None if item.department is None else known.get(item.department.casefold())
            whose, name, at = item.reviewer, item.answer_id, item.answered_at
        elif self.last is None or self.last.department is None:
            return None
        else:
            # Each withdrawal is one of its own: what was withdrawn before may have been said again.
            said, whose, at = None, self.last.reviewer, item.at
            name = f"{self.last.answer_id.rpartition(':')[0]}:deleted~{self.position}"
        return Opinion(self.look.id, self.look.email_id, self.look.purpose, said, whose, name, at)

    def _correction(self, item: Said, opinion: Opinion) -> Correction:
        """The answer for the mail itself; where it is withdrawn, the one before it, which holds again."""
        if not isinstance(item, Answer):
            earlier = [one.fact for one in self.corrections if isinstance(one.fact, Correction)]
            others = [one for one in earlier if not one.answer_id.startswith(f"{CHANNEL}:")]
            if others:
                return replace(others[-1], answer_id=f"{others[-1].answer_id}~{self.corrections[-1].position}")
        return Correction(
            email_id=self.look.email_id,
            department=opinion.department,
            source=Source.REVIEW if self.decision.drawn else Source.VOLUNTEER,
            origin=Origin.SCRATCH,
            blind=True,
            reviewer=opinion.reviewer,
            answer_id=f"{CHANNEL}:{opinion.answer_id}",
            answered_at=opinion.answered_at,
            flags=item.flags if isinstance(item, Answer) else (),
        )


def _same(opinion: Opinion, last: Opinion | None) -> bool:
    return last is not None and (opinion.department, opinion.reviewer) == (last.department, last.reviewer)


def hear_again(
    ledger: Ledger,
    said: Sequence[Said],
    looks: Mapping[str, SecondLook],
    known: Mapping[str, str],
    as_of: int | None,
) -> tuple[list[Opinion | Correction], Reconciled]:
    """What would be new of what was said at second looks, and how many answers cannot be anything.

    `known` gives departments' ids by name, case folded. A look that was answered after `as_of` is left alone.
    """
    new, heard = list[Opinion | Correction](), Reconciled()
    found = _histories(ledger, looks) if said else {}
    for item in said:
        history = found.get(item.email_id)
        if history is None:
            heard += Reconciled(unknown_mails=1)
            continue
        if as_of is not None and history.position > as_of and not is_final(item):
            heard += Reconciled(overtaken=1)
            continue
        heard += Reconciled(unknown=int(names_nothing(item, known)))
        new += history.hear(item, known)
    return new, heard


def names_nothing(item: Said, known: Mapping[str, str]) -> bool:
    """Whether an answer names a department that never was."""
    return isinstance(item, Answer) and item.department is not None and item.department.casefold() not in known


def brought_by_look(fact: Fact) -> bool:
    """Whether a correction came from a second look."""
    return isinstance(fact, Correction) and fact.answer_id.startswith(f"{CHANNEL}:")


def _histories(ledger: Ledger, looks: Mapping[str, SecondLook]) -> dict[str, LookHistory]:
    """What the ledger has of these looks, by their ids; those at mail that was never decided are left out."""
    emails = list({look.email_id for look in looks.values()})
    decisions, corrections = ledger.decisions_of(emails), ledger.corrections_of(emails)
    opinions = ledger.opinions_of(list(looks))
    return {
        id: _history(look, decisions[look.email_id], opinions.get(id, ()), corrections.get(look.email_id, ()))
        for id, look in looks.items()
        if look.email_id in decisions
    }


def _history(
    look: SecondLook, decision: Decision, opinions: Sequence[Recorded], corrections: Sequence[Recorded]
) -> LookHistory:
    last = opinions[-1].fact if opinions else None
    position = opinions[-1].position if opinions else 0
    return LookHistory(look, decision, last if isinstance(last, Opinion) else None, position, corrections)
