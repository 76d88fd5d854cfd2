"""What CONTRIBUTING.md tells to write is written, into a copy of the package, and does what the page says.

The first line of a block says where it goes: `# FILE` is a file of its own, `# FILE, more` goes to the end of one that there is,
`# FILE, in NAME` into the dictionary of this name.
"""

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
        assert not path.exists(), f"{file} is there already: the page's example needs another name"
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
    """A copy of the package and of the tests that the page names, with everything that the page has written into it."""
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
    """What pytest says in the copy -> how many passed. Nothing may fail, nor be left out."""
    ran = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert "skipped" not in ran.stdout
    return int(re.search(r"(\d+) passed", ran.stdout)[1])


def test_every_block_is_one_that_is_tried():
    fenced = re.findall(r"^```python$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(blocks()) == len(fenced) == 11


@pytest.mark.slow
def test_the_layer_and_its_kernel(written):
    """The two commands of the page: the layer's own test in both versions, the table of kernels, and every planted mistake."""
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
def test_a_mistake_in_the_layer_is_found(written, tmp_path):
    """The page's test can fail: its backward pass with = for +=."""
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
