import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.data import BalancedSampler, split_batch


def lengths(n, seed=0, longest=128):
    return np.minimum(np.random.default_rng(seed).geometric(1 / 40, n) + 5, longest)


def sampler(tokens, budget=1024, seed=0, c=0.002, **options):
    return BalancedSampler(tokens + c * tokens * tokens, tokens, budget, seed, **options)


@settings(max_examples=150, deadline=None)
@given(
    tokens=st.lists(st.integers(1, 200), min_size=1, max_size=120), budget=st.integers(1, 1000), seed=st.integers(0, 99),
    epoch=st.integers(0, 5), mode=st.sampled_from(["balanced", "random"]),
)  # fmt: skip
def test_every_example_exactly_once_and_no_batch_over_the_budget(tokens, budget, seed, epoch, mode):
    tokens = np.array(tokens)
    batches = sampler(tokens, budget, seed, mode=mode).batches(epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(tokens)))
    assert all(len(batch) for batch in batches)
    if mode == "balanced":
        assert all(tokens[batch].sum() <= budget or len(batch) == 1 for batch in batches)


def test_balance_at_eight_times_the_longest():
    tokens = lengths(20_000)
    report = sampler(tokens, 8 * 128).report(0)
    assert report["each_exactly_once"] and report["examples"] == 20_000
    assert report["heaviest_over_mean_cost"] <= 1.01 and report["heaviest_over_mean_tokens"] <= 1.05
    assert report["lightest_tokens"] > 0.9 * report["heaviest_tokens"], "a batch is nearly empty"
    assert report["tokens"] / report["steps"] > 0.95 * 1024, "the budget is not used"
    ordinary = sampler(tokens, 8 * 128, mode="random").report(0)
    assert ordinary["heaviest_over_mean_cost"] > 1.3
    assert abs(ordinary["steps"] / report["steps"] - 1) < 0.1, "not comparable"


@pytest.mark.parametrize("budget", [8 * 128, 9 * 128 + 50])
def test_balance_where_most_examples_have_the_full_length(budget):
    tokens = np.where(np.random.default_rng(0).random(20_000) < 0.85, 128, lengths(20_000))
    report = sampler(tokens, budget).report(0)
    assert report["heaviest_over_mean_cost"] <= 1.05 and report["heaviest_over_mean_tokens"] <= 1.05
    assert sampler(np.full(1000, 128), 8 * 128).report(0)["heaviest_over_mean_tokens"] == 1


def test_a_heavy_tail():
    tokens = np.r_[np.full(100, 512), np.full(40_000, 10)]
    assert sampler(tokens, 8 * 512).report(0)["heaviest_over_mean_cost"] < 1.01


def test_examples_that_fit_only_alone():
    report = sampler(np.full(500, 33), 64).report(0)
    assert report["steps"] == 500 and report["heaviest_tokens"] == 33


def test_an_example_over_the_budget_is_alone():
    tokens = np.r_[np.full(50, 10), 300]
    batches = sampler(tokens, 100).batches(0)
    assert [len(batch) for batch in batches if 50 in batch] == [1]


def groups(batches):
    return {frozenset(batch.tolist()) for batch in batches}


@pytest.mark.parametrize("mode", ["balanced", "random"])
@pytest.mark.parametrize("distinct", [True, False])
def test_order_and_grouping_differ_between_epochs(mode, distinct):
    tokens = np.arange(1000) // 10 + 20 if distinct else np.full(1000, 50)
    costs = tokens + np.arange(1000) * 1e-3 if distinct else tokens  # no two costs are equal
    plan = BalancedSampler(costs, tokens, 700, 3, mode=mode)
    first, second = groups(plan.batches(0)), groups(plan.batches(1))
    assert len(first & second) < 0.02 * len(first)
    where = [np.argsort(np.concatenate(plan.batches(epoch))) for epoch in (0, 1)]
    assert abs(np.corrcoef(where)[0, 1]) < 0.15, "the order of the examples repeats"
    assert abs(np.corrcoef(where[0], tokens + np.arange(1000) * 1e-3)[0, 1]) < 0.15, "the order follows the lengths"


def test_pure():
    tokens = lengths(500)
    plan = sampler(tokens)
    one = [batch.tolist() for batch in plan.batches(3)]
    plan.batches(4)
    assert one == [batch.tolist() for batch in plan.batches(3)] == [b.tolist() for b in sampler(tokens).batches(3)]
    assert one != [b.tolist() for b in sampler(tokens, seed=1).batches(3)]


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 300), budget=st.integers(200, 2000), seed=st.integers(0, 50), count=st.integers(1, 6))
def test_classes_are_spread_evenly(n, budget, seed, count):
    tokens = lengths(n, seed)
    classes = np.random.default_rng(seed).integers(0, count, n) ** 2
    batches = sampler(tokens, budget, seed, classes=classes).batches(0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    assert all(0 < tokens[batch].sum() <= budget for batch in batches)
    for c in np.unique(classes):
        counts = [int((classes[batch] == c).sum()) for batch in batches]
        assert max(counts) - min(counts) <= 1


def test_classes_and_balance():
    tokens = lengths(20_000)
    classes = np.random.default_rng(1).choice(4, 20_000, p=[0.7, 0.2, 0.09, 0.01])
    assert sampler(tokens, 2048, classes=classes).report(0)["heaviest_over_mean_cost"] < 1.05


def test_the_cursor_can_be_saved_and_restored():
    tokens = lengths(300)
    plan = sampler(tokens)
    steps = len(plan.batches(0))
    for _ in range(steps - 2):
        plan.next()
    saved = json.loads(json.dumps(plan.state()))
    expected = [plan.next().tolist() for _ in range(6)]  # over the end of the epoch
    fresh = sampler(tokens)
    fresh.restore(saved)
    assert [fresh.next().tolist() for _ in range(6)] == expected
    assert expected[2] == plan.batches(1)[0].tolist()
    with pytest.raises(ValueError, match="the saved sampler had the seed 0, this one has 7"):
        sampler(tokens, seed=7).restore(saved)
    with pytest.raises(ValueError, match="no step 10000 in epoch 0"):
        fresh.restore({"seed": 0, "epoch": 0, "step": 10_000})


@given(n=st.integers(1, 60), k=st.integers(1, 8), seed=st.integers(0, 20))
def test_split(n, k, seed):
    costs = lengths(500, seed).astype(float)
    batch = np.random.default_rng(seed).permutation(500)[:n]
    parts = split_batch(batch, costs, k)
    assert len(parts) == k and sorted(np.concatenate(parts).tolist()) == sorted(batch.tolist())
    loads = [costs[part].sum() for part in parts]
    assert max(loads) - min(loads) <= costs[batch].max()
    assert [part.tolist() for part in parts] == [part.tolist() for part in split_batch(batch, costs, k)]
    if n >= k:
        assert all(len(part) for part in parts)


def test_padding_saved():
    tokens = np.array([10, 20, 30, 40])
    assert sampler(tokens, 1000).report(0)["padding_saved"] == 1 - 100 / 160


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(costs=[], tokens=[]), "n >= 1"),
        (dict(costs=[1.0], tokens=[1, 2]), "must be"),
        (dict(costs=[1.0, 2.0], tokens=[0, 2]), "at least one token"),
        (dict(costs=[1.0], tokens=[1], tokens_per_batch=0), "tokens_per_batch must be positive, not 0"),
        (dict(costs=[1.0], tokens=[1], mode="fair"), "batches must be one of balanced, random, not 'fair'"),
        (dict(costs=[1.0, 1.0], tokens=[1, 1], classes=[0]), "classes"),
        (dict(costs=[1.0, 1.0], tokens=[1, 20], classes=[0, 1]), "example 1 has 20 tokens, more than a batch of 10"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BalancedSampler(**({"tokens_per_batch": 10, "seed": 0} | arguments))
    with pytest.raises(ValueError, match="1 or more parts, not 0"):
        split_batch(np.arange(3), np.ones(3), 0)


@pytest.mark.slow
def test_a_million_examples():
    import time

    plan = sampler(lengths(1_000_000), 4096)
    start = time.process_time()
    plan.batches(0)
    assert time.process_time() - start < 10
    assert plan.report(0)["heaviest_over_mean_cost"] < 1.01
