"""A batch divided into shards, one per thread, gives the results of the whole batch."""

import operator
from dataclasses import replace
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from invariants import (
    COUNT,
    DROPOUT,
    LENGTHS,
    RNGS,
    TASKS,
    close,
    in_threads,
    make_batch,
    make_task_batch,
    parameters,
    task_model,
)
from threadpoolctl import threadpool_info

import albert_np as ab
from albert_np.core import reference
from albert_np.core.batch import Items
from albert_np.engine import threads
from albert_np.engine.shards import number_of_shards, split, split_points
from albert_np.gradcheck.examples import TINY
from albert_np.models import base
from albert_np.models.objective import Objective
from albert_np.models.shapes import shapes

every_task = pytest.mark.parametrize("task", TASKS)


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("given", [None, COUNT], ids=["counted", "given"])
@every_task
def test_a_task_in_shards(task, given, k):
    model, batch = task_model(task), make_task_batch(task, 0, 1, 2, 3)
    for rng in RNGS:
        whole, grads = model.packed_loss_and_gradients(batch, None, given, rng)
        with in_threads(k):
            together, again = model.packed_loss_and_gradients(batch, grads.copy(), given, rng)
            _, repeated = model.packed_loss_and_gradients(batch, grads.copy(), given, rng)
            loss = model.packed_loss(batch, given).loss
        for name, value in vars(whole).items():
            assert (getattr(together, name) is None) == (value is None)
            if value is not None:
                close(getattr(together, name), value)
        close(again.flat, 2 * grads.flat)  # added to what was there
        assert repeated.flat.tobytes() == again.flat.tobytes()  # whichever thread is first
        close(loss, model.packed_loss(batch, given).loss)


@pytest.mark.parametrize("without", ["masked", "order", "masked order"])
def test_pretraining_without_some_labels(without):
    model = ab.AlbertForPreTraining.of(DROPOUT, parameters(shapes(DROPOUT), 3))
    batch = replace(make_batch(0, 1, 2, 3), **dict.fromkeys(without.split()))
    whole, grads = model.packed_loss_and_gradients(batch)
    with in_threads(2):
        together, again = model.packed_loss_and_gradients(batch)
    close(together.loss, whole.loss)
    close(again.flat, grads.flat)


def test_a_shard_without_a_masked_token():
    model = ab.AlbertForPreTraining.of(TINY, parameters(shapes(TINY), 3))
    batch = make_batch(0, 1, 2, 3)
    keep = batch.masked.rows < LENGTHS[0]  # all in the first sequence
    batch = replace(batch, masked=Items(batch.masked.labels[keep], batch.masked.rows[keep]))
    whole, grads = model.packed_loss_and_gradients(batch)
    with in_threads(3):
        together, again = model.packed_loss_and_gradients(batch)
    assert together.masked == whole.masked > 0
    close(together.loss, whole.loss)
    close(again.flat, grads.flat)


@pytest.mark.parametrize(
    "lengths", [[1, 1], [5, 5, 5, 5], [100, 1, 1, 1], [1, 1, 1, 100], [1, 100, 1], [3, 9, 2, 7, 7, 1, 4, 8], [50] + [1] * 50]
)
def test_split_points_cover_everything_without_empty_shards(lengths):
    lengths = np.array(lengths)
    for k in range(1, min(5, len(lengths)) + 1):
        found = split_points(lengths, k)
        assert len(found) == k and found[0][0] == 0 and found[-1][1] == len(lengths)
        assert all(first < last for first, last in found)
        assert all(a[1] == b[0] for a, b in pairwise(found))
        tokens = [int(lengths[first:last].sum()) for first, last in found]
        assert max(tokens) <= lengths.sum() / k + lengths.max()


def test_shards_contain_the_batch():
    batch = make_batch(0, 1, 2, 3)
    for k in (1, 2, 3, 4):
        found = split(batch, k)
        for name in ("ids", "positions", "token_types", "random_rows", "order.labels", "masked.labels"):
            get = operator.attrgetter(name)
            assert np.array_equal(np.concatenate([get(part) for part in found]), get(batch))
        assert np.array_equal(np.concatenate([part.sequences.lengths for part in found]), batch.sequences.lengths)
        for part in found:
            assert part.sequences.starts[0] == 0 and (part.masked.rows < len(part.ids)).all()


def test_tables_of_labels_that_differ_in_number_need_denominators():
    batch = make_task_batch("spans", 0, 1, 2, 3)  # one answer without a known end
    assert not batch.has_common_denominators()
    assert make_task_batch("classes", 0, 2).denominators() == {"task": 2, "tokens": 12}
    with in_threads(2), mock.patch.object(base, "split", side_effect=AssertionError):
        task_model("spans").packed_loss_and_gradients(batch)


def test_number_of_shards():
    wide, narrow = np.zeros(768, np.float32), np.zeros(16, np.float32)
    many, few = np.full(32, 128), np.full(2, 512)
    with mock.patch.object(threads, "count", lambda: 2):
        assert number_of_shards(many, wide) == number_of_shards(few, wide) == 2
        assert number_of_shards(few, narrow) == number_of_shards(few[:1], wide) == 1  # too little; nothing to divide
        with reference():
            assert number_of_shards(many, wide) == 1
    with mock.patch.object(threads, "count", lambda: 16):
        assert number_of_shards(many, wide) == 16
        assert number_of_shards(few, wide) == 1  # 16 threads of BLAS are faster than two shards
    with mock.patch.object(threads, "count", lambda: 1):
        assert number_of_shards(many, wide) == 1


def test_a_failing_shard_raises_and_blas_is_restored():
    before = [library["num_threads"] for library in threadpool_info()]
    model = ab.AlbertForPreTraining(TINY)
    calls = []

    def fail_once(*args):
        calls.append(args)
        raise FloatingPointError("here")

    failing = mock.patch.object(ab.AlbertForPreTraining, "objective", Objective(fail_once, None))
    with in_threads(2), failing, pytest.raises(FloatingPointError, match="here"):
        model.packed_loss_and_gradients(make_batch(0, 1, 2, 3))
    assert len(calls) == 2 and [library["num_threads"] for library in threadpool_info()] == before


@pytest.mark.parametrize(
    "cls", [ab.AlbertForPreTraining, ab.AlbertForMaskedLM, *dict.fromkeys(model for model, _ in TASKS.values())]
)
def test_a_call_in_shards(cls):
    model = cls(TINY, seed=2, dtype="float64")
    rng = np.random.default_rng(1)
    ids, mask = rng.integers(5, 20, (5, 9)), rng.integers(0, 2, (5, 9))
    mask[:, 2] = 1  # holes, but no row without a token
    options = dict(output_hidden_states=True, output_attentions=True)
    if cls is ab.AlbertForMultipleChoice:
        ids, mask = ids[:4].reshape(2, 2, 9), mask[:4].reshape(2, 2, 9)
    if cls is ab.AlbertForRelationClassification:
        options["entity_positions"] = np.array([[2, 2]] * 5)
    with reference():
        whole = model(ids, mask, **options)
    with in_threads(3):
        together = model(ids, mask, **options)
    for name, value in vars(whole).items():
        found = getattr(together, name)
        assert (found is None) == (value is None), name
        for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (found, value))):
            if b is not None:
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=name)
