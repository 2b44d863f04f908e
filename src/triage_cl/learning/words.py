"""The compiled pass over a mail: words, pairs of adjacent words and beginnings of words, hashed under a key."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import logarithm
from triage_cl.learning.compiling import compiled
from triage_cl.learning.scanning import find_words, lowered
from triage_cl.learning.siphash import keyed_hash

#: The blocks of features. Those of words in the subject stand among WORDS, too; NUMBERS are not hashed from text.
WORDS, SUBJECT, PAIRS, SUBJECT_PAIRS, PREFIXES, SENDER, DOMAIN, THREAD, NUMBERS = range(9)
BLOCKS = 9

#: Occurrences counted in one mail at most; what comes after is left out.
MOST_OCCURRENCES = 65_536

#: Words of a field from which pairs and prefixes are made; those beyond count alone.
FINE_WORDS = 50

_MOST_OF_A_WORD = 4  # occurrences that one word can make

_Number = TypeVar("_Number", bound=np.generic)

_U0, _U32 = np.uint64(0), np.uint64(32)
_PAIR_LEFT, _PAIR_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_PREFIX_SALT = np.uint64(0xA5A5A5A5A5A5A5A5)


@compiled
def _pair_hash(left: np.uint64, right: np.uint64) -> np.uint64:
    mixed = left * _PAIR_LEFT + right
    mixed ^= mixed >> _U32
    mixed *= _PAIR_MIX
    return mixed ^ (mixed >> _U32)


@compiled
def _end_of_field(text: NDArray[np.uint8], at: int) -> int:
    while text[at]:
        at += 1
    return at


@compiled
def _occurrences(
    text: NDArray[np.uint8],
    keys: NDArray[np.uint64],
    kinds: NDArray[np.int64],
    bits: int,
    begin_of_field: int,
    words: NDArray[np.int32],
    found: NDArray[np.uint32],
    spans: NDArray[np.int32],
) -> int:
    """Into `found` every feature in the order of the text; into `spans`, if there is room, where it stands.

    Returns how many there are. A prefix stands where its whole word does. `words` is room to work in.
    """
    down = np.uint64(64 - bits)
    shared0, shared1 = keys[-1, 0], keys[-1, 1]
    n = 0
    for field in range(kinds.size):
        kind = kinds[field]
        k0, k1 = keys[field, 0], keys[field, 1]
        at, end = begin_of_field, _end_of_field(text, begin_of_field)
        begin_of_field = end + 1
        if kind > SUBJECT:
            if at < end:
                found[n] = (kind << bits) | int(keyed_hash(text, at, end, k0, k1) >> down)
                if spans.size:
                    spans[n, 0], spans[n, 1] = at, end
                n += 1
            continue
        previous = _U0
        fine = FINE_WORDS
        for i in range(find_words(text, at, end, words)):
            if n > found.size - _MOST_OF_A_WORD:
                break
            start, stop, cut = int(words[i, 0]), int(words[i, 1]), int(words[i, 2])
            first = n
            word = keyed_hash(text, start, stop, k0, k1)
            found[n] = (kind << bits) | int(word >> down)
            n += 1
            if kind == SUBJECT:
                found[n] = (WORDS << bits) | int(keyed_hash(text, start, stop, shared0, shared1) >> down)
                n += 1
            if cut > 0 and fine > 0:
                prefix = keyed_hash(text, start, cut, shared0 ^ _PREFIX_SALT, shared1)
                found[n] = (PREFIXES << bits) | int(prefix >> down)
                n += 1
            paired = n
            if i > 0 and (fine > 0 or cut < 0):
                found[n] = ((kind + PAIRS) << bits) | int(_pair_hash(previous, word) >> down)
                n += 1
            if spans.size:
                for k in range(first, n):
                    spans[k, 0], spans[k, 1] = (start if k < paired else words[i - 1, 0]), stop
            previous = word
            if cut >= 0:
                fine -= 1
    return n


@compiled
def _room(length: int, fields: int) -> int:
    return int(min(2 * length + 2 * fields, MOST_OCCURRENCES) + _MOST_OF_A_WORD)


@compiled
def occurrences(
    text: NDArray[np.uint8], keys: NDArray[np.uint64], kinds: NDArray[np.int64], bits: int
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Every feature of one mail in the order of its text, as block << bits | bucket, and the bytes that it stands for.

    The arguments are those of `hashed_mails`. A prefix stands for its whole word.
    """
    text = lowered(text)
    found = np.empty(_room(text.size, kinds.size), np.uint32)
    spans = np.empty((found.size, 2), np.int32)
    words = np.empty((min(text.size, MOST_OCCURRENCES), 3), np.int32)
    n = _occurrences(text, keys, kinds, bits, 0, words, found, spans)
    return found[:n], spans[:n]


@compiled
def _count(found: NDArray[np.uint32], distinct: NDArray[np.uint32], counts: NDArray[np.int32]) -> int:
    """Into `distinct` each number of `found` once, in the order of their first occurrence; returns how many."""
    size = 16
    shift = 28
    while size < 2 * found.size:
        size *= 2
        shift -= 1
    slots = np.zeros(size, np.int32)
    n = 0
    for number in found:
        # The numbers are hashes, in blocks: the golden ratio spreads the blocks (Knuth, TAOCP 3, 6.4).
        slot = ((int(number) * 0x9E3779B1) & 0xFFFFFFFF) >> shift
        while slots[slot] and distinct[slots[slot] - 1] != number:
            slot = (slot + 1) & (size - 1)
        if slots[slot]:
            counts[slots[slot] - 1] += 1
        else:
            distinct[n], counts[n] = number, 1
            n += 1
            slots[slot] = n
    return n


@compiled
def _longer(array: NDArray[_Number], length: int) -> NDArray[_Number]:
    longer: NDArray[_Number] = np.empty(length, array.dtype)
    longer[: array.size] = array
    return longer


@compiled
def _by_block(
    distinct: NDArray[np.uint32],
    counts: NDArray[np.int32],
    bits: int,
    indices: NDArray[np.uint32],
    values: NDArray[np.float32],
    bounds: NDArray[np.int32],
) -> None:
    """Into `indices` the buckets, block by block, into `values` 1 + log(occurrences), into `bounds` the blocks."""
    for i in range(distinct.size):
        bounds[(distinct[i] >> bits) + 1] += 1
    for block in range(BLOCKS):
        bounds[block + 1] += bounds[block]
    ends = bounds.copy()
    lowest = (1 << bits) - 1
    for i in range(distinct.size):
        block = distinct[i] >> bits
        at = ends[block]
        ends[block] += 1
        indices[at] = distinct[i] & lowest
        values[at] = 1.0 if counts[i] == 1 else 1.0 + logarithm(float(counts[i]))


@compiled
def hashed_mails(
    text: NDArray[np.uint8],
    begins: NDArray[np.int64],
    keys: NDArray[np.uint64],
    kinds: NDArray[np.int64],
    bits: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float32], NDArray[np.int32]]:
    """Mails end to end: where each begins (and the last ends), distinct buckets, their values, bounds of the blocks.

    Mail i begins in `text` at `begins[i]`; its fields follow each other, each ended by a zero byte, and after them come
    `siphash.PADDING` zero bytes. Field i is hashed under `keys[i]`; the last one of the keys is that which all share.
    `kinds[i]` is WORDS for running text, SUBJECT for a subject, else the block whose only feature the field is. Buckets
    are the upper `bits` of 64-bit hashes, block by block, in the order of the text.
    """
    text = lowered(text)
    longest = 0
    for mail in range(begins.size):
        longest = max(longest, (begins[mail + 1] if mail + 1 < begins.size else text.size) - begins[mail])
    words = np.empty((min(longest, MOST_OCCURRENCES), 3), np.int32)
    found = np.empty(_room(longest, kinds.size), np.uint32)
    distinct, counts = np.empty(found.size, np.uint32), np.empty(found.size, np.int32)
    nowhere = np.empty((0, 2), np.int32)
    starts = np.zeros(begins.size + 1, np.int64)
    bounds = np.zeros((begins.size, BLOCKS + 1), np.int32)
    indices: NDArray[np.uint32] = np.empty(text.size // 4, np.uint32)
    values: NDArray[np.float32] = np.empty(text.size // 4, np.float32)
    for mail in range(begins.size):
        n = _occurrences(text, keys, kinds, bits, begins[mail], words, found, nowhere)
        n = _count(found[:n], distinct, counts)
        start, end = starts[mail], starts[mail] + n
        if end > indices.size:
            indices, values = _longer(indices, 2 * end), _longer(values, 2 * end)
        _by_block(distinct[:n], counts, bits, indices[start:end], values[start:end], bounds[mail])
        starts[mail + 1] = end
    return starts, indices[: starts[-1]].copy(), values[: starts[-1]].copy(), bounds
