"""Sweeps that are really run: tiny ones, each run a process. Going on, failing, stopping, growing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stories import TEXT

from albert_np.apps.cli import main
from albert_np.apps.experiments import file as sweeps
from albert_np.apps.experiments import jobs, prepare, process_pool
from albert_np.apps.experiments.folder import SweepFolder
from albert_np.engine.stop import Stop

BASE = """
title = "Two tiny models"
seeds = [0]
[pretrain]
files = ["text.txt"]
vocab_size = 60
embedding_size = 8
hidden_size = 12
num_hidden_layers = 2
num_attention_heads = 2
intermediate_size = 24
max_length = 32
tokens_per_batch = 256
held_out = 0.2
log_every = 1
"""
SHARING = "steps = 4\n[grid]\nsharing = ['all', 'none']\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a text, from where commands are run."""
    (tmp_path / "text.txt").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "mine.toml") -> str:
    Path(name).write_text(BASE + text, encoding="utf-8")
    return name


def stamps(out: str = "sweeps/mine") -> dict[str, int]:
    """When each run's folder was last written to."""
    return {path.name: (path / "model.safetensors").stat().st_mtime_ns for path in Path(out, "runs").iterdir() if path.is_dir()}


def test_two_models_a_table_and_a_figure_then_more_of_them(here, capsys, fails):
    from matplotlib.image import imread

    assert main(["sweep", write(SHARING), "--jobs", "2"]) == 0
    captured = capsys.readouterr()
    assert "| sharing=none |" in captured.out and "Two tiny models" in captured.out
    assert "2/2 sharing=" in captured.err and "MLM loss" in captured.err
    out = here / "sweeps" / "mine"
    results = json.loads((out / "results.json").read_text())
    assert results["metrics"] == ["mlm_loss", "mlm_accuracy", "sop_accuracy"] and not results["failed"] and not results["missing"]
    (text,) = results["text"]
    assert text["file"] == "text.txt" and text["bytes"] == len(TEXT.encode()) and len(text["sha256"]) == 64
    shared, single = (each["runs"][0] for each in results["configurations"])
    assert single["parameters"] > shared["parameters"] and single["steps"] == shared["steps"] == 4
    assert shared["tokens"] == single["tokens"] > 0 and shared["tokens_per_second"] > 0
    own = [json.loads(line) for line in (out / "runs" / "sharing-all-seed-0" / "metrics.jsonl").read_text().splitlines()]
    assert shared["mlm_loss"] == own[-1]["held_out"]["mlm_loss"]
    assert imread(out / "results.png").shape[1] > 600
    assert (out / "results.md").read_text() == captured.out.split(str(Path("sweeps/mine")))[0].rstrip("\n") + "\n"

    before = stamps()
    assert main(["sweep", "mine.toml", "--quiet"]) == 0  # nothing is done again
    assert capsys.readouterr().out == "" and stamps() == before

    write(SHARING.replace("'none'", "'none', 'ffn'"))  # a configuration more, and another objective beside it
    assert main(["sweep", "mine.toml", "--seeds", "0,1", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert [(each["name"], len(each["runs"])) for each in results["configurations"]] == [
        ("sharing=all", 2), ("sharing=none", 2), ("sharing=ffn", 2),
    ]  # fmt: skip
    assert {name: stamp for name, stamp in stamps().items() if name in before} == before
    assert results["configurations"][0]["deviation"]["mlm_loss"] > 0

    assert main(["sweep", "mine.toml", "--seeds", "0,1", "--table"]) == 0
    text = capsys.readouterr().out
    assert "± " in text and "| sharing=none | sharing=all | MLM loss | " in text and " to " in text
    compared = json.loads((out / "results.json").read_text())["comparisons"]
    assert len(compared) == 2 * 3 and set(compared[0]["differences"]) == {"0", "1"}
    assert main(["sweep", "mine.toml", "--seeds", "0,1", "--power"]) == 0
    text = capsys.readouterr().out
    assert "| sharing=none against sharing=all | MLM loss | 2 | " in text and "| pooled | MLM loss | 2 | " in text
    assert main(["sweep", "mine.toml", "--seeds", "0,1", "--power", "--json"]) == 0
    plans = json.loads(capsys.readouterr().out)
    assert [plan["configuration"] for plan in plans] == ["sharing=none", "sharing=ffn", "pooled"]
    paper = "\n[[paper]]\nconfiguration = 'sharing=none'\ndirection = 'same'\nwithin = 9\nsource = 'Table 4'"  # may be added
    write(SHARING.replace("'none'", "'none', 'ffn'") + paper)
    assert main(["sweep", "mine.toml", "--seeds", "0,1", "--table"]) == 0
    assert "| same (within 9): Table 4 | the same, as in the paper |" in capsys.readouterr().out
    gone = fails("sweep", write(SHARING))  # fewer than there are
    assert "'sharing=ffn' is missing; the seed 1 is missing" in gone and "choose another --out" in gone
    changed = fails(
        "sweep", write(SHARING.replace("steps = 4", "steps = 5").replace("'none'", "'none', 'ffn'")), "--seeds", "0,1"
    )
    assert "sharing=all: steps is 5 now and was 4" in changed
    (here / "text.txt").write_text(TEXT + "\nAnother line. And more.\n")
    write(SHARING.replace("'none'", "'none', 'ffn'"))
    from albert_np.apps.experiments import folder

    folder.hash_file.cache_clear()
    assert "files is ['text.txt " in fails("sweep", "mine.toml", "--seeds", "0,1")
    assert stamps().keys() > before.keys()


def test_objectives_are_measured_alike_and_a_run_that_fails_is_told(here, capsys):
    """One of three diverges; the others are measured on pairs of the same kind."""
    text = "steps = 4\neval_every = 2\n[[variant]]\nname='sop'\n[[variant]]\nname='none'\nobjective='none'\n"
    write(text + "[[variant]]\nname='wild'\nlr=1e12\nclip_norm=1e12\noptimizer='lamb'\n")
    assert main(["sweep", "mine.toml", "--jobs", "1"]) == 1
    captured = capsys.readouterr()
    assert "3/3 wild, seed 0: FAILED, exit code 1: the " in captured.err and "wild-seed-0.log" in captured.err
    assert captured.err.strip().splitlines()[-1].startswith("albert-np: wild, seed 0 failed: exit code 1: ")
    results = json.loads(Path("sweeps/mine/results.json").read_text())
    assert results["metrics"] == ["mlm_loss", "mlm_accuracy", "sop_accuracy"] and results["missing"] == 1
    sop, none, wild = results["configurations"]
    assert wild["runs"] == [] and "wild, seed 0" in results["failed"] and "same held-out pairs" in results["notes"][0]
    assert "sop_accuracy" not in none["runs"][0] and 0 <= sop["runs"][0]["sop_accuracy"] <= 1
    last = json.loads(Path("sweeps/mine/runs/sop-seed-0/metrics.jsonl").read_text().splitlines()[-1])["held_out"]
    assert sop["runs"][0]["mlm_loss"] != last["mlm_loss"]  # half of its own pairs are swapped, these are not
    assert sop["runs"][0]["sop_accuracy"] == pytest.approx(last["sop_accuracy"])
    last = json.loads(Path("sweeps/mine/runs/none-seed-0/metrics.jsonl").read_text().splitlines()[-1])["held_out"]
    assert none["runs"][0]["mlm_loss"] == pytest.approx(last["mlm_loss"], abs=1e-6)
    assert "wild" in captured.out and " – |" in captured.out and "FAILED" in captured.out


def sweep_process(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "albert_np", "sweep", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=process_pool.child_environment(1),
    )  # fmt: skip


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def reached(step: int):
    metrics = Path("sweeps/mine/runs/sharing-all-seed-0/metrics.jsonl")
    return lambda: metrics.exists() and f'"step": {step},' in metrics.read_text()


def test_ctrl_c_saves_and_the_same_command_goes_on(here, capsys):
    write("steps = 3000\neval_every = 5000\ncheckpoint_every = 5000\n[grid]\nsharing = ['all', 'none']\n")
    process = sweep_process("mine.toml", "--jobs", "1")
    wait_for(reached(30))
    assert main(["sweep", "mine.toml", "--table"]) == 0  # also while it runs
    assert "2 runs are missing." in capsys.readouterr().out
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == "" and "stopping: 1 running" in err and "sharing=all, seed 0: stopped" in err
    assert err.strip().splitlines()[-1] == "albert-np: stopped by SIGINT; run the same command again to continue"
    runs = Path("sweeps/mine/runs")
    (checkpoint,) = (runs / "sharing-all-seed-0" / "checkpoints").iterdir()
    assert not (runs / "sharing-none-seed-0").exists() and not (runs / "sharing-all-seed-0.json").exists()
    saved = int(checkpoint.name.removeprefix("step-"))
    assert saved >= 30

    process = sweep_process("mine.toml", "--jobs", "1")
    wait_for(reached(saved + 30))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    process.communicate()
    log = (runs / "sharing-all-seed-0.log").read_text()
    assert f"resuming after step {saved}" in log and "Traceback" not in log


@pytest.mark.slow
def test_two_interrupts_kill_and_nobody_is_left(here):
    write("steps = 100000\n[grid]\nsharing = ['all']\n")
    process = sweep_process("mine.toml")
    wait_for(reached(10))
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.communicate()
    with SweepFolder("sweeps/mine"):  # a run that was left would hold the lock
        pass


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc, to see who holds the lock")
def test_runs_of_a_sweep_that_was_killed_hold_its_folder(here, fails):
    write("steps = 100000\n[grid]\nsharing = ['all']\n")
    process = sweep_process("mine.toml")
    wait_for(reached(10))
    process.kill()
    process.communicate()
    assert "in use by another process" in fails("sweep", "mine.toml", code=1)
    (left,) = left_over(here)
    os.kill(left, signal.SIGKILL)
    wait_for(lambda: not left_over(here))
    with SweepFolder("sweeps/mine"):
        pass


def left_over(here: Path) -> list[int]:
    """The processes that have the sweep's lock open."""
    return [int(process.name) for process in Path("/proc").glob("[0-9]*") if str(here / "sweeps/mine/.lock") in opened(process)]


def opened(process: Path) -> list[str]:
    try:
        return [os.readlink(each) for each in (process / "fd").iterdir()]
    except OSError:  # it has ended, or is not ours
        return []


def test_a_folder_with_something_else_is_refused(here, fails):
    write(SHARING)
    (here / "other").mkdir()
    (here / "other" / "letter.txt").write_text("x")
    assert "is not empty and holds no sweep (it has letter.txt)" in fails("sweep", "mine.toml", "--out", "other")
    assert [path.name for path in (here / "other").iterdir()] == ["letter.txt"]


FINETUNE = """
[finetune]
task = "classification"
train = "train.tsv"
dev = "train.tsv"
config = "tiny"
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 2
vocab_size = 60
"""


@pytest.fixture
def labels(here):
    rows = [f"{'good' if i % 2 else 'bad'}\tThis is {'fine' if i % 2 else 'poor'} work {i}." for i in range(24)]
    Path("train.tsv").write_text("label\ttext\n" + "\n".join(rows) + "\n")


@pytest.mark.slow
def test_finetune(labels, capsys):
    Path("mine.toml").write_text(f"seeds = 2\n{FINETUNE}epochs = 1\n[grid]\nlr = [1e-3, 1e-2]\n")
    assert main(["sweep", "mine.toml", "--jobs", "2"]) == 0
    out = capsys.readouterr().out
    results = json.loads(Path("sweeps/mine/results.json").read_text())
    assert results["metrics"] == ["accuracy"] and "| learning_rate=0.01 |" in out and "accuracy" in out
    for each in results["configurations"]:
        assert len(each["runs"]) == 2 and 0 <= each["mean"]["accuracy"] <= 1 and each["mean"]["parameters"] > 1000
    (Path("sweeps/mine/runs") / "learning_rate-0.01-seed-1.json").unlink()  # as if it had been killed: it starts again
    assert main(["sweep", "mine.toml", "--quiet"]) == 0


@pytest.mark.slow
def test_a_stopped_fine_tuning_goes_on(labels):
    Path("mine.toml").write_text(f"seeds = [0]\n{FINETUNE}epochs = 100_000\n[grid]\nlr = [1e-3]\n")
    log = Path("sweeps/mine/runs/learning_rate-0.001-seed-0.log")
    process = sweep_process("mine.toml", "--jobs", "1")
    wait_for(lambda: log.exists() and "epoch 3:" in log.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.communicate()
    (checkpoint,) = (log.with_suffix("") / "checkpoints").iterdir()

    process = sweep_process("mine.toml", "--jobs", "1")
    wait_for(lambda: "resuming after step" in log.read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    process.communicate()
    step = int(checkpoint.name.removeprefix("step-"))
    assert f"resuming after step {step}" in log.read_text() and "Traceback" not in log.read_text()


def test_a_run_goes_on_with_its_task_and_on_its_device(labels):
    Path("mine.toml").write_text(f"seeds = [0]\n{FINETUNE}backend = 'cupy:1'\n[grid]\nlr = [1e-3]\n")
    sweep = sweeps.read_sweep(Path("mine.toml"))
    with SweepFolder("sweeps/mine") as folder:
        (run,) = folder.plan(sweep)
        (begun,) = prepare.make_job(sweep, folder, run).commands
        assert "--resume" not in begun and "--backend=cupy:1" in begun
        (run.out / "checkpoints" / "step-7").mkdir(parents=True)
        (again,) = prepare.make_job(sweep, folder, run).commands
    words = ["finetune", "classification", "--resume", f"--out={run.out}", "--backend=cupy:1"]
    assert again[-len(words) :] == words and run.can_resume


# ---- jobs, without models ----


def python(code: str) -> list[str]:
    return ["-c", code]


def run_jobs(tmp_path, codes, stop=None, at_once=2):
    told: list[str] = []
    made = [
        process_pool.Job(name, [python(code) for code in each], tmp_path / f"{name}.log", lambda: "fine") for name, each in codes
    ]
    return process_pool.run_jobs(made, at_once, 1, stop or Stop(), told.append), told


def test_jobs_fail_one_by_one(tmp_path):
    failed, told = run_jobs(
        tmp_path,
        [
            ("well", ["print(1)", "print(2)"]),
            ("ill", ["import sys; print('albert-np: no luck', file=sys.stderr); sys.exit(3)", "print('never')"]),
            ("dead", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]),
            ("late", ["import os; print(os.environ['OPENBLAS_NUM_THREADS'])"]),
        ],
    )
    assert failed == {"ill": "exit code 3: no luck", "dead": "ended by SIGKILL: no output"}
    assert (tmp_path / "well.log").read_text() == "1\n2\n" and "never" not in (tmp_path / "ill.log").read_text()
    assert (tmp_path / "late.log").read_text() == "1\n" and len(told) == 4 and told[-1].startswith("4/4 ")


def test_so_many_at_a_time(tmp_path):
    """Each notes when it began and ended: never three at once, and two at some time."""
    code = "import time; a = time.time(); time.sleep(1); print(a, time.time())"
    run_jobs(tmp_path, [(f"job{i}", [code]) for i in range(5)])
    spans = [tuple(map(float, (tmp_path / f"job{i}.log").read_text().split())) for i in range(5)]
    together = [sum(a <= start < b for a, b in spans) for start, _ in spans]
    assert max(together) == 2


def test_what_cannot_be_read_is_a_failure(tmp_path):
    def done() -> str:
        raise KeyError("mlm_loss")

    job = process_pool.Job("odd", [python("pass")], tmp_path / "log", done)
    assert "cannot be read" in process_pool.run_jobs([job], 1, 1, Stop(), lambda text: None)["odd"]


def test_names_of_folders_differ():
    from albert_np.apps.experiments.folder import _choose_folder_name

    assert _choose_folder_name("a = b, c/d", []) == "a-b-c-d" and _choose_folder_name("x/y", ["x-y"]) == "x-y-2"
    assert (
        _choose_folder_name("x y", ["x-y", "x-y-2"]) == "x-y-3"
        and _choose_folder_name("層", []) == "run"
        and len(_choose_folder_name("z" * 300, [])) == 100
    )


def test_python_s_text_is_what_is_read_without_files(here):
    """The text is written once; here it is only looked at that it comes to the runs."""
    (here / "out" / "prepared").mkdir(parents=True)
    (here / "out" / "prepared" / "python.txt").write_text(TEXT)
    found = sweeps.parse_sweep({"pretrain": {"steps": 2}}, "x", here, {})
    with SweepFolder(here / "out") as folder:
        found = jobs.add_default_text(found, folder, lambda text: None)
    assert found.configurations[0].settings["files"] == [str(here / "out" / "prepared" / "python.txt")]
