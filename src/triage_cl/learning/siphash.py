"""SipHash, compiled: a hash that nobody can foretell without its key."""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.compiling import compiled

_U0, _U8, _U63 = np.uint64(0), np.uint64(8), np.uint64(63)


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
