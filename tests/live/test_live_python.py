"""The Python side of the live pages, without a browser: `live_worker`, which JavaScript provides there, is replaced."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LIVE = Path(__file__).parents[2] / "docs" / "live"
if not LIVE.is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)

START = """
import json, os, sys, types
worker = types.ModuleType("live_worker")
worker.sent, worker.installed, worker.packages = [], [], ["imaginary"]
worker.send = lambda text: worker.sent.append(json.loads(text))
def install(name):
    worker.installed.append(name)
    raise RuntimeError("https://example.org/imaginary.whl cannot be loaded: is there a network?")
worker.install = install
sys.modules["live_worker"] = worker
sys.path.insert(0, sys.argv[1])
import live_kernel
os.environ["MPLBACKEND"] = "module://live_figures"
sys.meta_path.append(live_kernel.PackageFinder({"imaginary"}))
results = []
for code in json.loads(sys.stdin.read()):
    worker.sent.clear()
    ok = live_kernel.run_cell(code)
    results.append([ok, list(worker.sent)])
print(json.dumps([results, worker.installed]))
"""


def run(*cells, folder=None):
    """Run cells one after another in a new process -> ([[ok, outputs] for each], packages that were asked for)."""
    command = [sys.executable, "-c", START, str(LIVE / "python")]
    done = subprocess.run(command, input=json.dumps(cells), capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    results, installed = json.loads(done.stdout)
    return [[ok, join_streams(outputs)] for ok, outputs in results], installed


def join_streams(outputs):
    """Join the pieces in which a text arrives."""
    joined = []
    for output in outputs:
        if joined and output["output_type"] == joined[-1]["output_type"] == "stream" and output["name"] == joined[-1]["name"]:
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def text_of(outputs, name="stdout"):
    return "".join(each["text"] for each in outputs if each["output_type"] == "stream" and each["name"] == name)


def test_a_cell_prints_and_shows_its_last_value_in_this_order():
    cells = ("print('a'); x = [1, 2]\nx", "x[0];", "_", "import sys; print('b', file=sys.stderr); print('c')")
    (first, second, third, fourth), _ = run(*cells)
    ok, outputs = first
    assert ok and text_of(outputs) == "a\n" and outputs[-1]["output_type"] == "execute_result"
    assert outputs[-1]["data"] == {"text/plain": "[1, 2]"}
    assert second == [True, []]  # the semicolon
    assert third[1][0]["data"] == {"text/plain": "[1, 2]"}
    assert [each["name"] for each in fourth[1]] == ["stderr", "stdout"]


def test_an_error_is_shown_from_the_cell_on_and_the_next_cell_runs():
    (first, second, third), _ = run("def f():\n    return 1 / 0\nprint('before')\nf()", "def (", "f")
    ok, outputs = first
    assert not ok and text_of(outputs) == "before\n"
    assert outputs[-1]["ename"] == "ZeroDivisionError" and outputs[-1]["output_type"] == "error"
    text = outputs[-1]["traceback"][0]
    assert (
        text.startswith('Traceback (most recent call last):\n  File "<cell 1>", line 4, in <module>\n    f()')
        and "live_kernel" not in text
    )
    assert not second[0] and second[1][-1]["ename"] == "SyntaxError" and "live_kernel" not in second[1][-1]["traceback"][0]
    assert third[0]


def test_source_of_a_function_of_a_cell_is_found():
    (_, (ok, outputs)), _ = run("def f(x):\n    return x", "import inspect; print(inspect.getsource(f))")
    assert ok and text_of(outputs) == "def f(x):\n    return x\n\n"


def test_outputs_can_be_replaced_and_cleared():
    code = (
        "from IPython.display import HTML, clear_output, display\n"
        "h = display(HTML('<b>1</b>'), display_id=True)\n"
        "h.update(HTML('<b>2</b>'))\n"
        "clear_output(wait=True)"
    )
    ((ok, (shown, updated, cleared)),), _ = run(code)
    assert ok and shown["data"]["text/html"] == "<b>1</b>" and updated["data"]["text/html"] == "<b>2</b>"
    assert shown["transient"]["display_id"] == updated["display_id"] and updated["output_type"] == "update_display_data"
    assert cleared == {"output_type": "clear_output", "wait": True}


def test_figures_are_shown_when_the_cell_ends_and_when_it_says_so():
    pytest.importorskip("matplotlib")
    cells = (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "for n in range(2):\n    plt.plot([n])\n    plt.show()\n    print(n)",
        "plt.plot([1]); 1 / 0",
        "print('no figure is left')",
    )
    (first, second, third, fourth), _ = run(*cells)
    assert [each["output_type"] for each in first[1]] == ["display_data"] and first[1][0]["data"]["image/png"].startswith("iVBOR")
    assert [each["output_type"] for each in second[1]] == ["display_data", "stream", "display_data", "stream"]
    assert [each["output_type"] for each in third[1]] == ["error"]
    assert [each["output_type"] for each in fourth[1]] == ["stream"]


def test_a_package_that_cannot_be_loaded_says_so():
    ((ok, outputs),), installed = run("import imaginary")
    assert not ok and installed == ["imaginary"] and outputs[-1]["ename"] == "ModuleNotFoundError"
    assert outputs[-1]["evalue"] == (
        "imaginary cannot be imported: https://example.org/imaginary.whl cannot be loaded: is there a network?"
    )


def test_the_text_of_the_notebooks_is_read_without_lzma(tmp_path):
    import gzip

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt.gz").write_bytes(gzip.compress("é\n".encode()))
    code = "import lzma\nwith lzma.open('data/x.txt.xz', 'rt', encoding='utf-8') as file:\n    print(file.read())"
    (first, second, third), _ = run(code, "lzma.open('y.xz')", "print(lzma.LZMAFile('data/x.txt.xz').read())", folder=tmp_path)
    assert first[0] and text_of(first[1]) == "é\n\n"
    assert second[1][-1]["ename"] == "NotImplementedError"
    assert text_of(third[1]) == "b'\\xc3\\xa9\\n'\n"


def test_the_error_about_64_bit_indices_has_advice():
    """Raised by hand: where this runs, indices may have 64 bits."""
    text = "Cannot cast array data from dtype('int64') to dtype('int32') according to the rule 'safe'"
    ((_, outputs), (_, others)), _ = run(f'raise TypeError("{text}")', "raise TypeError(\"dtype('int32')\")")
    assert outputs[-1]["evalue"] == text
    assert outputs[-1]["traceback"][0].endswith("x.astype(np.intp) has the right integers everywhere.\n")
    assert "32 bits" not in others[-1]["traceback"][0]
