"""The distribution of chi-square: the probability of a value as large by chance."""

from __future__ import annotations

import math

PRECISION = 1e-12
TINY = 1e-300
"""Takes the place of a denominator of 0."""


def upper_tail(value: float, degrees: float) -> float:
    """Return the probability of a chi-square of at least ``value``; 1 without degrees of freedom.

    It is the incomplete gamma function: Press et al., Numerical Recipes, section 6.2.
    """
    a, x = degrees / 2, value / 2
    if a <= 0 or x <= 0:
        return 1.0
    scale = math.exp(max(-745.0, a * math.log(x) - x - math.lgamma(a)))
    return min(1.0, max(0.0, 1 - scale * _series(a, x) if x < a + 1 else scale * _fraction(a, x)))


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    while term > total * PRECISION:
        a += 1
        term *= x / a
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """Return the continued fraction by Lentz's method."""
    b = x + 1 - a
    c, d = 1 / TINY, 1 / b
    found, change, i = d, 0.0, 0
    while abs(change - 1) > PRECISION:
        i += 1
        step = -i * (i - a)
        b += 2
        d = 1 / (step * d + b or TINY)
        c = b + step / c or TINY
        change = c * d
        found *= change
    return found
