"""Directions that a paper reports, for the verdicts of a sweep's table. In a sweep's file:

[[paper]]
configuration = "sharing=none"      # this configuration ...
against = "sharing=all"             # ... against this one [the first]
metric = "mlm_loss"                 # in this figure [the first of the table]
direction = "better"                # is better, worse or the same
within = 0.02                       # with "same": differences up to this count as none
source = "Table 4, E = 128: average 81.6 against 80.1"
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from albert_np.io.config_files import unknown_key
from albert_np.metrics.paired import Interval

KEYS = ("configuration", "against", "metric", "direction", "within", "source")
DIRECTIONS = ("better", "worse", "same")
LOWER_IS_BETTER = ("mlm_loss", "root_mean_squared_error")


@dataclass(frozen=True)
class Direction:
    """A difference between two configurations as the paper has it. within: None unless direction is "same"."""

    configuration: str
    against: str
    metric: str
    direction: str
    within: float | None
    source: str


def parse_directions(tables: Any, names: Sequence[str], metrics: Sequence[str]) -> list[Direction]:
    """Return the directions of the tables [[paper]] of a file.

    names: of the configurations; metrics: that the sweep's runs will have, empty if that is not known before they run.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError("paper must be written [[paper]], with two brackets, as there may be several")
    directions: list[Direction] = []
    for index, table in enumerate(tables, 1):
        try:
            each = _parse_direction(table, names, metrics)
        except ValueError as error:
            raise ValueError(f"[[paper]] number {index}: {error}") from None
        if any((each.configuration, each.against, each.metric) == (d.configuration, d.against, d.metric) for d in directions):
            raise ValueError(f"[[paper]] number {index} repeats {each.configuration!r} against {each.against!r} in {each.metric}")
        directions.append(each)
    return directions


def _parse_direction(table: dict[str, Any], names: Sequence[str], metrics: Sequence[str]) -> Direction:
    for key, value in table.items():
        if key not in KEYS:
            raise ValueError(unknown_key(key, KEYS).replace("config key", "key"))
        if key != "within" and not isinstance(value, str):
            raise ValueError(f"{key} must be a string, not {value!r}")
    values = {"against": names[0], "metric": next(iter(metrics), ""), "source": "", **table}
    for key in ("configuration", "metric", "direction"):
        if not values.get(key):
            raise ValueError(f'it needs a {key} = "..."')
    for key, known in (("configuration", names), ("against", names), ("metric", metrics or [values["metric"]])):
        if values[key] not in known:
            raise ValueError(unknown_key(values[key], known).replace("config key", key) + f" (there are {', '.join(known)})")
    if values["configuration"] == values["against"]:
        raise ValueError(f"{values['against']!r} cannot be compared with itself")
    return Direction(**{**values, **_parse_kind(values["direction"], table.get("within"))})


def _parse_kind(direction: str, within: Any) -> dict[str, Any]:
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, not {direction!r}")
    if direction != "same":
        if within is not None:
            raise ValueError(f'within belongs to direction = "same", and the direction is {direction!r}')
        return {"within": None}
    if type(within) not in (int, float) or within <= 0:
        raise ValueError(f'direction = "same" needs within = the largest difference that counts as none, above 0, not {within!r}')
    return {"within": float(within)}


def judge(interval: Interval, metric: str, expected: Direction | None) -> str:
    """Return the verdict on a difference with this interval.

    A difference is seen if its interval excludes 0. "The same" is shown if the whole interval lies within the margin, and refuted
    if all of it lies outside (two one-sided tests; Schuirmann 1987).
    """
    if interval.low is None or interval.high is None:
        return "one seed only"
    if expected is not None and expected.within is not None:
        if max(-interval.low, interval.high) <= expected.within:
            return "the same, as in the paper"
        is_outside = interval.low > expected.within or interval.high < -expected.within
        return "different, unlike the paper" if is_outside else "not decided"
    if interval.low <= 0 <= interval.high:
        return "not seen"
    found = "better" if (interval.mean < 0) == metric.startswith(LOWER_IS_BETTER) else "worse"
    if expected is None:
        return found
    return "same direction as the paper" if found == expected.direction else "opposite to the paper"
