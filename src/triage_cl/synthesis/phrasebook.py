"""Phrases of one language as templates: `[a|b]` chooses, `{name}` is filled in.

The phrases themselves are data: `phrases/<language>.toml`. To add a way of saying something, add a line there.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

#: Gives the text of a named slot.
Tell = Callable[[str], str]

_FAVOUR = 2.5

_PARTS = re.compile(r"(\[[^]]*\]|\{\w+\})")


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str

    def write(self, _rng: Random, tell: Tell) -> str:
        return tell(self.name)


@dataclass(frozen=True, slots=True)
class _Choice:
    options: "Phrases"

    def write(self, rng: Random, tell: Tell) -> str:
        return rng.choice(self.options.templates).write(rng, tell)


@dataclass(frozen=True, slots=True)
class Template:
    """One phrase with choices and slots, read once and written many times."""

    parts: tuple[str | _Slot | _Choice, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """The template that `text` describes; choices cannot be nested."""
        return cls(tuple(_part(part) for part in _PARTS.split(text) if part))

    def write(self, rng: Random, tell: Tell) -> str:
        """The phrase with its choices made by `rng` and its slots filled by `tell`."""
        return "".join([part if isinstance(part, str) else part.write(rng, tell) for part in self.parts])


def _part(text: str) -> str | _Slot | _Choice:
    if text.startswith("["):
        return _Choice(Phrases.parse(text[1:-1].split("|")))
    return _Slot(text[1:-1]) if text.startswith("{") else text


@dataclass(frozen=True, slots=True)
class Phrases:
    """Several ways to say a thing."""

    templates: tuple[Template, ...]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Phrases":
        """The phrases that `texts` describe."""
        return cls(tuple(Template.parse(text) for text in texts))

    def write(self, rng: Random, tell: Tell) -> str:
        """One of them, written."""
        return self.templates[_favourite(rng, len(self.templates))].write(rng, tell)

    def write_some(self, count: int, rng: Random, tell: Tell) -> list[str]:
        """`count` different ones (fewer where there are not so many), written."""
        size = len(self.templates)
        chosen: dict[int, None] = {}
        while len(chosen) < min(count, size):
            chosen[_favourite(rng, size)] = None
        return [self.templates[number].write(rng, tell) for number in chosen]


def _favourite(rng: Random, size: int) -> int:
    """One of the first `size` numbers, the small ones more often: people have their favourite ways to say things."""
    return int(size * rng.random() ** _FAVOUR)


@dataclass(frozen=True, slots=True)
class TopicPhrases:
    """How people write about one topic: subject lines, statements, requests."""

    subjects: Phrases
    says: Phrases
    asks: Phrases


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """All phrases of a language: those for any mail by kind, those of each topic, what a topic or department is about
    in two or three words, and lists of words for the slots.
    """

    language: str
    phrases: Mapping[str, Phrases]
    topics: Mapping[str, TopicPhrases]
    matters: Mapping[str, Phrases]
    words: Mapping[str, tuple[str, ...]]

    def __getitem__(self, kind: str) -> Phrases:
        return self.phrases[kind]


def read_phrase_file(name: str) -> dict[str, Any]:
    """The content of `phrases/<name>.toml`, which is part of the package."""
    return tomllib.loads(files("triage_cl.synthesis").joinpath("phrases", f"{name}.toml").read_text("utf-8"))


@cache
def phrasebook(language: str) -> Phrasebook:
    """The phrasebook of a language: "en", "de", "fr" or "es"."""
    data = read_phrase_file(language)
    words = {name: tuple(values) for name, values in data.pop("words").items()}
    matters = _parsed(data.pop("matters"))
    topics = {id: TopicPhrases(**_parsed(kinds)) for id, kinds in data.pop("topics").items()}
    return Phrasebook(language, _parsed(data), topics, matters, words)


def _parsed(kinds: Mapping[str, Sequence[str]]) -> dict[str, Phrases]:
    return {kind: Phrases.parse(texts) for kind, texts in kinds.items()}
