"""Evaluation on documents that the model was not trained on: fixed pairs, fixed masks, so that results are comparable."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.data import HeldOut
from albert_np.engine.mpi import SINGLE_PROCESS, Processes

# Sums instead of means: batches differ in size, so they are added up first and divided at the end.
SUMS = {"mlm": 1.0, "sop": 1.0}


def evaluate(model: Any, batches: Iterable[dict[str, Any]], processes: Processes = SINGLE_PROCESS) -> dict[str, float]:
    """Return losses and accuracies over packed host batches, without dropout.

    Several processes take their share of each batch, if the batches can divide themselves (`HeldOut`), else every k-th.

    The keys: loss = mlm_loss + sop_loss (nats), mlm_loss, mlm_accuracy, masked (M) and, with a sentence objective, sop_loss,
    sop_accuracy, sequences (B). ValueError if there is nothing to evaluate.
    """
    totals, masked, sequences = np.zeros(4), 0, 0
    for arrays in get_share(batches, *processes.rank_and_size) if processes.rank_and_size else batches:
        results = model.packed_loss(model.pack_batch(**arrays), SUMS)
        numbers = results.mlm_loss, results.mlm_correct, results.sop_loss, results.sop_correct
        totals += [float(backend.to_host(number)) for number in numbers]
        masked, sequences = masked + results.masked, sequences + results.sequences
    totals = processes.sum_table(totals)
    masked, sequences = (int(number) for number in processes.sum_numbers(masked, sequences))
    if not masked:
        raise ValueError("there is no held-out example to evaluate on")
    scores = {"mlm_loss": totals[0] / masked, "mlm_accuracy": totals[1] / masked, "masked": masked}
    scores["loss"] = scores["mlm_loss"]
    if sequences:
        scores |= {"sop_loss": totals[2] / sequences, "sop_accuracy": totals[3] / sequences, "sequences": sequences}
        scores["loss"] += scores["sop_loss"]
    return {key: value if isinstance(value, int) else float(value) for key, value in scores.items()}


def get_share(batches: Iterable[dict[str, Any]], rank: int, size: int) -> Iterable[dict[str, Any]]:
    """Return the batches that process `rank` of `size` evaluates."""
    if isinstance(batches, HeldOut):
        return batches.take_share(rank, size)
    return itertools.islice(batches, rank, None, size)
