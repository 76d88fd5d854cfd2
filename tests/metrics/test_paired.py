"""Intervals and power of paired differences, against published values and scipy.stats."""

import math

import pytest
from scipy import stats

from albert_np.metrics.paired import paired_interval, paired_power, pairs_needed, smallest_effect


def test_the_interval_is_student_s():
    differences = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]  # Student 1908, drug A: mean 0.75, deviation 1.79
    found = paired_interval(differences)
    assert found.mean == pytest.approx(0.75)
    assert (found.low, found.high) == pytest.approx((-0.5297804, 2.0297804))  # t.test(...)$conf.int in R
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.9)
    assert paired_interval(differences, 0.9)[1:] == pytest.approx((low, high))


def test_one_difference_has_no_interval_and_none_is_refused():
    assert paired_interval([0.5]) == (0.5, None, None)
    with pytest.raises(ValueError, match="at least one difference"):
        paired_interval([])


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10), (2.0, 5)])
def test_as_many_pairs_as_published_tables_ask_for(effect, pairs):
    """pwr.t.test(d, power = 0.8, type = "paired") of R, and G*Power."""
    assert pairs_needed(effect, 1.0) == pairs_needed(-10 * effect, 10.0) == pairs
    assert paired_power(effect, 1.0, pairs) >= 0.8 > paired_power(effect, 1.0, pairs - 1)


@pytest.mark.parametrize("pairs", [2, 3, 5, 30])
@pytest.mark.parametrize("noncentrality", [0.0, 0.5, 2.0])
def test_power_is_that_of_the_noncentral_t(pairs, noncentrality):
    critical = stats.t.ppf(0.975, pairs - 1)
    tails = stats.nct.sf(critical, pairs - 1, noncentrality) + stats.nct.cdf(-critical, pairs - 1, noncentrality)
    assert paired_power(noncentrality / math.sqrt(pairs), 1.0, pairs) == pytest.approx(tails, abs=1e-9)


def test_power_rises_with_the_effect_and_reaches_one():
    for pairs in (2, 5, 100):  # SciPy's distribution is not a number for some of these
        powers = [paired_power(effect / 4, 1.0, pairs) for effect in range(60)]
        assert powers[0] == pytest.approx(0.05) and powers == sorted(powers) and powers[-1] > 0.7
    assert paired_power(50.0, 1.0, 5) == pytest.approx(1)


def test_the_smallest_effect_has_the_power_asked_for():
    for pairs in (2, 3, 5, 12):
        effect = smallest_effect(0.02, pairs)
        assert paired_power(effect, 0.02, pairs) == pytest.approx(0.8)
        assert pairs_needed(effect * 1.0001, 0.02) == pairs
    assert smallest_effect(0.0, 3) == 0


def test_what_cannot_be_planned():
    assert pairs_needed(0.0, 1.0) is None and pairs_needed(1e-6, 1.0) is None and pairs_needed(0.1, 0.0) == 2
    for pairs, deviation in ((1, 1.0), (3, 0.0)):
        with pytest.raises(ValueError, match="at least 2 pairs and a deviation above 0"):
            paired_power(0.1, deviation, pairs)
