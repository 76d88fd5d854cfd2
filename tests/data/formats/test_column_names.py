"""The columns of usual datasets are found by their names: the table of docs/classifier.md, in each type of file."""

import csv
import io
import json
import warnings

import pytest
from storages import page_table

from albert_np.data.formats.tables import read_table


def cells_for(columns, i):
    """Return the cells of row i: a text, a small integer, or a class, as the column's name has it."""
    texts = ("sentence", "question", "string", "text", "review", "tweet", "premise", "hypothesis", "passage", "content", "title",
             "description", "answer", "query", "v2", "body")  # fmt: skip
    cells = []
    for name in columns:
        low = name.lower()
        is_text = any(word in low for word in texts) and not any(word in low for word in ("_id", "parse", "stars"))
        cells.append(
            f"the {low} number {i} of these" if is_text else str(i % 2) if "id" not in low and low != "index" else str(i)
        )
    return cells


@pytest.mark.parametrize("row", page_table("classifier.md", "Columns"), ids=lambda row: row[0])
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl"])
def test_the_columns_of_usual_datasets(tmp_path, row, suffix):
    _, columns, *roles = [cell.replace("`", "") for cell in row] + [""] * (5 - len(row))
    columns = columns.split(", ")
    rows = [cells_for(columns, i) for i in range(6)]
    label = roles[2]
    if "answer" in columns and label == "answer":
        for i, cells in enumerate(rows):
            cells[columns.index("answer")] = str(i % 2)
    path = tmp_path / f"data{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, cells))) + "\n" for cells in rows))
    else:
        out = io.StringIO()
        csv.writer(out, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n").writerows([columns, *rows])
        path.write_text(out.getvalue())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore" if roles[0] == "text" else "error", message=".*the column .* also holds texts")
        examples = read_table(path)
    used = dict(zip(("text", "pair", "label"), roles))
    assert {role: name for role, name in examples.summary.columns.items() if role != "id"} == {k: v for k, v in used.items() if v}
    for cells, example in zip(rows, examples, strict=True):
        by_name = dict(zip(columns, cells))
        assert (example.text, example.pair) == (by_name[roles[0]], by_name.get(roles[1]))
        assert example.label == by_name.get(roles[2])


def test_a_given_text_keeps_its_partner_unless_there_is_to_be_none(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("question\tsentence\tlabel\nwho is it\tit is me here\tyes\nwho was it\tit was you then\tno\n")
    assert read_table(path)[0].pair == "it is me here"
    assert read_table(path, text="question")[0].pair == "it is me here"
    assert read_table(path, text="question", pair="none")[0].pair is None
    other = tmp_path / "b.tsv"
    other.write_text("text\tremarks\tlabel\nthis is it now\tas far as I know\ta\nthat was it then\tas you told me\tb\n")
    with pytest.warns(UserWarning, match="the column 'remarks' also holds texts and is not used"):
        assert read_table(other)[0].pair is None
    assert (read_table(path, text="2", pair="1")[0].text, read_table(path, pair="1", text="2")[0].pair) == (
        "it is me here",
        "who is it",
    )
    with pytest.raises(
        ValueError, match=r"a.tsv: there is no column '4' \(option text\); there are 'question', 'sentence', 'label'"
    ):
        read_table(path, text="4")
    with pytest.raises(ValueError, match="the column 'label' cannot be both text and label"):
        read_table(path, text="label", label="label")
