"""A training step under WebAssembly with NumPy's products and with SciPy's, and the same natively; results/wasm.json.

    python tests/benchmarks/wasm.py [--rounds 5]       # needs Node and npm, as tests/wasm/run.py
    python tests/benchmarks/wasm.py --table            # prints the results again

The two take turns within one process of Pyodide in Node; a ratio is that of two runs of one round. Seconds are those of the
processor, so other work on the machine matters little. One thread everywhere.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STORED = HERE / "results" / "wasm.json"
STEPS = HERE / "wasm_steps.py"


def measure(rounds: int) -> dict[str, Any]:
    sys.path.insert(0, str(HERE.parent / "wasm"))
    import run

    there = run.start(STEPS, [str(rounds)], capture=True)
    if there.returncode:
        raise SystemExit(there.stdout)
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    here = subprocess.run([sys.executable, str(STEPS), str(rounds)], env=one_thread, capture_output=True, text=True, check=True)
    return {"wasm": json.loads(there.stdout.splitlines()[-1]), "native": json.loads(here.stdout)}


def print_table(results: dict[str, Any]) -> None:
    for name in ("wasm", "native"):
        print(f"{name}: {results[name]['versions']}")
    print("\nmilliseconds of the processor for a training step, medians of", end=" ")
    print(f"{len(next(iter(results['wasm']['seconds'].values()))['numpy'])} rounds\n")
    print(
        "| model | native | WebAssembly, NumPy's products | SciPy's | ratio | least to greatest |\n|---|---:|---:|---:|---:|---:|"
    )
    for model, seconds in results["wasm"]["seconds"].items():
        ratios = [a / b for a, b in zip(seconds["numpy"], seconds["scipy"])]
        times = (results["native"]["seconds"][model]["numpy"], seconds["numpy"], seconds["scipy"])
        native, slow, fast = (f"{1000 * statistics.median(each):.0f}" for each in times)
        middle = statistics.median(ratios)
        print(f"| {model} | {native} | {slow} | {fast} | **{middle:.1f}** | {min(ratios):.1f}–{max(ratios):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        STORED.write_text(json.dumps(measure(options.rounds), indent=1) + "\n", encoding="utf-8")
    print_table(json.loads(STORED.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
