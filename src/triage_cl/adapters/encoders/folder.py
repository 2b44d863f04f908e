"""A folder with an encoder in it, as sentence-transformers lay it out: which files, which pooling, how long a text."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.domain.errors import BadEncoder

GRAPHS = ("model.onnx", "onnx/model.onnx")
TOKENIZER = "tokenizer.json"
POOLING = "1_Pooling/config.json"

#: A text is cut after so many tokens at most, whatever its encoder could read.
LONGEST_TOKENS = 256

#: Changes whenever the same files would give other vectors.
VERSION = 1

INSTALL = "Install the extra `encoder`: `make encoder` in a checkout, `pip install 'triage-cl[encoder]'` elsewhere."


@dataclass(frozen=True, slots=True)
class EncoderFolder:
    """Where the graph and the tokenizer are, how token vectors become one ("mean" or "cls"), how long a text may be."""

    graph: Path
    tokenizer: Path
    pooling: str
    tokens: int

    @property
    def digest(self) -> str:
        """16 digits over the graph with its weights, the tokenizer and how both are used."""
        weights = sorted(path for path in self.graph.parent.iterdir() if path.name.startswith(self.graph.name))
        return digest_of([*weights, self.tokenizer], [self.pooling, self.tokens, VERSION])


def read_folder(folder: Path) -> EncoderFolder:
    """What lies in `folder`; BadEncoder where a graph or a tokenizer is missing, or a step that is not known here."""
    graph = next((folder / name for name in GRAPHS if (folder / name).is_file()), None)
    if graph is None:
        exported = "export it first: `triage encoder export`" if (folder / "config.json").is_file() else "it is none"
        raise BadEncoder(f"{folder} has neither {' nor '.join(GRAPHS)}; {exported}.")
    if not (folder / TOKENIZER).is_file():
        raise BadEncoder(f"{folder} has no {TOKENIZER} (the fast tokenizer's file, that of the `tokenizers` library).")
    return EncoderFolder(graph, folder / TOKENIZER, _pooling(folder), _tokens(folder))


def _pooling(folder: Path) -> str:
    steps = [str(step.get("type")).rpartition(".")[2] for step in _read(folder / "modules.json") or []]
    unknown = [step for step in steps if step not in ("Transformer", "Pooling", "Normalize")]
    if unknown:
        raise BadEncoder(f"{folder} has steps that are not known here: {', '.join(unknown)}.")
    told = _read(folder / POOLING) or {}
    chosen = [name for name, on in told.items() if name.startswith("pooling_mode_") and on is True]
    if told.get("pooling_mode"):
        chosen = [f"pooling_mode_{told['pooling_mode']}"]
    known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_mean": "mean"}
    known |= {"pooling_mode_cls_token": "cls", "pooling_mode_cls": "cls"}
    if not chosen:
        return "mean"
    if len(chosen) > 1 or chosen[0] not in known:
        raise BadEncoder(f"{folder / POOLING}: {', '.join(chosen)} is not known here; mean and cls are.")
    return known[chosen[0]]


def _tokens(folder: Path) -> int:
    told = (_read(folder / "sentence_bert_config.json") or {}).get("max_seq_length")
    return min(told, LONGEST_TOKENS) if isinstance(told, int) else LONGEST_TOKENS


def _read(path: Path) -> Any:
    """The JSON in a file, None without one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadEncoder(f"{path}: {error}.") from None


def digest_of(files: Iterable[Path], values: Sequence[object]) -> str:
    """16 hexadecimal digits of SHA-256 over the content of these files, each by its own digest, and these values."""
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    whole.update(json.dumps(values).encode())
    return whole.hexdigest()[:16]


def beginning(text: str, longest: int) -> str:
    """The first characters of a text; one that has no UTF-8 becomes a question mark, for tokenizers take no other."""
    return text[:longest].encode("utf-8", "replace").decode()


def rounded(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1 (0 stays 0) with the precision of float16, as they are stored."""
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True, dtype=np.float64))
    scaled: NDArray[np.floating[Any]] = vectors / np.where(lengths > 0, lengths, 1)
    return scaled.astype(np.float16).astype(np.float32)
