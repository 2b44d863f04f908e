"""Which lines of a text can hold an identifier at all: most do not, and need not be looked at closely.

No recogniser looks beyond the line feed at the end of a line, so each line can be judged by itself.
"""

import re
from collections.abc import Iterator

from triage_cl.privacy.figures import SEPARATORS
from triage_cl.privacy.recognisers import Span

# Plain searches for all spellings of "www." (of its end) are faster than one pattern that ignores case.
_LITERALS = ("@", "＠", "://", "ww.", "wW.", "Ww.", "WW.")
_IPV6 = re.compile(r":(?::|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:)")
# Seven digits with separators, an IP address of fewer, or how a bank account begins.
_NUMBER = (
    rf"\d(?:(?:[{SEPARATORS}]*+\d){{6}}|\d{{0,2}}\.\d{{1,3}}\.\d{{1,3}}\.\d"
    r"|\d(?<=[A-Za-z]{2}\d\d)[ \u00a0\-]?[A-Za-z0-9]{4})"
)
_ANY_NUMBER = re.compile(_NUMBER)
_ASCII_NUMBER = re.compile(_NUMBER.replace(r"\d", "[0-9]"))


def suspect_lines(text: str) -> list[Span]:
    """Where the lines stand that have a sign of an identifier, in order, without their line feeds.

    Time is linear in the length of the text.
    """
    found: dict[int, int] = {}
    for literal in _LITERALS:
        found.update(_lines_with_literal(literal, text))
    for pattern in (_IPV6, _ASCII_NUMBER if text.isascii() else _ANY_NUMBER):
        found.update(_lines_with(pattern, text))
    return sorted(found.items())


def _lines_with_literal(literal: str, text: str) -> Iterator[Span]:
    position = text.find(literal)
    while position >= 0:
        start, end = _line_around(text, position)
        yield start, end
        position = text.find(literal, end)


def _lines_with(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    sign = pattern.search(text)
    while sign:
        start, end = _line_around(text, sign.start())
        yield start, end
        sign = pattern.search(text, end)


def _line_around(text: str, position: int) -> Span:
    end = text.find("\n", position)
    return text.rfind("\n", 0, position) + 1, end if end >= 0 else len(text)
