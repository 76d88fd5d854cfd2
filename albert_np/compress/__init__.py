"""Smaller models: fewer weights that are not 0, fewer bits for each, fewer of them altogether. What it costs is measured.

tensors        which tensors are meant
pruning        weights become 0, while training or at once          quantising     weights become integers, likewise
movement       which of them go by where training moves them
calibration    integers that make the error of what comes out small
files          a small file, and how small it must be
"""

from albert_np.compress.files import Packing
from albert_np.compress.pruning import Pruning, Sparsity, prune, was_pruned
from albert_np.compress.quantising import KINDS, QuantisationAware, kind_of
from albert_np.compress.tensors import sparsity

__all__ = ["KINDS", "Packing", "Pruning", "QuantisationAware", "Sparsity", "kind_of", "prune", "sparsity", "was_pruned"]
