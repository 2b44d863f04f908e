"""SipHash, compiled: a hash that nobody can foretell without its key."""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.compiling import compiled
from triage_cl.learning.memory import eight_bytes

#: How many bytes of a text must follow whatever is hashed: bytes are read eight at a time.
PADDING = 8

_FIRST = np.array([(1 << 8 * count) - 1 for count in range(8)], np.uint64)


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

    Without the key nobody can tell which word a hash stands for, nor make words that collide. At least `PADDING` bytes
    must follow `end` in `text`, whatever they are.
    """
    v0 = k0 ^ np.uint64(0x736F6D6570736575)
    v1 = k1 ^ np.uint64(0x646F72616E646F6D)
    v2 = k0 ^ np.uint64(0x6C7967656E657261)
    v3 = k1 ^ np.uint64(0x7465646279746573)
    rest = (end - start) & 7
    for at in range(start, end - rest, 8):
        block = eight_bytes(text, at)
        v3 ^= block
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
        v0 ^= block
    block = (eight_bytes(text, end - rest) & _FIRST[rest]) | np.uint64(end - start) << np.uint64(56)
    v3 ^= block
    v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    v0 ^= block
    v2 ^= np.uint64(0xFF)
    for _ in range(3):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3
