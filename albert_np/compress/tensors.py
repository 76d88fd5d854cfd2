"""Which tensors are compressed, and how they are looked at: as rows, one for each output.

The matrices of the body are most of a model. Biases, layer norms and the small heads of tasks are left alone: there is nothing
to be gained from them. Layers that share a matrix share it compressed: it comes once.
"""

from typing import Any

from albert_np.core.params import Tree

TABLES = ("embeddings.word", "embeddings.position")  # stored with a row for each output; other weights are (in, out)
HEADS = ("task", "relation", "sop", "hint")


def matrices(params: Tree, embeddings: bool = True) -> dict[str, Any]:
    """{name: array} of what is pruned: the word table (unless `embeddings` is False) and the weights of every linear map."""
    found = {
        name: array
        for name, array in params.items()
        if name.rsplit(".", 1)[-1] in ("w", "u", "v") and name.split(".")[0] not in HEADS
    }
    return {**({"embeddings.word": params.embeddings.word} if embeddings else {}), **found}


def rows(name: str, array: Any) -> Any:
    """The array as (outputs, inputs), a view. An output of the word table is a piece: it is the decoder's matrix as well."""
    return array if name in TABLES else array.T


def zeros(params: Tree) -> dict[str, tuple[int, int]]:
    """{name: (how many numbers are 0, how many there are)} of each matrix."""
    return {name: (int((array == 0).sum()), array.size) for name, array in matrices(params).items()}


def sparsity(params: Tree, embeddings: bool = True) -> float:
    """The share of zeros in the matrices."""
    arrays = matrices(params, embeddings).values()
    return sum(int((array == 0).sum()) for array in arrays) / sum(array.size for array in arrays)
