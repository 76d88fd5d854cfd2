"""The units of fine-tuning: the rows that a batch has together, or not at all.

A unit is one row, or for a task that `keeps_rows_together` all rows of an example, such as the choices of a question. Epochs,
steps, the shares of processes and micro-batches are made of units, balanced by the tokens of their rows.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from albert_np.training.objective import FinetuneTask


def get_units(task: FinetuneTask, rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Return the units of these rows, those of each example. Rows without a target are left out.

    Rows that stay together get the index of their example as their `group`.
    """
    if not task.keeps_rows_together:
        return [[row] for example in rows for row in example if row.target is not None]
    units = []
    for index, example in enumerate(rows):
        if any(row.target is not None for row in example):
            for row in example:
                row.group = index
            units.append(list(example))
    return units


def count_tokens(units: Sequence[Sequence[Any]]) -> np.ndarray:
    """Return (n,) the number of tokens of each unit."""
    return np.array([sum(len(row.ids) for row in unit) for unit in units])


def get_costs(units: Sequence[Sequence[Any]], attention_cost: float) -> np.ndarray:
    """Return (n,) the work of each unit: the sum of T + attention_cost T² over its rows of T tokens."""
    return np.array([sum(T + attention_cost * T * T for T in (len(row.ids) for row in unit)) for unit in units])
