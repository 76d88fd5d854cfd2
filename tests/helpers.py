"""Helpers for tests, above all `check_layer`: the test of a new layer in one line.

    check_layer(linear, linear_backward, {"x": (5, 4)}, {"w": (4, 3), "b": (3,)})

Its gradients agree with central differences and are added; its dtype is kept; it takes arrays that are not contiguous; it writes
nowhere but into g.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from albert_np.core.params import Namespace, Tree
from albert_np.gradcheck import Row, check, parameters


def assert_passed(rows: list[Row]) -> None:
    """Fail with a line for each tensor that failed."""
    assert rows
    failed = [str(row) for row in rows if not row.passed]
    assert not failed, "\n".join(failed)


def arrays(node: Any) -> Iterator[np.ndarray]:
    """Yield every array of a nested value: outputs, caches, namespaces."""
    if isinstance(node, np.ndarray):
        yield node
    elif isinstance(node, tuple | list):
        for child in node:
            yield from arrays(child)
    elif isinstance(node, dict):
        yield from arrays(list(node.values()))
    elif isinstance(node, Namespace) or dataclasses.is_dataclass(node):
        yield from arrays(vars(node))


def floats(node: Any) -> set[Any]:
    """Return the floating dtypes in a nested value."""
    return {array.dtype for array in arrays(node) if array.dtype.kind == "f"}


def scattered(x: np.ndarray) -> np.ndarray:
    """Return the same numbers in a view that is far from contiguous: every second element, last axis first."""
    room = np.full([2 * size for size in x.shape[::-1]], np.nan, x.dtype)
    view = room[tuple(slice(None, None, 2) for _ in x.shape)].T
    view[...] = x
    return view


def run(forward: Any, backward: Any, inputs: list[np.ndarray], p: Tree | None, dy_like: Any = None) -> tuple[Any, Any, Any, Any]:
    """Return y, cache, dx and g for an upstream gradient that is cos(y)."""
    trees = (p,) if p else ()
    y, cache = forward(*inputs, *trees)
    g = p.zeros_like() if p else None
    dx = backward(upstream(y), cache, *((p, g) if p else ()))
    return y, cache, dx, g


def upstream(y: Any) -> Any:
    """Return a gradient for y, in its dtype."""
    return [np.cos(part) for part in y] if isinstance(y, list) else np.cos(y)


def check_layer(
    forward: Any, backward: Any, shapes: dict[str, tuple[int, ...]], form: dict[str, Any] | None = None, **options: Any
) -> None:
    """Assert of a layer:

    1. its backward pass is the derivative of its forward pass, for the inputs and the parameters (finite differences);
    2. arrays that are not contiguous give the same;
    3. float32 stays float32 and agrees with float64.

    shapes: of the inputs, by name; form: shapes of the parameters, or None; options: those of `gradcheck.check`.
    """
    rng = np.random.default_rng(7)
    inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    p = parameters(form, 7) if form else None
    assert_passed(check(forward, backward, inputs, p, **options))

    double = run(forward, backward, list(inputs.values()), p)
    loose = run(forward, backward, [scattered(x) for x in inputs.values()], p)
    same(loose, double, rtol=1e-12, atol=1e-13)

    single = run(forward, backward, [x.astype(np.float32) for x in inputs.values()], p.astype(np.float32) if p else None)
    assert floats(single) == {np.dtype(np.float32)}, "float32 did not stay float32"
    same(single, double, rtol=1e-4, atol=1e-5)


def same(ours: Any, theirs: Any, **tolerance: float) -> None:
    """Assert that outputs and gradients of two runs agree; their caches may differ."""
    (y, _, dx, g), (y0, _, dx0, g0) = ours, theirs
    for a, b in zip(arrays(y), arrays(y0), strict=True):
        np.testing.assert_allclose(a, b, err_msg="outputs", **tolerance)
    for a, b in zip(arrays(dx), arrays(dx0), strict=True):
        np.testing.assert_allclose(a, b, err_msg="gradients of the inputs", **tolerance)
    for (name, a), (_, b) in zip(g.items() if g else (), g0.items() if g0 else (), strict=True):
        np.testing.assert_allclose(a, b, err_msg=name, **tolerance)


def mutated(whole: bytes, at: int, change: str, value: int) -> bytes:
    """`whole` with its byte `at` flipped ("flip"), cut off with all behind it ("cut"), or another byte before it ("insert")."""
    at %= len(whole)
    if change == "flip":
        return whole[:at] + bytes([whole[at] ^ value]) + whole[at + 1 :]
    return whole[:at] + (bytes([value]) + whole[at:] if change == "insert" else b"")


def save_file(tensors: dict[str, np.ndarray], path: Any, metadata: dict[str, str] | None = None) -> None:
    """Write a .safetensors file by the library, or, where there is none (WebAssembly), by our own writer."""
    try:
        from safetensors.numpy import save_file as save
    except ModuleNotFoundError:
        from albert_np.io.formats.safetensors_file import write

        write(path, tensors, metadata)
    else:
        save(tensors, path, metadata)
