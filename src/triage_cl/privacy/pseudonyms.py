"""Senders under names that tell nothing, but stay the same: a classifier may still learn from them."""

import unicodedata

from triage_cl.privacy.keys import Keys


def pseudonymous_sender(keys: Keys, address: str) -> str:
    """A keyed `<sender>@<domain>` for an e-mail address, 16 hexadecimal digits each; empty for an empty one.

    Case, compatibility forms (Unicode NFKC) and surrounding white space or angle brackets make no difference.
    Two senders of one domain share the part after the '@'; the part before it stands for the whole address,
    so that two people called `info` do not look alike. An address without a domain gives the first part alone.
    """
    normal = unicodedata.normalize("NFKC", address).casefold().strip(" \t\r\n<>")
    _, _, domain = normal.rpartition("@") if "@" in normal else ("", "", "")
    domain = domain.rstrip(".")
    if not normal:
        return ""
    if not domain:
        return keys.pseudonym(normal)
    return f"{keys.pseudonym(normal)}@{keys.pseudonym(domain)}"
