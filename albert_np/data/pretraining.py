"""A corpus, or a part of one, as batches of masked sentence pairs for the training loop."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from albert_np.core.random import generator
from albert_np.data.blocks import cut_blocks
from albert_np.data.collate import Example, collate
from albert_np.data.corpus import Corpus
from albert_np.data.formats.summary import count_noun
from albert_np.data.held_out import whole_documents
from albert_np.data.masking import Masker
from albert_np.data.pairs import OBJECTIVES, STYLES, Pairs, make_pair, needs_space, plan_pairs
from albert_np.data.sampler import BATCH_MODES, BalancedSampler, split_batch, take_share


class PretrainingData:
    """Examples and batches of some units of a corpus.

    Everything is a pure function of (settings, seed, epoch, example or step), so epoch and step are the only state to save.

    units             (U, 2) from `split_corpus`; None: the whole corpus
    max_length        T, the longest example
    style             "paper" or "google", see `pairs` and `masking`
    objective         "sop", "nsp" or "none"
    max_predictions   most masked tokens of an example; None: ceil(masked_lm_prob * T), which never limits
    short_seq_prob    probability of a shorter block, see `blocks`
    tokens_per_batch  the budget of a step
    batches           "balanced" or "random", see `sampler`
    attention_cost    c in the cost of an example of T tokens, T + c * T^2

    Memory: a few integers per block, never text. ValueError for settings out of range, and if the text does not give a single
    pair.
    """

    def __init__(
        self,
        corpus: Corpus,
        units: np.ndarray | None = None,
        *,
        max_length: int,
        style: str = "paper",
        objective: str = "sop",
        max_ngram: int = 3,
        masked_lm_prob: float = 0.15,
        max_predictions: int | None = None,
        favor_shorter: bool = True,
        short_seq_prob: float = 0.1,
        tokens_per_batch: int = 4096,
        seed: int = 0,
        batches: str = "balanced",
        attention_cost: float = 0.0,
    ) -> None:
        _check(style in STYLES, f"style must be one of {', '.join(STYLES)}, not {style!r}")
        _check(objective in OBJECTIVES, f"objective must be one of {', '.join(OBJECTIVES)}, not {objective!r}")
        _check(batches in BATCH_MODES, f"batches must be one of {', '.join(BATCH_MODES)}, not {batches!r}")
        _check(tokens_per_batch >= 1, f"tokens_per_batch must be positive, not {tokens_per_batch}")
        _check(max_length >= 8, f"max_length must be at least 8, not {max_length}")
        _check(0 <= short_seq_prob <= 1, f"short_seq_prob must be between 0 and 1, not {short_seq_prob}")
        _check(attention_cost >= 0, f"attention_cost must not be negative: {attention_cost}")
        if max_predictions is None:
            max_predictions = math.ceil(masked_lm_prob * max_length)
        elif max_predictions < round(masked_lm_prob * max_length):
            warnings.warn(
                f"max_predictions={max_predictions} lowers the share of masked tokens: of {max_length} tokens"
                f" {max_predictions / max_length:.1%} instead of {masked_lm_prob:.1%}",
                stacklevel=2,
            )
        self.corpus, self.max_length, self.style, self.objective = corpus, max_length, style, objective
        self.tokens_per_batch, self.seed, self.mode = tokens_per_batch, seed, batches
        self.attention_cost = attention_cost
        self.masker = Masker(corpus.vocabulary, max_predictions, style, max_ngram, masked_lm_prob, favor_shorter)
        self.units = whole_documents(corpus) if units is None else np.asarray(units, dtype=np.int64)
        self.blocks = cut_blocks(corpus, self.units, max_length, short_seq_prob, seed, style)
        self.single_segment_share = float(self.blocks.is_single().mean()) if len(self.blocks) else 0.0
        self.blocks = self.blocks.select(self._find_usable())
        _check(len(self.blocks) > 0, self._too_small_message())
        self._cached: tuple[int, Pairs, BalancedSampler] | None = None

    def _find_usable(self) -> np.ndarray:
        """Return (n,) bool: all blocks except those that would have to be cut at a space and have none."""
        usable = np.ones(len(self.blocks), dtype=bool)
        for i in np.flatnonzero(needs_space(self.blocks, self.style, self.objective)):
            ids = self.corpus.segment_ids(self.blocks.first[i], self.blocks.stop[i])
            usable[i] = self.corpus.vocabulary.space_starts[ids[1:]].any()
        return usable

    def _too_small_message(self) -> str:
        counts = self.corpus.counts
        return (
            f"the text is too small for one sentence pair: {len(self.units)} of {count_noun(counts['documents'], 'document')}"
            f" ({count_noun(counts['segments'], 'sentence')}, {count_noun(counts['tokens'], 'token')} in all)"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} examples)"

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.blocks)

    # -- an epoch --------------------------------------------------------------------------------------------------

    def _plan(self, epoch: int) -> tuple[Pairs, BalancedSampler]:
        """Return the epoch's pairs and sampler; those of the latest epoch are cached."""
        if self._cached is None or self._cached[0] != epoch:
            _check(epoch >= 0, f"epoch must not be negative: {epoch}")
            args = self.max_length, self.style, self.objective, self.seed, epoch
            pairs = plan_pairs(self.corpus, self.blocks, *args)
            costs = self.cost(pairs.lengths)
            sampler = BalancedSampler(costs, pairs.lengths, self.tokens_per_batch, self.seed, mode=self.mode)
            self._cached = (epoch, pairs, sampler)
        return self._cached[1:]

    def cost(self, lengths: np.ndarray) -> np.ndarray:
        """Return the work of examples of these lengths, in tokens: T + c T^2."""
        T = np.asarray(lengths, dtype=np.float64)
        return T + self.attention_cost * T * T

    def lengths(self, epoch: int = 0) -> np.ndarray:
        """Return (n,) int64: the tokens of each example."""
        return self._plan(epoch)[0].lengths

    def steps_per_epoch(self, epoch: int = 0) -> int:
        """Return the number of steps. It differs a little between epochs if lengths do (style "google", objective "nsp")."""
        return len(self._plan(epoch)[1].batches(epoch))

    def step_examples(self, epoch: int, step: int) -> np.ndarray:
        """Return (B,) int64: the indices of a step's examples. ValueError if the epoch has no such step."""
        batches = self._plan(epoch)[1].batches(epoch)
        if not 0 <= step < len(batches):
            raise ValueError(f"epoch {epoch} has the steps 0 to {len(batches) - 1}, not {step}")
        return batches[step]

    # -- examples and batches ----------------------------------------------------------------------------------------

    def example(self, epoch: int, index: int) -> Example:
        """Return one example, with its pair and its masks drawn for this epoch."""
        return self.examples(epoch, [index])[0]

    def examples(self, epoch: int, indices: Iterable[int]) -> list[Example]:
        """Return several examples of an epoch."""
        indices = [int(index) for index in indices]
        pairs = self._plan(epoch)[0]
        # one for a whole example: truncation, then masks
        rngs = [generator(self.seed, "mask", epoch, index) for index in indices]
        unmasked = [self._join_pair(pairs, index, rng) for index, rng in zip(indices, rngs)]
        masked = self.masker.mask_all([ids for ids, _ in unmasked], rngs) if indices else []
        orders = [None if self.objective == "none" else label for label in pairs.labels[indices].tolist()]
        return [
            Example(index, ids, first, positions, labels, order)
            for index, (_, first), (ids, positions, labels), order in zip(indices, unmasked, masked, orders)
        ]

    def _join_pair(self, pairs: Pairs, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Return [CLS] A [SEP] B [SEP] of a block, and the number of tokens up to the first [SEP]."""
        A, B = make_pair(self.corpus, self.blocks, pairs, index, self.max_length, rng)
        cls, sep = self.corpus.vocabulary.cls, self.corpus.vocabulary.sep
        ids = np.empty(len(A) + len(B) + 3, dtype=np.int32)
        ids[0], ids[len(A) + 1], ids[-1] = cls, sep, sep
        ids[1 : len(A) + 1], ids[len(A) + 2 : -1] = A, B
        return ids, len(A) + 2

    def batch(self, epoch: int, step: int) -> dict[str, np.ndarray]:
        """Return the packed arrays of a step, see `collate`."""
        return collate(self.examples(epoch, self.step_examples(epoch, step)))

    def micro_batches(self, epoch: int, step: int, k: int, rank: int = 0, size: int = 1) -> list[dict[str, np.ndarray]]:
        """Return the examples of a step, or the share of process `rank` of `size`, in k batches of nearly equal cost.

        There are fewer batches if there are fewer examples, and none if there are more processes than examples.
        """
        costs = self.cost(self.lengths(epoch))
        own = take_share(self.step_examples(epoch, step), costs, rank, size)
        return [collate(self.examples(epoch, part)) for part in split_batch(own, costs, k) if len(part)]

    # -- statistics ----------------------------------------------------------------------------------------------------

    def report(self, epoch: int = 0) -> dict[str, Any]:
        """Return coverage and balance of the sampler, and the share of blocks that are one segment."""
        pairs, sampler = self._plan(epoch)
        report = sampler.report(epoch) | {"single_segment_share": self.single_segment_share}
        if self.objective != "none":
            report["label_1_share"] = float(pairs.labels.mean())
        return report

    def token_counts(self) -> np.ndarray:
        """Return (V,) int64: how often each token occurs in the text of these units."""
        counts = np.zeros(self.corpus.vocabulary.size, dtype=np.int64)
        for first, stop in self.corpus.segment_starts[self.units]:
            for start in range(int(first), int(stop), 1 << 22):
                part = self.corpus.tokens[start : min(start + (1 << 22), int(stop))]
                counts += np.bincount(part.astype(np.intp), minlength=len(counts))
        return counts

    def unigram_loss(self, batches: Iterable[Mapping[str, np.ndarray]]) -> float:
        """Return the MLM loss (nats) of a model that predicts the tokens' frequencies and ignores the context.

        This is the mean of -ln p(label) over the masked tokens of these batches, p from `token_counts` with add-one smoothing.
        """
        counts = self.token_counts() + 1.0  # (V,)
        surprise = math.log(counts.sum()) - np.log(counts)
        labels = np.concatenate([batch["masked_labels"] for batch in batches])  # (M,)
        return float(surprise[labels].mean())

    def held_out(self, units: np.ndarray, *, tokens_per_batch: int | None = None) -> "HeldOut":
        """Return other units of the corpus as a fixed set to evaluate on, with this object's lengths, rates and seed."""
        return HeldOut(
            self.corpus,
            units,
            max_length=self.max_length,
            style="paper",
            objective=self.objective,
            max_ngram=len(self.masker.p),
            masked_lm_prob=self.masker.masked_lm_prob,
            short_seq_prob=0.0,
            tokens_per_batch=tokens_per_batch or self.tokens_per_batch,
            seed=self.seed,
            attention_cost=self.attention_cost,
        )


class HeldOut(PretrainingData):
    """A set to evaluate on: pairs in style "paper", fixed pairs and masks (those of epoch 0), sequences of full length."""

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield the packed batches, always the same."""
        for step in range(self.steps_per_epoch(0)):
            yield self.batch(0, step)

    def take_share(self, rank: int, size: int) -> Iterator[dict[str, np.ndarray]]:
        """Yield the share of each batch that process `rank` of `size` evaluates."""
        for step in range(self.steps_per_epoch(0)):
            yield from self.micro_batches(0, step, 1, rank, size)

    def unigram_entropy(self, train: PretrainingData) -> float:
        """Return the `unigram_loss` (nats) of this set for the frequencies of the training text."""
        return train.unigram_loss(self)


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
