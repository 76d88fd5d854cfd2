"""Writes tests/compatibility/data/runs: small runs that were stopped on their way, and what they came to when they were not.

    python tests/compatibility/make_runs.py

It is run with the version whose runs are to be kept; later versions only read what it wrote (test_old_runs.py). Each folder
holds the texts, a run as it was left when it was stopped, and the final parameters of the same run that was never stopped, to
which the version that wrote it also came, byte for byte, when it resumed. commands.json has the command lines, and machine.json
what all of it was computed on. The texts are made here, by rules; they are in the public domain (CC0).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from safetensors.numpy import load_file

import albert_np

HERE = Path(__file__).parent
DATA = HERE / "data" / "runs"
LARGEST, ALL = 200_000, 600_000  # bytes: of one file, and of everything under data/
ANIMALS = "cat dog horse goat owl mouse".split()
COLOURS = "black white grey brown".split()
PLACES = "barn field garden river".split()
VERBS = "comes walks jumps flies hurries".split()
MOODS = "glad quiet amazed proud kind".split()
NAMES = "Anna Bela Carl Dora Emil Greta".split()

SIZES = (
    "--vocab-size 60 --embedding-size 8 --hidden-size 12 --num-hidden-layers 2 --num-attention-heads 2 --intermediate-size 24 "
    "--max-position-embeddings 32 --max-length 32"
)
PRETRAIN = f"pretrain text.txt --out run {SIZES} --tokens-per-batch 192 --held-out 0.2 --steps 12 --log-every 1 --quiet"
TWO_PROCESSES = f"{PRETRAIN} --dropout 0.1 --shard-optimizer --lr 0.005"
FINETUNE = f"--config tiny {SIZES} --out run --quiet"

# name -> (processes, the step after which it is asked to stop, the command that begins it, the one that resumes it)
RUNS: dict[str, tuple[int, int, str, str]] = {
    "pretraining-pruned": (
        1, 6,
        begin := f"{PRETRAIN} --dropout 0.1 --accumulate 2 --sparsity 0.5 --prune-by movement --lr 0.005",
        f"{begin} --resume",
    ),
    "pretraining-two-processes": (2, 4, TWO_PROCESSES, "pretrain --resume --out run --quiet"),
    "pretraining-two-processes-lamb": (
        2, 4,
        begin := f"{TWO_PROCESSES} --optimizer lamb --bias-correction --style google",
        f"{begin} --resume",
    ),
    "classification-pruned-int8": (
        1, 10,
        begin := f"finetune classification --train train.tsv --dev dev.tsv {FINETUNE} --tokens-per-batch 128 --epochs 10 "
                 "--lr 0.03 --layer-decay 0.9 --dropout 0.1 --accumulate 2 --weights int8 --sparsity 0.4 --prune-by movement "
                 "--prune-end 0.3",
        f"{begin} --resume",
    ),
    "ner": (
        1, 8,
        f"finetune ner --train train.conll --dev dev.conll {FINETUNE} --tokens-per-batch 160 --epochs 5 --lr 0.01 "
        "--fusion-layers 1,2",
        "finetune ner --resume --out run --quiet",
    ),
}  # fmt: skip

# How the runs are begun here. The vocabularies have no table of Unicode's normal forms: that alone takes half a megabyte a run.
BEGINNING = """
import sys
import sentencepiece
from albert_np.cli import main

train = sentencepiece.SentencePieceTrainer.train
sentencepiece.SentencePieceTrainer.train = lambda **options: train(normalization_rule_name="identity", **options)
{more}
sys.exit(main())
"""
# Asks for an end, as `kill` does, once the losses of a step are read. Which step a signal from outside meets would be by chance.
STOPPING = """
import signal
from albert_np.training.report import Report

def step(self, record):
    if record["step"] == {step}:
        signal.raise_signal(signal.SIGTERM)

Report.step = step
"""


def stories() -> str:
    """Documents of four sentences."""
    found = []
    for i in range(24):
        animal, colour, place = ANIMALS[i % 6], COLOURS[i % 4], PLACES[(i // 2) % 4]
        found.append(
            f"The {colour} {animal} is in the {place}. {NAMES[i % 6]} sees the {animal}.\n"
            f"Then the {animal} {VERBS[i % 5]} back from the {place}. {NAMES[(i + i // 6) % 6]} is {MOODS[i % 5]}.\n"
        )
    return "\n".join(found)


def labelled(numbers: range) -> str:
    """Sentences of two classes."""
    sizes = {"small": "tiny little".split(), "large": "huge big".split()}
    labels = [("small", "large")[i * 7 % 5 < 3] for i in numbers]
    lines = [f"The {sizes[label][i % 2]} {ANIMALS[i % 6]} {VERBS[i % 5]}\t{label}" for i, label in zip(numbers, labels)]
    return "\n".join(["text\tlabel", *lines]) + "\n"


def tagged(numbers: range) -> str:
    """Sentences with names and places."""
    return "\n".join(
        f"{NAMES[i % 6]} B-PER\nsees O\nthe O\n{ANIMALS[i % 5]} O\nin O\nthe O\n{PLACES[(i // 2) % 4]} B-LOC\n. O\n"
        for i in numbers
    )


TEXTS = {
    "text.txt": stories(),
    "train.tsv": labelled(range(40)),
    "dev.tsv": labelled(range(40, 55)),
    "train.conll": tagged(range(24)),
    "dev.conll": tagged(range(24, 33)),
}


def launcher() -> str | None:
    """The mpiexec that belongs to mpi4py: the wheel's lies beside Python."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def command(folder: Path, arguments: str, processes: int = 1, code: str = "") -> subprocess.CompletedProcess:
    """Run albert-np in this folder, with one thread, by several processes if so many are asked for. code: Python instead."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("ALBERT_NP_")}
    path = [str(Path(albert_np.__file__).parents[1]), *filter(None, [own.get("PYTHONPATH")])]  # wherever this one came from
    return subprocess.run(
        [
            *([str(launcher()), "-n", str(processes)] if processes > 1 else []),
            sys.executable, *(["-c", code] if code else ["-m", "albert_np"]), *arguments.split(),
        ],
        cwd=folder, capture_output=True, text=True, timeout=300,
        env={**own, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path)},
    )  # fmt: skip


def final(folder: Path) -> dict[str, np.ndarray]:
    """The parameters that a run in this folder came to, under the names that they have in its file."""
    return load_file(folder / "run" / "model.safetensors")


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    """Whether all bytes are the same."""
    return found.keys() == expected.keys() and all(
        (found[name].dtype, found[name].shape, found[name].tobytes()) == (array.dtype, array.shape, array.tobytes())
        for name, array in expected.items()
    )


def succeeded(done: subprocess.CompletedProcess) -> None:
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


def make(name: str, work: Path) -> dict[str, Any]:
    """Write the folder of a run -> its command lines. RuntimeError if the resumed run is not the uninterrupted one."""
    processes, step, begin, resume = RUNS[name]
    for each in ("whole", "stopped"):
        (work / each).mkdir(parents=True)
        for file, text in TEXTS.items():
            if file in begin:
                (work / each / file).write_text(text)
    succeeded(command(work / "whole", begin, processes, BEGINNING.format(more="")))
    expected = final(work / "whole")
    code = BEGINNING.format(more=STOPPING.format(step=step))
    stopped = command(work / "stopped", begin, processes, code)
    if "stopped by SIGTERM" not in stopped.stderr:
        raise RuntimeError(f"{name}: it was not stopped\n{stopped.stdout}\n{stopped.stderr}")
    (saved,) = (work / "stopped" / "run" / "checkpoints").iterdir()
    before = final(work / "stopped")
    shutil.rmtree(work / "stopped" / "run" / "figures", ignore_errors=True)
    for path in (work / "stopped" / "run" / ".lock", work / "stopped" / "run" / "model.safetensors"):
        path.unlink()  # of the parameters the checkpoint has its own
    shutil.copytree(work / "stopped", DATA / name)
    succeeded(command(work / "stopped", resume, processes))
    if not same(final(work / "stopped"), expected):
        raise RuntimeError(f"{name}: the resumed run did not come to the bytes of the one that was not stopped")
    if same(before, expected):
        raise RuntimeError(f"{name}: it was stopped too late, nothing changed afterwards")
    np.savez_compressed(DATA / name / "final.npz", **expected)
    print(f"{name}: stopped at {saved.name}, {sum(array.size for array in expected.values())} numbers")
    return {"processes": processes, "step": int(saved.name.removeprefix("step-")), "begin": begin, "resume": resume}


def main() -> None:
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        commands = {name: make(name, Path(folder) / name) for name in RUNS}
    (DATA / "commands.json").write_text(json.dumps(commands, indent=1) + "\n")
    told = {"albert_np": albert_np.__version__, **machine()}
    (DATA / "machine.json").write_text(json.dumps(told, indent=1) + "\n")
    check_sizes()


def check_sizes() -> None:
    """RuntimeError if the data are larger than a repository should carry."""
    sizes = {path: path.stat().st_size for path in DATA.parent.rglob("*") if path.is_file()}
    if max(sizes.values()) > LARGEST or sum(sizes.values()) > ALL:
        raise RuntimeError(f"{sum(sizes.values())} bytes, the largest file {max(sizes, key=sizes.get)}")


if __name__ == "__main__":
    main()
