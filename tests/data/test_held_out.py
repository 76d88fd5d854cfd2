import numpy as np
import pytest
from data_tools import make_corpus, text
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.data import split_corpus


def tokens(corpus, units):
    return int((corpus.segment_starts[units[:, 1]] - corpus.segment_starts[units[:, 0]]).sum())


def segments(units):
    return np.concatenate([np.arange(a, b) for a, b in units]) if len(units) else np.zeros(0, int)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0.001, 0.4))
def test_every_segment_is_on_one_side(corpus, seed, share):
    train, held = split_corpus(corpus, share, seed)
    both = np.concatenate([segments(train), segments(held)])
    assert sorted(both.tolist()) == list(range(corpus.counts["segments"]))
    assert tokens(corpus, held) >= share * corpus.counts["tokens"]
    largest = (corpus.segment_starts[held[:, 1]] - corpus.segment_starts[held[:, 0]]).max()
    assert tokens(corpus, held) - largest < share * corpus.counts["tokens"]


def test_documents_are_held_out_whole(corpus):
    _, held = split_corpus(corpus, 0.2, 1)
    starts = set(corpus.document_starts.tolist())
    assert len(held) > 3 and all(int(a) in starts and int(b) in starts for a, b in held)


def test_a_pure_function_of_the_seed(corpus):
    assert np.array_equal(split_corpus(corpus, 0.1, 5)[1], split_corpus(corpus, 0.1, 5)[1])
    assert not np.array_equal(split_corpus(corpus, 0.1, 5)[1], split_corpus(corpus, 0.1, 6)[1])


def test_of_one_long_document_the_tail_is_held_out(tmp_path):
    corpus = make_corpus(tmp_path, text(documents=1, sentences=(400, 401)))
    train, held = split_corpus(corpus, 0.1, 0)
    S = corpus.counts["segments"]
    assert train.tolist() == [[0, held[0, 0]]] and held[0, 1] == S
    assert 0.1 <= tokens(corpus, held) / corpus.counts["tokens"] < 0.12


def test_of_three_long_documents_tails_only(tmp_path):
    corpus = make_corpus(tmp_path, text(documents=3, sentences=(300, 301)))
    train, held = split_corpus(corpus, 0.02, 0)
    assert len(train) == 3 and 1 <= len(held) <= 3
    assert 0.02 <= tokens(corpus, held) / corpus.counts["tokens"] < 0.03


def test_zero_holds_nothing_out(corpus):
    train, held = split_corpus(corpus, 0, 0)
    assert held.shape == (0, 2) and tokens(corpus, train) == corpus.counts["tokens"]


def test_errors(tmp_path, corpus):
    with pytest.raises(ValueError, match=r"held_out must be a share from 0 to less than 0\.5, not 0\.7"):
        split_corpus(corpus, 0.7, 0)
    with pytest.raises(ValueError, match=r"too small to hold a part of it out: 4 tokens in 1 sentence$"):
        split_corpus(make_corpus(tmp_path, "One."), 0.1, 0)
