"""albert-np compress: make a trained model smaller, or compare every method of doing so."""

from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli.common import (
    BackendOption,
    JsonOption,
    QuietOption,
    make_report,
    option,
    print_json,
    print_message,
    print_table,
    use_backend,
)

METHOD, EXAMPLES, SWEEP = "Method", "Examples", "A sweep"


def compress(
    model: Annotated[str, typer.Option("--model", help="A trained model, or any checkpoint (then without scores).")],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the smaller model.")],
    heads: Annotated[float | None, option("--heads", "Share of attention heads to keep: 0.5", METHOD)] = None,
    neurons: Annotated[float | None, option("--neurons", "Share of feed-forward neurons to keep", METHOD)] = None,
    energy: Annotated[float | None, option("--energy", "Factor weights, keeping this share of their norm²: 0.9", METHOD)] = None,
    sparsity: Annotated[
        str, option("--sparsity", "Share of weights to set to 0, at once: 0.5, or 2:4 (gradually: see `finetune`)", METHOD)
    ] = "0",
    scope: Annotated[
        str, option("--prune-scope", "Prune each matrix equally, or rank all weights together [layer]", METHOD, "layer|global")
    ] = "layer",
    embeddings: Annotated[
        bool,
        option("--prune-embeddings/--keep-embeddings", "Whether to prune the word embeddings as well [yes]", METHOD),
    ] = True,
    weights: Annotated[
        str, option("--weights", "Number format of the stored weights [float32]", METHOD, "float16|bfloat16|int8|int4")
    ] = "float32",
    examples: Annotated[
        str | None,
        option(
            "--examples",
            "Labelled examples (for a checkpoint: texts, one per line), used by --heads, --neurons and rounding.",
            EXAMPLES,
        ),
    ] = None,
    dev: Annotated[str | None, option("--dev", "Examples to score before and after.", EXAMPLES)] = None,
    sweep: Annotated[
        bool, option("--sweep", "Try every method, with --examples and --dev; writes a report with figures.", SWEEP)
    ] = False,
    families: Annotated[
        list[str] | None,
        option("--family", "Only this family: one-shot, gradual, movement, rounded, aware, cut, factored, together.", SWEEP),
    ] = None,
    start: Annotated[
        str | None, option("--start", "Initial model of the methods that train, such as the pretrained one [--model]", SWEEP)
    ] = None,
    epochs: Annotated[int | None, option("--epochs", "Epochs of the methods that train [3]", SWEEP)] = None,
    lr: Annotated[float | None, option("--lr", "Learning rate of the methods that train", SWEEP)] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a model smaller: fewer heads and neurons, factored weights, zeros, fewer bits. The new folder is used like any other.

    Example: albert-np compress --model runs/sst2 --out runs/sst2-int8 --weights int8 --examples train.tsv --dev dev.tsv
    """
    use_backend(backend)
    if sweep:
        _sweep(model, out, examples, dev, start, families, {"epochs": epochs, "learning_rate": lr}, as_json, quiet)
        return
    from albert_np.compress.job import Plan
    from albert_np.compress.models import compress as run

    plan = Plan(_parse_sparsity(sparsity), scope, embeddings, heads, neurons, energy, weights)
    report = run(model, out, plan, examples, dev, print_message if not (quiet or as_json) else lambda text: None)
    if as_json:
        print_json(report)
    elif not quiet:
        _print_report(report, out)


def _parse_sparsity(text: str) -> float | str:
    from albert_np.compress.pruning import Sparsity

    return Sparsity(text).amount


def _print_report(report: dict[str, Any], out: Path) -> None:
    from albert_np.training.metrics import format_score

    before, after = report["bytes_before"] or 4 * report["parameters_before"], report["bytes"]
    rows = [
        ["parameters", f"{report['parameters_before']:,}", f"{report['parameters']:,}"],
        ["model.safetensors, MB", f"{before / 1e6:.2f}", f"{after / 1e6:.2f}"],
        ["zeros", "", f"{report['zeros']:.1%}"],
    ]
    rows += [[name, *(format_score(report[side][name]) for side in ("before", "after"))] for name in report.get("after", {})]
    if "changed" in report:
        rows.append(["answers that changed", "", f"{report['changed']:.2%}"])
    print_table(["", "before", "after"], rows)
    print(f"\n{out} holds the smaller model.")


def _sweep(
    model: str,
    out: Path,
    train: str | None,
    dev: str | None,
    start: str | None,
    families: list[str] | None,
    settings: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    from albert_np.compress import sweep

    if train is None or dev is None:
        raise typer.BadParameter("--sweep needs --examples to train on and --dev to score on")
    report = make_report(quiet or as_json)
    given = {key: value for key, value in settings.items() if value is not None}
    results = sweep.run(model, out, train, dev, start, tuple(families) if families else sweep.FAMILIES, report, **given)
    if as_json:
        print_json(results)
    elif not quiet:
        print((out / "sweep.md").read_text(encoding="utf-8"))
        print(f"{out} holds the models, sweep.json, sweep.md and figures.")
