"""Stopped and resumed is, byte for byte, the same as never stopped."""

import json

import numpy as np
import pytest
from stopping import StopAfter

import albert_np as ab
from albert_np.core import dispatch
from albert_np.engine import shards, threads
from albert_np.training import pretrain

DROPOUT = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)


@pytest.mark.parametrize("optimizer", ["lamb", "adamw"])
@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, {}),
        (DROPOUT, {}),
        ({}, {"accumulate": 2}),
        ({}, {"sparsity": "0.6"}),
        (DROPOUT, {"sparsity": "0.6", "prune_by": "movement", "prune_scope": "global"}),
        ({**DROPOUT, "recompute": True}, {"accumulate": 2, "bias_correction": True, "style": "google"}),
    ],
    ids=["plain", "dropout", "accumulate", "pruned", "pruned by movement", "everything"],
)
@pytest.mark.parametrize("how", ["reference", "kernels", "kernels on two threads"])
def test_resumed_is_byte_identical(how, optimizer, changes, options, make, settings, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(dispatch, "only_reference", how == "reference")
    if how == "kernels on two threads":
        monkeypatch.setattr(shards, "MIN_NUMBERS", 1)
        monkeypatch.setattr(threads, "count", lambda: 2)
    settings = settings.replace(optimizer=optimizer, **options)
    whole, data = make(settings, **changes)
    pretrain(whole, data, tmp_path / "whole", settings, tokenizer)

    model, data = make(settings, **changes)
    first = pretrain(model, data, tmp_path / "parts", settings, tokenizer, report=StopAfter(6))
    assert (first.stopped_by, first.step) == ("SIGINT", 6)
    model, data = make(settings, **changes)
    spoil(model)  # everything must come from the checkpoint
    second = pretrain(model, data, tmp_path / "parts", settings, tokenizer, resume=True)

    assert second.step == settings.steps
    assert second.stopped_by == ""
    assert model.params.flat.tobytes() == whole.params.flat.tobytes()
    assert records(tmp_path / "parts") == records(tmp_path / "whole")
    name = "checkpoints/step-00000014/moments.safetensors"
    assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def spoil(model):
    """Every number of every tensor; the padding between them stays zero."""
    for _name, array in list(model.params.items()):
        array[...] = np.nan


def records(out):
    """The lines of metrics.jsonl, the clock left out."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_each_step_is_in_the_metrics_once_after_a_killed_run(make, settings, tokenizer, tmp_path):
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer)
    for folder in sorted((tmp_path / "checkpoints").glob("step-*"))[1:]:  # as if it had been killed after the oldest
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer, resume=True)
    steps = [record["step"] for record in records(tmp_path) if "held_out" not in record]
    assert steps == list(range(1, 15))


def test_a_model_that_was_not_written_beside_its_checkpoint_is_written_by_the_resumed_run(
    make, settings, tokenizer, tmp_path, monkeypatch
):
    """Killed, or the disk full, just after the last checkpoint: there is nothing left to train, but a model to write."""
    from albert_np.training.pretraining import Pretraining

    def full(self, *_):
        if self.state.step == settings.steps:
            raise OSError(28, "No space left on device")
        return publish(self, *_)

    publish = Pretraining.publish
    model, data = make(settings)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="step 14 could not be saved"):
        patched.setattr(Pretraining, "publish", full)
        pretrain(model, data, tmp_path, settings, tokenizer)
    expected = model.params.flat.tobytes()
    assert ab.AlbertForPreTraining.from_pretrained(tmp_path).params.flat.tobytes() != expected
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer, resume=True)
    assert ab.AlbertForPreTraining.from_pretrained(tmp_path).params.flat.tobytes() == expected


def test_another_run_is_refused_by_naming_the_difference(make, settings, tokenizer, tmp_path):
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer)
    with pytest.raises(ValueError, match=r"learning_rate is 0\.5 now and was 0\.001"):
        pretrain(model, data, tmp_path, settings.replace(learning_rate=0.5), tokenizer, resume=True)
    other, _ = make(settings, hidden_act="relu")
    with pytest.raises(ValueError, match="hidden_act is 'relu' now and was 'gelu_new'"):
        pretrain(other, data, tmp_path, settings, tokenizer, resume=True)
    data.fingerprint = "another"
    with pytest.raises(ValueError, match="corpus"):
        pretrain(model, data, tmp_path, settings, tokenizer, resume=True)


def test_more_steps_are_possible_and_said(make, settings, tokenizer, tmp_path):
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer)
    report = StopAfter(-1)
    longer = pretrain(model, data, tmp_path, settings.replace(steps=16, keep=1), tokenizer, resume=True, report=report)
    assert longer.step == 16
    assert any("planned for 14 steps and is now for 16" in note for note in report.notes)


def test_settings_that_touch_no_parameter_may_change(make, settings, tokenizer, tmp_path):
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer, report=StopAfter(6))
    recomputing, data = make(settings, recompute=True)
    pretrain(recomputing, data, tmp_path, settings.replace(eval_every=3, keep=1), tokenizer, resume=True)
    model, data = make(settings)
    pretrain(model, data, tmp_path.with_name("whole"), settings, tokenizer)
    assert recomputing.params.flat.tobytes() == model.params.flat.tobytes()


def test_accumulating_is_the_whole_batch(make, settings, tmp_path):
    """In float64 two micro-batches give the whole step's gradient but for rounding."""
    losses = []
    for k in (1, 2, 3):
        model, data = make(settings)
        model.params = model.params.astype("float64")
        pretrain(model, data, tmp_path / str(k), settings.replace(accumulate=k, clip_norm=1e9))
        losses.append([record["loss"] for record in records(tmp_path / str(k)) if "loss" in record])
    for other in losses[1:]:
        np.testing.assert_allclose(other, losses[0], rtol=1e-9)


def test_a_plateau_is_ended_early_or_prolonged(make, settings, tokenizer, tmp_path):
    """The same bytes as a run that was planned so from the start, since the steps before the decay are the same."""
    settings = settings.replace(warmup=2, decay=4, steps=100)
    short = settings.replace(steps=10)
    whole, data = make(short)
    pretrain(whole, data, tmp_path / "whole", short, tokenizer)

    model, data = make(settings)
    first = pretrain(model, data, tmp_path / "parts", settings, tokenizer, report=StopAfter(6))
    assert first.step == 6
    model, data = make(settings)
    report = StopAfter(100)
    second = pretrain(model, data, tmp_path / "parts", short, tokenizer, resume=True, report=report)
    assert second.step == 10 and model.params.flat.tobytes() == whole.params.flat.tobytes()
    assert "planned for 100 steps with a decay of 4 and is now for 10 steps with a decay of 4" in " ".join(report.notes)


def test_another_blas_is_noted(make, settings, tokenizer, tmp_path, monkeypatch):
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer, report=StopAfter(6))
    stored = json.loads((tmp_path / "run.json").read_text())["environment"]
    assert stored["blas"] == threads.describe_blas() and stored["threads"] == threads.count()
    monkeypatch.setattr(threads, "describe_blas", lambda: "another 1.0")
    report = StopAfter(100)
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer, resume=True, report=report)
    assert f"blas was {stored['blas']} and is another 1.0: sums may be rounded" in " ".join(report.notes)
