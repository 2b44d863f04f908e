"""The encoders that the settings name, made when they are first needed; and any encoder in a folder."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from safetensors import SafetensorError, safe_open

from triage_cl.adapters.encoders.folder import GRAPHS
from triage_cl.adapters.encoders.sentence import SentenceEncoder
from triage_cl.adapters.encoders.static import StaticVectors
from triage_cl.settings import Settings
from triage_cl.usecases.encode import SETTINGS, Encoder, Encoders

_ADAPTERS: Mapping[str, Callable[[Path], Encoder]] = {"sentence": SentenceEncoder, "static": StaticVectors}


def encoders_in(settings: Settings) -> Encoders:
    """The encoders that these settings name."""
    folders: dict[str, Path | None] = {kind: getattr(settings, name) for kind, name in SETTINGS.items()}
    return encoders_from({kind: folder for kind, folder in folders.items() if folder is not None})


def encoders_from(folders: Mapping[str, Path]) -> Encoders:
    """The encoders in these folders, by kind."""
    return Encoders({kind: partial(_ADAPTERS[kind], folder) for kind, folder in folders.items()})


def load_encoder(folder: Path) -> Encoder:
    """The encoder in a folder, of whichever kind it is; BadEncoder if it is none."""
    has_graph = any((folder / name).is_file() for name in GRAPHS)
    return (
        StaticVectors(folder) if not has_graph and _is_table(folder / "model.safetensors") else SentenceEncoder(folder)
    )


def _is_table(weights: Path) -> bool:
    """Whether there is one vector a token and nothing else, under the names that model2vec reads."""
    try:
        with safe_open(weights, framework="numpy") as tensors:
            return not {"embeddings", "embedding.weight"}.isdisjoint(tensors.keys())
    except (OSError, SafetensorError):
        return False
