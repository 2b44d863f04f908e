"""What must hold of the answers in a ledger, whatever became of the messages about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from triage_cl.domain.corrections import Correction, Lesson
from triage_cl.learning.recipes import find_recipe
from triage_cl.usecases.learn import answers_in, lessons_between, teach, untaught
from triage_cl.usecases.ledger import Ledger
from triage_cl.usecases.reconcile import says_the_same
from triage_cl.usecases.verify import Finding, last_corrections


@dataclass(frozen=True, slots=True)
class Held:
    """The answer that holds for a mail where it was given: what it teaches, and whose it is, by pseudonym."""

    department: str
    flags: tuple[str, ...]
    reviewer: str


def lessons_by_mail(ledger: Ledger) -> dict[str, Lesson]:
    """The effective lessons, in the order of their mails' ids."""
    head = ledger.position()
    return {one.email_id: one for one in sorted(lessons_between(ledger, 0, head, head), key=lambda one: one.email_id)}


def fingerprint_by_mail(ledger: Ledger, recipe: str, key: bytes) -> str:
    """The fingerprint of a learner that is taught the effective lessons in the order of their mails' ids.

    It tells nothing of when they were learned: two ledgers of the same decisions whose mails have the same answers
    give the same.
    """
    learner = untaught(ledger, find_recipe(recipe), key)
    lessons = lessons_by_mail(ledger).values()
    teach(ledger, learner, [replace(lesson, position=number) for number, lesson in enumerate(lessons, 1)])
    return learner.fingerprint()


def differing_answers(ledger: Ledger, held: Mapping[str, Held | None]) -> Iterator[Finding]:
    """Where the ledger does not have the answer that holds: lost, stale, or learned though nobody stands by it."""
    lessons, last = lessons_by_mail(ledger), last_corrections(ledger)
    for email_id, wanted in held.items():
        lesson, (position, correction) = lessons.get(email_id), last.get(email_id, (0, None))
        if wanted is None:
            if lesson is not None:
                yield Finding(lesson.position, f"{email_id}: {lesson.department} is learned, and nobody stands by it")
        elif lesson is None:
            yield Finding(position, f"{email_id}: the answer {wanted.department} is lost")
        elif correction is None or _held(correction) != wanted:
            yield Finding(position, f"{email_id}: {lesson.department} is learned where {wanted.department} holds")


def repeated_answers(ledger: Ledger) -> Iterator[Finding]:
    """Corrections that say what the one of the same mail before them said: an answer that was recorded twice."""
    before: dict[str, Correction] = {}
    for position, correction in answers_in(ledger.facts(kinds=[Correction.kind])):
        if says_the_same(correction, before.get(correction.email_id)):
            yield Finding(position, f"{correction.email_id}: recorded twice")
        before[correction.email_id] = correction


def differing_lessons(ledger: Ledger, other: Mapping[str, Lesson]) -> Iterator[Finding]:
    """Where the effective lessons are others than those of another ledger."""
    mine = lessons_by_mail(ledger)
    for email_id in sorted(mine.keys() | other.keys()):
        here, there = _taught(mine, email_id), _taught(other, email_id)
        if here != there:
            position = mine[email_id].position if email_id in mine else 0
            yield Finding(position, f"{email_id}: the lesson is {here}, without faults it is {there}")


def _taught(lessons: Mapping[str, Lesson], email_id: str) -> str | None:
    return lessons[email_id].department if email_id in lessons else None


def _held(correction: Correction) -> Held | None:
    if correction.department is None:
        return None
    return Held(correction.department, correction.flags, correction.reviewer)
