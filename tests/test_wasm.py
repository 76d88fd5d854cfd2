"""The quick tests pass under WebAssembly (tests/wasm), and what they run on is pinned and checked."""

import hashlib
import importlib.util
import json
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


def test_everything_is_pinned():
    package = json.loads((WASM / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((WASM / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    pyodide = lock["node_modules/pyodide"]
    assert package["dependencies"] == {"pyodide": pyodide["version"]} and re.fullmatch(r"[\d.]+", pyodide["version"])
    assert all(entry["integrity"].startswith("sha512-") for name, entry in lock.items() if name)
    lines = (WASM / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines if not line.startswith("#"))


def test_wheels_are_checked_and_taken_with_what_they_need(script, tmp_path):
    files = {"scipy": b"s", "numpy": b"n", "other": b"o"}
    depends = {"scipy": ["numpy"], "numpy": [], "other": []}
    packages = {
        name: {"file_name": f"{name}.whl", "sha256": hashlib.sha256(content).hexdigest(), "depends": depends[name]}
        for name, content in files.items()
    }
    lock, out = tmp_path / "lock.json", tmp_path / "out"
    lock.write_text(json.dumps({"packages": packages}), encoding="utf-8")
    for name, content in files.items():
        (tmp_path / f"{name}.whl").write_bytes(content)
    assert script.checked_packages(tmp_path, lock, ["scipy"], out) == out
    assert sorted(path.name for path in out.iterdir()) == ["numpy.whl", "scipy.whl"]
    (tmp_path / "numpy.whl").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"numpy\.whl is not the file of pyodide-lock\.json"):
        script.checked_packages(tmp_path, lock, ["scipy"], out)
    (tmp_path / "numpy.whl").unlink()
    with pytest.raises(script.Missing, match=r"has no numpy\.whl"):
        script.checked_packages(tmp_path, lock, ["scipy"], out)


def test_without_the_wheels_the_reason_is_one_line(script, monkeypatch, capsys):
    monkeypatch.delenv("ALBERT_NP_DATA", raising=False)
    assert script.main([]) == script.SKIPPED
    assert capsys.readouterr().err == (
        "tests/wasm/run.py: Pyodide's wheels are in the folder pyodide of ALBERT_NP_DATA, which is not set or has none\n"
    )
