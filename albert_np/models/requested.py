"""Which outputs of a call are computed, and the rows of the last layer that they need."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from albert_np.core.params import Tree
from albert_np.io.similar_names import suggest
from albert_np.models.heads import Arrays, cls_rows
from albert_np.models.output import Output

RowsOf = Callable[[Arrays], np.ndarray | None]  # host arrays of a batch -> sorted rows, each once; None: all
BODY = "last_hidden_state"


def every_row(arrays: Arrays) -> None:
    """Return None: all rows are needed."""
    return


def available_outputs(params: Tree, of_class: dict[str, RowsOf]) -> dict[str, RowsOf]:
    """Return the outputs of a model with these parameters, with the rows that each needs. of_class: those of its own head."""
    outputs: dict[str, RowsOf] = {BODY: every_row}
    if "pooler" in params.form:
        outputs["pooler_output"] = cls_rows
    if "mlm" in params.form:
        outputs |= {"prediction_logits": every_row, "logits": every_row}
    if "sop" in params.form:
        outputs["sop_logits"] = cls_rows
    return outputs | of_class


def declares_rows(model_class: type) -> bool:
    """Return whether the class that adds the heads, or one derived from it, declares their rows in `head_rows`.

    A class of one's own may override `_add_heads` alone: then all rows are computed for it.
    """
    classes = model_class.__mro__
    adds_heads = next(k for k, each in enumerate(classes) if "_add_heads" in vars(each))
    return any("head_rows" in vars(each) for each in classes[: adds_heads + 1])


def present_outputs(out: Output) -> list[str]:
    """Return the names of the outputs that are there."""
    return [field.name for field in fields(out) if getattr(out, field.name) is not None]


def checked_outputs(outputs: str | Iterable[str], available: Iterable[str], class_name: str) -> tuple[str, ...]:
    """Return the names of requested outputs. ValueError for one that the model does not have, or for none."""
    names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    known = list(available)
    for name in names:
        if name not in known:
            raise ValueError(
                f"outputs: {class_name} has no {name!r}; expected some of {', '.join(known)}{suggest(str(name), known)}"
            )
    if not names:
        raise ValueError(f"outputs: expected one or more of {', '.join(known)}, got none")
    return names


def head_outputs(available: Iterable[str]) -> tuple[str, ...]:
    """Return the outputs of a prepared model: those of its heads or, if it has only a pooler, those of the body, too."""
    names = tuple(available)
    of_heads = tuple(name for name in names if name != BODY)
    return names if of_heads in ((), ("pooler_output",)) else of_heads


def union_rows(names: Iterable[str], available: dict[str, RowsOf]) -> RowsOf:
    """Return the rows that all of these outputs need together."""

    def rows(arrays: Arrays) -> np.ndarray | None:
        needed: list[Any] = [available[name](arrays) for name in names]
        return None if any(each is None for each in needed) else np.unique(np.concatenate(needed))

    return rows
