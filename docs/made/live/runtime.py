"""Put a copy of the runtime, Pyodide, into a built site, whose live pages then load nothing from elsewhere.

    python docs/made/live/runtime.py build/docs/html build/live

copies the site into the folder build/live, which any static server can serve: python -m http.server --directory build/live. Every
file is the one that docs/live/runtime.json pins. The core is that of the npm package, the other packages come from the folder
$ALBERT_NP_DATA/pyodide if it has them, otherwise from the runtime's public distribution.

    python docs/made/live/runtime.py --sizes build/live    says how much is downloaded
"""

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from made.live import RUNTIME, write_settings

PLACE = Path("_static") / "live"
PACKED = "pyodide.asm.wasm"  # plain servers do not compress what they send
# What Firefox, Chromium and Safari need to share memory with a worker, in the form of several hosts of static sites
HEADERS = "/*\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n"
SCRIPTS = ("page.js", "page.css", "outputs.js", "kernel.js", "worker.js", "editor.js", "live.json")
MATPLOTLIB = [name for name in RUNTIME["packages"] if name not in ("numpy", "scipy", "openblas", "threadpoolctl")]


class Missing(SystemExit):
    """A file of the runtime cannot be had."""


def core_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the npm package that pages load. Missing if it cannot be had, SystemExit if it is another one."""
    local = local_folder()
    packed = local / f"pyodide-{RUNTIME['version']}.tgz" if local else None
    with tempfile.TemporaryDirectory() as place:
        if packed is None or not packed.exists():
            packed = pack(Path(place))
        data = packed.read_bytes()
        found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
        if found != RUNTIME["npm"]["integrity"]:
            raise SystemExit(f"{packed}: expected the integrity {RUNTIME['npm']['integrity']}, got {found}")
        with tarfile.open(packed) as archive:
            for name in RUNTIME["core"]:
                file = archive.extractfile(f"package/{name}")
                assert file is not None
                yield name, file.read()


def pack(place: Path) -> Path:
    """Download the npm package, and return its file."""
    npm = shutil.which("npm")
    if npm is None:
        raise Missing(f"npm is not installed: it downloads the package {RUNTIME['npm']['package']}")
    done = subprocess.run([npm, "pack", RUNTIME["npm"]["package"]], cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"npm pack {RUNTIME['npm']['package']} failed:\n{done.stderr.strip()}")
    return place / done.stdout.split()[-1]


def package_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the other packages. Missing if one cannot be had, SystemExit if it is another one."""
    local = local_folder()
    for each in RUNTIME["packages"].values():
        name = each["file"]
        if local and (local / name).exists():
            source, data = os.fspath(local / name), (local / name).read_bytes()
        else:
            source = RUNTIME["distribution"] + name
            try:
                with urllib.request.urlopen(source, timeout=60) as response:
                    data = response.read()
            except OSError as error:
                raise Missing(f"{source} cannot be downloaded: {error}") from None
        found = hashlib.sha256(data).hexdigest()
        if found != each["sha256"]:
            raise SystemExit(f"{source}: expected the sha256 {each['sha256']}, got {found}")
        yield name, data


def local_folder() -> Path | None:
    """Return the folder with files of the runtime, or None without $ALBERT_NP_DATA."""
    data = os.environ.get("ALBERT_NP_DATA")
    return Path(data) / "pyodide" if data else None


def add_runtime(site: Path) -> None:
    """Write the files of the runtime into a built site, and let its pages use them."""
    settings = read_settings(site)
    folder = site / PLACE / "pyodide"
    folder.mkdir(exist_ok=True)
    for files in (core_files(), package_files()):
        for name, data in files:
            if name == PACKED:
                (folder / f"{name}.packed").write_bytes(gzip.compress(data, 9, mtime=0))
            else:
                (folder / name).write_bytes(data)
    write_settings(site / PLACE, settings | {"runtime": "pyodide/", "packed": [PACKED]})
    (site / "_headers").write_text(HEADERS, encoding="utf-8")


def read_settings(site: Path) -> dict[str, Any]:
    path = site / PLACE / "live.json"
    if not path.exists():
        raise SystemExit(f"{path} is missing: build the site first (make docs)")
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return settings


def measure(site: Path) -> dict[str, int]:
    """Return the bytes of each thing that is downloaded. SystemExit without a copy of the runtime."""
    settings, live = read_settings(site), site / PLACE
    runtime = live / settings["runtime"]
    if not runtime.is_dir():
        raise SystemExit(f"{site} has no copy of the runtime: use the folder that make live writes")

    def size(path: Path) -> int:
        packed = path.with_name(path.name + ".packed")
        return (packed if packed.exists() else path).stat().st_size

    def packages(*names: str) -> int:
        return sum(size(runtime / RUNTIME["packages"][name]["file"]) for name in names)

    start = [live / name for name in SCRIPTS] + [live / each["url"] for each in settings["archives"]]
    start += [runtime / name for name in RUNTIME["core"]]
    found = {
        "before the first cell": sum(map(size, start)) + packages("numpy"),
        "SciPy, when it is imported": packages("scipy", "openblas"),
        "matplotlib, when it is imported": packages(*MATPLOTLIB),
    }
    found["all of these"] = sum(found.values())
    for each in settings["lazy"]:
        path = Path(each["path"])
        found[f"{path.parent.name}/{path.name}, when it is opened"] = size(live / each["url"])
    return found


def sizes(site: Path) -> str:
    """Return a line for each thing that is downloaded."""
    return "\n".join(f"{name:55} {size / 1e6:6.1f} MB" for name, size in measure(site).items())


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if arguments[0] == "--sizes":
        print(sizes(Path(arguments[1])))
        return 0
    site, target = map(Path, arguments)
    read_settings(site)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(site, target)
    add_runtime(target)
    print(sizes(target))
    print(f"\nopen it with: python -m http.server --bind 127.0.0.1 --directory {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
