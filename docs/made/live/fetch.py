"""The files of the runtime, Pyodide, that docs/live/runtime.json pins: for the site's copy of it, and for tests that run in it.

A file is taken from the folder $ALBERT_NP_DATA/pyodide if it is there. Otherwise it is downloaded, the core from npm and packages
from the public distribution, and kept in build/pyodide. Wherever it comes from, its checksum is compared with the pinned one.
"""

import base64
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from made.live import ROOT, RUNTIME

KEPT = ROOT / "build" / "pyodide"
PACKAGES = RUNTIME["packages"] | RUNTIME["tests"]


class Missing(RuntimeError):
    """Raised if a file of the runtime is neither here nor can be downloaded."""


def fetch(name: str) -> bytes:
    """Return a pinned file, by the name of its file: the archive of npm or one of a package.

    Raises Missing if it cannot be had, ValueError if it is there with other bytes.
    """
    for path in (*local_files(name), KEPT / name):
        if path.exists():
            return checked(name, path.read_bytes(), os.fspath(path))
    source, data = download_core() if name == RUNTIME["npm"]["file"] else download_package(name)
    checked(name, data, source)
    KEPT.mkdir(parents=True, exist_ok=True)
    part = KEPT / f"{name}.part"
    part.write_bytes(data)
    part.replace(KEPT / name)
    return data


def local_files(name: str) -> list[Path]:
    data = os.environ.get("ALBERT_NP_DATA")
    return [Path(data) / "pyodide" / name] if data else []


def checked(name: str, data: bytes, source: str) -> bytes:
    """Return the bytes of a file. ValueError unless they have the pinned checksum."""
    if name == RUNTIME["npm"]["file"]:
        expected, found = RUNTIME["npm"]["integrity"], "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    else:
        (expected,) = (each["sha256"] for each in PACKAGES.values() if each["file"] == name)
        found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise ValueError(f"{source}: expected the checksum {expected}, got {found}")
    return data


def download_core() -> tuple[str, bytes]:
    """Download the npm package -> (where it came from, its bytes)."""
    package, npm = RUNTIME["npm"]["package"], shutil.which("npm")
    if npm is None:
        raise Missing(f"npm is not installed: it downloads the package {package}")
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([npm, "pack", "--silent", package], cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"npm pack {package} failed:\n{(done.stderr or done.stdout).strip()}")
        return f"npm pack {package}", (Path(place) / done.stdout.split()[-1]).read_bytes()


def download_package(name: str) -> tuple[str, bytes]:
    """Download a package of the public distribution -> (its address, its bytes)."""
    source = RUNTIME["distribution"] + name
    try:
        with urllib.request.urlopen(source, timeout=60) as response:
            return source, response.read()
    except OSError as error:
        raise Missing(f"{source} cannot be downloaded: {error}") from None


def core_files() -> dict[str, bytes]:
    """Return the files of the npm package that Pyodide needs."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(fetch(RUNTIME["npm"]["file"]))) as archive:
        for name in RUNTIME["core"]:
            file = archive.extractfile(f"package/{name}")
            assert file is not None
            files[name] = file.read()
    return files


def package_files(*names: str) -> dict[str, bytes]:
    """Return the files of these packages, by the names of the files."""
    return {PACKAGES[name]["file"]: fetch(PACKAGES[name]["file"]) for name in names}
