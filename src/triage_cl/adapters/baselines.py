"""Simple rivals for a backtest's table, fitted with scikit-learn on labels that no deployment would have."""

from collections import Counter
from collections.abc import Sequence


def progressive_majority(truths: Sequence[str]) -> list[bool]:
    """Whether always concluding the department most frequent so far would have been right, mail by mail."""
    seen: Counter[str] = Counter()
    leader: str | None = None
    right = []
    for truth in truths:
        right.append(truth == leader)
        seen[truth] += 1
        if leader is None or seen[truth] > seen[leader]:
            leader = truth
    return right


def fitted_once(texts: Sequence[str], truths: Sequence[str]) -> float | None:
    """The accuracy on the second half of TF-IDF words with a linear SVM, fitted on all labels of the first half."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    half = len(texts) // 2
    if len(set(truths[:half])) < 2:
        return None
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2 if half > 1_000 else 1)
    classifier = LinearSVC(random_state=0, dual=True)
    classifier.fit(vectorizer.fit_transform(texts[:half]), truths[:half])
    concluded = classifier.predict(vectorizer.transform(texts[half:]))
    return float((concluded == list(truths[half:])).mean())
