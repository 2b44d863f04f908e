"""Features of a mail: its words and pairs of words, hashed under a secret key. No text can be read from them."""

import hmac
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.words import hashed_counts, occurrences

#: Changes whenever the same mail would get other features.
FEATURES_VERSION = 1

#: Features are hashed to 2 to the power of this many buckets.
BUCKET_BITS = 20

#: A longer text is cut, in characters and then in bytes of UTF-8.
LONGEST_TEXT = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The hashed description of one mail: `indices` ascending and distinct, `values` of Euclidean length 1.

    `indices` is uint32 and below 2 ** BUCKET_BITS, `values` float32 of the same length; both are empty for a
    mail without a word.
    """

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Several features end to end: those of mail i are at `starts[i]:starts[i + 1]`."""

    starts: NDArray[np.int64]
    indices: NDArray[np.uint32]
    values: NDArray[np.float32]


def describe(key: bytes, email: Mapping[str, str], bits: int = BUCKET_BITS) -> Features:
    """The features of a mail given as text by namespace ("subject", "body", "sender"), the same words in each apart.

    Words and pairs of adjacent words count 1 + log(occurrences). The sender is two features: the whole and what
    follows its "@". `key` is any secret; under another one the same word has another bucket.
    """
    layout = _layout(key, tuple(email))
    text, ends = _end_to_end(layout, email)
    return Features(*hashed_counts(text, ends, layout.keys, layout.whole, bits))


def describe_many(key: bytes, emails: Iterable[Mapping[str, str]], bits: int = BUCKET_BITS) -> list[Features]:
    """The features of several mails, each as `describe` gives them."""
    return [describe(key, email, bits) for email in emails]


def spellings(key: bytes, email: Mapping[str, str], bits: int = BUCKET_BITS) -> list[tuple[int, str]]:
    """The bucket and the text of every word and pair of adjacent words, in the order of hashing; not of the sender.

    Text is as it was written, but for compatibility forms (Unicode NFKC); a pair has what stands between its words.
    """
    layout = _layout(key, tuple(email))
    text, ends = _end_to_end(layout, email)
    buckets, spans = occurrences(text, ends, layout.keys, layout.whole, bits)
    fields = np.searchsorted(ends, spans[:, 0], side="right")
    spelled: list[tuple[int, str]] = []
    for field, (name, _) in enumerate(layout.fields):
        if not layout.whole[field]:
            here = fields == field
            start = ends[field - 1] if field else 0
            spelled += zip(buckets[here].tolist(), _slices(_letters(email[name]), spans[here] - start), strict=True)
    return spelled


def pack(features: Sequence[Features]) -> Packed:
    """Features end to end, as kernels read them."""
    starts = np.zeros(len(features) + 1, np.int64)
    np.cumsum([each.indices.size for each in features], out=starts[1:])
    if not features:
        return Packed(starts, np.empty(0, np.uint32), np.empty(0, np.float32))
    indices = np.concatenate([each.indices for each in features])
    return Packed(starts, indices, np.concatenate([each.values for each in features]))


@dataclass(frozen=True, slots=True)
class _Layout:
    """The fields of a mail in the order of hashing: namespace, and whether only what follows its "@"."""

    fields: tuple[tuple[str, bool], ...]
    keys: NDArray[np.uint64]
    whole: NDArray[np.bool_]


@lru_cache(maxsize=256)
def _layout(key: bytes, namespaces: tuple[str, ...]) -> _Layout:
    # The body comes last: where it is too long to be counted in full, it crowds out nothing else.
    ordered = sorted(namespaces, key=lambda name: (name == "body", name))
    fields = [(name, part) for name in ordered for part in ((False, True) if name == "sender" else (False,))]
    keys = np.array([_subkey(key, f"{name} domain" if part else name) for name, part in fields], np.uint64)
    return _Layout(tuple(fields), keys.reshape(-1, 2), np.array([name == "sender" for name, _ in fields], np.bool_))


def _end_to_end(layout: _Layout, email: Mapping[str, str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    contents = [
        _lowered(_letters(email[name].rpartition("@")[2] if part else email[name]))[:LONGEST_TEXT]
        for name, part in layout.fields
    ]
    return np.frombuffer(b"".join(contents), np.uint8), np.array([*accumulate(map(len, contents))], np.int64)


def _letters(text: str) -> str:
    text = text[:LONGEST_TEXT]
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _lowered(letters: str) -> bytes:
    return letters.lower().encode("utf-8", "surrogatepass")


def _slices(letters: str, spans: NDArray[np.int64]) -> list[str]:
    """What became the bytes from `spans[:, 0]` to `spans[:, 1]`: lowering may change how many a letter takes."""
    ends = np.cumsum([len(_lowered(letter)) for letter in letters], dtype=np.int64)
    first, last = np.searchsorted(ends, spans[:, 0], side="right"), np.searchsorted(ends, spans[:, 1])
    return [letters[start : end + 1] for start, end in zip(first.tolist(), last.tolist(), strict=True)]


def _subkey(key: bytes, namespace: str) -> tuple[int, int]:
    digest = hmac.digest(key, b"features " + namespace.encode(), "sha256")
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")
