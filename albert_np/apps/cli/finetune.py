"""albert-np finetune, evaluate, predict, translate: a task from its files to a trained model, its score, its answers."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albert_np.apps.cli.common import (
    BackendOption,
    JsonOption,
    PrecisionOption,
    QuietOption,
    SetOption,
    ShardOption,
    give,
    if_anybody_reads,
    settings_of,
    stopped,
    table,
    use_backend,
)

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
OptionOption = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the task: -o text=review -o kind=sets"),
]
START, TRAINING, SMALL, RUN = "Where to start", "Training", "A smaller model", "The run"


def _option(name: str, help: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(name, help=help, rich_help_panel=panel, metavar=metavar, show_default=False)


def finetune(
    task: TaskArgument,
    out: Annotated[Path, typer.Option("--out", help="A new folder for the model, its scores, metrics and figures.")],
    train: Annotated[str | None, typer.Option("--train", help="The examples to learn from, in a format of the task.")] = None,
    dev: Annotated[str | None, typer.Option("--dev", help="Examples by which the best epoch is chosen.")] = None,
    model: Annotated[
        str | None, _option("--model", "A pretrained model: a folder, an archive, or a name on the hub.", START)
    ] = None,
    config: Annotated[
        str | None, _option("--config", "Instead of --model: the sizes of a fresh one.", START, "tiny|small|...|FILE.json")
    ] = None,
    from_scratch: Annotated[bool, _option("--from-scratch", "Of --model take only the config and the tokenizer.", START)] = False,
    tokenizer: Annotated[
        Path | None, _option("--tokenizer", "Default: the model's, or one trained on the examples.", START)
    ] = None,
    vocab_size: Annotated[
        int | None, _option("--vocab-size", "Size of a vocabulary trained on the examples [8000]", START)
    ] = None,
    set_: SetOption = None,
    dropout: Annotated[float | None, _option("--dropout", "Hidden and attention dropout [the model's]", TRAINING)] = None,
    option: OptionOption = None,
    max_length: Annotated[int | None, _option("--max-length", "Tokens of the longest row [the task's]", TRAINING)] = None,
    epochs: Annotated[int | None, _option("--epochs", "Passes over the examples [3]", TRAINING)] = None,
    lr: Annotated[
        float | None, _option("--lr", "Peak learning rate [0.04 / hidden size; from scratch 0.16 / hidden size]", TRAINING)
    ] = None,
    tokens_per_batch: Annotated[int | None, _option("--tokens-per-batch", "Tokens per step [2048]", TRAINING)] = None,
    accumulate: Annotated[int | None, _option("--accumulate", "Compute a step in this many parts [1]", TRAINING)] = None,
    layer_decay: Annotated[
        float | None, _option("--layer-decay", "Factor of the learning rate from each layer to the one below [1]", TRAINING)
    ] = None,
    freeze: Annotated[
        list[str] | None, _option("--freeze", "Parts that are not trained: body, embeddings, ...", TRAINING)
    ] = None,
    balance: Annotated[bool, _option("--balance", "Spread each class evenly over the steps.", TRAINING)] = False,
    label_smoothing: Annotated[
        float | None, _option("--label-smoothing", "Label smoothing, for translation [0.1]", TRAINING)
    ] = None,
    weight_decay: Annotated[float | None, _option("--weight-decay", "Decay of the weights [0.01]", TRAINING)] = None,
    precision: PrecisionOption = None,
    patience: Annotated[int | None, _option("--patience", "Stop after this many epochs without improvement.", TRAINING)] = None,
    sparsity: Annotated[str | None, _option("--sparsity", "Prune while training: 0.8, or a pattern such as 2:4", SMALL)] = None,
    prune_by: Annotated[
        str | None, _option("--prune-by", "What ranks the weights [magnitude]", SMALL, "magnitude|movement")
    ] = None,
    prune_scope: Annotated[
        str | None, _option("--prune-scope", "Prune each matrix equally, or all together [layer]", SMALL, "layer|global")
    ] = None,
    prune_end: Annotated[
        float | None, _option("--prune-end", "Share of the steps after which pruning is finished [0.7]", SMALL)
    ] = None,
    prune_embeddings: Annotated[
        bool,
        typer.Option(
            "--prune-embeddings/--keep-embeddings", help="Prune the word table, too, or not [too]", rich_help_panel=SMALL
        ),
    ] = True,
    weights: Annotated[str | None, _option("--weights", "Train with rounded weights", SMALL, "int8|int4")] = None,
    teacher: Annotated[str | None, _option("--teacher", "A larger trained model to learn from as well", SMALL)] = None,
    temperature: Annotated[float | None, _option("--temperature", "Temperature of the teacher's answers [2]", SMALL)] = None,
    hard: Annotated[
        float | None, _option("--hard", "The labels' share of the loss; the rest is the teacher's [0.5]", SMALL)
    ] = None,
    hidden: Annotated[float | None, _option("--hidden", "Weight of the teacher's hidden states [0]", SMALL)] = None,
    shard_optimizer: ShardOption = None,
    seeds: Annotated[int | None, _option("--seeds", "Number of runs; mean and deviation are printed [1]", RUN)] = None,
    seed: Annotated[int | None, _option("--seed", "Seed of everything random [0]", RUN)] = None,
    resume: Annotated[bool, _option("--resume", "Continue the run in --out, bit for bit.", RUN)] = False,
    checkpoint_seconds: Annotated[float | None, _option("--checkpoint-seconds", "Seconds between checkpoints [60]", RUN)] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model for a task and keep its best epoch. Scores stand beside those of a baseline.

    Ctrl-C saves and ends the run (exit code 130); TASK, --resume and the same --out continue it: what is not given again is
    taken as it was begun.

    With `mpiexec -n 4` before it, four processes share the work of each step; --resume goes on with any other number of them
    (docs/parallel.md).

    Example: albert-np finetune classification --model albert-base-v2 --train train.tsv --dev dev.tsv --out runs/sst2
    """
    from albert_np.engine.mpi import world
    from albert_np.tasks.finetune import finetune as run
    from albert_np.training import Report
    from albert_np.training.progress import FinetuneProgress

    use_backend(backend)
    given: dict[str, Any] = dict(
        epochs=epochs, learning_rate=lr, tokens_per_batch=tokens_per_batch, accumulate=accumulate, layer_decay=layer_decay,
        freeze=tuple(freeze) if freeze else None, balance=balance or None, label_smoothing=label_smoothing,
        weight_decay=weight_decay, patience=patience, seed=seed, sparsity=sparsity, prune_by=prune_by, prune_scope=prune_scope,
        prune_end=prune_end, prune_embeddings=None if prune_embeddings else False, weights=weights, precision=precision,
        temperature=temperature, hard=hard, hidden=hidden, checkpoint_seconds=checkpoint_seconds, vocab_size=vocab_size,
        train=train, dev=dev, model=model, config=config, tokenizer=tokenizer, from_scratch=from_scratch or None, seeds=seeds,
        teacher=teacher, shard_optimizer=shard_optimizer,
    )  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    changes = settings_of(set_)
    if dropout is not None:
        changes |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    options = options_of(option)
    if max_length is not None:
        options["max_length"] = max_length
    given = as_begun(out, given, options, changes) if resume else {**given, "options": options, "changes": changes}
    if given.get("train") is None:
        raise typer.BadParameter("Missing option '--train'.")
    report = Report() if quiet or as_json else FinetuneProgress()
    done = run(task, out=out, report=report, resume=resume, **given)
    if world().is_main:
        confusion(done, out)
    with if_anybody_reads():
        if as_json:
            give(summary(done, out))
        elif not quiet:
            show_scores(done, out)
    if done.stopped_by:
        raise stopped(done.stopped_by, f"finetune {task}", out, f"{out} holds the best epoch so far")


def evaluate(
    task: TaskArgument,
    files: Annotated[
        list[str], typer.Argument(metavar="FILES...", help="Examples with their labels, each file scored by itself.")
    ],
    model: ModelOption,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score a trained model on files of examples.

    Example: albert-np evaluate ner --model runs/entities test.conll
    """
    from albert_np.training.finetune import numeric_scores

    trained = opened(model, task, backend)
    scores = {file: numeric_scores(trained.evaluate(file)) for file in files}
    baselines = {file: trained.baselines(file) for file in files}
    if as_json:
        give({"task": trained.task.name, "model": model, "scores": scores, "baselines": baselines})
        return
    for file in files:
        names = list(scores[file])
        rows = [[name, number(scores[file][name]), *(number(b[name]) for b in baselines[file].values())] for name in names]
        table("", [file, "scored", *baselines[file]], rows)


def predict(
    task: TaskArgument,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Texts; without any, one per line from standard input.")
    ] = None,
    model: NeededModel = "",
    file: Annotated[str | None, typer.Option("--file", help="Examples in a format of the task, instead of texts.")] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer new texts: classes, entities, roles, relations (<e1>...</e1> and <e2>...</e2> in the text), translations.

    Example: albert-np predict ner --model runs/entities "Ada Lovelace was born in London."
    """
    if not model:
        raise typer.BadParameter("Missing option '--model'.")
    if file is not None and texts:
        raise typer.BadParameter("texts and --file exclude each other")
    trained = opened(model, task, backend)
    show_answers(trained, texts, file, as_json)


def translate(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Sentences; without any, one per line from standard input.")
    ] = None,
    model: NeededModel = "",
    file: Annotated[str | None, typer.Option("--file", help="A file of sentences, one per line.")] = None,
    beams: Annotated[int | None, typer.Option("--beams", min=1, help="Width of the beam search; 1 is greedy.")] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Translate sentences with a model that `finetune translation` trained.

    Example: albert-np translate --model runs/en-de --beams 4 "A man rides a bicycle."
    """
    if not model:
        raise typer.BadParameter("Missing option '--model'.")
    trained = opened(model, "translation", backend)
    if beams is not None:
        trained.task.options["num_beams"] = beams
    show_answers(trained, texts, file, as_json)


# ---- what they share ----


def as_begun(out: Path, given: dict[str, Any], options: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The arguments that the run in `out` was begun with, and over them those given now."""
    from albert_np.engine.mpi import world
    from albert_np.tasks.finetune_folder import read_run

    begun = world().broadcast_object(lambda: read_run(out)["arguments"])
    options, changes = {**(begun.get("options") or {}), **options}, {**(begun.get("changes") or {}), **changes}
    return {**begun, **given, "options": options, "changes": changes}


def opened(model: str, task: str, backend: str | None) -> "Trained":
    from albert_np.tasks.trained import Trained

    use_backend(backend)
    return Trained.from_pretrained(model, task)


def show_answers(trained: "Trained", texts: list[str] | None, file: str | None, as_json: bool) -> None:
    """Answer the texts, the file, or the lines of standard input: a JSON object a line, or for people."""
    task = trained.task
    if file is not None:
        examples = task.read(file)
    else:
        lines = texts if texts else [line.rstrip("\r\n") for line in sys.stdin]
        examples = [task.example(line) for line in lines]
    answers = task.answers(trained.model, trained.tokenizer, examples)
    for example, answer in zip(examples, answers):
        if as_json:
            give(task.as_json(example, answer))
        else:
            show(task.show(example, answer))


def show(text: str) -> None:
    """Print rich's markup: in colour on a terminal, elsewhere as plain text, tabs and all."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal:
        console.print(text)
    else:
        print(Text.from_markup(text).plain)


def options_of(pairs: list[str] | None) -> dict[str, Any]:
    """["kind=sets", "word=1"] -> {"kind": "sets", "word": 1}; values are JSON or plain text."""
    import json

    found = {}
    for pair in pairs or []:
        key, equals, text = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"--option takes KEY=VALUE, not {pair!r}")
        try:
            found[key.strip().replace("-", "_")] = json.loads(text)
        except json.JSONDecodeError:
            found[key.strip().replace("-", "_")] = text
    return found


def number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def summary(done: "Finetuned", out: Path) -> dict[str, Any]:
    return {
        "out": str(out), "task": done.trained.task.name, "metric": done.trained.task.metric, "epoch": done.history.best,
        "mean": done.mean, "deviation": done.deviation, "seeds": done.scores, "baselines": done.baselines,
        "stopped_by": done.stopped_by,
    }  # fmt: skip


def show_scores(done: "Finetuned", out: Path) -> None:
    """The scores of the kept epoch, over the seeds, beside the baselines'."""
    if not done.scores:
        print(f"{out}: trained; without --dev there is no score")
        return
    many = len(done.scores) > 1
    columns = ["", f"mean of {len(done.scores)}" if many else f"epoch {done.history.best}", *(["deviation"] if many else [])]
    rows = []
    for name, mean in done.mean.items():
        own = [number(mean) if many else number(done.scores[0][name]), *([number(done.deviation[name])] if many else [])]
        rows.append([name, *own, *(number(scores[name]) for scores in done.baselines.values())])
    table("", [*columns, *done.baselines], rows)
    print(f"\n{out} holds the model{' of the best seed' if many else ''}, its metrics and figures.")


def confusion(done: "Finetuned", out: Path) -> None:
    """The confusion matrix of the kept epoch, where an example has one class."""
    from albert_np import plots

    task, answers = done.trained.task, done.history.answers
    table = getattr(task, "confusion", None)
    if answers and table is not None and (found := table(answers, done.held)) is not None:
        plots.draw_confusion(out / "figures" / "confusion.png", *found)
