"""Print the tables of stored results: python tests/benchmarks/table.py tests/benchmarks/results/cpu.json

With --short before the file: the first table of docs/benchmarks.md, some of whose rows are in the README.
"""

import json
import sys
from pathlib import Path
from typing import Any


def print_tables(results: dict[str, Any]) -> None:
    """All tables that the results have, in Markdown."""
    print_machine(results)
    if results["cases"]:
        lines(HEAD, [row(case) for case in results["cases"].values()])
    if "import" in results:
        print(import_line(results["import"]["medians"]))
    if "kernels" in results:
        print()
        lines(KERNELS, [kernel_row(kernel) for kernel in results["kernels"]])


def print_short(results: dict[str, Any]) -> None:
    """Print the page's first table: every case, without targets and the share of the matrix products."""
    print_machine(results)
    lines(SHORT, [short_row(case) for case in results["cases"].values()])


def print_machine(results: dict[str, Any]) -> None:
    m, v = results["machine"], results["versions"]
    blas = "; ".join(
        sorted({f"{b['internal_api']} {b['version']} ({b['architecture']})" for b in m["blas"] if b["architecture"]})
    )
    against = ", ".join(f"{name} {version}" for name, version in v.items())
    print(f"{m['cpu']}, {m['threads']} threads, NumPy {m['numpy']} with {blas}, which multiplies matrices at")
    print(f"{results['peak_gflops']:.0f} Gflop/s; {against}. Float32. Sentences: {results['text']}.\n")


HEAD = [
    "",
    "ours",
    "transformers",
    "theirs / ours",
    "goal",
    "torch.compile or onnxruntime / ours",
    "memory, ours / theirs (goal)",
    "over products",
    "of peak",
]
SHORT = ["", "ours", "transformers", "theirs / ours", "torch.compile or onnxruntime / ours", "memory, ours / theirs"]
KERNELS = ["one thread, ms", "ours", "PyTorch", "ratio", "our reference", "backward: ours", "PyTorch", "ratio", "our reference"]


def lines(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|---" + "|---:" * (len(head) - 1) + "|")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
    print()


def row(case: dict[str, Any]) -> list[str]:
    """One case."""
    medians, memory = case["medians"], case["memory"]
    took = f"{memory['ours']} MB"
    if "eager" in memory:
        goal = f" ({case['memory_target']:.2f})" if case["memory_target"] else ""
        took += f", {memory['ours'] / memory['eager']:.2f}{goal}"
    theirs = time(medians["eager"] / case["calls"]) if "eager" in medians else "–"
    return [
        case["title"], time(medians["ours"] / case["calls"]), theirs, spread(case["ratios"].get("eager")),
        f"{case['target']:.2f}" if case["target"] else "", against_compiled(case),
        took, f"{case['over_products']:.2f}", f"{100 * case['fraction_of_peak']:.0f} %",
    ]  # fmt: skip


def short_row(case: dict[str, Any]) -> list[str]:
    title, ours, theirs, ratio, _, compiled, *_ = row(case)
    memory = case["memory"]
    return [title, ours, theirs, ratio, compiled, f"{memory['ours'] / memory['eager']:.2f}" if "eager" in memory else "–"]


def against_compiled(case: dict[str, Any]) -> str:
    """The ratio to the graph compiler that ran, or why none did."""
    for name in ("compile", "onnx"):
        if name in case["ratios"]:
            return spread(case["ratios"][name])
        if name in case["reasons"]:
            return f"could not run: {case['reasons'][name]}"
    return "–"


def spread(ratio: list[float] | None) -> str:
    """The median, and from the least to the greatest."""
    return f"**{ratio[0]:.2f}** ({ratio[1]:.2f}–{ratio[2]:.2f})" if ratio else "–"


def time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def import_line(medians: dict[str, float]) -> str:
    share = medians["ours"] / medians["theirs"]
    theirs = f"PyTorch and transformers' AlbertModel: {medians['theirs']:.2f} s"
    return f"`import albert_np`: {medians['ours']:.2f} s; {theirs} ({share:.2f})."


def kernel_row(kernel: dict[str, Any]) -> list[str]:
    """One operation: forward, then backward."""
    cells = [kernel["name"]]
    for way in ("forward", "backward"):
        times = kernel.get(way)
        if not times:
            cells += ["–"] * 4
            continue
        ours, theirs, reference = (1000 * times[who] for who in ("ours", "theirs", "textbook"))
        cells += [f"{ours:.2f}", f"{theirs:.2f}", f"**{theirs / ours:.2f}**", f"{reference:.2f}"]
    return cells


def main(*arguments: str) -> None:
    show = print_short if arguments[0] == "--short" else print_tables
    show(json.loads(Path(arguments[-1]).read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(*sys.argv[1:])
