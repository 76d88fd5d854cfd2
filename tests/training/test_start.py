"""The MLM bias starts at the pieces' frequencies: then the first loss is the unigram entropy."""

import numpy as np

import albert_np as ab
from albert_np.training.init_mlm_bias import init_mlm_bias

CONFIG = ab.AlbertConfig(
    vocab_size=40, embedding_size=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12
)


def test_a_fresh_model_starts_at_the_unigram_entropy():
    model = ab.AlbertForPreTraining(CONFIG, dtype="float64")
    counts = np.arange(40) ** 2
    init_mlm_bias(model.params, counts)
    p = (counts + 1) / (counts + 1).sum()
    np.testing.assert_allclose(np.exp(model.params.mlm.b), p, rtol=1e-12)
    ids = np.arange(40)[None]
    loss, _ = model.loss_and_gradients(ids, labels=ids)
    assert abs(float(loss) + np.log(p).mean()) < 0.02


def test_a_bias_that_has_learned_is_left_alone():
    model = ab.AlbertForPreTraining(CONFIG)
    model.params.mlm.b[3] = 0.5
    init_mlm_bias(model.params, np.arange(40))
    assert np.flatnonzero(model.params.mlm.b).tolist() == [3]


def test_rows_without_a_piece_have_the_lowest_bias():
    """A vocabulary that was padded to 43 rows."""
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=43, num_hidden_layers=1))
    init_mlm_bias(model.params, np.arange(40))
    counts = np.array([*range(1, 41), 1, 1, 1])
    np.testing.assert_allclose(model.params.mlm.b, np.log(counts / counts.sum()), rtol=1e-6)
