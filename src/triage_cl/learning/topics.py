"""What some mails are about: groups of similar texts, each with the words that tell it from the others."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Words that stand in fewer texts than this tell no topic: they may be somebody's name.
FEWEST_TEXTS = 3
#: So many texts make a topic on average, and there are no more topics than this.
TEXTS_OF_A_TOPIC, MOST_TOPICS = 8, 8
MOST_WORDS = 2_000
#: Letters alone, three or more; what redaction put in brackets is no word.
WORD = r"(?<!\[)\b[^\W\d_]{3,}\b(?!\])"


@dataclass(frozen=True, slots=True)
class Topic:
    """Texts about the same thing, by their places in what was given; `words` tell most of them, the telling first."""

    texts: tuple[int, ...]
    words: tuple[str, ...]


def topics_of(texts: Sequence[str], count: int = 4) -> list[Topic]:
    """The topics of `texts`, the largest first, each with at most `count` words; the same texts give the same topics.

    k-means on TF-IDF (Lloyd 1982; Salton & Buckley 1988). One topic without words where there are too few texts, or
    nothing is common to any three of them.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    everything = [Topic(tuple(range(len(texts))), ())] if texts else []
    groups = min(MOST_TOPICS, len(texts) // TEXTS_OF_A_TOPIC)
    if groups < 2:
        return everything
    describing = TfidfVectorizer(
        token_pattern=WORD, min_df=FEWEST_TEXTS, max_df=0.5, max_features=MOST_WORDS, sublinear_tf=True
    )
    try:
        described = describing.fit_transform(texts)
    except ValueError:
        return everything
    labels, centres = _grouped(described, groups)
    words, usual = [str(word) for word in describing.get_feature_names_out()], described.mean(axis=0).A1
    made = [
        Topic(tuple(np.flatnonzero(labels == number).tolist()), _telling(words, centre - usual, count))
        for number, centre in enumerate(centres)
    ]
    return sorted((topic for topic in made if topic.texts), key=lambda topic: (-len(topic.texts), topic.texts))


def _grouped(described: Any, groups: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The group of each text, and each group's centre."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Texts that say the same are one point: there may be fewer of them than groups.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(groups, n_init=5, random_state=0).fit(described)
    return found.labels_, found.cluster_centers_


def _telling(words: Sequence[str], more: NDArray[np.float64], count: int) -> tuple[str, ...]:
    """The words that stand in a group by so much `more` than elsewhere; equal ones in the order of the alphabet."""
    ranked = sorted(zip(-more.round(9), words, strict=True))
    return tuple(word for rank, word in ranked[:count] if rank < 0)
