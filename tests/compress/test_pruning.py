"""Pruned weights are 0, as many as asked for, and stay 0 whatever happens to the parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import batch_of

import albert_np as ab
from albert_np.compress import Pruning, Sparsity, prune, sparsity
from albert_np.compress.zeros import count_zeros
from albert_np.io.matrices import as_rows, matrices
from albert_np.training.constraints import forward_context


def begun(model, how, steps, optimizer="adamw"):
    """The pruning and the optimiser's state of a run of so many steps."""
    pruning, state = Pruning(how), ab.optim.init(optimizer, model.params, weight_decay=0.1)
    pruning.start(model.params, steps)
    return pruning, state


def go_on(model, pruning, state, steps, clip=1.0, lr=0.01, watch=lambda step: None):
    """Some steps of training, numbers from 0."""
    params = model.params
    grads = params.zeros_like()
    for step in steps:
        grads.flat[...] = 0
        with forward_context([pruning], params):
            model.packed_loss_and_gradients(batch_of(model.config, step), grads, dropout_key=ab.Dropout(1, step))
            pruning.on_gradients(params, grads)
        ab.optim.clip(grads, clip)
        ab.optim.step(params, grads, state, lr)
        pruning.on_step_end(params, state, step + 1)
        watch(step + 1)


def train(model, how, steps, optimizer="adamw", **options):
    """A whole run -> the pruning and the optimiser's state."""
    pruning, state = begun(model, how, steps, optimizer)
    go_on(model, pruning, state, range(steps), **options)
    return pruning, state


def test_the_schedule_is_cubic():
    how = Sparsity(0.8, begin=0.2, end=0.7)
    assert how.at(0.1) == 0 and how.at(0.2) == 0
    assert how.at(0.45) == pytest.approx(0.8 * (1 - 0.5**3))
    assert how.at(0.7) == how.at(1.0) == 0.8
    steep = [how.at(t) for t in np.linspace(0.2, 0.7, 9)]
    assert all(np.diff(steep) > 0) and all(np.diff(steep, 2) < 0)


@pytest.mark.parametrize("by", ["magnitude", "movement"])
@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
def test_the_zeros_are_as_many_as_asked_for_and_never_come_back(model, by, scope, optimizer):
    seen_zeros = []

    def watch(step):
        now = model.params.flat == 0
        if seen_zeros:
            assert (now | ~seen_zeros[-1]).all(), f"a pruned weight came back in step {step}"
        seen_zeros.append(now)

    pruning, state = train(model, Sparsity(0.75, by=by, scope=scope, end=0.6), 20, optimizer, watch=watch)
    counts = count_zeros(model.params)
    if scope == "layer":
        assert {name: round(0.75 * size) for name, (_, size) in counts.items()} == {n: dead for n, (dead, _) in counts.items()}
    total = sum(size for _, size in counts.values())
    assert sum(dead for dead, _ in counts.values()) == pytest.approx(0.75 * total, abs=len(counts))
    dead = pruning.pruned
    assert not state.m.flat[dead].any() and not state.v.flat[dead].any() and pruning.is_final(20)
    kept = [name for name, _ in model.params.items() if name not in counts]
    assert all((array != 0).all() for name, array in model.params.items() if name in kept and not name.endswith("token_type"))


def test_pruning_is_gradual(model):
    shares = []
    train(model, Sparsity(0.9, end=0.5), 20, watch=lambda step: shares.append(sparsity(model.params)))
    assert shares[0] < 0.4 and shares[4] < 0.9 and shares[9] == pytest.approx(0.9, abs=0.001) == shares[-1]
    assert shares == sorted(shares)


def test_the_least_in_size_go(model):
    before = model.params.copy()
    prune(model.params, Sparsity(0.6))
    for name, array in matrices(model.params).items():
        was = matrices(before)[name]
        assert np.abs(was[array == 0]).max() <= np.abs(was[array != 0]).min()
        assert (array[array != 0] == was[array != 0]).all()
    assert sparsity(model.params) == pytest.approx(0.6, abs=0.001)


def test_all_compete_in_the_global_scope(model):
    model.params.groups[0].blocks[0].ffn.output.w *= 0.01
    prune(model.params, Sparsity(0.5, scope="global"))
    counts = count_zeros(model.params)
    dead, size = counts["groups.0.blocks.0.ffn.output.w"]
    assert dead > 0.95 * size and counts["pooler.w"][0] < 0.6 * counts["pooler.w"][1]


def test_movement_keeps_what_moves_away_from_zero(model):
    """After one step the score is the sign of -dL/dw ⊙ w: large weights that shrink go before small ones that grow."""
    grads = model.packed_loss_and_gradients(batch_of(model.config, 0), dropout_key=ab.Dropout(1, 0))[1]
    w = model.params.groups[0].blocks[0].ffn.intermediate.w.copy()
    score = -grads.groups[0].blocks[0].ffn.intermediate.w * w
    train(model, Sparsity(0.5, by="movement", begin=0, end=0.0), 1, clip=1e9)
    gone = model.params.groups[0].blocks[0].ffn.intermediate.w == 0
    assert score[gone].max() <= 0 or score[~gone].min() >= 0
    by_size = np.abs(w) <= np.median(np.abs(w))
    assert (gone != by_size).mean() > 0.1


def test_how_much_the_loss_hangs_on_a_weight_is_not_its_movement(model):
    """The gradients of one matrix 1000 times as large: the same weights go."""
    found = []
    for factor in (1, 1000):
        params, rng = model.params.copy(), np.random.default_rng(0)
        pruning, grads = Pruning(Sparsity(0.5, by="movement", scope="global", begin=0.0, end=0.0)), params.zeros_like()
        pruning.start(params, 5)
        for _ in range(5):
            grads.flat[...] = rng.standard_normal(grads.flat.shape)
            grads.groups[0].blocks[0].ffn.output.w *= factor
            pruning.on_gradients(params, grads)
        pruning.choose(params, 0.2)
        found.append(pruning.pruned)
    assert (found[0] == found[1]).mean() > 0.999 and 0.1 < found[0].mean() < 0.25


def test_by_movement_the_mask_grows_at_every_step(model):
    """Few weights at once: all that go move downhill, which many together are too large a step for."""
    pruning = Pruning(Sparsity(0.5, by="movement"))
    pruning.start(model.params, 400)
    state, grads, rng = ab.optim.init("adamw", model.params), model.params.zeros_like(), np.random.default_rng(0)
    dead = []
    for step in range(1, 290):
        grads.flat[...] = rng.standard_normal(grads.flat.shape)
        pruning.on_gradients(model.params, grads)
        pruning.on_step_end(model.params, state, step)
        dead.append(int(pruning.pruned.sum()))
    assert dead[38] == 0 < dead[41], "the scores are learned for a tenth of the steps first"
    growth = np.diff(dead[40:200])
    assert (growth > 0).all() and growth.max() < 0.01 * model.params.flat.size


@pytest.mark.parametrize("pattern", ["2:4", "1:2", "1:8"])
@pytest.mark.parametrize("by", ["magnitude", "movement"])
def test_patterns_hold_in_every_row_of_every_matrix(model, pattern, by):
    n, m = map(int, pattern.split(":"))
    train(model, Sparsity(pattern, by=by), 6)
    for name, array in matrices(model.params).items():
        assert ((as_rows(name, array).reshape(-1, m) != 0).sum(1) == n).all(), name


def test_shared_layers_share_the_mask(config):
    for sharing in ("all", "attention", "ffn"):
        model = ab.AlbertForSequenceClassification(config.replace(sharing=sharing), seed=3)
        train(model, Sparsity(0.5), 5)
        assert sparsity(model.params) == pytest.approx(0.5, abs=0.001)
    assert (
        len({id(g) for g in model.params.groups}) == 3
        and model.params.groups[0].blocks[0].ffn is model.params.groups[1].blocks[0].ffn
    )


def test_a_resumed_run_is_the_run_that_was_not_stopped(config):
    for by in ("magnitude", "movement"):
        whole, parts = (ab.AlbertForSequenceClassification(config, seed=4) for _ in range(2))
        how = Sparsity(0.8, by=by)
        train(whole, how, 12)
        pruning, state = begun(parts, how, 12)
        go_on(parts, pruning, state, range(5))
        again, _ = begun(parts, how, 12)  # what is pruned is known by its zeros
        again.restore(pruning.state())
        go_on(parts, again, state, range(5, 12))
        assert parts.params.flat.tobytes() == whole.params.flat.tobytes()


@settings(max_examples=15, deadline=None)
@given(
    amount=st.floats(0.05, 0.97), by=st.sampled_from(["magnitude", "movement"]), scope=st.sampled_from(["layer", "global"]),
    end=st.floats(0, 1), seed=st.integers(0, 99), embeddings=st.booleans(), decay=st.floats(0, 0.5),
)  # fmt: skip
def test_a_zero_never_comes_back(amount, by, scope, end, seed, embeddings, decay):
    """Whatever the settings: through the optimiser, decay, clipping, and averaging of the parameters of several steps."""
    config = ab.AlbertConfig(
        vocab_size=31, embedding_size=8, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=10,
        max_position_embeddings=12, num_labels=3,
    )  # fmt: skip
    model = ab.AlbertForSequenceClassification(config, seed=seed)
    pruning, state = Pruning(Sparsity(amount, by, scope, end=end, embeddings=embeddings)), ab.optim.init("adamw", model.params)
    state.options["weight_decay"] = decay
    pruning.start(model.params, 8)
    dead, seen_params = np.zeros_like(model.params.flat, dtype=bool), []
    grads = model.params.zeros_like()
    for step in range(8):
        grads.flat[...] = 0
        model.packed_loss_and_gradients(batch_of(config, seed + step), grads)
        pruning.on_gradients(model.params, grads)
        ab.optim.clip(grads, 0.3)
        ab.optim.step(model.params, grads, state, 0.05)
        pruning.on_step_end(model.params, state, step + 1)
        assert (model.params.flat[dead] == 0).all()
        dead = pruning.pruned.copy()
        seen_params.append(model.params.flat.copy())
    assert pruning.is_final(8)
    after = [flat for flat, step in zip(seen_params, range(1, 9)) if step / 8 >= end]
    assert (np.mean(after, axis=0)[dead] == 0).all()
    assert sparsity(model.params, embeddings) == pytest.approx(amount, abs=0.02)
    assert embeddings or (model.params.embeddings.word != 0).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (dict(amount=1.0), "at least 0 and below 1.*1.0"),
        (dict(amount=-0.1), "at least 0 and below 1"),
        (dict(amount="most"), "N:M such as 2:4, not 'most'"),
        (dict(amount="4:2"), "0 < N < M"),
        (dict(amount=0.5, by="luck"), "magnitude or movement, got 'luck'"),
        (dict(amount=0.5, scope="row"), "layer or global, got 'row'"),
        (dict(amount=0.5, begin=0.8, end=0.3), "from 0.8 to 0.3"),
    ],
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        Sparsity(**given)


def test_a_pattern_needs_inputs_that_it_divides(model):
    with pytest.raises(ValueError, match=r"embeddings.word has 16 inputs, which is not a multiple of 5 as the pattern 2:5"):
        prune(model.params, Sparsity("2:5"))
