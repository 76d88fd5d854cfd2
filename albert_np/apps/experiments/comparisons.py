"""Compare configurations seed by seed: intervals, verdicts, and how many seeds an effect needs.

Runs with the same seed share held-out text, order and masks, so their differences vary far less than the figures themselves.
"""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from albert_np.apps.experiments.paper import Direction, judge
from albert_np.metrics.paired import paired_interval, pairs_needed, smallest_effect

SEEDS = (3, 5, 8)  # numbers of seeds for which the smallest visible effect is listed


def differences(configuration: dict[str, Any], against: dict[str, Any], metric: str) -> dict[int, float]:
    """Return {seed: difference} between two configurations of results.json, for the seeds that both have."""
    theirs = {run["seed"]: run.get(metric) for run in against["runs"]}
    pairs = {run["seed"]: (run.get(metric), theirs.get(run["seed"])) for run in configuration["runs"]}
    return {seed: a - b for seed, (a, b) in pairs.items() if a is not None and b is not None}


def compare(configurations: list[dict[str, Any]], metrics: Sequence[str], paper: Sequence[Direction]) -> list[dict[str, Any]]:
    """Return a record of each comparison that has at least one pair of runs:

    {"configuration", "against", "metric", "differences": {seed: ...}, "mean", "low", "high", "verdict"}, and of the paper's
    directions also "direction", "within" and "source".

    Each configuration is compared with the first one in each metric, and as the paper's directions say.
    """
    named = {each["name"]: each for each in configurations}
    expected = {(each.configuration, each.against, each.metric): each for each in paper}
    keys = [(name, next(iter(named)), metric) for name in list(named)[1:] for metric in metrics]
    records = []
    for name, against, metric in sorted({**dict.fromkeys(keys), **expected}, key=lambda key: list(named).index(key[0])):
        pairs = differences(named[name], named[against], metric)
        if not pairs:
            continue
        interval, direction = paired_interval(list(pairs.values())), expected.get((name, against, metric))
        record = {"configuration": name, "against": against, "metric": metric, "differences": pairs, **interval._asdict(),
                  "verdict": judge(interval, metric, direction)}  # fmt: skip
        if direction is not None:
            record |= {"direction": direction.direction, "within": direction.within, "source": direction.source}
        records.append(record)
    return records


def select_main(comparisons: list[dict[str, Any]], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Return the comparisons in the first metric, and those that the paper speaks of."""
    return [each for each in comparisons if each["metric"] == metrics[0] or "direction" in each]


def plan_seeds(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return, for each main comparison with at least two seeds, which effects how many seeds show.

    {"configuration", "against", "metric", "seeds", "deviation": of the differences, "mean", "smallest": {seeds: effect seen with
    probability 0.8}, "needed": seeds for an effect as large as the mean, None if there are not enough seeds in the world}

    A last record for each metric has the pooled deviation, the root of the mean variance weighted by degrees of freedom: with few
    seeds each, it is better known than the single ones.
    """
    records, pooled = [], dict[str, list[list[float]]]()
    for each in select_main(results["comparisons"], results["metrics"]):
        values = list(each["differences"].values())
        if len(values) < 2:
            continue
        pooled.setdefault(each["metric"], []).append(values)
        records.append(
            {key: each[key] for key in ("configuration", "against", "metric", "mean")}
            | _plan(statistics.stdev(values), len(values))
            | {"needed": pairs_needed(each["mean"], statistics.stdev(values))}
        )
    for metric, groups in pooled.items():
        if len(groups) > 1:
            squares = sum(statistics.variance(group) * (len(group) - 1) for group in groups)
            deviation = math.sqrt(squares / sum(len(group) - 1 for group in groups))
            records.append({"configuration": "pooled", "metric": metric, **_plan(deviation, max(map(len, groups)))})
    return records


def _plan(deviation: float, seeds: int) -> dict[str, Any]:
    numbers = sorted({seeds, *SEEDS})
    return {"seeds": seeds, "deviation": deviation, "smallest": {n: smallest_effect(deviation, n) for n in numbers}}
