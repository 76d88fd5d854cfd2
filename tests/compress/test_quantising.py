"""Integers and steps: how far they are from the weights, what calibration gains, and training with them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import batch_of

import albert_np as ab
from albert_np.compress import SCHEMES, Pruning, QuantisationAware, Sparsity, get_scheme, prune
from albert_np.compress.calibration import calibrate, collect_grams, gptq
from albert_np.compress.quantising import compute_scales, quantise, quantise_params, write_dequantised
from albert_np.io.matrices import as_rows, quantisable
from albert_np.io.packed_checkpoint import repeat_scales
from albert_np.training.constraints import forward_context


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("shape", [(5, 64), (3, 70), (2, 7), (1, 1)])
def test_every_weight_is_within_half_a_step(kind, shape):
    w = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * 10.0 ** np.arange(shape[0])[:, None]
    found = quantise(w, kind)
    steps = repeat_scales(found.scales, shape[1], kind.group)
    assert (np.abs(found.dequantise() - w) <= 0.5001 * steps).all()
    assert np.abs(found.integers).max() == kind.largest and found.dequantise().dtype == np.float32
    assert quantise(-w, kind).integers.tolist() == (-found.integers).tolist()


def test_zeros_and_rows_of_zeros_stay():
    w = np.zeros((2, 40), np.float32)
    w[0, 3] = 2.0
    for kind in SCHEMES.values():
        found = quantise(w, kind)
        assert found.dequantise()[0, 3] == pytest.approx(2.0, rel=0.01) and (found.dequantise() != 0).sum() == 1


def test_more_bits_and_smaller_groups_are_closer():
    w = np.random.default_rng(0).standard_normal((8, 256)).astype(np.float32)
    off = {name: np.abs(quantise(w, kind).dequantise() - w).mean() for name, kind in SCHEMES.items()}
    assert off["int8"] < 0.02 < off["int4"] < 0.1


def test_every_shared_tensor_is_quantised_once(config):
    model = ab.AlbertForSequenceClassification(config.replace(sharing="attention"), seed=0)
    found = quantise_params(model.params, SCHEMES["int8"])
    assert sum("attention.query.w" in name for name in found) == 1 and sum("ffn.output.w" in name for name in found) == 3


def output_error(model, given, kind, numbers):
    """The sum over the weights of tr (ŵ - w)ᵀ G (ŵ - w)."""
    total = 0.0
    for name, array in quantisable(model.params).items():
        if name in given:
            off = numbers[name].dequantise().astype(np.float64) - as_rows(name, array)
            total += np.einsum("rc,cd,rd->", off, given[name], off)
    return total


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_calibration_makes_the_error_of_what_comes_out_smaller(model, kind):
    batches = [batch_of(model.config, seed, (9, 8, 9, 7, 9)) for seed in range(6)]
    given = collect_grams(model, batches)
    assert set(given) == {name for name in quantisable(model.params) if name.startswith(("groups", "embeddings.projection"))}
    usual, better = quantise_params(model.params, kind), calibrate(model.params, kind, given)
    assert output_error(model, given, kind, better) < 0.7 * output_error(model, given, kind, usual)


def test_gram_matrices_are_those_of_the_inputs(model, batch):
    from albert_np.core import reference
    from albert_np.core.model.albert import encode

    found = collect_grams(model, [batch, batch])
    with reference():
        (_, hidden), _ = encode(batch, model.params, model.config)
    inputs = np.concatenate(hidden[:-1]).astype(np.float64)  # of every layer: one and the same matrix
    np.testing.assert_allclose(found["groups.0.blocks.0.attention.query.w"], 2 * inputs.T @ inputs, rtol=1e-5, atol=1e-4)


def test_handing_on_with_independent_inputs_is_rounding():
    w = np.random.default_rng(0).standard_normal((4, 32)).astype(np.float32)
    kind = SCHEMES["int8"]
    assert gptq(w, kind, compute_scales(w, kind), np.eye(32)).integers.tolist() == quantise(w, kind).integers.tolist()


def test_a_pruned_weight_stays_zero_through_calibration(model, batch):
    prune(model.params, Sparsity(0.7))
    dead = model.params.flat == 0
    for kind in SCHEMES.values():
        write_dequantised(model.params, calibrate(model.params, kind, collect_grams(model, [batch])))
        assert (model.params.flat[dead] == 0).all()


def test_training_sees_rounded_weights_and_moves_full_ones(model, batch):
    form, params = QuantisationAware(SCHEMES["int4"]), model.params
    before = params.flat.copy()
    with forward_context([form], params):
        inside = params.flat.copy()
        grads = model.packed_loss_and_gradients(batch)[1]
        form.on_gradients(params, grads)
    assert (params.flat == before).all() and (inside != before).any()
    form.finish(params)
    assert (params.flat == inside).all(), "what is saved is what was seen"
    assert sorted(form.quantised) == sorted(quantisable(params))


def test_the_straight_gradient_is_that_of_the_rounded_model(model, batch):
    """Nothing is clipped by the usual steps: the gradient by w is the gradient by ŵ."""
    form = QuantisationAware(SCHEMES["int8"])
    with forward_context([form], model.params):
        grads = model.packed_loss_and_gradients(batch)[1]
        plain = grads.copy()
        form.on_gradients(model.params, grads)
    assert grads.flat.tobytes() == plain.flat.tobytes()


def test_pruned_and_quantised_at_once(model):
    forms = [Pruning(Sparsity(0.8, end=0.5)), QuantisationAware(SCHEMES["int4"])]
    params, state = model.params, ab.optim.init("adamw", model.params)
    for form in forms:
        form.start(params, 6)
    for step in range(6):
        with forward_context(forms, params):
            grads = model.packed_loss_and_gradients(batch_of(model.config, step))[1]
            for form in forms:
                form.on_gradients(params, grads)
        ab.optim.step(params, grads, state, 0.01)
        for form in forms:
            form.on_step_end(params, state, step + 1)
    dead = forms[0].pruned.copy()
    for form in forms:
        form.finish(params)
    assert dead.mean() > 0.5 and (params.flat[dead] == 0).all()


@settings(max_examples=60, deadline=None)
@given(
    rows_=st.integers(1, 6), columns=st.integers(1, 90), scale=st.floats(1e-30, 1e30), name=st.sampled_from(list(SCHEMES)),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_any_scale_is_rounded_without_overflow(rows_, columns, scale, name, seed):
    w = (np.random.default_rng(seed).standard_normal((rows_, columns)) * scale).astype(np.float32)
    found = quantise(w, SCHEMES[name])
    assert np.isfinite(found.dequantise()).all() and (found.scales > 0).all()
    assert np.abs(found.dequantise() - w).max() <= np.abs(w).max() / SCHEMES[name].largest


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'int2': expected int8 or int4"):
        get_scheme("int2")
