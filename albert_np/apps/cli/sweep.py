"""albert-np sweep: many runs of pretrain or finetune, compared."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albert_np.apps.cli.common import JsonOption, QuietOption, give, say, table

if TYPE_CHECKING:
    from albert_np.apps.experiments import Sweep

RESULTS = "results.json"


def sweep(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE.toml|RECIPE", help="A file that describes the runs, or a recipe (--list).")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The sweep's folder [sweeps/NAME].", show_default=False)] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Runs at a time [processors / threads].", show_default=False)
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each run.")] = 1,
    corpus: Annotated[
        list[Path] | None,
        typer.Option("--corpus", help="Text to pretrain on; once for each file [the sweep's, or the demonstration's]."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of all runs: --set steps=2000")
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", metavar="0,1,2", help="Seeds, instead of the file's.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="The recipes that come with albert_np.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the file: a recipe to start from.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and list the runs; run nothing.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="Print the table of what is finished; run nothing.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run configurations x seeds, several at a time, and compare them: one table, one figure.

    Each run is a process with a folder of its own. What fails is told at the end (exit code 1), and the rest goes on. Ctrl-C lets
    the runs save and ends; the same command again goes on, and may have more configurations or seeds by then.

    Example: albert-np sweep sharing --set steps=300 --seeds 0,1   (albert-np sweep sharing --show: what such a file looks like)
    """
    if list_:
        _list(as_json)
        return
    if file is None:
        raise typer.BadParameter("Missing argument 'FILE.toml|RECIPE'; albert-np sweep --list names the recipes.")
    path = _found(file)
    if show:
        print(path.read_text(encoding="utf-8"), end="")
        return
    from albert_np.apps.experiments import read_sweep

    found = read_sweep(path, _overrides(set_, corpus), _numbers(seeds))
    out = out or Path("sweeps") / found.name
    if dry_run:
        _plan(found, as_json)
    elif as_table:
        _stored(found, out, as_json)
    else:
        _run(found, out, jobs, threads, as_json, quiet)


def _found(name: str) -> Path:
    """The file of this name, or the recipe."""
    from albert_np.apps.experiments import recipes
    from albert_np.io.config_files import unknown_key

    if Path(name).is_file():
        return Path(name)
    if name in (known := recipes()):
        return known[name]
    hint = unknown_key(name, known).partition(";")[2]
    raise FileNotFoundError(f"there is no file {name!r}, and no such recipe ({', '.join(known)}){';' + hint if hint else ''}")


def _overrides(pairs: list[str] | None, corpus: list[Path] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, text = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"--set takes KEY=VALUE, not {pair!r}")
        try:
            found[key.strip()] = json.loads(text)
        except json.JSONDecodeError:
            found[key.strip()] = text
    if corpus:
        found["files"] = [str(path) for path in corpus]
    return found


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"--seeds takes numbers such as 0,1,2, not {text!r}") from None


def _list(as_json: bool) -> None:
    from albert_np.apps.experiments import read_sweep, recipes

    found = {name: read_sweep(path) for name, path in recipes().items()}
    if as_json:
        give({name: {"title": each.title, "about": each.about, "runs": _runs(each)} for name, each in found.items()})
        return
    table("", ["recipe", "", "runs"], [[name, each.title, str(_runs(each))] for name, each in found.items()])


def _runs(found: "Sweep") -> int:
    return len(found.configurations) * len(found.seeds)


def _plan(found: "Sweep", as_json: bool) -> None:
    """The runs, and what each is told besides what all are told."""
    if as_json:
        give({"command": found.command.name, "settings": found.base, "seeds": found.seeds,
              "configurations": [{"name": each.name, "settings": each.settings} for each in found.configurations]})  # fmt: skip
        return
    print(f"all: albert-np {found.command.name} {' '.join(found.command.arguments(found.base))}\n")
    rows = [[each.name, " ".join(found.command.arguments(each.changes))] for each in found.configurations]
    table("", ["configuration", "besides"], rows)
    print(f"\n{len(found.configurations)} configurations x {len(found.seeds)} seeds = {_runs(found)} runs")


def _stored(found: "Sweep", out: Path, as_json: bool) -> None:
    from albert_np.apps.experiments.jobs import again

    results = again(found, out)
    if as_json:
        give(results)
    else:
        _print(results)


def _run(found: "Sweep", out: Path, jobs: int | None, threads: int, as_json: bool, quiet: bool) -> None:
    from albert_np.apps.experiments.jobs import run_sweep

    done = run_sweep(found, out, jobs, threads, (lambda text: None) if quiet or as_json else say)
    if as_json:
        give({**done.results, "stopped_by": done.stopped_by})
    elif not done.stopped_by and not quiet:
        _print(done.results)
        print(f"{out} holds the runs, {RESULTS}, results.md and results.png.")
    if done.stopped_by:
        say(f"albert-np: stopped by {done.stopped_by}; the same command again goes on")
        raise typer.Exit(143 if done.stopped_by == "SIGTERM" else 130)
    if done.results["failed"]:
        for name, why in done.results["failed"].items():
            say(f"albert-np: {name} failed: {why}")
        raise typer.Exit(1)


def _print(results: dict[str, Any]) -> None:
    from albert_np.apps.experiments.results import markdown

    print(markdown(results))
