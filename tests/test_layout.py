"""The layout: which package imports which, how large core is, and how many files and frames a training step runs through."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import albert_np
from albert_np import core
from albert_np.core import train
from albert_np.core.config import Config
from albert_np.core.model.shapes import body, initialise, pretraining_heads

PACKAGE = Path(albert_np.__file__).parent
BELOW_MODELS = {"core", "engine", "io"}
BELOW_TRAINING = BELOW_MODELS | {"models", "text", "data"}
LEAVES = {"metrics", "plots", "pretrained"}
# What each package may import besides itself. Of io, data has only io.files, for its caches, and io.html, for notebooks.
MAY_IMPORT = {
    "core": set(), "pretrained": set(), "engine": {"core"}, "io": {"core", "pretrained"}, "text": {"core", "io"},
    "data": {"core", "io"}, "metrics": {"core"}, "plots": {"core"}, "models": BELOW_MODELS,
    "gradcheck": BELOW_MODELS | {"models"}, "learn": {"core", "gradcheck", "models"},
    "training": BELOW_TRAINING | {"plots"},
    "tasks": BELOW_TRAINING | LEAVES | {"training"},
    "compress": BELOW_TRAINING | LEAVES | {"training", "tasks", "gradcheck"},
    "sklearn": BELOW_TRAINING | {"training", "tasks"},
    "apps": BELOW_TRAINING | LEAVES | {"training", "tasks", "gradcheck", "learn", "compress", "use"},  # use: the public name
}  # fmt: skip
ROOT_MODULES = {"", "version"}  # these any package may import


def files(folder=PACKAGE):
    return sorted(folder.rglob("*.py"))


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path):
    """The modules that a file imports, those of albert_np by their names below it, at whatever level of indentation."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            if node.module == "albert_np":
                yield from (f"albert_np.{alias.name}" for alias in node.names)


def own_imports(path):
    """{package: modules} of albert_np that a file imports."""
    names = [name.removeprefix("albert_np").lstrip(".") for name in imported(path) if name.split(".")[0] == "albert_np"]
    return {name.split(".")[0] for name in names} - ROOT_MODULES


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_is_below_it(package):
    wrong = {
        module_of(path): up for path in files(PACKAGE / package) if (up := own_imports(path) - MAY_IMPORT[package] - {package})
    }
    assert wrong == {}


def test_every_package_has_a_rule_and_the_rules_have_no_circle():
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages == set(MAY_IMPORT)
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        free = [name for name in MAY_IMPORT if name not in order and MAY_IMPORT[name] - {"use"} <= set(order)]
        assert free, "the rules have a circle"
        order += free


def test_data_uses_only_the_files_and_the_tables_of_io():
    used = {name for path in files(PACKAGE / "data") for name in imported(path) if name.startswith("albert_np.io")}
    assert used <= {"albert_np.io.files", "albert_np.io.html"}


def test_core_imports_numpy_the_standard_library_and_itself():
    outside: dict[str, set[str]] = {}
    for path in files(PACKAGE / "core"):
        names = {name.split(".")[0] for name in imported(path)} - {"numpy", "albert_np"} - set(sys.stdlib_module_names)
        if names:
            outside[module_of(path)] = names
    assert outside == {"core.backend": {"scipy"}}  # inside the one function that needs it


WORDS = r"\b(threads?|CUDA graphs?|processes|mpi|prun\w+|factored|factors|fine-tun\w+|kernels?|loss.scale)\b"


def test_core_mentions_nothing_that_stands_around_it():
    """dispatch.py is where kernels are let in, and backend.py where other backends are; no other file speaks of either."""
    allowed = {"core/dispatch.py", "core/backend.py", "core/__init__.py"}
    found = {
        (name, match[0])
        for path in files(PACKAGE / "core")
        if (name := str(path.relative_to(PACKAGE))) not in allowed
        for match in re.finditer(WORDS, path.read_text(encoding="utf-8"), re.IGNORECASE)
    }
    assert found <= {("core/train.py", "processes"), ("core/train.py", "kernels")}, found  # the sentence on the other trainer
    assert not any(
        "cupy" in path.read_text(encoding="utf-8").lower() for path in files(PACKAGE / "core") if path.name != "backend.py"
    )


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def reading_list():
    """(file, its lines as the docstring of core says) in the order of reading"""
    return [(name, int(count)) for name, count in re.findall(r"^ +\d+ +([\w/]+\.py) +(\d+)", core.__doc__, re.MULTILINE)]


def test_the_reading_list_is_what_there_is():
    read = reading_list()
    assert len(read) > 15 and [name for name, _ in read][-1] == "train.py"
    assert {name: count for name, count in read} == {name: lines(PACKAGE / "core" / name) for name, _ in read}


def test_the_budgets():
    assert sum(count for _, count in reading_list()) <= 1000
    assert sum(map(lines, files(PACKAGE / "core"))) <= 1800
    assert {module_of(path): lines(path) for path in files(PACKAGE / "core") if lines(path) > 150} == {}
    assert {module_of(path): lines(path) for path in files() if lines(path) > 400} == {}


def test_importing_the_package_imports_nothing():
    code = "import sys; before = set(sys.modules); import albert_np; print(sorted(m for m in set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [name for name in ast.literal_eval(found) if name.startswith(("albert_np.", "numpy", "scipy"))] in (
        [],
        ["albert_np.moved"],
    )


def test_dir_shows_the_public_interface():
    assert dir(albert_np) == sorted(albert_np.__all__) and {"finetune", "pretrain", "AlbertTokenizer"} <= set(dir(albert_np))


# ---- what one step runs through ----


def small():
    return Config(
        vocab_size=train.BYTES + 256, embedding_size=4, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=15, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
    )  # fmt: skip


def traced(run):
    """The files of albert_np whose functions run, and the most frames of it on the stack when `attention` begins."""
    executed: Counter[str] = Counter()
    depths: list[int] = []

    def trace(frame, event, argument):
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(str(PACKAGE)):
            executed[name] += 1
            if frame.f_code.co_name == "attention" and name.endswith("attention.py"):
                depth, above = 0, frame
                while above is not None:
                    inside = above.f_code.co_filename
                    depth += inside.startswith(str(PACKAGE)) and not inside.endswith("core/dispatch.py")
                    above = above.f_back
                depths.append(depth)

    sys.setprofile(trace)
    try:
        run()
    finally:
        sys.setprofile(None)
    return set(executed), max(depths)


def test_a_step_of_core_runs_through_few_files_and_frames():
    config = small()
    params = initialise(body(config) | pretraining_heads(config), config, 0)
    steps = train.train(params, config, train.batches(bytes(range(256)) * 4, B=2, T=15), 2)
    with core.reference():
        executed, depth = traced(lambda: next(steps))
    inside = {name for name in executed if name.startswith(str(PACKAGE / "core"))}
    assert executed == inside and len(inside) <= 30
    # frames: train, pretraining, encode, encoder, layer, block and attention itself
    assert depth - 1 <= 6


def test_core_and_the_gradient_of_a_step_are_deterministic():
    losses = []
    for _ in range(2):
        config = small()
        params = initialise(body(config) | pretraining_heads(config), config, 0, "float64")
        losses.append([float(r.loss) for _, r in train.train(params, config, train.batches(bytes(range(256)) * 4, 2, 15), 3)])
    assert losses[0] == losses[1] and np.isfinite(losses[0]).all()
