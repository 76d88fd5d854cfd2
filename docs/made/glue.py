"""Write the tables of docs/glue.md, which are those of the records in albert_np/tasks/benchmarks: python docs/made/glue.py"""

from collections.abc import Callable, Sequence
from pathlib import Path

from albert_np.tasks.benchmarks import BENCHMARKS, Benchmark
from albert_np.tasks.benchmarks.record import Split

PAGE = Path(__file__).parents[1] / "glue.md"


def write_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def name_files(record: Benchmark, split: Split) -> str:
    """Return the names of a split's files: the official one, and those of other releases."""
    suffix = "jsonl" if record.group == "superglue" else "tsv"
    official = [f"{split.name}.{suffix}"] if record.fields is not None else []
    if record.group == "superglue" and split.name == "dev":
        official = []  # val.jsonl, among the sources
    sources = dict.fromkeys(" + ".join(source.names) for source in split.sources if not source.note)
    return ", ".join(f"`{name}`" for name in dict.fromkeys([*official, *sources]))


def data_sets() -> str:
    """Return the table of data sets: files, metrics, submission."""
    rows = []
    for record in BENCHMARKS.values():
        metrics = " and ".join(name.replace("_", " ") for name in record.metrics)
        splits = [split for split in (record.train, *record.dev) if split is not None]
        wanted = " · ".join(dict.fromkeys(name_files(record, split) for split in splits))
        tests = " · ".join(dict.fromkeys(f"{name_files(record, split)} → `{split.submission}`" for split in record.test))
        rows.append([f"`{record.name}`", f"`{record.title}`", wanted, metrics, tests, record.note])
    return write_table(["name", "folder", "training and development", "metric", "test → submission", ""], rows)


def settings() -> str:
    """Return the paper's table of settings, with the epochs that the steps amount to."""
    rows = []
    for record in BENCHMARKS.values():
        if (table := record.settings) is not None:
            cells = [f"{table.learning_rate:g}", table.batch_size, f"{table.dropout:g}", f"{table.classifier_dropout:g}"]
            rows.append([f"`{record.name}`", *cells, table.steps, table.warmup_steps, table.max_length, table.epochs])
    header = [
        "",
        "learning rate",
        "batch size",
        "dropout",
        "classifier dropout",
        "steps",
        "warm-up steps",
        "max_length",
        "epochs",
    ]
    return write_table(header, rows)


TABLES: dict[str, Callable[[], str]] = {"data sets": data_sets, "settings": settings}


def update(text: str) -> str:
    """Return the text of the page with the tables between its marks written anew."""
    for name, write in TABLES.items():
        mark, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(mark)
        assert found and end in rest, f"the page has no place for the table {name!r}"
        text = f"{before}{mark}\n{write()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(update(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
