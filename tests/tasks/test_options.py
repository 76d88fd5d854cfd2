"""Options are read by their declared types, on the command line and in Python."""

import pytest

from albert_np.tasks import TASKS, get_task
from albert_np.tasks.classification import Classification
from albert_np.tasks.finetune_folder import find_differences
from albert_np.tasks.options import read_option


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (str, "1", "1"), (str, 1, "1"), (str, "1_0", "1_0"), (str, " a b", " a b"), (int, "7", 7), (int, "-1", -1), (int, 7, 7),
        (float, "0.5", 0.5), (float, "1e-3", 1e-3), (float, 2, 2), (bool, "true", True), (bool, "No", False), (bool, "0", False),
        (bool, True, True), (list, "a, b", ["a", "b"]), (list, '["a,b"]', ["a,b"]), (list, ["x"], ["x"]),
        (("a", "b"), " a ", "a"),
        (int, None, None), (None, [1], [1]),
    ],
)  # fmt: skip
def test_values_are_read_by_type(kind, value, expected):
    read = read_option("x", kind, value, typed=True)
    assert read == expected and type(read) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (int, "1.5", "an integer"), (int, "1_0", "an integer"), (int, True, "an integer"), (int, "x", "an integer"),
        (float, "1,5", "a number"), (float, "nan", "a number"), (bool, "maybe", "true or false"), (bool, 2, "true or false"),
        (str, True, "a text"), (str, 1.5, "a text"), (list, 5, "a list of texts"), (list, "[1", "a list of texts"),
        (("classes", "sets"), "classess", "classes, sets, not 'classess'; did you mean 'classes'"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_with_what_is_expected(kind, value, wanted):
    with pytest.raises(ValueError, match=f"^x must be .*{wanted}"):
        read_option("x", kind, value, typed=True)


def test_in_python_a_text_stands_for_nothing_else():
    assert read_option("x", str, "7") == "7" and read_option("x", list, "a,b") == ["a", "b"]
    for kind, value in ((int, "7"), (float, "0.5"), (bool, "true")):
        with pytest.raises(ValueError, match="x must be"):
            read_option("x", kind, value)


def test_a_default_value_passes_its_own_type():
    for name in TASKS:
        task = get_task(name)
        assert type(task)(**task.options).options == task.options


def test_typed_on_the_command_line():
    task = Classification()
    assert task.parse_option("text", "1") == "1" and task.parse_option("label", '"a b"') == "a b"
    assert task.parse_option("max_length", "64") == 64 and task.parse_option("several", "yes") is True
    with pytest.raises(ValueError, match="no option 'txt'; expected one of max_length, text"):
        task.parse_option("txt", "1")
    with pytest.raises(ValueError, match="the option kind must be one of classes, sets, number, not 'lists'"):
        task.parse_option("kind", "lists")


def test_what_training_decided_cannot_be_changed_afterwards():
    task = Classification(labels=["a", "b"], kind="classes")
    task.change_options({"text": "review", "max_length": 32})
    assert task.options["text"] == "review" and task.options["max_length"] == 32
    for key in ("labels", "kind"):
        with pytest.raises(ValueError, match=f"the option {key} was decided in training"):
            task.change_options({key: task.options[key]})


@pytest.mark.parametrize("name", TASKS)
def test_options_by_which_files_are_read_are_options(name):
    task = get_task(name)
    assert set(task.reading) <= set(task.defaults) and not set(task.reading) & {"max_length", "labels", "kind"}


def test_options_by_which_files_are_read_do_not_prevent_resuming():
    now = {"options": {"max_length": 32}, "settings": {"epochs": 3}}
    assert find_differences(now, {"options": {"max_length": 32, "word": 0}, "settings": {"epochs": 3}}) == []
    then = {"options": {"max_length": 64, "word": 0}, "settings": {"epochs": 3, "seed": 1}}
    assert find_differences(now, then) == ["max_length is 32 now and was 64", "seed is None now and was 1"]


def test_what_learning_decides_cannot_be_given():
    Classification().check_for_training({"kind": "classes", "text": "1"})
    with pytest.raises(ValueError, match="the option labels cannot be given: the training examples decide it"):
        Classification().check_for_training({"labels": ["a"]})
    with pytest.raises(ValueError, match="the option languages must be the names of source and target"):
        get_task("translation", languages=["en"])
