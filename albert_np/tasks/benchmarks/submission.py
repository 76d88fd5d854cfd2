"""The files of answers that the leaderboards take: GLUE's tables, SuperGLUE's JSON lines, SQuAD's predictions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albert_np.data.formats.summary import Examples
from albert_np.io.files import DataError, make_folder, write_whole
from albert_np.tasks.benchmarks.locate import describe_missing, locate
from albert_np.tasks.benchmarks.names import get_benchmark
from albert_np.tasks.benchmarks.prepare import read_split
from albert_np.tasks.benchmarks.record import Benchmark, Split
from albert_np.tasks.benchmarks.scoring import check_trained
from albert_np.tasks.multiple_choice import choice_name
from albert_np.tasks.trained import Trained

DECIMALS = 3  # of the numbers in GLUE's sample submission


def write_submission(name: str | Benchmark, trained: Trained, data: Any, out: str | Path) -> list[Path]:
    """Answer a benchmark's test sets, write the files under their official names into the folder `out`, and return their paths.

    data: the folder of the files; None: the hub. FileNotFoundError if a test set is missing, DataError if its indices do not tell
    its rows apart; nothing is written then.
    """
    record = get_benchmark(name)
    check_trained(record, trained)
    missing = [split for split in record.test if data is not None and locate(record, split, data) is None]
    if missing:
        raise FileNotFoundError(describe_missing(record, missing, data))
    texts = {}
    for split in record.test:
        examples = read_split(record, split, data, labelled=False)
        check_indices(examples)
        answers = trained.task.answers(trained.model, trained.tokenizer, examples)
        texts[split] = format_answers(record, split, examples, answers)
    folder = Path(out)
    make_folder(folder)
    return [write_text(folder / split.submission, text) for split, text in texts.items()]


def check_indices(examples: Examples[Any]) -> None:
    """Raise DataError that names the row if the index of an example is missing, or is that of another one."""
    rows: dict[str, int] = {}
    for row, example in enumerate(examples, start=1):
        if not example.id:
            raise DataError(f"{examples.summary.file}: example {row} has no index, and a submission needs that of each")
        if example.id in rows:
            raise DataError(
                f"{examples.summary.file}: examples {rows[example.id]} and {row} have the same index, {example.id!r}, and a "
                "submission needs an answer to each"
            )
        rows[example.id] = row


def write_text(path: Path, text: str) -> Path:
    """Write a file whole, with line feeds alone, and return its path."""
    write_whole(path, lambda copy: copy.write_text(text, encoding="utf-8", newline="\n"))
    return path


def format_answers(record: Benchmark, split: Split, examples: Sequence[Any], answers: Sequence[dict[str, Any]]) -> str:
    """Return the text of a submission, in the form that the suffix of its name stands for."""
    if split.submission.endswith(".json"):
        predictions = {example.id: format_prediction(answer) for example, answer in zip(examples, answers)}
        return json.dumps(predictions, ensure_ascii=False) + "\n"
    values = [(example.id, format_answer(record, answer)) for example, answer in zip(examples, answers)]
    if split.submission.endswith(".jsonl"):
        lines = [json.dumps({"idx": as_integer(index), "label": value}) for index, value in values]
    else:
        lines = ["index\tprediction", *(f"{index}\t{value}" for index, value in values)]
    return "".join(line + "\n" for line in lines)


def format_prediction(answer: dict[str, Any]) -> str:
    """Return the text of an answer to a question or, of a question with choices, the letter of one."""
    return choice_name(answer["index"]) if "index" in answer else answer["text"]


def format_answer(record: Benchmark, answer: dict[str, Any]) -> str | int:
    """Return the label of an answer, a choice's number from 0; a number is limited to the record's scale."""
    if "index" in answer:
        return int(answer["index"])
    label = answer["label"]
    if record.scale is None:
        return str(label)
    least, greatest = record.scale
    return f"{min(max(float(label), least), greatest):.{DECIMALS}f}"


def as_integer(index: str) -> int | str:
    """Return an index as a number, if it is one."""
    return int(index) if index.isdecimal() else index
