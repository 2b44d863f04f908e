"""The compiled pass over a mail's bytes: words, pairs of adjacent words and beginnings of words, hashed under a key.

Words are runs of letters, digits and underscores in any script. Scripts written without spaces (Chinese, Japanese,
Thai and their neighbours) give one word a character, so that their pairs are the character bigrams.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.arithmetic import logarithm
from triage_cl.learning.compiling import compiled
from triage_cl.learning.siphash import keyed_hash

#: The blocks of features. Those of words in the subject stand among WORDS, too; NUMBERS are not hashed from text.
WORDS, SUBJECT, PAIRS, SUBJECT_PAIRS, PREFIXES, SENDER, DOMAIN, THREAD, NUMBERS = range(9)
BLOCKS = 9

#: Occurrences counted in one mail at most; what comes after is left out.
MOST_OCCURRENCES = 65_536

#: Words of a field from which pairs and prefixes are made; those beyond count alone.
FINE_WORDS = 100

#: A longer word counts by its first letters as well, in characters: endings and slips of the pen matter less so.
PREFIX = 4

_BLOCK_BITS = 3  # of the blocks that are hashed from text
_MOST_OF_A_WORD = 4  # occurrences that one word can make

_SEPARATOR, _LETTER, _WORD = 0, 1, 2

# What a byte is, where it stands for a character by itself.
_ASCII = np.array(
    [_LETTER if chr(code).isalnum() or code == ord("_") else _SEPARATOR for code in range(128)] + [_WORD] * 128,
    np.uint8,
)

_U0, _U32 = np.uint64(0), np.uint64(32)
_PAIR_LEFT, _PAIR_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_PREFIX_SALT = np.uint64(0xA5A5A5A5A5A5A5A5)


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
    """What stands at `at`, beyond ASCII, and its width in bytes; broken UTF-8 counts as letters."""
    lead = int(text[at])
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
def _pair_hash(left: np.uint64, right: np.uint64) -> np.uint64:
    mixed = left * _PAIR_LEFT + right
    mixed ^= mixed >> _U32
    mixed *= _PAIR_MIX
    return mixed ^ (mixed >> _U32)


@compiled
def _next_word(text: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int, int]:
    """Where the next word begins and ends, its letters (0: one that stands alone), and where its prefix ends.

    It begins at `end` where there is none.
    """
    start = cut = at
    letters = 0
    while at < end:
        glyph, width = int(_ASCII[text[at]]), 1
        if glyph == _WORD:
            glyph, width = _glyph(text, at, end)
        if glyph == _LETTER:
            at += width
            letters += 1
            if letters == PREFIX:
                cut = at
        elif letters:
            break
        else:
            at += width
            if glyph == _WORD:
                return start, at, 0, at
            start = at
    return start, at, letters, cut


@compiled
def occurrences(
    text: NDArray[np.uint8], ends: NDArray[np.int64], keys: NDArray[np.uint64], kinds: NDArray[np.int64], bits: int
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Every feature in the order of the text, as block << bits | bucket, and the bytes where its words begin and end.

    The arguments are those of `hashed_blocks`. A prefix has the bytes of its whole word.
    """
    room = min(2 * text.size + 2 * ends.size, MOST_OCCURRENCES) + _MOST_OF_A_WORD
    found = np.empty(room, np.uint32)
    spans = np.empty((room, 2), np.int32)
    down = np.uint64(64 - bits)
    shared0, shared1 = keys[-1, 0], keys[-1, 1]
    n = 0
    at = 0
    for field in range(ends.size):
        end = ends[field]
        kind = kinds[field]
        k0, k1 = keys[field, 0], keys[field, 1]
        if kind > SUBJECT:
            if at < end:
                found[n] = (kind << bits) | int(keyed_hash(text, at, end, k0, k1) >> down)
                spans[n, 0], spans[n, 1] = at, end
                n += 1
            at = end
            continue
        previous = _U0
        begun = -1
        fine = FINE_WORDS
        while n < room - _MOST_OF_A_WORD:
            start, at, letters, cut = _next_word(text, at, end)
            if start == end:
                break
            begin = n
            word = keyed_hash(text, start, at, k0, k1)
            found[n] = (kind << bits) | int(word >> down)
            n += 1
            if kind == SUBJECT:
                found[n] = (WORDS << bits) | int(keyed_hash(text, start, at, shared0, shared1) >> down)
                n += 1
            if letters > PREFIX and fine > 0:
                found[n] = (PREFIXES << bits) | int(
                    keyed_hash(text, start, cut, shared0 ^ _PREFIX_SALT, shared1) >> down
                )
                n += 1
            for i in range(begin, n):
                spans[i, 0], spans[i, 1] = start, at
            if begun >= 0 and (fine > 0 or letters == 0):
                found[n] = ((kind + PAIRS) << bits) | int(_pair_hash(previous, word) >> down)
                spans[n, 0], spans[n, 1] = begun, at
                n += 1
            previous, begun = word, start
            if letters:
                fine -= 1
        at = end
    return found[:n], spans[:n]


@compiled
def _sorted(keys: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    """Radix sort, a byte at a time: a third of the time of a comparison sort at the length of a mail."""
    other = np.empty_like(keys)
    starts = np.empty(257, np.int64)
    for low in range(0, bits, 8):
        starts[:] = 0
        for key in keys:
            starts[((key >> low) & 0xFF) + 1] += 1
        for digit in range(256):
            starts[digit + 1] += starts[digit]
        for key in keys:
            digit = (key >> low) & 0xFF
            other[starts[digit]] = key
            starts[digit] += 1
        keys, other = other, keys
    return keys


@compiled
def hashed_blocks(
    text: NDArray[np.uint8], ends: NDArray[np.int64], keys: NDArray[np.uint64], kinds: NDArray[np.int64], bits: int
) -> tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.int32]]:
    """Buckets in ascending order within each block, 1 + log(occurrences) of each, and the bounds of the blocks.

    `text` holds the fields one after the other; field i ends at `ends[i]` and is hashed under `keys[i]`, the last one
    under the key that all share. `kinds[i]` is WORDS for running text, SUBJECT for a subject, else the block whose only
    feature the field is. Buckets are the upper `bits` of 64-bit hashes.
    """
    found = _sorted(occurrences(text, ends, keys, kinds, bits)[0], bits + _BLOCK_BITS)
    indices = np.empty(found.size, np.uint32)
    values = np.empty(found.size, np.float32)
    bounds = np.zeros(BLOCKS + 1, np.int32)
    lowest = (1 << bits) - 1
    distinct = 0
    at = 0
    while at < found.size:
        begin = at
        while at < found.size and found[at] == found[begin]:
            at += 1
        indices[distinct] = found[begin] & lowest
        values[distinct] = 1.0 if at - begin == 1 else 1.0 + logarithm(float(at - begin))
        distinct += 1
        bounds[(found[begin] >> bits) + 1] = distinct
    for block in range(BLOCKS):
        bounds[block + 1] = max(bounds[block], bounds[block + 1])
    return indices[:distinct].copy(), values[:distinct].copy(), bounds
