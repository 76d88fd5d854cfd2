"""What is timed: the cases, and the real batches of each, written to a folder that every contender reads.

A case's folder: case.json (what to do), batches.npz (padded arrays, batch i's with the suffix _i), model/ (the same weights for
all, as transformers reads them).
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from folder import Arrays, from_packed

import albert_np as ab

BASE: dict[str, Any] = dict(preset="base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout_prob=0.0)
SMALL = dict(
    BASE, vocab_size=300, embedding_size=16, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
)  # what --quick puts in the place of base


@dataclass(frozen=True)
class Case:
    """One line of the table.

    task      "pretraining" or "classification"
    mode      "step" (gradients and AdamW), "gradients", or "call" (the forward pass of a batch)
    batches   makes them: a list of padded arrays
    target    the least ratio, their time / ours
    memory    the largest share of their peak memory; None: no target
    calls     of each batch in one timed run, for what is quick
    """

    name: str
    title: str
    task: str
    mode: str
    batches: Callable[["Texts"], list[Arrays]]
    target: float
    memory: float | None = None
    recompute: bool = False
    calls: int = 1
    clip: float | None = None
    tiny: bool = False

    def config(self, quick: bool) -> ab.AlbertConfig:
        """The model of this case."""
        if self.tiny:
            from tiny import CONFIG, VOCAB_SIZE

            return ab.AlbertConfig(**CONFIG, vocab_size=VOCAB_SIZE, classifier_dropout_prob=0.0)
        chosen = dict(SMALL if quick else BASE)
        return ab.AlbertConfig.preset(chosen.pop("preset"), **chosen, recompute=self.recompute)


class Texts:
    """The sentences that batches are made of. SST-2's where ALBERT_NP_DATA is set, else those of Python's documentation."""

    def __init__(self, workshop: Path, quick: bool) -> None:
        self.workshop, self.quick, self.V = workshop, quick, 300 if quick else 30000
        data = os.environ.get("ALBERT_NP_DATA")
        self.name = "SST-2" if data and not quick else "Python's documentation"
        if self.name == "SST-2":
            tasks = Path(str(data)) / "tasks" / "sst2"
            tokenizer = ab.AlbertTokenizer(Path(str(data)) / "vocab" / "albert_en_spiece.model")
            lines = {part: (tasks / f"{part}.tsv").read_text(encoding="utf-8").splitlines() for part in ("train", "dev")}
            found = {part: [line.rsplit("\t", 1)[0] for line in lines if line[-2:-1] == "\t"] for part, lines in lines.items()}
        else:
            tokenizer = self.trained()
            texts = self.documentation()
            found = {"train": texts[:2000], "dev": texts[2000:2872]}
        self.train, self.dev = (
            [np.ravel(tokenizer(text)["input_ids"]).tolist()[:128] for text in found[part][:4000]] for part in ("train", "dev")
        )

    def documentation(self) -> list[str]:
        """Paragraphs of Python's documentation."""
        from albert_np.apps.demo_text import python_documentation

        return [text for document in python_documentation() for text in document][:4000]

    def trained(self) -> Any:
        """A vocabulary of this text."""
        from albert_np.text.train import train_tokenizer

        if not (self.workshop / "spiece.model").exists():
            train_tokenizer(iter(self.documentation()), self.workshop / "spiece.model", min(self.V, 4000))
        return ab.AlbertTokenizer(self.workshop / "spiece.model")


# ---- batches ----


def padded(sequences: list[list[int]]) -> Arrays:
    """ids and mask (B, T), T the longest; labels (B,), any: the time does not depend on them"""
    T = max(map(len, sequences))
    ids, mask = np.zeros((2, len(sequences), T), np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)], mask[row, : len(sequence)] = sequence, 1
    return {"ids": ids, "mask": mask, "labels": np.arange(len(sequences)) % 2}


def sentences(part: str, in_order: bool, count: int) -> Callable[[Texts], list[Arrays]]:
    """`count` batches of 32 from all over the part "train" or "dev": of random sentences, or of sentences of like length."""

    def make(texts: Texts) -> list[Arrays]:
        all_of_them = getattr(texts, part)
        order = np.random.default_rng(0).permutation(len(all_of_them))
        if in_order:
            order = order[np.argsort([len(all_of_them[i]) for i in order], kind="stable")]
        size = 4 if texts.quick else 32
        whole = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
        chosen = np.linspace(0, len(whole) - 1, count + 2)[1:-1].astype(int)  # neither the shortest of all nor the longest
        return [padded([all_of_them[i] for i in whole[number]]) for number in chosen]

    return make


def full(B: int, T: int, masked: int = 0) -> Callable[[Texts], list[Arrays]]:
    """One batch of full rows of random ids, with the labels of both tasks."""

    def make(texts: Texts) -> list[Arrays]:
        t, m = (16, 2 * bool(masked)) if texts.quick else (T, masked)
        rng = np.random.default_rng(0)
        ids = rng.integers(5, texts.V, (B, t))
        targets = np.full(B * t, -100)
        where = rng.choice(B * t, m * B, replace=False)
        targets[where] = ids.reshape(-1)[where]
        return [{"ids": ids, "mask": np.ones_like(ids), "labels": np.arange(B) % 2, "targets": targets.reshape(B, t)}]

    return make


def tiny_batches(texts: Texts) -> list[Arrays]:
    """Batches of real pretraining data."""
    from tiny import prepared

    _, data = prepared(texts.workshop / "tiny")
    return [from_packed(data.train.batch(0, step)) for step in range(4)]


P, C = "pretraining", "classification"
CASES = [
    Case("pretrain-base", "pretraining step, base, 8 × 128 full rows", P, "step", full(8, 128, 19), 1.35, memory=0.40),
    Case("pretrain-recompute", "the same with `recompute`", P, "step", full(8, 128, 19), 0, memory=0.25, recompute=True),
    Case("finetune-random", "4 fine-tuning steps, base, random batches of 32", C, "step", sentences("train", False, 4), 2.0),
    Case("finetune-sorted", "the same, sorted by length", C, "step", sentences("train", True, 4), 1.25),
    Case("infer-random", "inference, base, 5 random batches of 32", C, "call", sentences("dev", False, 5), 2.0),
    Case("infer-sorted", "the same, sorted by length", C, "call", sentences("dev", True, 5), 1.2),
    Case("latency", "latency, base, one sentence of 16 tokens", C, "call", full(1, 16), 1.2, calls=20),
    Case("long-infer", "inference, base, 2 × 512", C, "call", full(2, 512), 1.1),
    Case("long-train", "gradients, base, 2 × 512", C, "gradients", full(2, 512), 1.1),
    Case("pretrain-tiny", "4 pretraining steps, tiny, real batches", P, "step", tiny_batches, 1.5, clip=1.0, calls=4, tiny=True),
]


def prepare(case: Case, texts: Texts, folder: Path) -> None:
    """Write a case's folder."""
    batches = case.batches(texts)
    cls = ab.AlbertForPreTraining if case.task == "pretraining" else ab.AlbertForSequenceClassification
    cls(case.config(texts.quick), seed=1).save_pretrained(folder / "model")
    np.savez(folder / "batches.npz", **{f"{key}_{i}": array for i, batch in enumerate(batches) for key, array in batch.items()})
    facts = {key: value for key, value in asdict(case).items() if key != "batches"}
    (folder / "case.json").write_text(json.dumps({**facts, "count": len(batches)}))
