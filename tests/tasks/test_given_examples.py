"""Examples that are given in Python in another form than a list of the task's examples are answered in one sentence."""

import re

import pytest

import albert_np as ab
from albert_np.data.formats import Translated
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
