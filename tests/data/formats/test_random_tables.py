"""Random tables of known meaning, written in every dialect that docs/classifier.md names, are read back to that meaning."""

import csv
import io
import json
import warnings
from dataclasses import dataclass, field

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from albert_np.data.formats.column_names import LABEL, PAIRS, TEXT
from albert_np.tasks.classification import Classification

WORDS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "M", "Zs"], exclude_characters="\ufeff|"), min_size=1, max_size=8
)
SENTENCES = st.lists(WORDS.filter(str.strip), min_size=2, max_size=6).map(" ".join)
LABELS = {
    "names": st.sampled_from(["good", "bad", "so so", "não", "价格", "1_1", "007", "$x$"]),
    "integers": st.integers(0, 40).map(str),
    "decimals": st.integers(-500, 900).map(lambda i: f"{i / 100:.2f}"),
    "commas": st.integers(-500, 900).map(lambda i: f"{i / 100:.2f}".replace(".", ",")),
    "sets": st.lists(st.sampled_from("abcd"), max_size=3, unique=True).map(sorted),
}  # fmt: skip


@dataclass
class Table:
    """Examples (text, pair or None, label or None) and the dialect in which they are written."""

    examples: list
    names: tuple  # of text, pair and label
    suffix: str
    options: dict = field(default_factory=dict)
    extra: int = 0  # columns of line numbers on the left
    empty: int = 0  # empty columns at the right end
    header: bool = True
    delimiter: str = ""
    encoding: str = "utf-8"
    end: str = "\n"

    def rows(self):
        columns = [[f"extra{k}" for k in range(self.extra)] + [name for name in self.names if name]] if self.header else []
        for i, (text, pair, label) in enumerate(self.examples):
            field = "" if label is None else "|".join(label) if isinstance(label, list) else label
            cells = [text, *([pair] if self.names[1] else []), field]
            columns.append([f"line {i}"] * self.extra + cells)
        return [row + [""] * self.empty for row in columns]

    def write(self, path):
        if self.suffix in (".jsonl", ".json"):
            objects = [{n: v for n, v in zip(self.names, example) if n} for example in self.examples]
            text = self.end.join(map(json.dumps, objects)) if self.suffix == ".jsonl" else json.dumps(objects, ensure_ascii=False)
        elif self.suffix == ".csv":
            out = io.StringIO()
            csv.writer(out, delimiter=self.delimiter, lineterminator=self.end).writerows(self.rows())
            text = out.getvalue()
        else:
            text = self.end.join("\t".join(row) for row in self.rows()) + self.end
        path.write_bytes(text.encode(self.encoding))


@st.composite
def tables(draw):
    """Draw a table."""
    kind = draw(st.sampled_from(sorted(LABELS)))
    is_pair = draw(st.booleans())
    texts = st.tuples(
        SENTENCES, SENTENCES if is_pair else st.none(), st.one_of(LABELS[kind], LABELS[kind], LABELS[kind], st.none())
    )
    examples = draw(st.lists(texts, min_size=2, max_size=9))
    suffix = draw(st.sampled_from([".tsv", ".csv", ".jsonl", ".json"]))
    is_json = suffix.startswith(".json")
    pair = (
        draw(st.sampled_from([p for p in PAIRS if not set(p) & set(LABEL)])) if is_pair else (draw(st.sampled_from(TEXT)), None)
    )
    label = draw(st.sampled_from([name for name in LABEL if name not in pair]))
    names = (*pair, label)
    if draw(st.booleans()):
        names = tuple(name and draw(st.sampled_from([name, name.upper(), name.title()])) for name in names)
    table = Table(examples, names, suffix)
    if draw(st.integers(0, 3)) == 0:  # unknown names, given as options
        table.names = ("column one", "column two" if is_pair else None, "column three")
        numbers = (1, 2, 3) if is_pair else (1, 0, 2)
        by_number = not is_json and draw(st.booleans())
        for role, name, number in zip(("text", "pair", "label"), table.names, numbers):
            if name:
                table.options[role] = str(number) if by_number else name
        if by_number:
            table.options["header"] = table.header = draw(st.booleans())
    elif not is_json:
        table.extra = draw(st.integers(0, 2))
    if kind == "sets" and not is_json:
        table.options["several"] = True
    if not is_json:
        table.empty = draw(st.integers(0, 2))
        table.end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
        table.delimiter = draw(st.sampled_from(",;\t|")) if suffix == ".csv" else "\t"
        if suffix == ".csv" and kind == "sets" and table.delimiter == "|":
            table.delimiter = ","
        if draw(st.booleans()):
            table.options["delimiter"] = table.delimiter
    table.encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    return table, kind


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=tables())
def test_a_table_is_read_back(tmp_path, case):
    table, kind = case
    path = tmp_path / f"table{table.suffix}"
    table.write(path)
    cells = [cell for row in table.rows() for cell in row]
    assume(table.suffix != ".tsv" or not any("\t" in cell for cell in cells))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            examples = Classification(**table.options).read(path)
        except ValueError as error:
            assert path.name in str(error) and ("option" in str(error) or f"{path.name}:" in str(error)), error
            event(f"refused: {str(error).partition(path.name)[2][:60]}")
            assert not table.options and table.suffix == ".csv", f"{error}\n{path.read_bytes()!r}"
            return
    event(f"read, {len(caught)} warnings")
    expected = [(text, pair, None if kind != "sets" and label in (None, "") else label) for text, pair, label in table.examples]
    if kind == "sets" and not table.suffix.startswith(".json"):  # in a field, no label and an empty set look alike
        expected = [(text, pair, label or []) for text, pair, label in expected]
    found = [(e.text, e.pair, e.label) for e in examples]
    if kind == "sets" and not table.suffix.startswith(".json"):
        found = [(text, pair, label or []) for text, pair, label in found]
    assert found == expected, f"{examples.summary.describe()}\n{path.read_bytes()!r}"
    labels = [label for *_, label in expected if label is not None]
    if labels and len(labels) < 10 and any(labels):
        task = Classification(**table.options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task.learn(examples)
        assert task.options["kind"] == {"decimals": "number", "commas": "number", "sets": "sets"}.get(kind, "classes")
