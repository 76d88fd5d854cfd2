"""Models and trees that are copied or pickled: every tensor is still a view of the flat buffer."""

import copy
import pickle

import numpy as np
import pytest

import albert_np as ab

CONFIG = ab.AlbertConfig(
    vocab_size=61, embedding_size=6, hidden_size=12, num_hidden_layers=3, num_hidden_groups=1, num_attention_heads=3,
    intermediate_size=20, max_position_embeddings=16, num_labels=3,
)  # fmt: skip
CONFIGS = {
    "plain": CONFIG,
    "fused, with dropout": CONFIG.replace(fusion_layers=(1, 3), hidden_dropout_prob=0.1),
    "only attention shared": CONFIG.replace(sharing="attention"),
    "factored": CONFIG.replace(ranks={"ffn.intermediate": 2, "attention.query": 3}),
}
IDS = np.array([[2, 7, 8, 9, 3], [2, 11, 12, 13, 3]])


def through_joblib(given, folder):
    joblib = pytest.importorskip("joblib", reason="joblib is not installed (the extra sklearn)")
    joblib.dump(given, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def through_a_map_of_memory(given, folder):
    """As joblib hands large arrays to its processes: they cannot be written to."""
    joblib = pytest.importorskip("joblib", reason="joblib is not installed (the extra sklearn)")
    joblib.dump(given, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


COPIES = {
    "copy.deepcopy": lambda given, folder: copy.deepcopy(given),
    "pickle": lambda given, folder: pickle.loads(pickle.dumps(given)),
    "joblib": through_joblib,
    "joblib, mmap_mode": through_a_map_of_memory,
}


@pytest.fixture(params=COPIES)
def make_copy(request, tmp_path):
    return lambda given: COPIES[request.param](given, tmp_path)


def train(model):
    """A step of the optimiser."""
    _, grads = model.loss_and_gradients(IDS, labels=[0, 2])
    ab.optim.step(model.params, grads, ab.optim.init("adamw", model.params), 0.01)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_copied_model_is_trained_like_the_original(name, dtype, make_copy):
    model = ab.AlbertForSequenceClassification(CONFIGS[name], seed=3, dtype=dtype)
    before = model.params.flat.copy()
    copied = make_copy(model)
    assert type(copied) is type(model) and copied.config == model.config and copied.params.flat.dtype == dtype
    assert [(n, a.shape, type(a)) for n, a in copied.params.items()] == [(n, a.shape, type(a)) for n, a in model.params.items()]
    assert np.array_equal(copied.params.flat, before) and np.array_equal(copied(IDS).logits, model(IDS).logits)
    train(copied)
    assert np.array_equal(model.params.flat, before), "the original is not changed"
    train(model)
    assert np.array_equal(copied.params.flat, model.params.flat) and not np.array_equal(model.params.flat, before)
    for (path, array), (_, expected) in zip(copied.params.paths(), model.params.paths()):
        assert np.shares_memory(array, copied.params.flat), path
        assert np.array_equal(array, expected), path
    assert np.array_equal(copied(IDS).logits, model(IDS).logits)


def test_a_copied_optimiser_goes_on_where_it_was(make_copy):
    model = ab.AlbertForSequenceClassification(CONFIG, seed=3)
    state = ab.optim.init("lamb", model.params)
    _, grads = model.loss_and_gradients(IDS, labels=[0, 2])
    ab.optim.step(model.params, grads, state, 0.01)
    other = ab.AlbertForSequenceClassification(CONFIG, seed=5)
    other.params, others_state, others_grads = make_copy((model.params, state, grads))
    others_grads.flat[...] = 0
    assert not others_grads.task.w.any() and grads.task.w.any()
    for each, moments in ((model, state), (other, others_state)):
        _, again = each.loss_and_gradients(IDS, labels=[1, 2], grads=each.params.zeros_like())
        ab.optim.step(each.params, again, moments, 0.01)
    assert others_state.count == 2 and np.array_equal(others_state.m.flat, state.m.flat)
    assert np.array_equal(other.params.flat, model.params.flat)


def test_layers_that_share_their_parameters_still_do(make_copy):
    params = make_copy(ab.AlbertForSequenceClassification(CONFIGS["only attention shared"]).params)
    first, second = params.groups[0].blocks[0], params.groups[1].blocks[0]
    assert first.attention is second.attention and first.ffn is not second.ffn


def test_a_shallow_copy_of_a_model_shares_its_parameters():
    model = ab.AlbertForSequenceClassification(CONFIG)
    assert copy.copy(model).params is model.params
