"""Text generation: cached keys and values equal recomputation, and beam search an exhaustive search."""

from itertools import pairwise, product

import numpy as np
import pytest

import albert_np as ab
from albert_np.gradcheck.examples import parameters
from albert_np.models.generation import advance, begin, log_probabilities
from albert_np.models.padded import Padded, pack
from albert_np.models.shapes import shapes

CONFIG = ab.AlbertConfig(
    vocab_size=23, embedding_size=6, hidden_size=12, num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2,
    num_attention_heads=3, intermediate_size=14, max_position_embeddings=24,
)  # fmt: skip
SOURCE = np.random.default_rng(5).integers(4, 23, (3, 6))
MASK = np.array([[1] * 6, [1] * 4 + [0] * 2, [1, 1, 1, 0, 1, 0]])  # the last one with a hole
END = 3


def make_model(**changes):
    config = CONFIG.replace(**changes)
    return ab.AlbertForTranslation.of(config, parameters(shapes(config, ("mlm",)), 7))


def log_p(model, row, target):
    """Return log p (V,) of the next token, without a cache."""
    source = SOURCE[row][MASK[row] == 1]
    places = np.flatnonzero(MASK[row])
    positions = [*places, *range(places[-1] + 1, places[-1] + 1 + len(target))]
    ids, types = [*source, *target], [0] * len(source) + [1] * len(target)
    logits = model(np.array([ids]), token_type_ids=np.array([types]), position_ids=np.array([positions])).logits[0, -1]
    return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


@pytest.mark.parametrize("changes", [{}, dict(fusion_layers=(0, 2, 4)), dict(num_hidden_groups=1, inner_group_num=1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_new_row_equals_the_row_of_the_whole_text(changes, dtype, version):
    model = make_model(**changes)
    model.params = model.params.astype(dtype)
    mask = np.array([[1] * 6, [1] * 4 + [0] * 2, [1] * 2 + [0] * 4]) == 1
    inputs = Padded(mask, SOURCE, np.zeros_like(SOURCE), np.broadcast_to(np.arange(6), (3, 6)), source_lengths=mask.sum(1))
    target = np.random.default_rng(1).integers(4, 23, (3, 7))
    h, kv_cache = begin(model.params, model.config, pack(inputs, model.config, model.params.flat), 7)
    for t in range(7):
        found = log_probabilities(model.params, model.config, h)
        for b in range(3):
            ids = np.array([[*SOURCE[b][mask[b]], *target[b, :t]]])
            types = np.array([[0] * mask[b].sum() + [1] * t])
            logits = model(ids, token_type_ids=types).logits[0, -1].astype(np.float64)
            whole = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
            np.testing.assert_allclose(found[b], whole, rtol=0, atol=1e-5 if dtype == "float32" else 1e-12)
        h = advance(model.params, model.config, kv_cache, target[:, t])


def greedy(model, row, room):
    target = []
    while len(target) < room:
        target.append(int(log_p(model, row, target).argmax()))
        if target[-1] == END:
            break
    return target


def test_one_beam_is_greedy(version):
    model = make_model()
    model.params.mlm.b[END] += 2
    written = model.generate(SOURCE, MASK, max_new_tokens=6, eos_token_id=END)
    for row in range(3):
        expected = greedy(model, row, 6)
        assert written[row].tolist() == expected + [0] * (written.shape[1] - len(expected))


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_enough_beams_find_the_best_of_all_texts(penalty):
    """With a vocabulary of 5 and 3 tokens there are few enough texts to try them all."""
    config = CONFIG.replace(vocab_size=5, num_hidden_groups=1, inner_group_num=1)
    model = ab.AlbertForTranslation.of(config, parameters(shapes(config, ("mlm",)), 3))
    source = np.array([[1, 4, 2, 1]])

    def total(target):
        ids, types = np.array([[*source[0], *target]]), np.array([[0] * 4 + [1] * len(target)])
        logits = model(ids, token_type_ids=types).logits[0, 3:-1]
        scores = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return scores[np.arange(len(target)), target].sum()

    others = [token for token in range(5) if token != END]
    finished = [(*start, END) for n in range(3) for start in product(others, repeat=n)]
    best = max(finished, key=lambda target: total(target) / len(target) ** penalty)
    written = model.generate(source, num_beams=60, max_new_tokens=3, length_penalty=penalty, eos_token_id=END)
    assert tuple(written[0][: len(best)].tolist()) == best and not written[0][len(best) :].any()


def test_a_batch_is_its_sources_one_by_one():
    model = make_model()
    together = model.generate(SOURCE, MASK, num_beams=3, max_new_tokens=5, eos_token_id=END)
    for row in range(3):
        alone = model.generate(SOURCE[row : row + 1], MASK[row : row + 1], num_beams=3, max_new_tokens=5, eos_token_id=END)[0]
        assert together[row].tolist()[: len(alone)] == alone.tolist() and not together[row][len(alone) :].any()


def test_mistakes():
    model = make_model()
    for arguments, message in (
        (dict(num_beams=0), "num_beams: expected 1 or more"),
        (dict(max_new_tokens=0), "max_new_tokens: expected 1 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            model.generate(SOURCE, MASK, **arguments)
    with pytest.raises(ValueError, match="leaves no room"):
        model.generate(np.full((1, 24), 5))
    with pytest.raises(ValueError, match="token_type_ids: expected 0 for the source"):
        model(SOURCE, token_type_ids=[[0, 1, 0, 1, 1, 1]] * 3)
    with pytest.raises(ValueError, match="token_type_ids: expected 0 for the source"):
        model(SOURCE, token_type_ids=np.ones((3, 6), int))
    with pytest.raises(ValueError, match="labels: only visible tokens of the target"):
        model.loss_and_gradients(SOURCE, token_type_ids=[[0, 0, 0, 1, 1, 1]] * 3, labels=SOURCE)
    with pytest.raises(ValueError, match="label_smoothing: expected"):
        model.loss_and_gradients(SOURCE, token_type_ids=[[0, 0, 0, 1, 1, 1]] * 3, label_smoothing=1.0)


def test_the_loss_is_that_of_the_tokens_that_follow():
    model, types = make_model(), np.array([[0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0]])
    loss, _ = model.loss_and_gradients(SOURCE, MASK, types)
    logits = model(SOURCE, MASK, types).logits
    expected = []
    for row in range(3):
        places = np.flatnonzero(MASK[row])
        for before, here in pairwise(places):
            if types[row, here]:
                scores = logits[row, before]
                expected.append(np.log(np.exp(scores).sum()) - scores[SOURCE[row, here]])
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-12)
    labels = np.where(types * MASK == 1, SOURCE, -100)
    assert float(model.loss_and_gradients(SOURCE, MASK, types, labels=labels)[0]) == pytest.approx(float(loss), rel=1e-15)
    labels[:, :] = -100
    assert float(model.loss_and_gradients(SOURCE, MASK, types, labels=labels)[0]) == 0


@pytest.mark.parametrize("beams", [1, 3])
def test_ids_without_a_piece_are_never_generated(beams):
    """A word table that was padded: the result is that of a model without the last rows."""
    model = make_model()
    assert (model.generate(SOURCE, MASK, beams, 8, eos_token_id=END) >= 15).any()
    sources = np.minimum(SOURCE, 14)
    found = model.generate(sources, MASK, beams, 8, eos_token_id=END, vocab_size=15)
    assert found.max() < 15
    small = make_model(vocab_size=15)
    for name, array in small.params.items():
        full = dict(model.params.items())[name]
        array[...] = full[: len(array)]
    assert np.array_equal(found, small.generate(sources, MASK, beams, 8, eos_token_id=END))
    for wrong in (0, 24):
        with pytest.raises(ValueError, match=f"vocab_size: expected 1 to 23, the model's, got {wrong}"):
            model.generate(SOURCE, MASK, vocab_size=wrong)
