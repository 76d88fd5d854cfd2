"""Differences between paired runs: Student's t interval of their mean, and how many pairs an effect needs to be seen.

n differences with mean d and standard deviation s (of n - 1):

    interval        d ± t(1 - α/2; n - 1) s / √n
    power           probability that the interval of n pairs excludes 0 if the true mean is d: the two tails of the noncentral t
                    distribution with n - 1 degrees of freedom and noncentrality d √n / s, beyond ± t(1 - α/2; n - 1)

α is 0.05 (intervals of 95 %), the power asked for 0.8. Student 1908; Cohen 1988, chapter 2.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95
POWER = 0.8
MOST_PAIRS = 1_000_000


class Interval(NamedTuple):
    """Mean of paired differences and its confidence interval. low, high: None for a single difference."""

    mean: float
    low: float | None
    high: float | None


def paired_interval(differences: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of the differences and its interval by Student's t. ValueError without differences."""
    if not differences:
        raise ValueError("expected at least one difference")
    n, mean = len(differences), statistics.fmean(differences)
    if n == 1:
        return Interval(mean, None, None)
    half = _critical(n, confidence) * statistics.stdev(differences) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def paired_power(effect: float, deviation: float, pairs: int, confidence: float = CONFIDENCE) -> float:
    """Return the probability that the interval of this many pairs excludes 0.

    effect: true mean of the differences; deviation: their standard deviation, above 0; pairs: at least 2.

    The noncentral t distribution is integrated over the measured deviation, because SciPy's own is not a number in places.
    """
    from scipy.integrate import quad
    from scipy.special import ndtr
    from scipy.stats import chi

    if pairs < 2 or not deviation > 0:
        raise ValueError(f"expected at least 2 pairs and a deviation above 0, not {pairs} and {deviation}")
    delta, critical = abs(effect) * math.sqrt(pairs) / deviation, _critical(pairs, confidence)
    nu = pairs - 1

    def density(u: float) -> float:
        """Return the probability that the mean is in a tail, times the density of u = s √ν, the measured deviation."""
        threshold = critical * u / math.sqrt(nu)
        return float((ndtr(delta - threshold) + ndtr(-delta - threshold)) * chi.pdf(u, nu))

    middle, width = math.sqrt(nu), 10.0  # the deviation of u is below 1
    return float(quad(density, max(0.0, middle - width), middle + width, limit=200)[0])


def smallest_effect(deviation: float, pairs: int, power: float = POWER, confidence: float = CONFIDENCE) -> float:
    """Return the smallest effect that this many pairs show with this probability."""
    from scipy.optimize import brentq

    if deviation == 0:
        return 0.0
    highest = 1.0
    while paired_power(highest, 1.0, pairs, confidence) < power:
        highest *= 2
    return deviation * float(brentq(lambda d: paired_power(d, 1.0, pairs, confidence) - power, 0.0, highest))


def pairs_needed(effect: float, deviation: float, power: float = POWER, confidence: float = CONFIDENCE) -> int | None:
    """Return the smallest number of pairs that show this effect with this probability; None above a million, or for effect 0."""
    if effect == 0:
        return None
    if deviation == 0:
        return 2
    least, most = 1, 2
    while paired_power(effect, deviation, most, confidence) < power:
        least, most = most, most * 2
        if least >= MOST_PAIRS:
            return None
    while most - least > 1:  # the power of `least` is too small, that of `most` is not
        middle = (least + most) // 2
        least, most = (least, middle) if paired_power(effect, deviation, middle, confidence) >= power else (middle, most)
    return most


def _critical(pairs: int, confidence: float) -> float:
    """Return the quantile of Student's t that a two-sided interval reaches to."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, pairs - 1))
