"""Compare the gradients of a backward pass, written by hand, with central differences of its forward pass.

    numeric  n = Σ dy · (f(z + h d) - f(z - h d)) / 2h          analytic  a = dz · d

for a random output gradient dy (ones would hide whatever sums to 0), and for each tensor z one random unit direction d and a
few single coordinates. All in float64, where the error of n is about 1e-10 from rounding and h² = 1e-12 from the step. float32
has too few digits for such a comparison.
"""

import math
from collections.abc import Callable, Container, Iterator
from typing import Any

import numpy as np

from albert_np.core.dispatch import Array
from albert_np.core.params import Tree
from albert_np.core.random import generator
from albert_np.gradcheck.point import Point, parts
from albert_np.gradcheck.tensor import Row, Tensor


def check(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: dict[str, Array],
    p: Tree | None = None,
    **options: Any,
) -> list[Row]:
    """Check a layer. Return one `Row` for every tensor of `inputs` and `p`, and one for each array that was wrongly written to.

        forward(*inputs, p) -> y, cache            y an array, or a list or tuple of arrays
        backward(dy, cache, p, g) -> dx            one for each input (a list or tuple if there are several); adds into g

    inputs  name -> float64 array, in the order of forward's arguments; may be empty.
    p       the parameters, or None: then forward(*inputs) and backward(dy, cache).

    Options:
    seed         seed of the output gradient, the directions and the coordinates (0).
    coordinates  number of single coordinates of each tensor that are probed besides the direction (3).
    dy           the output gradient, in the form of y. By default random; pass 1.0 for a loss.
    gain         factor of the random output gradient, for functions that are nearly flat (1).
    kinks        the function has kinks (relu): a probe that steps over one is drawn again (False).
    lean         weight of the gradient in the directions. Above 0, very large tensors have a measurable derivative (0).
    unused       function of a parameter's name: True if it is not used, so that its gradient must be exactly 0.
    vanishing    function of a parameter's name: None, or, if its gradient is 0 except for rounding, the prefix of the names
                 of the tensors whose gradients it must be negligible against. By default for the bias of the keys.
    only         the names of the tensors to check (all).

    A tensor also fails if its gradient was assigned instead of added, if it has another shape or dtype, or if the derivative is
    below 1e-4 in every probe, because such a check is void. A gradient declared as vanishing must vanish instead.

    Raises ValueError if an array is not float64.

    >>> import numpy as np, albert_np as ab
    >>> x = np.random.default_rng(0).standard_normal((3, 5))
    >>> def cube(x):
    ...     return x * x * x, x
    >>> def cube_backward(dy, x):
    ...     return dy * 3 * x * x
    >>> def wrong_backward(dy, x):
    ...     return dy * 3 * x
    >>> [row.passed for row in ab.gradcheck.check(cube, cube_backward, {"x": x})]
    [True]
    >>> [row.passed for row in ab.gradcheck.check(cube, wrong_backward, {"x": x})]
    [False]
    """
    return list(rows(forward, backward, inputs, p, **options))


def key_bias(name: str) -> str | None:
    """Return the prefix of its attention if this is the bias of the keys, whose gradient vanishes: it adds a constant to
    all scores of a query, which the softmax ignores."""
    return name.removesuffix("key.b") if name.endswith("key.b") else None


def rows(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: dict[str, Array],
    p: Tree | None = None,
    *,
    seed: int = 0,
    coordinates: int = 3,
    dy: Any = None,
    gain: float = 1.0,
    kinks: bool = False,
    lean: float = 0.0,
    unused: Callable[[str], bool] = lambda name: False,
    vanishing: Callable[[str], str | None] = key_bias,
    only: Container[str] | None = None,
) -> Iterator[Row]:
    """Yield the rows of `check`, one by one."""
    point = Point(forward, backward, {name: x.copy() for name, x in inputs.items()}, p.copy() if p else None)
    for name, z in point.tensors():
        if z.dtype != np.float64:
            raise ValueError(f"{name}: gradients are checked in float64, got {z.dtype}")
    y = point.value()
    rng = generator(seed, "gradcheck")
    dys = output_gradient(rng, y, gain) if dy is None else [np.asarray(part, np.float64) for part in parts(dy)]
    gradients = point.gradients(dys)
    increments = point.gradients(dys, rng.standard_normal(p.flat.shape) if p else None)

    for name, z in point.tensors():
        if only is not None and name not in only:
            continue
        dz: Array = gradients.get(name)
        error = form_error(z, dz) or sum_error(dz, increments[name])
        if error:
            yield Row(name, z.shape, math.nan, math.nan, math.nan, False, note=error)
            continue
        tensor = Tensor(point, z, dz, dys, y, rng)
        if unused(name):
            yield tensor.unused(name)
        elif (beside := vanishing(name)) is not None:
            yield tensor.vanishing(name, [other for key, other in gradients.items() if key.startswith(beside)])
        else:
            yield tensor.row(name, coordinates, kinks, lean)
    for violation in dict.fromkeys(point.violations):
        yield Row("(written to)", (), math.nan, math.nan, math.nan, False, note=violation)


def form_error(z: np.ndarray, dz: np.ndarray | None) -> str:
    """Return what is wrong with the shape, dtype or values of a gradient; "" if nothing is."""
    if dz is None:
        return "the backward pass returns no gradient for it"
    if dz.shape != z.shape or dz.dtype != z.dtype:
        return f"its gradient has shape {dz.shape} and dtype {dz.dtype}"
    return "" if np.isfinite(dz).all() else "its gradient is not finite"


def sum_error(dz: np.ndarray, increment: np.ndarray) -> str:
    """Return what is wrong if the increment of g is not the gradient, else "". Rounding is far below the tolerance."""
    off = np.abs(increment - dz).max(initial=0.0)
    return "" if off <= 1e-11 * (1 + np.abs(dz).max(initial=0.0)) else f"its gradient is not added to g: off by {off:.3g}"


def output_gradient(rng: np.random.Generator, y: list[np.ndarray], gain: float) -> list[np.ndarray]:
    """Return random arrays like y, of length 3 to 6 in all: a longer one makes errors more visible, but also rounding."""
    dys = [np.asarray(rng.standard_normal(part.shape)) for part in y]
    length = math.sqrt(sum(float((dy * dy).sum()) for dy in dys))
    return [dy * (gain * rng.uniform(3, 6) / length) for dy in dys]
