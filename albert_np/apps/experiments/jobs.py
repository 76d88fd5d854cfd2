"""A sweep from its plan to its table: `run_sweep`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from albert_np.apps.experiments import measure, prepare, side
from albert_np.apps.experiments.file import Sweep
from albert_np.apps.experiments.folder import Run, SweepFolder
from albert_np.apps.experiments.results import collected, markdown, name_of
from albert_np.engine.stop import stop_on_signals
from albert_np.io.files import write_figures, write_json, write_whole


@dataclass
class Done:
    """results: what results.json holds · stopped_by: a signal's name, or "" """

    results: dict[str, Any]
    stopped_by: str


def run_sweep(sweep: Sweep, out: Path, jobs: int | None, threads: int, say: Callable[[str], None]) -> Done:
    """Run what is not finished yet, `jobs` at a time with `threads` threads each (None: as many as there are processors for), and
    leave results.json, results.md and results.png in `out`.

    A run that fails is among results["failed"], and the others go on. A signal stops all of them; what was running goes on when
    the sweep is begun again.

    Raises ValueError for a folder that holds another sweep; FileExistsError, RuntimeError, OSError as `SweepFolder` does;
    RuntimeError if there is no vocabulary.
    """
    at_once = jobs or max(1, side.processors() // threads)
    with SweepFolder(out) as folder, stop_on_signals() as stop:
        sweep = with_text(sweep, folder, say)
        runs, asked = folder.plan(sweep), measure.sets(sweep)
        waiting = [run for run in runs if not run.finished(asked)]
        say(f"{out}: {len(runs)} runs, {len(runs) - len(waiting)} finished; {at_once} at a time with {threads} thread"
            f"{'s' if threads > 1 else ''} each; what they say is in {out / 'runs'}")  # fmt: skip
        failed: dict[str, str] = {}
        if waiting and not stop.signal:
            failed = _prepared(sweep, folder, at_once, threads, stop, say)
        if not stop.signal:
            failed = side.run([prepare.job(sweep, folder, run) for run in waiting], at_once, threads, stop, say, folder.lock)
        return Done(written(sweep, runs, failed, out), stop.name)


def with_text(sweep: Sweep, folder: SweepFolder, say: Callable[[str], None]) -> Sweep:
    """The same with Python's text for the runs that name no files."""
    if sweep.command.name != "pretrain" or all("files" in each.settings for each in sweep.configurations):
        return sweep
    say("the text is that of Python's own documentation")
    files = {"files": [prepare.python_text(folder)]}
    each = [replace(c, settings={**files, **c.settings}) for c in sweep.configurations]
    return replace(sweep, configurations=each)


def _prepared(sweep: Sweep, folder: SweepFolder, at_once: int, threads: int, stop: Any, say: Any) -> dict[str, str]:
    if sweep.command.name != "pretrain":
        return {}
    folder.prepared.mkdir(exist_ok=True)
    failed = side.run(prepare.vocabularies(sweep, folder), at_once, threads, stop, say, folder.lock)
    if failed:
        raise RuntimeError("; ".join(f"{name}: {why}" for name, why in failed.items()))
    return failed


def again(sweep: Sweep, out: Path) -> dict[str, Any]:
    """The results of what is finished, also while others still run; table and figure are drawn anew.

    FileNotFoundError if no sweep is there, ValueError if it is another one.
    """
    if not (out / "sweep.json").exists():
        raise FileNotFoundError(f"there is no sweep in {out}")
    folder = SweepFolder(out)  # not entered: nothing is locked
    sweep = with_text(sweep, folder, lambda text: None)
    return written(sweep, folder.plan(sweep, write=False), {}, out)


def written(sweep: Sweep, runs: list[Run], failed: dict[str, str], out: Path) -> dict[str, Any]:
    """The results, and their three files."""
    from albert_np.plots import experiments_figure

    results = collected(sweep, runs, failed)
    write_json(out / "results.json", results)
    write_whole(out / "results.md", lambda path: path.write_text(markdown(results), encoding="utf-8"))
    write_figures(out, lambda: {"results": figure} if (figure := experiments_figure(results, name_of)) else {})
    return results
