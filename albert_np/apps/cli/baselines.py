"""The line on a run that scores no better than a baseline."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from albert_np.tasks.finetune import Finetuned

# baselines that take nothing but one answer from the training examples
WITHOUT_LEARNING = (
    "the majority's class", "the labels of the majority", "the mean", "the commonest relation", "copying", "an untrained model",
    "the commonest position",
)  # fmt: skip


def describe_no_better(done: "Finetuned", better: list[str]) -> str:
    """Return the line on a score that is no better than that of these baselines."""
    task = done.trained.task
    why = "nothing was learned" + (" beyond that" if not set(better) & set(WITHOUT_LEARNING) else "")
    why = "both are perfect" if done.mean[task.metric] == task.perfect else f"{why} (see docs/not_learning.md)"
    return f"{task.metric} is no better than that of {' and '.join(map(repr, better))}: {why}"


def find_better_baselines(done: "Finetuned") -> list[str]:
    """Return the names of the baselines that score as well as the model, or better."""
    task = done.trained.task
    mean = done.mean.get(task.metric)  # None: there is no score
    return [name for name, each in done.baselines.items() if mean is not None and not task.better(mean, each[task.metric])]
