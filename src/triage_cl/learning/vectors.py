"""What two experts have learned from the vectors of mails: see `dense` for what they compute."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.dense import SCATTER_LESSONS, add_vectors, draw_lines, learn_vector

_Number = TypeVar("_Number", bound=np.generic)


class VectorExperts:
    """A linear discriminant and a logistic regression on vectors of one length, that of the first one taught.

    `inverse` is that of the scatter about the means; `means` has the mean of all vectors, then those of the classes, as
    columns, and `solved` the inverse times them; `weights` and `squares` are those of the regression. `lines` and
    `offsets` follow from the others: see `dense.draw_lines`.
    """

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, dimensions: int) -> None:
        # A vector of length 1 has 1 / dimensions as its square in each: the scatter when nothing is known.
        self._inverse: NDArray[np.float64] = np.eye(dimensions) * (dimensions / SCATTER_LESSONS)
        self._means: NDArray[np.float64] = np.zeros((dimensions, 1))
        self._solved: NDArray[np.float64] = np.zeros((dimensions, 1))
        self._squares: NDArray[np.float32] = np.zeros(dimensions, np.float32)
        self._weights: NDArray[np.float32] = np.zeros((dimensions, 0), np.float32)
        self._lessons_of: NDArray[np.float64] = np.zeros(0)
        self._make_room(0)

    def _make_room(self, classes: int) -> None:
        self._means = _widened(self._means, 1 + classes)
        self._solved = _widened(self._solved, 1 + classes)
        self._weights = _widened(self._weights, classes)
        self._lessons_of = np.append(self._lessons_of, np.zeros(classes - self._lessons_of.size))
        self._lines: NDArray[np.float32] = np.zeros((self._squares.size, classes), np.float32)
        self._offsets: NDArray[np.float32] = np.zeros(classes, np.float32)
        draw_lines(self._means, self._solved, self._lessons_of, self._lines, self._offsets)

    def learn(self, vector: NDArray[np.float32], among: NDArray[np.int64], classes: int) -> None:
        """Take one lesson, of one of the classes `among` of so many; ValueError for a vector of another length."""
        self.check(vector)
        if not self.taught:
            self._begin(vector.size)
        if classes > self._lessons_of.size:
            self._make_room(classes)
        learn_vector(
            self._inverse,
            self._means,
            self._solved,
            self._squares,
            self._weights,
            self._lines,
            self._offsets,
            self._lessons_of,
            # A copy: kernels are compiled for arrays that can be written to.
            vector.astype(np.float32),
            among,
        )

    def evidence(self, vectors: Sequence[NDArray[np.float32]], classes: int) -> NDArray[np.float32]:
        """What each expert says of each vector for each of so many classes, by vector, expert and class.

        Nothing of classes that they were never taught; ValueError for a vector of another length than those taught.
        """
        for vector in vectors:
            self.check(vector)
        return add_vectors(np.stack(vectors), self._lines, self._offsets, self._weights, classes)

    def check(self, vector: NDArray[np.float32]) -> None:
        """ValueError for a vector of another length than those taught."""
        if self.taught and vector.size != self._squares.size:
            raise ValueError(f"a vector of {vector.size} numbers after such of {self._squares.size}: another encoder's")

    @property
    def taught(self) -> bool:
        """Whether there was a lesson with a vector."""
        return self._squares.size > 0

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the lessons made."""
        return {
            "vector_inverse": self._inverse,
            "vector_means": self._means,
            "vector_solved": self._solved,
            "vector_squares": self._squares,
            "vector_weights": self._weights,
            "vector_lessons_of": self._lessons_of,
        }

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what `state` was taken from; ValueError or KeyError for what no `state` can be."""
        dimensions, classes = arrays["vector_weights"].shape
        shapes = {
            "vector_inverse": (dimensions, dimensions),
            "vector_means": (dimensions, 1 + classes),
            "vector_solved": (dimensions, 1 + classes),
            "vector_squares": (dimensions,),
            "vector_lessons_of": (classes,),
        }
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} for other vectors or another number of classes")
        # Copies: what was read from a snapshot cannot be written to.
        self._inverse = arrays["vector_inverse"].astype(np.float64)
        self._means = arrays["vector_means"].astype(np.float64)
        self._solved = arrays["vector_solved"].astype(np.float64)
        self._squares = arrays["vector_squares"].astype(np.float32)
        self._weights = arrays["vector_weights"].astype(np.float32)
        self._lessons_of = arrays["vector_lessons_of"].astype(np.float64)
        self._make_room(classes)


def _widened(array: NDArray[_Number], columns: int) -> NDArray[_Number]:
    """With columns of 0 added, laid out row by row."""
    wider = np.zeros((array.shape[0], columns), array.dtype)
    wider[:, : array.shape[1]] = array
    return wider
