"""How good a model is on documents that it was not trained on: fixed pairs, fixed masks, so that numbers can be compared."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from albert_np import backend
from albert_np.model.batch import Batch

# Sums, not means: batches differ in size, so they are added up first and divided at the end.
SUMS = {"mlm": 1.0, "sop": 1.0}


def evaluate(model: Any, batches: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Losses and accuracies over packed host batches, without dropout.

    -> loss = mlm_loss + sop_loss (nats), mlm_loss, mlm_accuracy, masked (M) and, with a sentence objective, sop_loss,
    sop_accuracy, sequences (B). ValueError if there is nothing to evaluate.
    """
    totals, masked, sequences = np.zeros(4), 0, 0
    for arrays in batches:
        results = model.packed_loss(Batch.pack(**arrays, like=model.params.flat), SUMS)
        numbers = results.mlm_loss, results.mlm_correct, results.sop_loss, results.sop_correct
        totals += [float(backend.to_host(number)) for number in numbers]
        masked, sequences = masked + results.masked, sequences + results.sequences
    if not masked:
        raise ValueError("there is no held-out example to evaluate on")
    found = {"mlm_loss": totals[0] / masked, "mlm_accuracy": totals[1] / masked, "masked": masked}
    found["loss"] = found["mlm_loss"]
    if sequences:
        found |= {"sop_loss": totals[2] / sequences, "sop_accuracy": totals[3] / sequences, "sequences": sequences}
        found["loss"] += found["sop_loss"]
    return {key: value if isinstance(value, int) else float(value) for key, value in found.items()}
