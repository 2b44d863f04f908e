"""Fitting with scikit-learn: separating planes, and how sharply their scores tell departments apart."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

#: The sharpness where there are too few lessons to measure it.
USUAL_SHARPNESS = 8.0

_SHARPNESSES: tuple[float, ...] = tuple(2.0 ** (step / 4) for step in range(25))
_FEWEST_LESSONS = 50


def fit_separators(lessons: csr_matrix[np.float64], codes: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """A linear support vector machine for each class against the rest: a row of weights a class.

    `lessons` has a row a lesson, `codes` their classes, below `classes`; a class without lessons has weights 0.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    weights = np.zeros((classes, lessons.shape[1]))
    present = np.unique(codes)
    if present.size < 2:
        return weights
    machine = LinearSVC(C=1.0, fit_intercept=False, tol=1e-2, random_state=0)
    with warnings.catch_warnings():
        # A plane that could still move by a hair separates as well.
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(lessons, codes)
    weights[present] = machine.coef_ if present.size > 2 else np.vstack([-machine.coef_, machine.coef_])
    return weights


def fit_sharpness(lessons: csr_matrix[np.float64], codes: NDArray[np.int64], classes: int) -> float:
    """The factor of the scores whose softmax has the least log-loss on the last fifth, fitted on the lessons before."""
    split = lessons.shape[0] * 4 // 5
    known = np.isin(codes[split:], codes[:split])
    if lessons.shape[0] < _FEWEST_LESSONS or not known.any() or np.unique(codes[:split]).size < 2:
        return USUAL_SHARPNESS
    separators = fit_separators(lessons[:split], codes[:split], classes)
    scores = np.asarray(lessons[split:][known] @ separators.T)
    losses = [_log_loss(scores * sharpness, codes[split:][known]) for sharpness in _SHARPNESSES]
    return _SHARPNESSES[int(np.argmin(losses))]


def _log_loss(scores: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    scores = scores - scores.max(axis=1, keepdims=True)
    chosen = np.take_along_axis(scores, codes[:, np.newaxis], axis=1)[:, 0]
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - chosen))
