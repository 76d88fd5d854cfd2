import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.data.masking import Masker, Words, choose_google, choose_paper, google_words, segment_words
from albert_np.data.vocabulary import Vocabulary

V, UNK, CLS, SEP, MASK = 1000, 1, 2, 3, 4


def make_pieces(continuations=0.3, V=V):
    """Ids 0 to 4 are special; of the others a share does not start a word."""
    starts = np.random.default_rng(1).random(V) >= continuations
    starts[:5] = True
    special = np.arange(V) < 5
    return Vocabulary(starts, starts & ~special, special, UNK, CLS, SEP, MASK)


VOCABULARY = make_pieces()


def sequence(rng, a, b, low=5):
    body = rng.integers(low, V, a + b)
    return np.concatenate([[CLS], body[:a], [SEP], body[a:], [SEP]]).astype(np.int32)


def google_predictions(tokens, pieces, max_predictions, prob, max_ngram, favor_shorter, rng):
    """create_masked_lm_predictions, as it is written there; its draws are taken from rng in the order in which ours are."""
    cand_indexes = []
    for i, token in enumerate(tokens):
        if token in (CLS, SEP):
            continue
        if len(cand_indexes) >= 1 and not pieces.word_starts[token]:
            cand_indexes[-1].append(i)
        else:
            cand_indexes.append([i])
    num_to_predict = min(max_predictions, max(1, round(len(tokens) * prob)))
    ngrams = np.arange(1, max_ngram + 1)
    pvals = 1.0 / np.arange(1, max_ngram + 1)
    pvals /= pvals.sum()
    if not favor_shorter:
        pvals = pvals[::-1]
    ngram_indexes = [[cand_indexes[idx : idx + n] for n in ngrams] for idx in range(len(cand_indexes))]
    order = rng.permutation(len(ngram_indexes))
    uniform = rng.random(len(ngram_indexes))
    masked, covered = [], set()
    for position, k in enumerate(order):
        if len(masked) >= num_to_predict:
            break
        candidates = ngram_indexes[k]
        n = int(np.searchsorted(np.cumsum(pvals)[:-1], uniform[position], side="right")) + 1
        index_set = [index for word in candidates[n - 1] for index in word]
        n -= 1
        while len(masked) + len(index_set) > num_to_predict:
            if n == 0:
                break
            index_set = [index for word in candidates[n - 1] for index in word]
            n -= 1
        if len(masked) + len(index_set) > num_to_predict:
            continue
        if any(index in covered for index in index_set):
            continue
        covered.update(index_set)
        masked.extend(index_set)
    masked.sort()
    fate, others = rng.random(len(masked)), rng.integers(0, pieces.size, len(masked))
    output = list(tokens)
    for j, index in enumerate(masked):
        output[index] = MASK if fate[j] < 0.8 else tokens[index] if fate[j] < 0.9 else others[j]
    return output, masked, [tokens[index] for index in masked]


@settings(max_examples=300, deadline=None)
@given(
    a=st.integers(1, 60), b=st.integers(1, 60), seed=st.integers(0, 10**6), cap=st.sampled_from([1, 3, 20, 80]),
    ngram=st.integers(1, 5), short=st.booleans(), prob=st.sampled_from([0.05, 0.15, 0.5]),
)  # fmt: skip
def test_google_is_googles_algorithm(a, b, seed, cap, ngram, short, prob):
    ids = sequence(np.random.default_rng(seed), a, b)
    mine = Masker(VOCABULARY, cap, "google", ngram, prob, short).mask(ids, np.random.default_rng(seed))
    theirs = google_predictions(ids, VOCABULARY, cap, prob, ngram, short, np.random.default_rng(seed))
    for ours, expected in zip(mine, theirs):
        assert ours.tolist() == list(expected)


def test_google_words_join_across_the_separator():
    starts = np.zeros(V, bool)
    starts[[5, 6]] = True
    pieces = Vocabulary(starts, starts, np.arange(V) < 5, UNK, CLS, SEP, MASK)
    words = google_words(np.array([CLS, 5, 7, SEP, 7, 6, SEP]), pieces)
    assert words.positions.tolist() == [1, 2, 4, 5] and words.offsets == [0, 3, 4] and words.room == [2, 1]


def test_paper_words_end_at_the_separator_and_special_pieces_have_no_room():
    starts = np.zeros(V, bool)
    starts[[5, 6, UNK]] = True
    pieces = Vocabulary(starts, starts, np.arange(V) < 5, UNK, CLS, SEP, MASK)
    (words,) = segment_words([np.array([CLS, 5, 7, 6, SEP, 7, 6, UNK, 7, 5, SEP])], pieces)
    #                                0   1     3   4    5  6   7       9  10
    assert words.offsets == [0, 1, 3, 4, 5, 6, 7, 9, 10, 11]
    assert words.room == [0, 2, 1, 0, 2, 1, 0, 1, 0]


@pytest.mark.parametrize("style", ["google", "paper"])
@settings(max_examples=100, deadline=None)
@given(a=st.integers(1, 80), b=st.integers(1, 80), seed=st.integers(0, 10**6), low=st.sampled_from([0, 5]))
def test_what_always_holds(style, a, b, seed, low):
    rng = np.random.default_rng(seed)
    ids = sequence(rng, a, b)
    if low == 0:  # text with unknown pieces
        ids[1 : a + 1][rng.random(a) < 0.2] = UNK
    before = ids.copy()
    masker = Masker(VOCABULARY, 100, style)
    masked, positions, labels = masker.mask(ids, rng)
    assert np.array_equal(ids, before), "the input was written to"
    assert masked.dtype == ids.dtype and len(masked) == len(ids)
    assert (np.diff(positions) > 0).all()
    assert np.array_equal(labels, ids[positions]), "labels are the pieces that stood there"
    assert not np.isin(labels, [CLS, SEP]).any()
    assert np.array_equal(np.delete(masked, positions), np.delete(ids, positions))
    assert len(positions) <= masker.budget(len(ids)) == max(1, round(0.15 * (a + b + 3)))
    if style == "paper":
        assert not VOCABULARY.special[labels].any()
        new = masked[positions][masked[positions] != MASK]
        assert not VOCABULARY.special[new].any()
        # complete words: a masked piece that continues a word comes with the piece before it
        for t in positions:
            if not VOCABULARY.word_starts[ids[t]] and not VOCABULARY.special[ids[t - 1]]:
                assert t - 1 in positions


def many(style, a=60, b=65, count=3000, **options):
    """Masks of many sequences of words of one piece, in which overlaps and ends of the budget can be told apart."""
    rng = np.random.default_rng(0)
    masker = Masker(make_pieces(0), 1000, style, **options)
    for _ in range(count):
        ids = sequence(rng, a, b)
        yield (ids, *masker.mask(ids, rng))


@pytest.mark.parametrize("style", ["google", "paper"])
def test_rate(style):
    masked = sum(len(positions) for *_, positions, _ in many(style, count=500))
    assert masked == 500 * round(0.15 * 128)  # words of one piece: the budget is met exactly


@pytest.mark.parametrize("style", ["google", "paper"])
def test_80_10_10(style):
    counts = Counter()
    for ids, masked, positions, _ in many(style):
        counts["mask"] += int((masked[positions] == MASK).sum())
        counts["same"] += int((masked[positions] == ids[positions]).sum())
        counts["all"] += len(positions)
    masks, same = counts["mask"] / counts["all"], counts["same"] / counts["all"]
    assert abs(masks - 0.8) < 0.012  # 34000 n-grams of 57000 pieces: a standard deviation of 0.003
    assert abs(same - 0.1) < 0.012


def test_random_pieces_come_from_all_of_v_or_from_the_ordinary():
    google, paper = (
        np.concatenate(
            [
                masked[positions][(masked != ids)[positions] & (masked[positions] != MASK)]
                for ids, masked, positions, _ in many(style)
            ]
        )
        for style in ("google", "paper")
    )
    assert {0, 1, 2, 3} <= set(google.tolist())
    assert paper.min() >= 5 and len(np.unique(paper)) > 900


def test_the_fate_is_a_pieces_in_google_and_an_ngrams_in_paper():
    """Of neighbouring masked pieces, in words of three pieces, how often only one is a [MASK]."""
    starts = np.arange(V) % 3 == 2
    starts[:5] = True
    pieces = Vocabulary(starts, starts, np.arange(V) < 5, UNK, CLS, SEP, MASK)
    rng = np.random.default_rng(0)
    mixed = {}
    for style in ("google", "paper"):
        masker, seen_mixed, words = Masker(pieces, 1000, style, max_ngram=1), 0, 0
        for _ in range(300):
            first = rng.integers(2, 300, 40) * 3 + 2
            body = (first[:, None] + np.arange(3)).reshape(-1)
            ids = np.concatenate([[CLS], body[:60], [SEP], body[60:], [SEP]]).astype(np.int32)
            masked, positions, _ = masker.mask(ids, rng)
            masks = (masked[positions] == MASK).reshape(-1, 3)
            seen_mixed += int((masks.any(1) & ~masks.all(1)).sum())
            words += len(masks)
        mixed[style] = seen_mixed / words
    assert abs(mixed["google"] - (1 - 0.8**3 - 0.2**3)) < 0.03
    assert mixed["paper"] < 0.005  # only a random piece that happens to be [MASK]: none


@pytest.mark.parametrize("max_ngram", [1, 2, 3, 5])
def test_paper_ngram_lengths(max_ngram):
    """Where neither an overlap nor the end of the budget matters (the first five n-grams of a long text) p(n) is exact."""
    rng = np.random.default_rng(0)
    masker = Masker(VOCABULARY, 1000, "paper", max_ngram)
    words = Words(None, list(range(0, 2001, 2)), list(range(1000, 0, -1)))
    counts = Counter()
    for _ in range(1500):
        lengths = np.searchsorted(masker._thresholds, rng.random(1000), side="right") + 1
        chosen = choose_paper(words, rng.permutation(1000).tolist(), lengths.tolist(), 60)
        counts.update((stop - start) // 2 for start, stop in chosen[:5])
    share = np.array([counts[n] for n in range(1, max_ngram + 1)]) / sum(counts.values())
    expected = 1 / np.arange(1, max_ngram + 1)
    assert np.allclose(share, expected / expected.sum(), atol=0.02)


def test_realised_google_lengths():
    """0.60, 0.25, 0.15 rather than 0.545, 0.273, 0.182: long n-grams are shortened or dropped."""
    counts = Counter()
    rng = np.random.default_rng(0)
    pieces, masker = make_pieces(0), Masker(make_pieces(0), 1000, "google")
    for _ in range(1500):
        ids = sequence(rng, 60, 65)
        words = google_words(ids, pieces)
        W = len(words.room)
        lengths = np.searchsorted(masker._thresholds, rng.random(W), side="right") + 1
        chosen = choose_google(words, rng.permutation(W).tolist(), lengths.tolist(), 19)
        counts.update(stop - start for start, stop in chosen)
    share = np.array([counts[n] for n in (1, 2, 3)]) / sum(counts.values())
    assert np.allclose(share, [0.60, 0.25, 0.15], atol=0.03)


def test_favor_longer_turns_p_round():
    assert np.allclose(Masker(VOCABULARY, 9, favor_shorter=True).p, np.array([6, 3, 2]) / 11)
    assert np.allclose(Masker(VOCABULARY, 9, favor_shorter=False).p, np.array([2, 3, 6]) / 11)


def test_nothing_to_mask():
    ids = np.array([CLS, UNK, SEP, UNK, SEP], dtype=np.int32)
    masked, positions, labels = Masker(VOCABULARY, 9).mask(ids, np.random.default_rng(0))
    assert np.array_equal(masked, ids) and len(positions) == len(labels) == 0


@pytest.mark.parametrize("style", ["google", "paper"])
def test_a_pure_function(style):
    ids = sequence(np.random.default_rng(0), 30, 30)
    masker = Masker(VOCABULARY, 100, style)
    first, again, other = (masker.mask(ids, np.random.default_rng(seed))[0].tobytes() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_ngram": 0}, "max_ngram must be at least 1, not 0"),
        ({"masked_lm_prob": 1.5}, "masked_lm_prob must be between 0 and 1, not 1.5"),
        ({"max_predictions": 0}, "max_predictions must be at least 1, not 0"),
    ],
)
def test_wrong_settings(options, message):
    with pytest.raises(ValueError, match=message):
        Masker(**({"vocabulary": VOCABULARY, "max_predictions": 10} | options))


@pytest.mark.parametrize("style", ["google", "paper"])
def test_quick_enough(style):
    """It runs inside the training step: 40 us on a quiet core, 400 us would be noticed."""
    ids, rng, masker = sequence(np.random.default_rng(0), 60, 65), np.random.default_rng(0), Masker(VOCABULARY, 100, style)
    start = time.process_time()
    for _ in range(500):
        masker.mask(ids, rng)
    assert (time.process_time() - start) / 500 < 400e-6


@pytest.mark.parametrize("style", ["paper", "google"])
def test_several_sequences_at_once_are_masked_as_one_after_the_other(style):
    """Of any lengths, with several special tokens, and without a special token at the end."""
    rng, masker = np.random.default_rng(0), Masker(VOCABULARY, 100, style)
    rows = [sequence(rng, *T) for T in rng.integers(1, 30, (30, 2))]
    rows += [np.array(ids, np.int32) for ids in ([CLS, 9, UNK, 8, 7, SEP, SEP], [CLS, 7, 8, 9], [9, 8], [7])]
    together = masker.mask_all(rows, [np.random.default_rng(i) for i in range(len(rows))])
    assert len(together) == len(rows)
    for i, (ids, found) in enumerate(zip(rows, together)):
        alone = masker.mask(ids, np.random.default_rng(i))
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(found, alone))
    for ids, words in zip(rows, segment_words(rows, masker.vocabulary)):
        assert [words] == segment_words([ids], masker.vocabulary)
