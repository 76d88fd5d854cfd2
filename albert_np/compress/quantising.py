"""Quantisation: a weight becomes a small integer times a scale.

    w ≈ s · i        i = round(w / s), from -q to q: 127 for 8 bits, 7 for 4

The scale s belongs to one output (a row of the matrix) or, for 4 bits, to a group of inputs of one output: smaller groups give
smaller errors. The default scale is the smallest without clipping, max |w| / q; calibration.py finds better ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from albert_np.compress.layers.fake_quantise import fake_quantise, fake_quantise_backward
from albert_np.core import backend
from albert_np.core.params import Tree, fill
from albert_np.io.formats.bfloat16 import from_bfloat16, to_bfloat16
from albert_np.io.matrices import as_rows, quantisable
from albert_np.io.packed_checkpoint import QuantisedMatrix, Scheme, repeat_scales
from albert_np.training.constraints import Constraint

SCHEMES = {"int8": Scheme(8, 0), "int4": Scheme(4, 32)}


def get_scheme(name: str) -> Scheme:
    """Return one of SCHEMES. ValueError for another name."""
    if name not in SCHEMES:
        raise ValueError(f"weights of {name!r}: expected {' or '.join(SCHEMES)}")
    return SCHEMES[name]


def split_groups(w: Any, group: int) -> Any:
    """w (R, C) -> (R, G, C / G), padded with zeros where C is not a multiple of the group size"""
    group = group or w.shape[1]
    if missing := -w.shape[1] % group:
        w = np.concatenate([w, np.zeros_like(w, shape=(len(w), missing))], axis=1)
    return w.reshape(len(w), -1, group)


def compute_scales(w: Any, scheme: Scheme, clip: Any = 1.0) -> Any:
    """w (R, C) -> (R, G): the scales that map clip · max |w| to the largest integer; 1 where all weights are 0."""
    s = np.abs(split_groups(w, scheme.group)).max(-1) * (clip / scheme.largest)
    return _round_up(np.where(s > 0, s, 1.0).astype(w.dtype), scheme)


def _round_up(s: Any, scheme: Scheme) -> Any:
    """Round scales to the type in the file. 4-bit tensors, which have many, store bfloat16: rounded up, so that nothing clips."""
    if scheme.bits > 4:
        return s
    bits = s.astype("float32").view("uint32") + 0xFFFF
    return (bits >> 16 << 16).view("float32").astype(s.dtype)


def quantise(w: np.ndarray, scheme: Scheme, scales: Any = None) -> QuantisedMatrix:
    """Round w (R, C), a host array, to the nearest integers, with the default scales or the given ones."""
    w = np.asarray(w, np.float32)
    scales = compute_scales(w, scheme) if scales is None else scales
    n = np.round(w / repeat_scales(scales, w.shape[1], scheme.group))
    return QuantisedMatrix(np.clip(n, -scheme.largest, scheme.largest).astype(np.int8), scales, scheme)


def quantise_params(params: Tree, scheme: Scheme) -> dict[str, QuantisedMatrix]:
    """Return {name: quantised matrix}, with the default scales."""
    return {name: quantise(backend.to_host(as_rows(name, array)), scheme) for name, array in quantisable(params).items()}


def write_dequantised(params: Tree, quantised: dict[str, QuantisedMatrix]) -> None:
    """Replace the parameters by the values of their quantised matrices."""
    for name, array in quantisable(params).items():
        if name in quantised:
            fill(array, as_rows(name, quantised[name].dequantise()))


def round_to_16_bits(params: Tree, weights: str) -> None:
    """Round the matrices to "float16" or "bfloat16", in place. ValueError if a number is too large for float16."""
    for name, array in quantisable(params).items():
        host = backend.to_host(array)
        with np.errstate(over="ignore"):
            value = from_bfloat16(to_bfloat16(host)) if weights == "bfloat16" else host.astype(np.float16).astype(np.float32)
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: {np.abs(host).max():.3g} is too large for {weights}")
        fill(array, value)


class QuantisationAware(Constraint):
    """Train weights that are rounded in every forward pass, so that the model adapts to the rounding.

    The optimiser updates the exact weights; forward and backward passes use the rounded ones, with a straight-through gradient
    (compress/layers/fake_quantise.py).
    """

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.inside: dict[str, Any] = {}  # {name: where the rounding did not clip}
        self.quantised: dict[str, QuantisedMatrix] = {}  # set by `finish`

    @contextmanager
    def forward_context(self, params: Tree) -> Iterator[None]:
        exact = params.flat.copy()
        for name, array in quantisable(params).items():
            w = as_rows(name, array)
            s = repeat_scales(compute_scales(w, self.scheme), w.shape[1], self.scheme.group)
            w[...], self.inside[name] = fake_quantise(w, s, self.scheme.largest)
        try:
            yield
        finally:
            params.flat[...] = exact

    def on_gradients(self, params: Tree, grads: Tree) -> None:
        for name, array in quantisable(grads).items():
            dw = as_rows(name, array)
            dw[...] = fake_quantise_backward(dw, self.inside[name])

    def finish(self, params: Tree) -> None:
        self.quantised = quantise_params(params, self.scheme)
        write_dequantised(params, self.quantised)

    def quantised_tensors(self) -> dict[str, QuantisedMatrix]:
        return self.quantised
