"""The objective, which the trainer minimises: the first of its extension points, beside `Constraint` and `Callback`.

An objective (`models.objective.Objective`) is a forward and a backward function of packed batches, a member of the model:

    results, cache = objective.forward(batch, params, config, denominators, dropout_key)        results.loss: a 0-d array
    objective.backward(1.0, cache, params, grads, config, batch)                                adds its gradient to grads

The classes in `models` bring theirs: pretraining, one for each kind of task, and distillation, which gives a single model an
objective, and parameters, of its own. A new one requires no change here; tests/training/test_new_head.py has an example.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from albert_np.core.params import Tree
from albert_np.engine.mpi import Processes
from albert_np.models.config import AlbertConfig
from albert_np.models.objective import Objective

DENOMINATORS = ("mlm", "sop", "task", "tokens")


class TrainableModel(Protocol):
    """The members of a model that the trainer uses."""

    params: Tree  # with the extra parameters of the objective, if it has any
    config: AlbertConfig
    objective: Objective

    def can_be_captured(self) -> bool:
        """Return True if a step can be captured as a graph on a GPU."""

    def packed_loss_and_gradients(self, batch: Any, grads: Any, denominators: Any, dropout_key: Any) -> tuple[Any, Any]:
        """Return the results of a packed batch, and add the gradient of their loss to grads."""

    def pack_batch(self, **arrays: Any) -> Any:
        """Return a batch for the objective, from host arrays."""

    def save_pretrained(self, folder: Any) -> None:
        """Write the model into a folder."""


class FinetuneTask(Protocol):
    """The members of a task that fine-tuning uses; `tasks.Task` is the base class of the implementations."""

    name: ClassVar[str]
    metric: ClassVar[str]
    fallbacks: ClassVar[tuple[str, ...]]
    perfect: ClassVar[float]
    keeps_rows_together: ClassVar[bool]

    def errors(self) -> tuple[str, ...]:
        """Return the names of the scores of which less is better."""

    @property
    def collate(self) -> Callable[[list[Any]], dict[str, Any]]:
        """The function from items to the host arrays of `TaskBatch.pack`."""

    def items(self, example: Any, tokenizer: Any) -> list[Any]:
        """Return the rows of an example; a row's `ids` are its tokens, and without a `target` it is not trained on."""

    def answers(self, model: Any, tokenizer: Any, examples: list[Any]) -> list[Any]:
        """Return the model's answer for each example."""

    def note_cut(self, rows: list[list[Any]], training: bool = False) -> None:
        """Tell the user how many of the examples are cut. rows: of each example; training: they are trained on."""

    def score(self, examples: list[Any], answers: list[Any]) -> dict[str, Any]:
        """Return the scores; `metric` is one of them."""

    def better(self, a: float, b: float) -> bool:
        """Return whether a value `a` of `metric` is better than `b`."""


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
