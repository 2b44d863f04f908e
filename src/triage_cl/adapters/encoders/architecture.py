"""What a BERT-like encoder is made of: its configuration, and its weights under one name each."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage_cl.domain.errors import BadEncoder

#: How to get a graph for what is not exported here.
OTHERWISE = (
    "Export it elsewhere, say with `optimum-cli export onnx --task feature-extraction`, and put the file beside its"
    " tokenizer.json as model.onnx: `triage encoder check` then takes the folder."
)

#: The names of our parts of a layer in a checkpoint of the kinds of model that are exported here.
_BERT_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mixed": "attention.output.dense",
    "mixed norm": "attention.output.LayerNorm",
    "widened": "intermediate.dense",
    "narrowed": "output.dense",
    "narrowed norm": "output.LayerNorm",
}
_DISTILBERT_LAYER = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "mixed": "attention.out_lin",
    "mixed norm": "sa_layer_norm",
    "widened": "ffn.lin1",
    "narrowed": "ffn.lin2",
    "narrowed norm": "output_layer_norm",
}

#: What "hidden_act" may be: the exact GELU, and the rectifier.
ACTIVATIONS = ("gelu", "relu")


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes of a BERT-like encoder, and its weights.

    `padding` is the id from whose successor on positions count (RoBERTa); None where they count from 0 (BERT).
    `weight` gives a part's weight by its name in the checkpoint, whatever stands before it there.
    """

    layers: int
    heads: int
    width: int
    epsilon: float
    activation: str
    padding: int | None
    layer_names: Mapping[str, str]
    layer_prefix: str
    weight: Callable[[str], NDArray[np.float32]]

    def layer(self, number: int, part: str, kind: str) -> NDArray[np.float32]:
        """The "weight" or "bias" of a part of a layer."""
        return self.weight(f"{self.layer_prefix}.{number}.{self.layer_names[part]}.{kind}")


def read_architecture(folder: Path) -> Architecture:
    """The encoder that lies in `folder` as `config.json` and `model.safetensors`.

    Raises BadEncoder for files that are missing or damaged, and for models of other kinds.
    """
    config = _config(folder)
    kind = config.get("model_type")
    distil = kind == "distilbert"
    if kind not in ("bert", "roberta", "xlm-roberta", "distilbert"):
        raise BadEncoder(f"{folder}: a model of the kind {kind!r} is not exported here. {OTHERWISE}")
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        raise BadEncoder(f"{folder}: its positions or its attention are not those of an encoder. {OTHERWISE}")
    activation = config["activation" if distil else "hidden_act"]
    if activation not in ACTIVATIONS:
        raise BadEncoder(f"{folder}: its activation {activation!r} is none of {', '.join(ACTIVATIONS)}. {OTHERWISE}")
    return Architecture(
        layers=config["n_layers" if distil else "num_hidden_layers"],
        heads=config["n_heads" if distil else "num_attention_heads"],
        width=config["dim" if distil else "hidden_size"],
        epsilon=config.get("layer_norm_eps", 1e-12),
        activation=activation,
        padding=config["pad_token_id"] if "roberta" in kind else None,
        layer_names=_DISTILBERT_LAYER if distil else _BERT_LAYER,
        layer_prefix="transformer.layer" if distil else "encoder.layer",
        weight=_weights(folder / "model.safetensors"),
    )


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadEncoder(f"{folder / 'config.json'}: {error}.") from None
    return config


def _weights(path: Path) -> Callable[[str], NDArray[np.float32]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, TypeError) as error:
        # numpy has no bfloat16: a TypeError.
        raise BadEncoder(f"{path} cannot be read ({error}). {OTHERWISE}") from None

    def weight(name: str) -> NDArray[np.float32]:
        found = next((tensor for key, tensor in tensors.items() if key == name or key.endswith(f".{name}")), None)
        if found is None:
            raise BadEncoder(f"{path} has no {name!r}: it is not what its config.json says.")
        return found.astype(np.float32)

    return weight
