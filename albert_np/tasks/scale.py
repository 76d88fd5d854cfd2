"""The scale of a regression: labels are standardised for training, and answers are in the labels' own units.

    z = (label - mean) / deviation          the target of the training; the model's output is an estimate of it
    label = mean + deviation · z            the answer

The scale is an option of the task, so task.json stores it. Without one (an older folder, a model from elsewhere) mean and
deviation are 0 and 1. All is computed in float64: labels may be as small as 1e-300 or as large as 1e150.
"""

import math
import os
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from albert_np.core import backend
from albert_np.core.params import Tree, fill
from albert_np.io import sources
from albert_np.io.files import read_json

LARGEST = 1e150  # magnitude of a label: the square of an error must be a float64, too
SIMILAR = 3.0, 10.0  # scales are of one unit if the means differ by less deviations, and the deviations by a smaller factor
DECIMALS = 3  # of a deviation, in answers for people


class Scale(NamedTuple):
    """The mean and the standard deviation of the training labels."""

    mean: float = 0.0
    deviation: float = 1.0

    def standardise(self, labels: Any) -> Any:
        """Return (label - mean) / deviation."""
        return (labels - self.mean) / self.deviation

    def restore(self, outputs: Any) -> Any:
        """Return mean + deviation · output."""
        return self.mean + self.deviation * outputs

    def format(self, number: float) -> str:
        """Return a number with the digits that matter: a thousandth of the deviation is visible."""
        decimals = max(0, DECIMALS - math.floor(math.log10(self.deviation)))
        if decimals > 9 or abs(number) >= 1e15:
            return f"{number:.6g}"
        return f"{round(number, decimals) + 0.0:.{decimals}f}"  # + 0.0: never "-0.000"

    def describe(self) -> str:
        """Return "mean 47817, deviation 25949.9"."""
        return f"mean {self.format(self.mean)}, deviation {self.deviation:g}"


IDENTITY = Scale()


def measure_scale(labels: Sequence[float]) -> Scale:
    """Return the scale of the training labels. If all are equal the deviation is 1, with a warning: there is nothing to learn."""
    values = check_size(labels)
    if (values == values[0]).all():
        warnings.warn(
            f"all training labels are the same number, {values[0]:g}: there is nothing to learn from them", stacklevel=3
        )
        return Scale(float(values[0]))
    exponent = math.frexp(np.abs(values).max())[1]  # squares of tiny numbers would vanish
    scaled = np.ldexp(values, -exponent)
    deviation = max(math.ldexp(scaled.std(), exponent), float(np.finfo(np.float64).tiny))
    return Scale(math.ldexp(scaled.mean(), exponent), deviation)


def check_size(labels: Sequence[float]) -> np.ndarray:
    """Return labels as float64. Raises ValueError for one beyond `LARGEST`."""
    values = np.asarray(labels, np.float64)
    if (large := np.abs(values) > LARGEST).any():
        raise ValueError(f"the label {values[large][0]:g} is too large: expected numbers from {-LARGEST:g} to {LARGEST:g}")
    return values


def parse_scale(option: Any) -> Scale:
    """Return the scale that the task's option `scale` describes: [mean, deviation], or None. ValueError for anything else."""
    if option is None:
        return IDENTITY
    numbers = isinstance(option, list | tuple) and len(option) == 2 and all(type(each) in (int, float) for each in option)
    if not numbers or not all(abs(each) <= LARGEST for each in option) or not option[1] > 0:
        raise ValueError(f"scale must be the mean and the positive deviation of the labels, not {option!r}")
    return Scale(*map(float, option))


def read_options(path: str | os.PathLike[str], **hub: Any) -> dict[str, Any]:
    """Return the options of the task that a checkpoint was trained for, from the task.json beside its weights; {} without one.

    path: a folder, a file, an archive or a name on the hub.
    """
    with sources.local(path, "model", **hub) as local:
        file = (local if local.is_dir() else local.parent) / "task.json"
        values = read_json(file) if file.is_file() else None
    options = values.get("options") if isinstance(values, dict) else None
    return options if isinstance(options, dict) else {}


def read_scale(path: str | os.PathLike[str], **hub: Any) -> Scale | None:
    """Return the scale of a trained regression; None if it has none. Raises ValueError that names the path if it is invalid."""
    options = read_options(path, **hub)
    if options.get("kind") != "number" or options.get("scale") is None:
        return None
    try:
        return parse_scale(options["scale"])
    except ValueError as error:
        raise ValueError(f"task.json of {path}: {error}") from None


def is_similar(old: Scale, new: Scale) -> bool:
    """Return whether two scales can be of labels in the same units, about the same things."""
    ratio = old.deviation / new.deviation
    return abs(old.mean - new.mean) <= SIMILAR[0] * new.deviation and 1 / SIMILAR[1] <= ratio <= SIMILAR[1]


def rescale_head(params: Tree, old: Scale, new: Scale = IDENTITY) -> None:
    """Change the head of a regression, in place, so that its outputs are on the new scale and mean the same.

    Raises ValueError if the new weights are too large or too small for the dtype of the parameters.
    """
    head = params.task
    w, b = (backend.to_host(array).astype(np.float64) for array in (head.w, head.b))
    ratio = old.deviation / new.deviation
    new_w, new_b = w * ratio, b * ratio + (old.mean - new.mean) / new.deviation
    limits = np.finfo(params.flat.dtype)
    largest, smallest = max(np.abs(new_w).max(), np.abs(new_b).max()), np.abs(new_w).max()
    if largest > limits.max or (w.any() and smallest < limits.tiny):
        raise ValueError(f"numbers on the scale of the labels ({old.describe()}) are outside the range of {params.flat.dtype}")
    fill(head.w, new_w)
    fill(head.b, new_b)
