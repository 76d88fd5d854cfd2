"""Documents -> sentence pairs -> n-gram masks -> balanced, packed batches: NumPy arrays, independent of any model.

    corpus = Corpus.prepare(files, tokenizer, folder, max_length=128)      # tokenised once, memory-mapped
    train, held = split_corpus(corpus, held_out=0.02, seed=0)              # by document
    data = PretrainingData(corpus, train, max_length=128, tokens_per_batch=4096, seed=0)
    batch = data.batch(epoch, step)                                        # packed arrays, a pure function
    for batch in data.held_out(held): ...                                  # the same batches every time

To read it, follow the text:

text_files    the encodings of text files; text_sample: a part of them, in little time
documents     files -> paragraphs
sentences     paragraphs -> sentences -> segments: token ids of limited length
encode        paragraphs -> tokens of segments, in several processes
tokenise      segments -> the files of a corpus
corpus        Corpus: these files, memory-mapped, and rebuilt when text, tokenizer or settings have changed
vocabulary    facts about token ids: special ids, starts of words
held_out      which documents are for training, which for evaluation
blocks        documents -> blocks of segments, one per example
pairs         a block -> the sentence pair A, B, in order or not
masking       a pair -> n-gram masks
collate       examples -> one packed batch
sampler       which examples make a step, with equal work per step and per process
pretraining   all of it behind one class, for the training loop

`formats` reads the files of the fine-tuning tasks.
"""

from albert_np.data.collate import Example, collate
from albert_np.data.corpus import Corpus
from albert_np.data.held_out import split_corpus
from albert_np.data.pretraining import HeldOut, PretrainingData
from albert_np.data.sampler import BalancedSampler, split_batch

__all__ = [
    "BalancedSampler",
    "Corpus",
    "Example",
    "HeldOut",
    "PretrainingData",
    "collate",
    "split_batch",
    "split_corpus",
]
__dir__ = __all__.copy  # for completion
