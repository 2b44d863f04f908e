"""Static token vectors: a table made from an encoder once, read with `model2vec`; a text is the mean of its tokens."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.adapters.encoders.folder import INSTALL, beginning, digest_of, rounded
from triage_cl.domain.errors import BadEncoder

#: The files of a table.
FILES = ("config.json", "model.safetensors", "tokenizer.json")

#: How much of a text is read, in characters and in tokens.
LONGEST_TEXT, LONGEST_TOKENS = 20_000, 2_048

#: Changes whenever the same table would give other vectors.
VERSION = 1


class StaticVectors:
    """Encodes texts with the table in `folder`; raises BadEncoder if it cannot be loaded."""

    kind = "static"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._table = _load(folder)
        # The library sets up its tokenizer for each call; two threads would collide there.
        self._turn = Lock()
        self.dimensions: int = int(self._table.dim)
        self.digest = digest_of([folder / name for name in FILES], [VERSION])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row for each text, of length 1 (0 where it has no known token), rounded to float16."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        part = [beginning(text, LONGEST_TEXT) for text in texts]
        with self._turn:
            means = self._table.encode(part, max_length=LONGEST_TOKENS, normalize=False, use_multiprocessing=False)
        return rounded(np.asarray(means, np.float32))


def _load(folder: Path) -> Any:
    # What is no folder would be looked for on a model hub.
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise BadEncoder(f"{folder} has no {', '.join(missing)}; `triage encoder distil` makes a table.")
    try:
        from model2vec import StaticModel
    except ImportError:
        raise BadEncoder(INSTALL) from None
    try:
        return StaticModel.from_pretrained(folder, quantize_to="float32")
    except Exception as error:
        # The libraries beneath raise plain exceptions.
        raise BadEncoder(f"{folder}: {error}.") from None
