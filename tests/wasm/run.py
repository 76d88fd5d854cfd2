"""The quick tests under WebAssembly: the package's wheel in Pyodide, started by Node.

    make test-wasm                                     # all that tests/wasm/inside.py lists, four minutes
    python tests/wasm/run.py tests/core -k layer_norm  # arguments of pytest

Pyodide comes from npm (package-lock.json has its checksum), its wheels from ALBERT_NP_DATA/pyodide, checked against Pyodide's own
lock file, pytest's from PyPI (requirements.txt has their checksums). All of it is kept in build/wasm.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "wasm"
PYODIDE = BUILD / "node_modules" / "pyodide"
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
SKIPPED = 77  # the status if something is missing
LOAD = ["numpy", "scipy", "threadpoolctl", "matplotlib", "micropip"]


class Missing(RuntimeError):
    """Raised if something that is not in the repository is neither here nor can be fetched."""


def run(*command: object, folder: Path = ROOT) -> None:
    """Run a command that fetches or builds something; its output is shown only if it fails."""
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def data_folder() -> Path:
    """Return the folder of Pyodide's wheels."""
    folder = Path(os.environ.get("ALBERT_NP_DATA", "")) / "pyodide"
    if "ALBERT_NP_DATA" not in os.environ or not folder.is_dir():
        raise Missing("Pyodide's wheels are in the folder pyodide of ALBERT_NP_DATA, which is not set or has none")
    return folder


def fetch_pyodide() -> None:
    """Install Pyodide from npm, which checks it against package-lock.json."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed; Node 18 or newer is needed")
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
    installed = BUILD / "package-lock.json"
    if PYODIDE.is_dir() and installed.is_file() and installed.read_text(encoding="utf-8") == lock:
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, BUILD)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=BUILD)


def checked_packages(folder: Path, lock: Path, wanted: list[str], out: Path) -> Path:
    """Copy the wanted packages, and those that they depend on, to `out`, each checked against Pyodide's lock file."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    needed = list(wanted)
    for name in needed:  # it grows
        needed += [each for each in packages[name]["depends"] if each not in needed]
    out.mkdir(parents=True, exist_ok=True)
    for name in needed:
        file = packages[name]["file_name"]
        if not (folder / file).is_file():
            raise Missing(f"{folder} has no {file}")
        content = (folder / file).read_bytes()
        if hashlib.sha256(content).hexdigest() != packages[name]["sha256"]:
            raise ValueError(f"{folder / file} is not the file of pyodide-lock.json: its sha256 differs")
        (out / file).write_bytes(content)
    return out


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
    data = data_folder()
    fetch_pyodide()
    job = {
        "pyodide": str(PYODIDE), "load": LOAD,
        "packages": str(checked_packages(data, PYODIDE / "pyodide-lock.json", LOAD, BUILD / "packages")),
        "wheels": [str(each) for each in (*fetch_wheels(), build_wheel())],
        "mounts": {"/repository": str(ROOT), "/data": str(data.parent)},
        "environment": {"ALBERT_NP_DATA": "/data"}, "program": str(program), "arguments": arguments,
    }  # fmt: skip
    (BUILD / "job.json").write_text(json.dumps(job, indent=1), encoding="utf-8")
    command = ["node", str(HERE / "run.mjs"), str(BUILD / "job.json")]
    return subprocess.run(command, cwd=BUILD, text=True, stdout=subprocess.PIPE if capture else None)


def main(arguments: list[str]) -> int:
    try:
        return start(HERE / "inside.py", arguments).returncode
    except Missing as error:
        print(f"tests/wasm/run.py: {error}", file=sys.stderr)
        return SKIPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
