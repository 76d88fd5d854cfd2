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
    assert found["cases"]["latency"]["tokens"] == 20 * 16 and len(found["cases"]["latency"]["processor"]["ours"]) == 1
    assert "Products of inference: " in ran.stdout


@pytest.mark.slow
def test_the_gpus_benchmark_runs_on_the_host(tmp_path):
    program, out = str(FOLDER / "gpu.py"), str(tmp_path / "gpu.json")
    arguments = "--backend numpy --quick --against --cases finetune-small latency --out".split()
    command = [sys.executable, program, *arguments, out]
    for _ in range(3):  # the products alone are faster than the whole, but other work on the machine may disturb one of the two
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        cases = json.loads(Path(out).read_text(encoding="utf-8"))["cases"].values()
        if faster := all(0 < case["floor_ms"] < case["ms"]["ours"] for case in cases):
            break
    assert len(cases) == 2 and faster
    again = subprocess.run([sys.executable, program, "--table", out], capture_output=True, text=True, check=True)
    assert again.stdout in ran.stdout and again.stdout.count("\n| ") == 3


def test_the_page_and_the_readme_have_the_stored_results():
    stored = sorted(map(str, (FOLDER / "results").glob("cpu-*.json")))
    assert stored
    command = [sys.executable, str(FOLDER / "table.py"), "--short", *stored]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    root = FOLDER.parents[1]
    page = (root / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    assert len("\n".join(printed)) > 1000
    assert [line for line in printed if line not in page] == [], "python tests/benchmarks/table.py --write"
    readme = (root / "README.md").read_text(encoding="utf-8").splitlines()
    start = readme.index(next(line for line in printed if line.startswith("|  |")))
    rows = readme[start + 2 : readme.index("", start)]
    cases = [name for path in stored for name in json.loads(Path(path).read_text(encoding="utf-8"))["cases"]]
    assert len(rows) == sum(cases.count(name) for name in ("pretrain-base", "finetune-random", "latency"))
    assert [line for line in rows if line not in printed] == []


def test_measurements_with_other_processor_features_are_rows_of_one_table(tmp_path, monkeypatch, capsys):
    """The rows of a case one below the other, in the page and in the README, and nothing else of either is changed."""
    import table

    first = json.loads((FOLDER / "results" / "cpu-avx2.json").read_text(encoding="utf-8"))
    other = json.loads(json.dumps(first).replace("Haswell", "SkylakeX"))
    other["cases"]["pretrain-base"]["medians"]["ours"] /= 2
    del other["cases"]["pretrain-tiny"]
    root = FOLDER.parents[1]
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/benchmarks.md"):
        (tmp_path / name).write_text((root / name).read_text(encoding="utf-8"), encoding="utf-8")
    files = [tmp_path / "cpu-avx2.json", tmp_path / "cpu-avx512.json"]
    for path, results in zip(files, (first, other)):
        path.write_text(json.dumps(results), encoding="utf-8")
    monkeypatch.setattr(table, "ROOT", tmp_path)
    table.write_pages(files)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in readme if line.startswith("| pretraining step, base, 8 × 128")]
    assert [row.split(" | ")[1] for row in rows] == ["AVX2", "AVX-512"]
    page = (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    count = len(first["cases"]) + len(other["cases"])
    assert len([line for line in page if line.startswith("| ")]) == 1 + count and set(rows) < set(page)
    assert len([line for line in page if line.startswith(("AVX2: ", "AVX-512: "))]) == 2
    table.write_pages(sorted((FOLDER / "results").glob("cpu-*.json")))
    for name in ("README.md", "docs/benchmarks.md"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (root / name).read_text(encoding="utf-8")


def test_two_processors_with_the_same_features_are_told_apart():
    import table

    def measured(cpu, kernel):
        return {"machine": {"cpu": cpu, "blas": [{"internal_api": "openblas", "version": "0.3", "architecture": kernel}]}}

    three = [measured("AMD EPYC", "Haswell"), measured("Intel(R) Xeon(R) Processor", "Haswell"), measured("AMD EPYC", "SkylakeX")]
    assert table.labels(three) == ["AVX2, AMD EPYC", "AVX2, Intel Xeon", "AVX-512"]


def test_a_measurement_can_be_divided(tmp_path):
    """A call adds its cases to those of earlier ones, each with a date and a commit of its own; the next one takes the rest."""
    out = tmp_path / "cpu.json"
    options = "--quick --against none --repeats 1 --out".split()
    first = run(*options, str(out), "--cases", "latency")
    assert first.returncode == 0, first.stderr
    stored = json.loads(out.read_text(encoding="utf-8"))
    stored["measured"]["latency"] = {"date": "2000-01-01", "commit": "0123456789"}
    stored["cases"]["latency"]["title"] = "as it was"
    out.write_text(json.dumps(stored), encoding="utf-8")
    second = run(*options, str(out), "--cases", "latency", "infer-sorted", "--minutes", "1e-9")
    assert second.returncode == 0, second.stderr
    assert second.stderr.endswith("left for the next call: latency\n")
    found = json.loads(out.read_text(encoding="utf-8"))
    assert list(found["cases"]) == ["infer-sorted", "latency"] == sorted(found["measured"])
    assert found["cases"]["latency"]["title"] == "as it was" and found["measured"]["latency"]["commit"] == "0123456789"
    assert "Measured 2000-01-01 to " in second.stdout and "0123456789" in second.stdout


def test_what_is_measured_first():
    from run import order_by_need

    measured = {
        "a": {"date": "2026-01-02", "commit": "old"}, "b": {"date": "2026-01-01", "commit": "older"},
        "c": {"date": "2026-01-03", "commit": "new"},
    }  # fmt: skip
    assert order_by_need(["a", "b", "c", "d"], measured, "new") == ["d", "b", "a"]


def test_results_of_another_machine_are_not_mixed(tmp_path):
    from run import read_results

    stored = json.loads((FOLDER / "results" / "cpu-avx2.json").read_text(encoding="utf-8"))
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps(stored), encoding="utf-8")
    kept = read_results(path, {"machine": stored["machine"], "versions": {}})
    assert kept["measured"]["kernels"]["date"] == kept["measured"]["infer-sorted"]["date"] == stored["date"]
    other = {**stored["machine"], "blas": [{"internal_api": "openblas", "version": "0.3", "architecture": "SkylakeX"}]}
    with pytest.raises(SystemExit, match=r"no case can be added to it: blas was .*Haswell.* and is .*SkylakeX"):
        read_results(path, {"machine": other, "versions": {}})


# ---- time to a loss ----


def test_the_batches_of_a_training_are_stored(tmp_path):
    import numpy as np
    from folder import STORED, StoredBatches, store_batches

    rng = np.random.default_rng(0)
    batches = [
        {name: rng.integers(0, 50, {"tokens": 9 + i, "sequences": 3, "masked": 2 + i}[count]) for name, count in STORED.items()}
        for i in range(4)
    ]
    store_batches(tmp_path, iter(batches))
    stored = StoredBatches(tmp_path)
    assert len(stored) == 4
    for i in (2, 0, 3, 1):
        assert all(np.array_equal(stored[i][name], batches[i][name]) for name in STORED)


def test_the_step_at_which_a_loss_is_reached():
    from time_to_loss import steps_to

    assert steps_to([5.0, 3.0, 3.0, 1.0], 3.0, 2) == 3  # the mean of the last two, not one of them
    assert steps_to([5.0, 1.0], 3.1, 2) == 2
    assert steps_to([5.0, 4.0], 3.0, 2) is None and steps_to([1.0], 3.0, 2) is None


def test_the_time_to_a_loss_is_measured(tmp_path):
    program, out = str(FOLDER / "time_to_loss.py"), tmp_path / "results" / "time_to_loss.json"
    command = [sys.executable, program, *"--quick --against none --below -9 --threads 1 --out".split(), str(out)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    ours = found["contenders"]["ours"]
    assert ours["reached"] and ours["steps"] == found["goal"]["window"] == 4 and ours["tokens"] > 0 < ours["seconds"]
    assert 0.5 * found["goal"]["entropy"] < ours["loss"] < 2 * found["goal"]["entropy"]
    again = subprocess.run([sys.executable, program, "--table", str(out), str(out)], capture_output=True, text=True, check=True)
    assert again.stdout.count("| albert_np | ") == 2 and "9.00 nats" in again.stdout


@pytest.mark.parametrize(
    ("program", "page"),
    [
        ("tasks", "tasks.md"), ("tasks-tiny", "glue.md"),
        ("compress", "compress.md"), ("serve", "serving.md"), ("parallel", "parallel.md"),
        ("sklearn_search", "sklearn.md"),
        ("embeddings", "embeddings.md"),
        ("sizes", "comparison.md"),
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


def test_recomputing_is_measured(tmp_path):
    out = tmp_path / "recompute.json"
    command = [sys.executable, str(FOLDER / "recompute.py"), "--quick", "--rounds", "1", "--dropout", "0.1", "--out", str(out)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (found,) = json.loads(out.read_text(encoding="utf-8")).values()
    assert found["same_bits"] and printed.count("\n| ") == 1
    plain, layers, recompute = (found["memory"][name] for name in ("plain", "layers", "recompute"))
    assert recompute < plain and layers < plain and all(seconds[0] > 0 for seconds in found["seconds"].values())


def test_wrong_usage_is_one_line():
    ran = run("--cases", "nothing")
    assert ran.returncode == 1 and ran.stderr.startswith("no such case: nothing; there are pretrain-base, ")
    assert run("--repeats", "0").returncode == 2
    assert run("--minutes", "10").returncode == 2


def test_the_times_in_webassembly_print():
    command = [sys.executable, str(FOLDER / "wasm.py"), "--table"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| the demonstration's |" in printed and "NumPy's products" in printed


def test_sizes_without_wheel_and_sdist_say_what_to_do(tmp_path):
    ran = subprocess.run(
        [sys.executable, str(FOLDER / "sizes.py"), "--dist", str(tmp_path), "--out", str(tmp_path / "sizes.json")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1 and ran.stderr == f"{tmp_path} must have one wheel and one sdist: run `make dist` first\n"
    assert not (tmp_path / "sizes.json").exists()


def test_the_size_of_a_distribution_is_that_of_its_files(tmp_path):
    from importlib.metadata import distributions

    from sizes import size_of

    (tmp_path / "thing-1.0.dist-info").mkdir()
    (tmp_path / "thing-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    (tmp_path / "thing.py").write_text("x = 1\n")
    (tmp_path / "of_another.py").write_text("y = 2\n")
    (tmp_path / "thing-1.0.dist-info" / "RECORD").write_text("thing.py,,\nthing-1.0.dist-info/METADATA,,\nmissing.py,,\n")
    (thing,) = distributions(path=[str(tmp_path)])
    assert size_of(thing) == len("x = 1\n") + (tmp_path / "thing-1.0.dist-info" / "METADATA").stat().st_size


def test_the_times_of_the_live_pages_print():
    command = [sys.executable, str(FOLDER / "live.py"), "--table"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    stored = json.loads((FOLDER / "results" / "live.json").read_text(encoding="utf-8"))["notebooks"]
    assert [line.split("|")[1].strip() for line in printed.splitlines()[2:] if line.startswith("|")] == sorted(stored)
