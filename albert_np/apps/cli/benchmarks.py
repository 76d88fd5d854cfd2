"""Benchmarks at the command line: several data sets in a row, scores of each dev set, and files for the leaderboards."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from albert_np.apps.cli.answers import print_answers, print_answers_to, read_examples
from albert_np.apps.cli.common import (
    exit_after_signal,
    ignore_closed_stdout,
    make_report,
    print_json,
    print_message,
    print_note,
    print_table,
)
from albert_np.apps.cli.trained import load_trained, merge_with_stored_arguments
from albert_np.data.formats.summary import count_noun

if TYPE_CHECKING:
    from albert_np.tasks.benchmarks import Benchmark
    from albert_np.tasks.finetune import Finetuned
    from albert_np.tasks.trained import Trained

CONFIG = "config.json"  # of a model
Scores = Mapping[str, Mapping[str, float]]  # {name of the dev set: {metric: score}}


def find_benchmark(task: str) -> "Benchmark | None":
    """See `albert_np.tasks.benchmarks.find_benchmark`."""
    from albert_np.tasks.benchmarks import find_benchmark

    return find_benchmark(task)


def get_group(task: str) -> "list[Benchmark]":
    """Return the benchmarks of a name such as glue:all, [] for another name."""
    from albert_np.tasks.benchmarks import get_group

    return get_group(task)


def add_version(task: str, version: str | None) -> str:
    """Return the name of a benchmark's version: ("squad", "2.0") -> "squad:2.0"."""
    if version is None and task.lower() == "squad":
        raise typer.BadParameter("squad has two versions: --version 1.1 or --version 2.0")
    if version is None:
        return task
    if task.lower() != "squad":
        raise typer.BadParameter(f"--version is for squad, not for {task}")
    return f"squad:{version}"


def refuse_data(task: str, data: str | None, out: str | None) -> None:
    """Raise BadParameter for an option that only a benchmark has."""
    for option, value in (("--data", data), ("--out", out)):
        if value is not None:
            raise typer.BadParameter(f"{option} is for a benchmark, such as glue:mrpc, and {task} is a task")


def get_short_name(record: "Benchmark") -> str:
    """Return "mrpc" for "glue:mrpc": the name of its folder in that of a group."""
    return record.name.partition(":")[2]


# ---- one benchmark ----


def read_to_score(task: str, trained: "Trained", files: list[str] | None, data: str | None, silent: bool) -> dict[str, list[Any]]:
    """Return {file, or name of the dev set: its examples}; print on stderr how they were read."""
    record = find_benchmark(task)
    if record is None:
        refuse_data(task, data, None)
        return {file: read_examples(trained, file, silent) for file in files or []}
    from albert_np.tasks.benchmarks.prepare import read_file, refuse_reading_options
    from albert_np.tasks.benchmarks.scoring import check_trained, read_dev

    refuse_reading_options(record, trained.task, trained.task.changed)
    check_trained(record, trained)
    read = {file: read_file(record, file) for file in files} if files else read_dev(record, data)
    for examples in read.values():
        examples.summary.labels = trained.task.describe_labels(examples)
        if not silent:
            print_message(examples.summary.describe())
    return dict(read)


def print_official_score(task: str, scores: Scores) -> None:
    """Print the official metrics of a benchmark; nothing for a task."""
    from albert_np.training.metrics import format_score

    record = find_benchmark(task)
    if record is None:
        return
    for name, each in scores.items():
        values = " ".join(f"{metric} {format_score(each[metric])}" for metric in record.metrics)
        print(f"{record.title}, {name}: {values}{describe_mean(record, {name: each})}")


def describe_mean(record: "Benchmark", scores: Scores) -> str:
    """Return ", mean 0.81" for a benchmark with several metrics."""
    from albert_np.tasks.benchmarks.scoring import official_score
    from albert_np.training.metrics import format_score

    is_averaged = record.group and len(record.metrics) > 1
    return f", mean {format_score(official_score(record, scores.values()))}" if is_averaged else ""


def score_others(task: str, done: "Finetuned", given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the scores of the best epoch on the dev sets that did not choose it, such as MNLI's second one.

    given: the arguments of `finetune`; {} if they name other files, or the run has no scores
    """
    from albert_np.tasks.benchmarks.prepare import read_split
    from albert_np.tasks.benchmarks.scoring import get_dev_splits

    record, data = find_benchmark(task), given.get("data")
    if record is None or len(record.dev) < 2 or not done.scores or done.stopped_by:
        return {}
    if given.get("train") is not None or given.get("dev") is not None:
        return {}
    others = [split for split in get_dev_splits(record, data) if split is not record.dev[0]]
    return {split.name: done.trained.evaluate(read_split(record, split, data)) for split in others}


def predict(
    task: str,
    trained: "Trained",
    texts: list[str] | None,
    file: str | None,
    data: str | None,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Answer texts, or a file in the benchmark's layout; without either, answer the test sets and write the submission."""
    from albert_np.tasks.benchmarks.prepare import read_file, refuse_reading_options
    from albert_np.tasks.benchmarks.scoring import check_trained
    from albert_np.tasks.benchmarks.submission import write_submission

    record = find_benchmark(task)
    assert record is not None
    if not texts:
        refuse_reading_options(record, trained.task, trained.task.changed)
    check_trained(record, trained)
    if texts:
        print_answers(trained, texts, None, as_json, quiet)
    elif file is not None:
        examples = read_file(record, file, labelled=False)
        if not quiet:
            print_message(examples.summary.describe())
        print_answers_to(trained, examples, as_json)
    else:
        print_files(write_submission(record, trained, data, out), as_json, quiet)


def print_files(paths: Sequence[Path], as_json: bool, quiet: bool) -> None:
    """Print the paths of a submission."""
    if as_json:
        print_json({"files": [str(path) for path in paths]})
    elif not quiet:
        for path in paths:
            print(path)


# ---- all data sets of a group ----


def find_data(group: "list[Benchmark]", data: str | None, test: bool = False) -> "list[Benchmark]":
    """Return the benchmarks whose files are there, and name those whose files are missing on stderr.

    test: their test sets are needed, not those for training. FileNotFoundError if none is there; ValueError without the folder
    and the hub.
    """
    from albert_np.tasks.benchmarks.hub import import_datasets
    from albert_np.tasks.benchmarks.locate import describe_missing, locate

    if data is None:
        import_datasets(group[0])
        return group
    messages = {}
    for record in group:
        wanted = record.test if test else (*([record.train] if record.train else []), *record.dev)
        missing = [split for split in wanted if locate(record, split, data) is None]
        if missing:
            messages[record.name] = describe_missing(record, missing, data)
    there = [record for record in group if record.name not in messages]
    if len(messages) == len(group):
        raise FileNotFoundError(
            f"none of {', '.join(record.name for record in group)} is in {data}: {next(iter(messages.values()))}"
        )
    if messages:
        names = ", ".join(record.title for record in group if record.name in messages)
        print_note(f"left out, since {data} lacks their {'test sets' if test else 'files'}: {names} (docs/glue.md has the names)")
    return there


def refuse_in_group(task: str, **given: Any) -> None:
    """Raise BadParameter for an argument that is for one data set, {its name: its value}, such as --file."""
    for name, value in given.items():
        if value:
            shown = name.upper() if name in ("texts", "files") else "-o" if name == "options" else f"--{name}"
            raise typer.BadParameter(f"{shown} cannot be given: {task} stands for several data sets; name one, such as glue:mrpc")


def finetune_group(
    task: str, group: "list[Benchmark]", out: Path, given: dict[str, Any], resume: bool, as_json: bool, quiet: bool
) -> None:
    """Train a model for each data set, one after the other, into out/NAME, and print the table of their scores.

    The curves for TensorBoard are in a folder NAME as well.
    """
    from albert_np.engine.mpi import world
    from albert_np.io.files import write_json
    from albert_np.tasks.finetune import finetune, new_folder
    from albert_np.tasks.finetune_folder import FILE

    for name in ("train", "dev"):
        if name in given:
            raise typer.BadParameter(f"--{name} is for one data set, and {task} stands for several: --data names their folder")
    curves = given.get("tensorboard")  # a folder in it for each data set
    if resume:
        started = [record for record in group if (out / get_short_name(record) / FILE).is_file()]
        if not started:
            raise FileNotFoundError(f"there is no run to resume in {out}: none of its folders has {FILE}")
        given = merge_with_stored_arguments(started[0].name, out / get_short_name(started[0]), given)
        curves = curves or (Path(given["tensorboard"]).parent if given.get("tensorboard") else None)
    else:
        new_folder(out)
    there = find_data(group, given.get("data"))
    scores: dict[str, dict[str, Any]] = {}
    for record in there:
        folder = out / get_short_name(record)
        again = resume and (folder / FILE).is_file()
        arguments = merge_with_stored_arguments(record.name, folder, given) if again else given
        if not (quiet or as_json):
            print_message(f"{record.title}: {folder}")
        if curves is not None:
            arguments = {**arguments, "tensorboard": str(Path(curves) / get_short_name(record))}
        done = finetune(record.name, out=folder, report=make_report(quiet or as_json), resume=again, **arguments)
        if done.stopped_by:
            raise exit_after_signal(done.stopped_by, f"finetune {task}", out, f"saved; {record.title} is not finished")
        scores[record.name] = {record.dev[0].name: done.mean, **score_others(record.name, done, given)}
    result = summarize_group(group, scores)
    if world().is_main:
        write_json(out / "scores.json", result)
    with ignore_closed_stdout():
        print_group(task, group, scores, result, as_json, quiet)


def evaluate_group(
    task: str, group: "list[Benchmark]", model: Path, data: str | None, backend: str | None, as_json: bool, quiet: bool
) -> None:
    """Score the models in the folder of a group, and print the table."""
    from albert_np.tasks.benchmarks.scoring import evaluate

    scores = {record.name: evaluate(record, trained, data) for record, trained in load_group(group, model, data, backend)}
    print_group(task, group, scores, summarize_group(group, scores), as_json, quiet)


def submit_group(
    group: "list[Benchmark]", model: Path, data: str | None, out: str | None, backend: str | None, as_json: bool, quiet: bool
) -> None:
    """Write the files for the leaderboard: those of each data set, and of the sets that its models answer as well."""
    from albert_np.tasks.benchmarks import BENCHMARKS
    from albert_np.tasks.benchmarks.submission import write_submission

    more = [record for record in BENCHMARKS.values() if record.model_from in {each.name for each in group}]
    folder = Path(out) if out else model / "submission"
    paths: list[Path] = []
    for record, trained in load_group([*group, *more], model, data, backend, test=True):
        paths += write_submission(record, trained, data, folder)
    print_files(paths, as_json, quiet)


def load_group(
    group: "list[Benchmark]", model: Path, data: str | None, backend: str | None, test: bool = False
) -> "Iterator[tuple[Benchmark, Trained]]":
    """Yield the data sets whose files and models are there; name the others on stderr. FileNotFoundError if none is there."""
    from albert_np.tasks.benchmarks import get_benchmark

    there = find_data(group, data, test)
    folders = {
        record.name: model / get_short_name(get_benchmark(record.model_from) if record.model_from else record) for record in there
    }
    missing = [record.title for record in there if not (folders[record.name] / CONFIG).is_file()]
    if missing and len(missing) < len(there):
        print_note(f"left out, since {model} has no model for them: {', '.join(missing)}")
        there = [record for record in there if record.title not in missing]
    for record in there:
        yield record, load_trained(str(folders[record.name]), record.name, backend)


def summarize_group(group: "list[Benchmark]", scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Return the scores, the mean of those that are there, and the names of the data sets that it lacks, as JSON values."""
    from albert_np.tasks.benchmarks.scoring import mean_score, official_score
    from albert_np.training.finetune import numeric_scores

    shares = {record.name: official_score(record, scores[record.name].values()) for record in group if is_scored(record, scores)}
    mean, missing = mean_score(shares, group)
    details = {name: {split: numeric_scores(dict(each)) for split, each in of_split.items()} for name, of_split in scores.items()}
    return {"scores": details, "official": shares, "mean": mean, "missing": missing}


def is_scored(record: "Benchmark", scores: Mapping[str, Scores]) -> bool:
    """Return whether there are scores of a data set: it has a dev set."""
    return record.name in scores and all(scores[record.name].values())


def print_group(
    task: str, group: "list[Benchmark]", scores: Mapping[str, Scores], result: dict[str, Any], as_json: bool, quiet: bool
) -> None:
    """Print the table of a group: each dev set with its official metrics, and the mean as the leaderboard forms it."""
    from albert_np.tasks.benchmarks.scoring import official_score
    from albert_np.training.metrics import format_score

    if as_json:
        print_json({"task": task, **result})
        return
    if quiet:
        return
    rows = []
    for record in group:
        for name, each in scores.get(record.name, {}).items():
            title = f"{record.title} {name.removeprefix('dev_')}" if len(record.dev) > 1 else record.title
            values = " / ".join(format_score(each[metric]) for metric in record.metrics) if each else "not scored"
            share = format_score(official_score(record, [each])) if each else ""
            rows.append([title, " / ".join(record.metrics), values, share])
    print_table(["", "metric", "score", "mean"], rows)
    known, missing = len(result["official"]), result["missing"]
    of = (
        f"the {count_noun(known, 'data set')}"
        if not missing
        else f"{known} of {len(group)} data sets, without {', '.join(missing)}"
    )
    print(f"mean of {of}: {format_score(result['mean'])}")
    shares = {name: value for name, value in result["official"].items() if name != "glue:wnli"}
    if not missing and len(shares) < known:
        print(f"without WNLI, as many papers give it: {format_score(statistics.fmean(shares.values()))}")
