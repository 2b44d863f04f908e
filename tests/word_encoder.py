"""An encoder that needs no package: a word is a direction, a text the sum of its words."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triage_cl.usecases.encode import Encoders

DIMENSIONS = 32


class WordEncoder:
    """Two texts with the same words have the same vector; `seed` names another encoder. It counts what it encodes."""

    folder = Path("nowhere")
    dimensions = DIMENSIONS

    def __init__(self, kind: str = "sentence", seed: int = 0) -> None:
        self.kind = kind
        self.seed = seed
        self.digest = blake2b(f"{kind} {seed}".encode(), digest_size=8).hexdigest()
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += texts
        rows = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                bits = np.frombuffer(blake2b(f"{self.seed} {word}".encode(), digest_size=DIMENSIONS).digest(), np.uint8)
                row += bits.astype(np.float32) - 127.5
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float16).astype(np.float32)


def word_encoders(*encoders: WordEncoder) -> Encoders:
    """These encoders, or one of each kind, as settings would name them."""
    named = encoders or (WordEncoder("sentence"), WordEncoder("static"))
    return Encoders({encoder.kind: lambda encoder=encoder: encoder for encoder in named})
