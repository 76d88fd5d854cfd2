"""All stored measurements, printed by the programs that took them. `python docs/made/benchmarks.py` prints it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "tests" / "benchmarks"
ABOUT = {  # results -> title, and the arguments of the program that prints them
    "cpu": ("On a CPU, beside PyTorch and onnxruntime ({name})", "table.py {file}"),
    "time_to_loss": ("Time to a loss ({name})", "time_to_loss.py --table {file}"),
    "gpu": ("On a GPU, beside PyTorch", "gpu.py --table {file}"),
    "recompute": ("Activations computed again", "recompute.py --table"),
    "parallel": ("Several processes", "parallel.py --table"),
    "tasks": ("What small models reach", "tasks.py --table --out {file}"),
    "finetuning": ("Settings of fine-tuning for a small model", "finetuning.py --table"),
    "mini_en": ("The small English model", "mini_en.py --table"),
    "mini-en-pilots": ("Pilots of the small English model", "mini_en.py --pilots {file}"),
    "sweep-ablations": ("Ablations that are too short", "sweeps.py --table {file}"),
    "sweep": ("The paper's ablations at a small size", "sweeps.py --table {file}"),
    "compress": ("Smaller models", "compress.py --table"),
    "serve": ("The service under load", "serve.py --table"),
    "sizes": ("Sizes of what is installed", "sizes.py --table"),
    "live": ("The notebooks in the browser", "live.py --table"),
}


def text() -> str:
    """Return all results in Markdown, in the order of ABOUT, then others that are named like a program."""
    results = sorted((FOLDER / "results").glob("*.json"), key=sort_key)
    return "\n\n".join(section(path) for path in results) + "\n"


def kind(path: Path) -> str:
    """cpu-avx2.json -> cpu"""
    return path.stem if path.stem in ABOUT else path.stem.partition("-")[0]


def sort_key(path: Path) -> tuple[int, str]:
    return (list(ABOUT).index(kind(path)) if kind(path) in ABOUT else len(ABOUT)), path.name


def find_program(path: Path) -> tuple[str, list[str]]:
    """Return the title of a results file and the program that prints it, with arguments. FileNotFoundError if there is none."""
    title, command = ABOUT.get(kind(path), (path.stem, f"{kind(path)}.py --table"))
    words = command.format(file=path.relative_to(FOLDER.parents[1])).split()
    if not (FOLDER / words[0]).exists():
        raise FileNotFoundError(f"{path.name}: no program prints it; add one to docs/made/benchmarks.py")
    return title.format(name=path.stem.partition("-")[2]), words


def section(path: Path) -> str:
    """Return the tables as the program prints them, and the command."""
    title, (program, *arguments) = find_program(path)
    ran = subprocess.run(
        [sys.executable, str(FOLDER / program), *arguments], cwd=FOLDER.parents[1], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parents[1])},
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(f"{program} {' '.join(arguments)} failed: {ran.stderr.strip()[-500:]}")
    about = ast.get_docstring(ast.parse((FOLDER / program).read_text(encoding="utf-8"))) or ""
    sentence = about.partition("\n\n")[0].partition(": python ")[0].replace("\n", " ") if program != "table.py" else ""
    stored = f"[`{path.name}`](../{path.relative_to(FOLDER.parents[1])})"
    command = f"`python tests/benchmarks/{program} {' '.join(arguments)}` prints this, from {stored}."
    return "\n\n".join(part for part in (f"## {title}", sentence, ran.stdout.strip(), command) if part)


if __name__ == "__main__":
    print(text())
