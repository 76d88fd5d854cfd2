import numpy as np
import pytest
from data_tools import make_corpus

from albert_np.data.blocks import cut_blocks
from albert_np.data.held_out import whole_documents


def google_chunks(lengths, target):
    """create_instances_from_document, as it is written there: (first, one past the last) segment of each chunk."""
    chunks, chunk, length, i = [], [], 0, 0
    while i < len(lengths):
        chunk.append(i)
        length += lengths[i]
        if i == len(lengths) - 1 or length >= target:
            chunks.append((chunk[0], chunk[-1] + 1))
            chunk, length = [], 0
        i += 1
    return chunks


@pytest.mark.parametrize("short", [0.0, 0.1, 0.9])
def test_google_cuts_exactly_as_google(corpus, short):
    blocks = cut_blocks(corpus, whole_documents(corpus), 64, short, 3, "google")
    lengths = np.diff(corpus.segment_starts)
    for u, (first, stop) in enumerate(whole_documents(corpus)):
        mine = blocks.unit == u
        [target] = set(blocks.target[mine].tolist())
        expected = [(first + a, first + b) for a, b in google_chunks(lengths[first:stop], target)]
        assert list(zip(blocks.first[mine], blocks.stop[mine])) == expected


def test_paper_draws_the_target_of_each_block(corpus):
    blocks = cut_blocks(corpus, whole_documents(corpus), 64, 0.5, 3, "paper")
    tokens = corpus.segment_starts[blocks.stop] - corpus.segment_starts[blocks.first]
    last = np.append(blocks.unit[1:] != blocks.unit[:-1], True)
    assert (tokens >= blocks.target)[~last].all()
    before_last_segment = tokens - np.diff(corpus.segment_starts)[blocks.stop - 1]
    assert (before_last_segment < blocks.target).all()
    in_a_unit = [len(set(blocks.target[blocks.unit == u].tolist())) for u in range(len(blocks.units))]
    assert max(in_a_unit) > 2


@pytest.mark.parametrize("style", ["google", "paper"])
def test_blocks_tile_the_units_and_no_others(corpus, style):
    units = whole_documents(corpus)[3:20:2].copy()
    units[0, 0] += 1
    blocks = cut_blocks(corpus, units, 64, 0.1, 0, style)
    tiled = np.concatenate([np.arange(a, b) for a, b in zip(blocks.first, blocks.stop)])
    assert tiled.tolist() == [s for a, b in units for s in range(a, b)]
    assert ((blocks.first >= units[blocks.unit, 0]) & (blocks.stop <= units[blocks.unit, 1])).all()
    assert (blocks.is_single() == (blocks.stop - blocks.first == 1)).all()


def test_share_and_range_of_short_targets(tmp_path):
    corpus = make_corpus(tmp_path, "A b.\n\n" * 20_000)
    blocks = cut_blocks(corpus, whole_documents(corpus), 32, 0.1, 0, "google")
    short = blocks.target[blocks.target < 29]
    assert abs(len(short) / 20_000 - 0.1 * 27 / 28) < 0.008  # one short draw in 28 is the full length
    assert set(short.tolist()) == set(range(2, 29))


def test_portions_change_nothing_in_the_cut(corpus, monkeypatch):
    whole = cut_blocks(corpus, whole_documents(corpus), 64, 0.0, 3, "google")
    monkeypatch.setattr("albert_np.data.blocks._split_units", lambda units: np.array_split(np.arange(len(units)), 7))
    parts = cut_blocks(corpus, whole_documents(corpus), 64, 0.0, 3, "google")
    for name in ("first", "stop", "target", "unit"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("piece", [1, 3, 50])
@pytest.mark.parametrize("style", ["google", "paper"])
def test_pieces_change_nothing_in_the_cut(corpus, monkeypatch, piece, style):
    """Also where units are not neighbours, and where one is empty."""
    units = np.delete(whole_documents(corpus), [0, 5], axis=0)
    units = np.insert(units, 3, [units[2, 1], units[2, 1]], axis=0)
    whole = cut_blocks(corpus, units, 64, 0.3, 3, style)
    monkeypatch.setattr("albert_np.data.blocks.PIECE", piece)
    pieces = cut_blocks(corpus, units, 64, 0.3, 3, style)
    assert len(whole) > 100
    for name in ("first", "stop", "target", "unit"):
        assert np.array_equal(getattr(whole, name), getattr(pieces, name))


def test_pure(corpus):
    def cut(seed):
        return cut_blocks(corpus, whole_documents(corpus), 64, 0.5, seed, "google").first.tolist()

    assert cut(1) == cut(1) != cut(2)
