"""SIGKILL at any moment, then --resume, again and again: the end is byte for byte that of a run that nobody killed.

`make torture` does it 100 times (ALBERT_NP_TORTURE), .ci/run 10 times. Three ways take turns: at a random moment; as soon as a
save has begun, seen from outside by its temporary folder; and at the k-th time that the process itself asks the disk for
something within a save: opens, forces to the disk, renames, removes.
"""

import os
import random
import shutil
import signal
import subprocess

import pytest
from processes import came_to

from albert_np.training import checkpoint

TIMES = int(os.environ.get("ALBERT_NP_TORTURE", "10"))
pytestmark = pytest.mark.slow

# In the process: count the calls that touch the disk while a checkpoint is written, and die at the k-th.
DIES_AT = """
import os, signal
from albert_np.training import checkpoint
left = {k}
def counted(function):
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
def within(save):
    def call(*arguments, **options):
        own = os.fsync, os.rename, os.replace, os.open, os.unlink, os.rmdir
        os.fsync, os.rename, os.replace, os.open, os.unlink, os.rmdir = map(counted, own)
        try:
            return save(*arguments, **options)
        finally:
            os.fsync, os.rename, os.replace, os.open, os.unlink, os.rmdir = own
    return call
checkpoint.save, checkpoint.prune = within(checkpoint.save), within(checkpoint.prune)
"""


def tortured(commands, begin, resume, out, rng, whole):
    """Kill it until it has been killed TIMES times; a run that comes to its end is compared with `whole`, and another one begun
    -> how many of the kills were within a save, and how many runs came to their end."""
    within = ended = 0
    for number in range(TIMES):
        way = ("at random", "in a save", "at a call")[number % 3]
        saved = any(out.glob("**/checkpoints/step-*"))
        if out.exists() and not saved:
            shutil.rmtree(out)
        code = DIES_AT.format(k=rng.randrange(1, 60)) if way == "at a call" else ""
        process = commands.start(*(resume if saved else begin), code=code, stdout=subprocess.DEVNULL)
        wait = rng.uniform(0.3, 2.5) if way == "at random" else 120
        if way == "in a save":
            commands.wait_for_end_or(process, lambda: any(out.glob("**/.writing-*")))
            process.kill()
        try:
            process.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            process.kill()
        _, err = process.communicate()
        if process.returncode == 0:
            ended += 1
            assert came_to(out) == whole
            shutil.rmtree(out)
            continue
        assert process.returncode == -signal.SIGKILL, err
        within += any(out.glob("**/.writing-*")) or any(out.glob("**/.replaced-*"))
        for folder in out.glob("**/checkpoints"):  # what looks like a checkpoint is one
            assert not [problem for problem in map(checkpoint.damage, checkpoint.folders(folder)) if problem]
    if out.exists():  # to the end, for once
        saved = any(out.glob("**/checkpoints/step-*"))
        if not saved:
            shutil.rmtree(out)
        commands.run(*(resume if saved else begin))
        assert came_to(out) == whole
        ended += 1
    return within, ended


@pytest.mark.parametrize("seed", [1])
def test_pretraining(commands, text, fast_disk, seed):
    begin = commands.pretraining(text, fast_disk / "out", 120, "--checkpoint-every", 4, "--log-every", 3)
    commands.run(*commands.pretraining(text, fast_disk / "whole", 120, "--checkpoint-every", 4, "--log-every", 3))
    resume = ["pretrain", "--resume", "--out", fast_disk / "out", "--quiet"]
    within, ended = tortured(commands, begin, resume, fast_disk / "out", random.Random(seed), came_to(fast_disk / "whole"))
    assert within >= TIMES // 3 and ended >= 1


@pytest.mark.parametrize("seed", [2])
def test_finetuning(commands, rows, fast_disk, seed):
    options = ["--epochs", 6, "--seeds", 2, "--checkpoint-seconds", 0]
    begin = commands.finetuning(rows, fast_disk / "out", *options)
    commands.run(*commands.finetuning(rows, fast_disk / "whole", *options))
    resume = ["finetune", "classification", "--resume", "--out", fast_disk / "out", "--quiet"]
    within, ended = tortured(commands, begin, resume, fast_disk / "out", random.Random(seed), came_to(fast_disk / "whole"))
    assert within >= TIMES // 3 and ended >= 1
