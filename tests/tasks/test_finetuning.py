"""From files to a folder that answers: `finetune`, `Trained`, the options of training, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from examples import examples

import albert_np as ab
from albert_np.data.formats import Labelled
from albert_np.tasks.classification import Classification
from albert_np.tasks.initial_model import get_texts
from albert_np.tasks.trained import Trained
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.layer_rates import get_layer_rates

OWN = Path(__file__).parents[2] / "docs" / "own_task.py"
SMALL = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32, embedding_size=16, num_attention_heads=2)


def run(task, tokenizer, *, train=None, **arguments):
    given = examples(task) if train is None else train
    defaults = dict(config="tiny", tokenizer=tokenizer, changes=SMALL, options={"max_length": 64}, tokens_per_batch=256, epochs=2)
    return ab.finetune(task, given, **{**defaults, "dev": given[:8], **arguments})


@pytest.mark.parametrize(
    "name", ["classification", "question-answering", "multiple-choice", "ner", "relations", "srl", "translation"]
)
def test_a_trained_folder_needs_nothing_else(name, tokenizer, tmp_path):
    if name == "translation":
        pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: translations cannot be scored")
    done = run(name, tokenizer, out=tmp_path / "model")
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "model", moved)
    again = Trained.from_pretrained(moved)
    given = examples(name)[8:12]
    assert again.predict(given) == done.trained.predict(given)
    assert again.evaluate(given) == done.trained.evaluate(given)
    assert again.about["scores"] == done.scores[0] and again.task.options == done.trained.task.options
    lines = [json.loads(line) for line in (moved / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if "dev" in line] == [1, 2]
    assert (moved / "figures" / "learning.png").stat().st_size > 5000
    with pytest.raises(ValueError, match=f"trained for the task '{name}', not for"):
        Trained.from_pretrained(moved, "ner" if name != "ner" else "srl")


def test_the_same_seed_is_the_same_model_and_another_is_another(tokenizer):
    flats = [run("ner", tokenizer, seed=seed).trained.model.params.flat for seed in (3, 3, 4)]
    assert flats[0].tobytes() == flats[1].tobytes() != flats[2].tobytes()


def test_micro_batches_change_nothing_but_rounding(tokenizer):
    """Also for answers, where the two tables of labels are divided by one number."""
    for name in ("question-answering", "srl", "relations"):
        whole, parts = (run(name, tokenizer, accumulate=k, epochs=1, learning_rate=1e-4).history.steps for k in (1, 3))
        np.testing.assert_allclose([s["loss"] for s in whole], [s["loss"] for s in parts], rtol=1e-5)


def test_the_best_epoch_is_kept_and_patience_ends_a_run(tokenizer):
    done = run("ner", tokenizer, epochs=30, patience=2, learning_rate=3e-3)
    scores = [record["dev"]["f1"] for record in done.history.epochs]
    best = done.history.best
    assert scores[best - 1] == max(scores) == done.scores[0]["f1"] and max(scores[: best - 1], default=0) < max(scores)
    assert len(set(scores)) > 1 and done.history.chosen_by == "f1"
    assert len(scores) == 30 or len(scores) == best + 2
    assert done.trained.evaluate(examples("ner")[:8])["f1"] == pytest.approx(max(scores))


class Scripted(Classification):
    """A task whose scores are given in advance."""

    script: ClassVar[list[tuple[float, float]]] = []  # accuracy and macro-F1, first of the baseline, then of each epoch

    def score(self, examples, answers):
        accuracy, macro_f1 = self.script.pop(0) if self.script else (0.0, 0.0)
        return {"accuracy": accuracy, "macro_f1": macro_f1, "matthews": 0.0}


LOSS = "the loss on the development examples"


@pytest.mark.parametrize(
    ("accuracy", "macro_f1", "best", "chosen_by"),
    [
        ([0.1, 0.3, 0.3, 0.2], [0.9, 0.1, 0.2, 0.9], 2, "accuracy"),  # the first of equal ones
        ([0.0, 0.0, 0.0, 0.0], [0.1, 0.4, 0.3, 0.4], 2, "macro_f1"),
        ([0.5, 0.5, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2], 4, LOSS),
        ([0.0, 0.0, 0.1, 0.0], [0.1, 0.4, 0.3, 0.9], 3, "accuracy"),  # decides again once it differs
        ([0.5, 0.5, 0.4, 0.5], [0.1, 0.4, 0.3, 0.9], 2, "accuracy"),  # lower: the better one of those before
        ([1.0, 1.0, 1.0, 1.0], [0.1, 0.4, 0.3, 0.9], 1, "accuracy"),  # perfect: nothing can be better
    ],
)
def test_a_score_that_is_the_same_in_every_epoch_does_not_choose(tokenizer, accuracy, macro_f1, best, chosen_by):
    class Notes(ab.training.Report):
        lines: ClassVar[list[str]] = []

        def note(self, text):
            self.lines.append(text)

    Notes.lines.clear()
    Scripted.script[:] = [(0.0, 0.0), *zip(accuracy, macro_f1)]
    given = examples("classification")
    done = run(Scripted(max_length=64), tokenizer, train=given, epochs=4, learning_rate=1e-3, report=Notes())
    losses = [record.get("dev_loss") for record in done.history.epochs]
    assert (done.history.best, done.history.chosen_by) == (best, chosen_by), losses
    assert done.trained.about["chosen_by"] == chosen_by and done.scores[0]["accuracy"] == accuracy[best - 1]
    said = [line for line in Notes.lines if "cannot tell them apart" in line]
    assert said == ([] if chosen_by == "accuracy" else [
        f"accuracy was {accuracy[0]:.4f} in all 4 epochs and cannot tell them apart: the best one was chosen by {chosen_by}"
    ])  # fmt: skip
    assert (losses[0] is None) == (accuracy[0] == 1) and (losses[3] is None) == (len(set(accuracy)) > 1 or accuracy[0] == 1)
    Scripted.script.clear()


def test_patience_counts_by_the_score_that_chooses(tokenizer):
    """By the loss, here: at 0 accuracy in all epochs, a run goes on as long as the loss falls."""
    Scripted.script.clear()
    done = run(Scripted(max_length=64), tokenizer, train=examples("classification"), epochs=30, patience=2, learning_rate=3e-3)
    losses = [record["dev_loss"] for record in done.history.epochs]
    assert done.history.best == losses.index(min(losses)) + 1 and 4 < len(losses) == done.history.best + 2 < 30


def test_the_best_of_several_seeds_is_chosen_alike(tokenizer):
    Scripted.script[:] = [(0.0, 0.0), (0.0, 0.1), (0.0, 0.3), (0.0, 0.2)]  # the baseline, and an epoch of each seed
    done = run(Scripted(max_length=64), tokenizer, train=examples("classification"), epochs=1, seeds=3)
    assert done.trained.about["settings"]["seed"] == 1 and done.trained.about["scores"]["macro_f1"] == 0.3


def test_several_seeds_have_a_mean_and_a_deviation(tokenizer, tmp_path):
    done = run("classification", tokenizer, seeds=3, out=tmp_path / "out")
    found = [scores["accuracy"] for scores in done.scores]
    assert done.mean["accuracy"] == pytest.approx(np.mean(found)) and done.deviation["accuracy"] == pytest.approx(
        np.std(found, ddof=1)
    )
    summary = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert summary["mean"] == done.mean and len(summary["seeds"]) == 3 and "the majority's class" in summary["baselines"]
    best = json.loads((tmp_path / "out" / "task.json").read_text())
    assert best["scores"]["accuracy"] == max(found)
    assert {path.name for path in (tmp_path / "out").glob("seed-*")} == {"seed-0", "seed-1", "seed-2"}


def test_what_is_frozen_does_not_move(tokenizer):
    start = run("ner", tokenizer, epochs=1, learning_rate=1e-12).trained.model.params
    done = run("ner", tokenizer, epochs=2, freeze=("body",)).trained.model.params
    for name, array in done.items():
        moved = np.abs(array - dict(start.items())[name]).max() > 1e-6
        assert moved == name.startswith("task"), name
    with pytest.raises(ValueError, match="freeze: no tensor is called 'bodies'; there are body, embeddings"):
        run("ner", tokenizer, freeze=("bodies",))
    with pytest.raises(ValueError, match="leaves nothing to train"):
        run("ner", tokenizer, freeze=("body", "task"))


def test_rates_fall_from_layer_to_layer():
    config = ab.AlbertConfig.preset("tiny", num_hidden_layers=4, num_hidden_groups=2)
    tensor_rates = get_layer_rates(ab.AlbertForTokenClassification(config).params, config, decay=0.5)
    assert tensor_rates["task.w"] == 1 and tensor_rates["embeddings.word"] == 0.5**5
    assert (
        tensor_rates["groups.0.blocks.0.ffn.output.w"] == 0.5**3.5 and tensor_rates["groups.1.blocks.0.ffn.output.w"] == 0.5**1.5
    )
    with pytest.raises(ValueError, match="layer_decay must be above 0"):
        get_layer_rates(ab.AlbertForTokenClassification(config).params, config, decay=0)


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_a_step_with_rates_is_many_steps_with_one(name, version):
    """Each tensor moves as with its own learning rate."""
    params = ab.AlbertForTokenClassification(ab.AlbertConfig.preset("tiny", **SMALL), dtype="float64").params
    grads = params.zeros_like()
    grads.flat[:] = np.random.default_rng(0).normal(size=grads.flat.shape)
    rates = {key: 0.25 * (i % 4) for i, (key, _) in enumerate(params.items())}
    together = params.copy()
    ab.optim.step(together, grads, ab.optim.init(name, params), 0.1, rates)
    for key, array in together.items():
        alone = params.copy()
        ab.optim.step(alone, grads, ab.optim.init(name, params), 0.1 * rates[key])
        np.testing.assert_allclose(array, dict(alone.items())[key], rtol=1e-12, atol=1e-15, err_msg=key)


def test_classes_are_balanced_over_the_steps(tokenizer):
    from albert_np.tasks import get_task
    from albert_np.training.finetune import get_sampler
    from albert_np.training.units import get_units

    task = get_task("classification", max_length=64)
    given = examples("classification", 120)
    task.learn(given)
    units = get_units(task, [task.items(example, tokenizer) for example in given])
    sampler = get_sampler(units, task, ab.AlbertConfig.preset("tiny"), FinetuneSettings(balance=True, tokens_per_batch=256))
    counts = [[sum(units[i][0].target == c for i in batch) for c in (0, 1)] for batch in sampler.batches(0)]
    assert all(max(column) - min(column) <= 1 for column in zip(*counts))
    with pytest.raises(ValueError, match="balance needs one class for each example"):
        run("ner", tokenizer, balance=True)


def test_from_a_checkpoint_and_from_its_sizes(tokenizer, tmp_path):
    config = ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **SMALL)
    ab.AlbertForPreTraining(config, seed=9).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    arguments = dict(config=None, model=tmp_path / "base", changes={}, learning_rate=1e-12, epochs=1)
    taken = run("ner", None, **arguments)
    fresh = run("ner", None, **arguments, from_scratch=True)
    body = ab.AlbertForPreTraining.from_pretrained(tmp_path / "base").params
    np.testing.assert_allclose(taken.trained.model.params.embeddings.word, body.embeddings.word, atol=1e-9)
    assert np.abs(fresh.trained.model.params.embeddings.word - body.embeddings.word).max() > 0.01
    assert taken.trained.about["start"] == str(tmp_path / "base") and fresh.trained.about["start"] is None
    # what was trained for one task is a start for another
    taken.trained.save_pretrained(tmp_path / "ner")
    other = run("relations", None, **{**arguments, "model": tmp_path / "ner"})
    assert other.trained.model.config.num_labels == len(other.trained.task.options["labels"])


def test_mistakes_before_anything_costs_time(tokenizer, tmp_path):
    with pytest.raises(ValueError, match=r"`tokenizer` needs `config`, the sizes of a new model"):
        run("ner", tokenizer, config=None)
    with pytest.raises(ValueError, match=r"expected either `model`, a pretrained one, or `config`"):
        run("translation", tokenizer, config=None)
    with pytest.raises(ValueError, match="unknown setting 'learning_rat'; did you mean 'learning_rate'"):
        run("ner", tokenizer, learning_rat=1)
    with pytest.raises(ValueError, match="epochs must be at least 1, not 0"):
        run("ner", tokenizer, epochs=0)
    for wrong, said in ((dict(freeze=0.5), "freeze must be names"), (dict(balance=1), "balance must be true or false"),
                        (dict(sparsity=True), "sparsity must be a number, or a pattern"),
                        (dict(weights=8), "weights must be a text"),
                        (dict(checkpoint_seconds=-1), "checkpoint_seconds must be at least 0")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            run("ner", tokenizer, **wrong)
    with pytest.raises(ValueError, match="max_length is 999, but the model's max_position_embeddings is 128"):
        run("ner", tokenizer, options={"max_length": 999})
    with pytest.raises(ValueError, match="seeds must be at least 1"):
        run("ner", tokenizer, seeds=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(FileExistsError, match="is not empty"):
        run("ner", tokenizer, out=tmp_path / "full")
    said = r"train\[1\]: expected albert_np.data.formats.tables.Labelled\(text: str, .*\) or a dict, \{column: value\}, got \(.a"
    with pytest.raises(ValueError, match=said):
        ab.finetune("classification", [Labelled("a", label="b"), ("a text", "good")], config="tiny")
    with pytest.raises(ValueError, match="the examples to train on are missing: give them as `train`"):
        ab.finetune("classification", None, config="tiny")
    with pytest.raises(OSError):  # a file without a name, not "no file"
        run("ner", tokenizer, dev="")
    with pytest.raises(FileNotFoundError):
        ab.finetune("ner", "nowhere.conll", config="tiny", out=tmp_path / "never")
    assert not (tmp_path / "never").exists()
    with pytest.raises(ValueError, match="unknown preset 'tiniest'; the presets are tiny, small"):
        run("ner", tokenizer, config="tiniest")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Trained.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no task\.json"):
        Trained.from_pretrained(tmp_path / "full")
    for wrong, said in (({"labels": 7}, "its options are not those of ner"), ({"word": 1, "worb": 2}, "no option 'worb'"),
                        ({"max_length": "64"}, "max_length must be a number of tokens, 3 or more, not '64'")):  # fmt: skip
        (tmp_path / "full" / "task.json").write_text(json.dumps({"task": "ner", "options": {"labels": ["O"], **wrong}}))
        with pytest.raises(ValueError, match=rf"full/task\.json: .*{said}"):
            Trained.from_pretrained(tmp_path / "full")


def test_a_task_of_one_s_own_in_one_file(tmp_path, tokenizer):
    said = [example.text for example in examples("classification", 40)]
    (tmp_path / "pairs.tsv").write_text("".join(f"First, {a}\tThen {b}\n" for a, b in zip(said[::2], said[1::2])))
    assert len([line for line in OWN.read_text().splitlines() if line and not line.startswith(('"', "from"))]) <= 20
    done = ab.finetune(
        f"{OWN}:Order", tmp_path / "pairs.tsv", tmp_path / "pairs.tsv", config="tiny", tokenizer=tokenizer, out=tmp_path / "out",
        changes=SMALL, epochs=20, learning_rate=3e-3, tokens_per_batch=256,
    )  # fmt: skip
    assert done.scores[0]["accuracy"] > 0.9 and "an untrained model" in done.baselines
    with pytest.raises(ValueError, match=r"a task of your own; name it as file\.py:Class"):  # a folder decides on no code
        Trained.from_pretrained(tmp_path / "out")
    again = Trained.from_pretrained(tmp_path / "out", f"{OWN}:Order")
    assert again.predict(f"First, {said[0]}\tThen {said[1]}") == [{"answer": 0}]


def test_a_signal_ends_a_run_and_keeps_its_best_epoch(tokenizer, tmp_path):
    import os
    import signal

    from albert_np.training import Report

    class Impatient(Report):
        def step(self, record):
            if record["epoch"] == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    done = run("ner", tokenizer, epochs=50, seeds=4, report=Impatient(), out=tmp_path / "out")
    assert done.stopped_by == "SIGTERM" and [record["epoch"] for record in done.history.epochs] == [1, 2]
    assert done.history.best in (1, 2) and len(done.scores) == 1
    assert Trained.from_pretrained(tmp_path / "out").evaluate(examples("ner")[:8])["f1"] == pytest.approx(done.scores[0]["f1"])


def test_a_loss_that_is_no_number_ends_a_run(tokenizer):
    from albert_np.training import Diverged

    with (
        pytest.raises(Diverged, match=r"NaN or infinite at step \d+; try a lower `learning_rate` \(it was 9\)"),
        np.errstate(all="ignore"),
    ):
        run("classification", tokenizer, learning_rate=9.0, epochs=200, clip_norm=1e8, weight_decay=9.0)


SMALLER = dict(epochs=4, learning_rate=3e-3, tokens_per_batch=128)


@pytest.mark.parametrize("given", [dict(sparsity=0.8), dict(sparsity="2:4", prune_by="movement"), dict(weights="int8"),
                                   dict(sparsity=0.5, weights="int4", prune_scope="global")], ids=str)  # fmt: skip
def test_a_model_made_small_in_training_is_saved_small_and_loaded_as_it_was(tokenizer, tmp_path, given):
    from albert_np.compress import sparsity

    done = run("ner", tokenizer, out=tmp_path / "model", **SMALLER, **given)
    again = Trained.from_pretrained(tmp_path / "model")
    assert (again.model.params.flat == done.trained.model.params.flat).all()
    assert again.evaluate(examples("ner")) == done.trained.evaluate(examples("ner"))
    share = {"2:4": 0.5}.get(given.get("sparsity"), given.get("sparsity", 0))
    assert sparsity(again.model.params) == pytest.approx(share, abs=0.01) or "weights" in given
    assert done.history.best >= (3 if share and share != 0.5 else 1), "only what is pruned to the end may be the best"
    plain = 4 * again.model.params.count()
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 0.85 * plain


def test_a_pruned_model_keeps_its_zeros_when_it_is_trained_on(tokenizer, tmp_path):
    run("classification", tokenizer, out=tmp_path / "pruned", **SMALLER, sparsity=0.8)
    before = Trained.from_pretrained(tmp_path / "pruned").model.params.flat == 0
    done = run(
        "classification", None, config=None, changes={}, model=tmp_path / "pruned", out=tmp_path / "again", seed=5, **SMALLER
    )
    after = done.trained.model.params.flat
    assert (after[before] == 0).all() and (after[~before] != 0).mean() > 0.99
    assert (tmp_path / "again" / "model.safetensors").stat().st_size < 0.75 * 4 * done.trained.model.params.count()


@pytest.mark.parametrize(
    ("given", "said"), [(dict(sparsity=1.5), "at least 0 and below 1"), (dict(weights="int3"), "int8 or int4")]
)
def test_small_forms_that_make_no_sense_are_refused_before_anything_is_read(tokenizer, given, said):
    with pytest.raises(ValueError, match=said):
        ab.finetune("ner", "nowhere.conll", config="tiny", tokenizer=tokenizer, **given)


@pytest.mark.parametrize(
    "example", [("One text.", "Another.", 1), ["One text.", "Another."], {"text": "One text.", "other": "Another.", "n": 3}]
)
def test_the_texts_of_examples_of_one_s_own_are_found(example):
    assert get_texts(example) == ["One text.", "Another."] and get_texts("One text.") == ["One text."]
