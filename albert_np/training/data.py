"""The data of a pretraining run, from text files and settings: training examples, a fixed held-out set, and facts about both."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.engine import threads
from albert_np.engine.mpi import world
from albert_np.models.config import AlbertConfig
from albert_np.models.vocabulary import check_vocabulary
from albert_np.training.callbacks import Callback
from albert_np.training.encoding_progress import MOMENT
from albert_np.training.progress import get_callback
from albert_np.training.settings import Settings

SMALL = 1 << 24  # bytes of text for each process that tokenises: fewer take less time than starting it
PACKED = 4  # bytes of text in a byte of a packed file, about

# Attention's products are small and its softmax moves much memory, so a pair of tokens takes more time than its share of the
# arithmetic. Measured once, on one core: 1.8 times as much at H 128, 1.2 times at H 256 (T from 32 to 512). A constant, so that
# the batches of a run do not depend on how busy the machine was when it started.
ATTENTION_IS_SLOWER = 1.5


def attention_cost(config: AlbertConfig) -> float:
    """Return c in the cost of a sequence of T tokens, T + c T²: the cost of a pair of tokens, relative to that of a token.

    A block multiplies 4 H² + 2 H F numbers a token (projections and feed-forward), and 2 H a pair of tokens.
    """
    return ATTENTION_IS_SLOWER / (2 * config.hidden_size + config.intermediate_size)


@dataclass
class RunData:
    """The data of a pretraining run. Any object with these members can take its place.

    train             `.micro_batches(epoch, step, k)`, for several processes `.micro_batches(epoch, step, k, rank, size)`,
                      `.steps_per_epoch(epoch)`: pure functions
    held_out          packed batches, the same each time; None: no evaluation
    fingerprint       of the corpus; it must be the same when the run is resumed
    unigram_entropy   nats; the dashed line of the figures
    facts             counts and shares, to be printed
    folder            of the tokenised corpus
    """

    train: Any = field(repr=False)
    held_out: Any = field(default=None, repr=False)
    fingerprint: str = ""
    unigram_entropy: float | None = None
    facts: dict[str, Any] | None = None
    folder: str = ""


def prepare_data(
    files: Sequence[str | Path],
    folder: str | Path,
    config: AlbertConfig,
    settings: Settings,
    tokenizer: Any,
    report: Callback | None = None,
    progress: bool = True,
    processes: int | None = None,
) -> RunData:
    """Tokenise the files into `folder` (or reuse it), split off the held-out documents, and plan the batches.

    report, progress: as of `pretrain`. processes: that tokenise; None: for a text of more than 32 MB as many as there are threads
    (OPENBLAS_NUM_THREADS), for a smaller one none besides this. The corpus is the same for any number.
    """
    callback = get_callback(report, progress, world().is_main)
    return get_run_data(tokenise_files(files, folder, settings, tokenizer, callback, processes), config, settings)


def tokenise_files(
    files: Sequence[str | Path], folder: str | Path, settings: Settings, tokenizer: Any, report: Any = None,
    processes: int | None = None,
) -> Any:  # fmt: skip
    """Return the corpus of these files, segmented as in the settings.

    processes: that tokenise; None: as many as there are threads, for large texts. The corpus is the same for any number.
    """
    from albert_np.data.corpus import Corpus

    started = time.monotonic()
    corpus = Corpus.prepare(
        files, tokenizer, folder, max_length=settings.max_length, lines=settings.lines,
        document_separator=settings.document_separator, processes=count_processes(files) if processes is None else processes,
        progress=report.tokenising if report else None, log=report.note if report else None,
        count=getattr(report, "tokenised", None),
    )  # fmt: skip
    seconds = time.monotonic() - started
    if report and corpus.rebuild_reason is not None and seconds >= MOMENT:
        tokens = corpus.counts["tokens"]
        report.note(f"tokenised {tokens:,} tokens in {seconds:.0f} s: {tokens / seconds:,.0f} tokens/s")
    return corpus


def count_processes(files: Sequence[str | Path]) -> int:
    """Return how many processes tokenise these files: as many as BLAS has threads, but at most one for every SMALL bytes."""
    sizes = [(Path(file), os.path.getsize(file)) for file in files if os.path.isfile(file)]
    text = sum(size * (PACKED if path.suffix in (".gz", ".xz") else 1) for path, size in sizes)
    return max(1, min(threads.count(), text // SMALL))


def get_run_data(corpus: Any, config: AlbertConfig, settings: Settings) -> RunData:
    """Return the data of a run, from its tokenised corpus. ValueError if it does not fit the model."""
    from albert_np.data.held_out import split_corpus
    from albert_np.data.pretraining import PretrainingData

    check_fit(config, settings, corpus.vocabulary.size)
    units, held_units = split_corpus(corpus, settings.held_out, settings.seed)
    train = PretrainingData(
        corpus, units, max_length=settings.max_length, style=settings.style, objective=settings.objective,
        max_ngram=settings.max_ngram, masked_lm_prob=settings.masked_lm_prob, tokens_per_batch=settings.tokens_per_batch,
        seed=settings.seed, batches=settings.batches, attention_cost=attention_cost(config),
    )  # fmt: skip
    held_out = train.held_out(held_units) if len(held_units) else None
    data = RunData(train, held_out, fingerprint(corpus), folder=str(corpus.folder.resolve()))
    data.facts = {**corpus.counts, "examples": len(train), "single_segment_share": train.single_segment_share}
    if held_out is not None:
        data.unigram_entropy = held_out.unigram_entropy(train)
        data.facts["held_out_examples"] = len(held_out)
    return data


def fingerprint(corpus: Any) -> str:
    """Return a hash of all that the corpus depends on: the contents of its files in order, the tokenizer, the segmentation."""
    import hashlib
    import json

    manifest = corpus.manifest
    origin = [[file["sha256"] for file in manifest["files"]], manifest["tokenizer"], manifest["settings"]]
    return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()


def check_fit(config: AlbertConfig, settings: Settings, vocab_size: int) -> None:
    """Raise ValueError if model, settings and vocabulary do not fit together."""
    if settings.max_length > config.max_position_embeddings:
        raise ValueError(
            f"sequences are too long: max_length is {settings.max_length}, "
            f"but the model's max_position_embeddings is {config.max_position_embeddings}"
        )
    check_vocabulary(config, vocab_size)
