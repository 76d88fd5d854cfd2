"""The benchmark itself: the list of matrix products is complete, the program runs, and its tables print."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import albert_np as ab

FOLDER = Path(__file__).parent / "benchmarks"


@pytest.fixture(autouse=True)
def _its_folder(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def test_the_products_of_a_step_are_counted():
    """Forward 12 H² a token and layer for the linear maps and 2 T H for attention; a training step three times that, but for the
    last feed-forward, of which it needs the masked rows and [CLS] only."""
    from products import flops, of_batch

    config = ab.AlbertConfig.preset("base")
    lengths, H = [128] * 8, config.hidden_size
    N, L, E, V, M = sum(lengths), config.num_hidden_layers, config.embedding_size, config.vocab_size, 152
    body = L * N * (12 * H * H + 2 * 128 * H) + N * E * H
    heads = 8 * (H * H + 2 * H) + M * (H * E + E * V)
    unread = (N - M - 8) * 8 * H * H
    assert flops(of_batch(config, lengths, M, "pretraining", True)) == 3 * 2 * (body - unread + heads)
    assert flops(of_batch(config, lengths, 0, "classification", False)) == 2 * (body + 8 * (H * H + 2 * H))


def test_products_are_run_with_their_shapes():
    from products import Product, execute, operands

    for product in (Product(3, 4, 5), Product(3, 4, 5, "a"), Product(3, 4, 5, "b", 2)):
        a, b, out = operands(product)
        execute([(1, a, b, out)])
        assert out.shape[-2:] == (3, 5) and out.size == 15 * product.stack and abs(out.ravel()[0] - 4e-4) < 1e-8


def run(*arguments):
    return subprocess.run([sys.executable, str(FOLDER / "run.py"), *arguments], capture_output=True, text=True)


def test_it_runs(tmp_path):
    out = tmp_path / "results" / "cpu.json"
    cases = "pretrain-base finetune-random infer-sorted latency".split()
    ran = run("--quick", "--against", "none", "--repeats", "1", "--cases", *cases, "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert list(found["cases"]) == cases
    for case in found["cases"].values():
        assert case["medians"]["ours"] > 0 and case["medians"]["products"] > 0 and case["flops"] > 0
    again = subprocess.run([sys.executable, str(FOLDER / "table.py"), str(out)], capture_output=True, text=True, check=True)
    assert again.stdout == ran.stdout and ran.stdout.count("\n| ") == 1 + len(cases)


@pytest.mark.slow
def test_the_gpus_benchmark_runs_on_the_host(tmp_path):
    program, out = str(FOLDER / "gpu.py"), str(tmp_path / "gpu.json")
    arguments = "--backend numpy --quick --against --cases finetune-small latency --out".split()
    command = [sys.executable, program, *arguments, out]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(Path(out).read_text(encoding="utf-8"))
    assert len(found["cases"]) == 2 and all(0 < case["floor_ms"] < case["ms"]["ours"] for case in found["cases"].values())
    again = subprocess.run([sys.executable, program, "--table", out], capture_output=True, text=True, check=True)
    assert again.stdout in ran.stdout and again.stdout.count("\n| ") == 3


@pytest.mark.parametrize("stored", sorted(path.name for path in (FOLDER / "results").glob("*cpu*.json")))
def test_the_page_and_the_readme_have_the_stored_results(stored):
    command = [sys.executable, str(FOLDER / "table.py"), "--short", str(FOLDER / "results" / stored)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    root = FOLDER.parents[1]
    page = (root / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    assert len("\n".join(printed)) > 1000
    assert [line for line in printed if line not in page] == []
    readme = (root / "README.md").read_text(encoding="utf-8").splitlines()
    start = readme.index(next(line for line in printed if line.startswith("|  |")))
    rows = readme[start + 2 : readme.index("", start)]
    assert len(rows) == 3 and [line for line in rows if line not in printed] == []


@pytest.mark.parametrize(
    ("program", "page"),
    [
        ("tasks", "tasks.md"), ("tasks-tiny", "glue.md"),
        ("compress", "compress.md"), ("serve", "serving.md"), ("parallel", "parallel.md"),
        ("sklearn_search", "sklearn.md"),
        ("embeddings", "embeddings.md"),
    ],
)  # fmt: skip
def test_the_pages_have_the_stored_results(program, page):
    if not (FOLDER / "results" / f"{program}.json").is_file():
        pytest.skip(f"results/{program}.json was not measured yet")
    command = [sys.executable, str(FOLDER / f"{program.partition('-')[0]}.py"), "--table"]
    if "-" in program:
        command += ["--out", str(FOLDER / "results" / f"{program}.json")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    text = (FOLDER.parents[1] / "docs" / page).read_text(encoding="utf-8")
    assert printed.stdout.count("\n|") > 2
    assert [line for line in printed.stdout.splitlines() if line not in text] == []


def test_wrong_usage_is_one_line():
    ran = run("--cases", "nothing")
    assert ran.returncode == 1 and ran.stderr.startswith("no such case: nothing; there are pretrain-base, ")
    assert run("--repeats", "0").returncode == 2


def test_the_times_in_webassembly_print():
    command = [sys.executable, str(FOLDER / "wasm.py"), "--table"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| the demonstration's |" in printed and "NumPy's products" in printed


def test_the_times_of_the_live_pages_print():
    command = [sys.executable, str(FOLDER / "live.py"), "--table"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    stored = json.loads((FOLDER / "results" / "live.json").read_text(encoding="utf-8"))["notebooks"]
    assert [line.split("|")[1].strip() for line in printed.splitlines()[2:] if line.startswith("|")] == sorted(stored)
