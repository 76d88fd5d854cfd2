"""albert-np sweep: run pretrain or finetune with many configurations and seeds, and compare them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albert_np.apps.cli.common import JsonOption, QuietOption, parse_pairs, print_json, print_message, print_table
from albert_np.data.formats.summary import count_noun

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
        typer.Option("--corpus", help="A text file to pretrain on; may be repeated [the sweep's, or Python's documentation]."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting for all runs: --set steps=2000")
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", metavar="0,1,2", help="Seeds, instead of those of the file.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the recipes that come with albert_np.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the file, for example a recipe to start from.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and list the runs; run nothing.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="Print the table of the finished runs; run nothing.")] = False,
    power: Annotated[
        bool, typer.Option("--power", help="Print which effects how many seeds show, from the finished runs; run nothing.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run configurations x seeds, several at a time, and compare them: one table, one figure.

    Each run is a process with its own folder. If a run fails, the others continue; failures are listed at the end (exit code 1).
    On Ctrl-C the runs save, and the sweep ends. The same command continues it; configurations and seeds may have been added.
    The table has differences between runs of the same seed, with intervals of 95 %, and a verdict where the file has the paper's.

    Example: albert-np sweep sharing --set steps=300 --seeds 0,1   (albert-np sweep sharing --show prints its file)
    """
    if list_:
        _list_recipes(as_json)
        return
    if file is None:
        raise typer.BadParameter("Missing argument 'FILE.toml|RECIPE'; albert-np sweep --list names the recipes.")
    path = _find_file(file)
    if show:
        print(path.read_text(encoding="utf-8"), end="")
        return
    from albert_np.apps.experiments import read_sweep

    overrides = parse_pairs("--set", set_)
    if corpus:
        overrides["files"] = [str(path) for path in corpus]
    plan = read_sweep(path, overrides, _parse_seeds(seeds))
    out = out or Path("sweeps") / plan.name
    if dry_run:
        _print_plan(plan, as_json)
    elif power:
        _print_power(plan, out, as_json)
    elif as_table:
        _print_stored_results(plan, out, as_json)
    else:
        _run(plan, out, jobs, threads, as_json, quiet)


def _find_file(name: str) -> Path:
    """Return the file of this name, or the recipe."""
    from albert_np.apps.experiments import recipes
    from albert_np.io.config_files import unknown_key

    if Path(name).is_file():
        return Path(name)
    if name in (known := recipes()):
        return known[name]
    hint = unknown_key(name, known).partition(";")[2]
    raise FileNotFoundError(f"there is no file {name!r}, and no such recipe ({', '.join(known)}){';' + hint if hint else ''}")


def _parse_seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"--seeds takes numbers such as 0,1,2, not {text!r}") from None


def _list_recipes(as_json: bool) -> None:
    from albert_np.apps.experiments import read_sweep, recipes

    sweeps = {name: read_sweep(path) for name, path in recipes().items()}
    if as_json:
        print_json({name: {"title": each.title, "about": each.about, "runs": _count_runs(each)} for name, each in sweeps.items()})
        return
    print_table(["recipe", "", "runs"], [[name, each.title, str(_count_runs(each))] for name, each in sweeps.items()])


def _count_runs(plan: "Sweep") -> int:
    return len(plan.configurations) * len(plan.seeds)


def _print_plan(plan: "Sweep", as_json: bool) -> None:
    """Print the settings that all runs share, and those of each configuration."""
    if as_json:
        print_json({"command": plan.command.name, "settings": plan.base, "seeds": plan.seeds,
              "configurations": [{"name": each.name, "settings": each.settings} for each in plan.configurations]})  # fmt: skip
        return
    print(f"all: albert-np {plan.command.name} {' '.join(plan.command.arguments(plan.base))}\n")
    rows = [[each.name, " ".join(plan.command.arguments(each.changes))] for each in plan.configurations]
    print_table(["configuration", "its own settings"], rows)
    factors = count_noun(len(plan.configurations), "configuration"), count_noun(len(plan.seeds), "seed")
    print(f"\n{' x '.join(factors)} = {count_noun(_count_runs(plan), 'run')}")


def _print_stored_results(plan: "Sweep", out: Path, as_json: bool) -> None:
    from albert_np.apps.experiments.jobs import collect_stored, draw_results

    results = collect_stored(plan, out)
    if as_json:
        print_json(results)
    else:
        _print_table(results)
    draw_results(results, out)


def _print_power(plan: "Sweep", out: Path, as_json: bool) -> None:
    """Print the effects that various numbers of seeds show."""
    from albert_np.apps.experiments.comparisons import plan_seeds
    from albert_np.apps.experiments.jobs import collect_stored
    from albert_np.apps.experiments.tables import power_table

    results = collect_stored(plan, out)
    print_json(plan_seeds(results)) if as_json else print(power_table(results))


def _run(plan: "Sweep", out: Path, jobs: int | None, threads: int, as_json: bool, quiet: bool) -> None:
    from albert_np.apps.experiments.jobs import draw_results, run_sweep

    done = run_sweep(plan, out, jobs, threads, (lambda text: None) if quiet or as_json else print_message)
    if as_json:
        print_json({**done.results, "stopped_by": done.stopped_by})
    elif not done.stopped_by and not quiet:
        _print_table(done.results)
    draw_results(done.results, out)
    if not (as_json or done.stopped_by or quiet):
        files = [RESULTS, "results.md", *(["results.png"] if (out / "results.png").is_file() else [])]
        print(f"{out} holds the runs, {', '.join(files[:-1])} and {files[-1]}.")
    if done.stopped_by:
        print_message(f"albert-np: stopped by {done.stopped_by}; run the same command again to continue")
        raise typer.Exit(143 if done.stopped_by == "SIGTERM" else 130)
    if done.results["failed"]:
        for name, reason in done.results["failed"].items():
            print_message(f"albert-np: {name} failed: {reason}")
        raise typer.Exit(1)


def _print_table(results: dict[str, Any]) -> None:
    from albert_np.apps.experiments.tables import markdown

    print(markdown(results))
