"""Count the zeros in the matrices of a model."""

from albert_np.core.params import Tree
from albert_np.io.matrices import matrices


def count_zeros(params: Tree) -> dict[str, tuple[int, int]]:
    """Return {name: (number of zeros, size)} of each matrix."""
    return {name: (int((array == 0).sum()), array.size) for name, array in matrices(params).items()}


def sparsity(params: Tree, embeddings: bool = True) -> float:
    """Return the share of zeros in the matrices; embeddings: whether the word table counts."""
    arrays = matrices(params, embeddings).values()
    return sum(int((array == 0).sum()) for array in arrays) / sum(array.size for array in arrays)
