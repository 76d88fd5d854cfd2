"""Print the README's tables from stored results: python tests/benchmarks/table.py tests/benchmarks/results/cpu.json"""

import json
import sys
from pathlib import Path
from typing import Any


def print_tables(results: dict[str, Any]) -> None:
    """All tables that the results have, in Markdown."""
    m, v = results["machine"], results["versions"]
    blas = "; ".join(
        sorted({f"{b['internal_api']} {b['version']} ({b['architecture']})" for b in m["blas"] if b["architecture"]})
    )
    against = ", ".join(f"{name} {version}" for name, version in v.items())
    print(f"{m['cpu']}, {m['threads']} threads, NumPy {m['numpy']} with {blas}, which multiplies matrices at")
    print(f"{results['peak_gflops']:.0f} Gflop/s; {against}. Float32. Sentences: {results['text']}.\n")
    if results["cases"]:
        lines(HEAD, [row(case) for case in results["cases"].values()])
    if "import" in results:
        print(import_line(results["import"]["medians"]))
    if "kernels" in results:
        print()
        lines(KERNELS, [kernel_row(kernel) for kernel in results["kernels"]])


HEAD = [
    "",
    "ours",
    "transformers",
    "theirs / ours",
    "target",
    "against torch.compile / onnxruntime",
    "memory",
    "over products",
    "of peak",
]
KERNELS = ["one thread, ms", "ours", "PyTorch", "ratio", "our textbook", "backward: ours", "PyTorch", "ratio", "our textbook"]


def lines(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|---" + "|---:" * (len(head) - 1) + "|")
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
    print()


def row(case: dict[str, Any]) -> list[str]:
    """One case."""
    medians, ratios, memory = case["medians"], case["ratios"], case["memory"]
    stronger = next((name for name in ("compile", "onnx") if name in ratios), None)
    reason = next((f"could not run: {case['reasons'][name]}" for name in ("compile", "onnx") if name in case["reasons"]), "–")
    took = f"{memory['ours']} MB"
    if "eager" in memory:
        limit = f", at most {case['memory_target']:.2f}" if case["memory_target"] else ""
        took += f", {memory['ours'] / memory['eager']:.2f} of theirs{limit}"
    theirs = time(medians["eager"] / case["calls"]) if "eager" in medians else "–"
    return [
        case["title"], time(medians["ours"] / case["calls"]), theirs, spread(ratios.get("eager")),
        f"{case['target']:.2f}" if case["target"] else "", spread(ratios[stronger]) if stronger else reason,
        took, f"{case['over_products']:.2f}", f"{100 * case['fraction_of_peak']:.0f} %",
    ]  # fmt: skip


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
        ours, theirs, textbook = (1000 * times[who] for who in ("ours", "theirs", "textbook"))
        cells += [f"{ours:.2f}", f"{theirs:.2f}", f"**{theirs / ours:.2f}**", f"{textbook:.2f}"]
    return cells


def main(path: str) -> None:
    print_tables(json.loads(Path(path).read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(sys.argv[1])
