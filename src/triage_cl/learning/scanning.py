"""The compiled pass over a text's bytes that finds its words.

Words are runs of letters, digits and underscores in any script. Scripts written without spaces (Chinese, Japanese,
Thai and their neighbours) give one word a character, so that their pairs are the character bigrams.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.compiling import compiled

#: A longer word counts by its first letters as well, in characters: endings and slips of the pen matter less so.
PREFIX = 4

_SEPARATOR, _LETTER, _WORD = 0, 1, 2

# What a byte is, where it stands for a character by itself.
_ASCII = np.array(
    [_LETTER if chr(code).isalnum() or code == ord("_") else _SEPARATOR for code in range(128)] + [_WORD] * 128,
    np.uint8,
)


def _lower_of(point: int) -> int:
    """The lower-case letter of a character where it has one of the same length in UTF-8, else the character."""
    letter = chr(point).lower()
    alike = len(letter) == 1 and (ord(letter) < 0x80, ord(letter) < 0x800) == (point < 0x80, point < 0x800)
    return ord(letter) if alike and ord(letter) < 0x10000 else point


_LOWER = np.array([_lower_of(point) for point in range(0x10000)], np.uint16)


@compiled
def lowered(text: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """UTF-8 in lower case: the letters of the basic plane whose lower case is as long."""
    lower = np.empty_like(text)
    highest = 0
    for i in range(text.size):
        byte = int(text[i])
        highest |= byte
        lower[i] = byte + 32 * (65 <= byte <= 90)
    i = 0 if highest >= 0x80 else text.size
    while i < text.size:
        lead = int(text[i])
        if 0xC0 <= lead < 0xE0 and i + 1 < text.size:
            point = int(_LOWER[(lead & 0x1F) << 6 | (int(text[i + 1]) & 0x3F)])
            lower[i], lower[i + 1] = 0xC0 | point >> 6, 0x80 | (point & 0x3F)
            i += 2
        elif 0xE0 <= lead < 0xF0 and i + 2 < text.size:
            point = int(_LOWER[(lead & 0x0F) << 12 | (int(text[i + 1]) & 0x3F) << 6 | (int(text[i + 2]) & 0x3F)])
            lower[i], lower[i + 1] = 0xE0 | point >> 12, 0x80 | (point >> 6 & 0x3F)
            lower[i + 2] = 0x80 | (point & 0x3F)
            i += 3
        else:
            i += 1
    return lower


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
def _runs(text: NDArray[np.uint8], at: int, end: int, edges: NDArray[np.int32], beyond: NDArray[np.int32]) -> int:
    """Where runs without an ASCII separator begin and end, in turn, and how many bytes beyond ASCII came before each.

    Returns how many edges there are. No byte branches: guessing where words end is what takes time.
    """
    count = inside = high = 0
    for i in range(at, end):
        now = int(_ASCII[text[i]] != _SEPARATOR)
        edges[count], beyond[count] = i, high
        count += inside ^ now
        inside = now
        high += int(text[i]) >> 7
    edges[count], beyond[count] = end, high
    return count + inside


@compiled
def find_words(text: NDArray[np.uint8], at: int, end: int, words: NDArray[np.int32]) -> int:
    """Where each word begins and ends, and its prefix ends: 0 for one without, -1 for one that stands alone.

    Returns how many words there are, at most as many as there is room for.
    """
    edges, beyond = np.empty(end - at + 1, np.int32), np.empty(end - at + 1, np.int32)
    count = 0
    for edge in range(0, _runs(text, at, end, edges, beyond), 2):
        start, stop = int(edges[edge]), int(edges[edge + 1])
        in_ascii = beyond[edge] == beyond[edge + 1]
        while start < stop and count < len(words):
            if in_ascii:
                begin, start, letters, cut = start, stop, stop - start, start + PREFIX
            else:
                begin, start, letters, cut = _next_word(text, start, stop)
                if begin == stop:
                    break
            words[count, 0], words[count, 1] = begin, start
            words[count, 2] = cut if letters > PREFIX else (0 if letters else -1)
            count += 1
    return count
