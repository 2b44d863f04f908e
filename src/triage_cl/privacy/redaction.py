"""Identifiers out of a text, typed placeholders in: what is stored, shown and learned from.

Found in any script: web and e-mail addresses, IP addresses, bank account (IBAN) and payment card numbers
with valid check digits, telephone numbers, and other numbers of seven digits or more. Dates, times,
prices and shorter numbers stay.

NOT found: names of people, postal addresses, places, dates of birth, numbers of fewer than seven digits,
identifiers written in words ("ann at example dot org") and what a text says about somebody. Numbers that
share the form of a telephone number (a social security number in groups, say) are replaced, as [PHONE].
So a redacted text is pseudonymous, not anonymous.
"""

from collections.abc import Callable, Iterator, Sequence

from triage_cl.privacy.figures import figures
from triage_cl.privacy.recognisers import Span, email_addresses, ibans, ip_addresses, urls
from triage_cl.privacy.suspects import suspect_lines

REDACTION_VERSION = 1

_PLACEHOLDERS: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
    ("[URL]", urls),
    ("[EMAIL]", email_addresses),
    ("[IP]", ip_addresses),
    ("[IBAN]", ibans),
)


def redact(text: str) -> str:
    """`text` with [URL], [EMAIL], [IP], [IBAN], [CARD], [PHONE] and [NUMBER] where an identifier stood.

    Redacting what is redacted changes nothing. Time is linear in the length of the text.
    """
    spans = suspect_lines(text)
    if not spans:
        return text
    redacted = _redacted_lines("\n".join([text[start:end] for start, end in spans]))
    return "".join(_spliced(text, spans, redacted.split("\n")))


def _redacted_lines(lines: str) -> str:
    """Redacted until there is nothing more to redact: a placeholder may set free what stood beside it."""
    while (redacted := _redacted_once(lines)) != lines:
        lines = redacted
        if not suspect_lines(lines):
            break
    return lines


def _spliced(text: str, spans: Sequence[Span], lines: Sequence[str]) -> Iterator[str]:
    """`text` with other `lines` at `spans`."""
    position = 0
    for (start, end), line in zip(spans, lines, strict=True):
        yield text[position:start]
        yield line
        position = end
    yield text[position:]


def _redacted_once(text: str) -> str:
    for placeholder, recognise in _PLACEHOLDERS:
        text = _replaced(text, ((start, end, placeholder) for start, end in recognise(text)))
    return _replaced(text, ((found.start, found.end, f"[{found.kind}]") for found in figures(text)))


def _replaced(text: str, spans: Iterator[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end, placeholder in spans:
        pieces += (text[position:start], placeholder)
        position = end
    return "".join((*pieces, text[position:])) if pieces else text
