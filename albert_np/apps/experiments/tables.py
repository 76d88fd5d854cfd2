"""The tables of a sweep, in Markdown: means, differences with intervals and verdicts, the seeds that effects need."""

import statistics
from collections.abc import Container
from typing import Any

from albert_np.apps.experiments.comparisons import plan_seeds, select_main
from albert_np.apps.experiments.results import metric_label
from albert_np.data.formats.summary import count_noun
from albert_np.training.metrics import format_score

POWER_NOTE = """\
Deviation: of the differences between runs of the same seed. *Seen with n*: the difference that n seeds show in 8 of 10 cases \
(intervals of 95 %, power 0.8, by the noncentral t distribution). The last column takes the measured difference for the true \
one. From few seeds both are rough; *pooled*, over all configurations, is the better estimate of the deviation."""


def markdown(results: dict[str, Any]) -> str:
    """Return the whole report: title, means, differences, notes, failures."""
    rows = results["configurations"]
    paragraphs = [f"# {results['title']}", *([results["about"]] if results["about"] else []), means_table(results)]
    paragraphs += results["notes"]
    if entropy := [run["unigram_entropy"] for each in rows for run in each["runs"] if run.get("unigram_entropy")]:
        text = ", ".join(f"{each['file']} ({each['bytes'] / 1e6:.1f} MB)" for each in results.get("text", ()))
        paragraphs.append(f"Losses in nats per masked token; the unigram entropy is {statistics.fmean(entropy):.3f}."
                          + (f" The text: {text}." if text else ""))  # fmt: skip
    paragraphs += ["Mean ± standard deviation over the seeds."]
    if results["comparisons"]:
        paragraphs += [differences_table(results), differences_note(results["comparisons"])]
    if results["missing"]:
        paragraphs.append(f"{count_noun(results['missing'], 'run is', 'runs are')} missing.")
    paragraphs += [f"FAILED: {name}: {reason}" for name, reason in results["failed"].items()]
    return "\n\n".join(paragraphs) + "\n"


def means_table(results: dict[str, Any], speed: bool = True) -> str:
    """Return one row per configuration: mean ± standard deviation over the seeds.

    speed: with tokens per second, which are meaningful only if the machine was otherwise idle.
    """
    shown, rows = results["metrics"], results["configurations"]
    uneven = any("batches" in each["changes"] for each in rows)
    head = ["", "parameters", *map(metric_label, shown), *(["heaviest / mean step"] if uneven else []),
            *(["tokens/s"] if speed else []), "seeds"]  # fmt: skip
    lines = []
    for each in rows:
        if not each["runs"]:
            lines.append([each["name"], *["–"] * (len(head) - 2), "0"])
            continue
        cells = [each["name"], f"{each['mean']['parameters']:,.0f}", *(_format_mean(each, key) for key in shown)]
        cells += [f"{each['mean']['heaviest_step']:.3f}"] if uneven else []
        cells += [f"{each['mean']['tokens_per_second']:,.0f}"] if speed else []
        lines.append([*cells, str(len(each["runs"]))])
    return markdown_table(head, lines, numbers=range(1, len(head)))


def differences_table(results: dict[str, Any]) -> str:
    """Return one row per comparison: the mean difference, its 95 % interval, the paper's direction, the verdict."""
    head = ["", "against", "in", "difference", "95 % interval", "seeds", "the paper", "verdict"]
    rows = []
    for each in select_main(results["comparisons"], results["metrics"]):
        size = max(abs(each[key] or 0.0) for key in ("mean", "low", "high"))
        ends = [each["low"], each["high"]]
        interval = "–" if None in ends else " to ".join(format_score(end, "+", size) for end in ends)
        rows.append([each["configuration"], each["against"], metric_label(each["metric"]), format_score(each["mean"], "+", size),
                     interval, str(len(each["differences"])), _format_direction(each), each["verdict"]])  # fmt: skip
    return markdown_table(head, rows, numbers=range(3, 6))


def differences_note(comparisons: list[dict[str, Any]]) -> str:
    """Return how to read the table of differences."""
    text = "Differences are between runs of the same seed; intervals are Student's t. *Not seen*: 0 lies in the interval."
    if any(each.get("within") is not None for each in comparisons):
        text += " *The same*: the whole interval lies within the margin; *not decided*: it lies neither within nor outside."
    return text


def _format_direction(comparison: dict[str, Any]) -> str:
    if "direction" not in comparison:
        return "–"
    margin = f" (within {comparison['within']:g})" if comparison["within"] is not None else ""
    return f"{comparison['direction']}{margin}" + (f": {comparison['source']}" if comparison["source"] else "")


def power_table(results: dict[str, Any]) -> str:
    """Return how large an effect must be to be seen, with various numbers of seeds. ValueError without two seeds."""
    plans = plan_seeds(results)
    if not plans:
        raise ValueError("the deviation of the differences is not known yet: it takes two finished seeds of two configurations")
    numbers = sorted({n for plan in plans for n in plan["smallest"]})
    head = ["", "in", "seeds", "deviation", *(f"seen with {n}" for n in numbers), "difference", "seeds needed for it"]
    rows = []
    for plan in plans:
        effects = [format_score(plan["smallest"][n]) if n in plan["smallest"] else "" for n in numbers]
        needed = f"{plan['needed']:,}" if plan.get("needed") else "–"
        found = [format_score(plan["mean"], "+"), needed] if "mean" in plan else ["", ""]
        rows.append([_format_pair(plan), metric_label(plan["metric"]), str(plan["seeds"]), format_score(plan["deviation"]),
                     *effects, *found])  # fmt: skip
    return f"{markdown_table(head, rows, numbers=range(2, len(head)))}\n\n{POWER_NOTE}\n"


def _format_pair(plan: dict[str, Any]) -> str:
    return f"{plan['configuration']} against {plan['against']}" if "against" in plan else plan["configuration"]


def markdown_table(head: list[str], rows: list[list[str]], numbers: Container[int]) -> str:
    """Return a table in Markdown; the columns `numbers` are aligned to the right."""
    rule = "|" + "".join("---:|" if i in numbers else "---|" for i in range(len(head)))
    return "\n".join(["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)])


def _format_mean(configuration: dict[str, Any], metric: str) -> str:
    values = [run[metric] for run in configuration["runs"] if run.get(metric) is not None]
    if not values:
        return "–"
    size = max(map(abs, values))
    text = format_score(statistics.fmean(values), size=size)
    return text + (f" ± {format_score(statistics.stdev(values), size=size)}" if len(values) > 1 else "")
