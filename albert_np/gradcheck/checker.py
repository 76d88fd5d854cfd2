"""Is a backward the derivative of its forward? Its gradients, written by hand, against central differences.

    numeric  n = Σ dy · (f(z + h d) - f(z - h d)) / 2h          analytic  a = dz · d

for a random output gradient dy (ones would hide whatever sums to 0), and for each tensor z one random unit direction d and a
few single coordinates. All in float64, where rounding leaves an error of some 1e-10 in n, and the step itself one of h² = 1e-12;
float32 has no digits to spare and would prove nothing.
"""

import math
from collections.abc import Callable, Container, Iterator
from typing import Any

import numpy as np

from albert_np.core.params import Tree
from albert_np.core.random import generator
from albert_np.gradcheck.point import Point, parts
from albert_np.gradcheck.tensor import Row, Tensor


def check(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: dict[str, Any],
    p: Tree | None = None,
    **options: Any,
) -> list[Row]:
    """Check a layer: one `Row` for every tensor of `inputs` and of `p`, and one for each array that was wrongly written to.

        forward(*inputs, p) -> y, cache            y an array, or a list or tuple of arrays
        backward(dy, cache, p, g) -> dx            one for each input (a list or tuple if there are several); adds into g

    inputs  name -> float64 array, in the order of forward's arguments; may be empty.
    p       the parameters, or None: then forward(*inputs) and backward(dy, cache).

    Options:
    seed         of the output gradient, the directions and the coordinates (0).
    coordinates  how many single coordinates of each tensor are probed beside the direction (3).
    dy           the output gradient, in the form of y. By default random; a loss that takes none passes 1.0.
    gain         makes the random output gradient larger, for functions that are nearly flat (1).
    kinks        the function has kinks (relu): a probe that steps over one is drawn again (False).
    lean         above 0 the directions lean towards the gradient, so that a tensor of very many numbers shows something (0).
    unused       tells of a parameter's name whether the function leaves it out: its gradient must then be exactly 0.
    vanishing    tells of a parameter's name that its gradient is 0 but for rounding, by the beginning of the names of those
                 that it must vanish beside; None for all others. By default the bias of the keys, beside its attention.
    only         the names of the tensors to check (all).

    A tensor fails, too, if its gradient was assigned instead of added, has another shape or dtype, or shows less than 1e-4 in
    every probe: such a check is void. One that is known to vanish must do so instead.

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
    """The bias of the keys vanishes beside the other tensors of its attention: it adds a constant to all scores of a query."""
    return name.removesuffix("key.b") if name.endswith("key.b") else None


def rows(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: dict[str, Any],
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
    """The rows of `check`, one by one as they are found."""
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
        dz = gradients.get(name)
        wrong = form_of(z, dz) or sum_of(dz, increments[name])
        if wrong:
            yield Row(name, z.shape, math.nan, math.nan, math.nan, False, note=wrong)
            continue
        tensor = Tensor(point, z, dz, dys, y, rng)
        if unused(name):
            yield tensor.unused(name)
        elif (beside := vanishing(name)) is not None:
            yield tensor.vanishing(name, [other for key, other in gradients.items() if key.startswith(beside)])
        else:
            yield tensor.row(name, coordinates, kinks, lean)
    for complaint in dict.fromkeys(point.complaints):
        yield Row("(written to)", (), math.nan, math.nan, math.nan, False, note=complaint)


def form_of(z: Any, dz: Any) -> str:
    """What is wrong with the form of a gradient."""
    if dz is None:
        return "the backward pass returns no gradient for it"
    if dz.shape != z.shape or dz.dtype != z.dtype:
        return f"its gradient has shape {dz.shape} and dtype {dz.dtype}"
    return "" if np.isfinite(dz).all() else "its gradient is not finite"


def sum_of(dz: Any, increment: Any) -> str:
    """What is wrong with what was added to numbers that stood in g before. Rounding is far below this tolerance."""
    off = np.abs(increment - dz).max(initial=0.0)
    return "" if off <= 1e-11 * (1 + np.abs(dz).max(initial=0.0)) else f"its gradient is not added to g: off by {off:.3g}"


def output_gradient(rng: np.random.Generator, y: list[Any], gain: float) -> list[Any]:
    """Random numbers like y, of length 3 to 6 in all: what there is to be seen grows with it, but so does rounding."""
    dys = [np.asarray(rng.standard_normal(part.shape)) for part in y]
    length = math.sqrt(sum(float((dy * dy).sum()) for dy in dys))
    return [dy * (gain * rng.uniform(3, 6) / length) for dy in dys]
