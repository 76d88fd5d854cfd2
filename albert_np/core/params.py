"""The parameter tree and its one flat buffer.

`p.groups[0].blocks[0].attention.query.w` is a view into `p.flat`, one contiguous array, so that zeroing, clipping or saving all
parameters is one operation. Gradients and optimiser moments are trees of the same form. Layers that share parameters share the
very namespace: sharing is identity, so gradients add up by themselves.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array

QUANTUM = 32  # tensors start at multiples of so many elements: 64 bytes in float16, and the same places in all dtypes
Form = dict[str, Any]  # nested dicts and lists of shapes. The same dict in two places is one set of parameters.


class Namespace:
    """Attributes, and nothing else. An array in it is changed in place (`p.w += d`, `p.w[:] = v`), never replaced."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no parameter is called {name!r}; there are {', '.join(self.__dict__)}")

    def __setattr__(self, name: str, value: Any) -> None:
        if value is not getattr(self, name):
            raise AttributeError(f"{name!r} cannot be replaced, it is a view of the flat buffer: write .{name}[...] = or +=")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.__dict__)})"


class Tree(Namespace):
    """The root: the flat buffer, the form, and the namespaces and arrays that the form cuts out of the buffer."""

    def __init__(self, form: Form, flat: Array) -> None:
        offset = 0

        def cut(shape: tuple[int, ...]) -> Array:
            nonlocal offset
            start, offset = offset, offset + padded_size(shape)
            return flat[start : start + math.prod(shape)].reshape(shape)

        super().__init__(form=form, flat=flat, **build(form, cut))

    def paths(self) -> Iterator[tuple[str, Array]]:
        """(dotted name, array) of every place in the tree; a shared tensor comes once for each of its places."""
        for name in self.form:
            yield from leaves(name, getattr(self, name))

    def items(self) -> Iterator[tuple[str, Array]]:
        """(dotted name, array) of every tensor, each once, in the order of the flat buffer."""
        names: dict[int, str] = {}
        return ((name, array) for name, array in self.paths() if names.setdefault(id(array), name) == name)

    def zeros_like(self) -> "Tree":
        """A tree of zeros of the same form, device and dtype: for gradients and moments."""
        return zero_tree(self.form, self.flat.dtype, self.flat)

    def astype(self, dtype: Any) -> "Tree":
        """A tree with the same numbers in another dtype, in a buffer of their own."""
        tree = zero_tree(self.form, dtype, self.flat)
        tree.flat[...] = self.flat
        return tree

    def copy(self) -> "Tree":
        """A tree with the same numbers in a buffer of their own."""
        return self.astype(self.flat.dtype)

    def count(self) -> int:
        """Number of parameters, each shared tensor counted once."""
        return sum(array.size for _, array in self.items())


def leaves(name: str, node: Any) -> Iterator[tuple[str, Array]]:
    """(dotted name, array) of every array below a node."""
    if isinstance(node, list | Namespace):
        for key, child in enumerate(node) if isinstance(node, list) else vars(node).items():
            yield from leaves(f"{name}.{key}", child)
    else:
        yield name, node


def build(form: Form, make: Callable[[tuple[int, ...]], Any]) -> dict[str, Any]:
    """The form with make(shape) for every shape. A dict becomes a Namespace, or the class in its attribute `namespace`."""
    built: dict[int, Namespace] = {}  # a shared dict counts once

    def grow(node: Any) -> Any:
        if isinstance(node, tuple):
            return make(node)
        if isinstance(node, list):
            return [grow(child) for child in node]
        if id(node) not in built:
            built[id(node)] = getattr(node, "namespace", Namespace)(**{key: grow(child) for key, child in node.items()})
        return built[id(node)]

    return {key: grow(child) for key, child in form.items()}


def padded_size(shape: tuple[int, ...]) -> int:
    """Elements that a tensor takes in the flat buffer, so that the next one starts on a boundary."""
    return -(-math.prod(shape) // QUANTUM) * QUANTUM


def flat_size(form: Form) -> int:
    """Length of the flat buffer of this form, in any dtype."""
    shapes: list[tuple[int, ...]] = []
    build(form, shapes.append)
    return sum(map(padded_size, shapes))


def zero_tree(form: Form, dtype: Any, like: Array = None) -> Tree:
    """A tree of zeros of this form, on the backend in use or where `like` is."""
    place = backend.current() if like is None else backend.of(like)
    return Tree(form, place.zeros(flat_size(form), np.dtype(dtype)))


def fill(array: Array, value: Any) -> None:
    """array[...] = value: a number, or an array on the host, in any dtype."""
    array[...] = backend.asarray_like(value, array) if isinstance(value, np.ndarray) else value
