"""albert-np pretrain: from text files to a vocabulary, a tokenised corpus and a trained model."""

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli.common import (
    AccentsOption,
    BackendOption,
    JsonOption,
    LowerCaseOption,
    PrecisionOption,
    QuietOption,
    SetOption,
    ShardOption,
    TensorboardOption,
    exit_after_signal,
    ignore_closed_stdout,
    make_report,
    option,
    parse_config_fields,
    print_json,
    use_backend,
)
from albert_np.apps.cli.pretrain_start import RunArguments, check_curves, read_tensorboard
from albert_np.data.formats.summary import count_noun
from albert_np.models.config import PRESETS, config_from

FEW = 30  # held-out examples, below which their scores say little
MODEL, DATA, TRAINING, RUN = "Model", "Data", "Training", "The run"


def pretrain(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILES...", help="Text files, UTF-8 (.gz and .xz too); a blank line ends a document."),
    ] = None,
    out: Annotated[Path, option("--out", "Required: the run's folder: model, metrics, figures, checkpoints.", RUN)] = Path(),
    config: Annotated[
        str | None, option("--config", "Sizes of a new model [tiny]", MODEL, "|".join(PRESETS) + "|FILE.json")
    ] = None,
    model: Annotated[
        str | None,
        option("--model", "Go on from the weights and the vocabulary of a folder, an archive, or a name on the hub.", MODEL),
    ] = None,
    set_: SetOption = None,
    dropout: Annotated[float | None, option("--dropout", "Hidden and attention dropout [0]", MODEL)] = None,
    recompute: Annotated[bool, option("--recompute", "Save memory: recompute the layers in the backward pass.", MODEL)] = False,
    tokenizer: Annotated[
        Path | None, option("--tokenizer", "A vocabulary [one is trained, of --vocab-size pieces]", DATA)
    ] = None,
    lower_case: LowerCaseOption = None,
    strip_accents: AccentsOption = None,
    lines: Annotated[
        str | None, option("--lines", "Meaning of a line of the text [paragraph]", DATA, "sentence|paragraph|wrapped")
    ] = None,
    document_separator: Annotated[str | None, option("--document-separator", "A line that ends a document.", DATA)] = None,
    held_out: Annotated[float | None, option("--held-out", "Share of the documents held out for evaluation [0.02]", DATA)] = None,
    corpus: Annotated[Path | None, option("--corpus", "Folder of the tokenised corpus [OUT/corpus]", DATA)] = None,
    max_length: Annotated[int | None, option("--max-length", "Tokens of the longest sequence [128]", DATA)] = None,
    style: Annotated[str | None, option("--style", "Construction of sentence pairs [paper]", DATA, "paper|google")] = None,
    objective: Annotated[
        str | None, option("--sentence-objective", "Objective of the sentence pairs [sop]", DATA, "sop|nsp|none")
    ] = None,
    max_ngram: Annotated[int | None, option("--max-ngram", "Longest n-gram that is masked [3]", DATA)] = None,
    masked_lm_prob: Annotated[float | None, option("--masked-lm-prob", "Share of tokens to predict [0.15]", DATA)] = None,
    batches: Annotated[
        str | None, option("--batches", "Batches of equal cost, or random ones [balanced]", DATA, "balanced|random")
    ] = None,
    tokens_per_batch: Annotated[int | None, option("--tokens-per-batch", "Tokens per step [4096]", TRAINING)] = None,
    accumulate: Annotated[int | None, option("--accumulate", "Micro-batches per step [1]", TRAINING)] = None,
    steps: Annotated[int | None, option("--steps", "Optimiser steps [2000]", TRAINING)] = None,
    epochs: Annotated[int | None, option("--epochs", "Passes over the text, instead of --steps.", TRAINING)] = None,
    optimizer: Annotated[str | None, option("--optimizer", "Optimiser [adamw]", TRAINING, "adamw|lamb")] = None,
    lr: Annotated[
        float | None,
        option(
            "--lr",
            "Learning rate: it rises to about 0.9 of this, and falls to 0; √k times it for batches k times as large [0.001]",
            TRAINING,
        ),
    ] = None,
    warmup: Annotated[int | None, option("--warmup", "Steps of warm-up [a tenth of all]", TRAINING)] = None,
    decay: Annotated[
        int | None,
        option("--decay", "Steps of decay to 0 at the end; until then the rate stays at its peak [from the first]", TRAINING),
    ] = None,
    schedule: Annotated[
        str | None,
        option(
            "--schedule",
            "With --model: new moments and learning rate, or those of the run, from where it ended [fresh]",
            TRAINING,
            "fresh|continued",
        ),
    ] = None,
    start: Annotated[
        str | None, option("--start", "Initial bias of the MLM decoder [unigram]", TRAINING, "unigram|uniform")
    ] = None,
    weight_decay: Annotated[float | None, option("--weight-decay", "Decay of the weights [0.01]", TRAINING)] = None,
    bias_correction: Annotated[
        bool, option("--bias-correction", "Correct the bias of the optimiser's moments, as torch does.", TRAINING)
    ] = False,
    beta1: Annotated[float | None, option("--beta1", "Decay of the optimiser's mean of the gradients [0.9]", TRAINING)] = None,
    beta2: Annotated[float | None, option("--beta2", "Decay of its mean of their squares [0.999]", TRAINING)] = None,
    eps: Annotated[float | None, option("--eps", "Added to the square root of the latter [1e-6]", TRAINING)] = None,
    clip_norm: Annotated[float | None, option("--clip-norm", "Largest norm of the gradient [1.0]", TRAINING)] = None,
    sparsity: Annotated[str | None, option("--sparsity", "Prune while training: 0.8, or a pattern such as 2:4", TRAINING)] = None,
    prune_by: Annotated[
        str | None, option("--prune-by", "What ranks the weights [magnitude]", TRAINING, "magnitude|movement")
    ] = None,
    prune_scope: Annotated[
        str | None,
        option("--prune-scope", "Prune each matrix equally, or rank all together [layer]", TRAINING, "layer|global"),
    ] = None,
    shard_optimizer: ShardOption = None,
    precision: PrecisionOption = None,
    resume: Annotated[bool, option("--resume", "Continue the run in --out, bit for bit.", RUN)] = False,
    log_every: Annotated[int | None, option("--log-every", "Steps between readings of the loss [10]", RUN)] = None,
    eval_every: Annotated[int | None, option("--eval-every", "Steps between evaluations [200]", RUN)] = None,
    checkpoint_every: Annotated[int | None, option("--checkpoint-every", "Steps between checkpoints [500]", RUN)] = None,
    keep: Annotated[int | None, option("--keep", "Number of checkpoints to keep besides the best [3]", RUN)] = None,
    tensorboard: TensorboardOption = None,
    backend: BackendOption = None,
    seed: Annotated[int | None, option("--seed", "Seed of everything random [0]", RUN)] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pretrain an ALBERT from raw text: masked language model and sentence order.

    Every field of the model's configuration is also an option: --hidden-size 256 --num-hidden-layers 6 --sharing none.

    With --model the run goes on from a pretrained model, on other text: its weights, its vocabulary and its config. The optimiser
    and the schedule are new or, with --schedule continued, those of the run that trained it: --steps then counts both runs.

    Ctrl-C saves and ends the run (exit code 130); --resume with the same --out continues it. A loss that becomes NaN, or a
    model that collapses, ends it with exit code 1 and keeps the last good checkpoint.

    Behind `mpiexec -n 4`, four processes share the work of each step; --resume continues with any number of processes
    (docs/parallel.md).

    Example: albert-np pretrain book.txt --out runs/first --config tiny --steps 2000
    """
    if out == Path():
        raise typer.BadParameter("Missing option '--out': the run's folder.")
    given: dict[str, Any] = dict(
        lines=lines, document_separator=document_separator, held_out=held_out, max_length=max_length, style=style,
        objective=objective, max_ngram=max_ngram, masked_lm_prob=masked_lm_prob, batches=batches,
        tokens_per_batch=tokens_per_batch, accumulate=accumulate, steps=steps, epochs=epochs,
        optimizer=optimizer, learning_rate=lr, warmup=warmup, decay=decay, schedule=schedule, start=start,
        weight_decay=weight_decay, beta1=beta1, beta2=beta2, eps=eps, clip_norm=clip_norm, log_every=log_every,
        eval_every=eval_every, checkpoint_every=checkpoint_every, keep=keep, seed=seed, sparsity=sparsity,
        prune_by=prune_by, prune_scope=prune_scope, precision=precision, bias_correction=bias_correction or None,
        shard_optimizer=shard_optimizer,
    )  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    if epochs is not None and steps is None:
        given["steps"] = None
    elif steps is not None and resume:
        given["epochs"] = None
    fields = parse_config_fields(set_)
    if dropout is not None:
        fields |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    if recompute:
        fields["recompute"] = True

    use_backend(backend)
    report = make_report(quiet or as_json)
    prepare = _prepare_resumed_run if resume else _prepare_new_run
    keep_accents = None if strip_accents is None else not strip_accents
    arguments = RunArguments(
        files or [], out, config, model, fields, given, tokenizer, corpus, lower_case, keep_accents, resume,
    )  # fmt: skip
    arguments.check_config()
    if tensorboard is not None and not resume:
        check_curves(tensorboard, seed or 0)
    made, data, settings, vocabulary = prepare(arguments, report)
    if resume and tensorboard is None:
        tensorboard = read_tensorboard(out)
    _train(made, data, out, settings, vocabulary, resume, report, as_json, quiet, model or "", tensorboard)


def _prepare_new_run(arguments: RunArguments, report: Any) -> tuple[Any, Any, Any, Any]:
    """Return model, data, settings and tokenizer of a new run. All arguments are checked before anything takes time."""
    from albert_np.apps.cli.pretrain_start import (
        describe_settings,
        describe_start,
        get_vocabulary,
        load_model,
        note_separator,
        read_config,
    )
    from albert_np.apps.cli.tokenizer import note_coverage
    from albert_np.data.documents import check_text_file
    from albert_np.engine.mpi import world
    from albert_np.models import AlbertForPreTraining
    from albert_np.text import Tokenizer
    from albert_np.text.train import load_library
    from albert_np.training import Settings, inherit_settings, prepare_data
    from albert_np.training.continuing import read_settings
    from albert_np.training.data import check_fit
    from albert_np.training.run_folder import RunFolder

    files, out, fields, given, source = (
        arguments.files, arguments.out, arguments.fields, arguments.settings, arguments.model,
    )  # fmt: skip
    if not files:
        raise typer.BadParameter("Missing argument 'FILES...': name the text files.")
    processes = world()
    changed: dict[str, Any] = {}
    if source is None:
        preset = arguments.config or "tiny"
        config = config_from(preset, fields)
        if arguments.config is None:
            report.note("neither --model nor --config is given: a new model with the sizes of tiny")
    else:
        with processes.main_process_first():  # a name on the hub is downloaded once
            config, changed = read_config(source, fields)
    stored = {} if source is None else read_settings(source)
    length = {} if "max_length" in stored else {"max_length": min(Settings().max_length, config.max_position_embeddings)}
    chosen = {**length, **given}
    settings = Settings(**chosen) if source is None else inherit_settings(source, **chosen)
    for file in files:
        check_text_file(file)
    check_fit(config, settings, 0)

    def make_tokenizer() -> Tokenizer:
        if arguments.model is None and arguments.tokenizer is None:
            load_library()  # raises before there is a folder
        with RunFolder(out):  # raises now if the folder cannot be used
            return get_vocabulary(arguments, config.vocab_size, report.note)

    vocabulary = processes.broadcast_object(make_tokenizer)
    if source is not None:
        with processes.main_process_first():
            model = load_model(source, config, settings, changed)
        report.note(describe_start(model, source, vocabulary, changed, settings))
        if inherited := describe_settings(source, stored, settings, given):
            report.note(inherited)
    elif arguments.tokenizer is not None and "vocab_size" not in fields and preset in PRESETS:
        config = config.replace(vocab_size=vocabulary.vocab_size)
    check_fit(config, settings, len(vocabulary))
    if processes.is_main:
        advice = "" if source or arguments.tokenizer else "keep them with --keep-accents"
        note_coverage(vocabulary, files, report.note, advice)
        if settings.document_separator is None:
            note_separator(files, report.note)
    with processes.main_process_first():  # the main process tokenises
        data = prepare_data(files, arguments.corpus or out / "corpus", config, settings, vocabulary, report)
    if source is None:
        model = AlbertForPreTraining(config, seed=settings.seed)
    _report_sizes(model, data, settings, report)
    return model, data, settings, vocabulary


def _prepare_resumed_run(arguments: RunArguments, report: Any) -> tuple[Any, Any, Any, Any]:
    """Return model, data, settings and tokenizer of the run in `out`, with the options given now.

    `albert_np.training.pretrain` refuses options that would make it another run.
    """
    from albert_np.apps.cli.pretrain_start import load_model
    from albert_np.data.corpus import Corpus
    from albert_np.engine.mpi import world
    from albert_np.io.files import DataError
    from albert_np.models import AlbertForPreTraining
    from albert_np.text import AlbertTokenizer
    from albert_np.text.coverage import check_normaliser
    from albert_np.training import Settings, get_run_data
    from albert_np.training.data import fingerprint, tokenise_files
    from albert_np.training.run_folder import RunFolder

    files, out, tokenizer = arguments.files, arguments.out, arguments.tokenizer

    def read_checkpoint() -> tuple[Any, dict[str, Any], Any]:
        with RunFolder(out, resume=True) as folder:
            saved = folder.newest_checkpoint(report)
            return saved.config(), saved.state, AlbertTokenizer.from_pretrained(saved.folder)

    config, state, vocabulary = world().broadcast_object(read_checkpoint)
    config = config.replace(**arguments.fields)
    arguments.check_resumed(config)
    settings = Settings.from_dict(state["settings"]).replace(**arguments.settings)
    check_normaliser(vocabulary, str(out), arguments.lower_case, arguments.keep_accents)
    if tokenizer is not None and AlbertTokenizer.from_pretrained(tokenizer).fingerprint() != vocabulary.fingerprint():
        raise ValueError(f"cannot resume {out}: {tokenizer} is not the tokenizer of this run")
    corpus_folder = arguments.corpus or Path(state.get("corpus_folder") or out / "corpus")
    corpus_folder = corpus_folder if corpus_folder.exists() else out / "corpus"
    with world().main_process_first():  # if it must be tokenised again, the main process does it
        try:
            text = Corpus.open(corpus_folder, vocabulary)
        except ValueError as error:
            if not files:
                raise ValueError(f"{error}; give the text files again") from None
            text = None
        if files and (text is None or fingerprint(text) != state["corpus"]):  # missing, or of other files
            text = tokenise_files(files, corpus_folder, settings, vocabulary, report)
    if files:
        _check_same_files(files, text, out)
    data = get_run_data(text, config, settings)
    if arguments.model is None:
        model = AlbertForPreTraining(config, seed=settings.seed)
    else:
        try:
            model = load_model(arguments.model, config, settings)
        except DataError as error:
            raise ValueError(f"cannot resume {out}: the run did not start from {arguments.model} ({error})") from None
    return model, data, settings, vocabulary


def _check_same_files(files: list[Path], corpus: Any, out: Path) -> None:
    from albert_np.io.files import sha256

    known = [entry["sha256"] for entry in corpus.manifest["files"]]
    if [sha256(file) for file in files] != known:
        raise ValueError(f"cannot resume {out}: these are not the text files of this run")


def _report_sizes(model: Any, data: Any, settings: Any, report: Any) -> None:
    from albert_np.core import backend
    from albert_np.engine.mpi import world
    from albert_np.training.memory import estimate

    facts, train = data.facts, data.train
    report.note(
        f"{count_noun(facts['documents'], 'document')}, {count_noun(facts['sentences'], 'sentence')}, "
        f"{count_noun(facts['tokens'], 'token')}; {count_noun(facts['examples'], 'example')}, "
        f"{facts['single_segment_share']:.1%} of them cut from a single segment; "
        f"{_describe_held_out(facts.get('held_out_examples', 0))}"
    )
    k = world().size
    memory = estimate(
        model.config, train.tokens_per_batch, train.max_length, settings.masked_lm_prob,
        processes=k, sharded=settings.shard_optimizer,
    )  # fmt: skip
    text = f"{model.params.count():,} parameters; about {sum(memory.values()) / 2**20:,.0f} MiB of memory while training"
    if k > 1:
        text += f" in each of {k} processes, {memory['moments'] / 2**20:,.0f} MiB of it the optimiser's moments"
    report.note(f"{text}; on {backend.current().device}")


def _describe_held_out(count: int) -> str:
    if count == 0:
        return "none held out, so nothing is evaluated"
    text = f"{count:,} held out for evaluation"
    return text + (": too few to tell models apart (--held-out, or more text)" if count < FEW else "")


def _train(
    model: Any, data: Any, out: Path, settings: Any, tokenizer: Any, resume: bool, report: Any, as_json: bool, quiet: bool,
    source: str, tensorboard: str | None,
) -> None:  # fmt: skip
    from albert_np.engine.mpi import world
    from albert_np.training import Diverged
    from albert_np.training import pretrain as train
    from albert_np.training.figures import draw_figures

    def draw() -> None:
        if world().is_main:
            draw_figures(out, data.unigram_entropy, model.config.vocab_size)

    try:
        summary = train(model, data, out, settings, tokenizer, resume, report, source=source, tensorboard=tensorboard)
    except Diverged as error:
        draw()
        last = sorted((out / "checkpoints").glob("step-*"))
        checkpoint = f"the last good checkpoint is {last[-1]}" if last else "there is no checkpoint from before it"
        raise Diverged(f"{error}; {checkpoint}") from None
    with ignore_closed_stdout():
        if as_json:
            print_json(dataclasses.asdict(summary))
        elif not quiet:
            print(_format_summary(summary))
            if not summary.stopped_by:
                print(f'try it: albert-np fill-mask --model {shlex.quote(str(out))} "A text with a [MASK] in it."')
    draw()
    if summary.stopped_by:
        raise exit_after_signal(summary.stopped_by, "pretrain", out)


def _format_summary(summary: Any) -> str:
    text = f"{summary.out}: {summary.step} of {count_noun(summary.total_steps, 'step')}, "
    text += f"{count_noun(summary.tokens, 'token')} in {summary.seconds:.0f} s"
    before = summary.held_out_before or {}
    if before and not summary.held_out:
        text += f"; held-out MLM loss {before['mlm_loss']:.3f} before, not evaluated since"
    if summary.held_out:
        scores = summary.held_out
        was = f"{before['mlm_loss']:.3f} before, " if before else ""
        text += f"; held-out MLM loss {scores['mlm_loss']:.3f} ({was}unigram entropy {summary.unigram_entropy:.3f})"
        if "sop_accuracy" in scores:
            text += f", SOP accuracy {scores['sop_accuracy']:.3f}"
            text += f" ({before['sop_accuracy']:.3f} before)" if "sop_accuracy" in before else ""
    return text
