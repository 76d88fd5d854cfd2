"""The scores of a trained model on a benchmark, and the mean over several, as GLUE's leaderboard forms it."""

import statistics
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from albert_np.data.formats.summary import Examples
from albert_np.tasks.benchmarks.locate import locate
from albert_np.tasks.benchmarks.names import get_benchmark
from albert_np.tasks.benchmarks.prepare import read_split
from albert_np.tasks.benchmarks.record import Benchmark, Split
from albert_np.tasks.inferred import UNNAMED
from albert_np.tasks.trained import Trained

Scores = Mapping[str, float]


def check_trained(record: Benchmark, trained: Trained) -> None:
    """Make a model's answers those of a benchmark: labels without names get the record's, in the order of the hub's ids.

    ValueError if the model is for another task, or has other labels.
    """
    name, options = trained.task.name, trained.task.options
    if name != record.task:
        raise ValueError(f"the model was trained for the task {name!r}, and {record.name} is {record.task!r}")
    if record.fields is None:
        return
    kind = "classes" if record.labels else "number"
    own = options["labels"] or []
    if options["kind"] == kind and record.labels and len(own) == len(record.labels) and all(map(UNNAMED.fullmatch, own)):
        options["labels"] = own = list(record.hub_labels)
        warnings.warn(
            f"the model's labels have no names: taken for {', '.join(own)}, in the order of the hub's ids", stacklevel=2
        )
    if options["kind"] != kind or set(own) != set(record.labels):
        source = f"{options['benchmark']}, with " if options["benchmark"] else ""
        has = f"the labels {', '.join(own)}" if own else "numbers for labels"
        wants = f"the labels {', '.join(record.labels)}" if record.labels else "numbers"
        raise ValueError(f"the model was trained on {source}{has}, and {record.name} has {wants}")
    if options["benchmark"] not in (None, record.name, record.model_from):
        warnings.warn(f"the model was trained on {options['benchmark']}, and is used for {record.name}", stacklevel=2)
    options["metric"] = list(record.metrics)


def get_dev_splits(record: Benchmark, data: Any) -> list[Split]:
    """Return the dev sets that there are in the folder `data`, or on the hub; at least the first one."""
    found = [split for split in record.dev if (bool(split.hub) if data is None else locate(record, split, data) is not None)]
    return found or [record.dev[0]]


def read_dev(record: Benchmark, data: Any = None) -> dict[str, Examples[Any]]:
    """Return {name of the dev set: its examples}."""
    return {split.name: read_split(record, split, data) for split in get_dev_splits(record, data)}


def evaluate(name: str | Benchmark, trained: Trained, data: Any = None) -> dict[str, dict[str, Any]]:
    """Return {name of the dev set: scores} of a trained model. Data and errors are those of `read_split`."""
    record = get_benchmark(name)
    check_trained(record, trained)
    return {split: trained.evaluate(examples) for split, examples in read_dev(record, data).items()}


def official_score(record: Benchmark, scores: Iterable[Scores]) -> float:
    """Return a benchmark's share of an average: the mean of its metrics, over all of its dev sets."""
    return statistics.fmean(statistics.fmean(each[name] for name in record.metrics) for each in scores)


def mean_score(scores: Mapping[str, float], records: Sequence[Benchmark]) -> tuple[float, list[str]]:
    """Return the mean of the scores, and the names of the benchmarks that lack one. scores: {name: official score}"""
    missing = [record.name for record in records if record.name not in scores]
    return statistics.fmean(scores.values()) if scores else 0.0, missing
