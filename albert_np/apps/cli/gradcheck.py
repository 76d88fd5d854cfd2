"""albert-np gradcheck: check every hand-written gradient against central differences."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli.common import BackendOption, JsonOption, QuietOption, SeedOption, print_json, use_backend

MAX_NAMES = 20  # of checks, in a message


def gradcheck(
    only: Annotated[str, typer.Option("--only", help="Run only the checks whose name contains this.")] = "",
    model: Annotated[Path | None, typer.Option("--model", help="Check the whole model with the weights of this folder.")] = None,
    seed: SeedOption = 0,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check every layer, every head and the whole model in all its configurations, in float64. Exit code 1 if any fails.

    Each is checked twice: the reference code of albert_np/core, and the kernels of albert_np/engine that may replace it.
    With --model, the whole model is checked with the weights of a folder, in float64, on a small random batch.

    Example: albert-np gradcheck --only attention
    """
    use_backend(backend)
    import albert_np.compress.layers.checks  # noqa: F401  (adds the checks of compressed weights)
    from albert_np.gradcheck import CHECKS, everything, print_table

    if only and model is not None:
        raise typer.BadParameter("--model checks one whole model, so it cannot be combined with --only")
    names = [name for name in CHECKS if only in name]
    if not names:
        raise typer.BadParameter(_describe_unknown_check(only, list(CHECKS)))
    reports = everything(seed, names) if model is None else iter([_check_weights(model, seed)])
    if as_json or quiet:
        finished = list(reports)
        passed = all(report.passed for report in finished)
        if as_json:
            print_json({"passed": passed, "checks": [report.to_dict() for report in finished]})
        else:
            print("\n".join(f"{report.name}: {row}" for report in finished for row in report.rows if not row.passed), end="")
    else:
        passed = print_table(reports)
    if not passed:
        raise typer.Exit(1)


def _describe_unknown_check(only: str, names: list[str]) -> str:
    """Return a message with the names of checks that have a word like this one, or else with some names."""
    words = {word: None for name in names for word in (name, *re.split(r"\W+", name)) if word}
    near = difflib.get_close_matches(only, words, n=MAX_NAMES, cutoff=0.6)
    alike = [name for name in names if any(word in name for word in near)][:MAX_NAMES]
    if alike:
        return f"--only {only!r} matches no check; similar ones are {'; '.join(alike)}"
    return f"--only {only!r} matches no check; some of the {len(names)} checks are {'; '.join(names[:MAX_NAMES])}"


def _check_weights(folder: Path, seed: int) -> Any:
    """Check the whole model with the weights in a folder."""
    from albert_np.gradcheck import Report, batch, check_model
    from albert_np.models import AlbertForPreTraining

    model = AlbertForPreTraining.from_pretrained(folder, dtype="float64")
    return Report(str(folder), list(check_model(model.params, model.config, batch(model.config, seed), seed=seed)))
