"""Texts and pairs of texts that are given in Python."""

import numpy as np
import pytest

from albert_np.data.formats.given_texts import check_texts, is_missing


class Frame:
    """The part of a DataFrame that is used."""

    def __init__(self, **columns):
        self.columns, self.values = list(columns), list(zip(*columns.values()))

    def __iter__(self):
        return iter(self.columns)

    def to_numpy(self):
        return np.array(self.values, dtype=object)


@pytest.mark.parametrize(
    "given",
    [
        ["a", "b"], ("a", "b"), np.array(["a", "b"]), np.array(["a", "b"], dtype=object), np.array([["a"], ["b"]]),
        [["a"], ("b",)], iter(["a", "b"]), [np.str_("a"), "b"], [np.array(["a"]), "b"],
    ],
    ids=repr,
)  # fmt: skip
def test_texts(given):
    rows, names = check_texts(given)
    assert rows == [("a", None), ("b", None)] and names is None and type(rows[0][0]) is str


@pytest.mark.parametrize(
    "given", [[("a", "b"), ["c", "d"]], np.array([["a", "b"], ["c", "d"]]), [np.array(["a", "b"]), ("c", "d")]]
)
def test_pairs(given):
    assert check_texts(given) == ([("a", "b"), ("c", "d")], None)


def test_frames():
    assert check_texts(Frame(x=["a", "b"])) == ([("a", None), ("b", None)], ["x"])
    assert check_texts(Frame(x=["a"], y=["b"])) == ([("a", "b")], ["x", "y"])
    unnamed = Frame(x=["a"])
    unnamed.columns = [0]
    assert check_texts(unnamed) == ([("a", None)], None)
    with pytest.raises(ValueError, match=r"^X must be one or two columns of texts, not the 3 columns \['x', 'y', 'z'\]$"):
        check_texts(Frame(x=["a"], y=["b"], z=["c"]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a", "T must be a list, array or Series of texts, or of pairs of texts, not one text"),
        (b"a", "T must be .*, not an object of type bytes"),
        (3, "T must be .*, not an object of type int"),
        ({"a": "b"}, "T must be .*, not an object of type dict"),
        (np.array("a"), "T must be .*, not an array without dimensions"),
        ([], "T is empty: expected at least one text"),
        (["a", 3], r"T\[1\] must be a text, or a pair of texts, not 3$"),
        (["a", float("nan")], r"T\[1\] must be a text, or a pair of texts, not nan; fill in a text"),
        ([("a", None)], r"T\[0\] must be .*, not \('a', None\); fill in a text"),
        ([("a", "b", "c")], r"T\[0\] must be a text, or a pair of texts, not \('a', 'b', 'c'\)$"),
        ([()], r"T\[0\] must be a text"),
        (np.zeros((2, 2, 2)), r"T\[0\] must be a text"),
        (["a", ("a", "b")], r"T\[0\] is a text, and T\[1\] is a pair of texts: expected all alike"),
        ([("a", "b"), "a"], r"T\[0\] is a pair of texts, and T\[1\] is a text: expected all alike"),
    ],
)
def test_others_are_refused(given, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        check_texts(given, "T")


def test_a_sparse_matrix_is_refused():
    from scipy.sparse import csr_array

    with pytest.raises(ValueError, match="not an object of type csr_array"):
        check_texts(csr_array(np.eye(2)))


def test_missing_values():
    NAType = type("NAType", (), {})
    assert all(map(is_missing, (None, float("nan"), np.float64("nan"), NAType())))
    assert not any(map(is_missing, ("", 0, 0.0, float("inf"), [])))
