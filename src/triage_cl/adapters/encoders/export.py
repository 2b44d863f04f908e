"""An encoder's folder with an ONNX graph, from one with weights alone."""

import shutil
from pathlib import Path

from triage_cl.adapters.atomic_file import atomic_file
from triage_cl.adapters.encoders.architecture import read_architecture
from triage_cl.adapters.encoders.folder import GRAPHS, INSTALL, POOLING, TOKENIZER
from triage_cl.adapters.encoders.graph import build_graph
from triage_cl.domain.errors import BadEncoder

#: What goes along, where it is there: how a text becomes tokens, how their vectors become one, how long it may be.
ALONG = (TOKENIZER, POOLING, "modules.json", "sentence_bert_config.json", "config.json")

#: A file of the kind that ONNX is written in holds no more bytes.
LARGEST = 2_000_000_000


def export(source: Path, target: Path) -> Path:
    """Write the graph of the BERT-like encoder in `source`, and what belongs to it, to `target`; where the graph is.

    The same source gives the same bytes. Raises BadEncoder for what cannot be exported here, saying where it can.
    """
    if not (source / TOKENIZER).is_file():
        raise BadEncoder(f"{source} has no {TOKENIZER} (the fast tokenizer's file, that of the `tokenizers` library).")
    weights = source / "model.safetensors"
    if weights.is_file() and weights.stat().st_size > LARGEST:
        raise BadEncoder(f"{weights} has over {LARGEST // 10**9} GB, too much for one ONNX file.")
    try:
        graph = build_graph(read_architecture(source))
    except ImportError:
        raise BadEncoder(INSTALL) from None
    target.mkdir(parents=True, exist_ok=True)
    for name in ALONG:
        if (source / name).is_file() and source.resolve() != target.resolve():
            (target / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source / name, target / name)
    with atomic_file(target / GRAPHS[0]) as file:
        file.write(graph)
    return target / GRAPHS[0]
