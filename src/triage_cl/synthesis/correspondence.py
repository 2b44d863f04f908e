"""Who writes next, about what: new conversations and the next mail of old ones."""

from bisect import bisect
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random

from triage_cl.synthesis.facts import Facts
from triage_cl.synthesis.letters import Letter, Pen
from triage_cl.synthesis.organisation import Story, Topic
from triage_cl.synthesis.people import Population
from triage_cl.synthesis.phrasebook import Phrasebook, Phrases, phrasebook

_REPLIES, _OUT_OF_OFFICE, _FORWARDS = 0.17, 0.02, 0.03
_MISTAKEN = 0.08
_SHORTEST_REPLY_DELAY = timedelta(hours=1)
_DAYS_OPEN = 3


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of a conversation; `answers` is the message id of the one before, if any."""

    id: str
    thread: str
    message_id: str
    answers: str | None
    received_at: datetime
    topic: Topic
    letter: Letter
    pen: Pen

    @property
    def personal(self) -> bool:
        """Whether the person whose matter it is wrote it: no machine, no colleague passing it on."""
        return self.letter.author == self.pen.facts.person and not self.letter.automatic

    @property
    def identifiers(self) -> Iterable[str]:
        """Addresses, numbers and links of which some stand in this mail."""
        yield self.letter.author.address
        yield from self.pen.facts.identifiers()


class Correspondence:
    """Everybody's letters, in order of time."""

    def __init__(self, rng: Random, story: Story, mails: int, mails_per_day: int) -> None:
        self._rng = rng
        self._story = story
        self._people = Population(rng, story.organisation, mails)
        self._topics = tuple(story.organisation.topics.values())
        self._weights: dict[tuple[date, bool], list[float]] = {}
        self._open: deque[Mail] = deque(maxlen=1 + _DAYS_OPEN * mails_per_day)

    def mail(self, number: int, at: datetime) -> Mail:
        """The mail that arrives next, at `at`; `number` makes its ids."""
        earlier = self._unanswered(at) if self._rng.random() < _REPLIES else None
        mail = self._next(earlier, number, at) if earlier else self._new(number, at)
        self._open.append(mail)
        return mail

    def _unanswered(self, at: datetime) -> Mail | None:
        mail = self._rng.choice(self._open) if self._open else None
        return mail if mail and mail.personal and at - mail.received_at > _SHORTEST_REPLY_DELAY else None

    def _next(self, earlier: Mail, number: int, at: datetime) -> Mail:
        letter = earlier.pen.reply(earlier.letter)
        return self._mail(number, at, earlier.topic, letter, earlier.pen, earlier)

    def _new(self, number: int, at: datetime) -> Mail:
        topic, other = self._topic(at), self._topic(at)
        person = self._people.somebody(self._rng, topic.writer)
        book = phrasebook(person.language)
        facts = Facts(self._rng, self._story.organisation, person, book, self._matters(topic, book), at)
        pen = Pen(self._rng, facts, book.topics[topic.id], book.topics.get(other.id, book.topics[topic.id]))
        return self._mail(number, at, topic, self._first_letter(pen), pen, None)

    def _matters(self, topic: Topic, book: Phrasebook) -> Phrases:
        """What people say the topic is about; some take it for another department's business."""
        ids: tuple[str, ...] = (topic.id, topic.department)
        if self._rng.random() < _MISTAKEN:
            ids = (self._rng.choice(self._story.organisation.mistaken_for[topic.department]), *ids)
        return next(book.matters[id] for id in ids if id in book.matters)

    def _first_letter(self, pen: Pen) -> Letter:
        letter, chance = pen.first(), self._rng.random()
        if chance < _OUT_OF_OFFICE:
            return pen.out_of_office(letter)
        if chance < _OUT_OF_OFFICE + _FORWARDS:
            return pen.forward(letter, self._people.somebody(self._rng, "employee"))
        return letter

    def _mail(self, number: int, at: datetime, topic: Topic, letter: Letter, pen: Pen, earlier: Mail | None) -> Mail:
        host = letter.author.address.partition("@")[2]
        return Mail(
            id=f"m-{number:06d}",
            thread=earlier.thread if earlier else f"t-{number:06d}",
            message_id=f"{number:06d}.{self._rng.getrandbits(40):010x}@{host}",
            answers=earlier.message_id if earlier else None,
            received_at=at,
            topic=topic,
            letter=letter,
            pen=pen,
        )

    def _topic(self, at: datetime) -> Topic:
        """One of the topics by their weights that day."""
        launch_at = self._story.launch_at
        day = (at.date(), at >= launch_at)
        weights = self._weights.get(day)
        if weights is None:
            weights = list(accumulate(topic.weight_at(at, launch_at) for topic in self._topics))
            self._weights[day] = weights
        return self._topics[bisect(weights, self._rng.random() * weights[-1], hi=len(weights) - 1)]
