"""Rounding with an eye on what comes out: the error of x w over real inputs x is made small, not the error of w.

Over calibration inputs X (N, I) an output with the weights w has the error

    ‖X (w - ŵ)‖² = (w - ŵ)ᵀ G (w - ŵ)        G = Xᵀ X (I, I), the Gram matrix of the inputs

Two things are chosen by it. First the step of each group, among those that clip a little of the largest weights. Then the
integers, input by input: the error that rounding one weight makes is handed on to the weights that are still to be rounded, as
far as their inputs go together (Frantar et al. 2022, "GPTQ"; equations 2 and 3 there, in the order of the inputs). Weights that
are 0 stay 0.
"""

from typing import Any

import numpy as np

from albert_np.compress.quantising import Kind, Quantised, grouped, quantise, spread, steps_of, tensors
from albert_np.compress.tensors import rows
from albert_np.core import backend
from albert_np.core.batch import Batch
from albert_np.core.dispatch import Tagged, reference
from albert_np.core.model.albert import encode
from albert_np.core.params import Tree
from albert_np.io.fit import first_places

CLIPS = np.linspace(1.0, 0.5, 21)  # shares of the largest weight that the grid may end at
DAMPING = 0.01  # of the mean of G's diagonal: inputs that never vary must not blow up
Grams = dict[str, np.ndarray]


# ---- what flows into each weight ----


def grams(model: Any, batches: list[Batch]) -> Grams:
    """{name of a weight: G} over all tokens of the batches, for the linear maps of the body.

    The caches of the reference hold them: the cache of a linear map is its input.
    """
    p, config = model.params, model.config
    owner = first_places(dict(p.paths()))
    found: Grams = {}

    def add(name: str, cache: Any) -> None:
        x = backend.to_host(cache.cache if type(cache) is Tagged else cache).astype(np.float64)
        for leaf in ("w", "u"):
            if f"{name}.{leaf}" in owner:
                key = owner[f"{name}.{leaf}"]
                found[key] = found.get(key, 0) + x.T @ x

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
    for name in [name for name in found if name.endswith(".u")]:  # what flows into v is x u
        u = backend.to_host(arrays[name]).astype(np.float64)
        found[name[:-1] + "v"] = u.T @ found[name] @ u
    return found


# ---- steps and integers for them ----


def calibrated(params: Tree, kind: Kind, given: Grams) -> dict[str, Quantised]:
    """{name: its numbers} for each tensor; one without a Gram matrix is rounded as if all its inputs were alike."""
    found = {}
    for name, array in tensors(params).items():
        w = np.asarray(backend.to_host(rows(name, array)), np.float32)
        gram = given.get(name)
        steps = best_steps(w, kind, gram)
        found[name] = quantise(w, kind, steps) if gram is None else handed_on(w, kind, steps, gram)
    return found


def best_steps(w: np.ndarray, kind: Kind, gram: np.ndarray | None) -> np.ndarray:
    """w (R, C), gram (C, C) or None for the identity -> (R, G): of CLIPS the one with the least error, for each group"""
    best, least = steps_of(w, kind), None
    for clip in CLIPS:
        steps = steps_of(w, kind, np.float32(clip))
        error = errors(w - quantise(w, kind, steps).dense(), kind, gram)  # (R, G)
        better = error < least if least is not None else np.ones_like(error, dtype=bool)
        best = np.where(better, steps, best)
        least = error if least is None else np.minimum(error, least)
    return best


def errors(d: np.ndarray, kind: Kind, gram: np.ndarray | None) -> np.ndarray:
    """d (R, C), what rounding changed -> (R, G): dᵀ G d of each group by itself"""
    parts = grouped(d, kind.group)  # (R, G, g)
    if gram is None:
        return (parts * parts).sum(-1)
    found = np.empty(parts.shape[:2])
    for k in range(parts.shape[1]):
        own = slice(k * parts.shape[2], min((k + 1) * parts.shape[2], d.shape[1]))
        found[:, k] = ((d[:, own] @ gram[own, own]) * d[:, own]).sum(1)
    return found


def handed_on(w: np.ndarray, kind: Kind, steps: np.ndarray, gram: np.ndarray) -> Quantised:
    """Round column by column, each time correcting the columns that follow for the error made."""
    C, zero = w.shape[1], w == 0
    damped = gram + max(DAMPING * float(np.trace(gram)) / C, 1e-12) * np.eye(C)
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T  # U with Uᵀ U = G⁻¹
    left, s = w.astype(np.float64), np.broadcast_to(spread(steps, C, kind.group), w.shape)
    integers = np.zeros(w.shape, np.int8)
    for j in range(C):
        i = np.round(np.clip(left[:, j] / s[:, j], -kind.largest, kind.largest))
        i[zero[:, j]] = 0
        integers[:, j] = i
        error = (left[:, j] - i * s[:, j]) / upper[j, j]
        left[:, j + 1 :] -= error[:, None] * upper[j, j + 1 :]
    return Quantised(integers, steps, kind)
