"""What people write: subject and body, from one-liners to several paragraphs, not always to the point."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from triage_cl.synthesis.facts import Facts, also
from triage_cl.synthesis.people import Person
from triage_cl.synthesis.phrasebook import TopicPhrases

#: Chances of what makes mail hard: nothing but hints, a subject that says nothing, something about another topic.
_VAGUE, _TERSE, _BLAND_SUBJECT, _ASIDE = 0.03, 0.08, 0.35, 0.12
_CONCERNS = 0.7
_STATEMENTS, _STATEMENT_CHANCES = (1, 2, 3, 4, 5, 6), (5, 15, 30, 25, 15, 10)
_REPLY_MARKS = {"en": "Re: ", "de": "AW: ", "fr": "RE : ", "es": "RE: "}
_FORWARD_MARKS = {"en": "Fwd: ", "de": "WG: ", "fr": "TR : ", "es": "RV: "}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's text, its author, and whether a machine wrote it."""

    author: Person
    subject: str
    body: str
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes the mails of one conversation: what is told about `topic`, with asides on `other`."""

    rng: Random
    facts: Facts
    topic: TopicPhrases
    other: TopicPhrases

    def first(self) -> Letter:
        """The mail that begins the conversation."""
        subject = self._subject()
        chance = self.rng.random()
        if chance < _VAGUE:
            body = self._letter([*self._some("vague", 1, 1, 2), *self._some("fillers", 0, 1)])
        elif chance < _VAGUE + _TERSE:
            body = self._terse()
        else:
            body = self._letter(self._told())
        return self._letter_of(subject, body)

    def reply(self, to: Letter) -> Letter:
        """A further mail of the same person, most with the earlier text below."""
        tell, rng = self.facts.tell, self.rng
        said = [self._phrase("follow_ups")]
        if rng.random() < 0.5:
            said += self.topic.says.write_some(1, rng, tell)
        body = self._letter(said) if rng.random() < 0.6 else said[0]
        if rng.random() < 0.85:
            body = f"{body}\n\n{self._quoted(to)}"
        return self._letter_of(_marked(_REPLY_MARKS[self._language], to.subject), body)

    def forward(self, letter: Letter, colleague: Person) -> Letter:
        """The same mail, sent on by a colleague who does not want it."""
        tell = also(self.facts.tell, who=letter.author.sender, subject=letter.subject)
        note, head = self._phrase("forward_notes"), self.facts.book["forward_heads"].write(self.rng, tell)
        subject = _marked(_FORWARD_MARKS[self._language], letter.subject)
        return Letter(colleague, subject, f"{note}\n\n{colleague.first}\n\n{head}\n{letter.body}")

    def out_of_office(self, letter: Letter) -> Letter:
        """What a machine answers in the person's absence; only the subject tells what it was about."""
        tell = also(self.facts.tell, subject=letter.subject)
        subject = self.facts.book["out_of_office_subjects"].write(self.rng, tell)
        body = f"{self._phrase('out_of_office')}\n\n{self.facts.person.name}"
        return Letter(self.facts.person, subject, body, automatic=True)

    @property
    def _language(self) -> str:
        return self.facts.book.language

    def _phrase(self, kind: str) -> str:
        return self.facts.book[kind].write(self.rng, self.facts.tell)

    def _some(self, kind: str, *counts: int) -> list[str]:
        return self.facts.book[kind].write_some(self.rng.choice(counts), self.rng, self.facts.tell)

    def _of_customers(self, kind: str) -> list[str]:
        """What only customers would say."""
        return self._some(f"customer_{kind}", 0, 0, 1) if self.facts.person.kind == "customer" else []

    def _letter_of(self, subject: str, body: str) -> Letter:
        person = self.facts.person
        return Letter(person, subject, with_typos(self.rng, body, person.typos) if person.typos else body)

    def _subject(self) -> str:
        bland = self.rng.random() < _BLAND_SUBJECT
        phrases = self.facts.book["bland_subjects"] if bland else self.topic.subjects
        subject = phrases.write(self.rng, self.facts.tell).strip()
        if self.rng.random() < 0.05:
            subject = self._phrase("urgent") + subject
        return " ".join(subject.split())

    def _terse(self) -> str:
        phrases = self.topic.asks if self.rng.random() < 0.3 else self.topic.says
        text = phrases.write(self.rng, self.facts.tell)
        return f"{text} {self.facts.person.first}" if self.rng.random() < 0.4 else text

    def _told(self) -> list[str]:
        rng, tell = self.rng, self.facts.tell
        (count,) = rng.choices(_STATEMENTS, _STATEMENT_CHANCES)
        said = self.topic.says.write_some(count, rng, tell)
        if rng.random() < _CONCERNS:
            said.insert(0, self._phrase("concerns"))
        for filler in [*self._some("fillers", 0, 0, 1, 2), *self._of_customers("fillers")]:
            said.insert(rng.randrange(len(said) + 1), filler)
        if rng.random() < 0.6:
            said += (self.topic.asks if rng.random() < 0.6 else self.facts.book["asks"]).write_some(1, rng, tell)
        if rng.random() < _ASIDE:
            said.append(self._phrase("asides") + " ".join(self.other.says.write_some(rng.choice((1, 1, 2)), rng, tell)))
        return said

    def _letter(self, sentences: list[str]) -> str:
        opening = self._some("greetings", 1, 1, 1, 1, 0)
        start = [*self._some("openers", 0, 0, 0, 1), *self._of_customers("openers")]
        return "\n\n".join([*opening, paragraphs(self.rng, [*start, *sentences]), *self._ending()])

    def _ending(self) -> list[str]:
        closing = "\n".join([*self._some("closings", 1, 1, 1, 0), self._signature()])
        chance = self.rng.random()
        if chance < 0.1:
            return [closing, self._phrase("devices")]
        return [closing, self._phrase("disclaimers")] if chance < 0.16 else [closing]

    def _signature(self) -> str:
        person, tell = self.facts.person, self.facts.tell
        if person.kind == "partner":
            return "\n".join([person.name, tell("firm"), tell("phone"), tell("website")])
        if person.kind == "employee":
            return "\n".join([person.name, tell("job"), self.facts.organisation.name, tell("phone")])
        lines = [person.name if self.rng.random() < 0.8 else person.first]
        if self.rng.random() < 0.35:
            lines += [f"{tell('street')}, {tell('city')}", *self.rng.choice(_SIGNED)(self.facts)]
        return "\n".join(lines)

    def _quoted(self, letter: Letter) -> str:
        lines = letter.body.splitlines()[: self.rng.choice((6, 12, 40))]
        who = letter.author.sender
        if self.rng.random() < 0.5:
            lines = [self._phrase("agent_answers"), "", *lines]
            who = self.facts.organisation.name
        head = self.facts.book["wrote"].write(self.rng, also(self.facts.tell, who=who))
        return "\n".join([head, *(f"> {line}".rstrip() for line in lines)])


_SIGNED: tuple[Callable[[Facts], list[str]], ...] = (
    lambda facts: [facts.tell("phone")],
    lambda facts: [facts.tell("email"), f"Tel. {facts.tell('phone')}"],
    lambda facts: [facts.tell("customer")],
    lambda facts: [],
)


def paragraphs(rng: Random, sentences: list[str]) -> str:
    """The sentences in paragraphs of one to four."""
    rest, blocks = list(sentences), []
    while rest:
        size = rng.randrange(1, 5)
        blocks.append(" ".join(rest[:size]))
        rest = rest[size:]
    return "\n\n".join(blocks)


def with_typos(rng: Random, text: str, rate: float) -> str:
    """`text` where a share of the longer words has two letters swapped; names, numbers and addresses keep theirs."""
    return " ".join(_mistyped(rng, word) if rng.random() < rate else word for word in text.split(" "))


def _mistyped(rng: Random, word: str) -> str:
    if len(word) < 4 or not (word.isalpha() and word.islower()):
        return word
    at = rng.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _marked(mark: str, subject: str) -> str:
    return subject if subject.startswith(mark) else mark + subject
