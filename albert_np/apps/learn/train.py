"""Train a small model twice, side by side: with the library's functions and with a student's."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from albert_np.apps.demo_text import python_documentation
from albert_np.core import reference
from albert_np.core.config import Config
from albert_np.core.model.shapes import body, initialise, pretraining_heads
from albert_np.core.train import BYTES, batches, train
from albert_np.learn import use
from albert_np.learn.grade import get_submission
from albert_np.learn.load import describe_error

CHARACTERS = 400_000
CONFIG = Config(
    vocab_size=BYTES + 256, embedding_size=64, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
    max_position_embeddings=31, initializer_range=0.1, hidden_dropout_prob=0.05, attention_probs_dropout_prob=0.05,
)  # fmt: skip
RATES = {"adamw": 1.5e-3, "lamb": 1e-2}
SAME = 1e-3  # difference of losses at which two runs count as the same


@dataclass(frozen=True)
class Step:
    """Losses after a number of steps: the masked bytes' (nats) plus the sentence order's."""

    step: int
    reference: float
    yours: float


@lru_cache(maxsize=1)
def read_text() -> bytes:
    """Return prose that comes with Python."""
    parts, size = [], 0
    for document in python_documentation():
        parts.append("\n".join(document))
        size += len(parts[-1])
        if size > CHARACTERS:
            break
    return "\n\n".join(parts).encode()


def side_by_side(source: Any, exercise: str, steps: int, seed: int = 0) -> Iterator[Step]:
    """Train both models step by step, from the same parameters on the same batches, and yield the losses of each step.

    Both run the code of core, without kernels. An exception in the student's functions is a ValueError with the line.
    """
    text = read_text()
    optimizer = "lamb" if exercise == "lamb" else "adamw"

    def run() -> Iterator[Any]:
        params = initialise(body(CONFIG) | pretraining_heads(CONFIG), CONFIG, seed)
        data = batches(text, T=31, seed=seed)
        return train(params, CONFIG, data, steps, RATES[optimizer], steps // 10, optimizer, seed=seed)

    yours, theirs = run(), run()
    with reference():
        for step, result in islice(theirs, steps):
            with use(source, exercise):
                try:
                    _, own = next(yours)
                except Exception as error:
                    raise ValueError(f"step {step}: {describe_error(error, get_submission(source))}") from None
            yield Step(step, float(result.loss), float(own.loss))
            if not math.isfinite(float(own.loss)):
                return


def conclude(rows: list[Step]) -> str:
    """Return in a sentence how the two runs compare."""
    last = rows[-1]
    if not math.isfinite(last.yours):
        return f"With your functions the loss is no longer a number after {last.step} steps."
    parted = next((row.step for row in rows if abs(row.yours - row.reference) > SAME), None)
    if parted is None:
        return f"The losses agree in all {last.step} steps: the model trains with your functions as it does with the library's."
    return (
        f"The losses part at step {parted}; after {last.step} steps they are {last.reference:.3f} with the library's functions "
        f"and {last.yours:.3f} with yours."
    )
