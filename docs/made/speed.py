"""A drawing of the stored speeds on a CPU: how many times as fast as the others, a line a case. `text()` is its SVG.

It is drawn when the site is built, from the results that the page's first table has, in the page's own colours.
"""

import html
import json
import math
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "tests" / "benchmarks" / "results"
KERNELS = {"AVX-512": ["cpu-avx512.json", "cpu-xeon-avx512.json"], "AVX2": ["cpu-avx2.json", "cpu-xeon-avx2.json"]}
LABELS = {  # name of a case -> its line; the order of the drawing
    "pretrain-base": "pretraining step, base, 8 × 128",
    "pretrain-recompute": "pretraining step with recompute",
    "pretrain-tiny": "pretraining steps, tiny",
    "finetune-random": "fine-tuning, batches in random order",
    "finetune-sorted": "fine-tuning, batches sorted by length",
    "long-train": "gradients, base, 2 × 512",
    "infer-random": "inference, batches in random order",
    "infer-sorted": "inference, batches sorted by length",
    "long-infer": "inference, base, 2 × 512",
    "latency": "one sentence of 16 tokens",
}
OTHERS = {"eager": "transformers", "compile": "torch.compile", "onnx": "onnxruntime"}
WIDTH, LEFT, RIGHT, TOP, LINE = 420, 8, 412, 74, 38
LEAST, MOST = 1 / 3, 6.5  # of the axis
TICKS = (0.5, 1, 2, 4)


def position(ratio: float) -> float:
    """Return x of a ratio, on an axis with equal steps for equal factors."""
    return LEFT + (RIGHT - LEFT) * math.log(ratio / LEAST) / math.log(MOST / LEAST)


def read_cases() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the measurements by case and kernel: {"latency": {"AVX2": {...}}}. ValueError for a case without a label.

    Of several files with a case the first counts.
    """
    cases: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in LABELS}
    for kernel, file in ((kernel, file) for kernel, files in KERNELS.items() for file in files):
        for name, case in json.loads((RESULTS / file).read_text(encoding="utf-8"))["cases"].items():
            if name not in cases:
                raise ValueError(f"{file} has the case {name!r}, which docs/made/speed.py has no label for")
            cases[name].setdefault(kernel, case)
    return {name: found for name, found in cases.items() if found}


def text() -> str:
    """Return the drawing as a figure of HTML."""
    cases = read_cases()
    height = TOP + LINE * len(cases) + 4
    parts = [*axis(height), *legend()]
    for i, (name, found) in enumerate(cases.items()):
        parts += track(TOP + LINE * i, LABELS[name], found)
    about = "Times of transformers, torch.compile and onnxruntime divided by those of albert_np; the table below has the numbers."
    svg = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{about}">\n' + "\n".join(parts) + "\n</svg>"
    return f'<figure class="speed">\n{svg}\n</figure>\n'


def axis(height: int) -> list[str]:
    """The ticks, and a line where both are equally fast."""
    parts = [word(position(1) - 8, 12, "← slower", "end"), word(position(1) + 8, 12, "albert_np is faster →", "start")]
    for tick in TICKS:
        x = position(tick)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="66" y2="{height}" class="{"one" if tick == 1 else "tick"}"/>')
        parts.append(word(x, 60, f"{tick:g} ×", "middle"))
    return parts


def legend() -> list[str]:
    """The colours of the other programs, and the filling of the kernels."""
    parts = []
    for x, (kind, label) in zip((14, 106, 202), OTHERS.items()):
        parts += [mark(x, 32, kind, "AVX-512", ""), word(x + 9, 36, label, "start")]
    for x, kernel in zip((302, 370), KERNELS):
        parts += [mark(x, 32, "", kernel, ""), word(x + 9, 36, kernel, "start")]
    return parts


def track(y: int, label: str, found: dict[str, dict[str, Any]]) -> list[str]:
    """A case: its label, a line, and a mark for each other program and kernel."""
    parts = [word(LEFT, y + 12, label, "start"), f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y + 26}" y2="{y + 26}" class="track"/>']
    for kernel in reversed(KERNELS):  # what is first in the legend lies above
        for kind, (middle, *_) in found.get(kernel, {}).get("ratios", {}).items():
            about = f"{label}, {kernel}: {OTHERS[kind]} takes {middle:.2f} times as long as albert_np"
            parts.append(mark(position(middle), y + 26, kind, kernel, about))
    return parts


def mark(x: float, y: float, kind: str, kernel: str, about: str) -> str:
    """A circle, filled for AVX-512, in the colour of the other program; `about` is shown when the mouse is on it."""
    title = f"<title>{html.escape(about)}</title>" if about else ""
    classes = f"{kind or 'any'} {'filled' if kernel == 'AVX-512' else 'hollow'}"
    return f'<circle cx="{x:.1f}" cy="{y}" r="5" class="{classes}">{title}</circle>'


def word(x: float, y: float, content: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{html.escape(content)}</text>'
