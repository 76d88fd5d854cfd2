"""Mistakes that are easy to make in a backward pass, each with a sentence on what is wrong.

The tests plant each of them and require that a gradient check catches it: a check that passes for wrong code proves nothing.

>>> from albert_np.gradcheck import CHECKS
>>> from albert_np.gradcheck.mistakes import MISTAKES, planted
>>> mistake = next(each for each in MISTAKES if each.function.endswith("layer_norm.layer_norm_backward"))
>>> print(mistake.explanation)
The mean of a row depends on every element of the row; the part of the gradient that comes through the mean is missing.
>>> from albert_np.core import reference
>>> with reference(), planted(mistake):
...     print(*(row.name for row in CHECKS[mistake.check](0) if not row.passed))
x
>>> all(row.passed for row in CHECKS[mistake.check](0))  # outside the context, the function is unchanged
True

layers, model, optimisers  in core
tasks                      in models: heads, losses, distillation, translation
kernels                    in engine, for NumPy arrays; they have an effect only while kernels run
compress                   in compress/layers; importing albert_np.compress.layers.checks adds their checks to CHECKS
cuda                       in the kernels for CuPy arrays: cuda.MISTAKES, not among MISTAKES, as they take effect only on a device
"""

from albert_np.gradcheck.mistakes import compress, kernels, layers, model, optimisers, tasks
from albert_np.gradcheck.mistakes.mistake import Mistake, get_source, planted

__all__ = ["MISTAKES", "Mistake", "get_source", "planted"]
__dir__ = __all__.copy  # for completion

MISTAKES: list[Mistake] = [
    *layers.MISTAKES, *model.MISTAKES, *optimisers.MISTAKES, *tasks.MISTAKES, *kernels.MISTAKES, *compress.MISTAKES,
]  # fmt: skip
