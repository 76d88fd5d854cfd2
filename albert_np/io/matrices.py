"""The tensors of a model that are compressed: its large matrices.

They are most of a model. Biases, layer norms and the small heads of tasks are never compressed, since there is nothing to gain.
Shared tensors occur once.
"""

from typing import Any

from albert_np.core.params import Tree

LOOKUP_TABLES = ("embeddings.word", "embeddings.position")  # have one row per output; other weights are (in, out)
SMALL_HEADS = ("task", "relation", "choice", "sop", "hint")


def matrices(params: Tree, embeddings: bool = True) -> dict[str, Any]:
    """Return {name: array} of the tensors to prune: the weights of every linear map and, if `embeddings`, the word table."""
    weights = {
        name: array
        for name, array in params.items()
        if name.rsplit(".", 1)[-1] in ("w", "u", "v") and name.split(".")[0] not in SMALL_HEADS
    }
    return {**({"embeddings.word": params.embeddings.word} if embeddings else {}), **weights}


def quantisable(params: Tree) -> dict[str, Any]:
    """Return {name: array} of the tensors that are quantised: the matrices and the position table."""
    return {**{name: array for name, array in params.items() if name in LOOKUP_TABLES}, **matrices(params)}


def as_rows(name: str, array: Any) -> Any:
    """Return a view with shape (outputs, inputs). The outputs of the word table, which is also the MLM decoder, are tokens."""
    return array if name in LOOKUP_TABLES else array.T
