"""A small training run in steps that can be stopped, and what to do with its model: check its gradients, fill masks, save it."""

import math
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from albert_np.apps.fill_mask import fill_masks
from albert_np.apps.live.rows import Rows
from albert_np.core import reference
from albert_np.core.model.albert import Results, pretraining
from albert_np.core.train import train
from albert_np.data.sentences import encode_segments, split_sentences
from albert_np.gradcheck import check_model
from albert_np.gradcheck.mistakes import MISTAKES, Mistake, planted
from albert_np.gradcheck.tensor import RELATIVE, Row
from albert_np.io.in_memory import read_saved
from albert_np.models import AlbertConfig, AlbertForPreTraining
from albert_np.text import AlbertTokenizer
from albert_np.text.train_small import train_small_tokenizer
from albert_np.training.init_mlm_bias import init_mlm_bias

T = 32  # tokens of a row, and positions of the model
B = 16  # pairs of a step
HELD_OUT = 20  # one sentence in so many is held out, at the end of the text
LEAST_CHARACTERS, MOST_CHARACTERS = 1000, 400_000
PEAK = 1.5e-3  # learning rate at width 64; it goes with 1 / √width
CHECKED = 3  # pairs of the gradient check
FOLDER = "my-albert"
# Functions of which a mistake can be planted: each is part of the backward pass of this model.
BREAKABLE = (
    "layers.layer_norm.layer_norm_backward", "layers.softmax.softmax_backward", "layers.linear.linear_backward",
    "layers.activations.gelu_new_backward", "layers.embedding.embedding_backward", "layers.attention.attention_backward",
     "model.block.block_backward", "model.heads.mlm_head_backward",
)  # fmt: skip
LIMITS = {"width": (16, 256), "layers": (1, 12), "heads": (1, 16), "vocabulary": (60, 4000), "steps": (1, 5000)}


@dataclass(frozen=True)
class Sizes:
    """Sizes of the model and of the run. ValueError, which names the size, outside of `LIMITS`."""

    width: int = 48
    layers: int = 2
    heads: int = 4
    vocabulary: int = 173
    steps: int = 500

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least, most = LIMITS[name]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ValueError(f"{name}: expected a whole number from {least} to {most}, got {value!r}")
        if self.width % self.heads:
            raise ValueError(f"heads: they divide the width among them, and {self.width} is not a multiple of {self.heads}")

    def config(self, V: int) -> AlbertConfig:
        """Return the model's configuration; narrow models have embeddings as wide as their layers."""
        return AlbertConfig(
            vocab_size=V, embedding_size=min(64, self.width), hidden_size=self.width, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, intermediate_size=4 * self.width, max_position_embeddings=T, initializer_range=0.05,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip


class Training:
    """A run on one text: a vocabulary of the text's own pieces, masked words, sentence order.

    model, tokenizer   of the run, at the step that it has reached
    step, finished     optimiser steps made; whether these are all
    unigram_loss       on the held-out sentences, of frequencies alone: the loss that the run starts near
    facts              counts for the reader
    """

    def __init__(self, text: str, sizes: Sizes, seed: int = 0):
        notes = []
        if len(text) > MOST_CHARACTERS:
            notes.append(f"only the first {MOST_CHARACTERS:,} of the text's {len(text):,} characters are used")
        sentences = [each for line in text[:MOST_CHARACTERS].splitlines() for each in split_sentences(line)]
        if not sentences:
            raise ValueError("the text is empty: paste some, open a file, or take the stories")
        if (length := sum(map(len, sentences))) < LEAST_CHARACTERS:
            raise ValueError(
                f"the text is too short: it has {length} characters, and a training run needs at least {LEAST_CHARACTERS:,}"
            )
        self.tokenizer = make_tokenizer(sentences, sizes.vocabulary)
        segments = [ids for parts in encode_segments(sentences, self.tokenizer.encode_batch, (T - 3) // 2) for ids in parts]
        self.sizes, self.seed = sizes, seed
        self.model = AlbertForPreTraining(sizes.config(len(self.tokenizer)), seed=seed)
        cut = len(segments) - max(2, len(segments) // HELD_OUT)
        self.rows, held_out = self._rows(segments[:cut]), self._rows(segments[cut:])
        self.held_out = held_out.draw(min(100, 4 * len(held_out.sentences)), seed, 0)
        counts = np.bincount(np.fromiter(chain(*segments[:cut]), np.intp), minlength=len(self.tokenizer))  # (V,)
        init_mlm_bias(self.model.params, counts)
        surprise = -np.log((counts + 1) / (counts + 1).sum())  # (V,)
        assert self.held_out.masked is not None
        self.unigram_loss = float(surprise[self.held_out.masked.labels].mean())
        unknown = int(counts[self.tokenizer.unk_token_id])
        if unknown:
            notes.append(f"{unknown:,} tokens are unknown, of characters that occur too rarely to have a piece")
        self.facts = {
            "parameters": self.model.params.count(), "pieces": len(self.tokenizer), "sentences": len(segments),
            "tokens": int(counts.sum()), "unigram_loss": self.unigram_loss, "notes": notes,
        }  # fmt: skip
        self.step, self.trained_tokens, self.finished = 0, 0, False
        self._steps = self._train()

    def _rows(self, sentences: list[Any]) -> Rows:
        t = self.tokenizer
        return Rows(sentences, T, len(t), (t.cls_token_id, t.sep_token_id, t.mask_token_id), max(t.all_special_ids) + 1)

    # ---- training ----

    def _train(self) -> Iterator[tuple[int, Results]]:
        """Yield the steps of core's own training loop (core/train.py)."""
        steps, rate = self.sizes.steps, PEAK * math.sqrt(64 / self.sizes.width)
        return train(self.model.params, self.model.config, self._batches(), steps, rate, steps // 20, seed=self.seed)

    def _batches(self) -> Iterator[Any]:
        for batch in self.rows.batches(B, self.seed):
            self.trained_tokens += len(batch.ids)
            yield batch

    def advance(self, seconds: float = 0.5) -> dict[str, Any]:
        """Train for about this long, one step at least, and return what there is to draw.

        losses: [step, loss of the masked tokens, loss of the order] of each step; held_out: what `evaluate` returns, at the end
        of every twentieth of the run, else None; tokens_per_second: of this call. ValueError if the loss is no longer a number.
        """
        start, before = time.perf_counter(), self.trained_tokens
        losses: list[list[Any]] = []
        held_out = None
        while not self.finished and held_out is None and (not losses or time.perf_counter() - start < seconds):
            self.step, results = next(self._steps)
            losses.append([self.step, float(results.mlm_loss), float(results.sop_loss)])
            if not math.isfinite(losses[-1][1]):
                raise ValueError(f"the loss is no longer a number after {self.step} steps")
            self.finished = self.step == self.sizes.steps
            if self.finished or self.step % max(1, self.sizes.steps // 20) == 0:
                held_out = self.evaluate()
        rate = (self.trained_tokens - before) / max(1e-9, time.perf_counter() - start)
        return {"step": self.step, "finished": self.finished, "losses": losses, "held_out": held_out, "tokens_per_second": rate}

    def evaluate(self) -> dict[str, float]:
        """Return the losses on the held-out sentences, and the shares of words and of orders that are right."""
        results, _ = pretraining(self.held_out, self.model.params, self.model.config)
        return {
            "mlm_loss": float(results.mlm_loss), "sop_loss": float(results.sop_loss),
            "mlm_accuracy": float(results.mlm_correct) / max(1, results.masked),
            "sop_accuracy": float(results.sop_correct) / results.sequences,
        }  # fmt: skip

    # ---- what to do with the model ----

    def check_gradients(self, mistake: Mistake | None = None) -> dict[str, Any]:
        """Compare the gradients of the model, as it is now, with central differences, in float64; mistake: is planted before.

        Returns a row for each tensor, and the result in a sentence.
        """
        params = self.model.params.astype("float64")
        batch = self.rows.draw(CHECKED, self.seed, 1_000_000)  # a step that no run reaches
        start = time.perf_counter()
        if mistake is None:
            rows = check_model(params, self.model.config, batch)
        else:
            with reference(), planted(mistake):
                rows = check_model(params, self.model.config, batch)
        wrong = [row.name for row in rows if not row.passed]
        sentence = conclude(len(rows), wrong, max(row.error for row in rows), mistake)
        table = [describe_row(row) for row in rows]
        return {"passed": not wrong, "sentence": sentence, "seconds": time.perf_counter() - start, "rows": table}

    def fill(self, text: str, k: int = 5) -> list[list[tuple[str, float]]]:
        """Return the k best tokens for each [MASK] of a text, as `fill_masks`. ValueError if it has none or is too long."""
        return fill_masks(self.model, self.tokenizer, text, k)

    def save(self, path: str | Path) -> Path:
        """Write the model and its tokenizer as a zip file: a folder that every command takes, and how it came about."""

        def write(folder: Path) -> None:
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)

        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in {**read_saved(write), "README.md": self.describe().encode()}.items():
                archive.writestr(f"{FOLDER}/{name}", data)
        return Path(path)

    def describe(self) -> str:
        """Return the text of README.md in the saved folder."""
        config, scores = self.model.config, self.evaluate()
        return (
            f"A small ALBERT, trained in a browser with albert_np for {self.step} steps on {self.facts['tokens']:,} tokens.\n\n"
            f"{self.facts['parameters']:,} parameters: {config.sizes()}.\n\n"
            f"Held-out sentences: loss of the masked tokens {scores['mlm_loss']:.3f} (word frequencies alone: "
            f"{self.unigram_loss:.3f}), {scores['mlm_accuracy']:.0%} of them and {scores['sop_accuracy']:.0%} of the orders "
            f'right.\n\n    albert-np info {FOLDER}\n    albert-np fill-mask --model {FOLDER} "Anna [MASK] bread."\n'
        )


def describe_row(row: Row) -> dict[str, Any]:
    """Return the result for one tensor."""
    names = "analytic numeric error passed note".split()
    return {"tensor": row.name, "shape": list(row.shape), **{name: getattr(row, name) for name in names}}


def make_tokenizer(sentences: list[str], vocab_size: int) -> AlbertTokenizer:
    """Return a tokenizer whose pieces are those of these sentences."""
    with tempfile.TemporaryDirectory(prefix="albert_np.") as folder:
        return AlbertTokenizer(train_small_tokenizer(sentences, Path(folder) / "spiece.model", vocab_size))


def conclude(count: int, wrong: list[str], largest: float, mistake: Mistake | None) -> str:
    """Return the result of a gradient check in words."""
    if not wrong:
        found = "" if mistake is None else " The mistake that was planted has not shown."
        return (
            f"All {count} gradients agree with the finite differences; the largest relative error is {largest:.0e}, and "
            f"{RELATIVE:.0e} is allowed.{found}"
        )
    planted_in = "" if mistake is None else f" The mistake in {name_function(mistake)} was found. {mistake.explanation}"
    names = ", ".join(wrong[:4]) + (f" and {len(wrong) - 4} more" if len(wrong) > 4 else "")
    return f"{len(wrong)} of {count} gradients {'is' if len(wrong) == 1 else 'are'} wrong: {names}.{planted_in}"


def name_function(mistake: Mistake) -> str:
    return mistake.function.rpartition(".")[2]


def breakable() -> list[Mistake]:
    """Return the mistakes that can be planted: the first that is known of each function."""
    first: dict[str, Mistake] = {}
    for mistake in MISTAKES:
        first.setdefault(mistake.function, mistake)
    return [first[f"core.{name}"] for name in BREAKABLE]
