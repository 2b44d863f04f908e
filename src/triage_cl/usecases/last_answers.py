"""What a reviewer's last answers did to the champion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from triage_cl.domain.facts import Recorded
from triage_cl.usecases.console_ledger import ConsoleLedger
from triage_cl.usecases.receipt import Fate, reach_of, rules_at, standings
from triage_cl.usecases.trace import answer_in
from triage_cl.usecases.triage import Desk

#: So many answers are told of, looked for among so many last ones by anybody.
LAST, LOOKED_THROUGH = 20, 1_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LastAnswers:
    """How many answers were given, how many of them the champion has learned, and how many of these changed its mind.

    That is: it concludes something else about the answered mail today than when the mail was decided.
    """

    given: int = 0
    learned: int = 0
    changed: int = 0


def last_answers(desk: Desk, ledger: ConsoleLedger, reviewer: str, count: int = LAST) -> LastAnswers:
    """What became of a reviewer's (a pseudonym's) last `count` answers that name a department.

    Raises NoChampion where there is none.
    """
    reach, rules = reach_of(desk), rules_at(ledger)
    given = _given(ledger, reviewer, count)
    positions = {recorded.position for recorded in given}
    about = ledger.corrections_of([answer_in(recorded).email_id for recorded in given])
    counted = [standing for answers in about.values() for standing in standings(answers, rules)]
    learned = [one for one in counted if one.position in positions and reach.fate(one) is Fate.LEARNED]
    taught = [answer_in(standing.answer).email_id for standing in learned]
    return LastAnswers(len(given), len(learned), _changed(desk, ledger, taught))


def _given(ledger: ConsoleLedger, reviewer: str, count: int) -> list[Recorded]:
    """A reviewer's last answers, one a mail, newest first."""
    newest = ledger.answers(BEGINNING, 0, ledger.position() + 1, LOOKED_THROUGH)
    found: dict[str, Recorded] = {}
    for recorded in newest:
        answer = answer_in(recorded)
        if answer.reviewer == reviewer and answer.department is not None:
            found.setdefault(answer.email_id, recorded)
    return list(found.values())[:count]


def _changed(desk: Desk, ledger: ConsoleLedger, ids: Sequence[str]) -> int:
    """About how many of these mails another department is concluded than when they were decided, by today's names."""
    emails, decisions = ledger.emails(ids), ledger.decisions_of(ids)
    kept = [id for id in ids if id in emails and id in decisions]
    concluded = desk.conclusions([emails[id] for id in kept]) if kept else []
    before = (decisions[id].department for id in kept)
    then = [None if one is None else desk.taxonomy.teaches(one) or one for one in before]
    return sum(now.department != was for now, was in zip(concluded, then, strict=True))
