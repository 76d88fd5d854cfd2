"""core/train.py: its batches are what it promises, its losses are the trainer's, and a text becomes easier to predict."""

from contextlib import nullcontext
from itertools import islice

import numpy as np
import pytest

import albert_np as ab
from albert_np.core import reference, train
from albert_np.core.config import Config
from albert_np.core.model.shapes import body, initialise, pretraining_heads
from albert_np.core.train import BYTES, CLS, MASK, SEP
from albert_np.engine.mpi import SINGLE_PROCESS
from albert_np.engine.stop import Stop
from albert_np.training.callbacks import Callback
from albert_np.training.losses import LossBuffer
from albert_np.training.trainer import Trainer
from albert_np.training.trainer_settings import TrainerSettings

TEXT = b"It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness. " * 20
SIZES = dict(
    vocab_size=BYTES + 256, embedding_size=6, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=31, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
)  # fmt: skip


def originals(batch):
    """The ids of a batch, (B, T), with the masked tokens as they were."""
    ids = batch.ids.copy()
    ids[batch.masked.rows] = batch.masked.labels
    return ids.reshape(len(batch.sequences), -1)


class FromBatches(Trainer):
    """The trainer, fed with batches of core.train. It logs all losses at the end and saves nothing."""

    def __init__(self, model, settings, batches, steps, warmup, optimizer):
        self.optimizer_name, self.batches, self.found = optimizer, batches, []
        super().__init__(model, settings, (), Callback(), SINGLE_PROCESS, Stop(), None)
        self.total_steps, self.warmup = steps, warmup
        self.losses = LossBuffer(SINGLE_PROCESS, ("mlm_loss", "sop_loss"), lambda results: ())

    def micro_batches(self):
        batch = next(self.batches)
        return [dict(
            ids=batch.ids, lengths=batch.sequences.lengths, token_types=batch.token_types, positions=batch.positions,
            examples=batch.random_rows[::31, 0], masked_rows=batch.masked.rows, masked_labels=batch.masked.labels,
            order_labels=batch.order.labels,
        )]  # fmt: skip

    def new_record(self, lr, tokens):
        return {"tokens": tokens}

    def drain_losses(self):
        self.found += [tuple(values) for _, values, _ in self.losses.drain()]

    def log_is_due(self):
        return False

    checkpoint_is_due = epoch_is_complete = log_is_due


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
@pytest.mark.parametrize("kernels", [False, True])
def test_the_losses_are_those_of_the_trainer(kernels, optimizer):
    steps, lr, warmup, clip = 20, 5e-3, 4, 0.5
    config = Config(**SIZES)
    model = ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES), seed=7, dtype="float64")
    params = initialise(body(config) | pretraining_heads(config), config, 7, "float64")
    assert np.array_equal(params.flat, model.params.flat)
    with nullcontext() if kernels else reference():
        found = [
            (float(results.mlm_loss), float(results.sop_loss))
            for _, results in train.train(
                params, config, train.batches(TEXT, B=4, T=31), steps, lr, warmup, optimizer, clip, seed=3
            )
        ]
        settings = TrainerSettings(learning_rate=lr, clip_norm=clip, seed=3)
        trainer = FromBatches(model, settings, train.batches(TEXT, B=4, T=31), steps, warmup, optimizer)
        trainer.train()
    np.testing.assert_allclose(found, trainer.found, rtol=1e-6)
    np.testing.assert_allclose(params.flat, model.params.flat, rtol=1e-6, atol=1e-9)
    assert len(found) == steps and found[-1][0] < found[0][0] - 0.3  # it did learn something


def test_a_pair_is_cls_a_sep_b_sep_of_text_that_belongs_together():
    text = np.random.default_rng(1).integers(256, size=900).astype(np.uint8).tobytes()
    for batch in islice(train.batches(text, B=5, T=31), 10):
        assert batch.sequences.lengths.tolist() == [31] * 5 and len(batch.ids) == 155
        half, ids = 14, originals(batch)  # (B, T)
        assert (ids[:, 0] == CLS).all() and (ids[:, [half + 1, 2 * half + 2]] == SEP).all()
        assert batch.token_types.reshape(5, 31).tolist() == [[0] * (half + 2) + [1] * (half + 1)] * 5
        assert batch.positions.reshape(5, 31).tolist() == [list(range(31))] * 5
        for row, swapped in zip(ids - BYTES, batch.order.labels):
            a, b = bytes(row[1 : half + 1].tolist()), bytes(row[half + 2 : -1].tolist())
            assert (b + a if swapped else a + b) in text and (a + b if swapped else b + a) not in text


def test_the_shares_of_masks_and_of_swapped_pairs():
    text = np.random.default_rng(0).integers(256, size=5000).astype(np.uint8).tobytes()
    tokens = masked = hidden = changed = swapped = 0
    for batch in islice(train.batches(text, B=50, T=63), 40):
        rows, labels = batch.masked.rows, batch.masked.labels
        assert (labels >= BYTES).all() and (np.diff(rows) > 0).all()  # no special token, and none twice
        untouched = np.delete(batch.ids, rows)
        assert (untouched != MASK).all()
        tokens += (originals(batch) >= BYTES).sum()
        masked += len(rows)
        hidden += (batch.ids[rows] == MASK).sum()
        changed += ((batch.ids[rows] != MASK) & (batch.ids[rows] != labels)).sum()
        swapped += batch.order.labels.sum()
    assert tokens == 40 * 50 * 60
    assert masked / tokens == pytest.approx(0.15, abs=0.005)
    assert hidden / masked == pytest.approx(0.8, abs=0.015)
    assert changed / masked == pytest.approx(0.1 * 255 / 256, abs=0.01)
    assert swapped / 2000 == pytest.approx(0.5, abs=0.04)


def test_batches_repeat_with_their_seed_and_number_their_examples():
    first, again, other = ([*islice(train.batches(TEXT, 3, 31, seed), 2)] for seed in (0, 0, 1))
    assert all((a.ids == b.ids).all() for a, b in zip(first, again)) and (first[0].ids != other[0].ids).any()
    assert [batch.random_rows[::31, 0].tolist() for batch in first] == [[0, 1, 2], [3, 4, 5]]


def test_a_short_text_or_an_even_length_is_refused():
    with pytest.raises(ValueError, match="an odd T and at least 60 bytes of text, got T = 63 and 59 bytes"):
        next(train.batches(bytes(59)))
    with pytest.raises(ValueError, match="got T = 32 and 900 bytes"):
        next(train.batches(bytes(900), T=32))
    assert len(next(train.batches(bytes(60))).ids) == 16 * 63


def test_main_prints_falling_losses(tmp_path, capsys):
    (tmp_path / "text.txt").write_bytes(TEXT)
    train.main(str(tmp_path / "text.txt"), steps=100)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    first, last = (float(line.split("bytes")[1].split()[0]) for line in lines)
    assert len(lines) == 2 and first == pytest.approx(5.5, abs=0.3) and last < 3.2
