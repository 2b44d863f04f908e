"""A letter as it travels: an RFC 5322 message with MIME parts, encodings and character sets as clients send them."""

from collections.abc import Callable
from datetime import datetime
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, formataddr
from html import escape
from random import Random

from triage_cl.synthesis.letters import Letter

#: Tried in order from a random start until one can write the text.
_CHARSETS = ("utf-8", "iso-8859-1", "windows-1252", "iso-8859-15", "us-ascii")
_CLIENTS = ("Brightmail 4.2", "Postbox 7.0", "Mobile Mail (18.1)", "Webmail/1.6.3")


def message(rng: Random, letter: Letter, id: str, answers: str | None, to: str, sent_at: datetime) -> str:
    """The whole message with CRLF line ends. `id` and `answers` are message ids without angle brackets."""
    content = rng.choice(_CONTENTS)(rng, letter.body)
    theirs, ours = (address.partition("@")[2] for address in (letter.author.address, to))
    headers = {
        "Received": f"from mx.{theirs} by mx.{ours} with ESMTPS; {format_datetime(sent_at)}",
        "From": formataddr((letter.author.name, letter.author.address)),
        "To": to,
        "Subject": _encoded(letter.subject),
        "Date": format_datetime(sent_at),
        "Message-ID": f"<{id}>",
        **({"In-Reply-To": f"<{answers}>", "References": f"<{answers}>"} if answers else {}),
        **({"Auto-Submitted": "auto-replied"} if letter.automatic else {"X-Mailer": rng.choice(_CLIENTS)}),
    }
    head = "".join(f"{name}: {value}\n" for name, value in headers.items())
    return (head + content.as_string()).replace("\n", "\r\n")


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def _text(rng: Random, text: str, kind: str) -> Message:
    charset = Charset(_charset(rng, text))
    if charset.input_charset != "us-ascii":
        charset.body_encoding = rng.choice((QP, BASE64))
    part = MIMENonMultipart("text", kind, charset=charset.input_charset)
    part.set_payload(text, charset)
    return part


def _charset(rng: Random, text: str) -> str:
    start = rng.randrange(len(_CHARSETS))
    for name in _CHARSETS[start:]:
        if _writes(name, text):
            return name
    return "utf-8"


def _writes(charset: str, text: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _html(body: str) -> str:
    blocks = (escape(block, quote=False).replace("\n", "<br>\n") for block in body.split("\n\n"))
    return "<html><body>\n" + "\n".join(f"<p>{block}</p>" for block in blocks) + "\n</body></html>\n"


def _plain(rng: Random, body: str) -> Message:
    return _text(rng, body + "\n", "plain")


def _html_only(rng: Random, body: str) -> Message:
    return _text(rng, _html(body), "html")


def _alternative(rng: Random, body: str) -> Message:
    return _multipart(rng, "alternative", [_plain(rng, body), _html_only(rng, body)])


def _with_attachment(rng: Random, body: str) -> Message:
    scan = MIMEApplication(b"%PDF-1.4\n" + rng.randbytes(rng.randrange(60, 300)), "pdf")
    scan.add_header("Content-Disposition", "attachment", filename=f"scan{rng.randrange(10**4)}.pdf")
    text = _plain(rng, body) if rng.random() < 0.6 else _alternative(rng, body)
    return _multipart(rng, "mixed", [text, scan])


def _multipart(rng: Random, kind: str, parts: list[Message]) -> Message:
    whole = MIMEMultipart(kind, boundary=f"=_{rng.getrandbits(64):016x}")
    for part in parts:
        whole.attach(part)
    return whole


#: Plain text, both, text with a scan, HTML alone: as often as they stand here.
_CONTENTS: tuple[Callable[[Random, str], Message], ...] = (
    _plain,
    _plain,
    _plain,
    _alternative,
    _alternative,
    _alternative,
    _with_attachment,
    _html_only,
)
