"""Products by SciPy's BLAS: equal to NumPy's and to the reference, without copies, and chosen only where they are needed."""

import sys

import numpy as np
import pytest
from helpers import scattered
from test_cpu_kernels import LENGTHS, LINEAR, OPERATIONS, attention_case, both, same

import albert_np as ab
from albert_np.core import active, reference
from albert_np.core.model.heads import mlm_head, mlm_head_backward
from albert_np.engine import blas, cpu
from albert_np.engine.blas.products import product
from albert_np.engine.environment import describe_environment
from albert_np.gradcheck import CHECKS, parameters

CONFIG = ab.AlbertConfig(
    vocab_size=60, embedding_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
    max_position_embeddings=16, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
)  # fmt: skip
NORM = {"gamma": (12,), "beta": (12,)}
HEAD = {"mlm": {"dense": LINEAR, "norm": NORM, "b": (31,)}, "embeddings": {"word": (31, 12)}}
LAYOUTS = {
    "contiguous": lambda x: x, "transposed": lambda x: x.T.copy().T, "scattered": scattered, "reversed": lambda x: x[::-1, ::-1],
    "a part": lambda x: np.pad(x, ((1, 2), (3, 0)))[1:-2, 3:], "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "read only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _scipy():
    with blas.products_by("scipy"):
        yield


def normal(*shape, dtype=np.float64):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def head(N):
    rows = np.arange(0, N, 2)
    return (
        lambda h, p: mlm_head(h, rows, p, CONFIG), lambda dy, c, p, g: mlm_head_backward(dy, c, p, g, CONFIG),
        {"h": normal(N, 12)}, HEAD,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N", [1, 3, 40])
@pytest.mark.parametrize("name", ["linear", "feed_forward, gelu_new"])
def test_kernels_equal_their_reference(name, N, dtype):
    same(both(OPERATIONS[name](N), dtype), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N", [1, 2, 41])
def test_the_head_equals_its_reference(N, dtype):
    assert active()["mlm_head"] == "albert_np.engine.blas.heads"
    same(both(head(N), dtype), dtype)


@pytest.mark.parametrize("layout", [scattered, np.asfortranarray], ids=["scattered", "Fortran's order"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_that_are_not_contiguous(layout, dtype):
    for operation in (OPERATIONS["linear"](6), head(6), attention_case(LENGTHS["very different"], False, 0.3)):
        same(both(operation, dtype, layout), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("b_layout", LAYOUTS)
@pytest.mark.parametrize("a_layout", LAYOUTS)
def test_products_of_every_layout(a_layout, b_layout, dtype):
    for N, K, M in ((1, 1, 1), (1, 5, 3), (4, 1, 3), (4, 5, 1), (7, 5, 3), (40, 30, 50)):
        a, b = LAYOUTS[a_layout](normal(N, K, dtype=dtype)), LAYOUTS[b_layout](normal(K, M, dtype=dtype))
        before = a.copy(), b.copy()
        y = product(a, b)
        assert y.dtype == dtype and y.shape == (N, M) and y.flags.c_contiguous and y.flags.writeable
        np.testing.assert_allclose(y, a @ b, rtol=2e-4 if dtype == np.float32 else 1e-12, atol=np.finfo(dtype).eps * 50)
        assert np.array_equal(a, before[0]) and np.array_equal(b, before[1])
        assert not np.shares_memory(y, a) and not np.shares_memory(y, b)


def test_transposed_factors_are_not_copied(monkeypatch):
    import scipy.linalg.blas

    seen = []
    gemm = scipy.linalg.blas.sgemm
    monkeypatch.setattr(scipy.linalg.blas, "sgemm", lambda *args, **flags: seen.append(args[1:]) or gemm(*args, **flags))
    x, w, dy = normal(9, 4, dtype=np.float32), normal(4, 5, dtype=np.float32), normal(9, 5, dtype=np.float32)
    for a, b in ((x, w), (x.T, dy), (dy, w.T)):
        product(a, b)
        assert all(factor.flags.f_contiguous and factor.base is not None for factor in seen[-1])
        assert np.shares_memory(seen[-1][0], b) and np.shares_memory(seen[-1][1], a)
    assert len(seen) == 3


def test_numpy_computes_the_other_products():
    half, single, double = (normal(3, 3, dtype=dtype) for dtype in (np.float16, np.float32, np.float64))
    assert product(half, half).dtype == np.float16 and product(single, double).dtype == np.float64
    np.testing.assert_array_equal(product(np.arange(6).reshape(2, 3), np.arange(3)[:, None]), [[5], [14]])
    for a, b in (
        (np.zeros((0, 3)), np.zeros((3, 2))),
        (np.zeros((2, 0)), np.zeros((0, 3))),
        (np.zeros((2, 3)), np.zeros((3, 0))),
    ):
        assert product(a, b).shape == (len(a), b.shape[1]) and not product(a, b).any()
    assert product(np.ones((2, 4, 3)), np.ones((3, 5))).shape == (2, 4, 5)
    with pytest.raises(ValueError, match="size 2 is different from 3"):
        product(single, single[:2])


def test_not_a_number_is_passed_on():
    x = np.ones((3, 3), np.float32)
    x[1, 2] = np.nan
    assert np.isnan(product(x, np.zeros((3, 2), np.float32)))[1].all()


@pytest.mark.parametrize("check", ["attention", "feed_forward, gelu_new", "mlm_head with its tied table", "model: MLM only"])
def test_gradients(check):
    with reference(False):
        rows = CHECKS[check](3)
        assert rows and all(row.passed for row in rows)


def test_a_step_is_that_of_numpy_to_rounding():
    ids = np.random.default_rng(0).integers(5, 60, (4, 16))
    results = []
    for library in ("numpy", "scipy"):
        with blas.products_by(library), reference(False):
            model = ab.AlbertForPreTraining(CONFIG, seed=0)
            results.append(model.loss_and_gradients(ids, labels=ids, sentence_order_label=np.array([0, 1, 1, 0]), rng=1))
    (loss, grads), (again, other) = results
    np.testing.assert_allclose(again, loss, rtol=1e-5)
    np.testing.assert_allclose(other.flat, grads.flat, rtol=1e-3, atol=1e-6)


def test_the_choice_is_shown_and_undone():
    own = {name: cpu.KERNELS.get(name) for name in blas.KERNELS}
    with blas.products_by("numpy"):
        assert blas.chosen() == "numpy" and active()["linear"] == "albert_np.engine.cpu.linear"
        assert active()["mlm_head"] == "albert_np.core.model.heads"
        named = describe_environment()["blas"]
        with pytest.raises(KeyError), blas.products_by("scipy"):
            assert blas.choose("scipy") == blas.chosen() == "scipy"
            assert active()["linear"] == "albert_np.engine.blas.linear"
            assert describe_environment()["blas"] == f"{named}, through SciPy"
            raise KeyError
        assert blas.chosen() == "numpy"
    assert {name: cpu.KERNELS.get(name) for name in blas.KERNELS} == own


def test_it_is_chosen_where_numpy_has_no_blas(monkeypatch):
    monkeypatch.delenv(blas.VARIABLE, raising=False)
    monkeypatch.setattr(blas, "numpy_has_blas", lambda: True)
    assert blas.choose() == blas.chosen() == "numpy"
    monkeypatch.setattr(blas, "numpy_has_blas", lambda: False)
    assert blas.choose() == blas.chosen() == "scipy"
    monkeypatch.setitem(sys.modules, "scipy.linalg.blas", None)
    assert blas.choose() == blas.chosen() == "numpy"
    with pytest.raises(ImportError, match="SciPy is not installed: pip install scipy"):
        blas.choose("scipy")
    assert blas.chosen() == "numpy"


def test_the_environment_variable_decides(monkeypatch):
    monkeypatch.setattr(blas, "numpy_has_blas", lambda: True)
    monkeypatch.setenv(blas.VARIABLE, "scipy")
    assert blas.choose() == "scipy" and blas.choose("numpy") == "numpy"
    monkeypatch.setattr(blas, "numpy_has_blas", lambda: False)
    monkeypatch.setenv(blas.VARIABLE, "numpy")
    assert blas.choose() == blas.chosen() == "numpy"
    monkeypatch.setenv(blas.VARIABLE, "mkl")
    with pytest.raises(ValueError, match=r"expected numpy or scipy .*ALBERT_NP_PRODUCTS.*got 'mkl'"):
        blas.choose()


@pytest.mark.skipif(sys.platform != "emscripten", reason="NumPy has a BLAS here; in WebAssembly it has none")
def test_in_webassembly():
    assert not blas.numpy_has_blas() and blas.choose() == "scipy"


@pytest.mark.skipif(sys.platform == "emscripten", reason="NumPy has no BLAS in WebAssembly")
def test_the_numpy_of_pypi_has_a_blas():
    assert blas.numpy_has_blas()


def test_parameters_of_a_head_are_those_of_the_model():
    form = ab.AlbertForPreTraining(CONFIG, seed=0).params.form
    assert set(HEAD["mlm"]) == set(form["mlm"]) and parameters(HEAD, 0).embeddings.word.shape == (31, 12)
