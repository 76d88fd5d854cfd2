"""The check of one tensor: probes along directions and coordinates, and the resulting row."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from albert_np.gradcheck.point import Point

RELATIVE, ABSOLUTE = 1e-6, 1e-8  # |a - n| <= ABSOLUTE + RELATIVE max(|a|, |n|)
VISIBLE = 1e-4  # a derivative below it is too close to ABSOLUTE for a meaningful check
VANISHING = 1e-14  # largest rounding error of a gradient that is 0, such as the key bias's, relative to others of its layer
CANDIDATES = 4  # random directions that are drawn; the one with the largest |a| is used
REDRAWS = 5  # attempts at a probe that does not step over a kink


@dataclass(frozen=True)
class Row:
    """The result for one tensor: its probed direction or, if the check failed, the worst coordinate.

    error is relative, |analytic - numeric| / (max(|analytic|, |numeric|) + 0.01), and may be at most 1e-6; worst is the index of
    the coordinate that the two numbers belong to, None for a direction; note is a remark, or the reason of a failure.
    """

    name: str
    shape: tuple[int, ...]
    error: float  # relative: |a - n| / (max(|a|, |n|) + 0.01), which must not be above 1e-6
    numeric: float
    analytic: float
    passed: bool
    worst: tuple[int, ...] | None = None  # the coordinate, if the numbers belong to one
    note: str = ""  # a remark, or the reason of a failure

    def __str__(self) -> str:
        at = "" if self.worst is None else f" at {list(self.worst)}"
        numbers = "" if math.isnan(self.error) else f" analytic {self.analytic:.9g}, numeric {self.numeric:.9g};"
        return f"{self.name}{at}:{numbers} {self.note or 'passed' if self.passed else self.note or 'they differ'}"


@dataclass(frozen=True)
class Probe:
    """One comparison of the numeric and the analytic derivative."""

    numeric: float
    analytic: float
    bend: float  # half the second difference over h
    at: tuple[int, ...] | None = None  # the coordinate; None: a direction

    @property
    def difference(self) -> float:
        return abs(self.analytic - self.numeric)

    @property
    def error(self) -> float:
        """Return the relative error, which is at most RELATIVE exactly if |a - n| <= ABSOLUTE + RELATIVE max(|a|, |n|)."""
        return self.difference / (max(abs(self.analytic), abs(self.numeric)) + ABSOLUTE / RELATIVE)

    @property
    def passed(self) -> bool:
        return self.error <= RELATIVE

    @property
    def on_kink(self) -> bool:
        """Return whether a kink explains the failure: there the central difference has the error `bend`. Elsewhere `bend` is of
        the size of h, so that no wrong gradient is excused."""
        return not self.passed and abs(self.bend) > 0.5 * self.difference


def unit(d: np.ndarray) -> np.ndarray:
    """Return d scaled to length 1; 0 stays 0."""
    length = math.sqrt(float((d * d).sum()))
    return d / length if length else d


@dataclass
class Tensor:
    """One tensor z of a point, its gradient dz, the outputs y and their gradients dys, and a random generator for directions."""

    point: Point
    z: np.ndarray
    dz: np.ndarray
    dys: list[np.ndarray]
    y: list[np.ndarray]
    rng: np.random.Generator

    def row(self, name: str, coordinates: int, kinks: bool, lean: float) -> Row:
        """Return the row of this tensor after probing one direction and some coordinates."""
        along, direction = self.steady(lambda: self.direction(lean), kinks)
        singles = [self.steady(self.coordinate, kinks) for _ in range(min(coordinates, self.z.size))]
        probes = [along, *(probe for probe, _ in singles)]
        if not along.passed:
            return self.verdict(name, self.worst(direction), "they differ")
        if not all(probe.passed for probe in probes):
            return self.verdict(name, max(probes, key=lambda probe: probe.error), "they differ")
        void = all(abs(probe.numeric) < VISIBLE for probe in probes)
        return self.verdict(name, along, f"void: the derivative is below {VISIBLE} in every probe" if void else "")

    def vanishing(self, name: str, others: list[np.ndarray]) -> Row:
        """Return the row of a tensor whose gradient is mathematically 0 (a bias before a softmax): it must be
        negligible against the gradients `others`."""
        probe = self.probe(self.direction(0.0))
        small = np.abs(self.dz).max() <= VANISHING * max(np.abs(dz).max() for dz in others) and probe.passed
        return self.verdict(name, probe, "" if small else "it should vanish beside the others", "is 0 but for rounding")

    def unused(self, name: str) -> Row:
        """Return the row of a parameter that the function does not use: its gradient must be exactly 0."""
        probe = self.probe(self.direction(0.0))
        is_zero = probe.numeric == 0 and not self.dz.any()
        return self.verdict(name, probe, "" if is_zero else "it is not used, but has a gradient", "not used")

    def verdict(self, name: str, probe: Probe, error: str, remark: str = "") -> Row:
        """Return a row with the numbers of a probe, which fails if there is an error."""
        return Row(name, self.z.shape, probe.error, probe.numeric, probe.analytic, not error, probe.at, error or remark)

    def probe(self, d: np.ndarray) -> Probe:
        """Compare the two derivatives along d."""
        numeric, bend = self.point.differences(self.z, d, self.dys, self.y)
        return Probe(numeric, float((self.dz * d).sum()), bend, single_coordinate(d))

    def steady(self, draw: Callable[[], np.ndarray], kinks: bool) -> tuple[Probe, np.ndarray]:
        """Return a probe that does not step over a kink, and its direction."""
        for _ in range(REDRAWS):
            d = draw()
            probe = self.probe(d)
            if not (kinks and probe.on_kink):
                break
        return probe, d

    def direction(self, lean: float) -> np.ndarray:
        """Draw several random unit directions and return the one with the largest derivative."""
        candidates = [unit(unit(self.rng.standard_normal(self.z.shape)) + lean * unit(self.dz)) for _ in range(CANDIDATES)]
        return max(candidates, key=lambda d: abs(float((self.dz * d).sum())))

    def coordinate(self) -> np.ndarray:
        """Return the unit direction of a random coordinate."""
        d = np.zeros_like(self.z)
        d.reshape(-1)[int(self.rng.integers(d.size))] = 1
        return d

    def worst(self, d: np.ndarray) -> Probe:
        """Find a failing coordinate of a failing direction by bisection, each time into the half with the larger error."""
        indices = np.flatnonzero(d)
        while len(indices) > 1:
            halves = indices[: len(indices) // 2], indices[len(indices) // 2 :]
            indices = max(halves, key=lambda half: self.probe(only(d, half)).difference)
        return self.probe(unit(only(d, indices)))


def only(d: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return d at these flat indices, 0 elsewhere."""
    part = np.zeros_like(d)
    part.reshape(-1)[indices] = d.reshape(-1)[indices]
    return part


def single_coordinate(d: np.ndarray) -> tuple[int, ...] | None:
    """Return the coordinate in which d is not 0, or None if there are several."""
    coordinates = np.argwhere(d)
    return tuple(int(i) for i in coordinates[0]) if len(coordinates) == 1 else None
