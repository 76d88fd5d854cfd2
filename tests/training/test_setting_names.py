"""Settings under the names of other programs: `lr` is accepted, the others are answered with ours and with its unit."""

import re

import pytest

import albert_np as ab
from albert_np.data.formats import Labelled
from albert_np.io.similar_names import USUAL, suggest
from albert_np.models.config import FIELDS
from albert_np.training import Settings, pretrain
from albert_np.training.finetune_settings import FinetuneSettings

REVIEWS = [Labelled(f"{word} film {n}", label=word) for n in range(4) for word in ("good", "bad")]
TINY = dict(config="tiny", vocab_size=40, changes=dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32), progress=False)
TOKENS = "'tokens_per_batch', which counts the tokens of a step, not its examples"
FINETUNING = {
    "learning_rat": "'learning_rate'", "LR": "'learning_rate'", "batch_tokens": TOKENS,
    "per_device_train_batch_size": "'batch_size'",
    "num_train_epochs": "'epochs', passes over the examples", "n_epochs": "'epochs', passes over the examples",
    "max_steps": "'steps'", "warmup_steps": "'warmup', a share of the steps, such as 0.1",
    "warmup_ratio": "'warmup', a share of the steps, such as 0.1", "gradient_accumulation_steps": "'accumulate'",
    "max_grad_norm": "'clip_norm'", "random_state": "'seed'", "fp16": "'precision'", "early_stopping_patience": "'patience'",
    "output_dir": "'out'", "train_dataset": "'train'", "eval_dataset": "'dev'", "callbacks": "'report'", "verbose": "'progress'",
    "model_name_or_path": "'model'", "max_length": "options={'max_length': ...}", "max_seq_length": "options={'max_length': ...}",
    "label": "options={'label': ...}", "dropout": "changes={'hidden_dropout_prob': ...}",
    "hidden_size": "changes={'hidden_size': ...}", "num_layers": "changes={'num_hidden_layers': ...}",
}  # fmt: skip
PRETRAINING = {
    "batch_size": TOKENS, "num_epochs": "'epochs'", "max_steps": "'steps'", "warmup_steps": "'warmup', a number of steps",
    "mlm_probability": "'masked_lm_prob'", "max_seq_len": "'max_length'", "logging_steps": "'log_every'", "optim": "'optimizer'",
    "grad_accum": "'accumulate'", "adam_epsilon": "'eps'", "save_total_limit": "'keep'",
}  # fmt: skip
CONFIG = {
    "num_layers": "num_hidden_layers", "n_head": "num_attention_heads", "d_model": "hidden_size", "d_ff": "intermediate_size",
    "dropout": "hidden_dropout_prob", "activation": "hidden_act", "max_length": "max_position_embeddings",
    "n_vocab": "vocab_size",
}  # fmt: skip


def test_lr_is_the_learning_rate(make, settings, tmp_path):
    done = ab.finetune("classification", REVIEWS, epochs=1, lr=3e-3, out=tmp_path / "fine", **TINY)
    assert done.trained.about["settings"]["learning_rate"] == 3e-3
    again = ab.finetune("classification", REVIEWS, epochs=1, learning_rate=3e-3, out=tmp_path / "fine", resume=True, **TINY)
    assert again.history.steps == done.history.steps
    assert (tmp_path / "fine" / "run.json").read_text(encoding="utf-8").count('"lr"') == 0
    assert Settings(lr=0.5).learning_rate == FinetuneSettings(lr=0.5).learning_rate == 0.5
    assert Settings().replace(lr=0.5) == Settings.from_dict({"lr": 0.5}) == Settings(learning_rate=0.5)
    summary = pretrain(*make(settings), tmp_path / "pre", settings, steps=2, lr=0.5, progress=False)
    assert summary.total_steps == 2 and '"learning_rate": 0.5' in (tmp_path / "pre" / "run.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("build", [Settings, FinetuneSettings, Settings().replace, FinetuneSettings().replace])
def test_one_setting_under_two_names(build):
    with pytest.raises(ValueError, match="lr and learning_rate are one setting; give one of them"):
        build(lr=0.1, learning_rate=0.1)


@pytest.mark.parametrize("name", FINETUNING)
def test_other_names_in_fine_tuning(name):
    message = rf"^unknown setting '{name}'; did you mean {re.escape(FINETUNING[name])}\?$"
    with pytest.raises(ValueError, match=message):
        ab.finetune("classification", REVIEWS, **TINY, **{name: 1})


@pytest.mark.parametrize("name", PRETRAINING)
def test_other_names_in_pretraining(name, tmp_path):
    message = rf"^unknown setting '{name}'; did you mean {re.escape(PRETRAINING[name])}\?$"
    with pytest.raises(ValueError, match=message):
        Settings(**{name: 1})
    with pytest.raises(ValueError, match=message):
        pretrain(None, None, tmp_path, **{name: 1})


@pytest.mark.parametrize("name", CONFIG)
def test_other_names_in_a_config(name):
    with pytest.raises(ValueError, match=rf"^unknown config key '{name}'; did you mean '{CONFIG[name]}'\?$"):
        ab.AlbertConfig.preset("tiny", **{name: 1})


def test_epochs_take_the_place_of_steps():
    assert (Settings(epochs=3).steps, Settings(steps=3).epochs, Settings(epochs=3).epochs) == (None, None, 3)
    assert Settings(epochs=3).replace(steps=9) == Settings(steps=9) and Settings().replace(epochs=3) == Settings(epochs=3)
    for given in (dict(steps=3, epochs=3), dict(steps=None)):
        with pytest.raises(ValueError, match="set exactly one of steps and epochs"):
            Settings(**given)


def test_every_usual_name_leads_to_a_name_that_exists():
    import inspect

    known = {
        *vars(Settings()),
        *vars(FinetuneSettings()),
        *FIELDS,
        *inspect.signature(ab.finetune).parameters,
        "lr",
        "max_length",
    }
    assert {target for targets in USUAL.values() for target in targets} <= known


def test_names_that_are_not_similar_are_not_suggested():
    options = "--ranks --id2label --quiet --tokens-per-batch --lr".split()
    assert [suggest(name, options) for name in ("--train", "--init", "--xyz", "")] == [""] * 4
    assert suggest("--learning-rate", options) == "; did you mean '--lr'?"
    assert suggest("--batch_size", options) == f"; did you mean '--tokens-per-batch'{TOKENS[18:]}?"


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("finetune ner --learning-rate 1", "'--learning-rate'; did you mean '--lr'?"),
        ("pretrain --batch-size 1", "'--tokens-per-batch', which counts the tokens of a step, not its examples?"),
        ("finetune ner --train-batch-size 1", "did you mean '--batch-size'?"),
        ("finetune ner --num-train-epochs 1", "did you mean '--epochs'?"),
        ("finetune ner --output-dir x", "did you mean '--out'?"), ("pretrain --max-steps 3", "did you mean '--steps'?"),
        ("info tiny --train", "unknown option '--train'"),
    ],
)  # fmt: skip
def test_the_command_line(fails, command, hint):
    assert fails(*command.split()).endswith(hint)
