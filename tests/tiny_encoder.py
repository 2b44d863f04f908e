"""Encoders of a few kilobytes in the layout of sentence-transformers, with weights drawn at random: what they say is
nonsense, but any program that computes the same kind of model gets the same vectors."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEADS, LAYERS, WIDENED, PLACES = 16, 4, 2, 32, 24
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
TEXT = "the a invoice refund router broken password contract clause where is my please help ##s ##ed ."
VOCABULARY = [*MARKS, *TEXT.split()]

CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "intermediate_size": WIDENED,
        "max_position_embeddings": PLACES,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    },
    "distilbert": {
        "dim": WIDTH,
        "n_heads": HEADS,
        "n_layers": LAYERS,
        "hidden_dim": WIDENED,
        "max_position_embeddings": PLACES,
        "activation": "gelu",
        "pad_token_id": 0,
    },
}
CONFIGS["roberta"] = CONFIGS["bert"] | {"type_vocab_size": 1, "layer_norm_eps": 1e-5}

_LAYER = {
    "attention.self.query": (WIDTH, WIDTH),
    "attention.self.key": (WIDTH, WIDTH),
    "attention.self.value": (WIDTH, WIDTH),
    "attention.output.dense": (WIDTH, WIDTH),
    "intermediate.dense": (WIDENED, WIDTH),
    "output.dense": (WIDTH, WIDENED),
    "attention.output.LayerNorm": (WIDTH,),
    "output.LayerNorm": (WIDTH,),
}
_AS_DISTILBERT = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "attention.output.LayerNorm": "sa_layer_norm",
    "output.LayerNorm": "output_layer_norm",
}


def _shapes(kind: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "embeddings.word_embeddings.weight", (len(VOCABULARY), WIDTH)
    yield "embeddings.position_embeddings.weight", (PLACES, WIDTH)
    if kind != "distilbert":
        yield "embeddings.token_type_embeddings.weight", (CONFIGS[kind]["type_vocab_size"], WIDTH)
    parts = {"embeddings.LayerNorm": (WIDTH,)}
    for number in range(LAYERS):
        for part, shape in _LAYER.items():
            name = f"encoder.layer.{number}.{part}"
            parts[name if kind != "distilbert" else f"transformer.layer.{number}.{_AS_DISTILBERT[part]}"] = shape
    for part, shape in parts.items():
        yield f"{part}.weight", shape
        yield f"{part}.bias", shape[:1]


def weights(kind: str, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights by their names in a checkpoint."""
    draws = np.random.RandomState(seed)
    # Scales lie around 1, or every text would mean nearly the same.
    scales = re.compile(r"(LayerNorm|layer_norm)\.weight$")
    return {
        name: (bool(scales.search(name)) + 0.3 * draws.standard_normal(shape)).astype(np.float32)
        for name, shape in _shapes(kind)
    }


def a_tiny_encoder(folder: Path, kind: str = "bert", pooling: str = "mean", seed: int = 0) -> Path:
    """The folder of such an encoder, not exported yet."""
    from safetensors.numpy import save_file

    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    save_file(weights(kind, seed), folder / "model.safetensors", metadata={"format": "pt"})
    modules = [{"idx": i, "path": "", "type": f"sentence_transformers.models.{name}"} for i, name in enumerate(STEPS)]
    chosen = {"pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_cls_token": pooling == "cls"}
    files: dict[str, Any] = {
        "config.json": CONFIGS[kind] | {"model_type": kind, "vocab_size": len(VOCABULARY)},
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": PLACES - 4},
        "1_Pooling/config.json": chosen,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    a_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


STEPS = ("Transformer", "Pooling", "Normalize")


def a_tokenizer() -> Any:
    """BERT's way of splitting, with a vocabulary of its own."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {token: number for number, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    around = [("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    return tokenizer
