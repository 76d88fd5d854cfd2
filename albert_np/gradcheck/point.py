"""A function at one point: its value, its gradients by its backward pass, and its derivatives by differences."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from albert_np.params import Namespace, Tree

STEP = 1e-6  # h


@dataclasses.dataclass
class Point:
    """Inputs and parameters, copies that may be moved by h and back; and what the passes over them were seen doing wrong."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: dict[str, Any]
    p: Tree | None
    complaints: list[str] = dataclasses.field(default_factory=list)

    def tensors(self) -> list[tuple[str, Any]]:
        """(name, array) of every input and every parameter."""
        return [*self.inputs.items(), *(self.p.items() if self.p else ())]

    def run(self) -> tuple[Any, Any]:
        """-> y, cache"""
        return self.forward(*self.inputs.values(), *([self.p] if self.p else []))

    def value(self) -> list[Any]:
        """The outputs: copies, because a forward pass may hand its input on."""
        return [np.array(part) for part in parts(self.run()[0])]

    def gradients(self, dys: list[Any], start: Any = None) -> dict[str, Any]:
        """name -> gradient, by the backward pass. g starts at the numbers `start`, which are subtracted again, or at 0."""
        g = self.p.zeros_like() if self.p else None
        if g and start is not None:
            g.flat[:] = start

        mine = _bytes((self.inputs, self.p))
        y, cache = self.run()
        self.unchanged("the forward pass", "its inputs or parameters", mine, (self.inputs, self.p))

        dys = [dy.copy() for dy in dys]
        upstream = type(y)(dys) if isinstance(y, (list, tuple)) else dys[0]
        before = {"the inputs": self.inputs, "the parameters": self.p, "the outputs": y, "the cache": cache, "dy": dys}
        kept = {what: _bytes(value) for what, value in before.items()}
        dx = self.backward(upstream, cache, *([self.p, g] if self.p else []))
        for what, value in before.items():
            self.unchanged("the backward pass", what, kept[what], value)

        found = dict(zip(self.inputs, parts(dx)))
        if g:
            if start is not None:
                g.flat -= start
            found |= dict(g.items())
        return found

    def unchanged(self, who: str, what: str, before: list[bytes], now: Any) -> None:
        if _bytes(now) != before:
            self.complaints.append(f"{who} wrote to {what}")

    def differences(self, z: Any, d: Any, dys: list[Any], y: list[Any]) -> tuple[float, float]:
        """z moved by ±h d -> the central difference, and half the second difference over h (which a kink makes large).

        They are taken element by element before they are summed: a large sum would lose the digits in question.
        """
        kept = z.copy()
        z += STEP * d
        ahead = self.value()
        z[...] = kept
        z -= STEP * d
        behind = self.value()
        z[...] = kept
        slope = sum(float((dy * (a - b)).sum()) for dy, a, b in zip(dys, ahead, behind))
        bend = sum(float((dy * ((a - c) + (b - c))).sum()) for dy, a, b, c in zip(dys, ahead, behind, y))
        return slope / (2 * STEP), bend / (2 * STEP)


def parts(y: Any) -> list[Any]:
    """One array, or a list or tuple of them -> a list."""
    return list(y) if isinstance(y, (list, tuple)) else [y]


def _bytes(node: Any) -> list[bytes]:
    """The bytes of every array in a nest of tuples, lists, dicts, namespaces and dataclasses."""
    return [array.tobytes() for array in _arrays(node)]


def _arrays(node: Any) -> Iterator[Any]:
    if isinstance(node, np.ndarray):
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
