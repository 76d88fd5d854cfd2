"""Put a copy of the runtime, Pyodide, into a built site, whose live pages then load nothing from elsewhere.

    python docs/made/live/runtime.py build/docs/html build/live

copies the site into the folder build/live, which any static server can serve: python -m http.server --directory build/live. Every
file is one that docs/live/runtime.json pins (fetch.py).

    python docs/made/live/runtime.py --sizes build/live    says how much is downloaded
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
from made.live import RUNTIME, write_settings
from made.live.fetch import Missing, core_files, package_files

PLACE = Path("_static") / "live"
PACKED = "pyodide.asm.wasm"  # plain servers do not compress what they send
# What Firefox, Chromium and Safari need to share memory with a worker, in the form of several hosts of static sites
HEADERS = "/*\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n"
SCRIPTS = ("page.js", "page.css", "outputs.js", "kernel.js", "worker.js", "editor.js", "live.json")
MATPLOTLIB = [name for name in RUNTIME["packages"] if name not in ("numpy", "scipy", "openblas", "threadpoolctl")]


def add_runtime(site: Path) -> None:
    """Write the files of the runtime into a built site, and let its pages use them."""
    settings = read_settings(site)
    folder = site / PLACE / f"pyodide-{RUNTIME['version']}"
    folder.mkdir(exist_ok=True)
    for name, data in (core_files() | package_files(*RUNTIME["packages"])).items():
        if name == PACKED:
            (folder / f"{name}.packed").write_bytes(gzip.compress(data, 9, mtime=0))
        else:
            (folder / name).write_bytes(data)
    place = f"{folder.name}/"
    write_settings(site / PLACE, settings | {"core": place, "runtime": place, "packed": [PACKED], "integrity": {}})
    (site / "_headers").write_text(HEADERS, encoding="utf-8")


def read_settings(site: Path) -> dict[str, Any]:
    path = site / PLACE / "live.json"
    if not path.exists():
        raise SystemExit(f"{path} is missing: build the site first (make docs)")
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return settings


def file_of(live: Path, entry: dict[str, str]) -> Path:
    """Return the file of an entry of live.json."""
    return live / entry["url"].partition("?")[0]


def measure(site: Path) -> dict[str, int]:
    """Return the bytes of each thing that is downloaded. SystemExit without a copy of the runtime."""
    settings, live = read_settings(site), site / PLACE
    runtime = live / settings["runtime"]
    if "://" in settings["runtime"] or not runtime.is_dir():
        raise SystemExit(f"{site} has no copy of the runtime: use the folder that make live writes")

    def size(path: Path) -> int:
        packed = path.with_name(path.name + ".packed")
        return (packed if packed.exists() else path).stat().st_size

    def packages(*names: str) -> int:
        return sum(size(runtime / RUNTIME["packages"][name]["file"]) for name in names)

    start = [live / name for name in SCRIPTS] + [file_of(live, each) for each in settings["archives"]]
    start += [runtime / name for name in RUNTIME["core"]]
    found = {
        "before the first cell": sum(map(size, start)) + packages("numpy"),
        "SciPy, when it is imported": packages("scipy", "openblas"),
        "matplotlib, when it is imported": packages(*MATPLOTLIB),
    }
    found["all of these"] = sum(found.values())
    for each in settings["lazy"]:
        path = Path(each["path"])
        found[f"{path.parent.name}/{path.name}, when it is opened"] = size(file_of(live, each))
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
    try:
        add_runtime(target)
    except (Missing, ValueError) as error:
        shutil.rmtree(target)
        print(f"runtime.py: {error}", file=sys.stderr)
        return 1
    print(sizes(target))
    print(f"\nopen it with: python -m http.server --bind 127.0.0.1 --directory {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
