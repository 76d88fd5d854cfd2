"""The objective, which the trainer minimises: the first of its extension points, beside `Constraint` and `Callback`.

An objective is a pair of functions, a member of the model:

    forward, backward = model.objective
    results, cache = forward(batch, params, config, denominators, key)      results.loss: a sum over items / a denominator
    backward(cache, params, grads, config, batch)                           adds the gradient into grads

The classes in `models` bring theirs: pretraining, one for each kind of task, and distillation, which puts its own, with
parameters of its own, into one model. A new one needs nothing of the trainer; tests/training/test_new_head.py has an example.
"""

from typing import Any, ClassVar, Protocol

from albert_np.core.params import Tree
from albert_np.engine.mpi import Processes
from albert_np.models.config import AlbertConfig

DENOMINATORS = ("mlm", "sop", "task", "tokens")


class TrainableModel(Protocol):
    """The members of a model that the trainer uses."""

    params: Tree
    config: AlbertConfig

    @property
    def objective(self) -> tuple[Any, Any]:
        """The forward and the backward function, as above."""

    def can_be_recorded(self) -> bool:
        """True if a step can be captured on a GPU: the objective needs only sizes on the host."""

    def packed_loss_and_gradients(self, batch: Any, grads: Any, denominators: Any, rng: Any) -> tuple[Any, Any]:
        """Return the results of a packed batch, and add the gradient of their loss into grads."""

    def save_pretrained(self, folder: Any) -> None: ...


class FinetuneTask(Protocol):
    """The members of a task that fine-tuning uses; `tasks.Task` is the base class of the implementations."""

    name: ClassVar[str]
    metric: ClassVar[str]
    collate: ClassVar[Any]  # items -> the arrays of `Batch.pack`

    def items(self, example: Any, tokenizer: Any) -> list[Any]:
        """Return the rows of an example; a row's `ids` are its tokens, and without a `target` it is not trained on."""

    def answers(self, model: Any, tokenizer: Any, examples: list[Any]) -> list[Any]:
        """Return the model's answer for each example."""

    def score(self, examples: list[Any], answers: list[Any]) -> dict[str, Any]:
        """Return the scores; `metric` is one of them, and more is better."""


def count_items(arrays: dict[str, Any]) -> dict[str, int]:
    """Return the numbers of items that the losses of packed host arrays are sums over; of several tables of labels, the most."""
    counts = {"tokens": len(arrays["ids"]), "sop": len(arrays["lengths"])}
    if arrays.get("masked_rows") is not None:
        counts["mlm"] = len(arrays["masked_rows"])
    if arrays.get("labels") is not None:
        counts["task"] = max(len(rows) for rows, _ in arrays["labels"])
    return counts


def loss_denominators(batches: list[dict[str, Any]], processes: Processes) -> dict[str, float]:
    """Return what the losses of a step are divided by: the counts of all its micro-batches, in all processes, at least 1.

    So a step gives the same gradient in however many parts it is computed.
    """
    counts = [count_items(arrays) for arrays in batches]
    sums = processes.sum_numbers(*(sum(each.get(name, 0) for each in counts) for name in DENOMINATORS))
    return {name: float(number or 1) for name, number in zip(DENOMINATORS, sums)}
