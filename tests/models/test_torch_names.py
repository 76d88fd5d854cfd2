"""A method of PyTorch that a model does not have is answered with what stands for it."""

import copy
import pickle

import pytest

import albert_np as ab
from albert_np.models.torch_names import INSTEAD

MODEL = ab.AlbertModel(ab.AlbertConfig.preset("tiny", vocab_size=20, num_hidden_layers=1))


@pytest.mark.parametrize("name", INSTEAD)
def test_each_is_missing_and_answered(name):
    with pytest.raises(AttributeError, match=rf"^'AlbertModel' object has no attribute '{name}': \w"):
        getattr(MODEL, name)


def test_others_are_missing_as_anywhere():
    with pytest.raises(AttributeError, match=r"^'AlbertModel' object has no attribute 'evaluate'$"):
        MODEL.evaluate()
    with pytest.raises(AttributeError, match=r"^'Output' object has no attribute 'loss': .*loss_and_gradients"):
        _ = MODEL([[2, 3]]).loss
    with pytest.raises(AttributeError, match=r"^'Output' object has no attribute 'losses'$"):
        _ = MODEL([[2, 3]]).losses
    with pytest.raises(AttributeError, match=r"model\.params is the tree of parameters"):
        ab.optim.init("adamw", MODEL)
    assert not hasattr(MODEL, "eval") and not hasattr(ab.AlbertModel.__new__(ab.AlbertModel), "config")
    for other in (copy.deepcopy(MODEL), pickle.loads(pickle.dumps(MODEL))):
        assert (other.params.flat == MODEL.params.flat).all()
