"""How good a model is on documents that it was not trained on: fixed pairs, fixed masks, so that numbers can be compared."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.data import HeldOut
from albert_np.engine.mpi import ALONE, Processes

# Sums, not means: batches differ in size, so they are added up first and divided at the end.
SUMS = {"mlm": 1.0, "sop": 1.0}


def evaluate(model: Any, batches: Iterable[dict[str, Any]], processes: Processes = ALONE) -> dict[str, float]:
    """Losses and accuracies over packed host batches, without dropout. Several processes take their share of each batch, if the
    batches know how to divide themselves (`HeldOut.take_share`), else every k-th batch.

    -> loss = mlm_loss + sop_loss (nats), mlm_loss, mlm_accuracy, masked (M) and, with a sentence objective, sop_loss,
    sop_accuracy, sequences (B). ValueError if there is nothing to evaluate.
    """
    totals, masked, sequences = np.zeros(4), 0, 0
    for arrays in own(batches, *processes.mine) if processes.mine else batches:
        results = model.packed_loss(model.pack_batch(**arrays), SUMS)
        numbers = results.mlm_loss, results.mlm_correct, results.sop_loss, results.sop_correct
        totals += [float(backend.to_host(number)) for number in numbers]
        masked, sequences = masked + results.masked, sequences + results.sequences
    totals = processes.totals(totals)
    masked, sequences = (int(number) for number in processes.total(masked, sequences))
    if not masked:
        raise ValueError("there is no held-out example to evaluate on")
    found = {"mlm_loss": totals[0] / masked, "mlm_accuracy": totals[1] / masked, "masked": masked}
    found["loss"] = found["mlm_loss"]
    if sequences:
        found |= {"sop_loss": totals[2] / sequences, "sop_accuracy": totals[3] / sequences, "sequences": sequences}
        found["loss"] += found["sop_loss"]
    return {key: value if isinstance(value, int) else float(value) for key, value in found.items()}


def own(batches: Iterable[dict[str, Any]], rank: int, size: int) -> Iterable[dict[str, Any]]:
    """What process `rank` of `size` evaluates."""
    if isinstance(batches, HeldOut):
        return batches.take_share(rank, size)
    return itertools.islice(batches, rank, None, size)
