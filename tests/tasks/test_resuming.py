"""Fine-tuning that was stopped, killed or failed, and resumed, ends with the bytes of one that was not."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
from examples import examples
from safetensors import safe_open

import albert_np as ab
from albert_np.tasks.trained import Trained
from albert_np.training import Damaged, Report, checkpoint

SMALL = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32, embedding_size=16, num_attention_heads=2)
DROPOUT = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What takes most of the time here, and is tested elsewhere: waiting for the disk, and the figures."""
    from albert_np import plots

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(plots, "finetune_figures", lambda *_: {})


def run(out, tokenizer, task="classification", report=None, **arguments):
    given = examples(task)
    defaults = dict(
        config="tiny", tokenizer=tokenizer, changes={**SMALL, **DROPOUT}, options={"max_length": 64}, tokens_per_batch=128,
        epochs=4, learning_rate=3e-3, dev=given[:8], report=report, out=out,
    )  # fmt: skip
    return ab.finetune(task, given, **{**defaults, **arguments})


class Stops(Report):
    """Asks for an end, as Ctrl-C does, after these steps (counted over all that happens), and remembers what it was told."""

    def __init__(self, *steps, kill=False):
        self.steps, self.seen, self.notes, self.kill = steps, 0, [], kill

    def step(self, record):
        self.seen += 1
        if self.seen in self.steps:
            if self.kill:  # as near to SIGKILL as a test of one process comes: nothing is written from here on
                raise ZeroDivisionError
            signal.raise_signal(signal.SIGINT)

    def note(self, text):
        self.notes.append(text)


def contents(folder):
    """Every file of a trained model; of the metrics all but the clock, of run.json and task.json what the run came to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == ".lock":
            continue
        data = path.read_bytes()
        if path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in data.splitlines()]
            data = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
        elif path.suffix == ".safetensors":  # the order of what its header tells besides is by chance
            with safe_open(path, "np") as file:
                data = file.metadata(), {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118
        elif path.name in ("run.json", "task.json"):
            data = {key: value for key, value in json.loads(data).items() if key not in ("arguments", "settings")}
        found[str(path.relative_to(folder))] = data
    return found


FORMS = {
    "plain": {},
    "no dev": dict(dev=None),
    "patience": dict(patience=1, epochs=6),
    "so many steps of so many examples": dict(steps=13, batch_size=4),
    "pruned": dict(sparsity=0.6),
    "pruned by movement": dict(sparsity="2:4", prune_by="movement"),
    "rounded": dict(weights="int8"),
    "both, accumulated": dict(sparsity=0.5, weights="int4", accumulate=2),
    "frozen, by layers": dict(freeze=("embeddings",), layer_decay=0.9, balance=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_stopped_at_any_place_it_ends_with_the_same_bytes(form, tokenizer, tmp_path):
    whole = run(tmp_path / "whole", tokenizer, **FORMS[form])
    steps, an_epoch = len(whole.history.steps), len([s for s in whole.history.steps if s["epoch"] == 1])
    assert an_epoch > 2 and not (tmp_path / "whole" / "checkpoints").exists()
    for place in (1, an_epoch, an_epoch + 2, steps):  # within an epoch, and where one ends
        out = tmp_path / f"stopped-{place}"
        first = run(out, tokenizer, report=Stops(place), **FORMS[form])
        assert (first.stopped_by, len(first.history.steps)) == ("SIGINT", place)
        again = run(out, tokenizer, resume=True, **FORMS[form])
        assert again.stopped_by == "" and again.scores == whole.scores and again.history.best == whole.history.best
        assert again.history.answers == whole.history.answers or form == "no dev"
        assert again.trained.model.params.flat.tobytes() == whole.trained.model.params.flat.tobytes()
        assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("task", ["ner", "question-answering", "multiple-choice", "relations"])
def test_other_tasks_and_a_teacher(task, tokenizer, tmp_path):
    run(tmp_path / "teacher", tokenizer, task, changes=SMALL | {"hidden_size": 48, "num_attention_heads": 4})
    taught = dict(teacher=tmp_path / "teacher", hidden=0.5, task=task)
    run(tmp_path / "whole", tokenizer, **taught)
    for place in (3, 9):
        assert run(tmp_path / f"{place}", tokenizer, report=Stops(place), **taught).stopped_by
        run(tmp_path / f"{place}", tokenizer, resume=True, **taught)
        assert contents(tmp_path / f"{place}") == contents(tmp_path / "whole")


def test_killed_again_and_again(tokenizer, tmp_path):
    """Each time it comes three steps further, and is kept after each."""
    run(tmp_path / "whole", tokenizer, seeds=2)
    out, times = tmp_path / "killed", 0
    while True:
        try:
            run(out, tokenizer, seeds=2, resume=times > 0, checkpoint_seconds=0, report=Stops(4, kill=True))
            break
        except ZeroDivisionError:
            times += 1
            for folder in out.glob("seed-*/checkpoints"):
                left = checkpoint.folders(folder)
                assert 1 <= len(left) <= 2 and not any(map(checkpoint.damage, left))
    assert times > 5
    assert contents(out) == contents(tmp_path / "whole")


def test_the_seeds_go_on_where_they_were(tokenizer, tmp_path):
    whole = run(tmp_path / "whole", tokenizer, seeds=3)
    steps = len(run(None, tokenizer).history.steps)
    out, report = tmp_path / "out", Stops(steps + 2)
    first = run(out, tokenizer, seeds=3, report=report)
    assert first.stopped_by == "SIGINT" and json.loads((out / "run.json").read_text())["done"] == [0]
    assert Trained.from_pretrained(out).about["scores"] in first.scores, "what there is when it is stopped can be used"
    report = Stops()
    again = run(out, tokenizer, seeds=3, resume=True, report=report)
    assert report.seen == 2 * steps - 2, "what was done is not done again"
    assert (again.mean, again.deviation, again.scores) == (whole.mean, whole.deviation, whole.scores)
    assert again.history.answers == whole.history.answers
    assert contents(out) == contents(tmp_path / "whole")


def test_a_run_that_is_done_is_read(tokenizer, tmp_path):
    whole, report = run(tmp_path, tokenizer), Stops()
    again = run(tmp_path, tokenizer, resume=True, report=report)
    assert report.seen == 0 and again.scores == whole.scores and again.history.answers == whole.history.answers
    assert again.trained.predict("Anna takes the book.") == whole.trained.predict("Anna takes the book.")


def test_more_seeds_can_be_asked_for(tokenizer, tmp_path):
    run(tmp_path / "three", tokenizer, seeds=3)
    run(tmp_path / "two", tokenizer, seeds=2)
    run(tmp_path / "two", tokenizer, seeds=3, resume=True)
    assert contents(tmp_path / "two") == contents(tmp_path / "three")
    run(tmp_path / "one", tokenizer)
    with pytest.raises(ValueError, match="the run has one seed and no folder for each: for several, choose another `out`"):
        run(tmp_path / "one", tokenizer, seeds=2, resume=True)
    with pytest.raises(ValueError, match="the run has several seeds, not one: leave out `seeds`"):
        run(tmp_path / "two", tokenizer, resume=True)


def test_a_signal_between_two_seeds_is_no_end(tokenizer, tmp_path, monkeypatch):
    """While the first one's model is written: the second is still to be trained, so the run was stopped."""
    from albert_np.tasks import finetune as finetuning

    def write(*arguments, own=finetuning.write_run):
        signal.raise_signal(signal.SIGTERM)
        own(*arguments)

    monkeypatch.setattr(finetuning, "write_run", write)
    done = run(tmp_path / "two", tokenizer, seeds=2)
    assert done.stopped_by == "SIGTERM" and len(done.scores) == 1
    assert run(tmp_path / "one", tokenizer).stopped_by == ""


def test_a_run_from_before_an_option_existed_goes_on(tokenizer, tmp_path):
    run(tmp_path / "whole", tokenizer)
    out = tmp_path / "out"
    run(out, tokenizer, report=Stops(3))
    stored = json.loads((out / "run.json").read_text())
    del stored["told"]["options"]["pairs"]
    (out / "run.json").write_text(json.dumps(stored))
    run(out, tokenizer, resume=True)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_damaged_checkpoint_is_said_and_the_one_before_is_taken(tokenizer, tmp_path):
    run(tmp_path / "whole", tokenizer)
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError):
        run(out, tokenizer, checkpoint_seconds=0, report=Stops(7, kill=True))
    older, newest = checkpoint.folders(out / "checkpoints")
    path = newest / "history.json"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged, match=r"history\.json"):
        checkpoint.verify(newest)
    report = Stops()
    run(out, tokenizer, resume=True, report=report)
    first, second = (note for note in report.notes if "checkpoint" in note)
    assert f"the checkpoint {newest} is damaged" in first and str(older) in second
    assert contents(out) == contents(tmp_path / "whole")


def test_another_run_is_refused_by_naming_the_difference(tokenizer, tmp_path):
    run(tmp_path / "teacher", tokenizer)
    out = tmp_path / "out"
    run(out, tokenizer, report=Stops(3))
    before = contents(out)
    for other, said in (
        (dict(learning_rate=0.5), r"learning_rate is 0\.5 now and was 0\.003"),
        (dict(epochs=5, seed=1), "seed is 1 now and was 0; epochs is 5 now and was 4"),
        (dict(dev=examples("classification")[:7]), "the development examples are not what"),
        (dict(changes=SMALL), r"hidden_dropout_prob is 0\.0 now and was 0\.1"),
        (dict(options={"max_length": 32}), "max_length is 32 now and was 64"),
        (dict(teacher=tmp_path / "teacher"), "the teacher is not what"),
    ):
        with pytest.raises(ValueError, match=f"cannot resume .*{said}"):
            run(out, tokenizer, resume=True, **other)
    for wrong in examples("classification", 40), examples("classification", seed=3):
        with pytest.raises(ValueError, match="the training examples are not what the run was started with"):
            ab.finetune("classification", wrong, examples("classification")[:8], config="tiny", tokenizer=tokenizer,
                        changes={**SMALL, **DROPOUT}, options={"max_length": 64}, tokens_per_batch=128, epochs=4,
                        learning_rate=3e-3, out=out, resume=True)  # fmt: skip
    assert contents(out) == before
    with pytest.raises(FileExistsError, match=r"holds a run; `resume=True` continues it, or choose another `out`"):
        run(out, tokenizer)
    with pytest.raises(FileNotFoundError, match="no run to resume"):
        run(tmp_path / "nowhere", tokenizer, resume=True)
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(ValueError, match="resume needs `out`"):
        run(None, tokenizer, resume=True)


def test_the_model_to_start_from_must_be_the_same(tokenizer, tmp_path):
    config = ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **SMALL)
    for seed, name in ((9, "base"), (8, "other")):
        ab.AlbertForPreTraining(config, seed=seed).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    arguments = dict(config=None, changes={}, tokenizer=None)
    whole = run(tmp_path / "whole", model=tmp_path / "base", **arguments)
    run(tmp_path / "out", model=tmp_path / "base", report=Stops(3), **arguments)
    with pytest.raises(ValueError, match="the model to start from is not what the run was started with"):
        run(tmp_path / "out", model=tmp_path / "other", resume=True, **arguments)
    shutil.move(tmp_path / "base", tmp_path / "moved")  # where it is does not matter
    again = run(tmp_path / "out", model=tmp_path / "moved", resume=True, **arguments)
    assert again.trained.model.params.flat.tobytes() == whole.trained.model.params.flat.tobytes()


def test_a_vocabulary_of_the_examples_is_kept_with_the_run(tmp_path, monkeypatch):
    arguments = dict(tokenizer=None, vocab_size=90)
    whole = run(tmp_path / "whole", **arguments)
    run(tmp_path / "out", report=Stops(3), **arguments)
    from albert_np.tasks import initial_model as start

    monkeypatch.setattr(start, "train_vocabulary", lambda *_: pytest.fail("it is trained already"))
    again = run(tmp_path / "out", resume=True, **arguments)
    assert np.array_equal(again.trained.model.params.flat, whole.trained.model.params.flat)


def test_a_failure_before_anything_was_kept_leaves_a_folder_that_can_be_used(tokenizer, tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "out", tokenizer, report=Stops(2, kill=True))
    again = run(tmp_path / "out", tokenizer, resume=True)  # nothing was kept yet: it begins anew
    assert again.scores == run(None, tokenizer).scores
