"""Low-rank factorisation: a weight w (I, O) as u v of rank R, with R (I + O) numbers instead of I O.

The best factors of a rank are given by the singular value decomposition w = U Σ Vᵀ (Eckart & Young 1936): its first R terms,
u = U √Σ and v = √Σ Vᵀ. They keep the share

    energy = Σ_{r ≤ R} σ_r² / Σ_r σ_r²

of w's squared norm. The rank is the smallest one that keeps enough, and it is used only where it saves parameters. ALBERT's
embeddings are factorised in the same way by design (paper section 3.1).
"""

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree, fill, zero_tree
from albert_np.models.config import FACTORED, AlbertConfig
from albert_np.models.shapes import get_heads, shapes


def choose_ranks(params: Tree, energy: float) -> dict[str, int]:
    """Return {name of a weight in a block: rank} for this share of the energy, where it saves parameters.

    A rank is the highest one over all blocks. Raises ValueError unless 0 < energy < 1.
    """
    if not 0 < energy < 1:
        raise ValueError(f"energy: expected a share between 0 and 1, got {energy}")
    ranks: dict[str, int] = {}
    limits: dict[str, int] = {}  # higher ranks save nothing
    for name, array in params.items():
        weight = ".".join(name.split(".")[4:-1])
        if weight in FACTORED and name.endswith(".w"):
            I, O = array.shape
            squares = np.linalg.svd(backend.to_host(array).astype(np.float64), compute_uv=False) ** 2
            rank = 1 + int(np.searchsorted(np.cumsum(squares) / squares.sum(), energy - 1e-12))
            ranks[weight] = max(ranks.get(weight, 0), rank)
            limits[weight] = I * O // (I + O)
    return {weight: rank for weight, rank in ranks.items() if rank < limits[weight]}


def factor(config: AlbertConfig, params: Tree, ranks: dict[str, int]) -> tuple[AlbertConfig, Tree]:
    """Return the model with these weights in factors of these ranks; weights that are factors already stay unchanged."""
    small = config.replace(ranks={**config.ranks, **ranks})
    tree = zero_tree(shapes(small, get_heads(params)), params.flat.dtype, params.flat)
    values = {name: backend.to_host(array) for name, array in params.items()}
    for name, array in tree.items():
        fill(array, values[name] if name in values else low_rank_factor(values[name[:-1] + "w"], array.shape, name[-1]))
    return small, tree


def low_rank_factor(w: np.ndarray, shape: tuple[int, ...], leaf: str) -> np.ndarray:
    """Return one of the two factors of w: u (I, R) or v (R, O)."""
    U, sigma, Vt = np.linalg.svd(w.astype(np.float64), full_matrices=False)
    R = shape[1] if leaf == "u" else shape[0]
    root = np.sqrt(sigma[:R])
    return U[:, :R] * root if leaf == "u" else root[:, None] * Vt[:R]
