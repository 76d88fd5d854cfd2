"""The fillings of [MASK] layer by layer: the head for masks, applied to the hidden state of every layer.

This reading of a layer is the logit lens (nostalgebraist 2020, "interpreting GPT: the logit lens"). The head was trained on the
last layer alone, so a lower layer's answers are what the head makes of it, not what the layer was trained to say. In an ALBERT
whose layers share all parameters they are exactly the answers of the same model with fewer layers.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from albert_np.apps.fill_mask import top_tokens
from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.core.model.heads import mlm_head
from albert_np.models.base import Model


@dataclass(frozen=True)
class Filling:
    """The answers of every layer for one [MASK].

    position       its index among the tokens
    layers         names of the rows: embeddings, layer 1, ..., and output where a fusion follows the last layer
    answers        for each of them the most probable tokens with their probabilities, in descending order
    final          the probability of the model's own answer at each layer
    """

    position: int
    layers: list[str]
    answers: list[list[tuple[str, float]]]
    final: list[float]

    @property
    def changes(self) -> list[bool]:
        """Whether the best answer of each layer is another one than that of the layer below; of the first row, False."""
        best = [row[0][0] for row in self.answers]
        return [False, *(a != b for a, b in pairwise(best))]


def fill_by_layer(model: Model, tokenizer: Any, hidden: list[Array], positions: np.ndarray, k: int) -> list[Filling]:
    """Return the fillings of the tokens at these positions.

    hidden: L + 1 of (T, H), and the fused representation as one more if the model has a fusion.
    """
    names = ["embeddings", *(f"layer {l}" for l in range(1, model.config.num_hidden_layers + 1)), "output"][: len(hidden)]
    rows = backend.asarray_like(positions.astype(np.intp), hidden[0])
    logits = [backend.to_host(mlm_head(h, rows, model.params, model.config)[0]) for h in hidden]  # of (masks, V)
    fillings = []
    for i, position in enumerate(positions.tolist()):
        probabilities = [without_specials(each[i], tokenizer) for each in logits]
        best = int(probabilities[-1].argmax())
        answers = [top_tokens(each[i], tokenizer, k) for each in logits]
        fillings.append(Filling(position, names, answers, [float(each[best]) for each in probabilities]))
    return fillings


def without_specials(logits: np.ndarray, tokenizer: Any) -> np.ndarray:
    """Return the softmax over the tokens that `top_tokens` chooses from.   logits (V,) -> (pieces,)"""
    logits = logits[: len(tokenizer)].astype(np.float64)
    logits[list(tokenizer.all_special_ids)] = -np.inf
    e = np.exp(logits - logits.max())
    return e / e.sum()
