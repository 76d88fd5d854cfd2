"""The ablations: the tables of results/sweep-NAME.json, one for each recipe that was run, for docs/experiments.md.

    albert-np sweep sharing                                    # makes sweeps/sharing/results.json
    python tests/benchmarks/sweeps.py --take sweeps/sharing    # keeps it, and draws docs/sweep-sharing.png
    python tests/benchmarks/sweeps.py --table                  # prints the tables of all that is stored
    python tests/benchmarks/sweeps.py --page                   # writes them into docs/experiments.md

The paper's directions are those of the recipes of today, so they may be completed without running anything again.
"""

import argparse
import json
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albert_np.apps.experiments import recipes
from albert_np.apps.experiments.comparisons import compare
from albert_np.apps.experiments.file import read_sweep
from albert_np.apps.experiments.results import metric_label
from albert_np.apps.experiments.tables import differences_note, differences_table, means_table
from albert_np.io.files import write_figure
from albert_np.plots import experiments_figure

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parents[1] / "docs"
PAGE = DOCS / "experiments.md"
START, END = "<!-- printed by tests/benchmarks/sweeps.py -->", "<!-- end -->"
ORDER = ("sharing", "depth", "embedding-size", "sentence-objective", "masking", "fusion", "batches", "ablations")
LETTERS = {"vocab_size": "V", "embedding_size": "E", "hidden_size": "H", "num_hidden_layers": "L", "num_attention_heads": "A",
           "intermediate_size": "F", "max_length": "T"}  # fmt: skip
TOO_SHORT = "ablations"  # its verdicts are not counted: the runs were not long enough for any
CAPTION = "The held-out figures of each configuration: the differences to the first, a pale dot a seed, and their 95 % interval"


def stored() -> list[str]:
    """Return the recipes whose results are stored, in the order of the page."""
    names = [path.stem.removeprefix("sweep-") for path in RESULTS.glob("sweep-*.json")]
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def load(name: str) -> dict[str, Any]:
    """Return the stored results of a recipe, compared anew with its directions of the paper."""
    results: dict[str, Any] = json.loads((RESULTS / f"sweep-{name}.json").read_text(encoding="utf-8"))
    paper = read_sweep(recipes()[name]).paper
    return {**results, "comparisons": compare(results["configurations"], results["metrics"], paper)}


def describe(results: dict[str, Any]) -> str:
    """Return one paragraph on the runs: their number, sizes, length, text."""
    s, runs = results["settings"], [run for each in results["configurations"] for run in each["runs"]]
    sizes = ", ".join(f"{letter} {s[key]}" for key, letter in LETTERS.items() if key in s)
    text = "".join(f" Text: {each['file']}, {each['bytes'] / 1e6:.1f} MB." for each in results.get("text", ()))
    hours = sum(run["seconds"] for run in runs) / 3600
    return (
        f"{len(results['configurations'])} configurations, seeds {', '.join(map(str, results['seeds']))}: {len(runs)} runs, "
        f"{hours:.1f} hours in all. {sizes}; {s['steps']} steps of {s['tokens_per_batch']} tokens, AdamW at "
        f"{s['learning_rate']:g}; {s['held_out']:.0%} of the documents held out. Unigram entropy "
        f"{statistics.fmean(run['unigram_entropy'] for run in runs):.3f}.{text}"
    )


def section(name: str) -> str:
    """Return the section of one recipe."""
    results = load(name)
    tables = means_table(results, speed=False), differences_table(results)
    return "\n\n".join([f"### {results['title']}: `{name}`", describe(results), *tables, f"![{CAPTION}](sweep-{name}.png)"])


def summary(names: Sequence[str]) -> str:
    """Return the numbers of verdicts on the directions that the paper reports."""
    verdicts = [each["verdict"] for name in names for each in load(name)["comparisons"] if "direction" in each]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    return f"Of {len(verdicts)} directions that the paper reports: {counts}."


def text(names: Sequence[str]) -> str:
    """Return the results of these recipes in Markdown."""
    judged = [name for name in names if name != TOO_SHORT]
    notes = [differences_note([each for name in names for each in load(name)["comparisons"]])] if names else []
    return "\n\n".join([*([summary(judged)] if judged else []), *notes, *map(section, names)])


def take(folder: Path) -> Path:
    """Store the results of a finished sweep of a recipe, and draw its figure. ValueError for unfinished ones and other sweeps."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    if folder.name not in recipes():
        raise ValueError(f"{folder.name} is not a recipe (there are {', '.join(recipes())})")
    if results["missing"]:
        raise ValueError(f"{results['missing']} runs are missing in {folder}")
    path = RESULTS / f"sweep-{folder.name}.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(folder.name)
    return path


def draw(name: str) -> None:
    """Draw the figure of a recipe's stored results into docs."""
    figure = experiments_figure(load(name), metric_label)
    write_figure(DOCS / f"sweep-{name}.png", figure)


def write_page(page: Path) -> None:
    """Replace the part of a page between the two marks by the tables."""
    whole = page.read_text(encoding="utf-8")
    printed = f"{START}\n\n{text(stored())}\n\n{END}"
    changed, count = re.subn(f"{re.escape(START)}.*?{re.escape(END)}", lambda _: printed, whole, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{page} needs one part between {START} and {END}, and has {count}")
    page.write_text(changed, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--take", type=Path, nargs="+", metavar="FOLDER", help="keep the results of these sweeps, and draw their figures"
    )
    parser.add_argument("--table", nargs="*", type=Path, metavar="FILE", help="print the tables of these results [all]")
    parser.add_argument("--page", action="store_true", help="write the tables into docs/experiments.md")
    given = parser.parse_args()
    try:
        for folder in given.take or ():
            print(take(folder.resolve()))
        if given.table is not None:
            print(text([file.stem.removeprefix("sweep-") for file in given.table] or stored()))
        if given.page:
            write_page(PAGE)
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
