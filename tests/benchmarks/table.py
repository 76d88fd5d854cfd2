"""Print the tables of stored results: python tests/benchmarks/table.py tests/benchmarks/results/cpu.json

With --short before the files: the first table of docs/benchmarks.md, some of whose rows are in the README, made of several
measurements. --write puts that of all results/cpu-*.json into both.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FEATURES = {  # of a processor, that the kernels of OpenBLAS use
    "Haswell": "AVX2", "Zen": "AVX2", "SkylakeX": "AVX-512", "Cooperlake": "AVX-512", "SapphireRapids": "AVX-512",
}  # fmt: skip
MACHINES = "<!-- the machines and the table: python tests/benchmarks/table.py --write -->"
IN_README = ("pretrain-base", "finetune-random", "latency")


def print_tables(results: dict[str, Any]) -> None:
    """All tables that the results have, in Markdown."""
    print_machine(results)
    if results["cases"]:
        lines(HEAD, [row(case) for case in results["cases"].values()])
    for words in dict.fromkeys(case["inference"] for case in results["cases"].values() if "inference" in case):
        print(f"Products of inference: {words}.\n")
    if "import" in results:
        print(import_line(results["import"]["medians"]))
    if "kernels" in results:
        print()
        lines(KERNELS, [kernel_row(kernel) for kernel in results["kernels"]])


def print_short(*all_results: dict[str, Any]) -> None:
    """Print the page's first table: a row for each case and measurement, without goals and the share of the products."""
    for label, results in zip(labels(all_results), all_results):
        print(f"{machine_line(results, label)} {measured_line([results])}\n")
    lines(SHORT, [row for _, row in short_rows(all_results)])


def labels(all_results: Sequence[dict[str, Any]]) -> list[str]:
    """A name for each measurement: its processor features; with the processor, where others have the same features."""
    features = [short_features(results["machine"]) for results in all_results]
    return [
        each if features.count(each) == 1 else f"{each}, {short_processor(results['machine']['cpu'])}"
        for each, results in zip(features, all_results)
    ]


def short_processor(name: str) -> str:
    """Intel(R) Xeon(R) Processor -> Intel Xeon"""
    return " ".join(word for word in re.sub(r"\((R|TM)\)", "", name).split() if word not in ("Processor", "CPU"))


def short_rows(all_results: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """The rows of the short table, each with the name of its case: the measurements of a case one below the other."""
    names = dict.fromkeys(name for results in all_results for name in results["cases"])
    return [
        (name, short_row(results["cases"][name], label))
        for name in names
        for label, results in zip(labels(all_results), all_results)
        if name in results["cases"]
    ]


def print_machine(results: dict[str, Any]) -> None:
    print(f"{machine_line(results)} {measured_line([results])}\n")


def machine_line(results: dict[str, Any], label: str | None = None) -> str:
    """Which processor features ran, on which machine, and the versions of all libraries. label: in place of the features"""
    m, v = results["machine"], dict(results["versions"])
    blas = "; ".join(f"{b['internal_api']} {b['version']} ({b['architecture']})" for b in blas_of(m))
    loops = f" (loops: {', '.join(m['numpy_simd'])})" if m.get("numpy_simd") else ""
    simd = f" ({v.pop('torch_simd')})" if v.get("torch_simd") else ""
    against = ", ".join(
        f"{name} {version}{simd if name == 'torch' else ''}" for name, version in v.items() if name != "torch_simd"
    )
    text = f" Sentences: {results['text']}." if "text" in results else ""
    threads = f"{m['threads']} thread{'s' * (m['threads'] > 1)}"
    numpy = f"NumPy {m['numpy']}{loops} with {blas}, which multiplies matrices at {results['peak_gflops']:.0f} Gflop/s"
    return f"{label or short_features(m)}: {m['cpu']}, {threads}, {numpy}; {against}. Float32.{text}"


def blas_of(machine: dict[str, Any]) -> list[dict[str, Any]]:
    """The BLAS libraries of a measurement, each once."""
    found = {(b["internal_api"], b["version"], b["architecture"]): b for b in machine["blas"] if b["architecture"]}
    return [found[key] for key in sorted(found)]


def short_features(machine: dict[str, Any]) -> str:
    """The processor features of the matrix products, such as AVX2; the name of the BLAS's kernels, if it is another one"""
    return ", ".join(dict.fromkeys(FEATURES.get(b["architecture"], b["architecture"]) for b in blas_of(machine))) or "–"


def measured_line(all_results: Iterable[dict[str, Any]]) -> str:
    """When, and at which commits."""
    measured = [each for results in all_results for each in (results.get("measured") or {"": results}).values()]
    dates = sorted({each["date"] for each in measured})
    commits = [each for each in dict.fromkeys(each.get("commit", "") for each in measured) if each]
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    where = f", commit{'s' * (len(commits) > 1)} {', '.join(commits)}" if commits else ""
    return f"Measured {when}{where}."


HEAD = [
    "",
    "ours",
    "transformers",
    "theirs / ours",
    "goal",
    "torch.compile or onnxruntime / ours",
    "memory, ours / theirs (goal)",
    "over products",
    "tokens/s",
    "of peak",
]
SHORT = [
    "", "products", "ours", "transformers", "theirs / ours", "torch.compile or onnxruntime / ours", "memory, ours / theirs",
    "tokens/s (of peak)",
]  # fmt: skip
KERNELS = ["one thread, ms", "ours", "PyTorch", "ratio", "our reference", "backward: ours", "PyTorch", "ratio", "our reference"]


def lines(head: list[str], rows: list[list[str]]) -> None:
    print("\n".join(format_lines(head, rows)) + "\n")


def format_lines(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(head)} |", f"|---{'|---:' * (len(head) - 1)}|", *(f"| {' | '.join(cells)} |" for cells in rows)]


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
        took, f"{case['over_products']:.2f}", rate(case), f"{100 * case['fraction_of_peak']:.0f} %",
    ]  # fmt: skip


def rate(case: dict[str, Any]) -> str:
    """Our tokens a second, padding not counted."""
    return f"{case['tokens'] / case['medians']['ours']:,.0f}"


def short_row(case: dict[str, Any], features: str) -> list[str]:
    title, ours, theirs, ratio, _, compiled, *_ = row(case)
    memory = case["memory"]
    share = f"{memory['ours'] / memory['eager']:.2f}" if "eager" in memory else "–"
    speed = f"{rate(case)} ({100 * case['fraction_of_peak']:.0f} %)"
    return [title, features, ours, theirs, ratio, compiled, share, speed]


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


# ---- the page and the README ----


def write_pages(paths: list[Path]) -> None:
    """Put the short table into docs/benchmarks.md, with its lines on the machines, and rows of it into README.md."""
    all_results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows = short_rows(all_results)
    named = zip(all_results, labels(all_results))
    machines = ["", *(part for each, label in named for part in (f"{machine_line(each, label)} {measured_line([each])}", ""))]
    page, readme = ROOT / "docs" / "benchmarks.md", ROOT / "README.md"
    replace_table(page, [row for _, row in rows], machines)
    replace_table(readme, [row for name, row in rows if name in IN_README])


def replace_table(path: Path, rows: list[list[str]], above: list[str] | None = None) -> None:
    """Replace a page's table of cases; with `above` also what is between it and the line MACHINES."""
    old = path.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(old) if line.startswith("|  | ") and "transformers" in line)
    last = next(i for i in range(first, len(old)) if not old[i].startswith("|"))
    if above is not None:
        while old[first - 1] != MACHINES:
            first -= 1
    table = format_lines(SHORT, rows)
    path.write_text("\n".join([*old[:first], *(above or ()), *table, *old[last:]]) + "\n", encoding="utf-8")


def main(*arguments: str) -> None:
    if arguments[0] == "--write":
        write_pages(sorted((Path(__file__).parent / "results").glob("cpu-*.json")))
        return
    files = [json.loads(Path(path).read_text(encoding="utf-8")) for path in arguments if path != "--short"]
    if arguments[0] == "--short":
        print_short(*files)
        return
    for results in files:
        print_tables(results)


if __name__ == "__main__":
    main(*sys.argv[1:])
