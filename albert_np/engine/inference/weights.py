"""Weights of the layers for inference: views that divide a block among threads, and blocks of them while nothing changes them.

A part k of K of a block has a K-th of the heads and a K-th of the feed-forward's wide layer: columns of the first matrices, rows
of the last. Outputs are sums over heads and over wide units, so the parts of y add up to y (Shoeybi et al. 2019).

Views are always valid. Blocks (see products.py) are copies, so `prepare` makes the parameters read-only, and `release` gives the
copies up before they can be written to again.
"""

import threading
from weakref import WeakKeyDictionary

from albert_np.core.dispatch import Array
from albert_np.core.params import Namespace, Tree
from albert_np.engine.inference.products import Product, Room


class Part:
    """Part k of K of a block, for A heads in all: products, and slices of the biases."""

    def __init__(self, p: Namespace, A: int, k: int, K: int, may_copy: bool) -> None:
        heads, F = range(A * k // K, A * (k + 1) // K), p.ffn.intermediate.w.shape[1]
        D = p.attention.query.w.shape[1] // A
        columns, units = slice(heads.start * D, heads.stop * D), slice(F * k // K, F * (k + 1) // K)
        self.A = len(heads)
        maps = p.attention.query, p.attention.key, p.attention.value
        ws = [each.w[:, columns] for each in maps] + [p.attention.output.w[columns]]
        ws += [p.ffn.intermediate.w[:, units], p.ffn.output.w[units]]
        room = Room(sum(w.size for w in ws)) if may_copy else None
        self.query, self.key, self.value, self.output, self.intermediate, self.ffn_output = (Product(w, room) for w in ws)
        self.query_bias, self.value_bias = p.attention.query.b[columns], p.attention.value.b[columns]
        self.intermediate_bias = p.ffn.intermediate.b[units]

    def prefers_blocks(self, N: int) -> bool:
        """Return whether some product of N rows is computed by blocks."""
        return any(each.prefers_blocks(N) for each in vars(self).values() if isinstance(each, Product))


class Weights:
    """The parts of a tree's blocks, made when they are asked for, each shared block's once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.parts: dict[tuple[int, int], list[Part]] = {}
        self.locked: list[Array] = []  # arrays that were writable; empty: not prepared
        self.prepared = False

    def of(self, block: Namespace, A: int, K: int) -> list[Part]:
        """Return the K parts of a block."""
        key = (id(block), K)
        if key not in self.parts:
            with self.lock:
                if key not in self.parts:
                    self.parts[key] = [Part(block, A, k, K, self.prepared) for k in range(K)]
        return self.parts[key]


_weights: "WeakKeyDictionary[Tree, Weights]" = WeakKeyDictionary()
_lock = threading.Lock()


def get_weights(p: Tree) -> Weights:
    """Return the weights of a tree for inference; they live as long as the tree."""
    found = _weights.get(p)
    if found is None:
        with _lock:
            found = _weights.setdefault(p, Weights())
    return found


def is_prepared(p: Tree) -> bool:
    """Return whether a tree is read-only since `prepare`."""
    found = _weights.get(p)
    return found is not None and found.prepared


def prepare(p: Tree) -> None:
    """Make the parameters read-only, so that copies of them can be used: writing to them is a ValueError of NumPy's.

    On a device they stay writable, as there are no copies.
    """
    weights = get_weights(p)
    with weights.lock:
        if weights.prepared:
            return
        arrays = {id(array): array for _, array in p.paths()}
        weights.locked = [each for each in (*arrays.values(), p.flat) if hasattr(each, "flags") and is_writable(each)]
        for array in weights.locked:
            array.flags.writeable = False
        weights.prepared, weights.parts = True, {}


def release(p: Tree) -> None:
    """Make them writable again and give up the copies."""
    weights = get_weights(p)
    with weights.lock:
        weights.prepared, weights.parts = False, {}
        for array in reversed(weights.locked):  # the flat buffer first: a view of a read-only array cannot be writable
            array.flags.writeable = True
        weights.locked = []


def is_writable(array: Array) -> bool:
    """Return whether this is a host array that can be written to."""
    return bool(getattr(array.flags, "writeable", False))
