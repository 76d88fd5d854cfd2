"""Requests to the service: each task declares the fields, and a request that does not fit them is refused by name."""

import pytest

from albert_np.tasks import TASKS, get_task
from albert_np.tasks.requests import Field, check_request, shown_fields

FIELDS = {
    "text": Field("the text", "a"),
    "pair": Field("a second text", required=False),
    "count": Field("a number", 5, int, required=False, limits=(1, 9)),
    "all": Field("whether all", type=bool, required=False),
    "names": Field("names", type=list, required=False, limits=(1, 3)),
    "old": Field("", refused="the model is new"),
}


def test_a_request_that_fits_is_returned():
    request = {"text": "a", "pair": "", "count": 9, "all": False, "names": ["b", "c"]}
    assert check_request(request, FIELDS) == request
    assert check_request({"text": "a"}, FIELDS) == {"text": "a"}
    assert list(shown_fields(FIELDS)) == ["text", "pair", "count", "all", "names"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "the field 'text' is missing"), ({"text": " \n"}, "'text' is empty"),
        ({"text": ["a"]}, "'text' must be a string, not list"), ({"text": None}, "'text' must be a string, not NoneType"),
        ({"text": "a", "txet": "b"}, "unknown field 'txet'; the fields are .*, names; did you mean 'text'[?]"),
        ({"text": "a", "old": "b"}, "the model is new, so 'old' is not a field"),
        ({"text": "a", "count": 0}, "'count' must be an integer from 1 to 9, not 0"),
        ({"text": "a", "count": 10}, "'count' must be an integer from 1 to 9, not 10"),
        ({"text": "a", "count": True}, "'count' must be an integer from 1 to 9, not True"),
        ({"text": "a", "count": 2.0}, "'count' must be an integer from 1 to 9, not 2.0"),
        ({"text": "a", "all": 1}, "'all' must be true or false, not int"),
        ({"text": "a", "names": "b"}, "'names' must be a list of strings, not str"),
        ({"text": "a", "names": ["b", 1]}, r"names\[1\] must be a string"),
        ({"text": "a", "names": ["b", " "]}, r"names\[1\] is empty"),
        ({"text": "a", "names": []}, "'names' has 0 texts, expected from 1 to 3"),
        ({"text": "a", "names": list("bcde")}, "'names' has 4 texts, expected from 1 to 3"),
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit_is_refused(request_, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        check_request(request_, FIELDS)


@pytest.mark.parametrize("name", TASKS)
def test_the_example_of_every_task_is_a_request(name):
    task = get_task(name)
    fields = task.fields()
    example = {key: field.example for key, field in fields.items() if field.example is not None}
    assert isinstance(task.example_from_request(check_request(example, fields)), task.form)


def test_the_second_text_of_classification():
    pairs, single, unknown = (get_task("classification", pairs=value) for value in (True, False, None))
    assert pairs.fields()["pair"].required and not unknown.fields()["pair"].required
    assert list(shown_fields(single.fields())) == ["text"]
    found = pairs.example_from_request({"text": "a\tb", "pair": "c\td"})
    assert (found.text, found.pair) == ("a b", "c d")
    assert single.example_from_request({"text": "a\tb"}).text == "a\tb"
    assert unknown.example_from_request({"text": "a\tb"}).pair is None
