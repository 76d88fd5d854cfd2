"""The quick tests under WebAssembly: the package's wheel in Pyodide, started by Node.

    make test-wasm                                     # all that tests/wasm/inside.py lists, four minutes
    python tests/wasm/run.py tests/core -k layer_norm  # arguments of pytest

Pyodide and its packages are those of the live pages, from wherever docs/made/live/fetch.py finds them, with the checksums of
docs/live/runtime.json; pytest comes from PyPI (requirements.txt has the checksums). All of it is kept in build.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "docs"))
from made.live import RUNTIME  # noqa: E402
from made.live.fetch import Missing, core_files, package_files  # noqa: E402

BUILD = ROOT / "build" / "wasm"
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
SKIPPED = 77  # the status if something is missing
LOAD = ["numpy", "scipy", "threadpoolctl", "matplotlib", "micropip"]


def run(*command: object, folder: Path = ROOT) -> None:
    """Run a command that fetches or builds something; its output is shown only if it fails."""
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def fetch_pyodide() -> Path:
    """Write Pyodide and its packages, all that runtime.json pins, into a folder, and return it."""
    if shutil.which("node") is None:
        raise Missing("node is not installed; Node 18 or newer is needed")
    folder = BUILD / f"pyodide-{RUNTIME['version']}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (core_files() | package_files(*RUNTIME["packages"], *RUNTIME["tests"])).items():
        (folder / name).write_bytes(data)
    return folder


def fetch_wheels() -> list[Path]:
    """Fetch pytest and what it needs, pure wheels of which pip checks the sha256, and return them."""
    wanted = (HERE / "requirements.txt").read_text(encoding="utf-8")
    folder, stamp = BUILD / "wheels", BUILD / "wheels" / "requirements.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        run(*PIP, "download", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--python-version", "3.12",
            "--dest", folder, "-r", HERE / "requirements.txt")  # fmt: skip
        stamp.write_text(wanted, encoding="utf-8")
    return sorted(folder.glob("*.whl"))


def build_wheel() -> Path:
    """Build the package's wheel from this checkout."""
    folder = BUILD / "own"
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(ROOT / "albert_np", Path(copy) / "albert_np", ignore=shutil.ignore_patterns("__pycache__"))
        run(
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--wheel-dir",
            folder,
            copy,
        )
    (wheel,) = folder.glob("albert_np-*-py3-none-any.whl")
    return wheel


def start(program: Path, arguments: list[str], capture: bool = False) -> "subprocess.CompletedProcess[str]":
    """Run a Python file within Pyodide. capture: keep its output instead of passing it on. Raises Missing."""
    pyodide, data = str(fetch_pyodide()), os.environ.get("ALBERT_NP_DATA")
    job = {
        "pyodide": pyodide, "load": LOAD, "wheels": [str(each) for each in (*fetch_wheels(), build_wheel())],
        "mounts": {"/repository": str(ROOT)} | ({"/data": os.path.abspath(data)} if data else {}),
        "environment": {"ALBERT_NP_DATA": "/data"} if data else {}, "program": str(program), "arguments": arguments,
    }  # fmt: skip
    (BUILD / "job.json").write_text(json.dumps(job, indent=1), encoding="utf-8")
    command = ["node", str(HERE / "run.mjs"), str(BUILD / "job.json")]
    return subprocess.run(command, cwd=BUILD, text=True, stdout=subprocess.PIPE if capture else None)


def main(arguments: list[str]) -> int:
    try:
        return start(HERE / "inside.py", arguments).returncode
    except (Missing, ValueError) as error:
        print(f"tests/wasm/run.py: {error}", file=sys.stderr)
        return SKIPPED if isinstance(error, Missing) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
