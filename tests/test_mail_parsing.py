"""Parsing mail: whatever the bytes, a message or a reason, never an exception, and soon."""

import base64
import quopri
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.adapters.mail.html_text import text_from_html
from triage_cl.adapters.mail.limits import MAX_MESSAGE_BYTES
from triage_cl.adapters.mail.parse import parse_message
from triage_cl.domain.emails import Message, Unreadable


def parsed(raw: bytes | str) -> Message:
    found = parse_message(raw if isinstance(raw, bytes) else raw.encode(), "test")
    assert isinstance(found, Message)
    return found


def body_of(header: str, body: bytes | str) -> str:
    return parsed(header.encode() + b"\n\n" + (body if isinstance(body, bytes) else body.encode())).body


def multipart(kind: str, *parts: str, boundary: str = "b") -> str:
    inside = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{inside}--{boundary}--\n'


def test_an_ordinary_message_is_read_completely():
    message = parsed(
        "From: Ann Lee <ann@example.org>\r\nTo: help@example.com\r\nSubject: My invoice\r\n"
        "Date: Tue, 4 Mar 2025 10:12:00 +0100\r\nMessage-ID: <m1@example.org>\r\n\r\nWhere is it?\r\nAnn\r\n"
    )
    assert (message.sender, message.subject, message.body) == ("ann@example.org", "My invoice", "Where is it?\nAnn")
    assert message.received_at == datetime(2025, 3, 4, 9, 12, tzinfo=UTC)
    assert message.thread == "m1@example.org"
    assert message.key.startswith("m1@example.org ")
    assert message.source == "test"


def test_what_the_standard_library_writes_is_read_back():
    written = EmailMessage()
    written["From"] = "Änne Öhm <anne@example.org>"
    written["Subject"] = "Rechnung über 12 € – bitte prüfen, " * 3
    written["Message-ID"] = "<m2@example.org>"
    written.set_content("Grüße\naus Köln\n", charset="iso-8859-1")
    written.add_alternative("<p>Grüße</p>", subtype="html")
    written.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="a.pdf")
    message = parsed(bytes(written))
    assert message.sender == "anne@example.org"
    assert message.subject == ("Rechnung über 12 € – bitte prüfen, " * 3).strip()
    assert message.body == "Grüße\naus Köln"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60).map(str.strip))
def test_any_subject_survives_its_encoding(subject: str):
    word = f"=?utf-8?B?{base64.b64encode(subject.encode()).decode()}?="
    assert parsed(f"Subject: {word}\n\nx").subject == " ".join(subject.split())


def test_a_character_split_between_two_encoded_words_is_whole_again():
    first, second = (base64.b64encode(part).decode() for part in ("€".encode()[:1], "€".encode()[1:]))
    assert parsed(f"Subject: =?utf-8?b?{first}?=\n =?utf-8?b?{second}?= paid\n\nx").subject == "€ paid"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("ann@example.org", "ann@example.org"),
        ('"Lee, Ann" <ann@example.org>', "ann@example.org"),
        ('"boss@bank.example" <evil@example.org>', "evil@example.org"),
        ("ann@example.org (Ann Lee)", "ann@example.org"),
        ("=?utf-8?q?=C3=84nne?= <anne@example.org>, bob@example.org", "anne@example.org"),
        ("MAILER-DAEMON", "MAILER-DAEMON"),
        ("host!ann (Ann)", "host!ann"),
    ],
)
def test_the_sender_is_the_address_without_the_name(written: str, address: str):
    assert parsed(f"From: {written}\n\nx").sender == address


def test_without_a_from_line_the_sender_is_looked_for_elsewhere():
    assert parsed("Subject: x\nReturn-Path: <ann@example.org>\n\nx").sender == "ann@example.org"


@pytest.mark.parametrize(
    ("header", "time"),
    [
        ("Date: 1 Apr 93 23:16:05 GMT", datetime(1993, 4, 1, 23, 16, 5, tzinfo=UTC)),
        ("Date: Tue, 4 Mar 2025 23:30:00 -0130 (XST)", datetime(2025, 3, 5, 1, 0, tzinfo=UTC)),
        ("Date: nonsense\nReceived: by a;\n Tue, 4 Mar 2025 10:00:00 +0000", datetime(2025, 3, 4, 10, tzinfo=UTC)),
        ("Date: Tue, 4 Mar 3025 10:00:00 +0000", None),
        ("Date: Tue, 34 Mar 2025 99:00:00 +9999999999999999999", None),
        ("Subject: x", None),
    ],
)
def test_the_time_is_that_of_the_date_header_or_else_of_the_last_server(header: str, time: datetime | None):
    assert parsed(f"From: a@b.c\n{header}\n\nx").received_at == time


def test_a_thread_is_named_after_its_first_message():
    assert parsed("Message-ID: <c@x>\nReferences: <a@x> <b@x>\n\nx").thread == "a@x"
    assert parsed("Message-ID: <c@x>\nIn-Reply-To: <b@x>\n\nx").thread == "b@x"
    assert parsed("Subject: x\n\nx").thread is None


def test_one_message_has_one_key_however_it_is_stored():
    raw = "Subject: x\nMessage-ID: <a@x>\n\none\ntwo\n"
    stored = [raw, raw.replace("\n", "\r\n"), "From ann Tue Mar  4 10:00:00 2025\n" + raw]
    assert len({parsed(form).key for form in stored}) == 1
    assert parsed(raw).key != parsed(raw + "more\n").key


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("iso-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ("us-ascii", "it\x92s 5 \x80".encode("latin-1"), "it’s 5 €"),
        ("iso-8859-1", "Grüße".encode(), "Grüße"),
        ("koi8-r", "Привет".encode("koi8-r"), "Привет"),
        ("gb2312", "你好，朋友".encode("gb18030"), "你好，朋友"),
        ("iso-2022-jp", "こんにちは".encode("iso-2022-jp"), "こんにちは"),
        ("utf-8", b"ok \xff\xfe", "ok \ufffd\ufffd"),
        ("x-unknown", b"caf\xe9", "café"),
        ("", "日本".encode(), "日本"),
    ],
)
def test_text_is_read_in_its_charset_or_in_the_likeliest(charset: str, data: bytes, text: str):
    assert body_of(f'Subject: x\nContent-Type: text/plain; charset="{charset}"', data) == text


@pytest.mark.parametrize(
    "charset", ["idna", "punycode", "zlib", "hex", "undefined", "\0", "../a", "a" * 9999, "utf-16"]
)
def test_no_charset_makes_parsing_fail(charset: str):
    assert body_of(f"Subject: x\nContent-Type: text/plain; charset={charset}", b"ab\xe9\xff" * 50)


def test_transfer_encodings_are_undone_also_where_they_break_off():
    data = "Grüße aus Köln"
    encoded = base64.b64encode(data.encode()).decode()
    base = "Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
    assert body_of(base + "BASE64", encoded) == data
    assert body_of(base + "base64", encoded[:-3]).startswith("Grüße aus K")
    assert body_of(base + "base64", encoded + "\n____\nlist footer") == data
    assert body_of(base + "quoted-printable", quopri.encodestring(data.encode())) == data
    assert body_of(base + "quoted-printable", "=C3=A4 =XY =") == "ä =XY"
    assert body_of(base + "x-unheard-of", data) == data


def test_of_alternatives_the_plain_text_is_read():
    plain, html = "Content-Type: text/plain\n\nplain", "Content-Type: text/html\n\n<p>html</p>"
    assert parsed("Subject: x\n" + multipart("alternative", html, plain)).body == "plain"
    assert parsed("Subject: x\n" + multipart("alternative", "Content-Type: text/plain\n\n \n", html)).body == "html"


def test_of_other_parts_all_texts_are_read_and_attachments_are_not():
    parts = (
        "Content-Type: text/html\n\n<p>one</p>",
        'Content-Type: text/plain; name="a.txt"\nContent-Disposition: attachment\n\nattached',
        "Content-Type: application/pdf\n\n%PDF",
        "Content-Type: message/rfc822\n\nSubject: inner\n\nforwarded",
        "Content-Type: text/plain\n\nfooter",
    )
    assert parsed("Subject: x\n" + multipart("mixed", *parts)).body == "one\n\nforwarded\n\nfooter"


def test_boundaries_that_begin_alike_are_told_apart():
    inner = multipart("alternative", "\ninner", boundary="b-1")
    assert parsed("Subject: x\n" + multipart("mixed", inner, "\nouter")).body == "inner\n\nouter"


@pytest.mark.parametrize("ending", ["", "--b", "--b-", "--b\nContent-Type: text/html"])
def test_a_multipart_that_breaks_off_is_read_as_far_as_it_goes(ending: str):
    head = "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n"
    assert parsed(f"{head}text\n{ending}").body.startswith("text")


def test_a_multipart_without_its_boundary_is_read_as_text():
    assert body_of("Subject: x\nContent-Type: multipart/mixed", "text") == "text"
    assert body_of("Subject: x\nContent-Type: multipart/mixed; boundary=c", "text") == "text"


def test_headers_with_strange_lines_are_still_headers():
    assert parsed(">From ann\nSubject: x\nbroken line\nFrom: a@b.c\n\ntext").sender == "a@b.c"
    assert parsed("Subject: x\nno blank line here\nmore").body == "no blank line here\nmore"
    assert parsed("Subject: x\rFrom: a@b.c\r\rtext").body == "text"
    assert parsed("Subject : x\n\ntext").subject == "x"


def test_raw_eight_bit_headers_are_read_in_the_charset_of_the_body():
    raw = "Subject: Привет\nContent-Type: text/plain; charset=windows-1251\n\nПока".encode("cp1251")
    assert (parsed(raw).subject, parsed(raw).body) == ("Привет", "Пока")


def test_characters_that_no_database_takes_are_removed():
    message = parsed(b"Subject: a=?utf-8?q?=00=07?=b\nContent-Type: text/plain; charset=utf-7\n\nx\x00y+2AA-z\x1b[31m")
    assert message.body == "xyz[31m"
    assert message.subject == "ab"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (b"hello\nworld", "no mail header"),
        (b"note: buy milk\n\nand bread", "no mail header"),
        (bytes(range(256)), "no mail header"),
        (b"Subject: x\n\n" + b"x" * MAX_MESSAGE_BYTES, "too large"),
    ],
    ids=["nothing", "blank", "text", "note", "binary", "large"],
)
def test_what_is_no_mail_is_unreadable_with_a_reason(raw: bytes, reason: str):
    assert parse_message(raw, "here") == Unreadable("here", reason)


def test_html_becomes_the_text_that_is_seen():
    source = """<html><head><title>t</title><style>p {x}</style></head><body><!-- no -->
        <p>Dear&nbsp;Ann,<br>your <b>in</b>voice &amp; more</p><script>var a = "<p>";</script>
        <table><tr><td>1</td><td>two</td></tr></table><img alt="Our logo" src="x">5 &lt; 6 &#8364; a < b</body>"""
    assert text_from_html(source) == "Dear Ann,\nyour invoice & more\n1 two\nOur logo 5 < 6 € a < b"


def test_html_that_calls_itself_plain_is_read_as_html():
    assert body_of("Subject: x", "<html><body><p>Hello</p></body></html>") == "Hello"


@given(st.text(st.sampled_from("<>/!-=\"' abp&#;x1")))
def test_any_html_gives_text(source: str):
    assert isinstance(text_from_html(source), str)
