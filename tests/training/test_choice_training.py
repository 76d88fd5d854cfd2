"""Rows that stay together: a batch, a shard, a micro-batch and a process have all choices of a question, or none."""

from types import SimpleNamespace

import numpy as np
import pytest
from choices_task import PEOPLE, THINGS, Which, questions
from stopping import StopAfter

import albert_np as ab
from albert_np.engine.mpi import SINGLE_PROCESS
from albert_np.engine.stop import Stop
from albert_np.tasks.batches import collate_choices, predict_logits
from albert_np.tasks.task import Item
from albert_np.training import Callback
from albert_np.training.finetune import Finetuning, get_sampler, mean_loss
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.objective import loss_denominators
from albert_np.training.units import count_tokens, get_costs, get_units

SMALL = dict(
    hidden_size=24, num_attention_heads=3, intermediate_size=48, embedding_size=16, num_hidden_layers=2,
    max_position_embeddings=32, initializer_range=0.1,
)  # fmt: skip
DROPOUT = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
SETTINGS = dict(epochs=4, learning_rate=3e-3, tokens_per_batch=150)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from albert_np.text import AlbertTokenizer, train_tokenizer

    file = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    train_tokenizer([f"{a} the {b} what has now ? {a}" for a in PEOPLE for b in THINGS], file, 52)
    return AlbertTokenizer(file)


def finetune(tokenizer, given=None, **arguments):
    given, fixed = given or questions(), dict(config="tiny", tokenizer=tokenizer, changes={**SMALL, **DROPOUT})
    return ab.finetune(Which(max_length=32), given, given, **{**fixed, **SETTINGS, **arguments})


def all_rows(tokenizer, given=None):
    task = Which(max_length=32)
    return [task.items(example, tokenizer) for example in given or questions()]


def make_run(tokenizer, given=None, **settings):
    task, config = Which(max_length=32), ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **SMALL)
    units = get_units(task, all_rows(tokenizer, given or questions(40)))
    chosen = FinetuneSettings(**{**SETTINGS, **settings})
    model = ab.AlbertForMultipleChoice(config, seed=1, dtype="float64")
    return Finetuning(task, model, tokenizer, units, [], chosen, True, (), Callback(), SINGLE_PROCESS, Stop(), None)


# ---- units ----


def test_a_unit_is_a_question_or_a_row(tokenizer):
    rows = all_rows(tokenizer, [*questions(5), {**questions()[0], "label": None}])
    units = get_units(Which(), rows)
    assert [len(unit) for unit in units] == [2, 3, 4, 5, 2] and [unit[0].group for unit in units] == [0, 1, 2, 3, 4]
    assert all(row.group == unit[0].group for unit in units for row in unit)
    alone = get_units(SimpleNamespace(keeps_rows_together=False), rows)
    assert [len(unit) for unit in alone] == [1] * sum(len(unit) for unit in units)
    tokens = count_tokens(units)
    assert tokens.tolist() == [sum(len(row.ids) for row in unit) for unit in units]
    squares = [sum(len(row.ids) ** 2 for row in unit) for unit in units]
    np.testing.assert_allclose(get_costs(units, 0.5), tokens + 0.5 * np.array(squares))


def test_steps_have_whole_questions_and_nearly_equal_work(tokenizer):
    task, config = Which(max_length=32), ab.AlbertConfig.preset("tiny")
    units = get_units(task, all_rows(tokenizer, questions(64)))
    sampler = get_sampler(units, task, config, FinetuneSettings(tokens_per_batch=400))
    report = sampler.report()
    assert report["each_exactly_once"] and report["examples"] == 64 and report["heaviest_tokens"] <= 400
    assert report["heaviest_over_mean_tokens"] < 1.15
    longest = get_sampler(units, task, config, FinetuneSettings(tokens_per_batch=8))
    assert longest.tokens_per_batch == count_tokens(units).max()  # a question is never too long for a step


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_processes_and_micro_batches_have_whole_questions(tokenizer, size, accumulate):
    run = make_run(tokenizer, accumulate=accumulate)
    expected = run.sampler.batches(0)[0]
    groups, rows = [], []
    for rank in range(size):
        run.processes = SimpleNamespace(rank=rank, size=size)
        for arrays in run.micro_batches():
            assert arrays["group_sizes"].sum() == len(arrays["lengths"]) == len(arrays["examples"])
            for first, last in zip(np.cumsum(arrays["group_sizes"]) - arrays["group_sizes"], np.cumsum(arrays["group_sizes"])):
                number = int(np.searchsorted(run.first_rows, arrays["examples"][first], side="right")) - 1
                whole = np.arange(run.first_rows[number], run.first_rows[number + 1])
                assert arrays["examples"][first:last].tolist() == whole.tolist()
                groups.append(number)
            rows += arrays["examples"].tolist()
    assert sorted(groups) == sorted(expected.tolist()) and len(set(rows)) == len(rows)


@pytest.mark.parametrize("size", [1, 2])
def test_parts_of_a_step_add_up_to_the_step(tokenizer, size):
    """The shares of processes, each in micro-batches, give the gradient of the step in one batch, dropout included."""
    whole, parts = make_run(tokenizer), make_run(tokenizer, accumulate=2)
    key, model = ab.Dropout(3, 5), whole.model
    (arrays,) = whole.micro_batches()
    counts = loss_denominators([arrays], SINGLE_PROCESS)
    assert counts["task"] == len(whole.sampler.batches(0)[0])
    results, grads = model.packed_loss_and_gradients(model.pack_batch(**arrays), None, counts, key)
    loss, total = 0.0, model.params.zeros_like()
    for rank in range(size):
        parts.processes = SimpleNamespace(rank=rank, size=size)
        for each in parts.micro_batches():
            loss += float(model.packed_loss_and_gradients(model.pack_batch(**each), total, counts, key)[0].loss)
    assert loss == pytest.approx(float(results.loss), rel=1e-12)
    np.testing.assert_allclose(total.flat, grads.flat, rtol=0, atol=1e-12)


# ---- batches ----


def row(group, target, length=3):
    return Item([2] * length, [0] * length, target, group=group)


def test_collate_choices():
    arrays = collate_choices(
        [row(4, False), row(4, True), row(2, None), row(9, True), row(7, False), row(7, False), row(7, True)]
    )
    assert arrays["group_sizes"].tolist() == [2, 1, 1, 3] and len(arrays["lengths"]) == 7
    ((rows, labels),) = arrays["labels"]
    assert rows.tolist() == [0, 2, 3] and labels.tolist() == [1, 0, 2]
    alone = collate_choices([row(None, False), row(None, True)])  # the rows of one example as `Task.items` returns them
    assert alone["group_sizes"].tolist() == [2]


@pytest.mark.parametrize("targets", [[False, False], [True, True], [True, None], [None, False]])
def test_a_question_has_one_right_choice(targets):
    with pytest.raises(ValueError, match="a question needs one right choice, True among False, or None for all; got "):
        collate_choices([row(0, target) for target in targets])


def test_a_score_for_each_row_whatever_else_is_in_the_batch(tokenizer):
    model = make_run(tokenizer).model
    items = [item for example in all_rows(tokenizer) for item in example]
    together = predict_logits(model, items)
    assert all(score.shape == (1,) for score in together) and len(together) == len(items)
    for item, score in zip(items, together):
        np.testing.assert_allclose(predict_logits(model, [item])[0], score, rtol=1e-12)
    hidden = predict_logits(model, items, ("logits", "last_hidden_state"))
    assert [h.shape for _, h in hidden] == [(len(item.ids), 24) for item in items]


# ---- training ----


def test_questions_are_memorised_saved_and_answered(tokenizer, tmp_path):
    done = finetune(tokenizer, out=tmp_path, epochs=60, changes=SMALL)
    assert done.scores[0]["accuracy"] == 1 and done.history.steps[-1]["accuracy"] == 1
    again = ab.Trained.from_pretrained(tmp_path, Which())
    assert again.evaluate(questions()) == {"accuracy": 1}
    answers = again.predict([{**each, "label": None} for each in questions()])
    assert [each["answer"] for each in answers] == [each["label"] for each in questions()]


def test_it_is_stopped_and_resumed_bit_for_bit(tokenizer, tmp_path):
    whole = finetune(tokenizer, out=tmp_path / "whole", accumulate=2, sparsity=0.5)
    assert finetune(tokenizer, out=tmp_path / "parts", accumulate=2, sparsity=0.5, report=StopAfter(5)).stopped_by == "SIGINT"
    parts = finetune(tokenizer, out=tmp_path / "parts", accumulate=2, sparsity=0.5, resume=True)
    assert parts.trained.model.params.flat.tobytes() == whole.trained.model.params.flat.tobytes()


def test_frozen_body_and_rates_of_layers(tokenizer):
    frozen = finetune(tokenizer, freeze=("body",), layer_decay=0.5, epochs=1).trained.model
    fresh = ab.AlbertForMultipleChoice(frozen.config, seed=0)
    for name, array in frozen.params.items():
        if name != "choice.b":  # its gradient is nothing but rounding
            moved = not np.array_equal(array, dict(fresh.params.items())[name])
            assert moved == (name.split(".")[0] in ("pooler", "choice")), name


def test_a_student_learns_from_its_teacher_alone(tokenizer, tmp_path):
    """The teacher's config has another number of labels, which says nothing about choices."""
    finetune(tokenizer, out=tmp_path, epochs=60, changes={**SMALL, "num_labels": 7})
    small = {**SMALL, "num_hidden_layers": 1}
    done = finetune(tokenizer, epochs=60, changes=small, teacher=tmp_path, hard=0.0, hidden=0.1)
    assert done.scores[0]["accuracy"] > 0.8 and "hint" not in done.trained.model.params.form  # at random 0.32


def test_a_loss_of_the_development_examples(tokenizer):
    run, given = make_run(tokenizer), [*questions(9), {**questions()[0], "label": None}]
    loss = mean_loss(run.model, run.task, given, tokenizer, run.settings, SINGLE_PROCESS)
    scores = [np.array(predict_logits(run.model, run.task.items(each, tokenizer)))[:, 0] for each in given[:9]]
    each = [np.log(np.exp(x - x[q["label"]]).sum()) for x, q in zip(scores, given)]
    assert loss == pytest.approx(np.mean(each), rel=1e-9)
    assert mean_loss(run.model, run.task, given[9:], tokenizer, run.settings, SINGLE_PROCESS) is None


def test_settings_that_do_not_apply(tokenizer):
    with pytest.raises(ValueError, match="balance needs one class for each example; the labels of which here are something else"):
        finetune(tokenizer, balance=True)
    with pytest.raises(ValueError, match="label_smoothing has no effect on which"):
        finetune(tokenizer, label_smoothing=0.1)


PLANS = {
    "int8": dict(weights="int8"),
    "sparse": dict(sparsity=0.5),
    "factors": dict(energy=0.8),
    "heads and neurons": dict(heads=0.5, neurons=0.5),
}


@pytest.mark.parametrize("plan", PLANS)
def test_compressed_models_answer(tokenizer, tmp_path, plan):
    from albert_np.compress.job import Plan, compress_model
    from albert_np.compress.models import make_batches

    trained = finetune(tokenizer, epochs=2, changes={**SMALL, "num_attention_heads": 4}).trained
    labelled, calibration = make_batches(trained, questions(24))
    assert len(labelled) == 24 and all(len(batch.group_rows) == 1 for batch in labelled)
    result = compress_model(trained.model, Plan(**PLANS[plan]), labelled, calibration)
    ab.Trained(trained.task, result.model, tokenizer, {}, result.packing).save_pretrained(tmp_path)
    again = ab.Trained.from_pretrained(tmp_path, Which())
    scores = [predict_logits(each, [row for rows in all_rows(tokenizer) for row in rows]) for each in (result.model, again.model)]
    np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-3)
