"""The parameter tree and its one flat buffer.

`p.groups[0].blocks[0].attention.query.w` is a view into `p.flat`, one contiguous array: zeroing, clipping, adding, saving or
sending all parameters is one operation, and reading one of them by name stays natural. Gradients and optimiser moments are trees
of the same form. Layers that share parameters share the very namespace: sharing is identity, so gradients add up by themselves.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array

ALIGNMENT = 64  # bytes: every tensor starts on a cache line of its own
QUANTUM = 32  # numbers from one possible start to the next: 64 bytes of float16, and the same places in all dtypes

Form = dict[str, Any]  # nested dicts and lists of shapes. The same dict in two places is one set of parameters.


class Namespace:
    """Attributes, and nothing else. An array in it is changed in place (`p.w += d`, `p.w[:] = v`), never replaced."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"no parameter is called {name!r}; there are {', '.join(self.__dict__)}")
        if value is not self.__dict__[name]:
            raise AttributeError(f"{name!r} cannot be replaced, it is a view of the flat buffer: write .{name}[...] = or +=")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.__dict__)})"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    @property
    def any_array(self) -> Array:
        """One of the arrays: all are of one type."""
        child = next(iter(self.__dict__.values()))
        while not hasattr(child, "dtype"):
            child = child[0] if isinstance(child, list) else next(iter(vars(child).values()))
        return child


class Tree(Namespace):
    """The root: namespaces and arrays, the flat buffer behind them, and their names."""

    def __init__(self, form: Form, flat: Array) -> None:
        super().__init__(form=form, flat=flat, **build(form, flat))

    @property
    def any_array(self) -> Array:
        return self.flat

    def paths(self) -> Iterator[tuple[str, Array]]:
        """(dotted name, array) of every place in the tree; a shared tensor comes once for each of its places."""
        for name in self.form:
            yield from _walk(name, getattr(self, name))

    def items(self) -> Iterator[tuple[str, Array]]:
        """(dotted name, array) of every tensor, each once, in the order of the flat buffer."""
        seen = set()
        for name, array in self.paths():
            if id(array) not in seen:
                seen.add(id(array))
                yield name, array

    def spans(self) -> dict[str, tuple[int, int]]:
        """{name: (start, stop)} of every tensor in the flat buffer."""
        offset, found = 0, {}
        for name, array in self.items():
            found[name] = offset, offset + array.size
            offset += padded_size(array.shape)
        return found

    def zeros_like(self) -> "Tree":
        """A tree of zeros of the same form, device and dtype: for gradients and moments."""
        return Tree(self.form, backend.aligned_zeros_like(self.flat))

    def copy(self) -> "Tree":
        """A tree of the same form with the same numbers in a buffer of its own."""
        return self.astype(self.flat.dtype)

    def astype(self, dtype: Any) -> "Tree":
        """The same numbers in another dtype, in a buffer of their own."""
        other = zero_tree(self.form, dtype, self.flat)
        other.flat[...] = self.flat
        return other

    def same_form(self, other: "Tree") -> bool:
        """Whether both have tensors of the same names and shapes."""
        if self.form is other.form:  # made by zeros_like or copy: comparing names would take time in every training step
            return True
        return [(name, array.shape) for name, array in self.items()] == [(name, array.shape) for name, array in other.items()]

    def count(self) -> int:
        """Number of parameters, each shared tensor counted once."""
        return sum(array.size for _, array in self.items())


def _walk(name: str, node: Any) -> Iterator[tuple[str, Array]]:
    if isinstance(node, list):
        for i, child in enumerate(node):
            yield from _walk(f"{name}.{i}", child)
    elif isinstance(node, Namespace):
        for key, child in vars(node).items():
            yield from _walk(f"{name}.{key}", child)
    else:
        yield name, node


def padded_size(shape: tuple[int, ...]) -> int:
    """Elements that a tensor takes in the flat buffer, so that the next one starts on a boundary."""
    return -(-math.prod(shape) // QUANTUM) * QUANTUM


def build(form: Form, flat: Array) -> dict[str, Any]:
    """Cut the flat buffer into the tensors of the form. A dict that has an attribute `namespace` becomes one of that class."""
    made: dict[int, Namespace] = {}
    offset = 0

    def grow(node: Any) -> Any:
        nonlocal offset
        if isinstance(node, list):
            return [grow(child) for child in node]
        if isinstance(node, dict):
            if id(node) not in made:
                namespace = getattr(node, "namespace", Namespace)
                made[id(node)] = namespace(**{key: grow(child) for key, child in node.items()})
            return made[id(node)]
        leaf = flat[offset : offset + math.prod(node)].reshape(node)
        offset += padded_size(node)
        return leaf

    return {key: grow(child) for key, child in form.items()}


def flat_size(form: Form) -> int:
    """Length of the flat buffer of this form, in any dtype."""
    nodes: dict[int, Any] = {}  # each shared dict once

    def size(node: Any) -> int:
        if isinstance(node, tuple):
            return padded_size(node)
        if id(node) in nodes:
            return 0
        nodes[id(node)] = node
        return sum(map(size, node.values() if isinstance(node, dict) else node))

    return size(form)


def zero_tree(form: Form, dtype: Any, like: Array = None) -> Tree:
    """A tree of zeros of this form, on the backend in use or where `like` is."""
    dtype = np.dtype(dtype)
    like = backend.asarray(np.empty(0, dtype)) if like is None else like
    return Tree(form, backend.aligned_zeros_like(like, flat_size(form), dtype))


def fill(array: Array, value: Any) -> None:
    """array[...] = value: a number, or an array on the host, in any dtype."""
    array[...] = backend.asarray_like(value, array) if isinstance(value, np.ndarray) else value
