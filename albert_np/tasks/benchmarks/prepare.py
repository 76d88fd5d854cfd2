"""A benchmark's name and its data, as `finetune` needs them: the task, its examples, and the settings."""

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.data.formats.summary import Examples, FileSummary
from albert_np.models.config import AlbertConfig
from albert_np.tasks import Task, get_task
from albert_np.tasks.benchmarks.hub import read_from_hub
from albert_np.tasks.benchmarks.locate import describe_missing, locate
from albert_np.tasks.benchmarks.record import Benchmark, Split
from albert_np.tasks.benchmarks.settings import describe_settings, get_changes, get_paper_settings, get_settings
from albert_np.tasks.benchmarks.tables import lower_keys, make_examples, read_files, read_located
from albert_np.tasks.task import is_frame

DECIDED = ("kind", "classes", "benchmark")  # options of the task that a benchmark decides


def make_task(record: Benchmark, options: dict[str, Any]) -> Task:
    """Return the task of a benchmark. ValueError for an option that it decides."""
    for name in options:
        if name in DECIDED and record.fields is not None:
            raise ValueError(f"the option {name} cannot be given: {record.name} decides it")
    return get_task(record.name, **options)


def read_split(record: Benchmark, split: Split, data: Any = None, labelled: bool = True) -> Examples[Any]:
    """Return the examples of a split, from the files in the folder `data` or, without it, from the hub.

    labelled: False for a test set, of which every row is an example. FileNotFoundError that says which file belongs where.
    """
    if data is None:
        return read_from_hub(record, split, labelled)
    located = locate(record, split, data)
    if located is None:
        raise FileNotFoundError(describe_missing(record, [split], data))
    if record.fields is None:
        return _read_by_task(record, located.paths[0], labelled)
    return read_located(record, located, labelled)


def read_file(record: Benchmark, path: Any, labelled: bool = True) -> Examples[Any]:
    """Return the examples of a file in the benchmark's layout."""
    return read_files(record, [Path(path)], labelled) if record.fields is not None else _read_by_task(record, path, labelled)


def _read_by_task(record: Benchmark, path: Any, labelled: bool) -> Examples[Any]:
    task = get_task(record.name)
    examples: Examples[Any] = task.read(path) if labelled else task.read_unlabelled(path)  # type: ignore[assignment]
    return examples


@dataclass
class Prepared:
    """All that `finetune` takes from a benchmark."""

    record: Benchmark
    task: Task
    train: Any
    dev: Any
    paper: bool
    changes: dict[str, Any] = field(default_factory=dict)  # fields of the config
    from_table: dict[str, Any] = field(default_factory=dict)  # those of them that were not given

    def settings(
        self, given: dict[str, Any], options: dict[str, Any], config: AlbertConfig, is_new: bool
    ) -> tuple[dict[str, Any], str]:
        """Return the settings from the paper's table beside those that were given, and a line about them, "" if it has none.

        options: those of the task that were given; is_new: the model is not pretrained
        """
        table = self.record.settings
        if table is None:
            return {}, ""
        settings = get_settings(table, self.paper, given, config, is_new)
        length = None if "max_length" in options else self.task.options["max_length"]
        return settings, describe_settings(self.record, settings, self.from_table, given, length)


def prepare(record: Benchmark, task: Task, data: Any, paper: bool, train: Any, dev: Any, changes: dict[str, Any]) -> Prepared:
    """Read a benchmark's examples for training. train, dev: files, or lists of examples, in place of those of `data`.

    ValueError if it has no training examples, or `paper` is asked for and the paper has no settings for it; FileNotFoundError
    that names all files that are missing.
    """
    get_paper_settings(record, paper)
    splits = list_needed(record, data, train, dev)
    if splits or is_path(train) or is_path(dev):
        own = {**task.defaults, **record.task_options()}
        refuse_reading_options(record, task, [name for name, value in task.options.items() if value != own[name]])
    if record.train is None:
        raise ValueError(f"{record.name} has no training examples: score it, or answer it, with a model of {record.model_from}")
    read = _read_splits(record, splits, data)
    train, dev = (read_file(record, given) if is_path(given) else given for given in (train, dev))
    train, dev = read.get(record.train, train), read.get(record.dev[0], dev)
    train, dev = (read_rows(record, task, given, name) for given, name in ((train, "train"), (dev, "dev")))
    from_table = {name: value for name, value in get_changes(record).items() if name not in changes}
    return Prepared(record, task, train, dev, paper, {**from_table, **changes}, from_table)


def read_rows(record: Benchmark, task: Task, given: Any, name: str) -> Any:
    """Return the examples of rows in the benchmark's columns, a DataFrame or dicts, as those of its files; others as they are.

    If options name the columns, the task reads the rows by them.
    """
    rows = given.to_dict("records") if is_frame(given) else given
    if record.fields is None or not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return given
    numbered = [(number, lower_keys(row)) for number, row in enumerate(rows, start=1)]
    if any(task.options[key] is not None for key in ("text", "pair", "label")) or numbered[0][1].keys().isdisjoint(
        record.fields.text
    ):
        return given
    summary = FileSummary(name, "rows with keys", position="row")
    return Examples(make_examples(record, name, numbered, summary, labelled=True), summary)


def is_path(value: Any) -> bool:
    """Return whether examples are given as a file."""
    return isinstance(value, str | os.PathLike)


def refuse_reading_options(record: Benchmark, task: Task, names: Iterable[str]) -> None:
    """Raise ValueError if one of these options is on the reading of files."""
    for name in names:
        if name in task.reading:
            raise ValueError(
                f"the option {name} cannot be given: {record.name} decides how its files are read; the task {record.task} "
                "takes it"
            )


def list_needed(record: Benchmark, data: Any, train: Any, dev: Any) -> list[Split]:
    """Return the splits that nothing was given for. With other training examples, the dev set is that of a folder, if one is."""
    needs_dev = dev is None and (train is None or data is not None)
    return [*([record.train] if train is None and record.train else []), *([record.dev[0]] if needs_dev else [])]


def _read_splits(record: Benchmark, splits: list[Split], data: Any) -> dict[Split, Any]:
    """Return the examples of the splits; without its files, the dev set is left out with a warning."""
    if data is not None:
        missing = [split for split in splits if locate(record, split, data) is None]
        if record.train in missing:
            raise FileNotFoundError(describe_missing(record, missing, data))
        if missing:
            warnings.warn(describe_missing(record, missing, data) + "; without it the last epoch is used, unscored", stacklevel=2)
        splits = [split for split in splits if split not in missing]
    return {split: read_split(record, split, data) for split in splits}
