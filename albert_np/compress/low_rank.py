"""Factorising further: a weight w (I, O) as u v of a low rank R, with R (I + O) numbers instead of I O.

The best factors of a rank are given by the singular value decomposition w = U Σ Vᵀ (Eckart & Young 1936): its first R terms,
u = U √Σ and v = √Σ Vᵀ. They keep the share

    energy = Σ_{r ≤ R} σ_r² / Σ_r σ_r²

of w's squared norm. A rank is chosen as the smallest one that keeps enough, and used only where it saves numbers. ALBERT does
the same with its embeddings from the start (paper section 3.1).
"""

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree, fill, zero_tree
from albert_np.models.config import FACTORED, AlbertConfig
from albert_np.models.shapes import get_heads, shapes


def ranks(params: Tree, energy: float) -> dict[str, int]:
    """{name of a weight in a block: the rank that keeps this share of its energy}, where that is worth it; of several blocks the
    highest. ValueError unless 0 < energy < 1."""
    if not 0 < energy < 1:
        raise ValueError(f"energy: expected a share between 0 and 1, got {energy}")
    found: dict[str, int] = {}
    worth: dict[str, int] = {}
    for name, array in params.items():
        kind = ".".join(name.split(".")[4:-1])
        if kind in FACTORED and name.endswith(".w"):
            I, O = array.shape
            squares = np.linalg.svd(backend.to_host(array).astype(np.float64), compute_uv=False) ** 2
            rank = 1 + int(np.searchsorted(np.cumsum(squares) / squares.sum(), energy - 1e-12))
            found[kind] = max(found.get(kind, 0), rank)
            worth[kind] = I * O // (I + O)  # up to this rank
    return {kind: rank for kind, rank in found.items() if rank < worth[kind]}


def factor(config: AlbertConfig, params: Tree, chosen: dict[str, int]) -> tuple[AlbertConfig, Tree]:
    """The same model with these weights in factors of these ranks (those that it has in factors already stay as they are)."""
    small = config.replace(ranks={**config.ranks, **chosen})
    tree = zero_tree(shapes(small, get_heads(params)), params.flat.dtype, params.flat)
    given = {name: backend.to_host(array) for name, array in params.items()}
    for name, array in tree.items():
        fill(array, given[name] if name in given else half(given[name[:-1] + "w"], array.shape, name[-1]))
    return small, tree


def half(w: np.ndarray, shape: tuple[int, ...], leaf: str) -> np.ndarray:
    """One of the two factors: u (I, R) or v (R, O)."""
    U, sigma, Vt = np.linalg.svd(w.astype(np.float64), full_matrices=False)
    R = shape[1] if leaf == "u" else shape[0]
    root = np.sqrt(sigma[:R])
    return U[:, :R] * root if leaf == "u" else root[:, None] * Vt[:R]
