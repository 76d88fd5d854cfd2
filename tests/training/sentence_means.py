"""A head and its task that albert_np does not have: a linear classifier of the mean of a sentence's tokens.

The file is all that a user writes: the head with its backward pass, the model and the task.
"""

from pathlib import Path
from typing import Any

import numpy as np

from albert_np.core.layers import linear, linear_backward
from albert_np.models.base import Model
from albert_np.models.heads import Head
from albert_np.models.task_losses import task_objective
from albert_np.tasks import Item, Task


def mean_rows(h: Any, lengths: Any) -> Any:
    """h (N, H) -> (B, H): the mean of each sequence's rows"""
    ends = np.cumsum(lengths)
    return np.stack([h[end - length : end].mean(0) for end, length in zip(ends, lengths)])


def mean_rows_backward(dmeans: Any, lengths: Any) -> Any:
    """dmeans (B, H) -> dh (N, H)"""
    return np.repeat(dmeans / np.asarray(lengths, dmeans.dtype)[:, None], lengths, axis=0)


def means_head(h: Any, batch: Any, p: Any, config: Any, dropout_key: Any) -> tuple[list[Any], Any]:
    """h (N, H) -> one table of logits (B, C)"""
    lengths = batch.sequences.lengths
    logits, c_linear = linear(mean_rows(h, lengths), p.task)
    return [logits], (lengths, c_linear)


def means_head_backward(dtables: list[Any], cache: Any, p: Any, g: Any) -> Any:
    """dtables: one (B, C) -> dh (N, H)"""
    lengths, c_linear = cache
    return mean_rows_backward(linear_backward(dtables[0], c_linear, p.task, g.task), lengths)


class SentenceMeansModel(Model):
    """The body with this head. A call gives .logits (B, C)."""

    heads = ("task",)
    objective = task_objective(Head(means_head, means_head_backward, capturable=False))

    def _add_heads(self, out: Any, h: Any, batch: Any, inputs: Any) -> None:
        super()._add_heads(out, h, batch, inputs)
        (out.logits,), _ = means_head(h, batch, self.params, self.config, None)


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
