"""Dialects of .csv files: Excel's first line, blanks before quotation marks, and messages on lines that cannot be divided."""

import re

import pytest

from albert_np.data.formats import read_parallel
from albert_np.data.formats.tables import read_table


def pairs_of(examples):
    return [(example.text, example.label) for example in examples]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "sep=; ", "sep=;;", "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_first_line_of_excel_names_the_delimiter(tmp_path, first, end):
    path = tmp_path / "a.csv"
    path.write_text(end.join([first, "text;label", "a, b;good", "c;bad", ""]), newline="")
    examples = read_table(path)
    assert pairs_of(examples) == [("a, b", "good"), ("c", "bad")]
    assert examples.summary.format == "separated by semicolons, as line 1 says, header in line 2"
    assert [example.id for example in examples] == ["3", "4"]  # the lines' numbers
    path.write_text(end.join([first, "en;de", "red, blue;rot, blau", "old;alt", ""]), newline="")
    assert [(pair.source, pair.target) for pair in read_parallel(path)] == [("red, blue", "rot, blau"), ("old", "alt")]


def test_a_text_that_begins_like_the_first_line_of_excel_is_a_text(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;x,label\na b,good\n")
    assert len(read_table(tmp_path / "a.csv", text="1", label="2", header=False)) == 2
    (tmp_path / "b.csv").write_text("sep=;\n" + "text|label\na;b|good\n")
    assert pairs_of(read_table(tmp_path / "b.csv", delimiter="pipe")) == [("a;b", "good")]


@pytest.mark.parametrize("row", ['"A text, one", "good"', 'A text, "good"', '"A text, one",   "good"'])
def test_blanks_before_a_quotation_mark_are_left_out(tmp_path, row):
    path = tmp_path / "a.csv"
    path.write_text(f'text, label\n{row}\nB, "bad"\n')
    assert [example.label for example in read_table(path)] == ["good", "bad"]
    path.write_text(f'label, text\ngood, {row.partition(", ")[0]}"\n' if row.startswith("A") else 'label, text\ngood, "a, b"\n')
    assert len(read_table(path)) == 1


def test_quotation_marks_within_a_field_change_nothing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"He said, ""no"", twice",good\n " x,bad\n'.replace(' " x', '" ""x"""'))
    assert pairs_of(read_table(path)) == [('He said, "no", twice', "good"), (' "x"', "bad")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('text,label\n"one,good\ntwo,bad\n', ":2: it is not valid CSV: a field begins with a quotation mark, and none ends it"),
        ('text,label\n"a \\"b\\", c",good\n', "a quotation mark within a field in quotes must be doubled (options delimiter and"),
        ("a\tb\tc\n" * 4 + "a, b\tb\tc\td\n", ":5: expected 3 columns, as in line 1, got 4 (option delimiter)"),
        ("a b\n" * 3 + "a, b\n", ":4: expected 1 column, as in line 1, got 2"),
    ],
)
def test_messages_on_rows_that_cannot_be_divided(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_table(path)


def test_a_message_names_a_few_of_many_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join(f"c{i}" for i in range(5000)) + "\n" + ",".join("1" * 5000) + "\n")
    for options in ({"header": True}, {"header": True, "text": "words"}):
        with pytest.raises(ValueError, match="'c19' and 4,980 more") as error:
            read_table(path, **options)
        assert len(str(error.value)) < 500


def test_the_same_id_twice_is_refused_with_a_way_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("index,text,label\n0,a,x\n0,b,y\n")
    with pytest.raises(
        ValueError, match=r"a.csv:3: the id '0' is at 2 already \(if the column 'index' has no ids, give it another"
    ):
        read_table(path)
