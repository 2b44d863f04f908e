"""Long numbers in a text, and what each seems to be: a payment card, a telephone, or just a number."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from triage_cl.privacy.recognisers import Span

_DASHES = r"\-\u2010-\u2015\u2212"
_BLANKS = r" \u00a0\u2009\u202f"
SEPARATORS = rf"{_BLANKS}{_DASHES}./()"
_RUN = re.compile(rf"\d[\d{SEPARATORS}]{{5,}}\d")
_YEAR = r"(?:19|20)\d\d"
_MONTH_OR_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE_OR_GAP = re.compile(
    rf"(?<!\d)(?<!\d[\-./])(?:"
    rf"{_YEAR}([\-./]){_MONTH_OR_DAY}\1{_MONTH_OR_DAY}"
    rf"|{_MONTH_OR_DAY}([\-./ ]){_MONTH_OR_DAY}\2{_YEAR}"
    rf"|{_MONTH_OR_DAY}([\-./]){_MONTH_OR_DAY}\3\d\d"
    rf"|{_YEAR}(?: ?[{_DASHES}/] ?{_YEAR}| {_YEAR})++"
    rf")(?![\-./]?\d)"
    rf"|[{_BLANKS}]{{2,}}|[{SEPARATORS}]{{4,}}"
)
_PRICE = r"(?:\d{1,6}\.\d\d|\d{1,2}\.\d{3}\.\d{3}|\d{1,2}\.\d{5,9})(?!\.?\d)"
_PRICES = re.compile(rf"{_PRICE}(?:(?: ?[{_DASHES}/] ?| ){_PRICE})*+")
_DIGITS = re.compile(r"\d+")
_SEPARATORS = re.compile(r"\D+")
_CARD_SEPARATOR = re.compile(rf"[{_BLANKS}{_DASHES}]")
_FEWEST_DIGITS = 7
_MOST_PHONE_DIGITS = 15  # ITU-T E.164
_MOST_EXAMINED_DIGITS = 40
_CARD_BEGINS = "23456"
_CARD_LENGTHS = (16, 15, 14, 13, 19, 18, 17)  # ISO/IEC 7812, the commonest first
_DOUBLED = str.maketrans("0123456789", "0246813579")


class Figure(NamedTuple):
    """Where a long number stands and what it seems to be: CARD, PHONE or NUMBER."""

    start: int
    end: int
    kind: str


def figures(text: str) -> Iterator[Figure]:
    """The numbers of seven digits or more, with their separators, in order; dates and prices are none.

    A card's number passes the check of ISO/IEC 7812-1; a telephone number has up to 15 digits (E.164)
    and is grouped or starts with '+' or '0'. Digits of any script count.
    """
    for run in _RUN.finditer(text):
        plain = run.group() if run.group().isascii() else _with_ascii_digits(run.group())
        if plain.isdigit():
            yield _with_prefix(text, *run.span(), _kind_of(plain))
            continue
        for start, end in _between_dates(plain):
            for figure in _classified(plain, start, end):
                yield _with_prefix(text, run.start() + figure.start, run.start() + figure.end, figure.kind)


def _with_ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def _between_dates(run: str) -> Iterator[Span]:
    """The parts of a run between its dates and wide gaps."""
    start = 0
    for cut in _DATE_OR_GAP.finditer(run):
        yield start, cut.start()
        start = cut.end()
    yield start, len(run)


def _classified(run: str, start: int, end: int) -> Iterator[Figure]:
    """The figures in one part of a run: a card first, then what is left on either side of it."""
    if end - start < _FEWEST_DIGITS:
        return
    groups = [found.span() for found in _DIGITS.finditer(run, start, end)]
    digits = sum(stop - begin for begin, stop in groups)
    if digits < _FEWEST_DIGITS or _PRICES.fullmatch(run, groups[0][0], groups[-1][1]):
        return
    card = _card(run, groups) if min(_CARD_LENGTHS) <= digits <= _MOST_EXAMINED_DIGITS else None
    if card:
        yield from _classified(run, start, card[0])
        yield Figure(*card, "CARD")
        yield from _classified(run, card[1], end)
    else:
        grouped = len(groups) > 1
        yield Figure(groups[0][0], groups[-1][1], _kind(run[groups[0][0]], grouped, digits))


def _kind_of(digits: str) -> str:
    """The kind of a number that is written without separators."""
    if len(digits) in _CARD_LENGTHS and digits[0] in _CARD_BEGINS and _has_luhn_check(digits):
        return "CARD"
    return _kind(digits[0], False, len(digits))


def _kind(first: str, grouped: bool, digits: int) -> str:
    like_a_phone = grouped or first == "0"
    return "PHONE" if like_a_phone and digits <= _MOST_PHONE_DIGITS else "NUMBER"


def _card(run: str, groups: list[Span]) -> Span | None:
    """The first whole groups of digits that make a payment card's number."""
    for index, (start, _) in enumerate(groups):
        if run[start] in _CARD_BEGINS:
            ends: dict[int, int] = {}
            length = 0
            reached = start
            for begin, stop in groups[index:]:
                if begin > reached and not _CARD_SEPARATOR.fullmatch(run, reached, begin):
                    break
                length += stop - begin
                ends[length] = reached = stop
            for wanted in _CARD_LENGTHS:
                if wanted in ends and _has_luhn_check(_SEPARATORS.sub("", run[start : ends[wanted]])):
                    return start, ends[wanted]
    return None


def _has_luhn_check(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    total = sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return total % 10 == 0


def _with_prefix(text: str, start: int, end: int, kind: str) -> Figure:
    """The figure with the '(' and '+' written before it; a '+' makes it a telephone number."""
    if text[start - 1 : start] == "(" and ")" in text[start:end]:
        start -= 1
    if text[start - 1 : start] in ("+", "＋"):
        return Figure(start - 1, end, "PHONE" if kind == "NUMBER" and end - start <= 25 else kind)
    return Figure(start, end, kind)
