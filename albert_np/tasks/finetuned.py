"""The results of a fine-tuning."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from albert_np.data.formats.summary import count_noun
from albert_np.tasks.task import Task
from albert_np.tasks.trained import Trained
from albert_np.training.finetune import numeric_scores
from albert_np.training.metrics import format_score
from albert_np.training.selection import is_better, more_is_better
from albert_np.training.state import History


@dataclass(repr=False)
class Finetuned:
    """The results of a fine-tuning, over all seeds.

    trained, history    of the best seed by task.metric, chosen as the best epoch is (without development examples, of the first)
    scores              of each seed, those of its best epoch
    baselines           {name: scores}
    held                the examples that were scored
    files               a summary of each file of examples, as JSON values
    stopped_by          name of the signal that ended the run early, or ""
    """

    trained: Trained
    history: History
    baselines: dict[str, dict[str, Any]]
    held: list[Any]
    scores: list[dict[str, Any]] = field(default_factory=list)
    stopped_by: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)

    def __repr__(self) -> str:
        """Return the score that chose the epoch, beside those of the baselines, and where the rest is."""
        task, history, several = self.trained.task, self.history, len(self.scores) > 1
        lines = [f"Finetuned for {task.name}{', stopped by ' * bool(self.stopped_by)}{self.stopped_by}: {history!r}"]
        if self.scores:
            spread = f" ± {format_score(self.deviation[task.metric])}, the mean of {len(self.scores)} seeds" if several else ""
            others = "".join(f"; {name} {format_score(scores[task.metric])}" for name, scores in self.baselines.items())
            held = count_noun(len(self.held), "example")
            lines.append(f"  {task.metric} {format_score(self.mean[task.metric])}{spread}, on {held}{others}")
        return "\n".join([*lines, "  .plot()  .mean  .baselines  .history  .trained.predict(texts)  .trained.evaluate(examples)"])

    def _repr_html_(self) -> str:
        """Return the scores, beside those of the baselines, and the figure of `plot`."""
        from albert_np.io.html import make_figure, make_table

        title, *_ = repr(self).split("\n")
        several = len(self.scores) > 1
        columns: dict[str, dict[str, Any]] = {"score": self.mean} if self.scores else {}
        if several:
            columns = {f"mean of {len(self.scores)} seeds": self.mean, "deviation": self.deviation}
        columns |= self.baselines if self.scores else {}
        rows = [(name, *(format_score(each[name]) for each in columns.values())) for name in self.mean]
        return make_table(rows, ("", *columns), title) + make_figure(self.plot)

    def plot(self) -> Any:
        """Return a figure of the loss in each step and the score of each epoch, beside those of the baselines.

        A notebook shows it; `.savefig(file)` stores it. ValueError if no step was made.
        """
        figures = run_figures(self.history, self.trained.task, self.baselines)
        if not figures:
            raise ValueError("there is nothing to plot: no step was made")
        return figures["learning"]

    def add(self, trained: Trained, history: History) -> None:
        """Add the result of another seed."""
        task, scores, best = trained.task, numeric_scores(history.scores), numeric_scores(self.history.scores)
        names, errors = (task.metric, *task.fallbacks), task.errors()
        candidates = [more_is_better(each, errors) for each in (*self.scores, scores, best)]
        if self.trained.model is None or (
            scores and (not best or is_better(candidates[-2], candidates[-1], candidates[:-1], names, task.perfect))
        ):
            self.trained, self.history = trained, history
        if scores:
            self.scores.append(scores)

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each score over the seeds."""
        return {name: statistics.fmean(each[name] for each in self.scores) for name in (self.scores[0] if self.scores else ())}

    @property
    def deviation(self) -> dict[str, float]:
        """The standard deviation of each score over the seeds; 0 for a single seed."""
        several = len(self.scores) > 1
        return {name: statistics.stdev(each[name] for each in self.scores) if several else 0.0 for name in self.mean}


def run_figures(history: History, task: Task, baselines: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of a run, {name: figure}; {} if no step was made."""
    from albert_np.plots import finetune_figures

    unit = "squared error" if task.options.get("kind") == "number" else None  # also where the score is a correlation
    return finetune_figures(history.steps, history.epochs, task.metric, baselines, task.higher_is_better, unit)
