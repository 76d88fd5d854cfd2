"""The ablations of ALBERT's paper at a very small size: the tables of results/sweep-ablations.json, for docs/experiments.md.

    albert-np sweep ablations --jobs 1                            # makes sweeps/ablations/results.json
    python tests/benchmarks/sweeps.py --take sweeps/ablations     # keeps it, and draws docs/ablations.png
    python tests/benchmarks/sweeps.py --table                     # prints the tables

A difference is that between runs of the same seed. It is believed if it is further from 0 than Student's t allows by chance in
one of twenty tries (two-sided; with three seeds 4.30 standard errors).
"""

import argparse
import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.apps.experiments.results import differences, markdown, metric_label
from albert_np.io.files import write_figure
from albert_np.plots import experiments_figure

HERE = Path(__file__).parent
STORED = HERE / "results" / "sweep-ablations.json"
FIGURE = HERE.parents[1] / "docs" / "ablations.png"
T_95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}  # two-sided, by degrees of freedom


@dataclass
class Question:
    """A configuration against the first one: what the paper has of both, and the sign it lets us expect of our MLM loss."""

    name: str
    paper: str
    sign: int | None  # None: the paper does not say


QUESTIONS = [
    Question("nothing shared", "Table 4, E = 128: average 81.6, all shared 80.1", -1),
    Question("no sentence objective", "Table 5: MLM accuracy 54.9, with SOP 54.0", -1),
    Question("layers 2 and 4 fused", "", None),
    Question("random batches", "", None),
]
WORDS = {-1: "lower", 0: "equal", 1: "higher"}


def told(results: dict[str, Any]) -> str:
    """What was run, in a sentence."""
    s, each = results["settings"], results["configurations"]
    runs = [run for one in each for run in one["runs"]]
    return (
        f"{len(each)} configurations × seeds {', '.join(map(str, results['seeds']))} = {len(runs)} runs: "
        f"V {s['vocab_size']}, E {s['embedding_size']}, H {s['hidden_size']}, L {s['num_hidden_layers']}, "
        f"A {s['num_attention_heads']}, F {s['intermediate_size']}, T {s['max_length']}; {s['steps']} steps of "
        f"{s['tokens_per_batch']} tokens, AdamW at {s['learning_rate']:g}; {s['held_out']:.0%} of the text held out. "
        f"Unigram entropy {statistics.fmean(run['unigram_entropy'] for run in runs):.3f}."
    )


def found(results: dict[str, Any], question: Question) -> tuple[str, str] | None:
    """Our difference (of each seed; what it would have to be), and what it says; None if it was not run."""
    metric = results["metrics"][0]
    each = next((one for one in results["configurations"] if one["name"] == question.name), None)
    if each is None or len(values := differences(results, metric, each)) < 2:
        return None
    mean, chance = statistics.fmean(values), T_95[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    sign = 0 if abs(mean) <= chance else int(math.copysign(1, mean))
    said = f"{mean:+.4f} ({', '.join(f'{value:+.4f}' for value in values)}) | ± {chance:.4f}"
    if question.sign is None:
        return said, "no difference to be seen" if sign == 0 else f"the loss is {WORDS[sign]}"
    if sign == question.sign:
        return said, "as in the paper" if sign else "no difference to be seen, as in the paper"
    return said, "not to be seen here" if sign == 0 else f"not as in the paper: {WORDS[sign]}"


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    ours = f"our {metric_label(results['metrics'][0])}: mean (each seed)"
    lines = [f"| against *{results['configurations'][0]['name']}* | the paper | {ours} | chance | |", "|---|---|---|---|---|"]
    asked = [(question, found(results, question)) for question in QUESTIONS]
    lines += [f"| {q.name} | {q.paper or 'does not ask'} | {' | '.join(own)} |" for q, own in asked if own is not None]
    return "\n\n".join([told(results), markdown(results, heading=False, speed=False).strip(), "\n".join(lines)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--take", type=Path, metavar="FOLDER", help="keep the results of this sweep, and draw the figure")
    parser.add_argument("--table", action="store_true", help="print the tables of the results that there are")
    given = parser.parse_args()
    if given.take:
        results = json.loads((given.take / "results.json").read_text(encoding="utf-8"))
        if results["missing"]:
            parser.error(f"{results['missing']} runs are missing in {given.take}")
        STORED.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_figure(FIGURE, experiments_figure(results, metric_label))
    print(table(json.loads(STORED.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
