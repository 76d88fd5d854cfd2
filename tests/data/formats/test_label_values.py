"""Labels that are lists in a text, and JSON without objects."""

import re
import warnings

import pytest

from albert_np.data.formats.tables import read_table

TEXTS = [f"the text number {i}" for i in range(4)]


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["['joy', 'fear']", "['joy']", "[]", ""], [["joy", "fear"], ["joy"], [], None]),
        (['["joy", "fear"]', '["joy"]', "[]", "['joy']"], [["joy", "fear"], ["joy"], [], ["joy"]]),
        (["[0, 1, 1]", "[1, 0, 0]", "[0, 0, 0]", "[0,0,1]"], [["1", "2"], ["0"], [], ["2"]]),
        (["[0 1 1]", "[1 0 0]", "[0. 0. 0.]", "[0 0 1]"], [["1", "2"], ["0"], [], ["2"]]),
        (["[2, 14]", "[27]", "[3]", "[2]"], [["2", "14"], ["27"], ["3"], ["2"]]),
        (["[joy]", "[fear]", "[joy]", "[fear]"], ["[joy]", "[fear]", "[joy]", "[fear]"]),
        (["['joy']", "fear", "['joy']", "fear"], ["['joy']", "fear", "['joy']", "fear"]),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_lists_in_brackets(tmp_path, cells, labels, several):
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabels\n" + "".join(f"{text}\t{cell}\n" for text, cell in zip(TEXTS, cells)))
    examples = read_table(path, several=several)
    expected = [[label] if isinstance(label, str) and several else label for label in labels]
    expected = [[] if label is None and several else label for label in expected]
    assert [example.label for example in examples] == expected
    assert ("lists in brackets" in examples.summary.format) == isinstance(labels[0], list)


def test_one_column_of_several_of_zeros_and_ones_is_a_warning(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"{i},the text number {i},{i % 2},0,{i // 2}\n" for i in range(4))
    path.write_text(f"id,comment_text,toxic,obscene,threat\n{rows}")
    with pytest.warns(UserWarning, match=r"'obscene', 'threat' hold zeros and ones, like 'toxic'.*option label=toxic,obscene,"):
        read_table(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_table(path, label="toxic")
        assert read_table(path, label="toxic,obscene,threat")[3].label == ["toxic", "threat"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.json",
            '{"train": [["a", "x"], ["b", "y"]], "val": [["c", "x"]]}',
            "got one dict with 'train', 'val': if these are parts",
        ),
        (
            "a.json",
            '[["a", "x"]]',
            'a.json:1: element 1: expected a JSON object such as {"text": ..., "label": ...}, got "[\'a\', \'x\']"',
        ),
        (
            "a.jsonl",
            '["a", "x"]\n["b", "y"]\n',
            'a.jsonl:1: expected a JSON object such as {"text": ..., "label": ...}, got "[\'a\'',
        ),
    ],
)
def test_json_without_objects(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_table(tmp_path / name)
