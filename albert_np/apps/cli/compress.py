"""albert-np compress: a trained model made smaller, or made smaller in every way to see what each costs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli.common import BackendOption, JsonOption, QuietOption, give, table, use_backend

WAYS, PROOF, SWEEP = "How", "Examples", "A sweep"


def _option(name: str, help: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(name, help=help, rich_help_panel=panel, metavar=metavar, show_default=False)


def compress(
    model: Annotated[str, typer.Option("--model", help="A trained model; or any checkpoint, without scores.")],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the smaller one.")],
    heads: Annotated[float | None, _option("--heads", "The share of attention heads that stays: 0.5", WAYS)] = None,
    neurons: Annotated[float | None, _option("--neurons", "The share of feed-forward neurons that stays", WAYS)] = None,
    energy: Annotated[float | None, _option("--energy", "Weights in two factors that keep this much: 0.9", WAYS)] = None,
    sparsity: Annotated[
        str, _option("--sparsity", "The share of weights that become 0, at once: 0.5, or 2:4 (gradually: `finetune`)", WAYS)
    ] = "0",
    scope: Annotated[
        str, _option("--prune-scope", "Prune each matrix equally, or all together [layer]", WAYS, "layer|global")
    ] = "layer",
    embeddings: Annotated[
        bool,
        typer.Option(
            "--prune-embeddings/--keep-embeddings", help="Prune the word table, too, or not [too]", rich_help_panel=WAYS
        ),
    ] = True,
    weights: Annotated[
        str, _option("--weights", "In how many bits weights are stored [float32]", WAYS, "float16|bfloat16|int8|int4")
    ] = "float32",
    examples: Annotated[
        str | None,
        _option(
            "--examples",
            "Labelled examples (of a checkpoint: texts, one per line): for --heads, --neurons, better rounding.",
            PROOF,
        ),
    ] = None,
    dev: Annotated[str | None, _option("--dev", "Examples to score before and after.", PROOF)] = None,
    sweep: Annotated[
        bool, _option("--sweep", "Try every way, with --examples and --dev; a report with pictures.", SWEEP)
    ] = False,
    families: Annotated[
        list[str] | None,
        _option("--family", "Only: one-shot, gradual, movement, rounded, aware, cut, factored, together.", SWEEP),
    ] = None,
    start: Annotated[
        str | None, _option("--start", "What ways with training start from, such as the pretrained model [--model]", SWEEP)
    ] = None,
    epochs: Annotated[int | None, _option("--epochs", "Of ways with training [3]", SWEEP)] = None,
    lr: Annotated[float | None, _option("--lr", "Of ways with training", SWEEP)] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a model smaller: fewer heads and neurons, factors, zeros, fewer bits. The folder answers like any other.

    Example: albert-np compress --model runs/sst2 --out runs/sst2-int8 --weights int8 --examples train.tsv --dev dev.tsv
    """
    use_backend(backend)
    if sweep:
        _sweep(model, out, examples, dev, start, families, {"epochs": epochs, "learning_rate": lr}, as_json, quiet)
        return
    from albert_np.compress.job import Plan
    from albert_np.compress.models import compress as run

    plan = Plan(_share(sparsity), scope, embeddings, heads, neurons, energy, weights)
    told = run(model, out, plan, examples, dev)
    if as_json:
        give(told)
    elif not quiet:
        _show(told, out)


def _share(text: str) -> float | str:
    from albert_np.compress.pruning import Sparsity

    return Sparsity(text).amount


def _show(told: dict[str, Any], out: Path) -> None:
    before, after = told["bytes_before"] or 4 * told["parameters_before"], told["bytes"]
    rows = [
        ["parameters", f"{told['parameters_before']:,}", f"{told['parameters']:,}"],
        ["model.safetensors, MB", f"{before / 1e6:.2f}", f"{after / 1e6:.2f}"],
        ["zeros", "", f"{told['zeros']:.1%}"],
    ]
    rows += [[name, *(f"{told[side][name]:.4f}" for side in ("before", "after"))] for name in told.get("after", {})]
    if "changed" in told:
        rows.append(["answers that changed", "", f"{told['changed']:.2%}"])
    table("", ["", "before", "after"], rows)
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
    from albert_np.training import Report
    from albert_np.training.progress import FinetuneProgress

    if train is None or dev is None:
        raise typer.BadParameter("--sweep needs --examples to train on and --dev to score on")
    report = Report() if quiet or as_json else FinetuneProgress()
    given = {key: value for key, value in settings.items() if value is not None}
    found = sweep.run(model, out, train, dev, start, tuple(families) if families else sweep.FAMILIES, report, **given)
    if as_json:
        give(found)
    elif not quiet:
        print((out / "sweep.md").read_text(encoding="utf-8"))
        print(f"{out} holds the models, sweep.json, sweep.md and figures.")
