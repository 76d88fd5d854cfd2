"""A run that goes on from an earlier one: its settings, its moments and schedule, and the evaluation before its first step."""

import json
import shutil
import signal

import numpy as np
import pytest

import albert_np as ab
from albert_np.core import optim
from albert_np.engine.mpi import SINGLE_PROCESS
from albert_np.training import Callback, Settings, evaluate, get_run_data, inherit_settings, prepare_data
from albert_np.training.checkpoint import Checkpoint
from albert_np.training.continuing import find_checkpoint, read_settings
from albert_np.training.metrics import read_metrics
from albert_np.training.objective import loss_denominators


@pytest.fixture(scope="module")
def first(tmp_path_factory, config, corpus, settings, tokenizer):
    """A run of 14 steps, with dropout and settings that are no defaults."""
    out = tmp_path_factory.mktemp("first") / "run"
    chosen = settings.replace(objective="nsp", max_ngram=1, learning_rate=2e-3, beta2=0.99, weight_decay=0.1)
    model = ab.AlbertForPreTraining(config, seed=1)
    ab.pretrain(model, get_run_data(corpus, config, chosen), out, chosen, tokenizer, progress=False)
    return out


@pytest.fixture(scope="module")
def other(tmp_path_factory, tokenizer, config):
    """Data from another text, by settings."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "text.txt").write_text(
        "".join(f"The {a} sleeps. It {b}.\nThe day ends.\n\n" for a in ("cat", "dog", "horse") for b in ("runs", "waits"))
    )

    def get(settings):
        return prepare_data([folder / "text.txt"], folder / "corpus", config, settings, tokenizer, progress=False)

    return get


def go_on(first, other, out, report=None, **changes):
    settings = inherit_settings(first, **{"held_out": 0.2, "log_every": 1, "checkpoint_every": 1, **changes})
    model = ab.AlbertForPreTraining.from_pretrained(first)
    return ab.pretrain(model, other(settings), out, settings, progress=False, source=str(first), report=report), settings


def test_the_settings_of_the_examples_are_those_of_the_run(first):
    settings = inherit_settings(first, tokens_per_batch=100)
    inherited = Settings(objective="nsp", max_ngram=1, max_length=32)
    assert settings == inherited.replace(tokens_per_batch=100)  # new: learning rate, weight decay, steps, ...
    assert inherit_settings(first, objective="sop").objective == "sop"
    assert inherit_settings(first / "checkpoints" / "step-00000014") == inherited
    assert inherit_settings("albert/albert-base-v2") == Settings()


def test_a_continued_schedule_takes_the_optimiser_too(first):
    settings = inherit_settings(first, schedule="continued", steps=20)
    assert (settings.learning_rate, settings.beta2, settings.weight_decay) == (2e-3, 0.99, 0.1)
    assert (settings.tokens_per_batch, settings.warmup, settings.steps) == (256, 2, 20)  # a tenth of 14 steps, rounded up
    assert inherit_settings(first, schedule="continued", steps=20, learning_rate=1e-4).learning_rate == 1e-4
    early = first / "checkpoints" / "step-00000012"
    assert inherit_settings(early, schedule="continued").steps == 14  # as many as it was planned for


def test_the_first_update_of_a_continued_run(first, other, tmp_path):
    """It is the one that follows from the stored moments, count and schedule."""
    summary, settings = go_on(first, other, tmp_path / "run", schedule="continued", steps=17)
    saved = find_checkpoint(first)
    model = ab.AlbertForPreTraining.from_pretrained(first)
    state = optim.init("adamw", model.params, **settings.optimizer_options())
    saved.restore(model.params, state)
    assert state.count == 14 and abs(state.m.flat).max() > 0
    data = other(settings)
    batches = data.train.micro_batches(0, 0, 1)
    _, grads = model.packed_loss_and_gradients(model.pack_batch(**batches[0]), None, loss_denominators(batches, SINGLE_PROCESS))
    optim.clip(grads, settings.clip_norm)
    optim.step(model.params, grads, state, optim.learning_rate(14, 2e-3, 2, 17))
    made = ab.AlbertForPreTraining.from_pretrained(tmp_path / "run" / "checkpoints" / "step-00000015")
    np.testing.assert_allclose(made.params.flat, model.params.flat, rtol=1e-5, atol=1e-7)
    steps, _ = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [record["step"] for record in steps] == [15, 16, 17] and summary.step == summary.total_steps == 17
    assert [record["lr"] for record in steps] == pytest.approx([2e-3 * (17 - n) / 17 for n in (14, 15, 16)])
    assert json.loads((tmp_path / "run" / "checkpoints" / "step-00000017" / "state.json").read_text())["optimizer"]["count"] == 17


def test_settings_that_are_given_replace_those_of_the_run(first, other, tmp_path):
    go_on(first, other, tmp_path / "run", schedule="continued", steps=15, weight_decay=0.0, learning_rate=1e-3)
    state = json.loads((tmp_path / "run" / "checkpoints" / "step-00000015" / "state.json").read_text())
    assert (state["optimizer"]["options"]["weight_decay"], state["optimizer"]["options"]["beta2"]) == (0.0, 0.99)
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[0][0]["lr"] == pytest.approx(1e-3 / 15)


def test_a_fresh_schedule_begins_anew(first, other, tmp_path):
    go_on(first, other, tmp_path / "run", steps=2, learning_rate=1e-3)
    steps, _ = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [(record["step"], record["lr"]) for record in steps] == [(1, 0.0), (2, pytest.approx(5e-4))]


@pytest.mark.parametrize(("schedule", "start"), [("fresh", 0), ("continued", 14)])
def test_the_held_out_loss_before_and_after(first, other, tmp_path, schedule, start):
    summary, settings = go_on(first, other, tmp_path / "run", schedule=schedule, steps=start + 3)
    model = ab.AlbertForPreTraining.from_pretrained(first)
    before = evaluate(model, other(settings).held_out)
    assert summary.held_out_before == pytest.approx(before) and summary.held_out != summary.held_out_before
    _, evaluations = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert evaluations[0] == {"step": start, "held_out": summary.held_out_before} and len(evaluations) == 4
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["held_out"] == {"before": summary.held_out_before, "after": summary.held_out, "after_step": start + 3}
    assert "held-out before: mlm_loss" in repr(summary)


@pytest.mark.parametrize("schedule", ["fresh", "continued"])
def test_a_run_that_is_stopped_before_its_first_evaluation(first, other, tmp_path, schedule):
    """Its summary does not show the loss before the first step as the one after; when it is resumed there are both."""

    class Stop(Callback):
        def step(self, record):
            signal.raise_signal(signal.SIGINT)

    steps = {"fresh": 4, "continued": 18}[schedule]
    summary, settings = go_on(first, other, tmp_path / "run", schedule=schedule, steps=steps, checkpoint_every=9, report=Stop())
    assert summary.stopped_by == "SIGINT" and summary.step == steps - 3
    assert summary.held_out is None and summary.held_out_before["mlm_loss"] > 0
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["held_out"]["after"] is None and "held-out before" in repr(summary) and "after step" not in repr(summary)
    assert "before" in summary._repr_html_()
    model = ab.AlbertForPreTraining.from_pretrained(tmp_path / "run")
    again = ab.pretrain(model, other(settings), tmp_path / "run", settings, resume=True, progress=False)
    assert again.held_out_before == summary.held_out_before and again.held_out != again.held_out_before
    _, evaluations = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [each["step"] for each in evaluations] == [steps - 4, steps]


def test_without_a_source_or_held_out_text_there_is_no_evaluation_before(first, other, tmp_path, make, settings):
    assert go_on(first, other, tmp_path / "run", steps=2, held_out=0.0)[0].held_out_before is None
    model, data = make(settings)
    assert ab.pretrain(model, data, tmp_path / "new", settings, progress=False, steps=2).held_out_before is None
    assert read_metrics(tmp_path / "new" / "metrics.jsonl")[1][0]["step"] == 2
    assert "held_out_before" not in (tmp_path / "new" / "checkpoints" / "step-00000002" / "state.json").read_text()


@pytest.mark.parametrize("schedule", ["fresh", "continued"])
def test_it_is_resumed_bit_for_bit_without_the_first_run(first, other, tmp_path, schedule):
    source = tmp_path / "first"
    shutil.copytree(first, source)
    whole, settings = go_on(source, other, tmp_path / "whole", schedule=schedule, steps=18, keep=9)
    shutil.copytree(tmp_path / "whole", tmp_path / "part")
    for folder in sorted((tmp_path / "part" / "checkpoints").iterdir())[1:]:
        shutil.rmtree(folder)
    shutil.rmtree(source)
    model = ab.AlbertForPreTraining.from_pretrained(tmp_path / "part")
    again = ab.pretrain(model, other(settings), tmp_path / "part", settings, resume=True, progress=False)
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "part")]
    assert models[0] == models[1]
    assert (again.held_out_before, again.held_out) == (whole.held_out_before, whole.held_out)
    kept = [[{**r, "seconds": 0} for r in read_metrics(tmp_path / name / "metrics.jsonl")[0]] for name in ("whole", "part")]
    assert kept[0] == kept[1]


def test_what_cannot_be_continued(first, other, tmp_path, config, make, settings, monkeypatch):
    with pytest.raises(ValueError, match="made 14 steps: set `steps` to a larger number, that of both runs together"):
        inherit_settings(first, schedule="continued")
    with pytest.raises(ValueError, match="made 14 steps"):
        inherit_settings(first, schedule="continued", steps=14)
    with pytest.raises(ValueError, match="counts the steps of both runs: set `steps`, not `epochs`"):
        inherit_settings(first, schedule="continued", epochs=1)
    with pytest.raises(ValueError, match=r"goes on with the optimiser of .*, adamw, not with lamb"):
        inherit_settings(first, schedule="continued", steps=20, optimizer="lamb")
    ab.AlbertForPreTraining(config).save_pretrained(tmp_path / "model")
    for source in (tmp_path / "model", "albert/albert-base-v2"):
        with pytest.raises(ValueError, match=r"goes on from a checkpoint of a pretraining run .* has none: use `schedule` fresh"):
            inherit_settings(source, schedule="continued", steps=20)
    chosen = inherit_settings(first, schedule="continued", steps=20, held_out=0.2)
    model = ab.AlbertForPreTraining.from_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match=r"goes on with the moments of .*step-00000014, and the model has other parameters"):
        ab.pretrain(model, other(chosen), tmp_path / "a", chosen, progress=False, source=str(first))
    with pytest.raises(ValueError, match="needs `source`, the folder or a checkpoint of the run"):
        ab.pretrain(model, other(chosen), tmp_path / "b", chosen, progress=False)
    small = ab.AlbertForPreTraining(config.replace(intermediate_size=12))
    with pytest.raises(ValueError, match=r"needs the model as it is in .*: .*should be float32"):
        ab.pretrain(small, other(chosen), tmp_path / "c", chosen, progress=False, source=str(first))
    with pytest.raises(ValueError, match="schedule must be one of fresh, continued, not 'old'"):
        Settings(schedule="old")
    pruned = Checkpoint(first, {**find_checkpoint(first).state, "settings": {**chosen.to_dict(), "sparsity": "0.5"}})
    monkeypatch.setattr("albert_np.training.continuing.find_checkpoint", lambda *_: pruned)
    with pytest.raises(ValueError, match="does not go on with pruning"):
        inherit_settings(first, schedule="continued", steps=20)


def test_a_damaged_checkpoint_is_not_taken(first, tmp_path):
    shutil.copytree(first, tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "step-00000014" / "moments.safetensors").write_bytes(b"")
    notes: list[str] = []
    assert find_checkpoint(tmp_path / "run", notes.append).step == 12 and len(notes) == 1
    with pytest.raises(ValueError, match=r"step-00000014 is damaged: moments.safetensors has 0 bytes"):
        find_checkpoint(tmp_path / "run" / "checkpoints" / "step-00000014")


def test_runs_of_fine_tuning_and_other_folders_have_no_settings_to_inherit(tmp_path):
    assert read_settings(tmp_path) == {} and find_checkpoint(tmp_path) is None
    for contents in ('{"arguments": {}}', '{"settings": {"patience": 0}}', "[]"):
        (tmp_path / "run.json").write_text(contents)
        assert read_settings(tmp_path) == {}
