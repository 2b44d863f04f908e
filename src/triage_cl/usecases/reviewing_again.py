"""Ask again about mail of a department that was split: a sample of its old lessons, topic by topic."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from triage_cl.domain.corrections import Correction, effective_lessons
from triage_cl.domain.second_looks import Purpose, SecondLook, look_id
from triage_cl.learning.topics import topics_of
from triage_cl.privacy.keys import Keys
from triage_cl.usecases.learn import answers_in, taxonomy_at, trust_at
from triage_cl.usecases.ledger import Ledger

#: Topics are looked for among so many of the old lessons' mails.
MOST_MAILS = 2_000
#: These tasks come before all others, whose priorities are seldom below this.
FIRST = 1e-3
#: More second looks than ever wait at once.
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Sampled:
    """A mail to be asked about again: what it is about, and with which chance it was chosen."""

    email_id: str
    topic: str
    chance: float


def sample_lessons(ledger: Ledger, keys: Keys, department: str, most: int) -> list[Sampled]:
    """At most `most` mails that teach `department` now, of each topic its share, one topic after the other.

    A keyed draw: the same ledger and keys give the same sample. Mail that was never decided here, or whose text is no
    longer kept, cannot be asked about.
    """
    mails = sorted(_taught_by(ledger, department), key=lambda id: keys.uniform("split", id))
    emails, decided = ledger.emails(mails[:MOST_MAILS]), ledger.decisions_of(mails[:MOST_MAILS])
    asked = [id for id in mails if id in emails and id in decided]
    topics = topics_of([f"{emails[id].subject}\n{emails[id].body}" for id in asked])
    sampled = []
    for topic, share in zip(topics, shares([len(topic.texts) for topic in topics], most), strict=True):
        chance = min(1.0, MOST_MAILS / len(mails)) * share / len(topic.texts)
        sampled += [Sampled(asked[place], ", ".join(topic.words), chance) for place in topic.texts[:share]]
    return sampled


def _taught_by(ledger: Ledger, department: str) -> list[str]:
    """The mails whose lessons teach a department now."""
    taxonomy, answers = taxonomy_at(ledger), answers_in(ledger.facts(kinds=[Correction.kind]))
    lessons = effective_lessons(trust_at(ledger).counting(answers))
    return [lesson.email_id for lesson in lessons if taxonomy.teaches(lesson.department) == department]


def shares(sizes: Sequence[int], most: int) -> list[int]:
    """`most` shared out in proportion to `sizes`, none getting more than its own; the largest remainders round up.

    (Hamilton's method.)
    """
    total = sum(sizes)
    given = min(most, total)
    exact = [given * size / total for size in sizes] if total else []
    shared = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: (shared[place] - exact[place], place))
    for place in by_remainder[: given - sum(shared)]:
        shared[place] += 1
    return shared


def ask_about(ledger: Ledger, sampled: Sequence[Sampled], at: datetime) -> int:
    """Have these mails looked at again, before other tasks and in this order; how many are asked about anew."""
    before = ledger.looks_at([one.email_id for one in sampled]).values()
    attempts = Counter(look.email_id for look in before if look.purpose is Purpose.AGAIN)
    return ledger.ask(
        [
            SecondLook(
                id=look_id(one.email_id, Purpose.AGAIN, attempts[one.email_id] + 1),
                email_id=one.email_id,
                purpose=Purpose.AGAIN,
                asked_at=at,
                priority=FIRST * (number + 1) / (len(sampled) + 1),
                topic=one.topic,
                chance=one.chance,
            )
            for number, one in enumerate(sampled)
        ]
    )


def put_away_needless(ledger: Ledger, at: datetime) -> int:
    """Put away what is asked again and not answered, where the earlier answer counts again; how many tasks that are.

    A review screen that cannot be reached now follows later.
    """
    task_of = {look: task for task, look in ledger.standing_tasks().items()}
    waiting = [*ledger.looks(list(task_of)).values(), *ledger.unpublished_looks(MANY)]
    answered = ledger.answered([look.id for look in waiting])
    asked = [look for look in waiting if look.purpose is Purpose.AGAIN and look.id not in answered]
    counting = _counting(ledger, {look.email_id for look in asked})
    needless = [look.id for look in asked if look.email_id in counting]
    # A look that no reviewer was given yet is none that one will be given.
    ledger.published({id: id for id in needless if id not in task_of}, at)
    ledger.archive_tasks([task_of.get(id, id) for id in needless], at)
    return len(needless)


def _counting(ledger: Ledger, emails: Iterable[str]) -> set[str]:
    """Those of some mails that have a lesson that counts now."""
    taxonomy, trust = taxonomy_at(ledger), trust_at(ledger)
    found = ledger.corrections_of(sorted(emails)).values()
    lessons = [lesson for about in found for lesson in effective_lessons(trust.counting(answers_in(about)))]
    return {lesson.email_id for lesson in lessons if taxonomy.teaches(lesson.department) is not None}
