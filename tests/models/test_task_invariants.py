"""Invariants of the fine-tuning classes on packed batches (see invariants.py)."""

import math
from dataclasses import replace

import invariants
import numpy as np
import pytest
from helpers import floats
from invariants import COUNT, LENGTHS, SOURCES, TASKS, C, close, make_task_batch, task_model

import albert_np as ab
from albert_np.core.batch import Items
from albert_np.models.labels import sequence_labels, span_labels, token_labels
from albert_np.models.padded import check_padded, pack

every_task = pytest.mark.parametrize("task", TASKS)


def no_items(items):
    """Return labels like these, without items."""
    return replace(items, labels=items.labels[:0], rows=items.rows[:0])


@every_task
@pytest.mark.parametrize(
    "invariant",
    [
        "order_of_sequences_changes_no_task",
        "every_sequence_of_a_task_by_itself",
        "micro_batches_of_tasks_add_up",
        "recomputing_changes_no_task",
        "threads_change_no_task",
        "kernels_change_no_task",
    ],
)
def test_invariant(invariant, task, version):
    getattr(invariants, invariant)([task])


@every_task
def test_backward_twice_adds_twice_and_the_cache_may_be_used_again(task, version):
    model, batch = task_model(task), make_task_batch(task, 0, 1, 2)
    _, once = model.packed_loss_and_gradients(batch)
    _, twice = model.packed_loss_and_gradients(batch, once.copy())
    close(twice.flat, 2 * once.flat)
    _, cache = model.objective.forward(batch, model.params, model.config)
    for _ in range(2):
        g = model.params.zeros_like()
        model.objective.backward(1.0, cache, model.params, g, model.config, batch)
        assert np.array_equal(g.flat, once.flat)


@every_task
def test_every_dtype_is_kept(task, version):
    model, batch = task_model(task), make_task_batch(task, 0, 1, 2)
    for dtype in (np.float32, np.float64):
        p = model.params.astype(dtype)
        g = p.zeros_like()
        results, cache = model.objective.forward(batch, p, model.config, None, ab.Dropout(1))
        model.objective.backward(1.0, cache, p, g, model.config, batch)
        assert floats([cache, g.flat]) == {np.dtype(dtype)} and results.loss.dtype == dtype


@every_task
def test_nothing_that_was_given_is_written_to(task):
    model, batch = task_model(task), make_task_batch(task, 0, 1, 2)
    model.params.flat.flags.writeable = False
    items = [each for each in (*(batch.tables or ()), batch.masked) if each is not None]
    labels = [array for each in items for array in (each.labels, each.rows)]
    rows = [each for each in (batch.entity_rows, batch.group_rows) if each is not None]
    for array in (batch.ids, batch.positions, batch.token_types, batch.random_rows, *labels, *rows):
        array.flags.writeable = False
    _, grads = model.packed_loss_and_gradients(batch, dropout_key=ab.Dropout(1))
    assert grads.flat.any()


@every_task
def test_dropout_only_with_rng_and_the_same_again(task):
    model, batch = task_model(task, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), make_task_batch(task, 0, 1, 2, 3)
    losses = [
        float(model.packed_loss_and_gradients(batch, dropout_key=key)[0].loss)
        for key in (None, ab.Dropout(1), ab.Dropout(1), ab.Dropout(2))
    ]
    assert losses[0] == float(model.packed_loss(batch).loss) and losses[1] == losses[2]
    assert len(set(losses)) == (1 if task in ("spans", "translation") else 3)  # these heads have no dropout, as in transformers


@every_task
def test_no_items_make_a_loss_of_zero_and_no_gradient(task):
    model, batch = task_model(task), make_task_batch(task, 0, 3)
    empty = replace(batch, tables=tuple(no_items(items) for items in batch.tables or ()) or None)
    if task == "translation":
        empty = replace(batch, masked=no_items(batch.masked))
    for denominators in (None, COUNT):
        results, grads = model.packed_loss_and_gradients(empty, None, denominators)
        assert float(results.loss) == 0 and results.answers == 0 and not grads.flat.any()


def test_counts_are_counts():
    answers = {task: task_model(task).packed_loss(make_task_batch(task, 0, 1, 2, 3)).answers for task in TASKS}
    tokens = sum((length + 1) // 2 for length in LENGTHS)
    assert answers == {
        "classes": 3, "sets": 4 * C, "numbers": 4 * C, "tokens": tokens, "spans": 4 + 3, "relations": 3, "choices": 3,
        "translation": sum(LENGTHS) - sum(SOURCES) + 4 - 1,
    }  # fmt: skip
    assert task_model("numbers").packed_loss(make_task_batch("numbers", 0, 1)).correct is None


@pytest.mark.parametrize("task", ["classes", "tokens", "sets"])
def test_correct_answers_are_counted(task):
    model, batch = task_model(task), make_task_batch(task, 0, 1, 2, 3)
    model.params.task.w[...] = 0  # now only the bias is left
    labels = batch.tables[0].labels
    answer = [0, 1, 1, 0] if task == "sets" else np.eye(C)[labels[0]]
    model.params.task.b[...] = np.where(answer, [0.5, 2, 1, 3], -1)
    expected = (labels == (answer if task == "sets" else labels[0])).sum()
    assert 0 < int(model.packed_loss(batch).correct) == expected < labels.size


def test_correct_starts_and_ends_are_counted_separately():
    model = task_model("spans")
    ids, mask = (
        np.array([[3, 7, 9, 4, 5], [8, 2, 6, 1, 0], [4, 4, 9, 0, 0]]),
        np.array([[1] * 5, [1, 0, 1, 1, 0], [1, 1, 1, 0, 0]]),
    )
    out, inputs = model(ids, mask), check_padded(model.config, ids, mask)
    starts, ends = out.start_logits.argmax(1), out.end_logits.argmax(1)
    elsewhere = np.where(ends == 0, 2, 0)  # a visible position that is not the answer
    for wrong in range(4):
        given = np.where(np.arange(3) < wrong, elsewhere, ends)
        labels = span_labels(starts, given, inputs.visible)
        batch = pack(inputs, model.config, model.params.flat, task=labels, objective=model.objective)
        assert int(model.packed_loss(batch).correct) == 6 - wrong


def test_starts_and_ends_have_separate_means():
    """As in torch, the loss is half the mean over the starts plus half the mean over the ends, whatever their numbers."""
    model, batch = task_model("spans"), make_task_batch("spans", 0, 1, 2, 3)
    starts, ends = batch.tables
    only = [
        float(model.packed_loss(replace(batch, tables=tables)).loss)
        for tables in ((starts, no_items(ends)), (no_items(starts), ends), (starts, ends))
    ]
    close(only[2], only[0] + only[1])
    summed = float(model.packed_loss(replace(batch, tables=(starts, no_items(ends))), {"task": 8.0}).loss)
    close(only[0], 2 * summed)  # four starts: a mean is their sum over 4


def test_a_batch_that_does_not_fit_the_class_is_refused():
    batch = make_task_batch("classes", 0, 1, 2)
    with pytest.raises(ValueError, match=r"batch.tables: expected labels for 2 tables .* got 1"):
        task_model("spans").packed_loss_and_gradients(batch)
    with pytest.raises(ValueError, match=r"batch.tables: expected labels for 1 tables .* got none"):
        task_model("tokens").packed_loss(replace(batch, tables=None))
    flat = Items(np.ones(3), np.arange(3), axis="sequence")
    with pytest.raises(ValueError, match=r"batch.tables: labels \(3,\) do not fit regression of logits \(3, 4\)"):
        task_model("numbers").packed_loss(replace(batch, tables=(flat,)))
    for denominators in ({}, {"task": 0}, {"mlm": 3}):
        with pytest.raises(ValueError, match="denominators: expected positive numbers for task"):
            task_model("classes").packed_loss_and_gradients(batch, None, denominators)


def test_the_span_bias_has_no_gradient():
    _, grads = task_model("spans").packed_loss_and_gradients(make_task_batch("spans", 0, 1, 2, 3))
    assert np.abs(grads.task.b).max() < 1e-14 * np.abs(grads.task.w).max() and np.abs(grads.task.w).max() > 0.01


@pytest.mark.parametrize("changes", [{}, dict(num_labels=9)])
def test_a_fresh_classifiers_loss_is_that_of_guessing(changes):
    config = ab.AlbertConfig.preset("tiny", **changes)
    rng = np.random.default_rng(0)
    ids, classes = rng.integers(0, 4000, (8, 32)), config.num_labels
    loss, _ = ab.AlbertForSequenceClassification(config).loss_and_gradients(ids, labels=rng.integers(0, classes, 8))
    assert abs(float(loss) - math.log(classes)) < 0.05
    loss, _ = ab.AlbertForTokenClassification(config).loss_and_gradients(ids, labels=rng.integers(0, classes, ids.shape))
    assert abs(float(loss) - math.log(classes)) < 0.05
    sets = rng.integers(0, 2, (8, classes)).astype(float)
    loss, _ = ab.AlbertForSequenceClassification(config).loss_and_gradients(ids, labels=sets)
    assert abs(float(loss) - math.log(2)) < 0.05


def test_a_fresh_span_loss_is_that_of_guessing_a_visible_token():
    rng = np.random.default_rng(0)
    ids, lengths = rng.integers(0, 4000, (8, 32)), np.array([32, 16, 9, 32, 20, 25, 31, 8])
    mask = (np.arange(32) < lengths[:, None]).astype(int)
    model = ab.AlbertForQuestionAnswering(ab.AlbertConfig.preset("tiny"))
    loss, _ = model.loss_and_gradients(ids, mask, start_positions=lengths // 2, end_positions=lengths - 1)
    assert abs(float(loss) - np.log(lengths).mean()) < 0.05


def test_labels_become_rows_and_items():
    visible = np.array([[1, 0, 1, 1], [0, 1, 1, 0]]) == 1
    config = ab.AlbertConfig(num_labels=5)
    ((rows, items),) = token_labels([[4, -100, -100, 2], [-100, 0, -100, -100]], visible, config)
    assert rows.tolist() == [0, 2, 3] and items.tolist() == [4, 2, 0]
    ((rows, items),) = sequence_labels([-100, 3, 1], 3, config)
    assert rows.tolist() == [1, 2] and items.tolist() == [3, 1]
    starts, ends = span_labels([2, -100], [4, 2], visible)
    assert [part.tolist() for part in starts] == [[0], [1]] and [part.tolist() for part in ends] == [[1], [1]]
