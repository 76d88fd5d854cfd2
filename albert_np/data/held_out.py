"""Which part of a corpus is held out from training.

A unit is a run of segments of one document, mostly a whole document. Documents are held out whole if they are small
enough. Of a document that alone has more tokens than the whole held-out part should have, only the tail may be held
out, the same share of it: so a corpus of one novel can be split too, with a single seam.
"""

import numpy as np

from albert_np.core.random import generator
from albert_np.data.corpus import Corpus
from albert_np.data.formats.summary import count_noun


def whole_documents(corpus: Corpus) -> np.ndarray:
    """Return (D, 2) int64: first segment, and one past the last, of every document."""
    return np.stack([corpus.document_starts[:-1], corpus.document_starts[1:]], axis=1)


def split_corpus(corpus: Corpus, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (units to train on, units held out), each (U, 2) int64: first segment, and one past the last.

    Units are taken in an order that is a pure function of the seed and of their index, until a share `held_out` of the
    tokens is reached: at least one unit, at most one more than needed. held_out = 0 holds nothing out. ValueError for a share
    out of range, or if nothing would be left to train on.
    """
    if not 0 <= held_out < 0.5:
        raise ValueError(f"held_out must be a share from 0 to less than 0.5, not {held_out}")
    documents = whole_documents(corpus)
    if held_out == 0:
        return documents, documents[:0]
    starts = corpus.segment_starts
    tokens = corpus.document_tokens()  # (D,)
    target = held_out * corpus.counts["tokens"]

    seams = documents[:, 0].copy()  # (D,) the part behind a document's seam may be held out
    large = np.flatnonzero(tokens > target)
    ends = starts[documents[large, 1]]
    seams[large] = np.searchsorted(starts, ends - np.maximum(held_out * tokens[large], 1), side="right") - 1
    seams = np.maximum(seams, documents[:, 0])

    order = np.argsort(generator(seed, "held-out").random(len(documents)), kind="stable")
    sizes = starts[documents[order, 1]] - starts[seams[order]]
    taken = order[: int(np.searchsorted(np.cumsum(sizes), target)) + 1]

    held = np.stack([seams[taken], documents[taken, 1]], axis=1)
    trained = documents.copy()
    trained[taken, 1] = seams[taken]
    trained = trained[trained[:, 0] < trained[:, 1]]
    if len(trained) == 0:
        raise ValueError(
            f"the corpus is too small to hold a part of it out: {count_noun(corpus.counts['tokens'], 'token')} in"
            f" {count_noun(corpus.counts['segments'], 'sentence')}"
        )
    return trained, held[np.argsort(held[:, 0])]
