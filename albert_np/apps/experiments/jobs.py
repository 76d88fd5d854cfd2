"""Run a sweep: `run_sweep`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from albert_np.apps.experiments import measure, prepare, process_pool
from albert_np.apps.experiments.file import Sweep
from albert_np.apps.experiments.folder import Run, SweepFolder
from albert_np.apps.experiments.results import collect_results, metric_label
from albert_np.apps.experiments.tables import markdown
from albert_np.data.formats.summary import count_noun
from albert_np.engine.stop import Stop, stop_on_signals
from albert_np.engine.webassembly import refuse_in_webassembly
from albert_np.io.files import write_figures, write_json, write_whole


@dataclass
class Outcome:
    """Result of a sweep. results: the contents of results.json; stopped_by: the name of a signal, or an empty string."""

    results: dict[str, Any]
    stopped_by: str


def run_sweep(sweep: Sweep, out: Path, jobs: int | None, threads: int, print_line: Callable[[str], None]) -> Outcome:
    """Run all unfinished runs and write results.json and results.md to `out`.

    `jobs` runs at a time (None: one per `threads` processors), with `threads` threads each. A run that fails is listed in
    results["failed"], and the others continue. A signal stops all runs; they are resumed when the sweep is started again.

    Raises ValueError for a folder that holds another sweep; FileExistsError, RuntimeError, OSError as `SweepFolder` does;
    RuntimeError if there is no vocabulary, and in WebAssembly, which has no processes.
    """
    refuse_in_webassembly("a sweep", "processes", "start its runs one by one, or run it with a Python of your machine")
    limit = jobs or max(1, process_pool.count_processors() // threads)
    with SweepFolder(out) as folder, stop_on_signals() as stop:
        sweep = add_default_text(sweep, folder, print_line)
        runs, sets = folder.plan(sweep), measure.choose_sets(sweep)
        waiting = [run for run in runs if not run.is_finished(sets)]
        print_line(f"{out}: {count_noun(len(runs), 'run')}, {len(runs) - len(waiting)} finished; {limit} at a time with "
            f"{count_noun(threads, 'thread')} each; their output is in {out / 'runs'}")  # fmt: skip
        failed: dict[str, str] = {}
        if waiting and not stop.signal:
            failed = _train_vocabularies(sweep, folder, limit, threads, stop, print_line)
        if not stop.signal:
            pending = [prepare.make_job(sweep, folder, run) for run in waiting]
            failed = process_pool.run_jobs(pending, limit, threads, stop, print_line, folder.lock)
        return Outcome(write_results(sweep, runs, failed, out), stop.name)


def add_default_text(sweep: Sweep, folder: SweepFolder, print_line: Callable[[str], None]) -> Sweep:
    """Return the sweep with Python's documentation as text of the runs that name no files."""
    if sweep.command.name != "pretrain" or all("files" in each.settings for each in sweep.configurations):
        return sweep
    print_line("the text is Python's documentation")
    files = {"files": [prepare.write_python_text(folder)]}
    configurations = [replace(each, settings={**files, **each.settings}) for each in sweep.configurations]
    return replace(sweep, configurations=configurations)


def _train_vocabularies(
    sweep: Sweep, folder: SweepFolder, limit: int, threads: int, stop: Stop, print_line: Callable[[str], None]
) -> dict[str, str]:
    if sweep.command.name != "pretrain":
        return {}
    folder.prepared.mkdir(exist_ok=True)
    failed = process_pool.run_jobs(prepare.vocabulary_jobs(sweep, folder), limit, threads, stop, print_line, folder.lock)
    if failed:
        raise RuntimeError("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
    return failed


def collect_stored(sweep: Sweep, out: Path) -> dict[str, Any]:
    """Return the results of the finished runs, and write the table again; other runs may still be running.

    FileNotFoundError if there is no sweep in `out`, ValueError if it is another one.
    """
    if not (out / "sweep.json").exists():
        raise FileNotFoundError(f"there is no sweep in {out}")
    folder = SweepFolder(out)  # not entered: nothing is locked
    sweep = add_default_text(sweep, folder, lambda text: None)
    return write_results(sweep, folder.plan(sweep, write=False), {}, out)


def write_results(sweep: Sweep, runs: list[Run], failed: dict[str, str], out: Path) -> dict[str, Any]:
    """Collect the results and write results.json and results.md; `draw_results` adds the figure."""
    results = collect_results(sweep, runs, failed)
    write_json(out / "results.json", results)
    write_whole(out / "results.md", lambda path: path.write_text(markdown(results), encoding="utf-8"))
    return results


def draw_results(results: dict[str, Any], out: Path) -> None:
    """Write results.png, if there is anything to show."""

    def draw() -> dict[str, Any]:
        from albert_np.plots import experiments_figure

        figure = experiments_figure(results, metric_label)
        return {} if figure is None else {"results": figure}

    write_figures(out, draw)
