"""The quick tests pass under WebAssembly (tests/wasm), and what they run on is pinned."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TESTS = Path(__file__).parent
WASM = TESTS / "wasm"
if not (TESTS.parent / "docs").is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("wasm_run", WASM / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_quick_tests_pass_in_webassembly(script):
    done = subprocess.run([sys.executable, str(WASM / "run.py")], capture_output=True, text=True, timeout=2400)
    if done.returncode == script.SKIPPED:
        pytest.skip(done.stderr.strip())
    print(done.stdout[-6000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 1000


def test_what_is_left_out_exists_and_has_a_reason():
    entries = tomllib.loads((WASM / "left_out.toml").read_text(encoding="utf-8"))
    assert entries
    for name, reason in entries.items():
        file, _, function = name.partition("::")
        text = (TESTS.parent / file).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in text, name
        assert len(reason) > 20, name


def test_everything_is_pinned(script):
    wanted = script.RUNTIME["packages"] | script.RUNTIME["tests"]
    assert set(script.LOAD) <= set(wanted) and all(re.fullmatch("[0-9a-f]{64}", each["sha256"]) for each in wanted.values())
    lines = (WASM / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines if not line.startswith("#"))


def test_the_reason_is_one_line_where_the_runtime_is_missing(script, monkeypatch, capsys):
    monkeypatch.setattr(script.shutil, "which", lambda name: None)
    assert script.main([]) == script.SKIPPED
    assert capsys.readouterr().err == "tests/wasm/run.py: node is not installed; Node 18 or newer is needed\n"
