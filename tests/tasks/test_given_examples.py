"""Examples that are given in Python in another form than a list of the task's examples are answered in one sentence."""

import re

import pytest

import albert_np as ab
from albert_np.data.formats import Labelled, Translated
from albert_np.tasks.classification import Classification
from albert_np.tasks.translation import Translation


class Frame:
    """The part of pandas.DataFrame that is used."""

    columns = ("id", "review", "stars")

    def __iter__(self):
        return iter(self.columns)

    def to_dict(self, kind):
        assert kind == "records"
        return [dict(zip(self.columns, row)) for row in ((1, "A fine film.", 5), (2, "A poor film.", 1))]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            Frame(),
            "train: expected a list of .*Translated(.*), got rows with the columns 'id', 'review', 'stars'; write [Translated(",
        ),
        (
            [{"source": "a"}],
            "train: expected a list of .*, got rows with the columns 'source'; write [Translated(source=row[...]",
        ),
        ({"source": ["a"]}, "train: expected a file or a list of .*Translated(.*), got a dict of 'source'"),
        ([("a", "b")], "train[0]: expected .*Translated(source: str, target: str | None = None), got ('a', 'b')"),
        ([{"source": "a"}, 3], "train[0]: expected .*, got {'source': 'a'}"),
        (["a", "b"], "train[0]: expected .*, got 'a'"),
        (5, "train: expected a file or a list of .*, got 5"),
    ],
)
def test_they_are_refused(given, message):
    expression = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(ValueError, match=f"^{expression}"):
        ab.finetune("translation", given, config="tiny", progress=False)


def test_a_task_may_take_rows():
    class Pairs(Translation):
        def examples_from_rows(self, rows, name):
            return [Translated(row["review"], str(row["stars"])) for row in rows]

    assert Pairs().examples(Frame(), "train") == [Translated("A fine film.", "5"), Translated("A poor film.", "1")]
    assert Pairs().examples(iter([Translated("a")])) == [Translated("a")]


def test_rows_may_come_from_a_generator():
    rows = [{"text": "A fine film.", "label": "good"}, {"text": "A poor film.", "label": "bad"}]
    for given in (rows, iter(rows), (row for row in rows)):
        assert [example.label for example in Classification().examples(given, "train")] == ["good", "bad"]


def test_columns_may_be_numbers():
    """As in a DataFrame that was made from a list of lists."""
    rows = [{0: "A fine film.", 1: "good"}, {0: "A poor film.", 1: "bad"}]
    assert [example.label for example in Classification(text="0", label="1").examples(rows, "train")] == ["good", "bad"]
    with pytest.raises(ValueError, match="train: none of its columns '0', '1' has a usual name for a text: name it"):
        Classification().examples(rows, "train")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": []}, "train: there is no example in it"),
        ({"dev": []}, "dev: there is no example in it"),
        ({"dev": [Labelled("a")]}, "dev: none of the examples has a label, so they cannot be scored"),
        ({"seeds": 2.0}, "seeds must be at least 1, the number of runs, not 2.0"),
        ({"options": "x"}, "options must be a dict, {name: value}, not 'x'"),
        ({"changes": [1]}, "changes must be a dict, {name: value}, not [1]"),
        ({"out": 3}, "out must be the path of a folder, not 3"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    train = [Labelled("A fine film.", label="good"), Labelled("A poor film.", label="bad")]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        ab.finetune("classification", **{"train": train, **arguments}, config="tiny", vocab_size=30, progress=False)


def test_what_is_predicted_and_scored():
    train = [Labelled("A fine film.", label="good"), Labelled("A poor film.", label="bad")]
    trained = ab.finetune("classification", train, config="tiny", vocab_size=30, epochs=1, progress=False).trained
    assert trained.predict({"text": "A fine film."}) == trained.predict("A fine film.")  # a dict is one example
    assert [answer["text"] for answer in trained.predict(Frame())] == ["A fine film.", "A poor film."]  # not its columns' names
    for wrong in (5, None):
        with pytest.raises(ValueError, match=rf"^texts\[0\]: expected .*, got {wrong}"):
            trained.predict(wrong)
    with pytest.raises(ValueError, match="there are no examples to score"):
        trained.evaluate([])
