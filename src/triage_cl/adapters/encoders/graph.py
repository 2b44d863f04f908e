"""The ONNX graph of a BERT-like encoder, written node by node from its weights: no torch is needed for it.

The way of a text is that of Devlin et al., BERT (2019): embeddings, then layers of attention and of a widened network,
each added to its input and normalised. Inputs are `input_ids` and `attention_mask`, the output is `last_hidden_state`:
the names that other exporters use.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from triage_cl.adapters.encoders.architecture import Architecture

#: The operators' version (LayerNormalization came with it), and the file format's.
OPSET, FORMAT = 17, 8

#: What is added to the score of padding: its share of the attention is exactly 0.
NEVER = np.float32(np.finfo(np.float32).min)


class _Draft:
    """A graph in the making; every value has a name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: ArrayLike) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def apply(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name


def build_graph(encoder: Architecture) -> bytes:
    """The encoder as an ONNX file; the same weights give the same bytes."""
    from onnx import TensorProto, helper

    draft = _Draft()
    hidden = _embedded(draft, encoder)
    mask = _masked(draft)
    for number in range(encoder.layers):
        hidden = _layer(draft, encoder, number, hidden, mask)
    draft.apply("Identity", hidden, name="last_hidden_state")
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        draft.nodes,
        "encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, encoder.width])],
        draft.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT)
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def _embedded(draft: _Draft, encoder: Architecture) -> str:
    """Word and position added (and the first segment's type, which all tokens have), normalised."""
    places = encoder.weight("embeddings.position_embeddings.weight")
    if encoder.layer_prefix.startswith("encoder"):
        places = places + encoder.weight("embeddings.token_type_embeddings.weight")[0]
    table = draft.constant(encoder.weight("embeddings.word_embeddings.weight"))
    words = draft.apply("Gather", table, "input_ids")
    added = draft.apply("Add", words, draft.apply("Gather", draft.constant(places), _positions(draft, encoder)))
    scale, shift = (encoder.weight(f"embeddings.LayerNorm.{kind}") for kind in ("weight", "bias"))
    return _normalised(draft, encoder, added, draft.constant(scale), draft.constant(shift))


def _positions(draft: _Draft, encoder: Architecture) -> str:
    one = draft.constant(np.array(1, np.int64))
    counted = draft.apply("CumSum", "attention_mask", one)
    if encoder.padding is None:
        # Padding behind the last token has the last one's position, and is not looked at.
        return draft.apply("Sub", counted, one)
    return draft.apply(
        "Add",
        draft.apply("Mul", counted, "attention_mask"),
        draft.constant(np.array(encoder.padding, np.int64)),
    )


def _masked(draft: _Draft) -> str:
    """What is added to the scores: 0 for tokens, the least number for padding; over heads and askers."""
    from onnx import TensorProto

    axes = draft.constant(np.array([1, 2], np.int64))
    wide = draft.apply("Unsqueeze", draft.apply("Cast", "attention_mask", to=TensorProto.FLOAT), axes)
    absent = draft.apply("Sub", draft.constant(np.float32(1)), wide)
    return draft.apply("Mul", absent, draft.constant(NEVER))


def _layer(draft: _Draft, encoder: Architecture, number: int, hidden: str, mask: str) -> str:
    mixed = _linear(draft, encoder, number, "mixed", _attention(draft, encoder, number, hidden, mask))
    hidden = _norm(draft, encoder, number, "mixed norm", draft.apply("Add", mixed, hidden))
    widened = _activated(draft, encoder, _linear(draft, encoder, number, "widened", hidden))
    narrowed = _linear(draft, encoder, number, "narrowed", widened)
    return _norm(draft, encoder, number, "narrowed norm", draft.apply("Add", narrowed, hidden))


def _attention(draft: _Draft, encoder: Architecture, number: int, hidden: str, mask: str) -> str:
    """Softmax of scaled products of queries and keys, times values, for each head."""
    size = encoder.width // encoder.heads
    split = draft.constant(np.array([0, 0, encoder.heads, size], np.int64))

    def heads(part: str, order: list[int]) -> str:
        apart = draft.apply("Reshape", _linear(draft, encoder, number, part, hidden), split)
        return draft.apply("Transpose", apart, perm=order)

    queries, values = heads("query", [0, 2, 1, 3]), heads("value", [0, 2, 1, 3])
    products = draft.apply("MatMul", queries, heads("key", [0, 2, 3, 1]))
    scores = draft.apply("Div", products, draft.constant(np.float32(np.sqrt(size))))
    shares = draft.apply("Softmax", draft.apply("Add", scores, mask), axis=-1)
    gathered = draft.apply("Transpose", draft.apply("MatMul", shares, values), perm=[0, 2, 1, 3])
    return draft.apply("Reshape", gathered, draft.constant(np.array([0, 0, encoder.width], np.int64)))


def _linear(draft: _Draft, encoder: Architecture, number: int, part: str, value: str) -> str:
    weight = draft.constant(encoder.layer(number, part, "weight").T)
    product = draft.apply("MatMul", value, weight)
    return draft.apply("Add", product, draft.constant(encoder.layer(number, part, "bias")))


def _norm(draft: _Draft, encoder: Architecture, number: int, part: str, value: str) -> str:
    scale, shift = (draft.constant(encoder.layer(number, part, kind)) for kind in ("weight", "bias"))
    return _normalised(draft, encoder, value, scale, shift)


def _normalised(draft: _Draft, encoder: Architecture, value: str, scale: str, shift: str) -> str:
    return draft.apply("LayerNormalization", value, scale, shift, axis=-1, epsilon=encoder.epsilon)


def _activated(draft: _Draft, encoder: Architecture, value: str) -> str:
    if encoder.activation == "relu":
        return draft.apply("Relu", value)
    # The exact GELU: x / 2 (1 + erf(x / sqrt 2)).
    inner = draft.apply("Erf", draft.apply("Div", value, draft.constant(np.float32(np.sqrt(2)))))
    grown = draft.apply("Mul", value, draft.apply("Add", inner, draft.constant(np.float32(1))))
    return draft.apply("Mul", grown, draft.constant(np.float32(0.5)))
