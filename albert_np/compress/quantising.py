"""Fewer bits: a weight becomes a small integer times a step.

    w ≈ s · i        i = round(w / s), at least -q and at most q: 127 for 8 bits, 7 for 4

The step s belongs to one output (a row of the matrix) or, for 4 bits, to a group of inputs of one output: the smaller the group,
the closer the grid. The usual step is the smallest one that clips nothing, max |w| / q; see calibration.py for a better one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.compress.layers.fake_quantise import fake_quantise, fake_quantise_backward
from albert_np.compress.tensors import TABLES, matrices, rows
from albert_np.core import backend
from albert_np.core.params import Tree, fill
from albert_np.training.constraints import Constraint


@dataclass(frozen=True)
class Kind:
    """bits, and how many inputs share a step; 0: all of an output's."""

    bits: int
    group: int

    @property
    def largest(self) -> int:
        """q"""
        return 2 ** (self.bits - 1) - 1


KINDS = {"int8": Kind(8, 0), "int4": Kind(4, 32)}


@dataclass(frozen=True)
class Quantised:
    """integers (R, C) int8, steps (R, G) float32: the matrix is their product, each step for `group` columns (0: for all)."""

    integers: np.ndarray
    steps: np.ndarray
    kind: Kind

    def dense(self) -> np.ndarray:
        """(R, C) float32"""
        return self.integers.astype(np.float32) * spread(self.steps, self.integers.shape[1], self.kind.group)


def kind_of(name: str) -> Kind:
    """One of KINDS. ValueError for another name."""
    if name not in KINDS:
        raise ValueError(f"weights of {name!r}: expected {' or '.join(KINDS)}")
    return KINDS[name]


def grouped(w: Any, group: int) -> Any:
    """w (R, C) -> (R, G, C / G), filled up with zeros where C is no multiple of the group"""
    group = group or w.shape[1]
    if missing := -w.shape[1] % group:
        w = np.concatenate([w, np.zeros_like(w, shape=(len(w), missing))], axis=1)
    return w.reshape(len(w), -1, group)


def spread(steps: Any, C: int, group: int) -> Any:
    """steps (R, G) -> (R, 1) or (R, C), one for each column"""
    return np.repeat(steps, group, axis=1)[:, :C] if group else steps


def steps_of(w: Any, kind: Kind, clip: Any = 1.0) -> Any:
    """w (R, C) -> (R, G): the step that puts clip · max |w| at the end of the grid; 1 where all is 0."""
    s = np.abs(grouped(w, kind.group)).max(-1) * (clip / kind.largest)
    return storable(np.where(s > 0, s, 1.0).astype(w.dtype), kind)


def storable(s: Any, kind: Kind) -> Any:
    """The next step that the file can hold: of 4 bits, which has many, a bfloat16, rounded up so that nothing is clipped."""
    if kind.bits > 4:
        return s
    bits = s.astype("float32").view("uint32") + 0xFFFF
    return (bits >> 16 << 16).view("float32").astype(s.dtype)


def quantise(w: np.ndarray, kind: Kind, steps: Any = None) -> Quantised:
    """w (R, C), host -> its nearest integers, with the usual steps or the given ones"""
    w = np.asarray(w, np.float32)
    steps = steps_of(w, kind) if steps is None else steps
    n = np.round(w / spread(steps, w.shape[1], kind.group))
    return Quantised(np.clip(n, -kind.largest, kind.largest).astype(np.int8), steps, kind)


def tensors(params: Tree) -> dict[str, Any]:
    """{name: array} of what is quantised: the matrices and the table of positions."""
    return {**{name: array for name, array in params.items() if name in TABLES}, **matrices(params)}


def quantised(params: Tree, kind: Kind) -> dict[str, Quantised]:
    """{name: its numbers} for each tensor, by the usual steps."""
    return {name: quantise(backend.to_host(rows(name, array)), kind) for name, array in tensors(params).items()}


def put(params: Tree, found: dict[str, Quantised]) -> None:
    """Write into the parameters what the integers stand for."""
    for name, array in tensors(params).items():
        if name in found:
            fill(array, rows(name, found[name].dense()))


class QuantisationAware(Constraint):
    """Trains weights that are rounded when they are used: the model learns to live with it.

    The optimiser moves full weights; forward and backward passes see them rounded, and the gradient goes straight through
    (compress/layers/fake_quantise.py).
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.inside: dict[str, Any] = {}
        self.found: dict[str, Quantised] = {}

    @contextmanager
    def forward_context(self, params: Tree) -> Iterator[None]:
        kept = params.flat.copy()
        for name, array in tensors(params).items():
            w = rows(name, array)
            s = spread(steps_of(w, self.kind), w.shape[1], self.kind.group)
            w[...], self.inside[name] = fake_quantise(w, s, self.kind.largest)
        try:
            yield
        finally:
            params.flat[...] = kept

    def on_gradients(self, params: Tree, grads: Tree) -> None:
        for name, array in tensors(grads).items():
            dw = rows(name, array)
            dw[...] = fake_quantise_backward(dw, self.inside[name])

    def finish(self, params: Tree) -> None:
        self.found = quantised(params, self.kind)
        put(params, self.found)

    def quantised_tensors(self) -> dict[str, Quantised]:
        return self.found
