"""The loop: it learns, it evaluates, it stops when things go wrong, and it treats its folder with care."""

import json
import math
import subprocess
import sys
import threading

import numpy as np
import pytest

import albert_np as ab
from albert_np.training import Diverged, Report, RunData, Settings, evaluate, pretrain
from albert_np.training.divergence import DivergenceDetector
from albert_np.training.pretraining import count_steps
from albert_np.training.run_folder import RunFolder


class Fixed:
    """The same examples at every step: pairs and masks fixed."""

    def __init__(self, data, examples: int) -> None:
        from albert_np.data.collate import collate

        self.arrays = collate(data.examples(0, range(examples)))

    def micro_batches(self, epoch, step, k):
        return [self.arrays]

    def steps_per_epoch(self, epoch):
        return 10**9


def test_eight_pairs_are_learned_by_heart(make, config, settings, tmp_path):
    """MLM loss below 0.05 and every order right: the first thing that anything broken in the gradients would spoil."""
    settings = settings.replace(
        steps=300,
        warmup=20,
        start="uniform",
        learning_rate=5e-3,
        optimizer="adamw",
        log_every=300,
        eval_every=300,
        checkpoint_every=300,
    )
    model, data = make(settings)
    fixed = Fixed(data.train, 8)
    pretrain(model, RunData(fixed, [fixed.arrays]), tmp_path, settings)
    found = evaluate(model, [fixed.arrays])
    assert found["sequences"] == 8
    assert found["mlm_loss"] < 0.05
    assert found["sop_accuracy"] == 1.0


def test_evaluation_does_not_depend_on_how_it_is_cut(make, settings):
    model, data = make(settings)
    whole = evaluate(model, data.train.held_out(data.held_out.units, tokens_per_batch=10_000))
    parts = evaluate(model, data.train.held_out(data.held_out.units, tokens_per_batch=64))
    assert whole["masked"] == parts["masked"]
    for key in whole:
        assert whole[key] == pytest.approx(parts[key], rel=1e-5), key
    assert whole["loss"] == pytest.approx(math.log(model.config.vocab_size) + math.log(2), abs=0.2)
    with pytest.raises(ValueError, match="no held-out example"):
        evaluate(model, [])


def test_the_learning_rate_follows_the_schedule(make, settings, tmp_path):
    settings = settings.replace(steps=10, warmup=4, learning_rate=0.001)
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    rates = [line["lr"] for line in lines if "lr" in line]
    assert rates == pytest.approx([0, 0.00025, 0.0005, 0.00075, 0.0006, 0.0005, 0.0004, 0.0003, 0.0002, 0.0001])


def test_a_decay_begins_after_a_plateau(make, settings, tmp_path):
    settings = settings.replace(steps=10, warmup=2, decay=4, learning_rate=0.001)
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    rates = [line["lr"] for line in lines if "lr" in line]
    assert rates == pytest.approx([0, 0.0005, 0.001, 0.001, 0.001, 0.001, 0.001, 0.00075, 0.0005, 0.00025])


def test_epochs_are_turned_into_steps(make, settings):
    _, data = make(settings)
    settings = settings.replace(steps=None, epochs=2)
    assert count_steps(settings, data.train) == data.train.steps_per_epoch(0) + data.train.steps_per_epoch(1)


@pytest.mark.parametrize("objective", ["nsp", "none"])
def test_other_objectives_train(make, settings, tmp_path, objective):
    settings = settings.replace(objective=objective, steps=3)
    model, data = make(settings)
    summary = pretrain(model, data, tmp_path, settings)
    assert ("sop_accuracy" in summary.held_out) == (objective != "none")


def test_the_folder_is_a_model(make, settings, tokenizer, tmp_path):
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, tokenizer)
    loaded = ab.AlbertForPreTraining.from_pretrained(tmp_path)
    assert loaded.params.flat.tobytes() == model.params.flat.tobytes()
    assert ab.AlbertTokenizer.from_pretrained(tmp_path).fingerprint() == tokenizer.fingerprint()


# ---- going wrong ----


class Poison(Report):
    """Spoils the parameters after a step, as a bad learning rate would."""

    def __init__(self, model, step):
        self.model, self.at = model, step

    def step(self, record):
        if record["step"] == self.at:
            self.model.params.flat[...] *= np.float32(np.nan)


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint(make, settings, tmp_path):
    settings = settings.replace(log_every=1)
    model, data = make(settings)
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=r"NaN or infinite at step 7.*`learning_rate`.*`warmup`"):
        pretrain(model, data, tmp_path, settings, report=Poison(model, 6))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
    assert np.isfinite(ab.AlbertForPreTraining.from_pretrained(tmp_path).params.flat).all()
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 7 and last["loss"] is None


def test_so_does_a_held_out_loss_that_is_none(make, settings, tmp_path):
    """It is looked at before the losses of the next step are."""
    settings = settings.replace(log_every=5, eval_every=5)
    model, data = make(settings)
    with np.errstate(all="ignore"), pytest.raises(Diverged, match=r"held-out loss became NaN or infinite at step 5"):
        pretrain(model, data, tmp_path, settings, report=Poison(model, 5))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
    assert "held_out" not in (tmp_path / "metrics.jsonl").read_text().splitlines()[-1]


def record(step, loss, accuracy):
    return {"step": step, "loss": loss, "mlm_loss": loss, "mlm_accuracy": accuracy, "grad_norm": 1.0}


def test_a_collapse_is_seen():
    detector = DivergenceDetector(1000)
    for step in range(100):
        detector.update(record(step, 3.0, 0.45))
    with pytest.raises(Diverged, match=r"collapsed by step 1[0-9][0-9]"):
        for step in range(100, 200):
            detector.update(record(step, 5.9, 0.06))


def test_a_loss_above_knowing_nothing_is_seen_only_after_learning():
    detector = DivergenceDetector(1000)
    for step in range(300):
        detector.update(record(step, 6.95, 0.01))  # a slow start near ln 1000 = 6.91 is no failure
    for step in range(300, 400):
        detector.update(record(step, 5.0, 0.1))
    with pytest.raises(Diverged, match=r"above ln V = 6\.91"):
        for step in range(400, 500):
            detector.update(record(step, 7.5, 0.1))


def test_a_single_bad_step_is_forgiven():
    detector = DivergenceDetector(1000)
    for step in range(200):
        detector.update(record(step, 12.0 if step == 150 else 4.0, 0.0 if step == 150 else 0.3))


def test_the_watch_remembers_across_a_resume():
    detector = DivergenceDetector(1000)
    for step in range(100):
        detector.update(record(step, 3.0, 0.45))
    again = DivergenceDetector(1000, json.loads(json.dumps(detector.memory)))
    with pytest.raises(Diverged, match="collapsed"):
        for step in range(100, 200):
            again.update(record(step, 5.9, 0.06))


# ---- the folder ----


def test_a_folder_with_a_run_is_refused(make, settings, tmp_path):
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(FileExistsError, match="already holds a run: `resume=True` continues it"):
        pretrain(model, data, tmp_path, settings)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_model_of_another_program_is_not_replaced(make, settings, tmp_path):
    model, data = make(settings)
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")
    (tmp_path / "config.json").write_text('{"model_type": "albert"}')
    with pytest.raises(FileExistsError, match=r"holds a model \(config.json\), which a run would replace"):
        pretrain(model, data, tmp_path, settings)
    assert (tmp_path / "config.json").read_text() == '{"model_type": "albert"}'
    assert {path.name for path in tmp_path.iterdir()} <= {"pytorch_model.bin", "config.json", ".lock"}


def test_nothing_to_resume_is_said(make, settings, tmp_path):
    model, data = make(settings)
    with pytest.raises(FileNotFoundError, match="no run to resume"):
        pretrain(model, data, tmp_path / "new", settings, resume=True)
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_is_refused(tmp_path):
    enter = "RunFolder(sys.argv[1]).__enter__()"
    code = "import sys\nfrom albert_np.training.run_folder import RunFolder\n"
    code += f"try: {enter}\nexcept RuntimeError as error: print(error)"
    with RunFolder(tmp_path):
        other = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "in use by another process" in other.stdout
    with RunFolder(tmp_path):
        pass


def test_a_full_disk_is_noticed_before_training(tmp_path):
    with RunFolder(tmp_path) as folder, pytest.raises(OSError, match="MiB free"):
        folder.check_space(10**15)


def test_training_works_outside_the_main_thread(make, settings, tmp_path):
    """Where no signal handler can be set."""
    model, data = make(settings)
    found = []
    thread = threading.Thread(target=lambda: found.append(pretrain(model, data, tmp_path, settings.replace(steps=2))))
    thread.start()
    thread.join()
    assert found[0].step == 2


# ---- settings ----


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"steps": "10"}, "steps must be an integer, not '10'"),
        ({"steps": None}, "one of steps and epochs"),
        ({"epochs": 1, "steps": 10}, "one of steps and epochs"),
        ({"learning_rate": float("nan")}, "learning_rate must be a positive number"),
        ({"learning_rate": -1}, "learning_rate must be a positive number"),
        ({"optimizer": "sgd"}, "optimizer must be one of adamw, lamb, not 'sgd'"),
        ({"held_out": 0.7}, "held_out must be at least 0 and below 0.5"),
        ({"max_length": 4}, "max_length must be at least 8"),
        ({"tokens_per_batch": 64}, "must hold one sequence of max_length tokens: 64 < 128"),
        ({"masked_lm_prob": 1.0}, "masked_lm_prob must be above 0 and below 1"),
        ({"seed": True}, "seed must be an integer"),
        ({"learning_rat": 1.0}, "did you mean 'learning_rate'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings().replace(**wrong)


def test_settings_survive_json():
    settings = Settings(epochs=3, steps=None, document_separator="***")
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_sequences_longer_than_the_model_are_refused(corpus, config, settings):
    from albert_np.training import get_run_data

    with pytest.raises(ValueError, match="max_length is 64, but the model's max_position_embeddings is 32"):
        get_run_data(corpus, config, settings.replace(max_length=64))
    with pytest.raises(ValueError, match="the tokenizer has 70 pieces, but the model's vocab_size is"):
        get_run_data(corpus, config.replace(vocab_size=60), settings)


def test_a_pruned_run_is_saved_small_and_loads_as_it_ended(make, settings, tokenizer, tmp_path):
    from albert_np.compress import sparsity

    settings = settings.replace(sparsity="0.75", prune_scope="global")
    model, data = make(settings)
    pretrain(model, data, tmp_path / "run", settings, tokenizer)
    assert sparsity(model.params) == pytest.approx(0.75, abs=0.01)
    again = ab.AlbertForPreTraining.from_pretrained(tmp_path / "run")
    assert (again.params.flat == model.params.flat).all()
    assert (tmp_path / "run" / "model.safetensors").stat().st_size < 0.7 * 4 * model.params.count()
    with pytest.raises(ValueError, match="sparsity must be at least 0"):
        settings.replace(sparsity="1.5")


# ---- the way from the loop to the arithmetic ----

MOST_FRAMES = 10


def test_few_frames_lie_between_the_loop_and_attention(make, settings, tmp_path, monkeypatch):
    """Of albert_np, from `Trainer.train` to `attention`, dispatch not counted, one shard."""
    import traceback

    from albert_np.core import dispatch
    from albert_np.core.model import block

    frames = []

    def attention(*args, _attention=block.attention, **options):
        frames.append([frame for frame, _ in traceback.walk_stack(None) if "albert_np" in frame.f_globals["__name__"]])
        return _attention(*args, **options)

    monkeypatch.setattr(block, "attention", attention)
    model, data = make(settings.replace(steps=1))
    pretrain(model, RunData(data.train), tmp_path, settings.replace(steps=1))
    names = [frame.f_code.co_name for frame in frames[0] if frame.f_globals["__name__"] != dispatch.__name__]
    assert "train" in names and names.index("train") + 2 <= MOST_FRAMES, names  # `attention` itself, and `train`


# ---- extension points ----


def test_a_constraint_is_called_in_the_order_of_a_step(make, settings, tmp_path):
    """And its state goes into the checkpoints, from where it is given back."""
    from contextlib import contextmanager

    from albert_np.training.constraints import Constraint

    class Recording(Constraint):
        def __init__(self):
            self.calls = []

        def start(self, params, total):
            self.calls.append(f"start {total}")

        @contextmanager
        def forward_context(self, params):
            self.calls.append("enter")
            yield
            self.calls.append("leave")

        def on_gradients(self, params, grads):
            assert grads.flat.any()
            self.calls.append("gradients")

        def on_step_end(self, params, optimizer, step):
            assert optimizer.count == step
            self.calls.append(f"step {step}")

        def state(self):
            return {"numbers": np.arange(3.0)}

        def restore(self, state):
            self.calls.append(f"restore {state['numbers'].tolist()}")

    settings = settings.replace(steps=2)
    step = ["enter", "gradients", "leave"]
    first, again = Recording(), Recording()
    model, data = make(settings)
    pretrain(model, data, tmp_path, settings, constraints=[first])
    assert first.calls == ["start 2", *step, "step 1", *step, "step 2"]
    pretrain(model, data, tmp_path, settings.replace(steps=3), constraints=[again], resume=True)
    assert again.calls == ["start 3", "restore [0.0, 1.0, 2.0]", *step, "step 3"]


def test_the_old_name_of_callbacks_stays_for_a_release():
    from albert_np.training import Callback

    assert Report is Callback
