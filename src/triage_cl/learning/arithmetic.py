"""Exponential and logarithm made of + − × ÷ alone, for kernels that must give the same bits on every processor.

A C library picks its implementation by processor and differs in the last bit between them; IEEE 754 fixes the
four operations and the square root. Both functions are within 1e-12 of the true value, relatively.
"""

import numpy as np

from triage_cl.learning.compiling import compiled

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LN2_INVERSE = 1.44269504088896338700
_POWERS_OF_2 = np.array([2.0**power for power in range(-1022, 1024)])

#: Arguments of `exponential` are held between these; beyond them a double would over- or underflow.
LOWEST, HIGHEST = -700.0, 700.0


@compiled
def exponential(x: float) -> float:
    """e to the power of `x`, by reduction to [-ln 2 / 2, ln 2 / 2] and the Taylor series to the 13th power."""
    x = min(max(x, LOWEST), HIGHEST)
    scaled = x * _LN2_INVERSE
    halves = int(scaled + 0.5) if scaled >= 0.0 else int(scaled - 0.5)
    rest = (x - halves * _LN2_HIGH) - halves * _LN2_LOW
    total = 1.0
    for power in range(13, 0, -1):
        total = 1.0 + total * rest / power
    return total * float(_POWERS_OF_2[halves + 1022])


@compiled
def logarithm(x: float) -> float:
    """The natural logarithm of `x` > 0, by halving or doubling into [2/3, 4/3] and 2 artanh((x - 1) / (x + 1))."""
    doublings = 0
    while x > 4.0 / 3.0:
        x *= 0.5
        doublings += 1
    while x < 2.0 / 3.0:
        x *= 2.0
        doublings -= 1
    ratio = (x - 1.0) / (x + 1.0)
    square = ratio * ratio
    total = 0.0
    for odd in range(19, 0, -2):
        total = total * square + 1.0 / odd
    return doublings * _LN2_HIGH + (2.0 * ratio * total + doublings * _LN2_LOW)
