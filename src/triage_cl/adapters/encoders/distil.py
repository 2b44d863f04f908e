"""A table of static token vectors from a sentence encoder: Tulkens and van Dongen, Model2Vec (2024).

Every token of the vocabulary goes through the encoder by itself; principal components keep what tells tokens apart;
and a token weighs the less the more frequent it is (Arora, Liang and Ma, A simple but tough-to-beat baseline for
sentence embeddings, 2017), its frequency told by its rank in the vocabulary (Zipf).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triage_cl.adapters.encoders.folder import INSTALL
from triage_cl.adapters.encoders.sentence import SentenceEncoder
from triage_cl.domain.errors import BadEncoder

DIMENSIONS = 256
#: From this probability on a token weighs less than half.
USUAL = 1e-4
TOKENS_AT_ONCE = 1_024

#: Tells how many tokens of how many are done.
Progress = Callable[[int, int], None]


def distil(source: Path, target: Path, progress: Progress = lambda done, total: None) -> int:
    """Write the table made from the encoder in `source` to the folder `target`, in `model2vec`'s format; its tokens.

    Raises BadEncoder if the encoder cannot be loaded.
    """
    encoder = SentenceEncoder(source)
    vectors = principal(_alone(encoder, progress))
    # Half as large, and no worse: what is made of it is rounded as much.
    table = (vectors * rarity(len(vectors))[:, None]).astype(np.float16)
    try:
        from model2vec import StaticModel
    except ImportError:
        raise BadEncoder(INSTALL) from None
    encoder.tokenizer.no_truncation()
    StaticModel(table, encoder.tokenizer, normalize=True).save_pretrained(target)
    # A card about a model hub, which has no such model.
    (target / "README.md").unlink(missing_ok=True)
    return len(table)


def _alone(encoder: SentenceEncoder, progress: Progress) -> NDArray[np.float32]:
    """The encoder's vector for each token of its vocabulary, between the marks that stand around every text."""
    before, after = _marks(encoder)
    size = encoder.tokenizer.get_vocab_size()
    vectors = np.zeros((size, encoder.dimensions), np.float32)
    for start in range(0, size, TOKENS_AT_ONCE):
        end = min(start + TOKENS_AT_ONCE, size)
        vectors[start:end] = encoder.encode_tokens([[*before, token, *after] for token in range(start, end)])
        progress(end, size)
    return vectors


def _marks(encoder: SentenceEncoder) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a text."""
    bare = encoder.tokenizer.encode("a", add_special_tokens=False).ids
    marked = encoder.tokenizer.encode("a").ids
    start = next(i for i in range(len(marked)) if marked[i : i + len(bare)] == bare)
    return marked[:start], marked[start + len(bare) :]


def principal(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors in their first principal components, up to `DIMENSIONS` of them."""
    from sklearn.decomposition import PCA

    components = PCA(min(DIMENSIONS, *vectors.shape), svd_solver="covariance_eigh")
    reduced: NDArray[np.float32] = components.fit_transform(vectors)
    return reduced


def rarity(tokens: int) -> NDArray[np.float64]:
    """How much each token of a vocabulary sorted by frequency weighs: a / (a + probability), by Zipf's law."""
    inverse = 1 / np.arange(2, tokens + 2)
    weights: NDArray[np.float64] = USUAL / (USUAL + inverse / inverse.sum())
    return weights
