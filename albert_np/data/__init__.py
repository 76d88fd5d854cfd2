"""Documents -> sentence pairs -> n-gram masks -> balanced, packed batches. Knows no model.

    corpus = Corpus.prepare(files, tokenizer, folder, max_length=128)      # tokenised once, memory-mapped
    train, held = split_corpus(corpus, held_out=0.02, seed=0)              # by document
    data = PretrainingData(corpus, train, max_length=128, tokens_per_batch=4096, seed=0)
    batch = data.batch(epoch, step)                                        # packed arrays, a pure function
    for batch in data.held_out(held): ...                                  # always the same

In the order in which text flows: documents.py (files -> paragraphs), sentences.py (-> sentences -> segments of tokens),
corpus.py (-> memory-mapped files), held_out.py (training and held-out documents), blocks.py (-> one block an
example), pairs.py (-> A and B, in order or not), masking.py (-> n-gram masks), sampler.py (which examples make a
step), collate.py (-> one packed batch), pretraining.py (all of it for the training loop).
"""

from albert_np.data.collate import Example, collate
from albert_np.data.corpus import Corpus
from albert_np.data.held_out import split_corpus
from albert_np.data.pretraining import HeldOut, PretrainingData
from albert_np.data.sampler import BalancedSampler, split

__all__ = [
    "BalancedSampler",
    "Corpus",
    "Example",
    "HeldOut",
    "PretrainingData",
    "collate",
    "split",
    "split_corpus",
]
