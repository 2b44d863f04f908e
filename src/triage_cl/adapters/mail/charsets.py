"""Bytes to text as a mail reader needs it: by the declared charset if it fits, else by a sensible one."""

import encodings.aliases
import re
from functools import lru_cache

# What no database, terminal or template should meet: PostgreSQL refuses NUL, terminals obey control characters.
_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_RARE_LINE_ENDS = re.compile(r"[\x0b\x0c\x85\u2028\u2029]")

_NOT_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs"}
_TEXT_CODECS = (set(encodings.aliases.aliases.values()) | {"cp874", "koi8_t", "koi8_u", "utf_8_sig"}) - _NOT_TEXT
# A label is read as the charset that contains it and that senders mean, as web browsers do (WHATWG Encoding Standard).
_MEANT = {
    "ascii": "cp1252",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "windows_874": "cp874",
    "iso_8859_8_i": "iso8859_8",
    "x_sjis": "cp932",
    "x_euc_jp": "euc_jp",
    "x_gbk": "gb18030",
    "utf8mb4": "utf_8",
}
_SEVERAL_BYTES = re.compile(r"gb|big5|hz|euc|shift|iso2022|utf|johab|cp9[345]")


def decode(data: bytes, label: str = "") -> str:
    """The text of `data`, which says of itself that its charset is `label`.

    What does not fit is replaced by U+FFFD. Bytes that are valid UTF-8 are read as such even where the label
    names another charset of one byte per character: in practice the label is then wrong.
    """
    if data.isascii() and b"\x1b" not in data and not label:
        return data.decode("ascii")
    codec = _codec(label)
    first, second = (codec, "utf_8") if _SEVERAL_BYTES.match(codec) else ("utf_8", codec)
    return _strictly(data, first) or _strictly(data, second) or data.decode(codec, "replace")


def clean(text: str) -> str:
    """`text` with line feeds for line ends and without control characters and lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return _UNWANTED.sub("", _RARE_LINE_ENDS.sub("\n", text))


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeError:
        return None


@lru_cache(maxsize=256)
def _codec(label: str) -> str:
    """A codec of Python's that is text, decodes in linear time and never asks for a module by a sender's name."""
    name = encodings.normalize_encoding(label.strip().lower())[:40]
    name = encodings.aliases.aliases.get(name, name)
    name = _MEANT.get(name, name)
    return name if name in _TEXT_CODECS else "cp1252"
