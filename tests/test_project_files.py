"""Files for contributors and services (pre-commit, citation, workflow, templates): they parse, and what they name exists."""

import re
from pathlib import Path

import pytest

from albert_np.version import __version__

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
if not (ROOT / "Makefile").is_file():
    pytest.skip("there is no Makefile beside the tests: they run from a copy", allow_module_level=True)

TEMPLATES = [*sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md")), ROOT / ".github" / "pull_request_template.md"]
PRE_COMMIT, CITATION, WORKFLOW = (
    ROOT / ".pre-commit-config.yaml",
    ROOT / "CITATION.cff",
    ROOT / ".github" / "workflows" / "ci.yml",
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def parse(text):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: YAML files cannot be parsed")
    return yaml.safe_load(text)


def test_the_hooks_run_the_tools_of_the_dev_extra():
    (repository,) = parse(PRE_COMMIT.read_text(encoding="utf-8"))["repos"]
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert repository["repo"] == "local" and set(hooks) == {"ruff", "ruff-format", "mypy"}
    tools = {re.split(r"[=<>\[]", requirement)[0] for requirement in PROJECT["project"]["optional-dependencies"]["dev"]}
    for hook in hooks.values():
        assert hook["language"] == "system" and hook["entry"].split()[0].removeprefix(".venv/bin/") in tools


def test_the_citation_has_this_version():
    citation = parse(CITATION.read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == __version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["title"] and citation["authors"] and citation["message"]
    (paper,) = citation["references"]
    assert paper["title"].startswith("ALBERT") and len(paper["authors"]) == 6 and paper["url"] in (ROOT / "README.md").read_text()


def test_the_workflow_runs_what_exists():
    workflow = parse(WORKFLOW.read_text(encoding="utf-8"))
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["bash .ci/run"] and (ROOT / ".ci" / "run").is_file()
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "with" in step]
    assert python == PROJECT["tool"]["mypy"]["python_version"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_name_only_files_and_commands_that_exist(path):
    text = path.read_text(encoding="utf-8")
    if path.parent.name == "ISSUE_TEMPLATE":
        header = parse(text.split("---\n")[1])
        assert header["name"] and header["about"]
    check_names(text)


@pytest.mark.parametrize("path", [PRE_COMMIT, WORKFLOW], ids=lambda path: path.name)
def test_comments_name_only_files_and_commands_that_exist(path):
    check_names("\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")))


def check_names(text):
    assert not re.search(r"https?://", text)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for name in re.findall(r"`([^`\n]+)`", text):
        program, *rest = name.split()
        if program == "make":
            assert rest[0] in targets, name
        elif program in ("albert-np", "pre-commit"):
            assert rest in (["--version"], ["install"]), name
        elif not name.startswith("ALBERT_NP_"):
            assert (ROOT / name).exists(), name


def test_the_package_is_typed():
    assert (ROOT / "albert_np" / "py.typed").exists()  # tests/test_release.py tries the types of a wheel
    assert "Typing :: Typed" in PROJECT["project"]["classifiers"]
