"""albert-np finetune, evaluate, predict, translate: train a model for a task, score it, and answer new texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albert_np.apps.cli.answers import print_answers, read_examples
from albert_np.apps.cli.baselines import describe_no_better, find_better_baselines
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
    print_note,
    print_table,
    split_pairs,
    use_backend,
)
from albert_np.data.formats.summary import count_noun

if TYPE_CHECKING:
    from albert_np.tasks.finetune import Finetuned
    from albert_np.tasks.trained import Trained

TaskArgument = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="classification, question-answering, ner, relations, srl, translation, or file.py:Class for a task of your own.",
    ),
]
ModelOption = Annotated[str, typer.Option("--model", help="The folder of a model that `finetune` trained.")]
NeededModel = Annotated[str, typer.Option("--model", help="Required: the folder of a model that `finetune` trained.")]
TaskOptions = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the task: -o text=review -o kind=sets"),
]
START, TRAINING, SMALL, RUN = "Initial model", "Training", "A smaller model", "The run"


def finetune(
    task: TaskArgument,
    out: Annotated[Path, typer.Option("--out", help="A new folder for the model, its scores, metrics and figures.")],
    train: Annotated[str | None, typer.Option("--train", help="Examples to train on, in a format of the task.")] = None,
    dev: Annotated[str | None, typer.Option("--dev", help="Examples to choose the best epoch by.")] = None,
    model: Annotated[
        str | None, option("--model", "A pretrained model: a folder, an archive, or a name on the hub.", START)
    ] = None,
    config: Annotated[
        str | None, option("--config", "Instead of --model: the sizes of a new model.", START, "tiny|small|...|FILE.json")
    ] = None,
    from_scratch: Annotated[bool, option("--from-scratch", "Use only the config and the tokenizer of --model.", START)] = False,
    tokenizer: Annotated[
        Path | None, option("--tokenizer", "A tokenizer [the model's, or one trained on the examples]", START)
    ] = None,
    vocab_size: Annotated[
        int | None, option("--vocab-size", "Size of a vocabulary trained on the examples [8000]", START)
    ] = None,
    lower_case: LowerCaseOption = None,
    strip_accents: AccentsOption = None,
    set_: SetOption = None,
    dropout: Annotated[float | None, option("--dropout", "Hidden and attention dropout [the model's]", TRAINING)] = None,
    task_options: TaskOptions = None,
    max_length: Annotated[int | None, option("--max-length", "Tokens of the longest sequence [the task's]", TRAINING)] = None,
    epochs: Annotated[int | None, option("--epochs", "Passes over the examples [3]", TRAINING)] = None,
    lr: Annotated[
        float | None,
        option(
            "--lr",
            "Learning rate: it rises to about 0.9 of this, and falls to 0 [0.04 / hidden size; new: 0.16 / hidden size]",
            TRAINING,
        ),
    ] = None,
    tokens_per_batch: Annotated[int | None, option("--tokens-per-batch", "Tokens per step [2048]", TRAINING)] = None,
    accumulate: Annotated[int | None, option("--accumulate", "Micro-batches per step [1]", TRAINING)] = None,
    layer_decay: Annotated[
        float | None, option("--layer-decay", "Factor of the learning rate from each layer to the one below [1]", TRAINING)
    ] = None,
    freeze: Annotated[list[str] | None, option("--freeze", "Parts not to train: body, embeddings, ...", TRAINING)] = None,
    balance: Annotated[bool, option("--balance", "Spread each class evenly over the steps.", TRAINING)] = False,
    label_smoothing: Annotated[
        float | None, option("--label-smoothing", "Label smoothing, for translation [0.1]", TRAINING)
    ] = None,
    weight_decay: Annotated[float | None, option("--weight-decay", "Decay of the weights [0.01]", TRAINING)] = None,
    precision: PrecisionOption = None,
    patience: Annotated[int | None, option("--patience", "Stop after this many epochs without improvement.", TRAINING)] = None,
    sparsity: Annotated[str | None, option("--sparsity", "Prune while training: 0.8, or a pattern such as 2:4", SMALL)] = None,
    prune_by: Annotated[
        str | None, option("--prune-by", "What ranks the weights [magnitude]", SMALL, "magnitude|movement")
    ] = None,
    prune_scope: Annotated[
        str | None,
        option("--prune-scope", "Prune each matrix equally, or rank all together [layer]", SMALL, "layer|global"),
    ] = None,
    prune_end: Annotated[float | None, option("--prune-end", "Share of the steps after which pruning ends [0.7]", SMALL)] = None,
    prune_embeddings: Annotated[
        bool,
        option("--prune-embeddings/--keep-embeddings", "Whether to prune the word embeddings as well [yes]", SMALL),
    ] = True,
    weights: Annotated[str | None, option("--weights", "Train with rounded weights", SMALL, "int8|int4")] = None,
    teacher: Annotated[str | None, option("--teacher", "A trained model to distil from", SMALL)] = None,
    temperature: Annotated[float | None, option("--temperature", "Temperature of the teacher's answers [2]", SMALL)] = None,
    hard: Annotated[float | None, option("--hard", "Weight of the labels' loss; the teacher's has the rest [0.5]", SMALL)] = None,
    hidden: Annotated[float | None, option("--hidden", "Weight of the loss on the teacher's hidden states [0]", SMALL)] = None,
    shard_optimizer: ShardOption = None,
    seeds: Annotated[int | None, option("--seeds", "Number of runs; prints mean and deviation [1]", RUN)] = None,
    seed: Annotated[int | None, option("--seed", "Seed of everything random [0]", RUN)] = None,
    resume: Annotated[bool, option("--resume", "Continue the run in --out, bit for bit.", RUN)] = False,
    checkpoint_seconds: Annotated[float | None, option("--checkpoint-seconds", "Seconds between checkpoints [60]", RUN)] = None,
    tensorboard: TensorboardOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model for a task and keep its best epoch. Scores are printed beside those of a baseline.

    Ctrl-C saves and ends the run (exit code 130); TASK, --resume and the same --out continue it: options
    that are not given again keep their values.

    Behind `mpiexec -n 4`, four processes share the work of each step; --resume continues with any number of processes
    (docs/parallel.md).

    Example: albert-np finetune classification --model albert-base-v2 --train train.tsv --dev dev.tsv --out runs/sst2
    """
    from albert_np.engine.mpi import world
    from albert_np.tasks.finetune import finetune as run

    use_backend(backend)
    given: dict[str, Any] = dict(
        epochs=epochs, learning_rate=lr, tokens_per_batch=tokens_per_batch, accumulate=accumulate, layer_decay=layer_decay,
        freeze=tuple(freeze) if freeze else None, balance=balance or None, label_smoothing=label_smoothing,
        weight_decay=weight_decay, patience=patience, seed=seed, sparsity=sparsity, prune_by=prune_by, prune_scope=prune_scope,
        prune_end=prune_end, prune_embeddings=None if prune_embeddings else False, weights=weights, precision=precision,
        temperature=temperature, hard=hard, hidden=hidden, checkpoint_seconds=checkpoint_seconds, vocab_size=vocab_size,
        train=train, dev=dev, model=model, config=config, tokenizer=tokenizer, from_scratch=from_scratch or None, seeds=seeds,
        teacher=teacher, shard_optimizer=shard_optimizer, lower_case=lower_case, tensorboard=tensorboard,
        keep_accents=None if strip_accents is None else not strip_accents,
    )  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    changes = parse_config_fields(set_)
    if dropout is not None:
        changes |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    options = parse_task_options(task, task_options)
    if max_length is not None:
        options["max_length"] = max_length
    given |= {"options": options, "changes": changes}
    if resume:
        given = merge_with_stored_arguments(task, out, given)
    if given.get("train") is None:
        raise typer.BadParameter("Missing option '--train'.")
    report = make_report(quiet or as_json)
    done = run(task, out=out, report=report, resume=resume, **given)
    with ignore_closed_stdout():
        if as_json:
            print_json(summarize(done, out))
        elif not quiet:
            print_scores(done, out)
    if world().is_main:
        draw_confusion(done, out)
    with ignore_closed_stdout():
        if done.scores and not (as_json or quiet):
            print_contents(done, out)
    if done.stopped_by:
        raise exit_after_signal(done.stopped_by, f"finetune {task}", out, describe_stopped(done, out))


def evaluate(
    task: TaskArgument,
    files: Annotated[
        list[str], typer.Argument(metavar="FILES...", help="Examples with their labels; each file is scored separately.")
    ],
    model: ModelOption,
    task_options: TaskOptions = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score a trained model on files of examples.

    Example: albert-np evaluate ner --model runs/entities test.conll
    """
    from albert_np.data.formats.summary import get_summary
    from albert_np.training.finetune import numeric_scores
    from albert_np.training.metrics import format_score

    trained = load_trained(model, task, backend, task_options)
    examples = {file: read_examples(trained, file, quiet or as_json) for file in files}
    full = {file: trained.evaluate(examples[file]) for file in files}
    scores = {file: numeric_scores(each) for file, each in full.items()}
    details = {file: select_details(each) for file, each in full.items()}
    baselines = {file: trained.baselines(examples[file]) for file in files}
    if as_json:
        summaries = [get_summary(file, examples[file], "files").to_json() for file in files]
        result = {"task": trained.task.name, "model": model, "scores": scores, "baselines": baselines, "details": details}
        print_json({**result, "files": summaries})
        return
    for file in files:
        names = list(scores[file])
        columns = [scores[file], *baselines[file].values()]
        rows = [[name, *(format_score(column[name]) for column in columns)] for name in names]
        print_table([file, "scored", *baselines[file]], rows)
        print_details(details[file])


def predict(
    task: TaskArgument,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Texts; without any, one per line of standard input.")
    ] = None,
    model: NeededModel = "",
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            help="Examples in a format of the task; for classification, question-answering and translation also a .txt with a "
            "text per line.",
        ),
    ] = None,
    task_options: TaskOptions = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer new texts: classes, entities, roles, relations (<e1>...</e1> and <e2>...</e2> in the text), translations.

    A tab separates the texts of a pair, or a question from its passage. Blank lines are skipped, with a note.
    Line breaks and tabs within a text are printed as \\n and \\t; --json prints the text itself.

    Example: albert-np predict ner --model runs/entities "Ada Lovelace was born in London."
    """
    if not model:
        raise typer.BadParameter("Missing option '--model'.")
    if file is not None and texts:
        raise typer.BadParameter("give either texts or --file, not both")
    trained = load_trained(model, task, backend, task_options)
    print_answers(trained, texts, file, as_json, quiet)


def translate(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Sentences; without any, one per line of standard input.")
    ] = None,
    model: NeededModel = "",
    file: Annotated[str | None, typer.Option("--file", help="A file of sentences, one per line.")] = None,
    beams: Annotated[int | None, typer.Option("--beams", min=1, help="Width of the beam search; 1 is greedy.")] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Translate sentences with a model that `finetune translation` trained. Blank lines are skipped, with a note.

    Example: albert-np translate --model runs/en-de --beams 4 "A man rides a bicycle."
    """
    if not model:
        raise typer.BadParameter("Missing option '--model'.")
    trained = load_trained(model, "translation", backend)
    if beams is not None:
        trained.task.options["num_beams"] = beams
    print_answers(trained, texts, file, as_json, quiet)


# ---- shared by the commands ----


def merge_with_stored_arguments(task: str, out: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the stored run in `out`, replaced by those given now. ValueError if it is for another task."""
    from albert_np.engine.mpi import world
    from albert_np.tasks import get_task
    from albert_np.tasks.finetune_folder import check_task, read_run

    run = world().broadcast_object(lambda: read_run(out))
    check_task(run, get_task(task).name, out)
    stored = run["arguments"]
    for name, other in (("model", "config"), ("config", "model")):
        if given.get(name) is not None and stored.get(other) is not None:
            raise ValueError(f"cannot resume {out}: it was started with {other} {stored[other]}: leave out {name} {given[name]}")
    merged = {key: {**(stored.get(key) or {}), **given[key]} for key in ("options", "changes")}
    return {**stored, **given, **merged}


def parse_task_options(task: str, pairs: list[str] | None) -> dict[str, Any]:
    """["text=1", "several=true"] -> {"text": "1", "several": True}: each value is read by the option's type."""
    from albert_np.tasks import get_task

    texts = split_pairs("--option", pairs)
    if not texts:
        return {}
    owner = get_task(task)
    return {key: owner.parse_option(key, text) for key, text in texts.items()}


def load_trained(model: str, task: str, backend: str | None, options: list[str] | None = None) -> "Trained":
    """Load a fine-tuned model, with other options of its task if any are given. ValueError if it is for another task."""
    from albert_np.tasks.trained import Trained

    use_backend(backend)
    trained = Trained.from_pretrained(model, task)
    trained.task.note = print_note
    trained.task.change_options(parse_task_options(task, options))
    return trained


def summarize(done: "Finetuned", out: Path) -> dict[str, Any]:
    """Return the scores of all seeds, as printed by --json."""
    return {
        "out": str(out), "task": done.trained.task.name, "metric": done.trained.task.metric, "epoch": done.history.best,
        "mean": done.mean, "deviation": done.deviation, "seeds": done.scores, "baselines": done.baselines,
        "chosen_by": done.history.chosen_by, "details": select_details(done.history.scores),
        "no_better_than": find_better_baselines(done), "stopped_by": done.stopped_by, "files": done.files,
    }  # fmt: skip


def print_scores(done: "Finetuned", out: Path) -> None:
    """Print the scores of the best epoch, over the seeds, beside those of the baselines."""
    from albert_np.training.metrics import format_score

    if not done.scores:
        print(f"{out}: {describe_missing_scores(done)}")
        return
    several = len(done.scores) > 1
    columns: dict[str, Any] = {f"epoch {done.history.best}": done.scores[0]}
    if several:
        columns = {f"mean of {len(done.scores)}": done.mean, "deviation": done.deviation}
    columns |= done.baselines
    rows = [[name, *(format_score(column[name]) for column in columns.values())] for name in done.mean]
    print_table(["", *columns], rows)
    print_details(select_details(done.history.scores))
    if better := find_better_baselines(done):
        print("\n" + describe_no_better(done, better))


def print_contents(done: "Finetuned", out: Path) -> None:
    """Print the contents of the run's folder."""
    model = "the model of the best seed" if len(done.scores) > 1 else "the model"
    has_figures = any((out / "figures").glob("*.png"))
    print(f"\n{out} holds {model}{', its metrics and figures' if has_figures else ' and its metrics'}.")


def describe_missing_scores(done: "Finetuned") -> str:
    """Return why a run has no scores."""
    if not done.held:
        epochs = done.trained.about.get("epochs")
        trained = "trained" if epochs is None else f"stopped after {count_noun(epochs, 'full epoch')}"
        return f"{trained}; without --dev there is no score"
    if done.history.stopped_by:
        return "stopped before the end of its first epoch, so there is no score yet"
    return "there is no score: no epoch was scored in the model's final form"


def describe_stopped(done: "Finetuned", out: Path) -> str:
    """Return a description of the model of a run that was stopped."""
    if done.history.best:
        return f"{out} holds the best epoch so far, {done.history.best}"
    return f"{out} holds the model as it was after {count_noun(len(done.history.steps), 'step')}"


def select_details(scores: dict[str, Any]) -> dict[str, str]:
    """Return the scores that are text, such as the signature of BLEU."""
    return {name: value for name, value in scores.items() if isinstance(value, str)}


def print_details(details: dict[str, str]) -> None:
    for name, value in details.items():
        print(f"{name}: {value}")


def draw_confusion(done: "Finetuned", out: Path) -> None:
    """Draw the confusion matrix of the best epoch, if each example has one class."""
    from albert_np.io.files import write_figures

    answers, count = done.history.answers, getattr(done.trained.task, "confusion", None)

    def draw() -> dict[str, Any]:
        from albert_np.plots import confusion_figure

        matrix = count(answers, done.held) if answers and count is not None else None
        return {} if matrix is None else {"confusion": confusion_figure(*matrix)}

    write_figures(out / "figures", draw)
