"""Content transfer encodings (RFC 2045, section 6), decoded however badly they are written."""

import binascii
import re

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]*+")


def transfer_decoded(data: bytes, encoding: str) -> bytes:
    """What `data` holds; `encoding` is "base64", "quoted-printable", "q" (RFC 2047) or anything else for none."""
    match encoding:
        case "base64":
            return _from_base64(data)
        case "quoted-printable":
            return binascii.a2b_qp(data)
        case "q":
            return binascii.a2b_qp(data, header=True)
    return data


def _from_base64(data: bytes) -> bytes:
    """Up to the first foreign character: what follows is padding, or a list server's footer in clear."""
    encoded = _BASE64.match(data)
    characters = (encoded.group() if encoded else b"").translate(None, _NOT_BASE64) or data.translate(None, _NOT_BASE64)
    whole = len(characters) - (len(characters) % 4 == 1)
    return binascii.a2b_base64(characters[:whole] + b"=" * (-whole % 4))
