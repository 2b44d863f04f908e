"""Hostile mail: broken at random, or made to exhaust a parser; it is read all the same, and soon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.adapters.mail.limits import MAX_TEXT
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.domain.emails import Message, Unreadable


def parsed(raw: bytes) -> Message:
    found = parse_message(raw, "test")
    assert isinstance(found, Message)
    return found


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_unreadable(data: bytes):
    assert isinstance(parse_message(data, "test"), Message | Unreadable)


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            b"Subject: ",
            b"From: ",
            b"Content-Type: ",
            b"multipart/mixed",
            b"multipart/alternative",
            b"; boundary=b",
            b'"',
            b"\n--b\n",
            b"\n--b--",
            b"\n\n",
            b"\r\n",
            b"\n ",
            b"text/html",
            b"message/rfc822",
            b"; charset=",
            b"utf-7",
            b"idna",
            b"iso-2022-jp",
            b"Content-Transfer-Encoding: ",
            b"base64",
            b"quoted-printable",
            b"=?utf-8?q?=E2?=",
            b"=?x?b?AA?=",
            b"<p ",
            b"<!--",
            b"&#1;",
            b"&#99999999999;",
            b"<script>",
            b">",
            b"Date: ",
            b"1 Jan 20 1:1 +0",
            b"\xff",
            b"\0",
            b"\x1b$B",
            b"References: <",
            b"Content-Disposition: attachment",
            b"x" * 50,
        ]
    )
    | st.binary(max_size=8),
    max_size=30,
).map(b"".join)


@given(FRAGMENTS)
def test_any_broken_mail_gives_clean_text(data: bytes):
    message = parsed(b"Subject: x\n" + data)
    written = message.subject + message.body + message.sender + (message.thread or "")
    written.encode("utf-8")
    assert "\0" not in written


def nested(depth: int) -> bytes:
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
    return b"Subject: x\n" + head + b"Content-Type: text/plain\n\ninside"


HTML = b"Subject: x\nContent-Type: text/html\n\n"
ATTACKS = {
    "nested": nested(5_000),
    "attached in each other": b"Content-Type: message/rfc822\n\n" * 20_000,
    "many parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 200_000,
    "almost parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--bx\n" * 1_000_000,
    "many headers": b"Subject: x\n" + b"X: y\n" * 500_000 + b"\nx",
    "brackets": b"From: " + b"(" * 250_000 + b"\n\nx",
    "quotes": b"From: " + b'"(' * 120_000 + b"\n\nx",
    "addresses": b"From: " + b"a@b.c, " * 40_000 + b"\n\nx",
    "parameters": b"Content-Type: text/plain" + b"".join(b"; n*%d=a" % n for n in range(20_000)) + b"\n\nx",
    "encoded words": b"Subject: " + b"=?a?q?x?= " * 25_000 + b"\n\nx",
    "references": b"References: " + b"<a@b>" * 50_000 + b"\n\nx",
    "unfinished tags": HTML + b"<a x='" * 500_000,
    "unfinished comments": HTML + b"<!--" * 500_000,
    "unfinished scripts": HTML + b"<script" * 400_000,
    "number references": HTML + b"&#" + b"1" * 1_000_000 + b";",
    "padding": b"Subject: x\nContent-Transfer-Encoding: base64\n\n" + b"=" * 1_000_000,
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("raw", ATTACKS.values(), ids=ATTACKS.keys())
def test_mail_made_to_exhaust_a_parser_does_not(raw: bytes):
    assert len(parsed(raw).body) <= MAX_TEXT
