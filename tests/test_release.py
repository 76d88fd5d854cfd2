"""The release: one version everywhere, what wheel and sdist contain, types for users, the bill of materials.

Tests of the built files need ALBERT_NP_DIST, a folder that .ci/dist.py and .ci/sbom.py have written to: .ci/dependencies sets it.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
from packaging.requirements import Requirement  # pytest needs it

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
if not (ROOT / ".ci" / "dist.py").is_file():
    pytest.skip("there is no .ci beside the tests: they run from a copy", allow_module_level=True)
VERSION = re.search(r'"(.+)"', (ROOT / "albert_np" / "version.py").read_text()).group(1)
MODEL = ROOT / "albert_np" / "pretrained" / "albert-np-mini-en"
DIST = Path(os.environ.get("ALBERT_NP_DIST", ""))
needs_dist = pytest.mark.skipif(
    "ALBERT_NP_DIST" not in os.environ, reason="ALBERT_NP_DIST names no folder: .ci/dependencies does"
)


@pytest.fixture(scope="module")
def sbom():
    spec = importlib.util.spec_from_file_location("sbom", ROOT / ".ci" / "sbom.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"git {arguments[0]} says: {done.stderr.strip()}")
    return done.stdout


def test_the_changelog_begins_with_this_version():
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first.group(1) == VERSION


def test_no_document_names_another_version_as_the_present_one():
    """Versions in commands and in names of files of a release."""
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for found in re.findall(r"(?:albert_np-|albert_np==|`v)(\d+\.\d+\.\d+)", page.read_text(encoding="utf-8")):
            assert found == VERSION, page.name


def test_the_stored_sizes_are_of_this_version():
    stored = json.loads((ROOT / "tests" / "benchmarks" / "results" / "sizes.json").read_text(encoding="utf-8"))
    assert stored["environments"]["albert_np"]["versions"]["albert_np"] == VERSION
    ours, theirs = (f"{each['installed'] / 1e6:,.0f} MB" for each in stored["environments"].values())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"A new environment takes {ours}, one with torch for the CPU and transformers {theirs}." in readme


def test_outside_of_git_nothing_is_built_and_the_reason_is_one_line(tmp_path):
    (tmp_path / "copy" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "dist.py", tmp_path / "copy" / ".ci")
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    command = [sys.executable, str(tmp_path / "copy" / ".ci" / "dist.py"), str(tmp_path / "dist")]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and re.match(r"a release is built from a commit, and git says: [^\n]+\n$", ran.stderr), ran.stderr
    assert not (tmp_path / "dist").exists()


def test_each_licence_of_the_model_s_text_is_known(sbom):
    texts = sbom.text_components(MODEL)
    card = json.loads((MODEL / "card.json").read_text(encoding="utf-8"))
    counts = {}
    for each in texts:
        values = {entry["name"].removeprefix("albert_np:"): entry["value"] for entry in each["properties"]}
        name = values["licence"].partition(" (")[0]
        counts[name] = counts.get(name, 0) + int(values["characters"])
        assert each["type"] == "data" and each["scope"] == "excluded" and each["licenses"]
    assert counts == card["licences"]
    assert sbom.licences("CC BY 2.5 (Wikinews)") == [{"license": {"id": "CC-BY-2.5"}}]
    assert sbom.licences("MIT or Apache-2.0") == [{"expression": "MIT OR Apache-2.0"}]
    for unknown in ("CC BY-NC 4.0", "", "all rights reserved"):
        with pytest.raises(ValueError, match="SPDX"):
            sbom.licences(unknown)


def test_the_bill_has_all_files_of_the_model_and_refuses_a_changed_one(sbom, tmp_path):
    component = sbom.model_component(MODEL)
    names = {Path(each["name"]).name for each in component["components"]}
    assert names == {path.name for path in MODEL.iterdir()} - {"SHA256SUMS"}
    assert component["hashes"][0]["content"] == hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    shutil.copytree(MODEL, tmp_path / "model")
    with open(tmp_path / "model" / "config.json", "a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(ValueError, match=r"config\.json of albert-np-mini-en has another hash"):
        sbom.model_component(tmp_path / "model")


def test_the_package_has_no_code_of_others():
    """Whatever is copied into the package has a notice of its own, and belongs into the bill of materials."""
    for path in (ROOT / "albert_np").rglob("*"):
        if path.is_file() and path.suffix in {".py", ".cu", ".cuh", ".html", ".js", ".css"}:
            assert not re.search(r"Copyright \(c\)|SPDX-License|@license", path.read_text(encoding="utf-8"), re.I), path


def paths_in_dist():
    (wheel,), (sdist,) = (sorted(DIST.glob(end)) for end in ("*.whl", "*.tar.gz"))
    return wheel, sdist


@needs_dist
def test_the_files_have_this_version_and_their_hashes():
    wheel, sdist = paths_in_dist()
    assert (wheel.name, sdist.name) == (f"albert_np-{VERSION}-py3-none-any.whl", f"albert_np-{VERSION}.tar.gz")
    lines = [line.split("  ") for line in (DIST / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    assert lines == [[hashlib.sha256(path.read_bytes()).hexdigest(), path.name] for path in (wheel, sdist)]


@needs_dist
def test_the_wheel_has_exactly_the_files_of_the_package():
    listed = git("ls-files", "albert_np").split()
    assert {"albert_np/apps/serve/page.html", "albert_np/py.typed"} <= set(listed)
    with zipfile.ZipFile(paths_in_dist()[0]) as wheel:
        entries = wheel.infolist()
        metadata = wheel.read(f"albert_np-{VERSION}.dist-info/METADATA").decode()
        scripts = wheel.read(f"albert_np-{VERSION}.dist-info/entry_points.txt").decode()
    assert sorted(each.filename for each in entries if ".dist-info/" not in each.filename) == sorted(listed)
    assert any(each.filename.endswith("/LICENSE") for each in entries)
    assert f"\nVersion: {VERSION}\n" in metadata and "Requires-Python: >=3.10" in metadata
    assert scripts.split() == ["[console_scripts]", "albert-np", "=", "albert_np.apps.cli:main"]
    commit = datetime.fromtimestamp(int(git("log", "-1", "--format=%ct")), timezone.utc).timetuple()[:5]
    assert {each.date_time[:5] for each in entries} == {commit}
    assert {stat.S_IMODE(each.external_attr >> 16) for each in entries} <= {0o644, 0o664, 0o755}


@needs_dist
def test_the_sdist_has_exactly_the_files_of_the_commit():
    with tarfile.open(paths_in_dist()[1]) as sdist:
        members = sdist.getmembers()
    assert {each.name.partition("/")[0] for each in members} == {f"albert_np-{VERSION}"}
    assert sorted(each.name.partition("/")[2] for each in members) == sorted([*git("ls-files").splitlines(), "PKG-INFO"])
    assert {each.mtime for each in members} == {int(git("log", "-1", "--format=%ct"))}
    assert {(each.uid, each.gid, each.uname, each.gname) for each in members} == {(0, 0, "", "")}


@pytest.fixture(scope="module")
def check_types(tmp_path_factory):
    """A function that checks a program with mypy beside the installed package -> its messages."""
    folder = tmp_path_factory.mktemp("types")
    return lambda text: run_mypy(folder, text)


def run_mypy(folder, text):
    (folder / "program.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(folder / "cache"), "program.py"]
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False).stdout


@needs_dist
def test_a_type_checker_knows_the_public_names(check_types):
    program = """import albert_np as ab
model = ab.AlbertForMaskedLM.from_pretrained("albert-np-mini-en")
reveal_type(model)
ab.AlbertConfig(vocab_size="ten")
ab.AlbertModle
"""
    messages = check_types(program)
    assert 'Revealed type is "albert_np.models.pretraining.AlbertForMaskedLM"' in messages
    assert re.search(r'program\.py:4: error: Argument "vocab_size" .*"str"; expected "int"', messages)
    assert re.search(r"program\.py:5: error: Module has no attribute", messages)
    assert messages.count(" error: ") == 2, messages


@needs_dist
@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_a_type_checker_accepts_the_examples(page, check_types):
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    program = "\n".join(block for block in blocks if not block.startswith("@op"))  # the README quotes a layer
    assert "import albert_np as ab" in program
    assert check_types(program).startswith("Success: no issues found")


@needs_dist
def test_the_bill_lists_what_the_wheel_installs_and_contains():
    bom = json.loads((DIST / f"albert_np-{VERSION}.cdx.json").read_text(encoding="utf-8"))
    package = bom["metadata"]["component"]
    assert bom["specVersion"] == "1.6" and package["version"] == VERSION
    assert package["hashes"][0]["content"] == hashlib.sha256(paths_in_dist()[0].read_bytes()).hexdigest()
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    requirements = [Requirement(each) for each in required]
    wanted = {each.name for each in requirements if each.marker is None or each.marker.evaluate()}  # on this Python
    libraries = {each["name"]: each for each in bom["components"] if each["type"] == "library"}
    assert wanted <= set(libraries)
    for each in libraries.values():
        assert each["version"] and each["licenses"] and len(each["hashes"][0]["content"]) == 64, each["name"]
    (root,) = (each for each in bom["dependencies"] if each["ref"] == package["bom-ref"])
    assert {each.partition("==")[0] for each in root["dependsOn"]} == wanted | {"albert-np-mini-en"}
    assert [each["name"] for each in bom["components"] if each["type"] == "machine-learning-model"] == ["albert-np-mini-en"]
    assert "file://" not in json.dumps(bom)
