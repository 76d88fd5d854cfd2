"""Scores as text: four decimals, or six digits where errors have other units."""

import pytest

from albert_np.training.metrics import format_score


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (0.0, "0.0000"), (0.12345, "0.1235"), (-0.5, "-0.5000"), (662.05911, "662.0591"), (25949.9465, "25949.9"),
     (6.7339e8, "6.7339e+08"), (2.6e-6, "2.6e-06")],
)  # fmt: skip
def test_scores_are_shown_with_the_digits_that_matter(value, text):
    assert format_score(value) == text


def test_differences_are_shown_as_the_largest_of_them():
    assert format_score(-5.7e-5, "+", size=0.01) == "-0.0001" and format_score(0.5, "+") == "+0.5000"
