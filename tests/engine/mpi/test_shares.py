"""What each process gets of a step and of its machine: pure functions, no MPI."""

from itertools import pairwise

import numpy as np
import pytest

from albert_np.data.sampler import BalancedSampler, split_batch, take_share
from albert_np.engine.cpu.optim import Span
from albert_np.engine.mpi import SINGLE_PROCESS, cores
from albert_np.engine.mpi.reducer import clip_spans, get_partition
from albert_np.engine.precision import get_precision_policy
from albert_np.training.objective import loss_denominators


@pytest.mark.parametrize("k", [1, 2, 3, 4, 7])
def test_the_shares_of_a_batch_are_the_batch(k):
    batch, costs = np.array([5, 3, 9, 0, 7]), np.arange(1.0, 11.0)
    shares = [take_share(batch, costs, rank, k) for rank in range(k)]
    assert sorted(np.concatenate(shares)) == sorted(batch)
    assert sorted(map(tuple, shares)) == sorted(map(tuple, split_batch(batch, costs, k)))
    if k == 1:
        assert (shares[0] == batch).all()


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("kind", ["full rows", "sentences", "a few long ones"])
def test_the_work_is_even(k, kind):
    """In any step the heaviest process has at most 1.10 of the mean tokens, over an epoch 1.03."""
    rng = np.random.default_rng(0)
    lengths = {
        "full rows": np.where(rng.random(9000) < 0.1, rng.integers(8, 129, 9000), 128),  # pretraining, the paper's way
        "sentences": np.clip(rng.lognormal(2.9, 0.6, 9000).astype(int), 4, 128),
        "a few long ones": np.where(rng.random(9000) < 0.03, 128, rng.integers(4, 24, 9000)),
    }[kind]
    costs = lengths + 1.5 / 512 * lengths * lengths
    sampler = BalancedSampler(costs, lengths, 4096, seed=3)
    loads = np.array(
        [[lengths[take_share(batch, costs, rank, k)].sum() for rank in range(k)] for batch in sampler.batches(0)]
    )  # (steps, k)
    assert (loads.max(1) / loads.mean(1)).max() <= 1.10
    assert loads.sum(0).max() / loads.sum(0).mean() <= 1.03


def test_the_larger_part_goes_to_another_process_each_time():
    """33 rows of one length: 9, 8, 8 and 8. Without turns one process would have 9 in every step."""
    costs = np.full(3300, 128.0)
    order = np.random.default_rng(1).permutation(3300).reshape(100, 33)
    loads = np.array([[len(take_share(batch, costs, rank, 4)) for rank in range(4)] for batch in order])
    assert set(loads.ravel()) == {8, 9}
    assert loads.sum(0).max() / loads.sum(0).mean() < 1.02


@pytest.mark.parametrize(("accumulate", "tokens"), [(1, 256), (2, 256), (1, 32)])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_gradients_of_all_shares_are_the_gradient(make, settings, k, accumulate, tokens):
    """What processes add up, computed one after the other; with 32 tokens a step some have no example at all."""
    model, data = make(settings.replace(tokens_per_batch=tokens))
    model.params = model.params.astype("float64")
    whole_batches = data.train.micro_batches(0, 1, 1)
    whole = loss_denominators(whole_batches, SINGLE_PROCESS)
    expected, shared = model.params.zeros_like(), []
    get_precision_policy(model, "float32").compute_gradients(whole_batches, whole, None, expected)
    for rank in range(k):
        grads = model.params.zeros_like()
        batches = data.train.micro_batches(0, 1, accumulate, rank, k)
        get_precision_policy(model, "float32").compute_gradients(batches, whole, None, grads)
        shared.append(grads.flat)
    assert tokens > 32 or any(not flat.any() for flat in shared)
    np.testing.assert_allclose(sum(shared), expected.flat, rtol=0, atol=1e-12 * np.abs(expected.flat).max())


def test_evaluation_is_shared(make, settings):
    _, data = make(settings)
    examples = [set(arrays["examples"]) for arrays in data.held_out]
    parts = [[set(arrays["examples"]) for arrays in data.held_out.take_share(rank, 3)] for rank in range(3)]
    assert sorted(i for part in parts for batch in part for i in batch) == sorted(i for batch in examples for i in batch)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([{0, 1}], [2]),
        ([{0, 1}] * 2, [1, 1]),
        ([{0, 1}] * 3, [1, 1, 1]),  # more processes than cores
        ([{0}, {1}], [1, 1]),  # bound by the launcher
        ([set(range(16))] * 4, [4, 4, 4, 4]),
        ([set(range(10))] * 4, [3, 3, 2, 2]),
        ([{0, 1, 2, 3}, {4, 5, 6, 7}], [4, 4]),
        ([{0, 1, 2, 3}, {0, 1, 2, 3}, {4, 5}], [2, 2, 2]),
    ],
)
def test_each_process_has_its_share_of_the_cores(sets, expected):
    assert cores.threads_per_process(sets) == expected


def test_threads_that_the_user_has_chosen_stay(monkeypatch):
    from albert_np.engine import threads

    told = []
    monkeypatch.setattr(threads, "limit", told.append)
    for name in cores.THREADS:
        monkeypatch.delenv(name, raising=False)
    assert cores.limit_threads([{0, 1, 2, 3}] * 2, 1) == 2 and told == [2]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores.limit_threads([{0, 1, 2, 3}] * 2, 1) is None and told == [2]


@pytest.mark.parametrize(("n", "k"), [(1000, 3), (16, 4), (33, 2), (7, 3)])
def test_parts_of_the_flat_buffer(n, k):
    parts = get_partition(n, k, 16)
    assert parts[0][0] == 0 and parts[-1][1] == n and all(a[1] == b[0] for a, b in pairwise(parts))
    assert all(start % 16 == 0 for start, _ in parts)
    spans = [Span(0, 5, True, 1.0), Span(5, n, False, 0.5)]
    whole = np.zeros(n, int)
    for start, stop in parts:
        for i, (a, b, *_) in enumerate(clip_spans(spans, slice(start, stop))):
            whole[start:stop][a:b] += i + 1
    assert (whole[:5] == 1).all() and (whole[5:] == 2).all()
