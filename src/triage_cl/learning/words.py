"""The compiled pass over a mail's bytes: words and pairs of adjacent words, hashed under a key, counted.

Words are runs of letters, digits and underscores in any script. Scripts written without spaces (Chinese, Japanese,
Thai and their neighbours) give one word a character, so that their pairs are the character bigrams.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import logarithm
from triage_cl.learning.compiling import compiled

#: Occurrences counted in one mail at most; what comes after is left out.
MOST_OCCURRENCES = 65_536

_SEPARATOR, _LETTER, _WORD = 0, 1, 2

_ASCII_LETTERS = np.array([chr(code).isalnum() or chr(code) == "_" for code in range(128)])

_U0, _U1, _U8, _U32, _U63 = np.uint64(0), np.uint64(1), np.uint64(8), np.uint64(32), np.uint64(63)
_PAIR_LEFT, _PAIR_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


@compiled
def _separates(point: int) -> bool:
    """Whether a character beyond ASCII is punctuation or a space."""
    if point < 0xC0:
        return point not in (0xAA, 0xB5, 0xBA)
    if 0x2000 <= point <= 0x206F:
        return point not in (0x200C, 0x200D)
    if 0x3000 <= point <= 0x303F:
        return point not in (0x3005, 0x3006, 0x3007)
    return point in (0x387, 0x5BE, 0x60C, 0x61B, 0x61F, 0x6D4, 0x964, 0x965, 0x30FB, 0xFFFC, 0xFFFD)


@compiled
def _unspaced(point: int) -> bool:
    """Whether a character belongs to a script that does not put spaces between words."""
    return (
        0x0E00 <= point <= 0x0EFF  # Thai, Lao
        or 0x1000 <= point <= 0x109F  # Burmese
        or 0x1780 <= point <= 0x17FF  # Khmer
        or 0x3040 <= point <= 0x30FF  # Japanese syllables
        or 0x3400 <= point <= 0x9FFF  # Chinese characters
        or 0xF900 <= point <= 0xFAFF
        or 0x20000 <= point <= 0x3FFFF
    )


@compiled
def _glyph(text: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """What stands at `at`, and its width in bytes; broken UTF-8 counts as letters."""
    lead = int(text[at])
    if lead < 0x80:
        return (_LETTER if _ASCII_LETTERS[lead] else _SEPARATOR), 1
    if lead < 0xC0:
        return _LETTER, 1
    width = 2 if lead < 0xE0 else (3 if lead < 0xF0 else 4)
    if at + width > end:
        return _LETTER, end - at
    point = lead & (0x7F >> width)
    for offset in range(1, width):
        point = (point << 6) | (int(text[at + offset]) & 0x3F)
    if _separates(point):
        return _SEPARATOR, width
    return (_WORD if _unspaced(point) else _LETTER), width


@compiled
def _rotated(x: np.uint64, by: int) -> np.uint64:
    return (x << np.uint64(by)) | (x >> np.uint64(64 - by))


@compiled
def _sip_round(
    v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    v0 += v1
    v1 = _rotated(v1, 13) ^ v0
    v0 = _rotated(v0, 32)
    v2 += v3
    v3 = _rotated(v3, 16) ^ v2
    v0 += v3
    v3 = _rotated(v3, 21) ^ v0
    v2 += v1
    v1 = _rotated(v1, 17) ^ v2
    v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


@compiled
def keyed_hash(text: NDArray[np.uint8], start: int, end: int, k0: np.uint64, k1: np.uint64) -> np.uint64:
    """SipHash-1-3 of `text[start:end]` under the key (k0, k1) (Aumasson and Bernstein, INDOCRYPT 2012).

    Without the key nobody can tell which word a hash stands for, nor make words that collide.
    """
    v0 = k0 ^ np.uint64(0x736F6D6570736575)
    v1 = k1 ^ np.uint64(0x646F72616E646F6D)
    v2 = k0 ^ np.uint64(0x6C7967656E657261)
    v3 = k1 ^ np.uint64(0x7465646279746573)
    block = _U0
    shift = _U0
    for at in range(start, end):
        block |= np.uint64(text[at]) << shift
        shift += _U8
        if shift > _U63:
            v3 ^= block
            v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
            v0 ^= block
            block = shift = _U0
    block |= np.uint64(end - start) << np.uint64(56)
    v3 ^= block
    v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    v0 ^= block
    v2 ^= np.uint64(0xFF)
    for _ in range(3):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@compiled
def _pair_hash(left: np.uint64, right: np.uint64) -> np.uint64:
    mixed = left * _PAIR_LEFT + right
    mixed ^= mixed >> _U32
    mixed *= _PAIR_MIX
    return mixed ^ (mixed >> _U32)


@compiled
def occurrences(
    text: NDArray[np.uint8],
    ends: NDArray[np.int64],
    keys: NDArray[np.uint64],
    whole: NDArray[np.bool_],
    bits: int,
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """The bucket of every word and pair in the order of the text, and the bytes where each begins and ends.

    The arguments are those of `hashed_counts`.
    """
    room = min(text.size + 2 * ends.size, MOST_OCCURRENCES + 1)
    buckets = np.empty(room, np.uint32)
    spans = np.empty((room, 2), np.int32)
    down = np.uint64(64 - bits)
    found = 0
    at = 0
    for field in range(ends.size):
        end = ends[field]
        k0, k1 = keys[field, 0], keys[field, 1]
        previous = _U0
        begun = -1
        while at < end and found < MOST_OCCURRENCES - 1:
            start = at
            if whole[field]:
                at = end
            else:
                kind, width = _glyph(text, at, end)
                at += width
                if kind == _SEPARATOR:
                    continue
                while kind == _LETTER and at < end:
                    kind, width = _glyph(text, at, end)
                    if kind == _LETTER:
                        at += width
            word = keyed_hash(text, start, at, k0, k1)
            buckets[found] = word >> down
            spans[found, 0], spans[found, 1] = start, at
            found += 1
            if begun >= 0:
                buckets[found] = _pair_hash(previous, word) >> down
                spans[found, 0], spans[found, 1] = begun, at
                found += 1
            previous, begun = word, start
        at = end
    return buckets[:found], spans[:found]


@compiled
def _sorted(buckets: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    """Radix sort, a byte at a time: a third of the time of a comparison sort at the length of a mail."""
    other = np.empty_like(buckets)
    for low in range(0, bits, 8):
        starts = np.zeros(257, np.int64)
        for bucket in buckets:
            starts[((bucket >> low) & 0xFF) + 1] += 1
        for digit in range(256):
            starts[digit + 1] += starts[digit]
        for bucket in buckets:
            digit = (bucket >> low) & 0xFF
            other[starts[digit]] = bucket
            starts[digit] += 1
        buckets, other = other, buckets
    return buckets


@compiled
def hashed_counts(
    text: NDArray[np.uint8],
    ends: NDArray[np.int64],
    keys: NDArray[np.uint64],
    whole: NDArray[np.bool_],
    bits: int,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Buckets in ascending order, and 1 + log(occurrences) of each, of Euclidean length 1.

    `text` holds the fields one after the other; field i ends at `ends[i]`, is hashed under `keys[i]`, and is one
    word if `whole[i]`. Buckets are the upper `bits` of 64-bit hashes.
    """
    buckets = _sorted(occurrences(text, ends, keys, whole, bits)[0], bits)
    indices = np.empty(buckets.size, np.uint32)
    weights = np.empty(buckets.size, np.float64)
    distinct = 0
    square = 0.0
    at = 0
    while at < buckets.size:
        start = at
        while at < buckets.size and buckets[at] == buckets[start]:
            at += 1
        weight = 1.0 if at - start == 1 else 1.0 + logarithm(float(at - start))
        indices[distinct] = buckets[start]
        weights[distinct] = weight
        square += weight * weight
        distinct += 1
    length = np.sqrt(square)
    values = np.empty(distinct, np.float32)
    for i in range(distinct):
        values[i] = weights[i] / length
    return indices[:distinct].copy(), values
