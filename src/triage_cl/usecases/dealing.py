"""Deal out second looks: which answers somebody else gives too, and who settles it where two disagree."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import numpy as np

from triage_cl.domain.corrections import Correction
from triage_cl.domain.double_reviews import DoubleReview, Outcome
from triage_cl.domain.facts import Recorded
from triage_cl.domain.second_looks import Purpose, SecondLook, look_id
from triage_cl.privacy.keys import Keys
from triage_cl.statistics.double_reviews import SecondLooks
from triage_cl.usecases.double_reviews import Docket, docket_at, first_answer
from triage_cl.usecases.learn import answers_in, trust_at
from triage_cl.usecases.ledger import Ledger

#: How far answers were dealt out, among the ledger's cursors.
CURSOR = "double-reviews"
#: Who answered within so long is there to answer more; what was answered before it is not looked at again.
LATELY = timedelta(days=30)
#: How many people it takes for a second answer, and for one that settles a disagreement.
FOR_A_SECOND, FOR_A_VERDICT = 2, 3
#: How many people are asked at most where a second look went to the wrong one.
ATTEMPTS = 3
#: How many answers are dealt out at once.
PAGE = 5_000

#: How many facts back answers are counted by department.
LATEST = 5_000

#: Who is not known yet.
ANYBODY = ""

#: How often a reviewer answered a department.
Answered = Counter[tuple[str, str]]


def deal(ledger: Ledger, keys: Keys, part: float, at: datetime) -> int:
    """Ask for second looks at up to the share `part` of all answers, and for verdicts; how many are new.

    Each mail once, at the first answer that somebody gave of themselves. The chance follows from the facts before the
    page of answers that it stands on, so that it is the same for whoever begins anew after a crash.
    """
    asked, began = 0, int(ledger.cursor(CURSOR) or 0)
    while page := list(islice(ledger.facts(after=began, kinds=[Correction.kind]), PAGE)):
        fresh = [one for one in page if at - one.at <= LATELY]
        if part > 0 and fresh:
            asked += ledger.ask(_with_text(ledger, list(_dealt(ledger, keys, part, began, fresh))))
        began = page[-1].position
        ledger.move_cursor(CURSOR, str(began), at)
    return asked + follow_up(ledger, keys, at)


def _dealt(ledger: Ledger, keys: Keys, part: float, began: int, page: Sequence[Recorded]) -> Iterator[SecondLook]:
    docket, trust = docket_at(ledger, began), trust_at(ledger)
    people = working(ledger, docket, page[0].at)
    if len(people) < FOR_A_SECOND:
        return
    chances = chances_for(docket, people, answered_before(ledger, docket, began), part)
    known = ledger.corrections_of(list({answer.email_id for _, answer in answers_in(page)}))
    for recorded in page:
        position, answer = next(answers_in([recorded]))
        if first_answer(known[answer.email_id]) == (position, answer) and trust.counts(answer):
            yield from _drawn(keys, answer, chances.get(answer.reviewer, chances[ANYBODY]), docket, recorded.at)


def working(ledger: Ledger, docket: Docket, at: datetime) -> Mapping[str, int]:
    """Who answered in the thirty days before then, and how much; without those who were taken out."""
    given = ledger.answers_given(at - LATELY)
    return {reviewer: answers for reviewer, answers in given.items() if docket.trust.trusts(reviewer, at)}


@dataclass(frozen=True, slots=True)
class Chance:
    """With what chance an answer is reviewed twice: at random, or because it names one of the departments in `aim`."""

    random: float
    aimed: float = 0.0
    aim: tuple[str, ...] = ()


def chances_for(docket: Docket, people: Mapping[str, int], answered: Answered, part: float) -> Mapping[str, Chance]:
    """The chance for each of these people's answers and for anybody else's; over answers at most `part` on average."""
    evidence, names = docket.evidence, [*people, ANYBODY]
    departments = evidence.departments or [""] * len(evidence.streams.shares)
    answers = np.array([[answered[name, department] for department in departments] for name in names])
    # What a flagged one answers tells nothing new.
    watched = [name != ANYBODY and name not in evidence.flagged for name in names]
    looks = SecondLooks.planned(evidence.streams, evidence.suspicions(names), answers, part, watched)
    # Who answers more has more of them reviewed.
    random = np.minimum(looks.random, 1.0)
    expected = random + looks.aimed * evidence.streams.expected(looks.stream, answers)
    mean = np.average(expected, weights=[*people.values(), 0])
    scale = part / max(part, float(mean))
    return {
        name: Chance(float(random[n]) * scale, float(looks.aimed[n]) * scale, evidence.pair(int(looks.stream[n])))
        for n, name in enumerate(names)
    }


def answered_before(ledger: Ledger, docket: Docket, position: int) -> Answered:
    """How often everybody lately answered each department, by reviewer and department."""
    lately = answers_in(ledger.facts(max(0, position - LATEST), position, [Correction.kind]))
    told = ((answer.reviewer, docket.taxonomy.teaches(answer.department or "")) for _, answer in lately)
    return Counter((reviewer, department) for reviewer, department in told if department is not None)


def _drawn(keys: Keys, answer: Correction, chance: Chance, docket: Docket, at: datetime) -> Iterator[SecondLook]:
    draw = keys.uniform("double review", answer.email_id)
    meant = docket.taxonomy.teaches(answer.department or "")
    if draw < chance.random:
        yield a_look(keys, answer.email_id, Purpose.DOUBLE, 1, at, chance.random)
    elif draw < chance.random + chance.aimed and meant in chance.aim:
        yield a_look(keys, answer.email_id, Purpose.DOUBLE, 1, at, chance.aimed, chance.aim)


def a_look(
    keys: Keys,
    email_id: str,
    purpose: Purpose,
    attempt: int,
    at: datetime,
    chance: float = 1.0,
    aim: tuple[str, ...] = (),
) -> SecondLook:
    """A second look that is as urgent as other tasks are, so that it cannot be told from them."""
    id = look_id(email_id, purpose, attempt)
    return SecondLook(id, email_id, purpose, at, keys.uniform("second look", id), chance=chance, aim=aim)


def follow_up(ledger: Ledger, keys: Keys, at: datetime) -> int:
    """Ask somebody else where a second look went to the wrong person, and a third one where two disagree; how many."""
    docket = docket_at(ledger)
    people = working(ledger, docket, at).keys() - docket.evidence.flagged.keys()
    wanted = (_next(keys, review, len(people), at) for review in docket.reviews() if _is_worth_it(docket, review))
    return ledger.ask(_with_text(ledger, [look for look in wanted if look is not None]))


def _is_worth_it(docket: Docket, review: DoubleReview) -> bool:
    """Whether somebody is to be asked, and nobody is: what was said by who was taken out needs no comparing."""
    said = [review.first, *([review.second] if review.second else [])]
    return not review.waits and all(one.reviewer not in docket.trust.taken_out for one in said)


def _next(keys: Keys, review: DoubleReview, people: int, at: datetime) -> SecondLook | None:
    if review.outcome is Outcome.OPEN and review.attempts < ATTEMPTS:
        more = review.attempts + 1
        return a_look(keys, review.email_id, Purpose.DOUBLE, more, at, review.chance, review.aim)
    if review.outcome is Outcome.WAITING and review.verdicts < ATTEMPTS and people >= FOR_A_VERDICT:
        return a_look(keys, review.email_id, Purpose.VERDICT, review.verdicts + 1, at)
    return None


def _with_text(ledger: Ledger, looks: Sequence[SecondLook]) -> list[SecondLook]:
    """Those at mail whose text is kept: nobody can answer any other."""
    kept = ledger.emails([look.email_id for look in looks])
    return [look for look in looks if look.email_id in kept]
