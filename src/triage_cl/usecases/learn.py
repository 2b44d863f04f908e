"""Fold the ledger into a learner, and let a learner follow the ledger.

The one law: a learner that followed equals the learner folded again at its two positions, bit for bit.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from triage_cl.domain.corrections import Correction, Lesson, effective_lessons
from triage_cl.domain.departments import REFOLDING, DepartmentChange, Taxonomy, fold_taxonomy
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Recorded
from triage_cl.learning.hashing import Features, describe
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import find_recipe
from triage_cl.usecases.ledger import Ledger

CHANGES = tuple(change.kind for change in get_args(DepartmentChange))

#: How many mails' texts are in memory at once while folding.
PAGE = 1_000


def describe_email(key: bytes, email: Email) -> Features:
    """The features of a mail: the same in deciding and in learning."""
    return describe(key, {"subject": email.subject, "body": email.body, "sender": email.sender})


def taxonomy_at(ledger: Ledger, as_of: int | None = None) -> Taxonomy:
    """The departments as they stood at a position (None: now)."""
    changes = ledger.facts(until=as_of, kinds=CHANGES)
    return fold_taxonomy(recorded.fact for recorded in changes if isinstance(recorded.fact, DepartmentChange))


def lessons_between(ledger: Ledger, start: int, through: int, as_of: int) -> list[Lesson]:
    """The effective lessons after `start` up to `through`, as edits and departments stood at `as_of`."""
    corrections = _corrections(ledger.facts(until=as_of, kinds=[Correction.kind]))
    taxonomy = taxonomy_at(ledger, as_of)
    return list(_taught(effective_lessons(corrections), taxonomy, start, through))


def _corrections(facts: Iterable[Recorded]) -> Iterator[tuple[int, Correction]]:
    for recorded in facts:
        if isinstance(recorded.fact, Correction):
            yield recorded.position, recorded.fact


def _taught(lessons: Iterable[Lesson], taxonomy: Taxonomy, start: int, through: int) -> Iterator[Lesson]:
    for lesson in lessons:
        department = taxonomy.teaches(lesson.department)
        if start < lesson.position <= through and department is not None:
            yield Lesson(lesson.position, lesson.email_id, department)


def fold(ledger: Ledger, recipe: str, key: bytes, start: int, through: int, as_of: int) -> Learner:
    """The learner that the ledger makes of a recipe at two positions."""
    learner = Learner(find_recipe(recipe), key, start=start)
    teach(ledger, learner, lessons_between(ledger, start, through, as_of))
    learner.through, learner.as_of = through, as_of
    return learner


def teach(ledger: Ledger, learner: Learner, lessons: Sequence[Lesson]) -> None:
    """Let `learner` learn these lessons in order; one whose text is gone teaches nothing."""
    for begin in range(0, len(lessons), PAGE):
        page = lessons[begin : begin + PAGE]
        emails = ledger.emails([lesson.email_id for lesson in page])
        for lesson in page:
            if lesson.email_id in emails:
                features = describe_email(learner.key, emails[lesson.email_id])
                learner.learn(lesson.position, features, lesson.department)


def follow(ledger: Ledger, learner: Learner) -> Learner:
    """The learner after everything that the ledger has by now.

    New lessons are learned by the learner itself; an edit, or a change of departments under which old lessons
    mean something else, makes a new one from the start.
    """
    news = list(ledger.facts(after=learner.as_of, kinds=(Correction.kind, *CHANGES)))
    if not news:
        return learner
    head = news[-1].position
    corrections = list(_corrections(news))
    mails = list({correction.email_id for _, correction in corrections})
    rewritten = any(isinstance(recorded.fact, REFOLDING) for recorded in news)
    if rewritten or ledger.corrected_before(mails, learner.as_of):
        return fold(ledger, learner.recipe.name, learner.key, learner.start, head, head)
    taxonomy = taxonomy_at(ledger, head)
    teach(ledger, learner, list(_taught(effective_lessons(corrections), taxonomy, learner.through, head)))
    learner.through = learner.as_of = head
    return learner
