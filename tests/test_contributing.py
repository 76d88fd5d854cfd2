"""The blocks of CONTRIBUTING.md are written into a copy of the package, where its tests and commands run.

The first line of a block is its destination: `# FILE` makes a new file, `# FILE, more` goes to the end of an existing one,
`# FILE, in NAME` into the dictionary of this name.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
BLOCK = re.compile(r"^```python\n# (\S+?)(?:, (more|in \w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks():
    """(file, how, text) of each block."""
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def write(folder, file, how, text):
    path = folder / file
    if not how:
        assert not path.exists(), f"{file} exists already: the page's example needs another name"
        path.write_text(text, encoding="utf-8")
    elif how == "more":
        path.write_text(path.read_text(encoding="utf-8") + "\n" + text, encoding="utf-8")
    else:
        before = path.read_text(encoding="utf-8")
        opening = re.search(rf"^{how.removeprefix('in ')}\b[^\n]*= {{[^\n]*\n", before, re.MULTILINE)
        assert opening, f"{file} has no dictionary {how.removeprefix('in ')}"
        path.write_text(before[: opening.end()] + text + before[opening.end() :], encoding="utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A copy of the package and of its tests, with the blocks of the page."""
    folder = tmp_path_factory.mktemp("contributing")
    without = shutil.ignore_patterns("__pycache__", "fixtures", "results")
    shutil.copytree(ROOT / "albert_np", folder / "albert_np", ignore=without)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=without)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "docs" / "own_task.py", folder / "albert_np" / "tasks" / "order.py")
    for block in blocks():
        write(folder, *block)
    return folder


def run(folder, *arguments):
    env = {**os.environ, "PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)


def passes(folder, *arguments):
    """Run pytest in the copy and return how many tests passed. None may fail or be skipped."""
    ran = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert "skipped" not in ran.stdout
    return int(re.search(r"(\d+) passed", ran.stdout)[1])


def test_every_block_is_tried():
    fenced = re.findall(r"^```python$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(blocks()) == len(fenced) == 13


@pytest.mark.slow
def test_the_layer_and_its_kernel(written):
    """The two pytest commands of the page: the layer's own test in both versions, the table of kernels, every planted mistake."""
    files = "tests/core/test_scale_shift.py tests/engine/test_cpu_kernels.py tests/gradcheck/test_mistakes.py".split()
    mistakes = 3 + 3
    assert passes(written, *files, "-k", "scale_shift") >= 2 + 2 * 2 + mistakes


@pytest.mark.slow
def test_what_holds_for_all_layers_holds_for_this_one(written):
    names = "test_every_backward_function_has_at_least_three_mistakes or test_a_kernel_has_the_arguments_of_its_reference"
    assert passes(written, "tests/gradcheck/test_mistakes.py", "tests/engine/test_cpu_kernels.py", "-k", names) == 2


@pytest.mark.slow
def test_the_command_line_checks_it(written):
    ran = run(written, "-m", "albert_np", "gradcheck", "--only", "scale_shift")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("p.scale") + ran.stdout.count("scale ") >= 2 and "FAILED" not in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("only_reference", ["0", "1"])
def test_the_activation_is_checked_with_and_without_kernels(written, only_reference, monkeypatch):
    monkeypatch.setenv("ALBERT_NP_REFERENCE", only_reference)
    ran = run(written, "-m", "albert_np", "gradcheck", "--only", "swish", "--json")
    assert ran.returncode == 0, ran.stderr
    names = {check["name"].removesuffix(" · kernels") for check in json.loads(ran.stdout)["checks"]}
    assert names == {"swish", "feed_forward, swish", "model: swish"}


@pytest.mark.slow
def test_a_model_is_trained_with_the_activation(written, tmp_path):
    (tmp_path / "text.txt").write_text(f"{' '.join('the cat sat on a mat'.split() * 9)}\n\n" * 40, encoding="utf-8")
    sizes = "--config tiny --num-hidden-layers 1 --hidden-size 32 --intermediate-size 32 --vocab-size 25".split()
    out = tmp_path / "out"
    made = ["--out", out, *sizes, "--steps", "5", "--hidden-act", "swish"]
    ran = run(written, "-m", "albert_np", "pretrain", tmp_path / "text.txt", *made)
    assert ran.returncode == 0, ran.stderr
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["hidden_act"] == "swish"


@pytest.mark.slow
def test_the_activation_s_command_on_the_page(written):
    assert "pytest -q tests/core/test_layers.py tests/gradcheck/test_mistakes.py -k swish\n" in PAGE.read_text(encoding="utf-8")
    assert passes(written, "tests/core/test_layers.py", "tests/gradcheck/test_mistakes.py", "-k", "swish") >= 3 + 3


@pytest.mark.slow
def test_the_mistakes_in_the_activation_are_found(written):
    names = "swish or test_every_backward_function_has_at_least_three_mistakes or test_nothing_is_missing"
    assert passes(written, "tests/gradcheck/test_mistakes.py", "tests/gradcheck/test_gradcheck.py", "-k", names) >= 3 + 2 + 2 * 3


@pytest.mark.slow
def test_a_mistake_in_the_layer_is_found(written, tmp_path):
    """The page's test fails if the backward pass has = instead of +=."""
    folder = tmp_path / "wrong"
    shutil.copytree(written, folder)
    file = folder / "albert_np" / "core" / "layers" / "scale_shift.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("g.shift += dy.sum(0)", "g.shift[...] = dy.sum(0)"), encoding="utf-8")
    ran = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/core/test_scale_shift.py")
    assert ran.returncode == 1 and "not added to g" in ran.stdout


@pytest.mark.slow
def test_the_task(written):
    assert passes(written, "tests/tasks/test_order.py") == 1
