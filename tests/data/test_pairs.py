import numpy as np
import pytest
from data_tools import LetterTokenizer, make_corpus
from hypothesis import given
from hypothesis import strategies as st

from albert_np.core.random import generator
from albert_np.data.blocks import cut_blocks
from albert_np.data.held_out import whole_documents
from albert_np.data.pairs import make_pair, plan_pairs, truncate_pair

T = 64
decode = LetterTokenizer().decode


def google_truncate(A, B, longest, rng):
    """truncate_seq_pair, as it is written there."""
    A, B = list(A), list(B)
    while len(A) + len(B) > longest:
        longer = A if len(A) > len(B) else B
        if rng.random() < 0.5:
            del longer[0]
        else:
            longer.pop()
    return A, B


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 80), st.integers(0, 5))
def test_truncation_leaves_what_google_leaves(a, b, longest, seed):
    A, B = np.arange(a), np.arange(100, 100 + b)
    mine = truncate_pair(A, B, longest, np.random.default_rng(seed))
    theirs = google_truncate(A, B, longest, np.random.default_rng(seed))
    for cut, whole, reference in zip(mine, (A, B), theirs):
        assert len(cut) == len(reference)
        assert len(cut) == 0 or np.array_equal(cut, np.arange(cut[0], cut[-1] + 1))
        assert set(cut.tolist()) <= set(whole.tolist())


def test_truncation_at_the_front_is_binomial():
    rng = np.random.default_rng(0)
    A, B = np.arange(30), np.arange(20)
    fronts = np.array([[part[0] for part in truncate_pair(A, B, 30, rng)] for _ in range(4000)])  # A loses 15, B 5
    theirs = np.array([[part[0] for part in google_truncate(A, B, 30, rng)] for _ in range(4000)])
    assert np.allclose(fronts.mean(0), [7.5, 2.5], atol=0.15) and np.allclose(theirs.mean(0), [7.5, 2.5], atol=0.15)
    assert np.allclose(fronts.var(0), [3.75, 1.25], rtol=0.12)
    assert abs(np.corrcoef(fronts.T)[0, 1]) < 0.06


@pytest.fixture(scope="module")
def sparse(tmp_path_factory):
    """A corpus in which many blocks are one segment."""
    rng = np.random.default_rng(0)
    words = ["abc", "de", "fghi", "j", "klm"]
    sentences = [" ".join(words[i] for i in rng.integers(0, 5, rng.integers(2, 14))) for _ in range(3000)]
    documents = ["\n".join(sentences[i : i + 1 + i // 7 % 7]) for i in range(0, 3000, 7)]
    return make_corpus(tmp_path_factory.mktemp("sparse"), "\n\n".join(documents), lines="sentence")


def plan(corpus, style, objective, epoch=0, seed=0):
    blocks = cut_blocks(corpus, whole_documents(corpus), T, 0.1, 0, style)
    return blocks, plan_pairs(corpus, blocks, T, style, objective, seed, epoch)


def pair(corpus, blocks, pairs, i, epoch=0):
    return make_pair(corpus, blocks, pairs, i, T, generator(0, "mask", epoch, i))


@pytest.mark.parametrize("style", ["google", "paper"])
@pytest.mark.parametrize("objective", ["sop", "nsp", "none"])
def test_planned_lengths_are_exact_and_no_half_is_empty(sparse, style, objective):
    blocks, pairs = plan(sparse, style, objective)
    for i in range(len(blocks)):
        A, B = pair(sparse, blocks, pairs, i)
        assert len(A) + len(B) + 3 == pairs.lengths[i] <= T
        assert len(A) > 0 and len(B) > 0


def whole(corpus, blocks, i):
    return corpus.segment_ids(blocks.first[i], blocks.stop[i]).tolist()


@pytest.mark.parametrize("style", ["google", "paper"])
def test_sop_halves_are_the_block_in_or_out_of_order(sparse, style):
    blocks, pairs = plan(sparse, style, "sop")
    single = blocks.is_single()
    counts_by_label = {0: 0, 1: 0}
    for i in np.flatnonzero(pairs.lengths < T):
        A, B = (part.tolist() for part in pair(sparse, blocks, pairs, i))
        if single[i] and style == "google":
            assert whole(sparse, blocks, i) == A and pairs.labels[i] == 1
            continue
        first, second = (B, A) if pairs.labels[i] else (A, B)
        assert first + second == whole(sparse, blocks, i)
        counts_by_label[int(pairs.labels[i])] += 1
        starts = sparse.segment_starts[blocks.first[i] : blocks.stop[i] + 1] - sparse.segment_starts[blocks.first[i]]
        if single[i]:
            assert decode(second) != "" and sparse.vocabulary.space_starts[second[0]]
        else:
            assert len(first) in starts[1:-1]
    assert min(counts_by_label.values()) > 50


@pytest.mark.parametrize("style", ["google", "paper"])
def test_label_shares(sparse, style):
    blocks, _ = plan(sparse, style, "sop")
    labels = np.concatenate([plan(sparse, style, "sop", epoch)[1].labels for epoch in range(20)])
    single = np.tile(blocks.is_single(), 20)
    deviation = 4 * 0.5 / np.sqrt((~single).sum())
    assert abs(labels[~single].mean() - 0.5) < deviation
    if style == "google":
        assert single.mean() > 0.1 and (labels[single] == 1).all()
    else:
        assert abs(labels[single].mean() - 0.5) < 4 * 0.5 / np.sqrt(single.sum())


def test_google_takes_the_foreign_b_as_google_does(sparse):
    blocks, pairs = plan(sparse, "google", "sop")
    documents = np.zeros(len(blocks.units), dtype=int)
    for i in np.flatnonzero(blocks.is_single()):
        low, high = pairs.foreign[i]
        [unit] = np.flatnonzero((blocks.units[:, 0] <= low) & (high <= blocks.units[:, 1]))
        documents[unit] += 1
        assert unit != blocks.unit[i]
        wanted = blocks.target[i] - len(whole(sparse, blocks, i))
        sizes = np.diff(sparse.segment_starts[low : high + 1])
        assert sizes[:-1].sum() < max(wanted, 1), "B went on after it was long enough"
        assert sizes.sum() >= wanted or high == blocks.units[unit, 1], "B stopped too early"
    assert np.count_nonzero(documents) > 50
    assert (pairs.foreign[~blocks.is_single()] == 0).all()


def test_paper_never_takes_another_document_for_sop(sparse):
    for objective in ("sop", "none"):
        assert (plan(sparse, "paper", objective)[1].foreign == 0).all()
    assert (plan(sparse, "google", "none")[1].foreign == 0).all()


@pytest.mark.parametrize("style", ["google", "paper"])
def test_nsp(sparse, style):
    blocks, pairs = plan(sparse, style, "nsp")
    assert not pairs.swapped.any()
    assert np.array_equal(pairs.labels == 1, pairs.foreign[:, 1] > 0)
    several = ~blocks.is_single()
    assert abs(pairs.labels[several].mean() - 0.5) < 4 * 0.5 / np.sqrt(several.sum())
    for i in np.flatnonzero(pairs.lengths < T)[:200]:
        A, B = (part.tolist() for part in pair(sparse, blocks, pairs, i))
        assert (whole(sparse, blocks, i) == A + B) == (pairs.labels[i] == 0)
        assert whole(sparse, blocks, i)[: len(A)] == A


def test_none_is_in_order(sparse):
    blocks, pairs = plan(sparse, "google", "none")
    assert not pairs.labels.any()
    for i in np.flatnonzero(pairs.lengths < T)[:200]:
        A, B = pair(sparse, blocks, pairs, i)
        assert A.tolist() + B.tolist() == whole(sparse, blocks, i)


def test_one_document_is_its_own_other_document(tmp_path):
    corpus = make_corpus(tmp_path, "\n".join(["one two three four"] * 30), lines="sentence")
    blocks = cut_blocks(corpus, whole_documents(corpus), 8, 0.0, 0, "google")
    pairs = plan_pairs(corpus, blocks, 8, "google", "sop", 0, 0)
    assert blocks.is_single().all() and (pairs.labels == 1).all()
    assert ((pairs.foreign[:, 1] > pairs.foreign[:, 0]) & (pairs.foreign[:, 1] <= corpus.counts["segments"])).all()


def test_two_documents_almost_always_take_the_other(tmp_path):
    corpus = make_corpus(tmp_path, "\n".join(["one two"] * 900) + "\n\n" + "\n".join(["three four"] * 900), lines="sentence")
    blocks = cut_blocks(corpus, whole_documents(corpus), 8, 0.0, 0, "google")
    low = plan_pairs(corpus, blocks, 8, "google", "sop", 0, 0).foreign[:, 0]
    own = (low >= blocks.units[1, 0]) == (blocks.unit == 1)
    assert own.mean() < 0.006  # 2^-10


def test_splits_are_uniform(tmp_path):
    corpus = make_corpus(tmp_path, "\n\n".join(["a b\nc d\ne f\ng h\ni j"] * 4000), lines="sentence")
    blocks = cut_blocks(corpus, whole_documents(corpus), 64, 0.0, 0, "paper")
    pairs = plan_pairs(corpus, blocks, 64, "paper", "sop", 0, 0)
    counts = np.bincount((pairs.split - blocks.first).astype(np.intp), minlength=6)
    assert counts[[0, 5]].sum() == 0 and np.allclose(counts[1:5] / 4000, 0.25, atol=0.03)


def test_pure_and_independent_of_the_other_blocks(sparse):
    blocks, pairs = plan(sparse, "google", "sop")
    again = plan(sparse, "google", "sop")[1]
    other = plan(sparse, "google", "sop", epoch=1)[1]
    assert np.array_equal(pairs.split, again.split) and np.array_equal(pairs.foreign, again.foreign)
    assert not np.array_equal(pairs.split, other.split) and not np.array_equal(pairs.labels, other.labels)
    fewer = blocks.select(np.arange(len(blocks)) < 100)
    assert np.array_equal(plan_pairs(sparse, fewer, T, "google", "sop", 0, 0).foreign, pairs.foreign[:100])
