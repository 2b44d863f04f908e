"""Fold the ledger into a learner, and let a learner follow the ledger.

A learner has two positions. `through` is the last one whose first answers it learned; `as_of` the last one whose edits
count, where an edit is a further answer for a mail, or a change of departments or reviewers under which old lessons
mean something else or nothing. New lessons are learned at once; after an edit `as_of` stays behind until the learner
has been folded again.

The one law: a learner that followed equals the learner folded again at its two positions, bit for bit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, get_args

from triage_cl.domain.corrections import Correction, Lesson, Source, effective_lessons
from triage_cl.domain.departments import DepartmentChange, Taxonomy, fold_taxonomy, refolding
from triage_cl.domain.emails import Email
from triage_cl.domain.facts import Recorded
from triage_cl.domain.reviewers import ReviewerChange, Trust, fold_trust
from triage_cl.learning.hashing import Features, describe, describe_many
from triage_cl.learning.learner import Learner
from triage_cl.learning.recipes import Recipe, find_recipe
from triage_cl.usecases.ledger import Ledger

CHANGES = tuple(change.kind for change in get_args(DepartmentChange))
TRUST = tuple(change.kind for change in get_args(ReviewerChange))

#: Facts that a learner follows.
FOLLOWED = (Correction.kind, *CHANGES, *TRUST)

#: The position of a correction, and the correction.
Answer = tuple[int, Correction]

#: How many mails' texts are in memory at once while folding.
PAGE = 1_000


def describe_email(key: bytes, email: Email) -> Features:
    """What a mail's text tells by itself: its hashed features, without vectors."""
    return describe(key, text_of(email))


def describe_emails(ledger: Ledger, key: bytes, mails: Sequence[Email], learners: Iterable[Learner]) -> list[Features]:
    """The features of mails for these learners: the same in deciding and in learning.

    With the vectors that their recipes learn from, as the ledger has or makes them; BadSettings where no encoder of
    such a kind is set.
    """
    features = describe_many(key, map(text_of, mails))
    kinds = sorted({learner.recipe.vectors for learner in learners if learner.recipe.vectors})
    if not kinds:
        return features
    made = {kind: ledger.vectors(mails, kind) for kind in kinds}
    vectors = [{kind: made[kind][email.id] for kind in kinds} for email in mails]
    return [replace(each, vectors=mine) for each, mine in zip(features, vectors, strict=True)]


def encoder_of(ledger: Ledger, recipe: Recipe) -> str:
    """The digest of the encoder that the recipe's vectors come from now, "" for a recipe without."""
    return ledger.encoder(recipe.vectors).digest if recipe.vectors else ""


def text_of(email: Email) -> Mapping[str, str]:
    """What of a mail is learned from, by namespace."""
    return {"subject": email.subject, "body": email.body, "sender": email.sender, "thread": email.thread or ""}


def taxonomy_at(ledger: Ledger, as_of: int | None = None, through: int = 0) -> Taxonomy:
    """The departments as they stood at a position (None: now).

    With those that were added or renamed up to `through`, if that is later: they change no earlier lesson.
    """
    changes = _changes(ledger, None if as_of is None else max(as_of, through))
    return fold_taxonomy(
        change for position, change, refolds in changes if as_of is None or position <= as_of or not refolds
    )


def _changes(ledger: Ledger, until: int | None) -> list[tuple[int, DepartmentChange, bool]]:
    """The changes of departments with their positions, and whether old lessons mean something else under each."""
    recorded = ledger.facts(until=until, kinds=CHANGES)
    changes = [(each.position, each.fact) for each in recorded if isinstance(each.fact, DepartmentChange)]
    refolds = refolding(change for _, change in changes)
    return [(*change, refolded) for change, refolded in zip(changes, refolds, strict=True)]


def lessons_between(ledger: Ledger, start: int, through: int, as_of: int) -> list[Lesson]:
    """The effective lessons after `start` up to `through`, as edits and departments stood at `as_of`."""
    # A mail whose latest answer came by `start` has no lesson after it: earlier answers need not be read.
    answers = list(answers_in(ledger.facts(after=start, until=max(through, as_of), kinds=[Correction.kind])))
    settled = [answer for answer in answers if answer[0] <= as_of]
    late, trust = answers[len(settled) :], trust_at(ledger, as_of)
    known = ledger.corrected_before(list({correction.email_id for _, correction in late}), max(as_of, start))
    first = _first_answers(late, known)
    lessons = effective_lessons(trust.counting(settled)) + effective_lessons(trust.counting(first))
    return list(_taught(lessons, taxonomy_at(ledger, as_of, through), start, through))


def trust_at(ledger: Ledger, as_of: int | None = None) -> Trust:
    """Whose answers counted at a position (None: now)."""
    return fold_trust(reviewer_changes(ledger, as_of))


def reviewer_changes(ledger: Ledger, as_of: int | None = None) -> list[ReviewerChange]:
    """Who was taken out and reinstated up to a position (None: now), in order."""
    recorded = ledger.facts(until=as_of, kinds=TRUST)
    return [one.fact for one in recorded if isinstance(one.fact, ReviewerChange)]


def rewrites(ledger: Ledger, facts: Sequence[Recorded]) -> set[int]:
    """The positions of those of some facts, given without gaps, that change what earlier answers teach."""
    found = {recorded.position for recorded in facts if isinstance(recorded.fact, ReviewerChange)}
    if any(isinstance(recorded.fact, DepartmentChange) for recorded in facts):
        changes = _changes(ledger, facts[-1].position)
        found |= {position for position, _, refolds in changes if refolds and position >= facts[0].position}
    return found


def _first_answers(answers: Iterable[Answer], known: set[str]) -> Iterator[Answer]:
    """Those for mails that are not in `known` and had no answer among these; `known` grows by them."""
    for position, correction in answers:
        if correction.email_id not in known:
            known.add(correction.email_id)
            yield position, correction


def answers_in(facts: Iterable[Recorded]) -> Iterator[Answer]:
    """The corrections among facts, with their positions."""
    for recorded in facts:
        if isinstance(recorded.fact, Correction):
            yield recorded.position, recorded.fact


def _taught(lessons: Iterable[Lesson], taxonomy: Taxonomy, start: int, through: int) -> Iterator[Lesson]:
    teams = {id: tuple(taxonomy.below(id)) for id in taxonomy.departments}
    for lesson in lessons:
        department = taxonomy.teaches(lesson.department)
        if start < lesson.position <= through and department is not None:
            yield replace(lesson, department=department, teams=teams[department])


def untaught(ledger: Ledger, recipe: Recipe, key: bytes, start: int = 0) -> Learner:
    """A learner that will be taught what comes after `start`."""
    return Learner(recipe, key, start=start, encoder=encoder_of(ledger, recipe))


def fold(ledger: Ledger, recipe: str, key: bytes, start: int, through: int, as_of: int) -> Learner:
    """The learner that the ledger makes of a recipe at two positions."""
    learner = untaught(ledger, find_recipe(recipe), key, start)
    teach(ledger, learner, lessons_between(ledger, start, through, as_of))
    learner.through, learner.as_of = through, as_of
    return learner


def teach(ledger: Ledger, learner: Learner, lessons: Sequence[Lesson]) -> None:
    """Let `learner` learn these lessons in order; one whose text is gone teaches nothing."""
    for begin in range(0, len(lessons), PAGE):
        page = lessons[begin : begin + PAGE]
        emails, weights = ledger.emails([lesson.email_id for lesson in page]), weights_of(ledger, page)
        kept = [lesson for lesson in page if lesson.email_id in emails]
        mails = [emails[lesson.email_id] for lesson in kept]
        for lesson, features in zip(kept, describe_emails(ledger, learner.key, mails, [learner]), strict=True):
            weight = weights.get(lesson.email_id, 0.0)
            learner.learn(lesson.position, features, lesson.department, weight, lesson.teams)


def weights_of(ledger: Ledger, lessons: Sequence[Lesson]) -> Mapping[str, float]:
    """For how many mails each answer that measures stands: the inverse of its mail's review probability.

    Answers that nobody asked for stand for none and are not named.
    """
    asked = [lesson.email_id for lesson in lessons if lesson.source is Source.REVIEW]
    # A probability of 0 is a fault that `verify propensities` names: nothing is divided by it.
    return {id: 1 / chance for id, chance in ledger.review_probabilities(asked).items() if chance > 0}


class Refold(Protocol):
    """How a learner is folded again whose lessons were rewritten."""

    @property
    def ready(self) -> bool:
        """Whether a fold that was put off is done, so that following brings something new."""
        ...

    def __call__(self, ledger: Ledger, learner: Learner, head: int) -> Learner:
        """The learner folded again up to `head`, or the same one while that is still being done."""
        ...

    def keep(self, learner: Learner) -> None:
        """Take note of a learner that has counted everything, to fold again from it; nothing of it is changed."""
        ...


class AtOnce:
    """Folds from the start while the caller waits."""

    ready = False

    def __call__(self, ledger: Ledger, learner: Learner, head: int) -> Learner:
        """A new learner at `head`."""
        return fold(ledger, learner.recipe.name, learner.key, learner.start, head, head)

    def keep(self, learner: Learner) -> None:
        """Nothing is kept."""


AT_ONCE = AtOnce()


def follow(ledger: Ledger, learner: Learner, refold: Refold = AT_ONCE) -> Learner:
    """The learner after everything that the ledger has by now.

    New lessons are learned by the learner itself; edits make a new one, as `refold` does it: until that is there, the
    learner goes on with `as_of` behind.
    """
    news = list(ledger.facts(after=learner.through, kinds=FOLLOWED))
    if news:
        _take_in(ledger, learner, news)
    if learner.as_of < learner.through:
        return refold(ledger, learner, learner.through)
    if news:
        refold.keep(learner)
    return learner


def _take_in(ledger: Ledger, learner: Learner, news: Sequence[Recorded]) -> None:
    """Let `learner` learn the first answers among the news; its `as_of` stops before the first edit."""
    head, answers = news[-1].position, list(answers_in(news))
    known = ledger.corrected_before(list({correction.email_id for _, correction in answers}), learner.through)
    first = list(_first_answers(answers, known))
    edits = {position for position, _ in answers} - {position for position, _ in first}
    edits |= rewrites(ledger, news)
    as_of = learner.as_of
    if as_of == learner.through:
        as_of = min(edits) - 1 if edits else head
    lessons = effective_lessons(trust_at(ledger, as_of).counting(first))
    teach(ledger, learner, list(_taught(lessons, taxonomy_at(ledger, as_of, head), learner.through, head)))
    learner.through, learner.as_of = head, as_of
