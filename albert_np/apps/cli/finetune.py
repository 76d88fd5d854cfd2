"""albert-np finetune, evaluate, predict, translate: train a model for a task, score it, and answer new texts."""

from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli import benchmarks
from albert_np.apps.cli.answers import print_answers
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
    print_table,
    use_backend,
)
from albert_np.apps.cli.scores import (
    describe_stopped,
    draw_confusion,
    print_contents,
    print_details,
    print_scores,
    select_details,
    summarize,
)
from albert_np.apps.cli.trained import (
    NeededModel,
    TaskOptions,
    load_trained,
    merge_with_stored_arguments,
    parse_task_options,
)
from albert_np.apps.cli.zero_shot import AnsweringTask, LabelsOption, MultiLabelOption, TemplateOption, as_task_options

TaskArgument = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="classification, question-answering, multiple-choice, ner, relations, srl, translation; a benchmark: glue:mrpc, "
        "glue:all, superglue:boolq, squad, race (docs/glue.md); or file.py:Class for a task of your own.",
    ),
]
DataOption = Annotated[
    str | None,
    option("--data", "The folder with a benchmark's files, or with the folders of several [the hub]", "Benchmarks", "DIR"),
]
VersionOption = Annotated[str | None, option("--version", "Of SQuAD", "Benchmarks", "1.1|2.0")]
START, TRAINING, SMALL, RUN = "Initial model", "Training", "A smaller model", "The run"


def finetune(
    task: TaskArgument,
    out: Annotated[Path, typer.Option("--out", help="A new folder for the model, its scores, metrics and figures.")],
    train: Annotated[str | None, typer.Option("--train", help="Examples to train on, in a format of the task.")] = None,
    dev: Annotated[str | None, typer.Option("--dev", help="Examples to choose the best epoch by.")] = None,
    data: DataOption = None,
    paper: Annotated[
        bool, option("--paper", "The ALBERT paper's steps, warm-up and learning rate, for any model.", "Benchmarks")
    ] = False,
    version: VersionOption = None,
    model: Annotated[
        str | None,
        option("--model", "A pretrained model: a folder, an archive, or a name [albert-np-mini-en, without --config]", START),
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
    steps: Annotated[int | None, option("--steps", "Updates, in place of epochs", TRAINING)] = None,
    lr: Annotated[
        float | None,
        option(
            "--lr",
            "Learning rate: it rises to about 0.9 of this, and falls to 0 [0.04 / hidden size; new: 0.16 / hidden size]",
            TRAINING,
        ),
    ] = None,
    tokens_per_batch: Annotated[
        int | None,
        option(
            "--tokens-per-batch",
            "Tokens per step [2048, fewer if there are few examples; multiple-choice: 4096 in place of 2048]",
            TRAINING,
        ),
    ] = None,
    batch_size: Annotated[int | None, option("--batch-size", "Examples per step, in place of tokens", TRAINING)] = None,
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

    Without --model and --config it starts from albert-np-mini-en, the English model in the package.

    Ctrl-C saves and ends the run (exit code 130); TASK, --resume and the same --out continue it: options
    that are not given again keep their values.

    Behind `mpiexec -n 4`, four processes share the work of each step; --resume continues with any number of processes
    (docs/parallel.md).

    Example: albert-np finetune classification --train train.tsv --dev dev.tsv --out runs/sst2

    A published model: albert-np finetune classification --model albert-base-v2 --train train.tsv --dev dev.tsv --out runs/sst2

    A benchmark: albert-np finetune glue:mrpc --data glue_data/MRPC --model albert-base-v2 --out runs/mrpc
    """
    from albert_np.engine.mpi import world
    from albert_np.tasks.finetune import finetune as run

    use_backend(backend)
    task = benchmarks.add_version(task, version)
    given: dict[str, Any] = dict(
        epochs=epochs, steps=steps, learning_rate=lr, tokens_per_batch=tokens_per_batch, batch_size=batch_size,
        accumulate=accumulate, layer_decay=layer_decay, freeze=tuple(freeze) if freeze else None, balance=balance or None,
        label_smoothing=label_smoothing, weight_decay=weight_decay, patience=patience, seed=seed, sparsity=sparsity,
        prune_by=prune_by, prune_scope=prune_scope, prune_end=prune_end, prune_embeddings=None if prune_embeddings else False,
        weights=weights, precision=precision, temperature=temperature, hard=hard, hidden=hidden,
        checkpoint_seconds=checkpoint_seconds, vocab_size=vocab_size, train=train, dev=dev, data=data, paper=paper or None,
        model=model, config=config, tokenizer=tokenizer, from_scratch=from_scratch or None, seeds=seeds, teacher=teacher,
        shard_optimizer=shard_optimizer, lower_case=lower_case, tensorboard=tensorboard,
        keep_accents=None if strip_accents is None else not strip_accents,
    )  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    changes = parse_config_fields(set_)
    if dropout is not None:
        changes |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    group = benchmarks.get_group(task)
    options = parse_task_options(group[0].name if group else task, task_options)
    if max_length is not None:
        options["max_length"] = max_length
    given |= {"options": options, "changes": changes}
    if group:
        return benchmarks.finetune_group(task, group, out, given, resume, as_json, quiet)
    if resume:
        given = merge_with_stored_arguments(task, out, given)
    if not given.keys() & {"train", "data", "paper"} and benchmarks.find_benchmark(task) is None:
        raise typer.BadParameter("Missing option '--train': the examples to train on.")
    report = make_report(quiet or as_json)
    done = run(task, out=out, report=report, resume=resume, **given)
    with ignore_closed_stdout():
        if as_json:
            others = benchmarks.score_others(task, done, given)
            print_json({**summarize(done, out), **({"other_dev": others} if others else {})})
        elif not quiet:
            print_scores(done, out)
            benchmarks.print_official_score(task, benchmarks.score_others(task, done, given))
    if world().is_main:
        draw_confusion(done, out)
    with ignore_closed_stdout():
        if done.scores and not (as_json or quiet):
            print_contents(done, out)
    if done.stopped_by:
        raise exit_after_signal(done.stopped_by, f"finetune {task}", out, describe_stopped(done, out))


def evaluate(
    task: AnsweringTask,
    model: NeededModel,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILES...", help="Examples with their labels; each file is scored separately.")
    ] = None,
    data: DataOption = None,
    version: VersionOption = None,
    labels: LabelsOption = None,
    template: TemplateOption = None,
    multi_label: MultiLabelOption = False,
    task_options: TaskOptions = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score a trained model on files of examples.

    Example: albert-np evaluate ner --model runs/entities test.conll

    A benchmark: albert-np evaluate glue:mrpc --model runs/mrpc --data glue_data/MRPC
    """
    from albert_np.data.formats.summary import get_summary
    from albert_np.training.finetune import numeric_scores
    from albert_np.training.metrics import format_score

    task = benchmarks.add_version(task, version)
    if group := benchmarks.get_group(task):
        benchmarks.refuse_in_group(task, files=files, options=task_options, labels=labels, template=template)
        return benchmarks.evaluate_group(task, group, Path(model), data, backend, as_json, quiet)
    if not files and benchmarks.find_benchmark(task) is None:
        raise typer.BadParameter("Missing argument 'FILES...'.")
    chosen = as_task_options(labels, template, multi_label)
    trained = load_trained(model, task, backend, [*chosen, *(task_options or [])])
    examples = benchmarks.read_to_score(task, trained, files, data, quiet or as_json)
    files = list(examples)
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
    benchmarks.print_official_score(task, scores)


def predict(
    task: AnsweringTask,
    model: NeededModel,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Texts; without any, one per line of standard input.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            help="Examples in a format of the task; for classification, question-answering, multiple-choice and translation also "
            "a .txt with a text per line.",
        ),
    ] = None,
    labels: LabelsOption = None,
    template: TemplateOption = None,
    multi_label: MultiLabelOption = False,
    data: DataOption = None,
    out: Annotated[
        str | None,
        option("--out", "The folder for a benchmark's submission [submission in that of the model]", "Benchmarks", "DIR"),
    ] = None,
    version: VersionOption = None,
    task_options: TaskOptions = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer new texts: classes, entities, roles, relations (<e1>...</e1> and <e2>...</e2> in the text), translations; or, with
    zero-shot, labels of your own.

    A tab separates the texts of a pair, a question from its passage, or a question and its choices. Blank lines are skipped,
    with a note.
    Line breaks and tabs within a text are printed as \\n and \\t; --json prints the text itself.

    Of a benchmark, without texts, the test set is answered, and the file for its leaderboard is written.

    Example: albert-np predict ner --model runs/entities "Ada Lovelace was born in London."

    Example: albert-np predict zero-shot --model runs/mnli --labels "sport,politics" "The match ended in a draw."

    A benchmark: albert-np predict glue:mrpc --model runs/mrpc --data glue_data/MRPC
    """
    if file is not None and texts:
        raise typer.BadParameter("give either texts or --file, not both")
    task = benchmarks.add_version(task, version)
    if group := benchmarks.get_group(task):
        benchmarks.refuse_in_group(task, texts=texts, file=file, options=task_options, labels=labels, template=template)
        return benchmarks.submit_group(group, Path(model), data, out, backend, as_json, quiet)
    chosen = as_task_options(labels, template, multi_label)
    trained = load_trained(model, task, backend, [*chosen, *(task_options or [])])
    if benchmarks.find_benchmark(task) is not None:
        return benchmarks.predict(task, trained, texts, file, data, Path(out or Path(model) / "submission"), as_json, quiet)
    benchmarks.refuse_data(task, data, out)
    print_answers(trained, texts, file, as_json, quiet)


def translate(
    model: NeededModel,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Sentences; without any, one per line of standard input.")
    ] = None,
    file: Annotated[str | None, typer.Option("--file", help="A file of sentences, one per line.")] = None,
    beams: Annotated[int | None, typer.Option("--beams", min=1, help="Width of the beam search; 1 is greedy.")] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Translate sentences with a model that `finetune translation` trained. Blank lines are skipped, with a note.

    Example: albert-np translate --model runs/en-de --beams 4 "A man rides a bicycle."
    """
    trained = load_trained(model, "translation", backend)
    if beams is not None:
        trained.task.options["num_beams"] = beams
    print_answers(trained, texts, file, as_json, quiet)
