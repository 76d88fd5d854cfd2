"""Objectives: the loss that a model is trained with, and its gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array, Cache
from albert_np.core.model.albert import pretraining, pretraining_backward
from albert_np.models.batch import TaskBatch
from albert_np.models.heads import Arrays, cls_and_masked_rows


@dataclass(frozen=True)
class Objective:
    """A loss of a batch, and its gradient.

    forward      (batch, p, config, denominators, dropout_key) -> results with .loss, cache
    backward     (dloss, cache, p, g, config, batch); adds the gradient of the loss to g
    labels_of    the rows of the batch's tables of labels: "sequence", "token" or "group"
    output_rows  host arrays of a batch -> the sorted rows of the last layer that the loss needs, each once; None: all
    capturable   whether the host needs only sizes of a batch, so that a step can be captured as a graph
    """

    forward: Callable[..., tuple[Any, Cache]]
    backward: Callable[..., None]
    labels_of: str = "sequence"
    output_rows: Callable[[Arrays], np.ndarray | None] = lambda arrays: None
    capturable: bool = True

    def pack(self, arrays: Arrays, like: Array) -> TaskBatch:
        """Return a batch for this objective from host arrays, see `TaskBatch.pack`, on the device of `like`."""
        return TaskBatch.pack(**arrays, labels_of=self.labels_of, output_rows=self.output_rows(arrays), like=like)


PRETRAINING = Objective(pretraining, pretraining_backward, output_rows=cls_and_masked_rows)
