"""Every dependency has both bounds; the lowest releases that are tested are those that are promised."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("there is no pyproject.toml beside the tests", allow_module_level=True)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TRIED = (
    "hub",
    "chinese",
    "translation",
    "onnx",
    "mpi",
    "serve",
    "tensorboard",
    "sklearn",
)  # the extras that .ci/dependencies installs
TESTS = ("pytest", "hypothesis", "httpx")  # and what it tests with
UNTRIED = ("albert_np", "ruff", "mypy")  # the package itself; tools that are pinned


def required(extras=None):
    """{name: requirement}, without extras=: of all."""
    listed = list(PROJECT["dependencies"])
    for name, more in PROJECT["optional-dependencies"].items():
        listed += more if extras is None or name in extras else []
    found = [Requirement(text) for text in listed if "sys_platform == 'emscripten'" not in text]  # Pyodide fixes its releases
    return {each.name.replace("-", "_"): each for each in found if each.name not in UNTRIED}


def bounds(requirement):
    found = {each.operator: Version(each.version) for each in requirement.specifier}
    assert set(found) == {">=", "<"}, f"{requirement} must have a lower and an upper bound"
    return found[">="], found["<"]


def lowest(python):
    """{name: version} of lowest.txt for a Python."""
    lines = [line for line in (ROOT / "tests" / "lowest.txt").read_text().splitlines() if line and not line.startswith("#")]
    pins = [Requirement(line) for line in lines]
    return {
        pin.name.replace("-", "_"): Version(next(iter(pin.specifier)).version)
        for pin in pins
        if pin.marker is None or pin.marker.evaluate({"python_version": python})
    }


def test_every_dependency_has_both_bounds():
    for name, requirement in required().items():
        low, high = bounds(requirement)
        assert low < high and (high.major > low.major or low.major == 0), name


def test_the_lowest_releases_are_the_lower_bounds():
    wanted = {name: bounds(each)[0] for name, each in required(TRIED).items()}
    wanted |= {name: bounds(required()[name])[0] for name in TESTS}
    assert lowest("3.10") == lowest("3.12") == wanted
    for python in ("3.13", "3.14"):
        assert set(lowest(python)) == set(wanted)
        for name, version in lowest(python).items():
            low, high = bounds(required()[name])
            assert low <= version < high, name
