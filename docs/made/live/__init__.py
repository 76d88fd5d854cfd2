"""The live pages: the files that run the notebooks' cells in the reader's browser, in _static/live of the site.

docs/live has the JavaScript and the Python of the pages. Added here: a wheel of the package, the modules and the data of the
notebooks, and live.json, which says what is loaded from where. The runtime, Pyodide, comes from its public distribution; browsers
compare its files with the checksums in live.json. runtime.py puts a copy of it into the site instead.

Browsers keep files. So that no page meets the scripts of an older site, addresses carry a version that changes with the contents.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2]
ROOT = DOCS.parent
LIVE = DOCS / "live"
RUNTIME = json.loads((LIVE / "runtime.json").read_text(encoding="utf-8"))
SITE_PACKAGES = "/lib/python3.12/site-packages"
NOTEBOOKS = "/home/pyodide/notebooks"
MODULES = ("notebook_tools", "flow_drawing", "flows", "sliders")
# Notebooks that train: SciPy's matrix products are several times faster than those of NumPy in WebAssembly, which has no BLAS
WITH_SCIPY = ("09", "10", "12", "14", "16", "17", "18", "19", "20", "21")
# What notebooks read of the repository, beside their own folder
READ = ("tests/io/fixtures/hf/base_12_layers", "tests/benchmarks/results")
BROWSER = ("*.js", "*.css", "*.txt")  # of docs/live
SCRIPT = re.compile(r'((?:from |import\(|new URL\()"(?:\./)?[\w-]+\.js)(?=")')  # one that another script loads
LARGE = 100_000  # bytes: such a file of the data is downloaded when it is opened
TIME = (2020, 1, 1, 0, 0, 0)  # of the files in archives: the same files give the same bytes


def write(folder: Path) -> dict[str, Any]:
    """Write everything but the runtime into a folder, and return what live.json says."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_scripts(folder)
    wheel, lazy = write_package(folder)
    write_archive(folder / "python.zip", LIVE / "python", sorted((LIVE / "python").rglob("*.py")))
    small, large = split_data()
    modules = [ROOT / "notebooks" / f"{name}.py" for name in MODULES]
    write_archive(folder / "notebooks.zip", ROOT / "notebooks", [*modules, *small])
    lazy += [write_large(folder, path) for path in large]
    lazy.append(write_manual(folder))
    lazy += [write_other(folder, path) for name in READ for path in files_of(ROOT / name)]
    archives = [
        {"url": "python.zip", "at": SITE_PACKAGES},
        {"url": wheel, "at": SITE_PACKAGES},
        {"url": "notebooks.zip", "at": NOTEBOOKS},
    ]
    start = sum(each["bytes"] for each in RUNTIME["core"].values()) + RUNTIME["packages"]["numpy"]["bytes"]
    settings = {
        "version": RUNTIME["version"],
        "core": RUNTIME["npm"]["at"],
        "integrity": {name: integrity(each["sha256"]) for name, each in RUNTIME["core"].items()},
        "runtime": RUNTIME["distribution"],  # of the packages
        "packed": [],  # files of the core that are stored as NAME.packed, by gzip
        "total": start + sum((folder / each["url"]).stat().st_size for each in archives),  # bytes up to the first cell
        "archives": [with_version(folder, each) for each in archives],
        "lazy": [with_version(folder, each) for each in lazy],
        "packages": {name: each["bytes"] for name, each in RUNTIME["packages"].items()},
    }
    write_settings(folder, settings)
    return settings


def write_scripts(folder: Path) -> None:
    """Write the scripts and the styles. Scripts load one another by addresses with the version."""
    query = f"?v={version()}"
    for pattern in BROWSER:
        for path in sorted(LIVE.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".js" and path.name != "editor.js":  # which is a bundle: it loads nothing
                text = SCRIPT.sub(rf"\1{query}", text)
            (folder / path.name).write_text(text, encoding="utf-8")


def version() -> str:
    """Return the version of the scripts: another one whenever one of them has changed."""
    return short_hash(b"".join(path.read_bytes() for pattern in BROWSER for path in sorted(LIVE.glob(pattern))))


def short_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:10]


def with_version(folder: Path, entry: dict[str, str]) -> dict[str, str]:
    """Return an entry of live.json with the version of its file in its address."""
    return entry | {"url": f"{entry['url']}?v={short_hash((folder / entry['url']).read_bytes())}"}


def integrity(sha256: str) -> str:
    """Return a checksum in the form in which browsers take it."""
    return "sha256-" + base64.b64encode(bytes.fromhex(sha256)).decode()


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    (folder / "live.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def write_package(folder: Path) -> tuple[str, list[dict[str, str]]]:
    """Write the wheel of the package, without the pretrained models -> (its name, the models' files, which are downloaded when
    they are opened)."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "source"  # with these files alone
        shutil.copytree(ROOT / "albert_np", copy / "albert_np", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        code = f"from hatchling import build; print(build.build_wheel({place!r}))"
        done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the wheel of the package could not be built:\n{done.stderr}")
        built = Path(place) / done.stdout.split()[-1]
        lazy = []
        with zipfile.ZipFile(built) as wheel, zipfile.ZipFile(folder / built.name, "w", zipfile.ZIP_DEFLATED) as small:
            for name in sorted(wheel.namelist()):
                if is_model_file(name):
                    lazy.append({"url": write_file(folder, name, wheel.read(name)), "path": f"{SITE_PACKAGES}/{name}"})
                else:
                    add(small, name, wheel.read(name))
    return built.name, lazy


def is_model_file(name: str) -> bool:
    """Return whether a file of the package belongs to a pretrained model, and is large."""
    return name.startswith("albert_np/pretrained/") and name.endswith((".safetensors", ".model"))


def split_data() -> tuple[list[Path], list[Path]]:
    """Return the files of notebooks/data that are loaded with the page, and the large ones."""
    files = [path for path in sorted((ROOT / "notebooks" / "data").rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    large = [path for path in files if path.stat().st_size > LARGE]
    return [path for path in files if path not in large], large


def write_large(folder: Path, path: Path) -> dict[str, str]:
    """Write a large file of the data -> (its address, its path on the page). A file packed by xz is packed by gzip there."""
    name = os.fspath(path.relative_to(ROOT / "notebooks"))
    data = path.read_bytes()
    if path.suffix == ".xz":
        import lzma

        name = name.removesuffix(".xz") + ".gz"
        data = gzip.compress(lzma.decompress(data), 9, mtime=0)
    # no name in .gz: some servers would say of it that it is to be unpacked
    return {"url": write_file(folder, name.replace(".gz", ".packed"), data), "path": f"{NOTEBOOKS}/{name}"}


def write_manual(folder: Path) -> dict[str, str]:
    """Write Python's manual as text, which the runtime lacks and a notebook reads -> (its address, its path on the page)."""
    import pydoc_data.topics

    name = "pydoc_data/topics.py"
    return {"url": write_file(folder, name, Path(pydoc_data.topics.__file__).read_bytes()), "path": f"{SITE_PACKAGES}/{name}"}


def files_of(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_file())


def write_other(folder: Path, path: Path) -> dict[str, str]:
    """Write a file of the repository -> (its address, its path on the page)."""
    name = path.relative_to(ROOT).as_posix()
    return {"url": write_file(folder, name, path.read_bytes()), "path": f"{Path(NOTEBOOKS).parent}/{name}"}


def write_file(folder: Path, name: str, data: bytes) -> str:
    """Write a file that is downloaded when it is opened; return its address."""
    path = folder / "files" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"files/{name}"


def write_archive(path: Path, root: Path, files: list[Path]) -> None:
    """Pack files, with their paths below `root`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in files:
            add(archive, each.relative_to(root).as_posix(), each.read_bytes())


def add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, TIME)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(info, data, compresslevel=9)


# ---- Sphinx ----


def add_to_notebooks(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the script of the live cells to the page of a notebook."""
    if pagename.startswith("notebooks/") and doctree is not None:
        number = pagename.removeprefix("notebooks/")[:2]
        app.add_js_file("live/page.js", type="module", **{"data-packages": "scipy" if number in WITH_SCIPY else ""})
        app.add_css_file("live/page.css")


def write_to_site(app: Any) -> None:
    """Write the files before the pages: Sphinx adds versions to the addresses of those that exist."""
    if app.builder.name == "html":
        write(Path(app.outdir) / "_static" / "live")


def setup(app: Any) -> None:
    app.connect("builder-inited", write_to_site)
    app.connect("html-page-context", add_to_notebooks)
