"""Check a user's labels for fine-tuning and convert them to the labelled rows and the labels of a packed batch."""

import numpy as np

from albert_np.core import backend
from albert_np.models.config import AlbertConfig
from albert_np.models.padded import IGNORED, ArrayLike, integers, within
from albert_np.models.task_losses import CLASSES, SETS, get_problem

Pair = tuple[np.ndarray, np.ndarray]


def host(name: str, values: ArrayLike, expected: str) -> np.ndarray:
    """Return a host array of a user's numbers. ValueError names the argument and what was expected."""
    if values is None:
        raise ValueError(f"{name}: expected {expected}, got None")
    try:
        array = np.asarray(values if isinstance(values, (np.ndarray, list, tuple, int, float)) else backend.to_host(values))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: expected {expected} ({error})") from None
    if array.dtype.kind not in "iubf":
        raise ValueError(f"{name}: expected {expected}, got {array.dtype}")
    return array


def classes(name: str, labels: ArrayLike, shape: tuple[int, ...], config: AlbertConfig) -> np.ndarray:
    """Return integers from 0 to C - 1 or -100, of this shape."""
    C = config.num_labels
    chosen = integers(name, host(name, labels, f"integers of the shape {shape}"), shape)
    within(name, chosen[chosen != IGNORED], C, f"the {C} labels of the config (-100 is ignored)")
    return chosen


def labelled(chosen: np.ndarray) -> Pair:
    """(R,) labels -> the rows (M,) that have a label, and their labels (M,)"""
    rows = np.flatnonzero(chosen != IGNORED)
    return rows, chosen[rows]


def sequence_labels(labels: ArrayLike, B: int, config: AlbertConfig) -> list[Pair]:
    """Check labels of sequences: integers (B,), -100 = ignore; numbers (B, C), or (B,) if C is 1, for regression; numbers (B, C)
    from 0 to 1 if a sequence may have several labels."""
    C = config.num_labels
    values = host("labels", labels, f"one for each of the {B} sequences")
    problem = get_problem(config, values.dtype.kind != "f")
    if problem == CLASSES:
        if values.shape == (B, C) and C > 1:
            raise ValueError(f"labels: expected the shape {(B,)}, got {(B, C)}; several labels per sequence are given as floats")
        return [labelled(classes("labels", values.reshape(-1) if values.shape == (B, 1) else values, (B,), config))]
    if values.shape != (B, C) and not (C == 1 and values.shape == (B,)):
        raise ValueError(f"labels: expected the shape {(B, C)} for {problem.replace('_', ' ')}, got {values.shape}")
    values = values.astype(np.float64).reshape(B, C)
    if not np.isfinite(values).all():
        raise ValueError("labels: expected finite numbers")
    if problem == SETS and ((values < 0) | (values > 1)).any():
        outside = values[(values < 0) | (values > 1)][0]
        raise ValueError(f"labels: expected numbers from 0 to 1 for multi label classification, got {outside:g}")
    return [(np.arange(B), values)]


def token_labels(labels: ArrayLike, visible: np.ndarray, config: AlbertConfig) -> list[Pair]:
    """Check labels of tokens: integers (B, T), -100 = ignore, also for hidden tokens."""
    chosen = classes("labels", labels, visible.shape, config)
    if (chosen[~visible] != IGNORED).any():
        raise ValueError("labels: a token that attention_mask hides has a label; expected -100 there")
    return [labelled(chosen[visible])]


def span_labels(start_positions: ArrayLike, end_positions: ArrayLike, visible: np.ndarray) -> list[Pair]:
    """Check the positions (B,) in the padded row at which answers start and end; ignored if -100 or beyond the row."""
    labels = {"start_positions": start_positions, "end_positions": end_positions}
    return [span_label(name, positions, visible) for name, positions in labels.items()]


def span_label(name: str, positions: ArrayLike, visible: np.ndarray) -> Pair:
    """-> the sequences (M,) that have an answer, and the index (M,) of the token among the visible ones of its sequence"""
    B, T = visible.shape
    checked = integers(name, host(name, positions, f"a position for each of the {B} sequences"))
    if checked.shape not in ((B,), (B, 1)):
        raise ValueError(f"{name}: expected the shape {(B,)}, got {checked.shape}")
    checked = checked.reshape(-1)
    if ((checked < 0) & (checked != IGNORED)).any():
        wrong = int(checked[(checked < 0) & (checked != IGNORED)][0])
        raise ValueError(
            f"{name}: {wrong} is not a position; expected 0 to {T - 1}, or -100 or {T} and more to ignore the sequence"
        )
    rows = np.flatnonzero((checked >= 0) & (checked < T))
    hidden = rows[~visible[rows, checked[rows]]]
    if hidden.size:
        row = int(hidden[0])
        raise ValueError(f"{name}: row {row} points at token {checked[row]}, which attention_mask hides")
    index = np.cumsum(visible, axis=1) - 1  # (B, T)
    return rows, index[rows, checked[rows]]


def relation_labels(labels: ArrayLike, B: int, config: AlbertConfig) -> list[Pair]:
    """Check labels of sequences that are classes: integers (B,), -100 = ignore."""
    return [labelled(classes("labels", labels, (B,), config))]


def entity_positions(positions: ArrayLike, visible: np.ndarray) -> np.ndarray:
    """Positions (B, 2) of two entities in the padded row -> their indices (B, 2) among the visible tokens of their sequence"""
    B, T = visible.shape
    checked = integers(
        "entity_positions", host("entity_positions", positions, f"two positions for each of the {B} sequences"), (B, 2)
    )
    within("entity_positions", checked, T, "the positions of a row")
    hidden = ~np.take_along_axis(visible, checked, axis=1)
    if hidden.any():
        row, entity = (int(i[0]) for i in np.nonzero(hidden))
        raise ValueError(f"entity_positions: row {row} points at token {checked[row, entity]}, which attention_mask hides")
    return np.take_along_axis(np.cumsum(visible, axis=1) - 1, checked, axis=1)


def choice_labels(labels: ArrayLike, present: np.ndarray) -> list[Pair]:
    """Check labels of questions: indices (B,) of choices, -100 = ignore. present (B, choices): which choices exist.

    -> the questions (M,) that have a label, and the index (M,) of the right choice among those that exist
    """
    B, K = present.shape
    chosen = integers("labels", host("labels", labels, f"the right choice of each of the {B} questions"))
    if chosen.shape not in ((B,), (B, 1)):
        raise ValueError(f"labels: expected the shape {(B,)}, got {chosen.shape}")
    rows, right = labelled(chosen.reshape(-1))
    within("labels", right, K, f"the {K} choices (-100 is ignored)")
    absent = ~present[rows, right]
    if absent.any():
        row = int(rows[absent][0])
        raise ValueError(
            f"labels: question {row} has the label {right[absent][0]}, a choice that attention_mask hides completely"
        )
    return [(rows, np.cumsum(present, axis=1)[rows, right] - 1)]
