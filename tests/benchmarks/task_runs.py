"""The runs of tasks.py: each in a process of its own, resumed where it was stopped, its scores stored as soon as it has ended.

WORK/start/int8            the model with int8 weights, which the side `int8` starts from
WORK/runs/CASE-SIDE-SEED   the folder of the fine-tuning while it lasts; .json: its scores; .log: its output; .made-with.json:
                           the settings and the model that both are made with

python tests/benchmarks/task_runs.py CASE SIDE SEED --start MODEL --work WORK     one run
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import threading
import time
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

import tasks

import albert_np as ab
from albert_np.apps.experiments.process_pool import Job, run_jobs
from albert_np.apps.mini_en.package import write_weights
from albert_np.compress.job import Plan, compress_model
from albert_np.engine.environment import describe_environment
from albert_np.engine.stop import Stop, stop_on_signals
from albert_np.io.files import read_json, sha256, write_json
from albert_np.training import Progress
from albert_np.training.finetune import numeric_scores

LONG, FEW = 30.0, 3  # minutes of a run, and the number of seeds of cases with longer ones
STOPPED = 130  # exit code of a run that was stopped, and saved


# ---- all runs


def measure(given: Namespace) -> int:
    """Make the runs that are missing in given.out, in the order given; return the exit code."""
    data = Path(os.environ["ALBERT_NP_DATA"]) / "tasks"
    (given.work / "runs").mkdir(parents=True, exist_ok=True)
    results = open_results(given.out, describe_model(given.model))
    if "int8" in given.sides and not prepare_int8(given.model, given.work / "start" / "int8"):
        print(f"{given.model} has int8 weights already: the side `pretrained` starts from them, and there is no side `int8`")
        given.sides = [side for side in given.sides if side != "int8"]
    tasks.prepare(data, given.work, given.cases)
    if "continuations" in given.cases:
        tasks.make_continuations(data.parent / "corpus", given.work)
    planned = plan(given.cases, given.sides, given.seeds)
    runs = [run for run in planned if not is_finished(results, *run) and not take_scores(given, *run)]
    print(f"{given.out}: {len(runs)} runs to make, {given.workers} at a time with {given.threads} thread(s) each", flush=True)
    with stop_on_signals() as stop:
        timer = stop_after(given.minutes, stop)
        failed = run_jobs([make_job(given, *run) for run in runs], given.workers, given.threads, stop, print_line)
        timer.cancel()
    return 1 if failed else STOPPED if stop.signal and given.minutes is None else 0


def print_line(text: str) -> None:
    print(text, flush=True)


def plan(cases: list[str], sides: list[str], seeds: int | None) -> list[tuple[str, str, int]]:
    """Return (case, side, seed) of each run: one side of all cases after the other."""
    return [
        (name, side, seed)
        for side in sides
        for name in cases
        if side == "scratch" or not tasks.CASES[name].scratch
        for seed in range(seeds or tasks.CASES[name].seeds)
    ]


def stop_after(minutes: float | None, stop: Stop) -> threading.Timer:
    """Return a timer that has the runs stopped as a signal does; without minutes it is not started."""
    import signal

    timer = threading.Timer(60 * (minutes or 0), lambda: setattr(stop, "signal", signal.SIGTERM))
    timer.daemon = True
    if minutes is not None:
        timer.start()
    return timer


def describe_model(folder: Path) -> dict[str, Any]:
    """Return what identifies a pretrained model, and its size; how it was pretrained, if that is stored beside it."""
    config = ab.AlbertConfig.from_pretrained(folder)
    model = ab.AlbertForPreTraining(config, seed=0)
    sizes = ["vocab_size", "embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"]
    about = {"sha256": sha256(folder / "model.safetensors"), "parameters": model.params.count()}
    about |= {name: getattr(config, name) for name in sizes}
    if (folder / "run.json").exists():
        run = read_json(folder / "run.json")
        about |= {key: run[key] for key in ("settings", "data") if key in run}
    return about


def open_results(path: Path, model: dict[str, Any]) -> dict[str, Any]:
    """Return the stored results, or new ones. SystemExit if they are of another model."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"model": model, "cases": {}})
    results = read_json(path)
    if results.get("model", {}).get("sha256") != model["sha256"]:
        raise SystemExit(f"{path} has the scores of another model; name another file with --out")
    return results


def prepare_int8(model: Path, out: Path) -> bool:
    """Write the model with int8 weights. Return False if it has them already."""
    if (model / "config.json").exists() and read_json(model / "config.json").get("compressed"):
        return False
    if not (out / "tokenizer_config.json").exists():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(left out|afresh)")
            whole = ab.AlbertForPreTraining.from_pretrained(model)
        write_weights(whole, "int8", out)
        ab.AlbertTokenizer.from_pretrained(model).save_pretrained(out)
    return True


def is_finished(results: dict[str, Any], name: str, side: str, seed: int) -> bool:
    """Return whether the results have this run, with the present settings of the case."""
    found = results["cases"].get(name, {}).get(side, {})
    return str(seed) in found.get("runs", {}) and found["settings"] == as_stored(tasks.CASES[name].get_settings(side))


def as_stored(value: Any) -> Any:
    """Return a value as it is read from JSON."""
    return json.loads(json.dumps(value))


def take_scores(given: Namespace, name: str, side: str, seed: int) -> bool:
    """Add the scores of a run that ended after the program which started it. Return False if there are none."""
    file = given.work / "runs" / f"{run_name(name, side, seed)}.json"
    start = find_start(given.work, given.model, side)
    if not file.exists() or made_with(file) != describe_start(name, side, start) or "skipped" in read_json(file):
        return False
    add_run(given.out, name, side, seed, as_stored(tasks.CASES[name].get_settings(side)), read_json(file))
    return True


def find_start(work: Path, model: Path, side: str) -> Path:
    """Return the folder of the model that a side starts from, or whose sizes it has."""
    return work / "start" / "int8" if side == "int8" else model


def describe_start(name: str, side: str, start: Path) -> Any:
    """Return what a run is made with."""
    return as_stored({"settings": tasks.CASES[name].get_settings(side), "start": sha256(start / "model.safetensors")})


def made_with(file: Path) -> Any:
    """Return what the stored run was made with; None if there is none."""
    about = file.with_suffix(".made-with.json")
    return read_json(about) if about.exists() else None


def run_name(name: str, side: str, seed: int) -> str:
    return f"{name.replace(':', '-')}-{side}-{seed}"


def make_job(given: Namespace, name: str, side: str, seed: int) -> Job:
    """Return the job of a run, which adds its scores to the results when it has ended."""
    start = find_start(given.work, given.model, side)
    file = given.work / "runs" / f"{run_name(name, side, seed)}.json"
    settings = as_stored(tasks.CASES[name].get_settings(side))

    def finish() -> str:
        found = read_json(file)
        if "skipped" in found:
            return str(found["skipped"])
        add_run(given.out, name, side, seed, settings, found)
        score, minutes = found["run"].get("test", found["run"]["dev"]), found["run"]["minutes"]
        return f"{found['metric']} {score:.4f}, with int8 weights {found['run']['int8']:.4f}, {minutes:.1f} minutes of training"

    command = [__file__, name, side, str(seed), "--start", start, "--work", given.work]
    words = [*map(str, command), *(["--low-priority"] if given.low_priority else [])]
    return Job(run_name(name, side, seed), [words], file.with_suffix(".log"), finish)


def add_run(path: Path, name: str, side: str, seed: int, settings: dict[str, Any], found: dict[str, Any]) -> None:
    """Add the scores of a run to the results. Runs with other settings, or of another number of examples, are dropped."""
    results = read_json(path)
    stored = results["cases"].setdefault(name, {}).get(side, {})
    same = stored.get("settings") == settings and stored.get("examples") == found["examples"]
    runs = {**(stored["runs"] if same else {}), str(seed): found["run"]}
    about = {key: found[key] for key in ("metric", "examples", "baselines")}
    results["cases"][name][side] = {
        **about,
        "settings": settings,
        "runs": dict(sorted(runs.items(), key=lambda run: int(run[0]))),
    }
    order = [each for each in tasks.CASES if each in results["cases"]]
    results["cases"] = {each: results["cases"][each] for each in order}
    write_json(path, results)


# ---- one run


def run_once(name: str, side: str, seed: int, start: str, data: Path, work: Path) -> dict[str, Any] | None:
    """Fine-tune and score one side of a case with one seed -> its scores; None if it was stopped, and saved."""
    case, out = tasks.CASES[name], work / "runs" / run_name(name, side, seed)
    settings = case.get_settings(side)
    files: dict[str, Any] = {"train": tasks.place(case.train, data, work), "dev": tasks.place(case.dev, data, work)}
    if case.data:
        files = {"data": data / case.data}
    model = case.scratch or dict(model=start, from_scratch=side == "scratch", changes=case.get_changes())
    given = {key: value for key, value in settings.items() if key != "dropout"}
    began = time.process_time()
    done = ab.finetune(
        case.task, out=out, options=dict(case.options), seed=seed, report=Progress(), resume=(out / "run.json").exists(),
        **{**files, **model, **given},
    )  # fmt: skip
    if done.stopped_by:
        return None
    trained, metric = done.trained, done.trained.task.metric
    small = ab.Trained(trained.task, compress_model(trained.model, Plan(weights="int8")).model, trained.tokenizer)
    run: dict[str, Any] = {"dev": done.scores[0][metric], "epoch": done.history.best}
    examples = {"dev": len(done.held), "train": sum(file["examples"] for file in done.files[:1]) if done.files else None}
    baselines = {key: scores[metric] for key, scores in done.baselines.items()}
    if case.untrained:
        new = type(trained.model)(trained.model.config, seed=0)
        baselines["an untrained model"] = ab.Trained(trained.task, new, trained.tokenizer).evaluate(done.held)[metric]
    held: Any = done.held
    if case.test:
        held = trained.task.read(tasks.place(case.test, data, work))
        run["test_all"] = numeric_scores(trained.evaluate(held))
        run["test"] = run["test_all"][metric]
        train = trained.task.read(tasks.place(case.train, data, work))
        baselines = {key: trained.task.score(held, each)[metric] for key, each in trained.task.baselines(train, held).items()}
        examples["test"] = len(held)
    steps = done.history.steps
    run |= {
        "int8": small.evaluate(held)[metric], "all": numeric_scores(done.scores[0]),
        "curve": [record["dev"][metric] for record in done.history.epochs],
        "minutes": round(steps[-1]["seconds"] / 60, 2), "tokens": sum(step["tokens"] for step in steps),
        "cpu_minutes_of_last_piece": round((time.process_time() - began) / 60, 2),
        "environment": describe_environment(),
    }  # fmt: skip
    return {"metric": metric, "examples": examples, "baselines": baselines, "run": run}


def reason_to_skip(name: str, side: str, seed: int, work: Path) -> str:
    """Return why there is no such run: the case takes more than half an hour, and has had enough seeds."""
    if seed < FEW:
        return ""
    files = [work / "runs" / f"{run_name(name, side, each)}.json" for each in range(FEW)]
    minutes = [read_json(file)["run"]["minutes"] for file in files if file.exists() and "run" in read_json(file)]
    if not minutes or statistics.fmean(minutes) <= LONG:
        return ""
    return f"left out, since a run takes {statistics.fmean(minutes):.0f} minutes: {FEW} seeds are enough"


def lower_priority() -> None:
    """Give way to all other programs, those of other sessions too, where the system groups processes by session."""
    os.nice(19)
    group = Path("/proc/self/autogroup")
    if group.exists():
        group.write_text("19")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("case", choices=list(tasks.CASES))
    parser.add_argument("side", choices=tasks.SIDES)
    parser.add_argument("seed", type=int)
    parser.add_argument("--start", required=True, help="the folder of the pretrained model")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--low-priority", action="store_true")
    given = parser.parse_args()
    if given.low_priority:
        lower_priority()
    run = given.case, given.side, given.seed
    file = given.work / "runs" / f"{run_name(*run)}.json"
    if reason := reason_to_skip(*run, given.work):
        write_json(file, {"skipped": reason})
        return 0
    if made_with(file) != (about := describe_start(given.case, given.side, Path(given.start))):
        shutil.rmtree(file.with_suffix(""), ignore_errors=True)
        file.unlink(missing_ok=True)
        write_json(file.with_suffix(".made-with.json"), about)
    found = run_once(*run, given.start, Path(os.environ["ALBERT_NP_DATA"]) / "tasks", given.work)
    if found is None:
        return STOPPED
    write_json(file, found)
    shutil.rmtree(file.with_suffix(""), ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
