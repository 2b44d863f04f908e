"""Generated mail with the right answers, in any number: what learners are measured on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from math import log
from random import Random

from triage_cl.synthesis.arrivals import arrivals
from triage_cl.synthesis.correspondence import Correspondence, Mail
from triage_cl.synthesis.organisation import Story, organisation
from triage_cl.synthesis.stream import A_MONDAY

#: Letters are joined until they have as many characters as mail has: the logarithm of its length is normal, the median
#: about 850 characters, the mean 1,200, one in a hundred above 6,000.
MEDIAN_CHARACTERS, SPREAD = 600, 1.0

#: So many of its words are names, codes and other rare ones, that no phrase has: their frequency falls with their rank
#: (Zipf), so that a mail always has some that no mail before it had, as real mail does.
RARE_PART, RARE_WORDS = 0.08, 400_000

_SYLLABLES = [first + second for first in "bcdfghjklmnprstvwz" for second in ("a", "e", "i", "o", "u")]

_DAYS = 56
#: More than it takes: the commonest topics have three letters in five, and a mail is made of four.
_LETTERS_A_MAIL = 8


@dataclass(frozen=True, slots=True)
class LabelledMail:
    """A mail and where it belongs."""

    received_at: datetime
    sender: str
    subject: str
    body: str
    thread: str
    label: str


def short_mail(seed: int, mails: int) -> Iterator[LabelledMail]:
    """`mails` mails as people write them, in order of time, with their departments' ids; the same for the same seed."""
    return (_labelled([mail], mail.topic.department, mail.letter.body) for mail in _letters(seed, mails))


def long_mail(seed: int, mails: int, topics: int = 20) -> list[LabelledMail]:
    """`mails` mails about the commonest `topics` of the organisation, each with its topic; the same for the same seed.

    Each is some letters of one topic, one below the other, under the sender and subject of the first, with rare words
    between them.
    """
    letters = _letters(seed, mails * _LETTERS_A_MAIL)
    commonest = {topic for topic, _ in Counter(letter.topic.id for letter in letters).most_common(topics)}
    chosen = (letter for letter in letters if letter.topic.id in commonest)
    rare = Random(f"{seed} rare words")
    joined = islice(_joined(Random(f"{seed} lengths"), chosen), mails)
    return [_labelled(parts, parts[0].topic.id, _with_rare_words(rare, parts)) for parts in joined]


def _letters(seed: int, count: int) -> list[Mail]:
    story = Story.over(organisation(), A_MONDAY, timedelta(days=_DAYS))
    correspondence = Correspondence(Random(f"{seed} letters"), story, count, -(-count // _DAYS))
    times = arrivals(Random(f"{seed} times"), A_MONDAY, _DAYS, count)
    return [correspondence.mail(number, at) for number, at in enumerate(times, start=1)]


def _joined(lengths: Random, letters: Iterator[Mail]) -> Iterator[list[Mail]]:
    missing: dict[str, float] = {}
    waiting: dict[str, list[Mail]] = {}
    for letter in letters:
        topic = letter.topic.id
        if topic not in waiting:
            waiting[topic], missing[topic] = [], lengths.lognormvariate(log(MEDIAN_CHARACTERS), SPREAD)
        waiting[topic].append(letter)
        missing[topic] -= len(letter.letter.body)
        if missing[topic] <= 0:
            yield waiting.pop(topic)


def _with_rare_words(chance: Random, parts: Sequence[Mail]) -> str:
    bodies: list[str] = []
    for part in parts:
        count = round(RARE_PART * len(part.letter.body.split()))
        bodies += [part.letter.body, " ".join(_rare_word(chance) for _ in range(count))]
    return "\n\n".join(bodies)


def _rare_word(chance: Random) -> str:
    rank = int(RARE_WORDS ** chance.random())
    word = ""
    while rank:
        rank, syllable = divmod(rank, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
    return word


def _labelled(parts: Sequence[Mail], label: str, body: str) -> LabelledMail:
    first = parts[0]
    return LabelledMail(
        parts[-1].received_at, first.letter.author.sender, first.letter.subject, body, first.thread, label
    )
