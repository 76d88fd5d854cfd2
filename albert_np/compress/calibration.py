"""Calibrated rounding: minimise the error of the outputs x w over real inputs x, not the error of w.

Over calibration inputs X (N, I), the error of an output with the weights w is

    ‖X (w - ŵ)‖² = (w - ŵ)ᵀ G (w - ŵ)        G = Xᵀ X (I, I), the Gram matrix of the inputs

It determines two things. First the scale of each group, among those that clip some of the largest weights. Then the integers,
input by input: the rounding error of one weight is compensated by the weights that are not rounded yet, as far as their inputs
correlate (Frantar et al. 2022, "GPTQ"; equations 2 and 3 there, in the order of the inputs). Weights that are 0 stay 0.
"""

from typing import Any

import numpy as np

from albert_np.compress.quantising import compute_scales, quantise, split_groups
from albert_np.core import backend
from albert_np.core.batch import Batch
from albert_np.core.dispatch import Tagged, reference
from albert_np.core.model.albert import encode
from albert_np.core.params import Tree
from albert_np.io.fit import first_names
from albert_np.io.matrices import as_rows, quantisable
from albert_np.io.packed_checkpoint import QuantisedMatrix, Scheme, repeat_scales

CLIPS = np.linspace(1.0, 0.5, 21)  # candidates for the largest representable weight, as shares of the largest weight
DAMPING = 0.01  # relative to the mean of G's diagonal, so that constant inputs do not make G singular
Grams = dict[str, np.ndarray]


# ---- the inputs of each weight ----


def collect_grams(model: Any, batches: list[Batch]) -> Grams:
    """Return {name of a weight: G} over all tokens of the batches, for the linear maps of the encoder.

    The inputs are read from the caches of the reference: the cache of a linear map is its input.
    """
    p, config = model.params, model.config
    owner = first_names(dict(p.paths()))
    grams: Grams = {}

    def add(name: str, cache: Any) -> None:
        x = backend.to_host(cache.cache if type(cache) is Tagged else cache).astype(np.float64)
        for leaf in ("w", "u"):
            if f"{name}.{leaf}" in owner:
                key = owner[f"{name}.{leaf}"]
                grams[key] = grams.get(key, 0) + x.T @ x

    with reference():
        for batch in batches:
            _, cache = encode(batch, p, config.replace(recompute=False))
            add("embeddings.projection", cache.c_embeddings.c_projection)
            for l, caches in enumerate(cache.c_encoder.c_layers):
                for i, (c_attention, _, c_ffn, _) in enumerate(caches):
                    block = f"groups.{config.group_of(l)}.blocks.{i}"
                    for name in ("query", "key", "value"):
                        add(f"{block}.attention.{name}", c_attention.c_query)
                    add(f"{block}.attention.output", c_attention.c_output)
                    add(f"{block}.ffn.intermediate", c_ffn.c_in)
                    add(f"{block}.ffn.output", c_ffn.c_out)
    arrays = dict(p.items())
    for name in [name for name in grams if name.endswith(".u")]:  # the input of v is x u
        u = backend.to_host(arrays[name]).astype(np.float64)
        grams[name[:-1] + "v"] = u.T @ grams[name] @ u
    return grams


# ---- scales and integers ----


def calibrate(params: Tree, scheme: Scheme, grams: Grams) -> dict[str, QuantisedMatrix]:
    """Return {name: quantised matrix}. One without a Gram matrix is rounded as if its inputs were uncorrelated."""
    quantised = {}
    for name, array in quantisable(params).items():
        w = np.asarray(backend.to_host(as_rows(name, array)), np.float32)
        gram = grams.get(name)
        scales = find_scales(w, scheme, gram)
        quantised[name] = quantise(w, scheme, scales) if gram is None else gptq(w, scheme, scales, gram)
    return quantised


def find_scales(w: np.ndarray, scheme: Scheme, gram: np.ndarray | None) -> np.ndarray:
    """w (R, C), gram (C, C) or None for the identity -> (R, G): for each group, the scale with the least error among CLIPS"""
    best, least = compute_scales(w, scheme), None
    for clip in CLIPS:
        scales = compute_scales(w, scheme, np.float32(clip))
        error = group_errors(w - quantise(w, scheme, scales).dequantise(), scheme, gram)  # (R, G)
        better = error < least if least is not None else np.ones_like(error, dtype=bool)
        best = np.where(better, scales, best)
        least = error if least is None else np.minimum(error, least)
    return best


def group_errors(d: np.ndarray, scheme: Scheme, gram: np.ndarray | None) -> np.ndarray:
    """d (R, C), the rounding errors -> (R, G): dᵀ G d of each group alone"""
    groups = split_groups(d, scheme.group)  # (R, G, g)
    if gram is None:
        return (groups * groups).sum(-1)
    errors = np.empty(groups.shape[:2])
    for k in range(groups.shape[1]):
        columns = slice(k * groups.shape[2], min((k + 1) * groups.shape[2], d.shape[1]))
        errors[:, k] = ((d[:, columns] @ gram[columns, columns]) * d[:, columns]).sum(1)
    return errors


def gptq(w: np.ndarray, scheme: Scheme, scales: np.ndarray, gram: np.ndarray) -> QuantisedMatrix:
    """Round column by column, correcting the following columns for the error each time."""
    C, zero = w.shape[1], w == 0
    damped = gram + max(DAMPING * float(np.trace(gram)) / C, 1e-12) * np.eye(C)
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T  # U with Uᵀ U = G⁻¹
    exact, s = w.astype(np.float64), np.broadcast_to(repeat_scales(scales, C, scheme.group), w.shape)
    integers = np.zeros(w.shape, np.int8)
    for j in range(C):
        i = np.round(np.clip(exact[:, j] / s[:, j], -scheme.largest, scheme.largest))
        i[zero[:, j]] = 0
        integers[:, j] = i
        error = (exact[:, j] - i * s[:, j]) / upper[j, j]
        exact[:, j + 1 :] -= error[:, None] * upper[j, j + 1 :]
    return QuantisedMatrix(integers, scales, scheme)
