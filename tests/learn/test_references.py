"""The references of exercises that core does not have follow the rules of the packages that they are about."""

import numpy as np
import pytest

from albert_np.compress.layers.fake_quantise import fake_quantise, fake_quantise_backward
from albert_np.compress.quantising import compute_scales, get_scheme
from albert_np.data.masking import Masker, Words, choose_google
from albert_np.learn.references import int8, masking, translation_mask
from albert_np.models.batch import PrefixSequences
from albert_np.models.padded import Padded
from albert_np.models.translation import shifted, target_labels


class Vocabulary:
    """As much of a vocabulary as a Masker reads."""

    size, mask, cls, sep = 40, 4, 2, 3
    special = np.arange(40) < 5
    word_starts = np.arange(40) % 3 > 0


class Numbers:
    """A generator with given numbers."""

    def __init__(self, fate, others):
        self.fate, self.others = fate, others

    def random(self, size):
        return self.fate

    def integers(self, low, high, size):
        return self.others


@pytest.mark.parametrize("T", [1, 3, 10, 37, 50, 90, 512])
def test_the_number_of_masked_tokens(T):
    assert masking.count_masked(T, 0.15, 20) == Masker(Vocabulary(), 20).budget(T)


@pytest.mark.parametrize("seed", range(20))
def test_the_words_are_those_of_google_s_rule_with_n_grams_of_one_word(seed):
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(rng.integers(1, 5, size=25))])
    order, count = rng.permutation(25), int(rng.integers(1, 20))
    words = Words(None, starts.tolist(), list(range(25, 0, -1)))
    chosen = np.zeros(starts[-1], bool)
    for start, stop in choose_google(words, order.tolist(), [1] * 25, count):
        chosen[start:stop] = True
    assert np.array_equal(masking.choose_words(starts, order, count), chosen) and 0 < chosen.sum() <= count


def test_the_tokens_become_what_the_masker_makes_of_them():
    rng = np.random.default_rng(0)
    T = 300
    ids, others, fate, chosen = rng.integers(5, 40, T), rng.integers(5, 40, T), rng.random(T), rng.random(T) < 0.5
    positions = np.flatnonzero(chosen)
    masker = Masker(Vocabulary(), 20, style="google")
    ((expected, _, _),) = masker._replace([ids], [positions], [[]], [Numbers(fate[positions], others[positions])])
    inputs, labels = masking.replace_tokens(ids, chosen, fate, others, Vocabulary.mask)
    assert np.array_equal(inputs, expected) and np.array_equal(labels[chosen], ids[chosen]) and (labels[~chosen] == -100).all()
    assert 0.7 < (inputs[chosen] == 4).mean() < 0.9 and (inputs[~chosen] == ids[~chosen]).all()


def test_the_mask_and_the_labels_of_translation():
    lengths, sources = np.array([8, 5, 11]), np.array([3, 4, 6])
    sequences = PrefixSequences(lengths, first_rows=np.array([0, 8, 13]), prefix_lengths=sources)
    for i, (T, S) in enumerate(zip(lengths, sources)):
        assert np.array_equal(translation_mask.translation_mask(S, T), sequences.visible(i))
        ids, types = np.arange(10, 10 + T)[None], (np.arange(T) >= S).astype(int)[None]
        inputs = Padded(np.ones((1, T), bool), ids, types, np.arange(T)[None])
        assert np.array_equal(translation_mask.next_tokens(ids[0], S), shifted(target_labels(None, inputs), inputs.visible)[0])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_int8(dtype):
    rng = np.random.default_rng(0)
    w, dy = rng.standard_normal((2, 6, 9)).astype(dtype)
    w[2] = 0
    s = int8.row_scales(w, 127)
    assert s.dtype == w.dtype and np.allclose(s, compute_scales(w, get_scheme("int8")), rtol=1e-6, atol=0)
    for scale in (s, 0.5 * s):
        y, inside = int8.fake_quantise(w, scale, 127)
        expected, cache = fake_quantise(w, scale, 127)
        assert np.array_equal(y, expected) and np.array_equal(inside, cache)
        assert np.array_equal(int8.fake_quantise_backward(dy, inside), fake_quantise_backward(dy, cache))
    assert not inside.all()
