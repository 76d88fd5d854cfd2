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
STORED = sorted((FOLDER / "results").glob("sweep-*.json"))


@pytest.fixture
def sweeps(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import sweeps

    return sweeps


def test_the_page_has_the_stored_results(sweeps):
    command = [sys.executable, str(FOLDER / "sweeps.py"), "--table"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.count("\n|") > 10
    assert PAGE.partition(sweeps.START)[2].partition(sweeps.END)[0].strip() == printed.strip()


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_what_is_stored_is_whole(path, sweeps):
    """Every configuration of the recipe with at least three seeds, all of the same length, each below the unigram entropy."""
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["missing"] == 0 and not results["failed"] and len(results["seeds"]) >= 3
    recipe = file.read_sweep(recipes()[path.stem.removeprefix("sweep-")])
    assert recipe.base == {key: value for key, value in results["settings"].items() if key != "files"}
    assert [(c.name, c.changes) for c in recipe.configurations] == [(c["name"], c["changes"]) for c in results["configurations"]]
    loss = results["metrics"][0]
    for each in results["configurations"]:
        assert [run["seed"] for run in each["runs"]] == results["seeds"]
        for run in each["runs"]:
            assert run["steps"] == results["settings"]["steps"] and run[loss] < run["unigram_entropy"] - 0.1
    assert (ROOT / "docs" / f"{path.stem}.png").is_file()


@pytest.fixture
def results_folder(sweeps, monkeypatch, tmp_path):
    """A folder of stored results and one of documents in the place of the repository's."""
    for name, folder in (("RESULTS", tmp_path / "results"), ("DOCS", tmp_path / "docs")):
        folder.mkdir()
        monkeypatch.setattr(sweeps, name, folder)
    return tmp_path


def finished_sweep(folder: Path, **changes) -> Path:
    """A folder named like a recipe, with the results of a sweep of its four configurations."""
    runs = [
        {"seed": seed, "parameters": 10, "seconds": 60.0, "unigram_entropy": 6.0, "mlm_loss": 4.0 + seed} for seed in range(3)
    ]
    names = "sharing=all", "sharing=attention", "sharing=ffn", "sharing=none"
    each = [{"name": name, "changes": {}, "mean": {"parameters": 10},
             "runs": [{**run, "mlm_loss": run["mlm_loss"] - 0.1 * i - 0.001 * run["seed"] * i} for run in runs]}
            for i, name in enumerate(names)]  # fmt: skip
    settings = {"steps": 5, "tokens_per_batch": 64, "learning_rate": 1e-3, "held_out": 0.1, "hidden_size": 16}
    results = {"title": "Of sharing", "settings": settings, "seeds": [0, 1, 2], "metrics": ["mlm_loss"], "configurations": each,
               "text": [{"file": "book.txt", "bytes": 2_400_000, "sha256": "0"}], "missing": 0, **changes}  # fmt: skip
    (folder / "sharing").mkdir()
    (folder / "sharing" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder / "sharing"


def test_results_are_taken_drawn_and_printed_with_the_verdicts_of_the_recipe(sweeps, results_folder):
    page = results_folder / "docs" / "experiments.md"
    assert sweeps.text(sweeps.stored()) == ""
    sweeps.take(finished_sweep(results_folder))
    assert sweeps.stored() == ["sharing"] and (results_folder / "docs" / "sweep-sharing.png").stat().st_size > 1000
    page.write_text(f"Before.\n\n{sweeps.START}\n\nold\n\n{sweeps.END}\n\nAfter.\n")
    sweeps.write_page(page)
    written = page.read_text()
    assert written.startswith("Before.") and written.endswith("After.\n") and "old" not in written
    for part in (
        "Of 4 directions that the paper reports: 2 same direction as the paper, 1 different, unlike the paper, 1 opposite",
        "### Of sharing: `sharing`", "12 runs, 0.2 hours in all. H 16; 5 steps of 64 tokens", "Text: book.txt, 2.4 MB.",
        "| sharing=none | sharing=all | MLM loss | -0.3030 | ", "81.6 against 80.1 | same direction as the paper |",
        "](sweep-sharing.png)",
    ):  # fmt: skip
        assert part in written, part
    page.write_text("no marks")
    with pytest.raises(ValueError, match="needs one part between"):
        sweeps.write_page(page)


def test_unfinished_sweeps_and_others_are_not_taken(sweeps, results_folder):
    with pytest.raises(ValueError, match="2 runs are missing"):
        sweeps.take(finished_sweep(results_folder, missing=2))
    with pytest.raises(ValueError, match="mine is not a recipe"):
        sweeps.take((results_folder / "sharing").rename(results_folder / "mine"))
    assert sweeps.stored() == []


def test_the_files_that_it_shows_are_valid(tmp_path):
    (tmp_path / "book.txt").write_text("A text.\n")
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / name).write_text("label\ttext\na\tb\n")
    shown = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.S)
    assert len(shown) == 3
    for number, text in enumerate(shown):
        path = tmp_path / f"{number}.toml"
        path.write_text(text.replace('"runs/first"', '"albert/albert-base-v1"'), encoding="utf-8")  # that run is not there
        found = file.read_sweep(path)
        assert len(found.configurations) == (8, 4, 3)[number] and len(found.paper) == (0, 0, 2)[number]


def test_it_names_every_recipe():
    assert set(re.findall(r"^\| `([\w-]+)` \|", PAGE, flags=re.M)) == set(recipes())
