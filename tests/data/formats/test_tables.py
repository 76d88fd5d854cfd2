"""Tables: the rules of docs/classifier.md, row by row."""

import json
import warnings

import pytest
from storages import page_table, writer

from albert_np.data.formats.tables import read_table
from albert_np.tasks.classification import Classification


def learn(path, **options):
    """Return the task and the examples of a training file, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task = Classification(**options)
        examples = task.read(path)
        task.learn(examples)
        examples.summary.labels = task.describe_labels(examples)
    return task, examples, [str(each.message) for each in caught]


# ---- rules: one case for each row of the page's table ----

TEXTS = [f"the {word} stood by the river" for word in "house mill bridge tower castle church".split()]
LABELS = ["good", "bad"] * 3


def rows_of(labels=LABELS, texts=TEXTS):
    return "".join(f"{text}\t{label}\n" for text, label in zip(texts, labels))


def jsonl(labels):
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in zip(TEXTS, labels))


def check_usual_header(write):
    _, examples, notes = learn(write("a.tsv", "Text\tother\n" + rows_of()), label="other")
    assert len(examples) == 6 and "header in line 1" in examples.summary.format and not notes
    _, examples, notes = learn(write("b.tsv", "score\tgood\n" + rows_of()))
    assert len(examples) == 7 and any("occurs again below (option header)" in note for note in notes)


def check_unknown_header(write):
    for text in (
        "remark\tgroup\n" + rows_of(),
        "nr\tremark\tgroup\n" + "".join(f"{i}\t{row}\n" for i, row in enumerate(rows_of().splitlines())),
    ):
        numbers = {"text": "2", "label": "3"} if text.startswith("nr") else {}
        _, examples, notes = learn(write("a.tsv", text), **numbers)
        assert len(examples) == 6 and sorted(examples.summary.labels["counts"]) == ["bad", "good"]
        assert any("is taken for the header (option header)" in note for note in notes)
    _, examples, _ = learn(write("a.tsv", "remark\tgroup\n" + rows_of()), header=False)
    assert len(examples) == 7 and examples[0].text == "remark"


def check_other_first_row(write):
    _, examples, notes = learn(write("a.tsv", rows_of()))
    assert len(examples) == 6 and examples.summary.format.startswith("separated by tabs, no header") and not notes
    _, examples, notes = learn(write("b.tsv", "A long first sentence, which ends here.\tugly\n" + rows_of()))
    assert len(examples) == 7 and any("'ugly' in column 2 occurs only there" in note for note in notes)


def check_two_columns(write):
    swapped = "".join(f"{label}\t{text}\n" for text, label in zip(TEXTS, LABELS))
    for text in (rows_of(), swapped):
        examples = read_table(write("a.tsv", text))
        assert [e.label for e in examples] == LABELS and [e.text for e in examples] == TEXTS
    examples = read_table(write("b.tsv", rows_of(TEXTS[::-1])))
    assert examples[0].pair == TEXTS[-1] and examples[0].label is None


def check_cola(write):
    examples = read_table(write("a.tsv", "gj04\t1\t\tIt rained a lot.\ngj04\t0\t*\tIt rained lots the.\n"))
    assert [(e.text, e.label) for e in examples] == [("It rained a lot.", "1"), ("It rained lots the.", "0")]


def check_three_columns(write):
    path = write("a.tsv", "".join(f"{i}\t{row}\n" for i, row in enumerate(rows_of().splitlines())))
    with pytest.raises(ValueError, match="it has 3 columns and no header with a usual name: name the columns, by number from 1"):
        read_table(path)
    assert [e.label for e in read_table(path, text="2", label="3")] == LABELS


def check_repeated_name(write):
    path = write("a.csv", "text,label,note,note\nfine,a,x,y\nfair,b,z,w\n")
    assert read_table(path).summary.unused == ["note", "note.2"]
    assert [e.label for e in read_table(path, label="note.2")] == ["y", "w"]


def check_nameless_column(write):
    examples = read_table(write("a.csv", ",text,label,,\n0,fine,a,,\n1,fair,b,,\n"))
    assert examples.summary.columns == {"text": "text", "label": "label"} and examples.summary.unused == ["1"]
    examples = read_table(write("b.csv", "text,label,\nfine,a,\nfair,b,left\n"), label="3")
    assert [e.label for e in examples] == [None, "left"]


def check_ragged(write):
    for text in ("text\tlabel\na\tb\nc\n", "text\tlabel\na\tb\nc\td\te\n"):
        with pytest.raises(ValueError, match=r"a.tsv:3: expected 2 columns, as in line 1, got [13]"):
            read_table(write("a.tsv", text))


def check_delimiters(write):
    for mark, name in ((",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "pipes")):
        examples = read_table(
            write(
                "a.csv",
                f'text{mark}label\n"good, very; so | it\twas"{mark}a\nfair, indeed{mark}b\n'.replace(
                    "fair, indeed", '"fair, indeed"'
                ),
            )
        )
        assert [(e.text, e.label) for e in examples] == [("good, very; so | it\twas", "a"), ("fair, indeed", "b")]
        assert examples.summary.format.startswith(f"separated by {name}")
    path = write("b.tsv", "text;label\nfine;a\nfair;b\n")
    with pytest.warns(UserWarning, match=r"it has one column, 'text;label'.*option delimiter=semicolon"):
        read_table(path)
    assert [e.label for e in read_table(path, delimiter="semicolon")] == ["a", "b"]
    assert [e.label for e in read_table(path, delimiter=";")] == ["a", "b"]
    with pytest.raises(
        ValueError, match="the option delimiter must be one of tab, comma, semicolon, pipe, or a character, not 'xy'"
    ):
        read_table(path, delimiter="xy")


def check_quotes(write):
    assert read_table(write("a.tsv", 'text\tlabel\na "stray one\t1\n'))[0].text == 'a "stray one'
    long = "x" * 300_000
    assert read_table(write("b.csv", f'text,label\n"{long}\nnew line",a\n'))[0].text == f"{long}\nnew line"
    path = write("c.tsv", 'text\tlabel\n"a ""fine"" one"\tx\n"a fair one"\ty\n')
    with pytest.warns(UserWarning, match=r"2 fields stand in quotation marks, which are read as text \(option quotes\)"):
        read_table(path)
    assert read_table(path, quotes=True)[0].text == 'a "fine" one'


def check_encodings(write):
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"):
        mark = "" if encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32") else "\ufeff"
        for name in ("a.tsv", "a.csv"):
            text = "text\tlabel\nMädchen 价格\tgut\n" if name == "a.tsv" else "text,label\nMädchen 价格,gut\n"
            path = write(name, (mark + text).encode(encoding))
            assert [(e.text, e.label) for e in read_table(path)] == [("Mädchen 价格", "gut")]
    with pytest.raises(ValueError, match=r"a.tsv:2: it must be UTF-8, and byte 0xe9 is not; .*iconv"):
        read_table(write("a.tsv", "text\tlabel\ncafé\tgood\n".encode("latin-1")))
    with pytest.raises(ValueError, match=r"it holds a NUL byte.*UTF-16 is read if it begins with a byte order mark"):
        read_table(write("a.tsv", "text\tlabel\nfine\tgood\n".encode("utf-16-le")))


def check_line_ends(write):
    for end in ("\n", "\r\n", "\r", "\r\r\n"):
        for suffix, mark in ((".tsv", "\t"), (".csv", ",")):
            if end == "\r\r\n" and suffix == ".csv":
                continue  # two line ends, and the second ends a blank line
            text = end.join([f"text{mark}label", f"\ufefffine{mark}a", f"fair{mark}b", ""])
            assert [(e.text, e.label) for e in read_table(write(f"a{suffix}", text.encode()))] == [("fine", "a"), ("fair", "b")]


def check_classes(write):
    task, _, notes = learn(write("a.tsv", "text\tlabel\n" + "".join(f"a text of {i}\t{i % 60}\n" for i in range(120))))
    assert task.options["kind"] == "classes" and task.options["labels"] == [str(i) for i in range(60)] and not notes
    task, _, notes = learn(write("b.tsv", "text\tlabel\n" + "".join(f"a text of {i}\t{i % 30 * 7}\n" for i in range(60))))
    assert task.options["kind"] == "classes" and any("30 different integers with gaps" in note for note in notes)
    assert learn(write("c.tsv", "text\tlabel\na\t3\nb\t4\n"), kind="number")[0].options["kind"] == "number"


def check_numbers(write):
    for labels in (["1.5", "2", "0.25"] * 2, ["3,75", "4", "0,5"] * 2):
        task, examples, notes = learn(write("a.tsv", "text\tlabel\n" + rows_of(labels)))
        assert task.options["kind"] == "number" and not notes
        assert (examples.summary.labels["from"], examples.summary.labels["to"]) == (
            min(map(float, (x.replace(",", ".") for x in labels))),
            max(map(float, (x.replace(",", ".") for x in labels))),
        )
    for labels, doubt in ((["0.0", "1.0"] * 3, "all labels are whole numbers"), (["250.00", "401.9"] * 3, "look like codes")):
        task, _, notes = learn(write("a.tsv", "text\tlabel\n" + rows_of(labels)))
        assert task.options["kind"] == "number" and any(doubt in note and "kind=classes" in note for note in notes)
    path = write("a.tsv", "text\tscore\n" + "".join(f"a text of {i}\t{'n/a' if i == 7 else i / 4}\n" for i in range(40)))
    with pytest.raises(
        ValueError, match=r"39 of 40 different labels are numbers, and 'n/a' not: .*option missing=n/a.*kind=classes"
    ):
        learn(path)
    assert learn(path, missing=["n/a"])[0].options["kind"] == "number"
    task, _, notes = learn(write("a.tsv", "text\tlabel\n" + rows_of(["1.5", "2.5", "inf"] * 2)))
    assert task.options["kind"] == "classes" and "2 of 3 different labels are numbers, and 'inf' not" in notes[0]
    for label in ("\u22121.5", "1\u00a0000,50", "1\u2019000.5", "-$5.50"):  # a true minus, other separators of thousands
        assert "if they are numbers, write digits" in learn(write("a.tsv", "text\tlabel\n" + rows_of([label, "3%"] * 3)))[2][0]


def check_codes(write):
    for labels in (["1_1", "2_5"] * 3, ["007", "008"] * 3, ["1e5", "2e5"] * 3):
        task, _, notes = learn(write("a.tsv", "text\tlabel\n" + rows_of(labels)))
        assert task.options["labels"] == sorted(set(labels)) and not notes


def check_lists(write):
    task, _, _ = learn(write("a.jsonl", jsonl([["x"], [], ["x", "y"]] * 2)))
    assert (task.options["kind"], task.options["labels"]) == ("sets", ["x", "y"])
    with pytest.raises(ValueError, match="all lists of labels are empty"):
        learn(write("a.jsonl", jsonl([[]] * 6)))


def check_several(write):
    path = write(
        "a.csv",
        "text,label\n" + "".join(f"{text},{label}\n" for text, label in zip(TEXTS, ["money|sport", "sport", "money"] * 2)),
    )
    task, _, notes = learn(path)
    assert task.options["labels"] == ["money", "money|sport", "sport"] and any("separator=|" in note for note in notes)
    for options in ({"several": True}, {"kind": "sets"}, {"separator": "|"}):
        task, examples, _ = learn(path, **options)
        assert task.options["labels"] == ["money", "sport"] and examples[0].label == ["money", "sport"]


def check_multihot(write):
    for one, zero in ((1, 0), (1.0, 0.0), (True, False)):
        task, examples, _ = learn(write("a.jsonl", jsonl([[one, zero, one], [zero, zero, one], [zero, zero, zero]] * 2)))
        assert task.options["labels"] == ["0", "2"] and examples[0].label == ["0", "2"] and examples[2].label == []
        assert "multi-hot vectors of 3" in examples.summary.format
    assert learn(write("a.jsonl", jsonl([[0, 1], [1], [0]] * 2)))[1][0].label == ["0", "1"]  # ids, of several lengths
    with pytest.raises(ValueError, match=r"a.jsonl:1: a label must be a text, a number or a list of texts, not \[0.2, 0.8\]"):
        read_table(write("a.jsonl", jsonl([[0.2, 0.8]] * 6)))


def check_label_columns(write):
    path = write("a.csv", "id,comment_text,toxic,obscene\n1,fine,0,0\n2,bad,1,1\n3,worse,1,0\n")
    examples = read_table(path, label="toxic,obscene")
    assert [e.label for e in examples] == [[], ["toxic", "obscene"], ["toxic"]]
    with pytest.raises(ValueError, match=r"a.csv:2: 'obscene' must be 0 or 1, as a column of labels, not '7'"):
        read_table(write("a.csv", "text,toxic,obscene\nfine,0,7\n"), label="toxic,obscene")


def check_blank_labels(write):
    for blank in ("", " ", "nan"):
        task, examples, _ = learn(write("a.tsv", "text\tlabel\n" + rows_of(["good", blank, "bad"] * 2)))
        assert task.options["labels"] == ["bad", "good"] and [e.label for e in examples].count(None) == 2
        assert [count for count, _ in examples.summary.left_out.values()] == [2]
    task, *_ = learn(write("a.tsv", "text\tscore\n" + rows_of(["1.5", "", "0.25"] * 2)))
    assert task.options["kind"] == "number"
    assert read_table(write("a.jsonl", jsonl(["good", None, "bad"] * 2)))[1].label is None
    path = write("a.tsv", "text\tlabel\n" + rows_of(["good", "?", "bad"] * 2))
    assert learn(path)[0].options["labels"] == ["?", "bad", "good"]
    assert learn(path, missing=["?"])[0].options["labels"] == ["bad", "good"]
    answers = [{"label": "good"}] * 6
    task, examples, _ = learn(path, missing="?")
    assert task.score(examples, answers)["accuracy"] == 0.5 and task.confusion(answers, examples)[0].sum() == 4


def check_gold_label(write):
    text = "".join(f"{label}\t{text}\t{text}\n" for text, label in zip(TEXTS, ["-", "neutral", "contradiction"] * 2))
    task, *_ = learn(write("a.tsv", "gold_label\tsentence1\tsentence2\n" + text))
    assert task.options["labels"] == ["contradiction", "neutral"]
    assert learn(write("a.tsv", "label\tsentence1\tsentence2\n" + text))[0].options["labels"][0] == "-"


def check_minus_one(write):
    for labels in ([-1, 0, 1, 2, 0, 1], ["-1", "0", "1", "2", "0", "1"], [-1.0, 0, 1, 2, 0, 1]):
        task, examples, notes = learn(write("a.jsonl", jsonl(labels)))
        assert task.options["labels"] == ["0", "1", "2"] and examples[0].label is None and not notes
    assert all(e.label is None for e in read_table(write("a.jsonl", jsonl([-1] * 6))))
    task, _, notes = learn(write("a.jsonl", jsonl([-1, 0, 1] * 2)))
    assert len(task.options["labels"]) == 3 and any("option missing=-1" in note for note in notes)
    assert learn(write("a.jsonl", jsonl([-1, 0, 1] * 2)), missing="-1")[0].options["labels"] == ["0", "1"]
    assert learn(write("a.jsonl", jsonl([-1, 1] * 3)))[0].options["labels"] == ["1", "-1"]


def check_single_labels(write):
    for labels in (range(12), [f"name {i}" for i in range(12)]):
        path = write("a.tsv", "text\tlabel\n" + "".join(f"a text of {i}\t{label}\n" for i, label in enumerate(labels)))
        with pytest.raises(ValueError, match=r"each of the 12 labels occurs once, such as .*option label.*kind=number"):
            learn(path)
        assert len(learn(path, kind="classes")[0].options["labels"]) == 12


def check_blank_text(write):
    examples = read_table(write("a.tsv", "text\tlabel\n\tgood\nfine\tbad\n"))
    assert len(examples) == 2 and examples.summary.left_out == {"with an empty 'text'": (1, 2)}
    with pytest.raises(ValueError, match=r"a.jsonl:1: it is not valid JSON: the key 'text' is there twice"):
        read_table(write("a.jsonl", '{"text": "x", "text": "y"}\n'))
    with pytest.raises(ValueError, match=r"a.jsonl:1: 'text' must be a text, not None"):
        read_table(write("a.jsonl", '{"text": null, "label": "a"}\n'))


def check_ids(write):
    with pytest.raises(ValueError, match=r"a.tsv:3: the id '1' is at 2 already"):
        read_table(write("a.tsv", "id\ttext\n1\tx\n1\ty\n"))


def check_json_forms(write):
    objects = [{"text": "fine", "label": "a"}, {"text": "fair", "label": "b"}]
    columns = {"text": ["fine", "fair"], "label": ["a", "b"]}
    by_index = {name: {str(i): value for i, value in enumerate(values)} for name, values in columns.items()}
    lines = "".join(json.dumps(each) + "\n" for each in objects)
    for text in (
        json.dumps(objects),
        json.dumps(objects, indent=1),
        json.dumps({"data": objects}),
        json.dumps(columns),
        json.dumps(by_index),
        lines,
    ):
        for name in ("a.json", *(["a.jsonl"] if text in (lines, json.dumps(objects)) else [])):
            assert [(e.text, e.label) for e in read_table(write(name, text))] == [("fine", "a"), ("fair", "b")], text
    for text in ("[1, 2]", '{"a": {"b": 1}}', '"x"', "7"):
        with pytest.raises(ValueError, match=r"a\.json"):
            read_table(write("a.json", text))


def check_separator_line(write):
    examples = read_table(write("a.csv", "sep=;\ntext;label\na, b;good\n"))
    assert [(e.text, e.label) for e in examples] == [("a, b", "good")] and "as line 1 says" in examples.summary.format


def check_lists_in_fields(write):
    text = "text,labels\n" + "".join(f"{text},\"['good', 'x{i}']\"\n" for i, text in enumerate(TEXTS))
    assert learn(write("a.csv", text))[0].options["labels"] == ["good", *(f"x{i}" for i in range(6))]
    text = "text,labels\n" + "".join(f'{text},"[{i % 2}, 1, 0]"\n' for i, text in enumerate(TEXTS))
    assert [e.label for e in read_table(write("a.csv", text))] == [["1"], ["0", "1"]] * 3


RULES = {
    "a first row with a usual name, or one that you gave": check_usual_header,
    "a first row of unknown names over numbers, or over labels that occur several times each": check_unknown_header,
    "another first row": check_other_first_row,
    "two columns without a header": check_two_columns,
    "four columns without a header": check_cola,
    "three or more others without a header": check_three_columns,
    "a name that repeats": check_repeated_name,
    "a column without a name": check_nameless_column,
    "a row with more or fewer cells": check_ragged,
    "a `.csv`": check_delimiters,
    "a first line `sep=;`, as Excel writes it": check_separator_line,
    "quotation marks": check_quotes,
    "UTF-8, or UTF-16 and UTF-32 with a byte order mark": check_encodings,
    "lines that end in LF, CRLF or CR; a byte order mark at the start of any line": check_line_ends,
    "names, and integers of any number": check_classes,
    "numbers, some with a decimal point or comma": check_numbers,
    "`1_1`, `007`, `1e5`": check_codes,
    "lists, in JSON": check_lists,
    "`\"['a', 'b']\"` or `\"[0, 1]\"` in every field, as pandas writes lists": check_lists_in_fields,
    "`a|b` in a field": check_several,
    "lists of zeros and ones, all of one length": check_multihot,
    "columns of zeros and ones, as in Jigsaw": check_label_columns,
    "a blank label, `null`, `nan`": check_blank_labels,
    "`-` under `gold_label` (SNLI)": check_gold_label,
    "`-1` beside integers from 0 to 2 or more, or alone": check_minus_one,
    "labels that occur once each": check_single_labels,
    "a blank text": check_blank_text,
    "the same id twice": check_ids,
    "JSON: objects on lines, a list, `{\"data\": [...]}`, `{\"text\": [...], \"label\": [...]}`": check_json_forms,
}  # fmt: skip


def test_every_rule_of_the_page_has_a_case():
    assert [row[0] for row in page_table("classifier.md", "Rules")] == list(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_page(tmp_path, rule):
    with warnings.catch_warnings():
        warnings.simplefilter("error" if rule != "two columns without a header" else "ignore")
        RULES[rule](writer(tmp_path))


def test_a_table_without_labels_is_predicted_on_whatever_training_named(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("review\nA fine film\n")
    task = Classification(text="comment", label="stars", kind="classes", labels=["1", "2"])
    assert [(e.text, e.label) for e in task.read_unlabelled(path)] == [("A fine film", None)]
    with pytest.raises(ValueError, match="there is no column 'comment'"):
        task.read(path)
    task.change_options({"text": "remark"})
    with pytest.raises(ValueError, match=r"there is no column 'remark' \(option text\); there are 'review'"):
        task.read_unlabelled(path)
    pairs = Classification(text="question", pair="passage", kind="classes", labels=["1", "2"])
    with pytest.raises(ValueError, match=r"there is no column 'passage' \(option pair\)"):
        pairs.read_unlabelled(path)
    plain = tmp_path / "plain.csv"
    plain.write_text("item one, two\nitem, two\n")
    with pytest.warns(UserWarning, match="column 2 is taken for labels: .*option delimiter=tab"):
        task = Classification(kind="classes", labels=["1"])
        task.read_unlabelled(plain)
    task.change_options({"delimiter": "tab"})
    assert [e.text for e in task.read_unlabelled(plain)] == ["item one, two", "item, two"]


def test_rows_given_in_python():
    class Frame:
        """Stands for a pandas.DataFrame, by the two attributes that are used."""

        columns = ("review", "stars")

        @staticmethod
        def to_dict(orient):
            assert orient == "records"
            return [{"review": "fine", "stars": 3}, {"review": "fair", "stars": float("nan")}]

    for given in (Frame(), Frame.to_dict("records")):
        examples = Classification().examples(given, "train")
        assert [(e.text, e.label) for e in examples] == [("fine", 3), ("fair", None)]
        assert examples.summary.describe().startswith(
            "train: rows with keys; text = review, label = stars; 2 examples; 1 with 'nan'"
        )
    with pytest.raises(ValueError, match=r"train: there is no column 'x' \(option text\); there are 'review', 'stars'"):
        Classification(text="x").examples(Frame(), "train")
    with pytest.raises(ValueError, match="train: there is no example in it"):
        Classification().examples(
            Frame.to_dict("records")[:0] or type("Empty", (Frame,), {"to_dict": lambda self, o: []})(), "train"
        )
