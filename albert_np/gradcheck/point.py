"""A function at one point: its value, its gradients by the backward pass, and its derivatives by central differences."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.dispatch import Array
from albert_np.core.params import Namespace, Tree, fill, zero_tree

STEP = 1e-6  # h


@dataclasses.dataclass
class Point:
    """A function with its inputs and parameters, host arrays that are changed temporarily. It runs on the backend in use.

    violations: messages about arrays that a pass wrote to although it must not.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: dict[str, np.ndarray]
    p: Tree | None
    violations: list[str] = dataclasses.field(default_factory=list)

    def tensors(self) -> list[tuple[str, np.ndarray]]:
        """Return (name, array) of every input and every parameter."""
        return [*self.inputs.items(), *(self.p.items() if self.p else ())]

    def on_backend(self) -> tuple[dict[str, Array], Tree | None]:
        """Return inputs and parameters on the backend in use: for NumPy the arrays themselves, else copies."""
        on_host = backend.current().name == "numpy"
        inputs = {name: backend.asarray(x) for name, x in self.inputs.items()}
        if self.p is None or on_host:
            return inputs, self.p
        p = zero_tree(self.p.form, self.p.flat.dtype)
        for (_, array), (_, value) in zip(p.items(), self.p.items()):
            fill(array, value)
        return inputs, p

    def value(self) -> list[np.ndarray]:
        """Return copies of the outputs (a forward pass may return its input)."""
        inputs, p = self.on_backend()
        y, _ = self.forward(*inputs.values(), *([p] if p else []))
        return [np.array(backend.to_host(part)) for part in parts(y)]

    def gradients(self, dys: list[np.ndarray], start: np.ndarray | None = None) -> dict[str, Array]:
        """Return {name: gradient} by the backward pass. g starts at `start`, which is subtracted again; None: at 0."""
        inputs, p = self.on_backend()
        g = p.zeros_like() if p else None
        if g and start is not None:
            g.flat[:] = backend.asarray(start)

        given = _bytes((inputs, p))
        y, cache = self.forward(*inputs.values(), *([p] if p else []))
        self.check_unchanged("the forward pass", "its inputs or parameters", given, (inputs, p))

        dys = [backend.asarray(dy.copy()) for dy in dys]
        upstream = type(y)(dys) if isinstance(y, (list, tuple)) else dys[0]
        before = {"the inputs": inputs, "the parameters": p, "the outputs": y, "the cache": cache, "dy": dys}
        snapshots = {name: _bytes(value) for name, value in before.items()}
        dx = self.backward(upstream, cache, *([p, g] if p else []))
        for name, value in before.items():
            self.check_unchanged("the backward pass", name, snapshots[name], value)

        gradients = {name: d if d is None else backend.to_host(d) for name, d in zip(inputs, parts(dx))}
        if g:
            if start is not None:
                g.flat -= backend.asarray(start)
            gradients |= {name: backend.to_host(array) for name, array in g.items()}
        return gradients

    def check_unchanged(self, function: str, name: str, before: list[bytes], value: Any) -> None:
        """Record a violation if the arrays of a value have changed."""
        if _bytes(value) != before:
            self.violations.append(f"{function} wrote to {name}")

    def differences(self, z: np.ndarray, d: np.ndarray, dys: list[np.ndarray], y: list[np.ndarray]) -> tuple[float, float]:
        """Return the central difference for z ± h d, and half the second difference divided by h, which is large at a kink.

        Differences are taken element by element before summing, because a large sum would lose the relevant digits.
        """
        original = z.copy()
        z += STEP * d
        ahead = self.value()
        z[...] = original
        z -= STEP * d
        behind = self.value()
        z[...] = original
        slope = sum(float((dy * (a - b)).sum()) for dy, a, b in zip(dys, ahead, behind))
        bend = sum(float((dy * ((a - c) + (b - c))).sum()) for dy, a, b, c in zip(dys, ahead, behind, y))
        return slope / (2 * STEP), bend / (2 * STEP)


def parts(y: Any) -> list[Array]:
    """Return a list of the arrays of y, which is one array or a list or tuple of arrays."""
    return list(y) if isinstance(y, (list, tuple)) else [y]


def _bytes(node: Any) -> list[bytes]:
    """Return the bytes of every array in nested tuples, lists, dicts, namespaces and dataclasses, on any device."""
    return [backend.to_host(array).tobytes() for array in _arrays(node)]


def _arrays(node: Any) -> Iterator[Array]:
    """Yield every array of a nested value."""
    if hasattr(node, "dtype") and hasattr(node, "shape"):
        yield node
    elif isinstance(node, dict):
        yield from _arrays(list(node.values()))
    elif isinstance(node, (tuple, list)):
        for child in node:
            yield from _arrays(child)
    elif isinstance(node, Tree):
        yield node.flat
    elif isinstance(node, Namespace) or dataclasses.is_dataclass(node):
        yield from _arrays(vars(node))
