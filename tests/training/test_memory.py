"""The estimate of memory against what a forward pass really keeps."""

import numpy as np
import pytest

import albert_np as ab
from albert_np.model.albert import pretraining
from albert_np.model.batch import Batch
from albert_np.training.memory import empty_tree, estimate


def kept(value, seen) -> int:
    """Bytes of all arrays in a cache, each buffer once."""
    if isinstance(value, np.ndarray):
        base = value
        while isinstance(base.base, np.ndarray):
            base = base.base
        if id(base) in seen:
            return 0
        seen[id(base)] = base
        return base.nbytes
    if isinstance(value, (tuple, list)):
        return sum(kept(item, seen) for item in value)
    return 0


@pytest.mark.parametrize("recompute", [False, True])
def test_activations_are_about_what_is_kept(recompute):
    config = ab.AlbertConfig.preset("tiny", vocab_size=50, recompute=recompute)
    model = ab.AlbertForPreTraining(config)
    lengths = np.full(8, 64)
    N = int(lengths.sum())
    arrays = dict(
        ids=np.arange(N) % 50, lengths=lengths, token_types=np.zeros(N, int), positions=np.tile(np.arange(64), 8),
        masked_rows=np.arange(0, N, 7), masked_labels=np.arange(0, N, 7) % 50, order_labels=np.zeros(8, int),
    )  # fmt: skip
    _, cache = pretraining(Batch.pack(**arrays), model.params, config)
    parameters = {id(model.params.flat): model.params.flat}
    found = kept(cache, parameters)
    expected = estimate(config, N, 64)["activations"]
    if recompute:  # the estimate has the one block too that is computed again
        assert found < expected < 0.6 * estimate(config.replace(recompute=False), N, 64)["activations"]
    else:
        assert 0.8 * expected < found < 1.2 * expected


def test_an_empty_tree_has_the_form_and_takes_nothing():
    config = ab.AlbertConfig.preset("xxlarge")
    tree = empty_tree(config)
    assert 220e6 < tree.count() < 240e6  # paper, Table 1: 235M, and the heads
    assert tree.flat.strides == (0,)


def test_parameters_gradients_and_moments():
    config = ab.AlbertConfig.preset("tiny")
    found = estimate(config, 1000, 64)
    assert found["parameters"] == found["gradients"] == 4 * ab.AlbertForPreTraining(config).params.count()
    assert found["moments"] == 2 * found["parameters"]
