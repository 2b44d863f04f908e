"""What an identifier looks like: one function per kind, from a text to the spans where it stands.

Every recogniser takes time linear in the text, whatever the text. Spans are (start, end) pairs, in order,
without overlap. Numbers have a module of their own: `figures`.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

# Scripts written without spaces (Thai to Khmer, Chinese, Japanese) or with particles attached (Korean), and their
# full-width punctuation: beside them a Latin address ends although no space follows.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    r"\uff00-\uffef\U00020000-\U0003ffff"
)
_NEVER_IN_ADDRESS = r"\s@＠<>()\[\],;:\"\\\u2000-\u206f"
_ATOM = rf"[^{_NEVER_IN_ADDRESS}{_UNSPACED}]"
_LABEL = rf"[^{_NEVER_IN_ADDRESS}{_UNSPACED}.\-!?'/=&#%*{{}}|`~$^+]"
_UNSPACED_LABEL = rf"[{_UNSPACED}]"
_DOMAIN = (
    rf"(?:{_LABEL}++(?:[.\-]++{_LABEL}++)*+"
    rf"|{_UNSPACED_LABEL}++(?:[.\-]++[^{_NEVER_IN_ADDRESS}.\-]++)*+"
    r"|\[(?:IPv6:)?[0-9A-Fa-f:.]+\])"
)
_EMAIL = re.compile(
    rf"(?:(?<!{_ATOM}){_ATOM}++|(?<!{_UNSPACED_LABEL}){_UNSPACED_LABEL}++|\"[^\"\[\]\n]{{1,64}}\")"
    rf"[@＠]{_DOMAIN}(?:{_ATOM}*+[@＠]{_DOMAIN})*+"
)
_AT = re.compile("[@＠]")
_BREAK = re.compile("[ \n]")
_LONGEST_QUOTED = 66

_URL_HINT = re.compile(r"://|[Ww][Ww][Ww]\.(?=[^\s<>\"\[\].]+\.)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*\Z")
_URL_REST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\])?[^\s<>\"\[\]]*[^\s<>\"\[\].,;:!?')}]")
_LONGEST_SCHEME = 16

_IPV4 = re.compile(r"\d(?<!\d\d)(?<!\d\.\d)\d{0,2}(?:\.\d{1,3}){3}(?!\d|\.\d)")
_DIGIT = re.compile(r"\d")
_IPV6_HINT = re.compile(r"::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}+:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?![\w:])")

_IBAN = re.compile(r"\d\d(?<=[A-Za-z]{2}\d\d)(?:[ \u00a0\-]?[A-Za-z0-9]{4}){2,7}(?:[ \u00a0\-]?[A-Za-z0-9]{1,3})?")
_LETTER_VALUES = {ord(letter): str(value) for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}
_WITHOUT_SEPARATORS = dict.fromkeys(map(ord, " \u00a0-"))
# Total length by country: SWIFT's IBAN registry (ISO 13616).
_IBAN_LENGTH = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ DZ ES MD PK RO SA SE SK TN VA VG", 25: "AO CV LY MZ PT ST", 26: "IS TR",
        27: "BF BI CF CG CM DJ FR GA GR IT MC MR SM", 28: "AL AZ BJ BY CI CY DO GT HN HU LB ML NE NI PL SN SV TG",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def urls(text: str) -> Iterator[Span]:
    """Where a web address stands: anything with a scheme and `://` (RFC 3986), or starting with `www.`."""
    position = 0
    while hint := _URL_HINT.search(text, position):
        start = _url_start(text, hint, position)
        position = hint.end()
        if start is None:
            continue
        if rest := _URL_REST.match(text, position):
            position = rest.end()
            yield start, position


def email_addresses(text: str) -> Iterator[Span]:
    """Where an e-mail address stands (RFC 5321), in any script (RFC 6531), with or without a dot in its domain."""
    position = 0
    while at := _AT.search(text, position):
        start, end = _word_around(text, at.start(), position)
        yield from (found.span() for found in _EMAIL.finditer(text, start, end))
        position = max(end, at.end())


def ip_addresses(text: str) -> Iterator[Span]:
    """Where an address of a computer stands: version 4 in dotted decimals, version 6 in any form of RFC 4291."""
    found = [address.span() for address in _IPV4.finditer(text)]
    if _IPV6_HINT.search(text):
        found += [address.span() for address in _IPV6.finditer(text) if _is_ipv6(address.group())]
        found.sort()
    return _apart(found)


def ibans(text: str) -> Iterator[Span]:
    """Where a bank account number stands that has its country's length and its check digits (ISO 13616)."""
    position = 0
    while candidate := _IBAN.search(text, position):
        start = candidate.start() - 2
        length = _IBAN_LENGTH.get(text[start : start + 2].upper(), 0)
        account = text[start : candidate.end()].translate(_WITHOUT_SEPARATORS)[:length]
        position = candidate.start() + 1
        if length and len(account) == length and _has_iban_check(account):
            position = _end_of_characters(text, start, length)
            yield start, position


def _url_start(text: str, hint: re.Match[str], earliest: int) -> int | None:
    """Where the address begins that `hint` belongs to; None for `://` without a scheme."""
    if hint.group() != "://":
        return hint.start()
    scheme = _SCHEME.search(text, max(earliest, hint.start() - _LONGEST_SCHEME), hint.start())
    return scheme.start() if scheme else None


def _word_around(text: str, at: int, earliest: int) -> Span:
    """The word that holds the '@' at `at`, with all of a quoted local part."""
    start = max(text.rfind(" ", earliest, at), text.rfind("\n", earliest, at)) + 1
    if text[at - 1 : at] == '"':
        start = min(start, at - _LONGEST_QUOTED)
    after = _BREAK.search(text, at)
    return max(start, earliest), after.start() if after else len(text)


def _is_ipv6(text: str) -> bool:
    shortened = text.count("::")
    complete = shortened == 1 or (not shortened and text.count(":") == 7)
    return complete and _DIGIT.search(text) is not None


def _apart(spans: list[Span]) -> Iterator[Span]:
    """The spans that do not begin inside an earlier one."""
    reached = 0
    for start, end in spans:
        if start >= reached:
            yield start, end
            reached = end


def _has_iban_check(account: str) -> bool:
    return int((account[4:] + account[:4]).upper().translate(_LETTER_VALUES)) % 97 == 1


def _end_of_characters(text: str, start: int, count: int) -> int:
    """Where the `count`th letter or digit after `start` ends."""
    while count:
        count -= text[start].isalnum()
        start += 1
    return start
