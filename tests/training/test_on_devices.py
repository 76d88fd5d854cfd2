"""Training on a device: the host's run, checkpoints for either, and no wait between two readings of the losses."""

import json

import numpy as np
import pytest
from devices import DEVICES, on_device
from strict_backend import StrictArray

import albert_np as ab
from albert_np.core import backend, reference
from albert_np.training import pretrain
from albert_np.training.pretraining import Pretraining

DROPOUT = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)


@pytest.fixture
def settings(settings):
    return settings.replace(tokens_per_batch=64)


@pytest.fixture(params=DEVICES)
def device(request, monkeypatch):
    """Its name; used only where a test says so."""
    on_device(request.param, monkeypatch)
    ab.use("numpy")
    with reference(False):
        yield request.param


def losses(out):
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def run(name, make, settings, tokenizer, out, resume=False, **changes):
    ab.use(name)
    model, data = make(settings, **{**DROPOUT, **changes})
    summary = pretrain(model, data, out, settings, tokenizer, resume=resume)
    return summary, losses(out)


def test_the_same_losses_as_on_the_host(device, make, settings, tokenizer, tmp_path):
    """The same seed: the same masks, the same curve."""
    settings = settings.replace(steps=100 if device == "cupy" else 8)
    _, there = run(device, make, settings, tokenizer, tmp_path / "there")
    _, here = run("numpy", make, settings, tokenizer, tmp_path / "here")
    assert len(there) == settings.steps
    np.testing.assert_allclose(there, here, rtol=1e-4)


@pytest.mark.slow
def test_a_checkpoint_does_not_care_where_it_was_made(device, make, settings, tokenizer, tmp_path):
    short = settings.replace(steps=8, checkpoint_every=4, eval_every=4)

    class Stopped(Exception):
        pass

    def stop(self, *arguments):
        save(self, *arguments)
        if self.state.step == 4:
            raise Stopped

    save = Pretraining.save
    for first, second in ((device, "numpy"), ("numpy", device)):
        out = tmp_path / f"{first}-{second}"
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
            patch.setattr(Pretraining, "save", stop)
            run(first, make, short, tokenizer, out)
        summary, found = run(second, make, short, tokenizer, out, resume=True)
        _, whole = run("numpy", make, short, tokenizer, tmp_path / f"whole-{first}")
        assert summary.step == 8
        np.testing.assert_allclose(found, whole, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["tf32", "float16"])
def test_less_exact_numbers_learn_as_well(precision, device, make, settings, tokenizer, tmp_path):
    settings = settings.replace(steps=8)
    _, exact = run(device, make, settings, tokenizer, tmp_path / "exact")
    _, found = run(device, make, settings.replace(precision=precision), tokenizer, tmp_path / precision)
    backend.named(device).tf32 = False
    assert found != exact or device == "strict"  # which rounds no float32
    np.testing.assert_allclose(found, exact, rtol=1e-2)


@pytest.mark.slow
def test_float16_is_resumed_bit_for_bit(device, make, settings, tokenizer, tmp_path):
    settings = settings.replace(steps=8, precision="float16", checkpoint_every=4, eval_every=100)
    _, whole = run(device, make, settings, tokenizer, tmp_path / "whole")
    run(device, make, settings.replace(steps=4), tokenizer, tmp_path / "parts")
    # the schedule of 4 steps is another one: only that the state is taken up is asked here
    summary, found = run(device, make, settings, tokenizer, tmp_path / "parts", resume=True)
    assert summary.step == 8 and len(found) == len(whole) == 8
    newest = sorted((tmp_path / "parts" / "checkpoints").iterdir())[-1]
    assert json.loads((newest / "state.json").read_text())["loss_scale"]["scale"] == 2.0**15


def test_the_host_waits_once_in_so_many_steps(make, settings, tokenizer, tmp_path, monkeypatch):
    on_device("strict", monkeypatch)
    monkeypatch.setattr(StrictArray, "syncs", 0)
    waits, to_host = [], backend.current().to_host
    monkeypatch.setattr(type(backend.current()), "to_host", lambda self, x: waits.append(x.shape) or to_host(x))
    settings = settings.replace(steps=9, log_every=3, eval_every=100, checkpoint_every=100, held_out=0.0)
    model, data = make(settings, **DROPOUT)
    with reference():
        pretrain(model, data, tmp_path / "out", settings, tokenizer)
    assert StrictArray.syncs == 0
    assert [shape for shape in waits if len(shape) == 2 and shape[-1] == 5] == [(3, 5)] * 3  # the losses of three steps
