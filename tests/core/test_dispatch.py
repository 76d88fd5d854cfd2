"""Which version of an operation runs, and that the caches of two versions are never mixed."""

import os
import subprocess
import sys

import numpy as np
import pytest

import albert_np as ab
from albert_np import core
from albert_np.core import dispatch, layers
from albert_np.core.dispatch import Tagged
from albert_np.engine import cpu
from albert_np.engine.kernels import kernels_run
from albert_np.gradcheck import parameters

P = parameters({"gamma": (5,), "beta": (5,)}, 0)


@pytest.fixture(autouse=True)
def _kernels_on():
    with core.reference(False):
        yield


def ran_kernel(x):
    return isinstance(layers.softmax(x)[1], Tagged)


def test_numpy_arrays_of_32_and_64_bits_have_kernels():
    assert kernels_run(np.zeros(1, np.float32)) and kernels_run(np.zeros(1))
    assert ran_kernel(np.zeros((2, 3), np.float32))
    assert dispatch.kernels[np.ndarray][0] is cpu.KERNELS


def test_other_arrays_have_none():
    class Other(np.ndarray):
        pass

    assert not kernels_run(np.zeros(1, np.float16))  # BLAS has no such products
    assert not kernels_run(np.zeros(1).view(Other)) and not kernels_run([1.0])
    assert not ran_kernel(np.zeros((2, 3), np.float16)) and not ran_kernel(np.zeros((2, 3)).view(Other))


def test_the_setting_is_put_back():
    with core.reference():
        assert not ran_kernel(np.zeros((2, 3)))
        with core.reference(False):
            assert ran_kernel(np.zeros((2, 3)))
        assert not ran_kernel(np.zeros((2, 3)))
    with pytest.raises(KeyError), core.reference():
        raise KeyError
    assert ran_kernel(np.zeros((2, 3)))


def run(code, **variables):
    env = {key: value for key, value in os.environ.items() if not key.startswith("ALBERT_NP_")}
    return subprocess.run([sys.executable, "-c", code], env=env | variables, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(("value", "kernels"), [(None, True), ("", True), ("0", True), ("1", False)])
def test_the_variable(value, kernels):
    code = (
        "import numpy as np, albert_np.engine; from albert_np.engine.kernels import kernels_run; print(kernels_run(np.zeros(1)))"
    )
    ran = run(code, **({} if value is None else {"ALBERT_NP_REFERENCE": value}))
    assert ran.stdout.strip() == str(kernels) and ran.stderr == ""


def test_the_old_variable_works_and_warns():
    code = (
        "import numpy as np, albert_np.engine; from albert_np.engine.kernels import kernels_run; print(kernels_run(np.zeros(1)))"
    )
    ran = run(code, ALBERT_NP_TEXTBOOK="1")
    assert ran.stdout.strip() == "False" and "ALBERT_NP_TEXTBOOK is now ALBERT_NP_REFERENCE" in ran.stderr


def test_core_alone_runs_the_reference():
    code = (
        "import sys, numpy as np; from albert_np import core; from albert_np.core import layers; import albert_np.core.train;"
        "print({v.startswith('albert_np.core.') for v in core.active(np.zeros(1)).values()}, 'albert_np.engine' in sys.modules,"
        "'scipy' in sys.modules)"
    )
    assert run(code).stdout.strip() == "{True} False False"


def test_active_names_the_module_that_runs():
    active = core.active(np.zeros(1))
    assert active["attention"] == "albert_np.engine.cpu.attention" and active["block"] == "albert_np.core.model.block"
    with core.reference():
        assert set(core.active(np.zeros(1)).values()) & {"albert_np.engine.cpu.attention"} == set()


@pytest.mark.parametrize("forward_in_reference", [True, False])
def test_a_cache_goes_back_to_where_it_came_from(forward_in_reference):
    x = np.random.default_rng(0).standard_normal((4, 5))
    gradients = []
    for backward_in_reference in (True, False):
        g = P.zeros_like()
        with core.reference(forward_in_reference):
            _, cache = layers.layer_norm(x, P)
        with core.reference(backward_in_reference):
            gradients.append(layers.layer_norm_backward(np.cos(x), cache, P, g))
    assert np.array_equal(*gradients)


def test_an_operation_is_known_by_the_name_of_its_reference():
    assert layers.linear.__name__ == "linear" and "x (N, I)" in layers.linear.__doc__
    assert layers.linear is not layers.linear.__wrapped__
    assert layers.linear.__wrapped__.__code__.co_filename.endswith("core/layers/linear.py")


# ---- somebody's own functions in the place of an operation ----


def twice(x, p):
    return 2 * (x @ p.w + p.b), x


def twice_backward(dy, x, p, g):
    return layers.linear_backward(2 * dy, x, p, g)


def test_an_override_replaces_an_operation_within_it():
    p = parameters({"w": (5, 3), "b": (3,)}, 0)
    x = np.random.default_rng(0).standard_normal((4, 5))
    plain, _ = layers.linear(x, p)
    with core.override(layers.linear, twice, twice_backward):
        y, cache = layers.linear(x, p)
        g = p.zeros_like()
        dx = layers.linear_backward(np.ones_like(y), cache, p, g)
    np.testing.assert_allclose(y, 2 * plain)
    np.testing.assert_allclose(dx, 2 * np.ones_like(y) @ p.w.T)
    assert np.array_equal(layers.linear(x, p)[0], plain)


def test_replacing_an_operation_switches_off_the_kernels_that_contain_it():
    x = np.zeros(1)
    with core.override(layers.softmax, layers.softmax.__wrapped__, layers.softmax_backward.__wrapped__):
        active = core.active(x)
        assert active["attention"] == "albert_np.core.layers.attention"  # its kernel computes the softmax itself
        assert active["feed_forward"] == "albert_np.engine.cpu.feed_forward"
    assert core.active(x)["attention"] == "albert_np.engine.cpu.attention"


def trained(steps=3):
    """The losses of a small model that is trained for a few steps."""
    config = ab.AlbertConfig.preset("tiny", num_hidden_layers=2)
    model = ab.AlbertForMaskedLM(config, seed=0, dtype="float64")
    state = ab.optim.init("adamw", model.params)
    losses = []
    for _ in range(steps):
        loss, grads = model.loss_and_gradients([[2, 4, 16, 7, 3]], labels=[[-100, 15, -100, 9, -100]])
        ab.optim.step(model.params, grads, state, 1e-3)
        losses.append(float(loss))
    return losses


def copied_attention():
    return layers.attention.__wrapped__, layers.attention_backward.__wrapped__


def wrong_attention():
    """The gradient does not go back through the values."""

    def backward(dy, cache, p, g, sequences, A):
        before = g.value.w.copy()
        dx = layers.attention_backward.__wrapped__(dy, cache, p, g, sequences, A)
        g.value.w[...] = before
        return dx

    return layers.attention.__wrapped__, backward


def test_ones_own_attention_trains_the_model():
    expected = trained()
    with core.override(layers.attention, *copied_attention()):
        found = trained()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_wrong_attention_shows_in_training_and_in_the_gradient_check():
    expected = trained()
    with core.override(layers.attention, *wrong_attention()):
        found = trained()
        failed = [row.name for row in ab.gradcheck.CHECKS["attention"](0) if not row.passed]
    assert found[0] == pytest.approx(expected[0], rel=1e-12) and abs(found[-1] - expected[-1]) > 1e-6
    assert failed == ["value.w"]


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ((len, twice, twice_backward), "expected an operation of core or models"),
        ((layers.linear, twice), "linear needs linear and linear_backward, got 1"),
        ((twice, twice, twice_backward), "expected an operation"),
    ],
)
def test_overrides_that_are_refused(functions, message):
    with pytest.raises(ValueError, match=message), core.override(*functions):
        pass


def test_nested_overrides_are_undone_one_by_one():
    reference = (layers.linear.__wrapped__, layers.linear_backward.__wrapped__)
    kernel = core.active(np.zeros(1))["linear"]
    assert kernel.startswith("albert_np.engine.")
    with core.override(layers.linear, twice, twice_backward):
        with core.override(layers.linear, *reference):
            assert core.active(np.zeros(1))["linear"] == "albert_np.core.layers.linear"
        assert core.active(np.zeros(1))["linear"] == __name__
    assert core.active(np.zeros(1))["linear"] == kernel


@pytest.mark.parametrize("reference", [True, False])
def test_a_breakpoint_in_core_is_hit_where_the_reference_runs(reference):
    hit = []

    def trace(frame, event, argument):
        if frame.f_code is layers.attention.__wrapped__.__code__:
            hit.append(event)

    model = ab.AlbertModel(ab.AlbertConfig.preset("tiny", num_hidden_layers=2))
    with core.reference(reference):
        sys.settrace(trace)
        try:
            model([[2, 4, 3]])
        finally:
            sys.settrace(None)
    assert len(hit) == (2 if reference else 0)


@pytest.mark.parametrize("kernels", [True, False])
def test_arguments_may_be_given_by_name(kernels):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 4, 5))
    first, second = P.zeros_like(), P.zeros_like()
    with core.reference(not kernels):
        y, cache = layers.layer_norm(x=x, p=P)
        dx = layers.layer_norm_backward(dy=dy, cache=cache, p=P, g=first)
        expected, cache = layers.layer_norm(x, P)
        assert (y == expected).all() and (type(cache) is Tagged) == kernels
        assert (dx == layers.layer_norm_backward(dy, cache, P, second)).all() and (first.gamma == second.gamma).all()
    with pytest.raises(TypeError, match="missing a required argument: 'cache'"):
        layers.layer_norm_backward(dy)


def test_an_override_without_a_cache_has_its_own_backward_pass():
    x = np.ones((2, 3))
    with core.override(layers.dropout, lambda x, rate, key=None: (2 * x, None), lambda dy, cache: 2 * dy):
        y, cache = layers.dropout(x, 0.0)
        assert (y == 2).all() and (layers.dropout_backward(x, cache) == 2).all()


def test_active_knows_the_operations_of_core_without_any_other_import():
    code = "from albert_np import core; print(sorted(set(core.active().values())), 'attention' in core.active())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.endswith("True\n") and "albert_np.core.layers.attention" in found and "engine" not in found


def test_active_describes_numpy_by_default():
    assert core.active() == core.active(np.zeros(1)) and core.active()["layer_norm"] == "albert_np.engine.cpu.layer_norm"
