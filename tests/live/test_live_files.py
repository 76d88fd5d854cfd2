"""The files of the live pages: what docs/made/live writes, and what is pinned."""

import gzip
import hashlib
import json
import lzma
import re
import sys
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
    assert len(urls) == len(set(urls)) > 3 and all((folder / url).is_file() for url in urls)
    for script in folder.glob("*.js"):
        if script.name != "editor.js":
            for name in re.findall(r'(?:from |import\(|new URL\()"\./?([\w.-]+)"', script.read_text(encoding="utf-8")):
                assert (folder / name).is_file(), f"{script.name} loads {name}"


def test_the_notebooks_find_their_modules_and_data(written, live):
    folder, settings = written
    with zipfile.ZipFile(folder / "notebooks.zip") as archive:
        there = {f"{live.NOTEBOOKS}/{name}" for name in archive.namelist()}
    there |= {each["path"] for each in settings["lazy"]}
    for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
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
    assert not text["url"].endswith(".gz")
    unpacked = gzip.decompress((folder / text["url"]).read_bytes())
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


def test_a_changed_file_of_the_runtime_is_refused(live, tmp_path, monkeypatch):
    from made.live import runtime

    monkeypatch.setenv("ALBERT_NP_DATA", str(tmp_path))
    (tmp_path / "pyodide").mkdir()
    first = next(iter(live.RUNTIME["packages"].values()))["file"]
    (tmp_path / "pyodide" / first).write_bytes(b"something else")
    with pytest.raises(SystemExit, match="expected the sha256"):
        next(runtime.package_files())
    (tmp_path / "pyodide" / f"pyodide-{live.RUNTIME['version']}.tgz").write_bytes(b"something else")
    with pytest.raises(SystemExit, match="expected the integrity"):
        next(runtime.core_files())
