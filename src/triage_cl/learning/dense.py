"""The compiled arithmetic of the two experts on a mail's vector, and what one lesson changes in them.

Both give each class the product of the vector with a row of numbers of its own:

- the linear discriminant (Fisher, Annals of Eugenics 1936) learns the means of the classes and the scatter about them,
  exactly, lesson by lesson (Sherman and Morrison, 1950), and is right from few lessons on;
- the weights are those of multinomial logistic regression, as on hashed features: they go on learning where the classes
  are no ellipsoids, and follow what drifts.

Means and scatter are shrunk, as there are more dimensions than lessons at first: the scatter as if there had been
lessons before in which nothing was known but the length of a vector, 1; each mean towards that of all.

Of a lesson that names several classes, each expert takes for each class the part that it gives it itself: see
`teaching`. For the discriminant that is the online form of expectation maximisation.
"""

import numpy as np
from numpy.typing import NDArray

from triage_cl.learning.compiling import compiled
from triage_cl.learning.teaching import NOTHING, descend, reach, share_out, slopes_of_loss

#: The experts on a vector: the discriminant, then the weights.
DENSE_EXPERTS = 2
#: How many lessons the scatter is thought to have had when nothing was known.
SCATTER_LESSONS = 300.0
# How many lessons of the mean of all are added to those of a class.
_MEAN_LESSONS = 3.0
# The mean of a class follows its last two hundred lessons.
_LEAST_STEP = 0.005
_RATE = 1.0


@compiled
def add_vector(
    vector: NDArray[np.float32],
    lines: NDArray[np.float32],
    offsets: NDArray[np.float32],
    weights: NDArray[np.float32],
    evidence: NDArray[np.float32],
) -> None:
    """Into `evidence` what both experts (rows) say of a vector for each class (columns), 0 beyond those they know."""
    evidence[:] = np.float32(0.0)
    evidence[0, : offsets.size] = offsets
    _add_product(vector, lines, evidence[0])
    _add_product(vector, weights, evidence[1])


@compiled
def _add_product(vector: NDArray[np.float32], columns: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
    for d in range(vector.size):
        for c in range(columns.shape[1]):
            sums[c] += vector[d] * columns[d, c]


@compiled
def add_vectors(
    vectors: NDArray[np.float32],
    lines: NDArray[np.float32],
    offsets: NDArray[np.float32],
    weights: NDArray[np.float32],
    classes: int,
) -> NDArray[np.float32]:
    """What both experts say of vectors (rows): by mail, expert and class, of which there are so many."""
    evidence = np.empty((len(vectors), DENSE_EXPERTS, classes), np.float32)
    for mail in range(len(vectors)):
        add_vector(vectors[mail], lines, offsets, weights, evidence[mail])
    return evidence


@compiled
def draw_lines(
    means: NDArray[np.float64],
    solved: NDArray[np.float64],
    lessons_of: NDArray[np.float64],
    lines: NDArray[np.float32],
    offsets: NDArray[np.float32],
) -> None:
    """Into `lines` and `offsets` what the discriminant multiplies a vector with, and what it adds.

    `means` has the mean of all in its first column and those of the classes in the next, `solved` the inverse scatter
    times them. The sum is half of by how much the vector is nearer, in squares of the scatter, to the shrunk mean of a
    class than to that of all.
    """
    dimensions, classes = means.shape[0], lessons_of.size
    lessons = SCATTER_LESSONS
    for c in range(classes):
        lessons += lessons_of[c]
    at_centre, squares = np.zeros(classes), np.zeros(classes)
    for d in range(dimensions):
        for c in range(classes):
            way = solved[d, c + 1] - solved[d, 0]
            at_centre[c] += way * means[d, 0]
            squares[c] += way * (means[d, c + 1] - means[d, 0])
    part = lessons_of / (lessons_of + _MEAN_LESSONS)
    for d in range(dimensions):
        for c in range(classes):
            lines[d, c] = lessons * part[c] * (solved[d, c + 1] - solved[d, 0])
    for c in range(classes):
        offsets[c] = -lessons * part[c] * (at_centre[c] + 0.5 * part[c] * squares[c])


@compiled
def _learn_discriminant(
    inverse: NDArray[np.float64],
    means: NDArray[np.float64],
    solved: NDArray[np.float64],
    lessons_of: NDArray[np.float64],
    vector: NDArray[np.float32],
    taught: int,
    part: float,
) -> None:
    """Move inverse scatter and means by that part of a lesson; `lessons_of` counts those of each class before it."""
    dimensions, columns = means.shape
    own, lessons = lessons_of[taught], 0.0
    for c in range(lessons_of.size):
        lessons += lessons_of[c]
    column = taught + 1
    aside = vector - means[:, column]
    turned = np.zeros(dimensions)
    for d in range(dimensions):
        for j in range(dimensions):
            turned[j] += aside[d] * inverse[d, j]
    if own > 0.0:
        # Welford (Technometrics 1962): by so much of the square the scatter about a mean grows that moves along.
        grown = own * part / (own + part)
        square = 0.0
        for d in range(dimensions):
            square += aside[d] * turned[d]
        scale = grown / (1.0 + grown * square)
        along = np.zeros(columns)
        for d in range(dimensions):
            for c in range(columns):
                along[c] += turned[d] * means[d, c]
        for d in range(dimensions):
            pull = scale * turned[d]
            for j in range(dimensions):
                inverse[d, j] -= pull * turned[j]
            for c in range(columns):
                solved[d, c] -= pull * along[c]
        turned /= 1.0 + grown * square
    step, step_of_all = max(part / (own + part), part * _LEAST_STEP), part / (lessons + part)
    for d in range(dimensions):
        solved[d, 0] += step_of_all * (turned[d] + solved[d, column] - solved[d, 0])
        means[d, 0] += step_of_all * (vector[d] - means[d, 0])
        solved[d, column] += step * turned[d]
        means[d, column] += step * aside[d]


@compiled
def learn_vector(
    inverse: NDArray[np.float64],
    means: NDArray[np.float64],
    solved: NDArray[np.float64],
    squares: NDArray[np.float32],
    weights: NDArray[np.float32],
    lines: NDArray[np.float32],
    offsets: NDArray[np.float32],
    lessons_of: NDArray[np.float64],
    vector: NDArray[np.float32],
    among: NDArray[np.int64],
) -> None:
    """Teach both experts that a vector is of one of these classes. Both learn from what was there before the lesson."""
    classes = lessons_of.size
    evidence = np.empty((DENSE_EXPERTS, classes), np.float32)
    add_vector(vector, lines, offsets, weights, evidence)
    lessons = 0.0
    for c in range(classes):
        lessons += lessons_of[c]
    parts = np.empty(classes, np.float64)
    share_out(evidence[0], among, parts)
    for c in among:
        if parts[c] > NOTHING:
            _learn_discriminant(inverse, means, solved, lessons_of, vector, c, parts[c])
            lessons_of[c] += parts[c]
    share_out(evidence[1], among, parts)
    slopes = np.empty(classes, np.float32)
    square = slopes_of_loss(evidence[1], among, parts, np.empty(classes, np.float64), slopes)
    if square > NOTHING:
        far = reach(_RATE, lessons, lessons_of, among)
        for d in range(vector.size):
            descend(squares, weights, d, vector[d], slopes, square, far)
    draw_lines(means, solved, lessons_of, lines, offsets)
