"""The scores of a fine-tuning in print: the table, what the folder holds, and the confusion matrix."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from albert_np.apps.cli.baselines import describe_no_better, find_better_baselines
from albert_np.apps.cli.common import print_table
from albert_np.data.formats.summary import count_noun

if TYPE_CHECKING:
    from albert_np.tasks.finetune import Finetuned


def summarize(done: "Finetuned", out: Path) -> dict[str, Any]:
    """Return the scores of all seeds, as printed by --json."""
    return {
        "out": str(out), "task": done.trained.task.name, "metric": done.trained.task.metric, "epoch": done.history.best,
        "mean": done.mean, "deviation": done.deviation, "seeds": done.scores, "baselines": done.baselines,
        "chosen_by": done.history.chosen_by, "details": select_details(done.history.scores),
        "no_better_than": find_better_baselines(done), "stopped_by": done.stopped_by, "files": done.files,
    }  # fmt: skip


def print_scores(done: "Finetuned", out: Path) -> None:
    """Print the scores of the best epoch, over the seeds, beside those of the baselines."""
    from albert_np.training.metrics import format_score

    if not done.scores:
        print(f"{out}: {describe_missing_scores(done)}")
        return
    several = len(done.scores) > 1
    columns: dict[str, Any] = {f"epoch {done.history.best}": done.scores[0]}
    if several:
        columns = {f"mean of {len(done.scores)}": done.mean, "deviation": done.deviation}
    columns |= done.baselines
    rows = [[name, *(format_score(column[name]) for column in columns.values())] for name in done.mean]
    print_table(["", *columns], rows)
    print_details(select_details(done.history.scores))
    if better := find_better_baselines(done):
        print("\n" + describe_no_better(done, better))


def print_contents(done: "Finetuned", out: Path) -> None:
    """Print the contents of the run's folder."""
    model = "the model of the best seed" if len(done.scores) > 1 else "the model"
    has_figures = any((out / "figures").glob("*.png"))
    print(f"\n{out} holds {model}{', its metrics and figures' if has_figures else ' and its metrics'}.")


def describe_missing_scores(done: "Finetuned") -> str:
    """Return why a run has no scores."""
    if not done.held:
        epochs = done.trained.about.get("epochs")
        trained = "trained" if epochs is None else f"stopped after {count_noun(epochs, 'full epoch')}"
        return f"{trained}; without --dev there is no score"
    if done.history.stopped_by:
        return "stopped before the end of its first epoch, so there is no score yet"
    return "there is no score: no epoch was scored in the model's final form"


def describe_stopped(done: "Finetuned", out: Path) -> str:
    """Return a description of the model of a run that was stopped."""
    if done.history.best:
        return f"{out} holds the best epoch so far, {done.history.best}"
    return f"{out} holds the model as it was after {count_noun(len(done.history.steps), 'step')}"


def select_details(scores: dict[str, Any]) -> dict[str, str]:
    """Return the scores that are text, such as the signature of BLEU."""
    return {name: value for name, value in scores.items() if isinstance(value, str)}


def print_details(details: dict[str, str]) -> None:
    for name, value in details.items():
        print(f"{name}: {value}")


def draw_confusion(done: "Finetuned", out: Path) -> None:
    """Draw the confusion matrix of the best epoch, if each example has one class."""
    from albert_np.io.files import write_figures

    answers, count = done.history.answers, getattr(done.trained.task, "confusion", None)

    def draw() -> dict[str, Any]:
        from albert_np.plots import confusion_figure

        matrix = count(answers, done.held) if answers and count is not None else None
        return {} if matrix is None else {"confusion": confusion_figure(*matrix)}

    write_figures(out / "figures", draw)
