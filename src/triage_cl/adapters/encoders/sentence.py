"""A sentence encoder in ONNX Runtime: any folder with a graph and its tokenizer."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.adapters.encoders.folder import INSTALL, EncoderFolder, beginning, read_folder, rounded
from triage_cl.domain.errors import BadEncoder

#: How many tokens, padding included, go through the encoder at once: what bounds its memory.
TOKENS_AT_ONCE = 4_096
#: How many texts are split into tokens at once, and how much of a text is looked at for its first tokens, characters.
TEXTS_AT_ONCE = 2_048
LONGEST_TEXT = 10_000

MOST_THREADS = 2


class SentenceEncoder:
    """Encodes texts with the model in `folder`; raises BadEncoder if it cannot be loaded.

    A text is cut after `tokens` of the folder's configuration. The vector of a text may differ in a last digit between
    processor types, so it is kept once made.
    """

    kind = "sentence"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = read_folder(folder)
        self._tokenizer = _load_tokenizer(self._files)
        self._session = _load_session(self._files)
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._output = self._session.get_outputs()[0]
        self.digest = self._files.digest
        if not isinstance(self._output.shape[-1], int) or len(self._output.shape) != 3:
            raise BadEncoder(f"{self._files.graph}: its first output is not a vector for each token.")
        self.dimensions: int = self._output.shape[-1]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row for each text, of length 1, rounded to float16; each as if it were alone, but for rounding."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = [beginning(text, LONGEST_TEXT) for text in texts[start : start + TEXTS_AT_ONCE]]
            tokens = [found.ids for found in self._tokenizer.encode_batch_fast(part)]
            for rows in _batches([len(ids) for ids in tokens]):
                vectors[start + rows] = self.encode_tokens([tokens[row] for row in rows])
        return rounded(vectors)

    def encode_tokens(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """The pooled vectors of texts given as token ids, neither scaled nor rounded; all go through at once."""
        longest = max(map(len, tokens))
        ids = np.zeros((len(tokens), longest), np.int64)
        mask = np.zeros((len(tokens), longest), np.int64)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run([self._output.name], {name: given[name] for name in self._inputs})[0]
        return _pooled(hidden, mask, self._files.pooling)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, of the `tokenizers` library."""
        return self._tokenizer


def _batches(lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Texts of like length together, as many as the bound allows."""
    order = np.argsort(np.array(lengths), kind="stable")
    start = 0
    while start < order.size:
        end = start + 1
        while end < order.size and (end + 1 - start) * lengths[order[end]] <= TOKENS_AT_ONCE:
            end += 1
        yield order[start:end]
        start = end


def _pooled(hidden: NDArray[np.float32], mask: NDArray[np.int64], pooling: str) -> NDArray[np.float32]:
    if pooling == "cls":
        return hidden[:, 0]
    counted = mask[:, :, None].astype(np.float32)
    mean: NDArray[np.float32] = (hidden * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return mean


def _load_tokenizer(files: EncoderFolder) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise BadEncoder(INSTALL) from None
    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except Exception as error:
        # The library raises plain exceptions.
        raise BadEncoder(f"{files.tokenizer}: {error}.") from None
    tokenizer.enable_truncation(files.tokens)
    tokenizer.no_padding()
    return tokenizer


def _load_session(files: EncoderFolder) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise BadEncoder(INSTALL) from None
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(MOST_THREADS, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    # Threads that wait for the next mail sleep.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(files.graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # What it raises is not exported.
        raise BadEncoder(f"{files.graph}: {error}.") from None
    unknown = {given.name for given in session.get_inputs()} - {"input_ids", "attention_mask", "token_type_ids"}
    if unknown:
        raise BadEncoder(f"{files.graph} asks for {', '.join(sorted(unknown))}, which is not known here.")
    return session
