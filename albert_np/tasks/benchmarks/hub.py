"""The examples of a benchmark from the hub, by the package `datasets`."""

from typing import Any

from albert_np.data.formats.squad import Question
from albert_np.data.formats.summary import Examples, FileSummary
from albert_np.tasks import get_task
from albert_np.tasks.benchmarks.record import Benchmark, Split
from albert_np.tasks.benchmarks.tables import Row, lower_keys, make_examples


def import_datasets(record: Benchmark) -> Any:
    """Return the package `datasets`. ValueError that names both ways to the data if it is not installed."""
    try:
        import datasets
    except ImportError:
        name, config = record.hub
        raise ValueError(
            f"{record.name} needs its data: give the folder with the files of {record.title} as `data` ({record.source}), or "
            f"pip install 'albert_np[datasets]' to read {name} ({config}) from the hub"
        ) from None
    return datasets


def read_from_hub(record: Benchmark, split: Split, labelled: bool = True) -> Examples[Any]:
    """Return the examples of a split of the hub's data set, or of its cache. OSError that names it if it cannot be loaded."""
    datasets = import_datasets(record)
    name, config = record.hub
    file = f"{name} ({config}, {split.hub})"
    if not split.hub:
        raise ValueError(
            f"{record.name}: the hub does not have the labels of {split.name}: give the folder with its file as `data`"
        )
    try:
        table = datasets.load_dataset(name, config, split=split.hub)
    except Exception as error:  # the package's own errors, and those of every library below it
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OSError(f"{file} cannot be loaded from the hub: {reason}; or give a folder as `data`") from error
    rows: list[Row] = [(number, lower_keys(row)) for number, row in enumerate(table, start=1)]
    summary = FileSummary(file, "from the hub", position="row")
    if record.task == "question-answering":
        return Examples([make_question(row) for _, row in rows], summary)
    if record.fields is None:
        return Examples(get_task(record.name).examples([row for _, row in rows], file), summary)
    return Examples(make_examples(record, file, rows, summary, labelled), summary)


def make_question(row: dict[str, Any]) -> Question:
    """Return the question of a row of SQuAD on the hub."""
    answers = row["answers"]
    pairs = tuple(zip(answers["text"], answers["answer_start"]))
    return Question(str(row["id"]), row["question"], row["context"], pairs, str(row.get("title") or ""))
