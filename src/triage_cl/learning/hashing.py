"""Features of a mail: words, pairs, beginnings of words, hashed under a secret key. No text can be read from them."""

import dataclasses
import hmac
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.siphash import PADDING, keyed_hash
from triage_cl.learning.words import BLOCKS, DOMAIN, NUMBERS, SENDER, SUBJECT, THREAD, WORDS, hashed_mails, occurrences

#: Changes whenever the same mail would get other features.
FEATURES_VERSION = 2

#: Features are hashed to 2 to the power of this many buckets.
BUCKET_BITS = 20

#: A longer text is cut, in characters: what a mail is about stands at its beginning.
LONGEST_TEXT = 4_000

_ENDING = bytes(1 + PADDING)
_PIECE = re.compile(r".{1,999}(?:\s|\Z)|.{1,1000}", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The hashed description of one mail, in blocks (`words.WORDS` and so on): block b is `bounds[b]:bounds[b + 1]`.

    `indices` is uint32, below 2 ** BUCKET_BITS, distinct and in the order of the text within each block; `values` is
    float32 of the same length: 1 + log(occurrences), or the number itself; `bounds` is int32 of length BLOCKS + 1. A
    mail without a word has no features. `vectors` holds what encoders make of the mail, by their kind ("static",
    "sentence"), where a recipe asks for it.
    """

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]
    bounds: NDArray[np.int32]
    vectors: Mapping[str, NDArray[np.float32]] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Several features end to end: those of mail i are at `starts[i]:starts[i + 1]`, its bounds are `bounds[i]`."""

    starts: NDArray[np.int64]
    indices: NDArray[np.uint32]
    values: NDArray[np.float32]
    bounds: NDArray[np.int32]


def describe(key: bytes, email: Mapping[str, Any], bits: int = BUCKET_BITS) -> Features:
    """The features of a mail given by namespace: texts ("subject", "body", "sender", "thread" or any other), numbers.

    Running text gives words, pairs of adjacent words and the first letters of longer words; a subject's words count as
    its own and among those of the body, those of other namespaces as their own alone. The sender is two features: the
    whole and what follows its "@"; a thread is one. A number is one feature with its value; 0, None and what is not
    finite is none. `key` is any secret; under another one the same word has another bucket. TypeError for other values.
    """
    return _described(key, _texts_in(email), [email], bits)[0]


def describe_many(key: bytes, emails: Iterable[Mapping[str, Any]], bits: int = BUCKET_BITS) -> list[Features]:
    """The features of several mails, each as `describe` gives them."""
    described: list[Features] = []
    for names, alike in groupby(emails, _texts_in):
        described += _described(key, names, list(alike), bits)
    return described


def _texts_in(email: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple([name for name, value in email.items() if isinstance(value, str)])


def _described(key: bytes, names: tuple[str, ...], emails: Sequence[Mapping[str, Any]], bits: int) -> list[Features]:
    """The features of mails whose texts are of the same namespaces."""
    layout = _layout(key, names)
    texts = [_end_to_end(layout, email) for email in emails]
    begins = np.array([0, *accumulate(map(len, texts[:-1]))])
    text = np.frombuffer(b"".join(texts), np.uint8)
    starts, indices, values, bounds = hashed_mails(text, begins, layout.keys, layout.kinds, bits)
    spans = pairwise(starts.tolist())
    described = [Features(indices[s:e], values[s:e], own) for (s, e), own in zip(spans, bounds, strict=True)]
    return [
        features if len(names) == len(email) else _with_numbers(features, key, email, bits)
        for features, email in zip(described, emails, strict=True)
    ]


def _with_numbers(features: Features, key: bytes, email: Mapping[str, Any], bits: int) -> Features:
    buckets, numbers = _numbers(key, email, bits)
    bounds = features.bounds.copy()
    bounds[NUMBERS + 1 :] += buckets.size
    return Features(np.concatenate([features.indices, buckets]), np.concatenate([features.values, numbers]), bounds)


def spellings(key: bytes, email: Mapping[str, str], bits: int = BUCKET_BITS) -> list[tuple[int, int, str]]:
    """Block, bucket and text of every word, pair of adjacent words and prefix, in the order of hashing.

    Nothing of the sender and the thread. Text is as it was written, but for compatibility forms (Unicode NFKC); a pair
    has what stands between its words, a prefix all of its word.
    """
    layout = _layout(key, tuple(email))
    text = np.frombuffer(_end_to_end(layout, email), np.uint8)
    found, spans = occurrences(text, layout.keys, layout.kinds, bits)
    blocks, buckets = found >> bits, found & ((1 << bits) - 1)
    ends = np.flatnonzero(text == 0)[: len(layout.fields)]
    fields = np.searchsorted(ends, spans[:, 0])
    spelled: list[tuple[int, int, str]] = []
    for field, (name, kind) in enumerate(layout.fields):
        if kind <= SUBJECT:
            here = fields == field
            slices = _slices(_letters(email[name]), spans[here] - (ends[field - 1] + 1 if field else 0))
            spelled += zip(blocks[here].tolist(), buckets[here].tolist(), slices, strict=True)
    return spelled


def pack(features: Sequence[Features]) -> Packed:
    """Features end to end, as kernels read them."""
    starts = np.zeros(len(features) + 1, np.int64)
    if len(features) == 1:
        only = features[0]
        starts[1] = only.indices.size
        return Packed(starts, only.indices, only.values, only.bounds.reshape(1, -1))
    np.cumsum([each.indices.size for each in features], out=starts[1:])
    if not features:
        return Packed(starts, np.empty(0, np.uint32), np.empty(0, np.float32), np.empty((0, BLOCKS + 1), np.int32))
    indices = np.concatenate([each.indices for each in features])
    values = np.concatenate([each.values for each in features])
    return Packed(starts, indices, values, np.stack([each.bounds for each in features]))


@dataclass(frozen=True, slots=True)
class _Layout:
    """The fields of a mail in the order of hashing, with their kinds; whence they come: all or what follows an "@"."""

    fields: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, bool], ...]
    keys: NDArray[np.uint64]
    kinds: NDArray[np.int64]


_KINDS = {"subject": SUBJECT, "sender": SENDER, "thread": THREAD}


@lru_cache(maxsize=256)
def _layout(key: bytes, namespaces: tuple[str, ...]) -> _Layout:
    # The body comes last: where it is too long to be counted in full, it crowds out nothing else.
    fields = [(name, _KINDS.get(name, WORDS), False) for name in sorted(namespaces) if name != "body"]
    if "sender" in namespaces:
        fields.append(("sender", DOMAIN, True))
    if "body" in namespaces:
        fields.append(("body", WORDS, False))
    names = [f"{name} domain" if part else name for name, _, part in fields]
    keys = np.array([_subkey(key, name) for name in [*names, "body"]], np.uint64)
    return _Layout(
        tuple((name, kind) for name, kind, _ in fields),
        tuple((name, part) for name, _, part in fields),
        keys,
        np.array([kind for _, kind, _ in fields], np.int64),
    )


def _end_to_end(layout: _Layout, email: Mapping[str, str]) -> bytes:
    """The fields as `hashed_mails` reads them; zero bytes within them are blanks."""
    texts = [email[name].rpartition("@")[2] if part else email[name] for name, part in layout.sources]
    joined = "\0".join([text[:LONGEST_TEXT] for text in texts])
    if not joined.isascii() or joined.count("\0") >= len(texts):
        joined = "\0".join(map(_letters, texts))
    return _bytes(joined) + _ENDING


def _letters(text: str) -> str:
    """The text in compatibility forms (NFKC), cut, without zero bytes."""
    text = text[:LONGEST_TEXT].replace("\0", " ")
    if text.isascii():
        return text
    # In pieces, between words where there are any: normalising takes time quadratic in a run of combining marks, and
    # one character can become eighteen.
    letters: list[str] = []
    length = 0
    for piece in _PIECE.finditer(text):
        letters.append(unicodedata.normalize("NFKC", piece.group()))
        length += len(letters[-1])
        if length > LONGEST_TEXT:
            break
    return "".join(letters)[:LONGEST_TEXT]


def _bytes(letters: str) -> bytes:
    return letters.encode("utf-8", "surrogatepass")


def _slices(letters: str, spans: NDArray[np.int64]) -> list[str]:
    """What became the bytes from `spans[:, 0]` to `spans[:, 1]`."""
    text = _bytes(letters)
    return [text[start:end].decode("utf-8", "surrogatepass") for start, end in spans.tolist()]


def _numbers(key: bytes, email: Mapping[str, Any], bits: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Bucket and value of every number that says something, by bucket; two in one bucket are added."""
    added: dict[int, float] = {}
    for name, value in email.items():
        if value is None or isinstance(value, str):
            continue
        if not isinstance(value, Real):
            raise TypeError(f"{name!r} is neither a text nor a number: {type(value).__name__}")
        if value and math.isfinite(value):
            bucket = _bucket(key, name, bits)
            added[bucket] = added.get(bucket, 0.0) + float(value)
    buckets = sorted(added)
    return np.array(buckets, np.uint32), np.array([added[bucket] for bucket in buckets], np.float32)


@lru_cache(maxsize=4096)
def _bucket(key: bytes, name: str, bits: int) -> int:
    text = np.frombuffer(_bytes(name) + _ENDING, np.uint8)
    k0, k1 = _subkey(key, "number")
    return int(keyed_hash(text, 0, text.size - len(_ENDING), np.uint64(k0), np.uint64(k1))) >> (64 - bits)


def _subkey(key: bytes, namespace: str) -> tuple[int, int]:
    digest = hmac.digest(key, b"features " + namespace.encode(), "sha256")
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")
