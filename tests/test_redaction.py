"""Redaction: identifiers leave, what is needed to understand a mail stays, and twice is once."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triage_cl.privacy import redaction
from triage_cl.privacy.redaction import redact
from triage_cl.privacy.suspects import suspect_lines

FOUND = {
    "Write to ann@example.org, or <bob.o'neil@mail.example.co.uk>.": "Write to [EMAIL], or <[EMAIL]>.",
    "root@localhost": "[EMAIL]",
    "ann@[192.0.2.1]": "[EMAIL]",
    '"Ann Lee"@example.org': "[EMAIL]",
    "mailto:ann@example.org?subject=hello": "mailto:[EMAIL]?subject=hello",
    "müller@münchen.example": "[EMAIL]",
    "उदाहरण@उदाहरण.भारत": "[EMAIL]",
    "请联系zhang@example.com谢谢": "请联系[EMAIL]谢谢",
    "kim@example.com으로": "[EMAIL]으로",
    "张三@例子.中国": "[EMAIL]",
    "ann＠example.org": "[EMAIL]",
    "See https://example.org/a?b=ann@c.org, please.": "See [URL], please.",
    "(www.example.org/x)": "([URL])",
    "http://[2001:db8::1]:80/x": "[URL]",
    "from 192.0.2.44 and 2001:db8::8a2e:370:7334.": "from [IP] and [IP].",
    "2001:db8:0:0:0:0:0:1": "[IP]",
    "::ffff:192.0.2.1": "[IP]",
    "IBAN DE89 3704 0044 0532 0130 00 and thanks": "IBAN [IBAN] and thanks",
    "BE68 5390 0754 7034 with love": "[IBAN] with love",
    "gb82west12345698765432.": "[IBAN].",
    "4111 1111 1111 1111": "[CARD]",
    "card 378282246310005, thanks": "card [CARD], thanks",
    "4111-1111-1111-1111 on 2025-03-04 at 10:15": "[CARD] on 2025-03-04 at 10:15",
    "+44 (0)20 7946 0958": "[PHONE]",
    "call (415) 476-8693 now": "call [PHONE] now",
    "0711 / 123456-7": "[PHONE]",
    "01.02.03.04.05": "[PHONE]",
    "+442079460958": "[PHONE]",
    "٠١٢٣٤٥٦٧٨٩": "[PHONE]",
    "４１１１１１１１１１１１１１１１": "[CARD]",
    "order 12345678": "order [NUMBER]",
    "INC0012345A1234567": "INC[PHONE]A[NUMBER]",
    "1234567890123456789012345678901234567890123456789": "[NUMBER]",
}

KEPT = [
    "",
    "on 2025-03-04, 04/03/2025, 4.3.25 or 12 03 2025",
    "2025-03-04T09:12:00.123456Z",
    "at 10:15:30, 10.30 - 11.30",
    "in 2023-2024, 2023 / 2024 or 2019 2020 2021",
    "1,234,567.89 EUR, 1.234.567,89 EUR, 12345.67, 10.50 20.00 30.75",
    "case 123456, ref 4567-89, room 12.34",
    "std::vector<int> a[3]; x :: y",
    "5 @ 3.99",
    "[EMAIL] [PHONE] [IBAN]",
]

HARD = st.text(
    st.sampled_from(list("0123456789 -./()+@:[]\"'aAzZ\n\u00a0é中٣")) | st.characters(),
    max_size=80,
)
PIECES = st.lists(
    st.sampled_from([*FOUND, *FOUND.values(), *KEPT, "1234567", "@", "://", "www.", "::1", ".", "-", " ", '"', "["]),
    max_size=8,
).map("".join)


@pytest.mark.parametrize(("text", "redacted"), FOUND.items())
def test_an_identifier_becomes_a_placeholder_of_its_type(text: str, redacted: str):
    assert redact(text) == redacted


@pytest.mark.parametrize("text", KEPT)
def test_dates_times_prices_and_short_numbers_stay(text: str):
    assert redact(text) == text


@pytest.mark.parametrize("text", ["DE88 3704 0044 0532 0130 00", "4111 1111 1111 1112"])
def test_a_number_with_wrong_check_digits_is_still_replaced_but_as_what_it_looks_like(text: str):
    assert "IBAN" not in redact(text)
    assert "CARD" not in redact(text)
    assert not any(group in redact(text) for group in ("3704", "1111"))


@given(HARD | PIECES)
@example("1234567KW81CBKU0000000000001234560101")
@example("a@b/c@d/e@f")
@example('"' + "a" * 60 + '@b.c"@d.e')
@example("1234567::1234567::1")
def test_redacting_twice_is_redacting_once(text: str):
    assert redact(redact(text)) == redact(text)


def looked_at_everywhere(text: str) -> str:
    """Redacted without leaving out a line."""
    while (redacted := redaction._redacted_once(text)) != text:
        text = redacted
    return text


@given(st.lists(HARD | PIECES, max_size=6).map("\n".join))
@example("DE12\n345678")
@example("12345\n67")
@example("http\n://a.b")
@example('"a\n"@b.c')
@example("WwW.a.b\n1.2.3.4\na:1::2")
def test_lines_that_are_not_looked_at_closely_hold_nothing_to_redact(text: str):
    assert redact(text) == looked_at_everywhere(text)


def test_a_line_without_a_sign_of_an_identifier_is_no_suspect():
    assert suspect_lines("Dear all,\nwe meet on 4 March 2025 at 10:15: bring 1,250 EUR.\nBest") == []
    assert suspect_lines("Dear all,\nwrite to ann@example.org.\nBest") == [(10, 35)]


@given(st.text(st.sampled_from("0123456789 -"), min_size=1))
def test_no_seven_digits_in_a_row_are_left(digits: str):
    left = redact("x" + digits + "x")
    assert max(map(len, "".join(c if c.isdigit() else " " for c in left).split()), default=0) < 7


@given(st.text(max_size=200), st.from_regex(r"[a-z]{2,20}(\.[a-z]{2,20})?@[a-z]{2,20}\.(org|com|de)", fullmatch=True))
def test_an_address_between_blanks_is_found_whatever_stands_around_it(text: str, address: str):
    assert address not in redact(f"{text} {address} {text}")


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "unit",
    ["1", "@", "a.", " -", "1 - ", "a@", "a@b ", "http://", "x://)", ":", "::1 ", '"a', "www.", "a/@", "1:2:", "中@",
     "DE12", "2025-03-04 ", "4111 1111 1111 1111 ", "+1", "1.", "f:", "1234567::1", "(1) ", "a", "\n1", "://",
     "://1", "12345678 ", "ww."],
)  # fmt: skip
def test_a_long_text_of_anything_is_redacted_without_ado(unit: str):
    redacted = redact(unit * (400_000 // len(unit)))
    assert redact(redacted) == redacted
