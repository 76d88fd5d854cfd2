"""Which version runs, and that the caches of the two never meet."""

import os
import subprocess
import sys

import numpy as np
import pytest

from albert_np.core import dispatch as kernels
from albert_np.core import layers
from albert_np.core.dispatch import Kept, textbook, twins_of
from albert_np.engine import cpu
from albert_np.gradcheck import parameters

P = parameters({"gamma": (5,), "beta": (5,)}, 0)


@pytest.fixture(autouse=True)
def _twins_on():
    with textbook(False):
        yield


def ran_twin(x):
    return isinstance(layers.softmax(x)[1], Kept)


def test_numpy_arrays_of_32_and_64_bits_have_twins():
    assert twins_of(np.zeros(1, np.float32)) is twins_of(np.zeros(1)) is cpu
    assert ran_twin(np.zeros((2, 3), np.float32))


def test_what_else_there_is_has_none():
    class Other(np.ndarray):
        pass

    assert twins_of(np.zeros(1, np.float16)) is None  # BLAS has no such products
    assert twins_of(np.zeros(1).view(Other)) is None and twins_of([1.0]) is None
    assert not ran_twin(np.zeros((2, 3), np.float16)) and not ran_twin(np.zeros((2, 3)).view(Other))


def test_textbook_is_put_back():
    with textbook():
        assert not ran_twin(np.zeros((2, 3)))
        with textbook(False):
            assert ran_twin(np.zeros((2, 3)))
        assert not ran_twin(np.zeros((2, 3)))
    with pytest.raises(KeyError), textbook():
        raise KeyError
    assert ran_twin(np.zeros((2, 3)))


@pytest.mark.parametrize(("value", "twins"), [(None, True), ("", True), ("0", True), ("1", False)])
def test_the_variable(value, twins):
    env = {key: v for key, v in os.environ.items() if key != "ALBERT_NP_TEXTBOOK"}
    env |= {} if value is None else {"ALBERT_NP_TEXTBOOK": value}
    code = "import numpy as np; from albert_np.core.dispatch import twins_of; print(twins_of(np.zeros(1)) is not None)"
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(twins)


@pytest.mark.parametrize("forward_in_textbook", [True, False])
def test_a_cache_goes_back_to_where_it_came_from(forward_in_textbook):
    x = np.random.default_rng(0).standard_normal((4, 5))
    gradients = []
    for backward_in_textbook in (True, False):
        g = P.zeros_like()
        with textbook(forward_in_textbook):
            _, cache = layers.layer_norm(x, P)
        with textbook(backward_in_textbook):
            gradients.append(layers.layer_norm_backward(np.cos(x), cache, P, g))
    assert np.array_equal(*gradients)


def test_a_door_is_known_by_the_name_of_its_textbook():
    assert layers.linear.__name__ == "linear" and "x (N, I)" in layers.linear.__doc__
    assert layers.linear is not layers.linear.__wrapped__
    assert kernels.pair.__doc__
