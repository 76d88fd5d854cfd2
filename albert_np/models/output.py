"""The result of calling a model."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from albert_np.core.dispatch import Array


@dataclass(repr=False)
class Output:
    """The result of calling a model; None for outputs that the model has no head for, or that were not requested (hidden_states
    and attentions by their flags, others by `outputs`, see `Model.__call__`).

    Arrays are where the parameters are; rows of padding are zero, except in start_logits and end_logits, which are
    finfo(dtype).min there: a softmax over the row is then one over the visible tokens. So are logits of multiple choice where
    there is no choice; of that class, the other outputs have B · choices rows.

    last_hidden_state        (B, T, H), the fused one if there is fusion
    pooler_output            (B, H), from the first visible token
    hidden_states            L + 1 of (B, T, H): the projected embeddings, and the output of each layer (transformers 5 has one
                             more for each inner block; older versions and albert_np do not)
    attentions               (B, A, T, T) for each block, L · inner_group_num of them, in the order in which they are applied
    prediction_logits        (B, T, V) · sop_logits (B, 2)
    logits                   those of the class: (B, T, V) over the vocabulary, (B, C) of sequences, (B, T, C) of tokens,
                             (B, choices) of questions
    start_logits, end_logits (B, T)
    """

    # Of the type Array, not Array | None: whoever knows the model need not test for None.
    last_hidden_state: Array = None
    pooler_output: Array = None
    hidden_states: tuple[Array, ...] | None = None
    attentions: tuple[Array, ...] | None = None
    prediction_logits: Array = None
    sop_logits: Array = None
    logits: Array = None
    start_logits: Array = None
    end_logits: Array = None

    def only(self, names: Iterable[str]) -> "Output":
        """Return these outputs, and the hidden states and attention weights if there are any; the others are None."""
        chosen = {*names, "hidden_states", "attentions"}
        return Output(**{field.name: getattr(self, field.name) for field in fields(self) if field.name in chosen})

    def __repr__(self) -> str:
        """Return the shapes of the outputs; of hidden_states and attentions, how many there are and the shape of each."""
        return f"{type(self).__name__}({', '.join(f'{name} {shape}' for name, shape, _ in self._shapes())})"

    def _repr_html_(self) -> str:
        from albert_np.io.html import make_table

        return make_table(self._shapes(), ("output", "shape", "dtype"), type(self).__name__)

    if not TYPE_CHECKING:  # it would have every name, mistyped ones too

        def __getattr__(self, name: str) -> Any:
            hint = ": loss, grads = model.loss_and_gradients(..., labels=labels) returns it" if name == "loss" else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name)

    def _shapes(self) -> list[tuple[str, str, str]]:
        """Return (name, shape, dtype) of each output that there is."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return [
            (name, f"{len(value)} × {value[0].shape}", str(value[0].dtype))
            if isinstance(value, tuple)
            else (name, f"{value.shape}", str(value.dtype))
            for name, value in values.items()
            if value is not None
        ]


def join_outputs(outputs: list[Output]) -> Output:
    """Concatenate the outputs of consecutive rows of a batch."""
    if len(outputs) == 1:
        return outputs[0]

    def concatenate(values: list[Any]) -> Any:
        if isinstance(values[0], tuple):
            return tuple(map(concatenate, map(list, zip(*values))))
        return None if values[0] is None else np.concatenate(values)

    return Output(**{field.name: concatenate([getattr(out, field.name) for out in outputs]) for field in fields(Output)})
