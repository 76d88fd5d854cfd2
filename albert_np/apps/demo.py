"""The demonstration: train a small ALBERT on text that every Python installation has, and check that it has learned.

Text (Python's manual topics and docstrings) -> vocabulary -> pretraining for a fixed number of steps -> held-out losses against
ln V and the unigram entropy -> gradients checked on the trained weights -> masks filled in new sentences.
"""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.models.config import AlbertConfig
from albert_np.training import Report, Settings

# ---- settings ----

VOCAB_SIZE = 4000
CONFIG: dict[str, Any] = dict(
    embedding_size=64, hidden_size=128, num_hidden_layers=3, num_attention_heads=4, intermediate_size=512,
    max_position_embeddings=128, initializer_range=0.09,  # narrow layers start larger than the paper's .02
)  # fmt: skip
# With short rows, few layers and single words, attention learns within minutes.
SETTINGS: dict[str, Any] = dict(
    steps=2500, optimizer="adamw", learning_rate=2.5e-3, bias_correction=True, beta2=0.98, eps=1e-9, tokens_per_batch=2048,
    max_length=40, max_ngram=1, held_out=0.05, eval_every=250, checkpoint_every=1250,
)  # fmt: skip
BELOW_UNIGRAM = 0.6  # nats: minimum distance of the held-out MLM loss below the unigram entropy
AT_MASK = 0.3  # the same at [MASK] alone: a tenth of the predicted tokens are unchanged in the input and easily repeated
SOP_ACCURACY = 0.62  # on held-out documents
SENTENCES = (
    "The function returns a [MASK] of strings.",
    "If the file does not [MASK], an exception is raised.",
    "This method is called when the object is about to be [MASK].",
    "The default [MASK] is None.",
    "Return True if the two [MASK] are equal.",
)


@dataclass
class Verdict:
    """Results of the demonstration.

    below_at_mask: nats below the unigram entropy at [MASK] alone; gradients: number of correct gradients; passed: None for a run
    of another length, which is not judged.
    """

    out: str
    steps: int
    seconds: float
    tokens_per_second: float
    mlm_loss: float
    ln_v: float
    unigram_entropy: float
    below_at_mask: float
    mlm_accuracy: float
    sop_accuracy: float
    gradients: int
    wrong_gradients: list[str]
    fillings: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    passed: bool | None = None

    @property
    def below_unigram(self) -> float:
        return self.unigram_entropy - self.mlm_loss


class Stopped(Exception):
    """Raised when a signal ended the demonstration; `pretrain --resume` continues its training."""


def run(out: str | os.PathLike[str], steps: int | None = None, seed: int = 0, report: Report | None = None) -> Verdict:
    """Run the demonstration in `out`, which must not hold a run. With `steps` it has another length and is not judged."""
    from albert_np.apps.fill_mask import fill_masks
    from albert_np.models import AlbertForPreTraining
    from albert_np.text import AlbertTokenizer
    from albert_np.text.train import load_library, train_tokenizer
    from albert_np.training import prepare_data, pretrain
    from albert_np.training.run_folder import RunFolder

    report = report or Report()
    settings = Settings(**{**SETTINGS, "seed": seed, **({"steps": steps} if steps else {})})
    out = Path(out)
    load_library()  # raises before there is a folder
    with RunFolder(out):  # raises now if the folder cannot be used
        report.note("collecting the text of Python's documentation")
        text = write_corpus(out / "corpus.txt")
        report.note(f"training a vocabulary of {VOCAB_SIZE} pieces")
        with open(text, encoding="utf-8") as lines:
            train_tokenizer((line for line in lines if line.strip()), out / "spiece.model", VOCAB_SIZE)
    tokenizer = AlbertTokenizer.from_pretrained(out)
    config = AlbertConfig(vocab_size=tokenizer.vocab_size, **CONFIG)
    data = prepare_data([text], out / "corpus", config, settings, tokenizer, report)
    model = AlbertForPreTraining(config, seed=seed)
    report.note(f"training {model.params.count():,} parameters")

    summary = pretrain(model, data, out, settings, tokenizer, report=report)
    if summary.stopped_by:
        raise Stopped(summary.stopped_by)
    held_out = summary.held_out or {}
    verdict = Verdict(
        str(out), summary.step, summary.seconds, summary.tokens / max(1e-9, summary.seconds),
        held_out["mlm_loss"], math.log(config.vocab_size), float(summary.unigram_entropy or 0.0),
        measure_below_at_mask(model, data, tokenizer.mask_token_id), held_out["mlm_accuracy"], held_out["sop_accuracy"],
        *check_gradients(model, data),
        {sentence: fill_masks(model, tokenizer, sentence, 3)[0] for sentence in SENTENCES},
    )  # fmt: skip
    if steps is None:
        mlm_passed = verdict.below_unigram >= BELOW_UNIGRAM and verdict.below_at_mask >= AT_MASK
        verdict.passed = mlm_passed and verdict.sop_accuracy >= SOP_ACCURACY and not verdict.wrong_gradients
    return verdict


def draw(verdict: Verdict) -> None:
    """Write the figures into the run's folder."""
    from albert_np.training.figures import draw_figures

    draw_figures(Path(verdict.out), verdict.unigram_entropy, round(math.exp(verdict.ln_v)))


def measure_below_at_mask(model: Any, data: Any, mask: int) -> float:
    """Return how far the held-out loss at [MASK] is below the unigram loss of the same tokens, in nats."""
    from albert_np.training.evaluate import evaluate

    at_mask = []
    for arrays in data.held_out:
        is_mask = arrays["ids"][arrays["masked_rows"]] == mask  # (M,)
        at_mask.append({**arrays, **{name: arrays[name][is_mask] for name in ("masked_rows", "masked_labels")}})
    return data.train.unigram_loss(at_mask) - evaluate(model, at_mask)["mlm_loss"]


def check_gradients(model: Any, data: Any) -> tuple[int, list[str]]:
    """Compare the gradients of the trained model with central differences, in float64, on held-out examples.

    Returns the number of correct gradients and a line on each other one. A gradient too small to be measured counts as wrong;
    an untrained model has such.
    """
    from albert_np.data.collate import collate
    from albert_np.gradcheck import check_model

    params = model.params.astype("float64")
    arrays: dict[str, Any] = collate(data.held_out.examples(0, range(min(4, len(data.held_out)))))
    rows = check_model(params, model.config, model.pack_on_host(**arrays))
    wrong = [str(row) for row in rows if not row.passed]
    return len(rows) - len(wrong), wrong


def write_corpus(path: Path) -> Path:
    """Write Python's documentation to a file: one paragraph per line, a blank line between documents."""
    from albert_np.apps.demo_text import python_documentation
    from albert_np.io.files import write_whole

    def write(temporary: Path) -> None:
        with open(temporary, "w", encoding="utf-8") as file:
            for document in python_documentation():
                file.write("\n".join(document) + "\n\n")

    write_whole(path, write)
    return path
