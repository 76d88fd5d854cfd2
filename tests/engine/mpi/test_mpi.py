"""Real processes under a real mpiexec, more of them than there are cores."""

import json
import re
import signal
import subprocess
import time

import numpy as np
import programs
import pytest
from mpi_tools import command

from albert_np.engine import mpi as parallel
from albert_np.training import Settings


def expected_gradients(workshop, accumulate=1, tokens=256):
    """Of one process alone."""
    settings = Settings(**{**programs.SETTINGS, "tokens_per_batch": tokens})
    dropout = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    model, data, _ = programs.prepared(workshop, settings, "float64", **dropout)
    return [programs.gradient(model, data, step, accumulate, parallel.SINGLE_PROCESS) for step in range(3)]


def compare_gradients(found, expected):
    for step, (flat, loss) in enumerate(expected):
        np.testing.assert_allclose(found[f"flat{step}"], flat, rtol=0, atol=1e-12)
        assert float(found[f"loss{step}"]) == pytest.approx(loss, abs=1e-12)


def test_processes_exchange_what_they_have(program):
    done = program(3, "exchanges")
    assert sorted(done.stdout.splitlines()) == [f"rank {rank} of 3" for rank in range(3)]


@pytest.mark.parametrize("n", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 4))])
def test_gradients_are_those_of_one_process(program, workshop, tmp_path, n):
    program(n, "gradients", out=tmp_path / "found.npz")
    compare_gradients(np.load(tmp_path / "found.npz"), expected_gradients(workshop))


@pytest.mark.slow
@pytest.mark.parametrize(("accumulate", "tokens"), [(2, 256), (1, 32)], ids=["micro-batches", "fewer examples than processes"])
def test_so_they_are_in_parts(program, workshop, tmp_path, accumulate, tokens):
    program(4, "gradients", out=tmp_path / "found.npz", accumulate=accumulate, tokens=tokens)
    compare_gradients(np.load(tmp_path / "found.npz"), expected_gradients(workshop, 1, tokens))


@pytest.mark.slow
def test_denominators_of_one_s_own_are_caught(program, workshop, tmp_path):
    """The bug that every data-parallel program has had once: each process divides by its own number of items."""
    program(2, "gradients", out=tmp_path / "found.npz", bug="own denominators")
    with pytest.raises(AssertionError):
        compare_gradients(np.load(tmp_path / "found.npz"), expected_gradients(workshop))


# ---- training ----


def losses(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line], [line["held_out"]["loss"] for line in lines if "held_out" in line]


def same_curves(folder, other, tolerance=1e-5):
    for mine, theirs in zip(losses(folder), losses(other)):
        assert len(mine) == len(theirs) > 0
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def alone(workshop, tmp_path_factory):
    """(options) -> the folder of a run of one process, made once."""
    made = {}

    def run(**options):
        key = json.dumps(options, sort_keys=True)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("alone") / "run"
            programs.train(workshop, str(made[key]), **options)
        return made[key]

    return run


LONG = dict(steps=50, log_every=10, eval_every=25, checkpoint_every=25)


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_loss_curves_are_those_of_one_process(program, alone, tmp_path, n):
    program(n, "train", out=tmp_path / "run", **LONG)
    same_curves(tmp_path / "run", alone(**LONG))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"optimizer": "lamb"}, {"bias_correction": True, "sparsity": "0.5"}], ids=["lamb", "pruned"])
def test_divided_moments_are_whole_moments(program, alone, tmp_path, options):
    program(3, "train", out=tmp_path / "run", shard_optimizer=True, **options, **LONG)
    same_curves(tmp_path / "run", alone(**options, **LONG))
    last = "checkpoints/step-00000050"
    from safetensors.numpy import load_file

    for name in ("params.safetensors", "moments.safetensors"):
        mine, theirs = (load_file(folder / last / name) for folder in (tmp_path / "run", alone(**options, **LONG)))
        assert sorted(mine) == sorted(theirs)
        for key in mine:
            np.testing.assert_allclose(mine[key], theirs[key], rtol=1e-3, atol=2e-5, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True], ids=["whole", "divided"])
def test_a_run_goes_on_with_any_number_of_processes(program, alone, tmp_path, sharded):
    """1 -> 3 -> 2, each stopped in the middle of its way, on the loss curve of one that was never stopped."""
    options = dict(log_every=1, eval_every=5, checkpoint_every=50, optimizer="lamb")
    resume = False
    for n, stop in ((1, 4), (3, 9), (2, -1)):
        trouble = {"rank": n - 1, "step": stop - (0 if n == 1 else 5), "what": "signal"} if stop > 0 else None
        done = program(n, "train", out=tmp_path / "run", resume=resume, trouble=trouble, shard_optimizer=sharded, **options)
        said = json.loads(done.stdout)
        assert said["stopped_by"] == ("SIGINT" if stop > 0 else "") and said["step"] == (stop + 1 if stop > 0 else 14)
        resume = True
    same_curves(tmp_path / "run", alone(**options))


@pytest.mark.slow
def test_arrays_of_a_device_go_through_the_host(program, tmp_path):
    for n, sharded in ((1, False), (2, False), (2, True)):
        program(n, "strict", out=tmp_path / f"{n}{sharded}.npy", sharded=sharded)
    expected = np.load(tmp_path / "1False.npy")
    np.testing.assert_allclose(np.load(tmp_path / "2False.npy"), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.load(tmp_path / "2True.npy"), expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_processes_that_drift_apart_are_brought_together(program, tmp_path):
    done = program(2, "train", out=tmp_path / "run", trouble={"rank": 1, "step": 3, "what": "drift"})
    assert any("differed by rounding" in note for note in json.loads(done.stdout)["notes"])


# ---- when something goes wrong ----

PRETRAIN = (
    "--max-length 32 --tokens-per-batch 256 --vocab-size 70 --embedding-size 16 --hidden-size 24 --num-hidden-layers 2 "
    "--num-attention-heads 3 --intermediate-size 48 --max-position-embeddings 32"
).split()


def one_line(text):
    """The one line that the command says before it fails."""
    (line,) = [line for line in text.splitlines() if line.startswith("albert-np: ")]
    assert "Traceback" not in text
    return line


def test_one_that_fails_ends_all_with_its_message(program, workshop, tmp_path):
    arguments = ["pretrain", workshop / "text.txt", "--out", tmp_path / "run", "--steps", "5", "--quiet", *PRETRAIN]
    done = program(3, "commands", arguments=[str(a) for a in arguments], fail=2, code=1, timeout=120)
    assert one_line(done.stderr) == "albert-np: the roof has come down (process 2 of 3)"
    assert done.stdout == ""


@pytest.mark.slow
def test_what_is_wrong_for_all_is_said_once(mpiexec, workshop, tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    arguments = ["-m", "albert_np", "pretrain", workshop / "text.txt", "--out", tmp_path / "run"]
    for more, code, words in (
        ((), 2, "already holds a run"),  # only the first process looks
        (("--resume",), 1, "no usable checkpoint"),
        (("--max-length", 7), 2, "max_length must be at least 8, not 7"),  # every process looks
    ):
        done = mpiexec(3, *arguments, *more, code=code)
        assert words in one_line(done.stderr) and done.stdout == ""
    done = mpiexec(2, "-m", "albert_np", "info", "tiny", code=2)
    assert "info is for one process, and 2 were started" in one_line(done.stderr)


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_all(program, tmp_path):
    done = program(2, "train", out=tmp_path / "run", trouble={"rank": 1, "step": 3, "what": "nan"}, code=1)
    assert done.stderr.count("Diverged: the loss became NaN or infinite at step 4") == 2  # here each has its traceback
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*4"))


@pytest.mark.slow
def test_one_that_is_killed_ends_all(program, tmp_path):
    began = time.monotonic()
    done = program(3, "train", out=tmp_path / "run", trouble={"rank": 1, "step": 6, "what": "die"}, code=None, timeout=120)
    assert done.returncode != 0 and time.monotonic() - began < 100
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000004"]


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_mpiexec_saves_and_ends(mpiexec, workshop, tmp_path, asked, code):
    run = tmp_path / "run"
    more = ["--out", run, "--steps", 100000, "--log-every", 1, *PRETRAIN]
    started = subprocess.Popen(
        command(3, "-m", "albert_np", "pretrain", workshop / "text.txt", *more), stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while not (run / "metrics.jsonl").exists() or len((run / "metrics.jsonl").read_text().splitlines()) < 3:
            assert time.monotonic() < until and started.poll() is None
            time.sleep(0.1)
        started.send_signal(asked)
        out, said = started.communicate(timeout=120)
    finally:
        started.kill()
    # MPICH's mpiexec joins the exit codes of its processes and its own
    assert started.returncode in (code, code | 143), said
    assert f"stopped by {asked.name}, saved" in one_line(said)
    (saved,) = (run / "checkpoints").iterdir()
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    assert saved.name == f"step-{last:08d}"
    assert len(re.findall("100,000 steps", out)) == 1


# ---- the commands ----


@pytest.mark.slow
def test_one_process_writes_and_speaks(mpiexec, workshop, tmp_path):
    more = ["--steps", 6, "--eval-every", 3, "--checkpoint-every", 3, *PRETRAIN]
    run = ["-m", "albert_np", "pretrain", workshop / "text.txt", *more]
    many = mpiexec(3, *run, "--shard-optimizer", "--out", tmp_path / "many")
    mpiexec(1, *run, "--out", tmp_path / "single")
    assert "in each of 3 processes" in many.stderr and "3 processes: " in many.stderr
    assert many.stderr.count("held-out after step 6") == many.stdout.count("6 of 6 steps") == 1
    same_curves(tmp_path / "many", tmp_path / "single")

    def files(folder):
        names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        return sorted(re.sub(r"^(corpus/[a-z]+)-[0-9a-f]+", r"\1", name) for name in names)  # a corpus's files are numbered

    assert files(tmp_path / "many") == files(tmp_path / "single")


@pytest.mark.slow
def test_fine_tuning_together(mpiexec, tmp_path):
    words = (("big and slow", "large"), ("small", "little"), ("tiny", "little"), ("huge", "large"))
    animals = "cat dog horse bird goat mouse owl".split()
    lines = [f"the {animal} is {word}\t{label}\n" for animal in animals for word, label in words]
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(lines))
    (tmp_path / "dev.tsv").write_text("text\tlabel\n" + "".join(lines[::3]))
    found = {}
    for n in (1, 3):
        out = tmp_path / str(n)
        sizes = "--vocab-size 60 --hidden-size 24 --num-attention-heads 3 --num-hidden-layers 2 --intermediate-size 48".split()
        done = mpiexec(
            n, "-m", "albert_np", "finetune", "classification", "--train", tmp_path / "train.tsv", "--dev", tmp_path / "dev.tsv",
            "--config", "tiny", *sizes, "--epochs", 3, "--tokens-per-batch", 64, "--json", "--seeds", 2, "--out", out,
            *(["--shard-optimizer"] if n > 1 else []),
        )  # fmt: skip
        found[n] = json.loads(done.stdout)
        assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["figures", "seed-0", "seed-1"]
    assert found[3]["seeds"] == found[1]["seeds"]
    for seed in ("seed-0", "seed-1"):
        one, three = (
            [json.loads(line) for line in (tmp_path / n / seed / "metrics.jsonl").read_text().splitlines()] for n in "13"
        )
        assert len(one) == len(three)
        for a, b in zip(one, three):
            assert a.keys() == b.keys() and a.get("dev") == b.get("dev")
            for key in a.keys() & {"loss", "accuracy", "lr", "grad_norm", "tokens", "step"}:
                assert a[key] == pytest.approx(b[key], abs=1e-5), (key, a, b)
