"""A head and its task that albert_np does not have: a linear classifier of the mean of a sentence's tokens.

The file is all that a user writes: the head with its backward pass, the objective, the model and the task.
"""

from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core.batch import Batch
from albert_np.core.layers import linear, linear_backward
from albert_np.core.model.albert import encode, encode_backward
from albert_np.core.params import Tree
from albert_np.models.base import Model
from albert_np.models.task_losses import CLASSES, TaskResults, task_loss, task_loss_backward
from albert_np.tasks import Item, Task

# ---- the head ----


def mean_rows(h: Any, batch: Batch) -> Any:
    """h (N, H) -> (B, H): the mean of each sequence's rows"""
    starts, lengths = batch.sequences.starts, batch.sequences.lengths
    return np.stack([h[start : start + length].mean(0) for start, length in zip(starts, lengths)])


def mean_rows_backward(dmeans: Any, batch: Batch) -> Any:
    """dmeans (B, H) -> dh (N, H)"""
    lengths = batch.sequences.lengths
    return np.repeat(dmeans / np.asarray(lengths, dmeans.dtype)[:, None], lengths, axis=0)


# ---- the objective ----


def sentence_means(batch: Batch, p: Tree, config: Any, denominators: Any = None, rng: Any = None) -> tuple[TaskResults, Any]:
    """Return the loss over the sequences that have a label, and the cache."""
    h, _, c_body = encode(batch, p, config, rng)
    logits, c_linear = linear(mean_rows(h, batch), p.task)  # (B, C)
    results, c_loss = task_loss([logits], batch.labels, CLASSES, denominators)
    return results, (c_body, c_linear, c_loss)


def sentence_means_backward(cache: Any, p: Tree, g: Tree, config: Any, batch: Batch) -> None:
    """Add the gradient of the loss into g."""
    c_body, c_linear, c_loss = cache
    (dlogits,) = task_loss_backward(c_loss)  # (B, C)
    encode_backward(mean_rows_backward(linear_backward(dlogits, c_linear, p.task, g.task), batch), c_body, p, g, config, batch)


# ---- the model and the task ----


class SentenceMeansModel(Model):
    """The body with this head. A call gives .logits (B, C)."""

    parts = ("task",)
    objective = sentence_means, sentence_means_backward

    def _heads(self, out: Any, h: Any, batch: Batch, inputs: Any) -> None:
        super()._heads(out, h, batch, inputs)
        out.logits, _ = linear(mean_rows(h, batch), self.params.task)


class Animals(Task):
    """Whether a text is more about cats than about dogs. An example is (text, 0 or 1)."""

    name, form, model, metric = "animals", tuple, SentenceMeansModel, "accuracy"

    def read(self, path: Any) -> list[tuple[str, int]]:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return [(text, int(label)) for text, label in (line.split("\t") for line in lines)]

    def config(self) -> dict[str, Any]:
        return {"num_labels": 2, "id2label": {0: "dogs", 1: "cats"}}

    def items(self, example: tuple[str, int], tokenizer: Any) -> list[Item]:
        encoded = tokenizer(example[0], truncation=True, max_length=self.options["max_length"])
        return [Item(encoded["input_ids"][0].tolist(), encoded["token_type_ids"][0].tolist(), example[1])]

    def answer(self, example: Any, items: list[Item], outputs: list[Any]) -> int:
        return int(outputs[0].argmax())

    def score(self, examples: list[Any], answers: list[int]) -> dict[str, Any]:
        return {"accuracy": float(np.mean([label == answer for (_, label), answer in zip(examples, answers)]))}
