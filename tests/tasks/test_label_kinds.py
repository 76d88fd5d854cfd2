"""Doubts about the kind of labels: several in one, signs around numbers, decimal commas."""

import re
import warnings

import pytest

from albert_np.data.formats import Labelled
from albert_np.tasks.classification import Classification


def learn(labels, **options):
    """Return the task that has learned from the labels, and the warnings."""
    task = Classification(**options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task.learn([Labelled(f"text {i}", label=label) for i, label in enumerate(labels)])
    return task, [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("labels", "kind", "doubt"),
    [
        (["x"] * 20 + ["y", "z"] * 2 + ["y;x", "z;y"], "classes", "some labels hold ';', such as 'y;x'"),
        (["2", "3", "27", "5"] * 9 + ["2,3", "3,5,27"], "classes", "some labels hold ',', such as '2,3'"),
        (["2", "3", "27", "5"] * 9 + ["2,3", "3,5"], "number", "'2,3' is read as a decimal number: for several labels each"),
        (["1,000", "2,500", "12,000", "900"], "number", "'1,000' is read as a number with a decimal comma: if it separates"),
        (["3%", "4%", "3%", "4%", "5%"], "classes", "labels such as '3%' are taken for classes"),
        (["€3.50", "€4", "€3.50", "€4"], "classes", "labels such as '€3.50' are taken for classes"),
        (["1,000.50", "2,000.00"] * 2, "classes", "labels such as '1,000.50' are taken for classes"),
        (["x", "y", "a, b and c", "x", "y", "x", "y", "x", "y"], "classes", ""),
        (["3,75", "0,5", "2", "4,25"], "number", ""),
        (["5 stars", "4 stars", "5 stars", "4 stars"], "classes", ""),
        (["01.02.2020", "02.02.2020"] * 3, "classes", ""),
    ],
)
def test_doubts(labels, kind, doubt):
    task, notes = learn(labels)
    assert task.options["kind"] == kind
    assert [doubt in note for note in notes] == [True] * bool(doubt)


def test_sets_of_one_that_hold_another_separator():
    _, notes = learn([["x"], ["y;x"], ["x"], ["y"]], kind="sets")
    assert notes == ["some labels hold ';', such as 'y;x': for several labels each, option separator=;"]
    assert learn([["x", "y;z"], ["y;z"], ["x"]], kind="sets")[1] == []


def test_separators_that_no_label_holds(tmp_path):
    assert learn([["x"], ["y"], ["x"]], separator="||")[1] == ["no label holds '||' (option separator)"]
    assert learn([["x", "y"], ["y"], ["x"]], separator="|")[1] == []
    with pytest.raises(ValueError, match="the option separator must not be empty"):
        Classification(separator="").read(tmp_path / "a.csv")


def test_numbers_that_are_written_with_signs_are_refused_with_advice_that_helps():
    with pytest.raises(ValueError, match="each of the 12 labels occurs once, such as '0%': for numbers, write digits"):
        learn([f"{i}%" for i in range(12)])
    with pytest.raises(ValueError, match=re.escape("the label '0%' is not a number (kind is number): expected digits, with a")):
        learn([f"{i}%" for i in range(12)], kind="number")


def test_a_list_of_one_is_a_class():
    task, _ = learn([["x"], ["y"], ["x"]], kind="classes")
    assert task.options["labels"] == ["x", "y"] and task.options["usual"] == "x"
    examples = [Labelled("a", label=["x"]), Labelled("b", label="y")]
    assert [task.target(example) for example in examples] == [0, 1]
    answers = [{"label": "x"}, {"label": "y"}]
    assert task.score(examples, answers)["accuracy"] == 1.0
    assert task.confusion(answers, examples)[0].tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match=re.escape("expected one class, got the labels ['x', 'y'] (kind is classes)")):
        learn([["x", "y"], ["x"]], kind="classes")
