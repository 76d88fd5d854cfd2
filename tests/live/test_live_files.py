"""The files of the live pages: what docs/made/live writes, and what is pinned."""

import base64
import contextlib
import functools
import gzip
import hashlib
import http.server
import json
import lzma
import re
import shutil
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIVE = ROOT / "docs" / "live"
if not LIVE.is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)


@pytest.fixture(scope="module")
def live():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from made import live

        yield live
    finally:
        sys.path.remove(str(ROOT / "docs"))


@pytest.fixture
def written(live, tmp_path, monkeypatch):
    """The folder _static/live without the wheel, which needs hatchling, and its settings."""

    def write_package(folder):
        (folder / "albert_np.whl").write_bytes(b"a wheel")
        return "albert_np.whl", []

    monkeypatch.setattr(live, "write_package", write_package)
    return tmp_path / "live", live.write(tmp_path / "live")


def test_everything_that_the_settings_name_is_there(written):
    folder, settings = written
    assert json.loads((folder / "live.json").read_text(encoding="utf-8")) == settings
    urls = [each["url"] for each in (*settings["archives"], *settings["lazy"])]
    assert len(urls) == len(set(urls)) > 3
    for url in urls:
        name, _, version = url.partition("?v=")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest().startswith(version) and len(version) == 10


def test_scripts_load_one_another_by_addresses_that_change_with_them(written, live, tmp_path, monkeypatch):
    folder, _ = written
    loaded = []
    for script in folder.glob("*.js"):
        if script.name != "editor.js":
            for name, version in re.findall(r'"(?:\./)?([\w-]+\.js)(\?v=\w+)?"', script.read_text(encoding="utf-8")):
                assert (folder / name).is_file() and version == f"?v={live.version()}", f"{script.name} loads {name}{version}"
                loaded.append(name)
    assert {"kernel.js", "worker.js", "editor.js", "outputs.js", "status.js", "chart.js"} == set(loaded)
    before = live.version()
    shutil.copytree(live.LIVE, tmp_path / "changed")
    (tmp_path / "changed" / "outputs.js").write_text("// another\n", encoding="utf-8")
    monkeypatch.setattr(live, "LIVE", tmp_path / "changed")
    assert live.version() != before


def test_the_notebooks_find_their_modules_and_data(written, live):
    folder, settings = written
    with zipfile.ZipFile(folder / "notebooks.zip") as archive:
        there = {f"{live.NOTEBOOKS}/{name}" for name in archive.namelist()}
    there |= {each["path"] for each in settings["lazy"]}
    for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        if "pydoc_data.topics" in code:  # a part of Python's library that the runtime lacks
            assert f"{live.SITE_PACKAGES}/pydoc_data/topics.py" in there
        for name in re.findall(r"^(?:from|import) (notebook_tools|flows|sliders)\b", code, re.MULTILINE):
            assert f"{live.NOTEBOOKS}/{name}.py" in there
        for name in re.findall(r'"(data/[\w./-]+)"', code):
            file = name.replace(".xz", ".gz")
            assert any(each.startswith(f"{live.NOTEBOOKS}/{file}") for each in there), f"{path.name} reads {name}"
        for name in re.findall(r'Path\("\.\./([\w./-]+)"\)', code):
            assert any(each.startswith(f"/home/pyodide/{name}") for each in there), f"{path.name} reads ../{name}"


def test_the_notebooks_that_train_load_scipy(live):
    numbers = {path.name[:2] for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    assert set(live.WITH_SCIPY) < numbers and {"scipy", "openblas"} <= set(live.RUNTIME["packages"])


def test_the_text_is_the_same_in_another_packing(written):
    folder, settings = written
    (text,) = (each for each in settings["lazy"] if each["path"].endswith("kjv.txt.gz"))
    name = text["url"].partition("?")[0]
    assert not name.endswith(".gz")
    unpacked = gzip.decompress((folder / name).read_bytes())
    assert unpacked == lzma.decompress((ROOT / "notebooks" / "data" / "kjv.txt.xz").read_bytes())


def test_files_written_again_have_the_same_bytes(written, live, tmp_path):
    folder, _ = written
    live.write(tmp_path / "again")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            again = (tmp_path / "again" / path.relative_to(folder)).read_bytes()
            assert hashlib.sha256(again).digest() == hashlib.sha256(path.read_bytes()).digest(), path.name


def test_the_editor_is_built_from_the_packages_that_are_pinned():
    """`make editor` writes editor.js and editor-licences.txt; a change of the lock file alone is found here."""
    declared = json.loads((LIVE / "editor" / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((LIVE / "editor" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    every = declared["dependencies"] | declared["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in every.values()), "exact versions"
    assert all(lock[f"node_modules/{name}"]["version"] == version for name, version in every.items())
    bundled = {path.removeprefix("node_modules/"): each for path, each in lock.items() if path and not each.get("dev")}
    assert all("integrity" in each and each["license"] == "MIT" for each in bundled.values())
    listed = re.findall(
        r"^==== (\S+) (\S+) \(MIT\) ====$", (LIVE / "editor-licences.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert dict(listed) == {name: each["version"] for name, each in bundled.items()}


@pytest.fixture
def fetched(live, tmp_path, monkeypatch):
    """The module fetch, with folders of the test: ($ALBERT_NP_DATA/pyodide, the files that are kept)."""
    from made.live import fetch

    monkeypatch.setenv("ALBERT_NP_DATA", str(tmp_path))
    monkeypatch.setattr(fetch, "KEPT", tmp_path / "kept")
    (tmp_path / "pyodide").mkdir()
    return fetch, tmp_path / "pyodide", tmp_path / "kept"


@contextlib.contextmanager
def distribution(folder):
    """Serve a folder -> (its address, the paths that were asked for)."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form, *args):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_changed_file_of_the_runtime_is_refused(fetched, live):
    fetch, folder, _ = fetched
    for name in (live.RUNTIME["packages"]["numpy"]["file"], live.RUNTIME["npm"]["file"]):
        (folder / name).write_bytes(b"something else")
        with pytest.raises(ValueError, match=f"{name}: expected the checksum"):
            fetch.fetch(name)


def test_a_package_is_downloaded_once(fetched, tmp_path, monkeypatch):
    fetch, _, kept = fetched
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "small.whl").write_bytes(b"a package")
    (tmp_path / "there" / "changed.whl").write_bytes(b"another one")
    sha256 = hashlib.sha256(b"a package").hexdigest()
    for name in ("small", "changed", "absent"):
        monkeypatch.setitem(fetch.PACKAGES, name, {"file": f"{name}.whl", "sha256": sha256})
    with distribution(tmp_path / "there") as (address, asked):
        monkeypatch.setitem(fetch.RUNTIME, "distribution", address)
        assert fetch.package_files("small") == fetch.package_files("small") == {"small.whl": b"a package"}
        assert len(asked) == 1
        with pytest.raises(ValueError, match=r"changed\.whl: expected the checksum"):
            fetch.fetch("changed.whl")
        with pytest.raises(fetch.Missing, match=r"absent\.whl cannot be downloaded: HTTP Error 404"):
            fetch.fetch("absent.whl")
    assert [path.name for path in kept.iterdir()] == ["small.whl"]


def test_the_core_comes_from_npm(fetched, tmp_path, monkeypatch):
    """`npm` is a script that writes an archive, as `npm pack` does."""
    fetch, _, kept = fetched
    with tarfile.open(tmp_path / "packed.tgz", "w:gz") as archive:
        for name in ("pyodide.mjs", "README.md"):
            (tmp_path / name).write_text(name, encoding="utf-8")
            archive.add(tmp_path / name, f"package/{name}")
    data = (tmp_path / "packed.tgz").read_bytes()
    npm = tmp_path / "npm"
    copy = f"cp {tmp_path / 'packed.tgz'} imaginary-1.tgz"
    npm.write_text(f'#!/bin/sh\ntest "$*" = "pack --silent imaginary@1" && {copy} && echo imaginary-1.tgz\n')
    npm.chmod(0o755)
    monkeypatch.setattr(fetch.shutil, "which", lambda name: str(npm))
    pinned = {"package": "imaginary@1", "file": "imaginary-1.tgz", "integrity": "sha512-other"}
    monkeypatch.setitem(fetch.RUNTIME, "npm", pinned)
    monkeypatch.setitem(fetch.RUNTIME, "core", {"pyodide.mjs": {}})
    with pytest.raises(ValueError, match="npm pack imaginary@1: expected the checksum sha512-other"):
        fetch.core_files()
    pinned["integrity"] = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    assert fetch.core_files() == {"pyodide.mjs": b"pyodide.mjs"} and [path.name for path in kept.iterdir()] == ["imaginary-1.tgz"]
    monkeypatch.setattr(fetch.shutil, "which", lambda name: None)
    assert fetch.core_files() == {"pyodide.mjs": b"pyodide.mjs"}, "it was kept"
    (kept / "imaginary-1.tgz").unlink()
    with pytest.raises(fetch.Missing, match="npm is not installed: it downloads the package imaginary@1"):
        fetch.core_files()


def test_the_copy_of_the_runtime_is_all_or_nothing(fetched, tmp_path, monkeypatch, capsys):
    from made.live import runtime

    site = tmp_path / "site"
    (site / runtime.PLACE).mkdir(parents=True)
    (site / runtime.PLACE / "live.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(fetched[0].shutil, "which", lambda name: None)
    assert runtime.main([str(site), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("runtime.py: npm is not installed") and not (tmp_path / "out").exists()
