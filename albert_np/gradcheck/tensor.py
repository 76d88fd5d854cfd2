"""The check of one tensor: probes along directions and coordinates, and the verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from albert_np.gradcheck.point import Point

RELATIVE, ABSOLUTE = 1e-6, 1e-8  # |a - n| <= ABSOLUTE + RELATIVE max(|a|, |n|)
VISIBLE = 1e-4  # below this a derivative drowns in ABSOLUTE and proves nothing
VANISHING = 1e-14  # what rounding may leave of a gradient that is 0, as the key bias's, beside the others of its layer
CANDIDATES = 4  # random directions drawn, of which the one with the largest |a| is taken
REDRAWN = 5  # how often a probe that stepped over a kink is drawn again


@dataclass(frozen=True)
class Row:
    """The verdict on one tensor: its direction, or, if something failed, the worst coordinate."""

    name: str
    shape: tuple[int, ...]
    error: float  # relative: |a - n| / (max(|a|, |n|) + 0.01), which must not be above 1e-6
    numeric: float
    analytic: float
    passed: bool
    worst: tuple[int, ...] | None = None  # the coordinate, if the numbers are those of one
    note: str = ""  # what is special, or wrong

    def __str__(self) -> str:
        at = "" if self.worst is None else f" at {list(self.worst)}"
        numbers = "" if math.isnan(self.error) else f" analytic {self.analytic:.9g}, numeric {self.numeric:.9g};"
        return f"{self.name}{at}:{numbers} {self.note or 'passed' if self.passed else self.note or 'they differ'}"


@dataclass(frozen=True)
class Probe:
    """One comparison of the two derivatives."""

    numeric: float
    analytic: float
    bend: float  # half the second difference over h
    at: tuple[int, ...] | None = None  # the coordinate; None: a direction

    @property
    def difference(self) -> float:
        return abs(self.analytic - self.numeric)

    @property
    def error(self) -> float:
        """At most RELATIVE exactly where |a - n| <= ABSOLUTE + RELATIVE max(|a|, |n|)."""
        return self.difference / (max(abs(self.analytic), abs(self.numeric)) + ABSOLUTE / RELATIVE)

    @property
    def passed(self) -> bool:
        return self.error <= RELATIVE

    @property
    def on_kink(self) -> bool:
        """A failure that the second difference explains. Over a kink the central difference is off by `bend`; elsewhere `bend`
        is of the size of h, so that no wrong gradient is excused."""
        return not self.passed and abs(self.bend) > 0.5 * self.difference


def unit(d: Any) -> Any:
    """d scaled to length 1; 0 stays 0."""
    length = math.sqrt(float((d * d).sum()))
    return d / length if length else d


@dataclass
class Tensor:
    """One tensor z of a point, its gradient dz, and what the probes need: dy and y, lists of arrays, and where to draw from."""

    point: Point
    z: Any
    dz: Any
    dys: list[Any]
    y: list[Any]
    rng: np.random.Generator

    def row(self, name: str, coordinates: int, kinks: bool, lean: float) -> Row:
        """The verdict after one direction and some coordinates."""
        along, direction = self.steady(lambda: self.direction(lean), kinks)
        places = [self.steady(self.coordinate, kinks) for _ in range(min(coordinates, self.z.size))]
        probes = [along, *(probe for probe, _ in places)]
        if not along.passed:
            return self.verdict(name, self.worst(direction), "they differ")
        if not all(probe.passed for probe in probes):
            return self.verdict(name, max(probes, key=lambda probe: probe.error), "they differ")
        void = all(abs(probe.numeric) < VISIBLE for probe in probes)
        return self.verdict(name, along, f"void: no probe shows {VISIBLE}" if void else "")

    def vanishing(self, name: str, others: list[Any]) -> Row:
        """A bias that a softmax does not see: 0 by the mathematics, next to nothing by rounding. others: gradients beside it."""
        probe = self.probe(self.direction(0.0))
        small = np.abs(self.dz).max() <= VANISHING * max(np.abs(dz).max() for dz in others) and probe.passed
        return self.verdict(name, probe, "" if small else "it should vanish beside the others", "is 0 but for rounding")

    def unused(self, name: str) -> Row:
        """A parameter that the function leaves out: nothing at all."""
        probe = self.probe(self.direction(0.0))
        nothing = probe.numeric == 0 and not self.dz.any()
        return self.verdict(name, probe, "" if nothing else "it is not used, but has a gradient", "not used")

    def verdict(self, name: str, probe: Probe, wrong: str, remark: str = "") -> Row:
        return Row(name, self.z.shape, probe.error, probe.numeric, probe.analytic, not wrong, probe.at, wrong or remark)

    def probe(self, d: Any) -> Probe:
        """The two derivatives along d."""
        numeric, bend = self.point.differences(self.z, d, self.dys, self.y)
        return Probe(numeric, float((self.dz * d).sum()), bend, one_place(d))

    def steady(self, draw: Callable[[], Any], kinks: bool) -> tuple[Probe, Any]:
        """A probe, and its direction, that does not step over a kink."""
        for _ in range(REDRAWN):
            d = draw()
            probe = self.probe(d)
            if not (kinks and probe.on_kink):
                break
        return probe, d

    def direction(self, lean: float) -> Any:
        """A random unit direction; of several the one that shows most."""
        drawn = [unit(unit(self.rng.standard_normal(self.z.shape)) + lean * unit(self.dz)) for _ in range(CANDIDATES)]
        return max(drawn, key=lambda d: abs(float((self.dz * d).sum())))

    def coordinate(self) -> Any:
        """The unit direction of one random coordinate."""
        d = np.zeros_like(self.z)
        d.reshape(-1)[int(self.rng.integers(d.size))] = 1
        return d

    def worst(self, d: Any) -> Probe:
        """From a direction that fails to a coordinate that does, always into the half that is further off."""
        places = np.flatnonzero(d)
        while len(places) > 1:
            halves = places[: len(places) // 2], places[len(places) // 2 :]
            places = max(halves, key=lambda half: self.probe(only(d, half)).difference)
        return self.probe(unit(only(d, places)))


def only(d: Any, places: Any) -> Any:
    """d at these places, 0 elsewhere"""
    part = np.zeros_like(d)
    part.reshape(-1)[places] = d.reshape(-1)[places]
    return part


def one_place(d: Any) -> tuple[int, ...] | None:
    """The coordinate, if d has only one."""
    places = np.argwhere(d)
    return tuple(int(i) for i in places[0]) if len(places) == 1 else None
