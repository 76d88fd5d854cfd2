"""docs/experiments.md has the figures that are stored, and shows files that are valid."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from albert_np.apps.experiments import file, recipes

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
FOLDER = ROOT / "tests" / "benchmarks"


@pytest.fixture
def sweeps(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import sweeps

    return sweeps


measured = pytest.mark.skipif(
    not (FOLDER / "results" / "sweep-ablations.json").is_file(), reason="results/sweep-ablations.json was not measured yet"
)


@measured
def test_the_page_has_the_stored_results(sweeps):
    command = [sys.executable, str(FOLDER / "sweeps.py"), "--table"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.count("\n|") > 10
    assert [line for line in printed.splitlines() if line not in PAGE.splitlines()] == []


@measured
def test_what_is_stored_is_whole(sweeps):
    """Every configuration with at least three seeds, all of the same length, each below the unigram entropy."""
    results = json.loads(sweeps.STORED.read_text(encoding="utf-8"))
    assert results["missing"] == 0 and not results["failed"] and len(results["seeds"]) >= 3
    recipe = file.read_sweep(recipes()["ablations"])
    assert recipe.base == results["settings"] and recipe.seeds == results["seeds"]
    assert [(c.name, c.changes) for c in recipe.configurations] == [(c["name"], c["changes"]) for c in results["configurations"]]
    changed = {key for each in results["configurations"] for key in each["changes"]}
    assert {"sharing", "objective", "fusion_layers", "batches"} <= changed
    for each in results["configurations"]:
        assert [run["seed"] for run in each["runs"]] == results["seeds"]
        for run in each["runs"]:
            assert run["steps"] == results["settings"]["steps"] and run["mlm_loss"] < run["unigram_entropy"] - 0.1


def test_the_verdicts_are_student_s(sweeps):
    """Believed or not, by differences made by hand."""

    def verdict(losses: list[float], sign: int | None) -> str:
        one = {"name": "one", "runs": [{"seed": seed, "mlm_loss": 5.0 + seed} for seed in range(3)]}
        two = {"name": "two", "runs": [{"seed": seed, "mlm_loss": 5.0 + seed + loss} for seed, loss in enumerate(losses)]}
        found = sweeps.found({"metrics": ["mlm_loss"], "configurations": [one, two]}, sweeps.Question("two", "", sign))
        assert found is not None
        return found[1]

    clear, unclear = [-0.11, -0.10, -0.09], [-0.10, 0.0, 0.05]
    assert verdict(clear, -1) == "as in the paper" and verdict(clear, 0) == verdict(clear, 1) == "not as in the paper: lower"
    assert verdict(unclear, -1) == "not to be seen here" and verdict(unclear, 0) == "no difference to be seen, as in the paper"
    assert verdict(clear, None) == "the loss is lower" and verdict(unclear, None) == "no difference to be seen"
    edge = [-0.01, -0.02, -0.03]  # 3.46 standard errors: of three seeds too few
    assert verdict(edge, -1) == "not to be seen here"


def test_the_files_that_it_shows_are_valid(tmp_path):
    (tmp_path / "book.txt").write_text("A text.\n")
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / name).write_text("label\ttext\na\tb\n")
    shown = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.S)
    assert len(shown) == 2
    for number, text in enumerate(shown):
        path = tmp_path / f"{number}.toml"
        path.write_text(text.replace('"runs/first"', '"albert/albert-base-v1"'), encoding="utf-8")  # that run is not there
        found = file.read_sweep(path)
        assert len(found.configurations) == (8 if number == 0 else 4)


def test_it_names_every_recipe():
    assert set(re.findall(r"^\| `([\w-]+)` \|", PAGE, flags=re.M)) == set(recipes())
