"""A disk that fills, cannot be written, or loses files: one clear line, what was saved stays whole, and the run goes on later."""

import errno
import json
import os
import shutil
import subprocess

import pytest
from processes import came_to

import albert_np as ab
from albert_np.io import files
from albert_np.training import checkpoint


@pytest.fixture
def small_disk(tmp_path):
    """mounted(options) -> a folder that is a file system of its own; skipped where none may be mounted."""
    places = []

    def mounted(options):
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        places.append(place)
        return place

    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    yield mounted
    for place in places:
        subprocess.run(["umount", place], check=True)


def fails_at(monkeypatch, k):
    """The k-th request to the disk from now on, of those by which files come into being, finds it full -> how many came."""
    count = [0]

    def counted(function):
        def call(*arguments, **options):
            count[0] += 1
            if count[0] == k:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments, **options)

        return call

    for owner, name in ((os, "fsync"), (os, "rename"), (os, "replace"), (os, "mkdir"), (checkpoint, "write_arrays"),
                        (files, "sync"), (checkpoint, "sync")):  # fmt: skip
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return count


STEPS, EVERY = 4, 2


def trained(workshop, out, steps=STEPS, resume=False):
    model, data, settings, tokenizer = workshop(steps)
    return ab.pretrain(model, data, out, settings, tokenizer, resume=resume)


@pytest.fixture(scope="module")
def workshop(text, tmp_path_factory):
    """A fresh model with all that a run takes."""
    from albert_np.text import AlbertTokenizer, train_tokenizer
    from albert_np.training import Settings, prepare_data

    folder = tmp_path_factory.mktemp("workshop")
    train_tokenizer(text.read_text().splitlines(), folder / "spiece.model", 60)
    tokenizer = AlbertTokenizer(folder / "spiece.model")
    config = ab.AlbertConfig(vocab_size=tokenizer.vocab_size, embedding_size=8, hidden_size=12, num_hidden_layers=1,
                             num_attention_heads=2, intermediate_size=24, max_position_embeddings=32)  # fmt: skip
    settings = Settings(steps=STEPS, max_length=32, tokens_per_batch=256, held_out=0.2, checkpoint_every=EVERY)
    data = prepare_data([text], folder / "corpus", config, settings, tokenizer)
    return lambda steps: (ab.AlbertForPreTraining(config), data, settings.replace(steps=steps), tokenizer)


@pytest.mark.slow
def test_full_at_every_single_request(workshop, tmp_path, monkeypatch):
    """Whichever request fails: OSError with one line, no half of a checkpoint, and the resumed run ends as one without it."""
    trained(workshop, tmp_path / "whole")
    whole, k = came_to(tmp_path / "whole"), 0
    while True:
        k += 1
        out = tmp_path / f"{k}"
        with monkeypatch.context() as patched:
            count = fails_at(patched, k)
            try:
                trained(workshop, out)
                assert came_to(out) == whole
                if count[0] < k:
                    break
            except OSError as error:  # or else it was for a folder that is there already
                assert "No space left" in str(error) and "\n" not in str(error)
        for folder in checkpoint.folders(out / "checkpoints") if out.exists() else ():
            checkpoint.verify(folder)
        assert not list(out.glob("**/*.tmp")) and not list(out.glob("checkpoints/.*"))
        again = any(out.glob("checkpoints/step-*"))
        if not again:
            shutil.rmtree(out, ignore_errors=True)
        trained(workshop, out, resume=again)
        assert came_to(out) == whole
        shutil.rmtree(out)
    assert k - 1 == count[0] > 100


@pytest.mark.slow
@pytest.mark.parametrize("free", [30, 3000])  # KiB: less than a checkpoint, of which one has 630, and a few of them
def test_a_disk_that_fills(commands, text, small_disk, tmp_path, free):
    commands.run(*commands.pretraining(text, tmp_path / "whole", 40, "--checkpoint-every", 3))
    disk = small_disk("size=8m")
    corpus = tmp_path / "corpus"  # elsewhere
    begin = [*commands.pretraining(text, disk / "out", 40, "--checkpoint-every", 3, "--corpus", corpus), "--keep", 9]
    (disk / "ballast").write_bytes(bytes((8 << 20) - (free << 10)))
    said = commands.refused(*begin, code=1)
    assert "No space left" in said or "os error 28" in said or "MiB free" in said, said
    (disk / "ballast").unlink()
    saved = checkpoint.folders(disk / "out" / "checkpoints")
    for folder in saved:
        checkpoint.verify(folder)
    assert bool(saved) == (free > 1000)
    if saved:
        assert "could not be saved" in said and "the checkpoints before it are whole" in said
        commands.run("pretrain", "--resume", "--out", disk / "out", "--keep", 2, "--quiet")
        assert came_to(disk / "out") == came_to(tmp_path / "whole")
        assert not list((disk / "out").glob("**/.writing-*"))


@pytest.mark.slow
def test_a_disk_that_cannot_be_written(commands, text, rows, small_disk, tmp_path):
    disk = small_disk("size=1m")
    (disk / "folder").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for begin in (
        commands.pretraining(text, disk / "out", 4),
        commands.pretraining(text, disk / "folder", 4),
        commands.finetuning(rows, disk / "out", "--epochs", 1),
        ["tokenizer", "train", text, "--out", disk / "out", "--vocab-size", 60],
    ):
        said = commands.refused(*begin, code=1)
        assert "Read-only file system" in said and str(disk) in said, said


# ---- what is removed while it is in use ----


def stopped(commands, text, out, *more):
    """A run that was stopped after some steps -> the arguments that continue it."""
    begin = commands.pretraining(text, out, 60, "--checkpoint-every", 5, "--log-every", 1, *more)
    process = commands.start(*begin)
    commands.wait_for(process, lambda: (out / "checkpoints" / "step-00000005").exists())
    commands.end(process)
    return ["pretrain", "--resume", "--out", out, "--quiet"]


@pytest.mark.slow
def test_the_corpus_is_removed(commands, text, tmp_path):
    commands.run(*commands.pretraining(text, tmp_path / "whole", 60, "--checkpoint-every", 5, "--log-every", 1))
    out = tmp_path / "out"
    resume = stopped(commands, text, out)
    shutil.rmtree(out / "corpus")
    said = commands.refused(*resume, code=2)
    assert "holds no prepared corpus" in said and "give the text files again" in said
    other = tmp_path / "other.txt"
    other.write_text(text.read_text() + "\nAnother one.\n")
    assert "cannot resume" in commands.refused("pretrain", other, *resume[1:], code=2)
    commands.run("pretrain", text, *resume[1:])
    assert came_to(out) == came_to(tmp_path / "whole")


def test_metrics_and_checkpoints_are_removed_while_it_runs(workshop, tmp_path):
    from albert_np.training import Report

    class Removes(Report):
        def step(self, record):
            if record["step"] == 3:
                (tmp_path / "metrics.jsonl").unlink()
                shutil.rmtree(tmp_path / "checkpoints")

    model, data, settings, tokenizer = workshop(STEPS)
    ab.pretrain(model, data, tmp_path, settings.replace(log_every=1), tokenizer, report=Removes())
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [4, 4], "what comes after it is written: the last step and its evaluation"
    assert [path.name for path in checkpoint.folders(tmp_path / "checkpoints")] == ["step-00000004"]


@pytest.mark.slow
def test_the_text_changes(commands, text, tmp_path):
    """While it trains, and before it goes on: the run has its own copy, as tokens."""
    own = tmp_path / "own.txt"
    own.write_text(text.read_text())
    commands.run(*commands.pretraining(own, tmp_path / "whole", 60, "--checkpoint-every", 5, "--log-every", 1))
    out = tmp_path / "out"
    begin = commands.pretraining(own, out, 60, "--checkpoint-every", 5, "--log-every", 1)
    process = commands.start(*begin)
    commands.wait_for(process, lambda: (out / "metrics.jsonl").exists())
    own.write_text("Something else.\n\nAltogether.\n")
    commands.wait_for(process, lambda: (out / "checkpoints" / "step-00000005").exists())
    commands.end(process)
    resume = ["pretrain", "--resume", "--out", out, "--quiet"]
    assert "these are not the text files" in commands.refused("pretrain", own, *resume[1:], code=2)
    commands.run(*resume)
    assert came_to(out) == came_to(tmp_path / "whole")


def test_the_text_changes_while_it_is_tokenised(text, tmp_path):
    """What was read is what the corpus says that it is made of; the next run sees that the file is another one."""
    from albert_np.data.corpus import Corpus
    from albert_np.text import AlbertTokenizer, train_tokenizer

    train_tokenizer(text.read_text().splitlines(), tmp_path / "spiece.model", 60)
    tokenizer, own, said = AlbertTokenizer(tmp_path / "spiece.model"), tmp_path / "own.txt", []
    own.write_text(text.read_text())

    def grow(done, total):
        if not said:
            said.append("")
            with open(own, "a") as file:
                file.write("\nOne more.\n")

    Corpus.prepare([own], tokenizer, tmp_path / "corpus", max_length=32, progress=grow)
    again = Corpus.prepare([own], tokenizer, tmp_path / "corpus", max_length=32, log=said.append)
    assert again.rebuild_reason == f"{own} has changed"
    assert Corpus.prepare([own], tokenizer, tmp_path / "corpus", max_length=32).rebuild_reason is None
