"""The result of calling a model."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass
class Output:
    """The result of calling a model; None for outputs that the model has no head for, or that were not requested.

    Arrays are where the parameters are; rows of padding are zero, except in start_logits and end_logits, which are
    finfo(dtype).min there: a softmax over the row is then one over the visible tokens.

    last_hidden_state        (B, T, H), the fused one if there is fusion
    pooler_output            (B, H), from the first visible token
    hidden_states            L + 1 of (B, T, H): the projected embeddings, and what each layer made of them (transformers 5 has
                             one more for each inner block; older ones and we do not)
    attentions               (B, A, T, T) for each block, L · inner_group_num of them, in the order in which they are applied
    prediction_logits        (B, T, V) · sop_logits (B, 2)
    logits                   those of the class: (B, T, V) of pieces, (B, C) of sequences, (B, T, C) of tokens
    start_logits, end_logits (B, T)
    """

    last_hidden_state: Any = None
    pooler_output: Any = None
    hidden_states: tuple[Any, ...] | None = None
    attentions: tuple[Any, ...] | None = None
    prediction_logits: Any = None
    sop_logits: Any = None
    logits: Any = None
    start_logits: Any = None
    end_logits: Any = None


def join_outputs(outputs: list[Output]) -> Output:
    """The outputs of consecutive rows of a batch, one below the other."""
    if len(outputs) == 1:
        return outputs[0]

    def concatenated(values: list[Any]) -> Any:
        if isinstance(values[0], tuple):
            return tuple(map(concatenated, map(list, zip(*values))))
        return None if values[0] is None else np.concatenate(values)

    return Output(**{field.name: concatenated([getattr(out, field.name) for out in outputs]) for field in fields(Output)})
