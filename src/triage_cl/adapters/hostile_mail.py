"""Messages that were made to hurt whoever reads them, and mail in many scripts: each has to be decided in a moment."""

import base64
from collections.abc import Iterator

MIB = 2**20

#: A greeting and something like "world" or "invoice", by script.
SCRIPTS = {
    "Arabic": "مرحبا بالعالم فاتورة",
    "Armenian": "Բարեւ աշխարհ",
    "Bengali": "ওহে বিশ্ব চালান",
    "Burmese": "မင်္ဂလာပါ ကမ္ဘာ",
    "Chinese": "你好世界发票",
    "Cyrillic": "Здравствуйте мир счёт",
    "Devanagari": "नमस्ते दुनिया चालान",
    "Ethiopic": "ሰላም ልዑል",
    "Georgian": "გამარჯობა მსოფლიო",
    "Greek": "Γειά σου Κόσμε",
    "Gujarati": "નમસ્તે વિશ્વ",
    "Gurmukhi": "ਸਤ ਸ੍ਰੀ ਅਕਾਲ",
    "Hebrew": "שלום עולם חשבונית",
    "Japanese": "こんにちは世界",
    "Kannada": "ನಮಸ್ಕಾರ ಜಗತ್ತು",
    "Khmer": "សួស្តី ពិភពលោក",
    "Korean": "안녕하세요 세계",
    "Latin": "Grüße aus Köln",
    "Malayalam": "ഹലോ ലോകം",
    "Tamil": "வணக்கம் உலகம்",
    "Telugu": "హలో ప్రపంచం",
    "Thai": "สวัสดีชาวโลก",
}

_SENTENCE = b"The quick brown fox reports that the invoice of last week is still open.\n"


def hostile_mail() -> Iterator[tuple[str, bytes]]:
    """A name and the raw message of each; made one at a time, the largest has 10 MiB."""
    yield "10 MiB of text", _mail(_SENTENCE * (10 * MIB // len(_SENTENCE)))
    yield "10 MiB of HTML", _mail(b"<p>Dear <b>sir</b>, the invoice</p>\n" * (10 * MIB // 36), "text/html")
    encoded = base64.encodebytes(_SENTENCE * (7 * MIB // len(_SENTENCE)))
    yield "10 MiB of base64", _mail(encoded, more=b"Content-Transfer-Encoding: base64\n")
    yield "one word of 1 MiB", _mail(b"a" * MIB)
    yield "100,000 distinct words", _mail(b" ".join(b"word%d" % number for number in range(100_000)))
    yield "empty", b""
    yield "no text", _mail(b"")
    yield "no mail", b"hello there\nthis is no mail\n"
    yield from _structures()
    yield from _texts()
    for script, text in SCRIPTS.items():
        yield f"script: {script}", mail_saying(text)


def mail_saying(text: str) -> bytes:
    """An ordinary message that says `text` twenty times."""
    return _mail(f"{text} ".encode() * 20)


def _structures() -> Iterator[tuple[str, bytes]]:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(1_200))
    yield "1,200 parts in each other", b"From: a@b.example\nSubject: nested\n" + nested + b"\ndeep\n"
    many = b"--x\n\na\n" * 100_000
    yield "100,000 parts", _mail(many, 'multipart/mixed; boundary="x"')
    yield "no boundary", _mail(b"--x\n\nhello\n--x--\n", "multipart/mixed")
    yield "broken base64", _mail(b"aGVsbG8gdGhlcm\n-- \nlist", more=b"Content-Transfer-Encoding: base64\n")
    yield "unknown charset", _mail("Grüße".encode("latin-1"), "text/plain; charset=x-nope")
    yield "100,000 headers", b"Subject: many\n" + b"".join(b"X-%d: y\n" % n for n in range(100_000)) + b"\nhello"
    yield "50,000 encoded words", b"Subject: " + b"=?utf-8?q?w=C3=BC?= " * 50_000 + b"\n\nhello"
    yield "half encoded words", b"Subject: " + b"=?" * (MIB // 2) + b"\n\nhello"
    yield "50,000 brackets", b"From: " + b"(" * 50_000 + b"\nSubject: s\n\nhello"


def _texts() -> Iterator[tuple[str, bytes]]:
    repeated = {
        "digits": "7",
        "lonely digits": "1 ",
        "signs of addresses": "@",
        "signs of web addresses": "://",
        "IPv4 addresses": "1.1.1.",
        "IPv6 addresses": "::1 ",
        "bank accounts": "DE44 ",
        "card numbers": "4111 1111 1111 1112 ",
    }
    for name, text in repeated.items():
        yield f"1 MiB of {name}", _mail(text.encode() * (MIB // len(text)))
    for name, text in {"open tags": "<a ", "comments": "<!--", "references": "&amp;"}.items():
        yield f"1 MiB of {name}", _mail(text.encode() * (MIB // len(text)), "text/html")


def _mail(body: bytes, kind: str = "text/plain; charset=utf-8", more: bytes = b"") -> bytes:
    head = f"From: a@b.example\nSubject: hello\nMIME-Version: 1.0\nContent-Type: {kind}\n"
    return head.encode() + more + b"\n" + body
