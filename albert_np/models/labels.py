"""The checks of a user's labels for fine-tuning, and what a batch needs of them: the rows that have a label, and the labels."""

from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.models.config import AlbertConfig
from albert_np.models.padded import IGNORED, integers, within
from albert_np.models.task_losses import CLASSES, SETS, get_problem

Pair = tuple[np.ndarray, np.ndarray]


def host(name: str, values: Any, expected: str) -> np.ndarray:
    """A host array of a user's numbers, or ValueError naming the argument and what was expected of it."""
    if values is None:
        raise ValueError(f"{name}: expected {expected}, got None")
    try:
        array = np.asarray(values if isinstance(values, (np.ndarray, list, tuple, int, float)) else backend.to_host(values))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: expected {expected} ({error})") from None
    if array.dtype.kind not in "iubf":
        raise ValueError(f"{name}: expected {expected}, got {array.dtype}")
    return array


def classes(name: str, labels: Any, shape: tuple[int, ...], config: AlbertConfig) -> np.ndarray:
    """Integers from 0 to C - 1 or -100, of this shape."""
    C = config.num_labels
    chosen = integers(name, host(name, labels, f"integers of the shape {shape}"), shape)
    within(name, chosen[chosen != IGNORED], C, f"the {C} labels of the config (-100 is ignored)")
    return chosen


def labelled(chosen: np.ndarray) -> Pair:
    """(R,) labels -> the rows that have one (M,), and these labels (M,)"""
    rows = np.flatnonzero(chosen != IGNORED)
    return rows, chosen[rows]


def sequence_labels(labels: Any, B: int, config: AlbertConfig) -> list[Pair]:
    """Labels of sequences: integers (B,), -100 = ignore; numbers (B, C) for regression, and (B,) if C is 1; from 0 to 1 (B, C)
    where a sequence may have several labels."""
    C = config.num_labels
    values = host("labels", labels, f"one for each of the {B} sequences")
    problem = get_problem(config, values.dtype.kind != "f")
    if problem == CLASSES:
        if values.shape == (B, C) and C > 1:
            raise ValueError(f"labels: expected the shape {(B,)}, got {(B, C)}; several labels a sequence are given as floats")
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


def token_labels(labels: Any, visible: np.ndarray, config: AlbertConfig) -> list[Pair]:
    """Labels of tokens: integers (B, T), -100 = ignore, which every hidden token must have."""
    chosen = classes("labels", labels, visible.shape, config)
    if (chosen[~visible] != IGNORED).any():
        raise ValueError("labels: a token that attention_mask hides has a label; expected -100 there")
    return [labelled(chosen[visible])]


def span_labels(start_positions: Any, end_positions: Any, visible: np.ndarray) -> list[Pair]:
    """Where answers start and end: integers (B,), places in the padded row; ignored if -100 or beyond the row."""
    given = {"start_positions": start_positions, "end_positions": end_positions}
    return [span_label(name, positions, visible) for name, positions in given.items()]


def span_label(name: str, positions: Any, visible: np.ndarray) -> Pair:
    """-> the sequences that have an answer (M,), and the number of the token among the visible ones of its sequence (M,)"""
    B, T = visible.shape
    places = integers(name, host(name, positions, f"a position for each of the {B} sequences"))
    if places.shape not in ((B,), (B, 1)):
        raise ValueError(f"{name}: expected the shape {(B,)}, got {places.shape}")
    places = places.reshape(-1)
    if ((places < 0) & (places != IGNORED)).any():
        wrong = int(places[(places < 0) & (places != IGNORED)][0])
        raise ValueError(f"{name}: {wrong} is no position; expected 0 to {T - 1}, or -100 or {T} and more to ignore the sequence")
    rows = np.flatnonzero((places >= 0) & (places < T))
    hidden = rows[~visible[rows, places[rows]]]
    if hidden.size:
        row = int(hidden[0])
        raise ValueError(f"{name}: row {row} points at token {places[row]}, which attention_mask hides")
    number = np.cumsum(visible, axis=1) - 1  # (B, T)
    return rows, number[rows, places[rows]]


def relation_labels(labels: Any, B: int, config: AlbertConfig) -> list[Pair]:
    """Labels of sequences that are classes: integers (B,), -100 = ignore."""
    return [labelled(classes("labels", labels, (B,), config))]


def entity_positions(positions: Any, visible: np.ndarray) -> np.ndarray:
    """Places (B, 2) in the padded row of two entities -> their numbers among the visible tokens of their sequence (B, 2)"""
    B, T = visible.shape
    places = integers(
        "entity_positions", host("entity_positions", positions, f"two places for each of the {B} sequences"), (B, 2)
    )
    within("entity_positions", places, T, "the places of a row")
    hidden = ~np.take_along_axis(visible, places, axis=1)
    if hidden.any():
        row, which = (int(i[0]) for i in np.nonzero(hidden))
        raise ValueError(f"entity_positions: row {row} points at token {places[row, which]}, which attention_mask hides")
    return np.take_along_axis(np.cumsum(visible, axis=1) - 1, places, axis=1)
