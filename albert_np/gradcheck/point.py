"""A function at one point: its value, its gradients by its backward pass, and its derivatives by differences."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Namespace, Tree, fill, zero_tree

STEP = 1e-6  # h


@dataclasses.dataclass
class Point:
    """Inputs and parameters, copies that may be moved by h and back; and what the passes over them were seen doing wrong.

    They are host arrays. The passes run on the backend in use.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: dict[str, Any]
    p: Tree | None
    complaints: list[str] = dataclasses.field(default_factory=list)

    def tensors(self) -> list[tuple[str, Any]]:
        """(name, array) of every input and every parameter."""
        return [*self.inputs.items(), *(self.p.items() if self.p else ())]

    def placed(self) -> tuple[dict[str, Any], Tree | None]:
        """Inputs and parameters on the backend in use; on the host they are these very arrays."""
        on_host = backend.current().name == "numpy"
        inputs = {name: backend.asarray(x) for name, x in self.inputs.items()}
        if self.p is None or on_host:
            return inputs, self.p
        p = zero_tree(self.p.form, self.p.flat.dtype)
        for (_, array), (_, value) in zip(p.items(), self.p.items()):
            fill(array, value)
        return inputs, p

    def value(self) -> list[Any]:
        """The outputs: copies, because a forward pass may hand its input on."""
        inputs, p = self.placed()
        y, _ = self.forward(*inputs.values(), *([p] if p else []))
        return [np.array(backend.to_host(part)) for part in parts(y)]

    def gradients(self, dys: list[Any], start: Any = None) -> dict[str, Any]:
        """name -> gradient, by the backward pass. g starts at the numbers `start`, which are subtracted again, or at 0."""
        inputs, p = self.placed()
        g = p.zeros_like() if p else None
        if g and start is not None:
            g.flat[:] = backend.asarray(start)

        mine = _bytes((inputs, p))
        y, cache = self.forward(*inputs.values(), *([p] if p else []))
        self.unchanged("the forward pass", "its inputs or parameters", mine, (inputs, p))

        dys = [backend.asarray(dy.copy()) for dy in dys]
        upstream = type(y)(dys) if isinstance(y, (list, tuple)) else dys[0]
        before = {"the inputs": inputs, "the parameters": p, "the outputs": y, "the cache": cache, "dy": dys}
        kept = {what: _bytes(value) for what, value in before.items()}
        dx = self.backward(upstream, cache, *([p, g] if p else []))
        for what, value in before.items():
            self.unchanged("the backward pass", what, kept[what], value)

        found = {name: d if d is None else backend.to_host(d) for name, d in zip(inputs, parts(dx))}
        if g:
            if start is not None:
                g.flat -= backend.asarray(start)
            found |= {name: backend.to_host(array) for name, array in g.items()}
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
    """The bytes of every array in a nest of tuples, lists, dicts, namespaces and dataclasses, wherever they are."""
    return [backend.to_host(array).tobytes() for array in _arrays(node)]


def _arrays(node: Any) -> Iterator[Any]:
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
