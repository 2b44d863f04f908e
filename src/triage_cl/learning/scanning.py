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
def _words_in_ascii(text: NDArray[np.uint8], at: int, end: int, words: NDArray[np.int32]) -> int:
    """What `find_words` gives for ASCII alone. No byte branches: guessing where words end takes time."""
    edges = np.empty(end - at + 1, np.int32)
    count = inside = 0
    for i in range(at, end):
        now = int(_ASCII[text[i]]) & _LETTER
        edges[count] = i
        count += inside ^ now
        inside = now
    edges[count] = end
    found = min((count + inside) // 2, len(words))
    for i in range(found):
        start, stop = edges[2 * i], edges[2 * i + 1]
        words[i, 0], words[i, 1] = start, stop
        words[i, 2] = start + PREFIX if stop - start > PREFIX else 0
    return found


@compiled
def find_words(text: NDArray[np.uint8], at: int, end: int, words: NDArray[np.int32]) -> int:
    """Where each word begins and ends, and its prefix ends: 0 for one without, -1 for one that stands alone.

    Returns how many words there are, at most as many as there is room for.
    """
    highest = 0
    for i in range(at, end):
        highest |= text[i]
    if highest < 0x80:
        return _words_in_ascii(text, at, end, words)
    count = 0
    while count < len(words):
        start, at, letters, cut = _next_word(text, at, end)
        if start == end:
            break
        words[count, 0], words[count, 1] = start, at
        words[count, 2] = cut if letters > PREFIX else (0 if letters else -1)
        count += 1
    return count
