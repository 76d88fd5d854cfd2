"""A checkpoint is whole or absent, damage is found and named, and a process killed at any moment loses nothing."""

import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import albert_np as ab
from albert_np.core import optim
from albert_np.training import Damaged, checkpoint, pretrain


@pytest.fixture
def save(config, tmp_path):
    model = ab.AlbertForPreTraining(config, seed=3)
    optimizer = optim.init("lamb", model.params, weight_decay=0.5)
    optimizer.m.flat[...] = 2.0
    optimizer.count = 7

    def now(step: int, loss: float = 1.0, evaluated: int | None = None):
        state = {"step": step, "held_out": {"loss": loss}, "held_out_step": step if evaluated is None else evaluated}
        return checkpoint.save(tmp_path, config, model.params, optimizer, state)

    now.model, now.optimizer = model, optimizer
    return now


def test_everything_comes_back(save, config, tmp_path):
    save(5)
    found = checkpoint.newest(tmp_path, pytest.fail)
    other = ab.AlbertForPreTraining(config, seed=4)
    state = optim.init("adamw", other.params)
    found.restore(other.params, state)
    assert found.step == 5 and found.config() == config
    assert other.params.flat.tobytes() == save.model.params.flat.tobytes()
    assert (state.name, state.count, state.options) == ("lamb", 7, save.optimizer.options)
    assert all((array == 2.0).all() for _, array in state.m.items())
    assert not state.v.flat.any()


@pytest.mark.parametrize(
    "changes",
    [{}, {"sharing": "ffn"}, {"sharing": "none"}, {"inner_group_num": 2}, {"num_hidden_groups": 2}, {"fusion_layers": (0, 1)}],
)
def test_every_command_loads_a_checkpoint(config, tmp_path, changes):
    model = ab.AlbertForPreTraining(config.replace(**changes), seed=3)
    folder = checkpoint.save(tmp_path, model.config, model.params, optim.init("adamw", model.params), {"step": 1})
    loaded = ab.AlbertForPreTraining.from_pretrained(folder)
    assert loaded.config == model.config and loaded.params.flat.tobytes() == model.params.flat.tobytes()


@pytest.mark.parametrize("file", ["params.safetensors", "moments.safetensors", "state.json", "config.json", "manifest.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_damage_is_named_and_the_one_before_is_taken(save, tmp_path, file, harm):
    save(1)
    path = save(2) / file
    content = path.read_bytes()
    middle = len(content) // 2
    if harm == "flip":
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif harm == "cut":
        path.write_bytes(content[:middle])
    else:
        path.unlink()
    said = []
    assert checkpoint.newest(tmp_path, said.append).step == 1
    assert len(said) == 1 and "step-00000002 is damaged" in said[0] and "the one before" in said[0]
    with pytest.raises(Damaged, match="step-00000002"):
        checkpoint.verify(path.parent)


def test_the_last_few_and_the_best_are_kept(save, tmp_path):
    for step, loss in enumerate([5.0, 3.0, 4.0, 3.5, 3.6], start=1):
        save(step, loss)
    checkpoint.prune(tmp_path, 2)
    assert [path.name[-1] for path in checkpoint.folders(tmp_path)] == ["2", "4", "5"]


def test_an_evaluation_of_another_step_does_not_make_a_checkpoint_the_best(save, tmp_path):
    save(1, 3.0)
    save(2, 1.0, evaluated=1)
    save(3, 4.0)
    checkpoint.prune(tmp_path, 1)
    assert [path.name[-1] for path in checkpoint.folders(tmp_path)] == ["1", "3"]


def test_a_save_that_fails_leaves_what_was_there(save, tmp_path):
    before = {path.name: path.read_bytes() for path in save(1).iterdir()}
    save.model.params.flat[...] = 9.0
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limit[1]))  # every file that grows over 5000 bytes fails
        with pytest.raises(Exception, match=r"(?i)too large|errno 27|os error 27"):
            save(2)
        with pytest.raises(Exception, match=r"(?i)too large|errno 27|os error 27"):
            save(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path.name for path in tmp_path.iterdir()} == {"step-00000001"}
    assert {path.name: path.read_bytes() for path in (tmp_path / "step-00000001").iterdir()} == before


def test_what_a_killed_save_left_is_removed(make, settings, tmp_path):
    left = tmp_path / "checkpoints" / f"{checkpoint.TEMPORARY}step-00000004"
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings)
    left.mkdir()
    (left / "params.safetensors").write_bytes(b"half")
    assert checkpoint.newest(tmp_path / "checkpoints", pytest.fail).step == 14
    pretrain(model, data, tmp_path, settings, resume=True)
    assert not left.exists()


def test_killed_while_replacing_a_checkpoint_keeps_the_old_one(save, tmp_path):
    folder = save(1)
    folder.rename(tmp_path / f"{checkpoint.REPLACED}{folder.name}")
    checkpoint.clean(tmp_path)
    checkpoint.verify(folder)
    save.model.params.flat[...] = 9.0
    save(1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert (np.fromfile(folder / "params.safetensors", dtype="<f4")[-10:] == 9.0).all()


# ---- SIGKILL ----

SAVER = textwrap.dedent("""
    import sys
    from pathlib import Path
    import albert_np as ab
    from albert_np import optim
    from albert_np.training import checkpoint

    config = ab.AlbertConfig(vocab_size=5000, embedding_size=64, hidden_size=64, num_hidden_layers=1, num_attention_heads=1,
                             intermediate_size=64, max_position_embeddings=32)
    model = ab.AlbertForPreTraining(config)
    optimizer = optim.init("adamw", model.params)
    for step in range(int(sys.argv[2]) + 1, 100_000):
        model.params.flat[...] = step
        state = {"step": step, "held_out": None, "held_out_step": 0}
        checkpoint.save(Path(sys.argv[1]), config, model.params, optimizer, state)
        checkpoint.prune(Path(sys.argv[1]), 2)
        print(step, flush=True)
""")


def kill_many_times(folder, times: int) -> None:
    """Kill a process that does nothing but save, at random moments; what it said was saved must be there, whole."""
    rng, done = random.Random(5), 0
    for _ in range(times):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(folder), str(done)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        said = process.stdout.read().split()
        process.stdout.close()
        process.wait()
        done += 1 + len(said)
        found = checkpoint.newest(folder, pytest.fail)  # none may even look like a checkpoint and be damaged
        assert found is not None and found.step >= done
        assert len(checkpoint.folders(folder)) <= 3
        done = found.step
        stored = np.fromfile(found.folder / "params.safetensors", dtype="<f4")[-64:]
        assert (stored == done).all()
        checkpoint.clean(folder)


def test_sigkill_during_saves_loses_nothing(tmp_path):
    kill_many_times(tmp_path, 4)


@pytest.mark.slow
def test_sigkill_during_saves_loses_nothing_many_times(tmp_path):
    kill_many_times(tmp_path, 60)
