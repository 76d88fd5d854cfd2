"""albert-np demo: train a model on text that comes with Python, and check that it has learned."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albert_np.apps.cli.common import (
    BackendOption,
    JsonOption,
    QuietOption,
    SeedOption,
    exit_after_signal,
    make_report,
    print_json,
    print_table,
    use_backend,
)

if TYPE_CHECKING:
    from albert_np.apps.demo import Verdict


def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder for model, metrics and figures.")] = Path("demo"),
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Number of steps, without a verdict.")] = None,
    backend: BackendOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pretrain a tiny ALBERT on Python's documentation in a few minutes, and judge it. Exit code 1 if it did not learn enough.

    Example: albert-np demo --out demo
    """
    from albert_np.apps import demo as demonstration

    use_backend(backend)
    try:
        verdict = demonstration.run(out, steps, seed, make_report(quiet or as_json))
    except demonstration.Stopped as stop:
        raise exit_after_signal(str(stop), "pretrain", out) from None
    if as_json:
        print_json({**dataclasses.asdict(verdict), "below_unigram": verdict.below_unigram})
    else:
        _print_verdict(verdict, demonstration.BELOW_UNIGRAM, demonstration.AT_MASK, demonstration.SOP_ACCURACY)
    demonstration.draw(verdict)
    if verdict.passed is False:
        raise typer.Exit(1)


def _print_verdict(verdict: "Verdict", below: float, at_mask: float, accuracy: float) -> None:
    print()
    for sentence, fillings in verdict.fillings.items():
        print(f"{sentence}\n    " + ", ".join(f"{token} {probability:.0%}" for token, probability in fillings))
    print()
    judged = verdict.passed is not None

    def cell(passed: bool) -> str:
        return ("yes" if passed else "NO") if judged else "(not judged)"

    total = verdict.gradients + len(verdict.wrong_gradients)
    rows = [
        ["MLM loss, held-out (nats)", f"{verdict.mlm_loss:.3f}", "", ""],
        ["  ln V, uniform guess", f"{verdict.ln_v:.3f}", "", ""],
        ["  unigram entropy, guess by frequency", f"{verdict.unigram_entropy:.3f}", "", ""],
        ["  below the unigram entropy by", f"{verdict.below_unigram:.3f}", f"{below}", cell(verdict.below_unigram >= below)],
        ["  the same at [MASK] alone", f"{verdict.below_at_mask:.3f}", f"{at_mask}", cell(verdict.below_at_mask >= at_mask)],
        ["MLM accuracy, held-out", f"{verdict.mlm_accuracy:.3f}", "", ""],
        ["SOP accuracy, held-out", f"{verdict.sop_accuracy:.3f}", f"{accuracy}", cell(verdict.sop_accuracy >= accuracy)],
        ["correct gradients, trained model", f"{verdict.gradients}", f"{total}", cell(not verdict.wrong_gradients)],
        ["training", f"{verdict.seconds:.0f} s", "", ""],
        ["  tokens per second", f"{verdict.tokens_per_second:,.0f}", "", ""],
    ]
    print_table(["", "value", "at least", "reached"], rows)
    if judged:
        print("".join(f"\n{line}" for line in verdict.wrong_gradients))
    ending = {
        True: "It has learned.",
        False: "It has NOT learned enough.",
        None: "Not judged: the run has another length.",
    }
    print(f"\n{ending[verdict.passed]} {verdict.out} holds the model, metrics.jsonl and the figures.")
