"""From files of examples to a trained model in a folder: `finetune`."""

import dataclasses
import os
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.compress import KINDS, Packing, Pruning, QuantisationAware, Sparsity, kind_of, sparsity, was_pruned
from albert_np.config import PRESETS, AlbertConfig
from albert_np.files import write_json
from albert_np.model.distillation import Lesson, graduate, student
from albert_np.optim.constraint import Constraint
from albert_np.parallel import Processes, world
from albert_np.tasks import Task, task_of
from albert_np.tasks.trained import Trained, baseline_scores
from albert_np.training.finetune import History, plain, train_epochs
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.report import Report
from albert_np.training.stop import stop_on_signals

NOT_TEXT = ("id", "label", "title")  # fields of examples that are no text of the task
VOCABULARY = 8000  # pieces of a vocabulary that is trained on the examples themselves


@dataclass
class Finetuned:
    """What came of all seeds.

    trained, history    of the best one by task.metric (without development examples, of the first)
    scores              of each seed those of its best epoch · baselines: {name: scores}
    held                the examples that were scored · stopped_by: a signal's name, or ""
    """

    trained: Trained
    history: History
    baselines: dict[str, dict[str, Any]]
    held: list[Any]
    scores: list[dict[str, Any]] = field(default_factory=list)
    stopped_by: str = ""

    def add(self, trained: Trained, history: History) -> None:
        """One more seed."""
        metric, scores = trained.task.metric, plain(history.scores)
        best = max((each[metric] for each in self.scores), default=None)
        if self.trained.model is None or (scores and (best is None or scores[metric] > best)):
            self.trained, self.history = trained, history
        if scores:
            self.scores.append(scores)
        self.stopped_by = history.stopped_by

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each score over the seeds."""
        return {name: statistics.fmean(each[name] for each in self.scores) for name in (self.scores[0] if self.scores else ())}

    @property
    def deviation(self) -> dict[str, float]:
        """The standard deviation of each score over the seeds, 0 of one."""
        some = len(self.scores) > 1
        return {name: statistics.stdev(each[name] for each in self.scores) if some else 0.0 for name in self.mean}


def finetune(
    task: str | Task,
    train: Any,
    dev: Any = None,
    model: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    config: AlbertConfig | str | None = None,
    tokenizer: Any = None,
    from_scratch: bool = False,
    seeds: int = 1,
    options: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
    vocab_size: int = VOCABULARY,
    teacher: str | os.PathLike[str] | None = None,
    report: Report | None = None,
    processes: Processes | None = None,
    **settings: Any,
) -> Finetuned:
    """Train a model for a task, and keep its best epoch.

    task            "classification", "question-answering", "ner", "relations", "srl", "translation", a `Task`, or one of your own
                    as "file.py:Class"; options: its options
    train, dev      files in one of the task's formats (or lists of its examples). Without dev the last epoch is kept.
    model           a checkpoint to start from: a folder, a file, a name on the hub; from_scratch: only its config and tokenizer
    config          instead of a model: a preset's name, a file or an AlbertConfig; changes: fields of it, such as dropout
    tokenizer       a folder or a tokenizer; None: the model's, or one that is trained on the examples (vocab_size pieces)
    teacher         the folder of a larger model trained for the task, which the model learns from besides (model/distillation.py)
    out             a folder, new or empty; None: nothing is written
    seeds           so many runs, with the seeds from settings' `seed` on, each in out/seed-N; the best of them in `out`
    processes       those that train together: None, all that mpiexec has started. All call this alike; the first one writes
    settings        fields of `FinetuneSettings`: epochs=3, learning_rate=1e-4, ...

    Raises ValueError that names what came and what was expected; FileNotFoundError, FileExistsError.
    """
    processes = world() if processes is None else processes
    with processes.guard():
        return _finetune(
            task, train, dev, model, out, config, tokenizer, from_scratch, seeds, options, changes, vocab_size, teacher,
            (report if processes.first else None) or Report(), processes, settings,
        )  # fmt: skip


def _finetune(
    task: str | Task, train: Any, dev: Any, model: Any, out: Any, config: Any, tokenizer: Any, from_scratch: bool, seeds: int,
    options: dict[str, Any] | None, changes: dict[str, Any] | None, vocab_size: int, teacher: Any, report: Report,
    processes: Processes, settings: dict[str, Any],
) -> Finetuned:  # fmt: skip
    task = task_of(task, **(options or {}))
    chosen = FinetuneSettings.from_dict({**task.trains, **settings})
    Sparsity.of(chosen)
    if chosen.weights != "float32":
        kind_of(chosen.weights)
    folder = None if out is None else processes.from_first(lambda: new_folder(out))
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, not {seeds}")
    examples, held = (task.read(x) if isinstance(x, str | os.PathLike) else list(x or ()) for x in (train, dev))
    task.learn(examples)
    if model is None and tokenizer is None and config is not None:
        report.note(f"training a vocabulary of at most {vocab_size} pieces on the examples")
        tokenizer = processes.from_first(lambda: vocabulary(task, examples, vocab_size))
    with processes.first_ahead():  # a name on the hub is fetched once
        start = Start.of(task, model, config, tokenizer, from_scratch, changes or {})
    if "max_length" in task.options:
        fit_length(task, start, options or {})
    master = None if teacher is None else Trained.from_pretrained(teacher, task)
    check_teacher(master, task, start)
    baselines = processes.from_first(lambda: baseline_scores(task, examples, held, start.model, start.tokenizer) if held else {})
    done = Finetuned(Trained(task, None, start.tokenizer), History(), baselines, held)
    with stop_on_signals() as asked:
        stop = processes.agreed(asked)
        for seed in range(chosen.seed, chosen.seed + seeds):
            if seeds > 1:
                report.note(f"seed {seed}")
            own = dataclasses.replace(chosen, seed=seed)
            with processes.first_ahead():
                network = start.model(seed)
            if master is not None:
                student(network, Lesson(master.model, own.temperature, own.hard, own.hidden), seed)
            forms = constraints(own, network, report)
            history = train_epochs(
                task, network, start.tokenizer, examples, held, own, start.fresh, report, stop, forms, processes
            )
            graduate(network)
            about = dict(settings=own.to_dict(), start=start.source, epoch=history.best, scores=plain(history.scores))
            trained = Trained(task, network, start.tokenizer, {**about, "baselines": baselines}, packing_of(own, forms))
            done.add(trained, history)
            if folder is not None and processes.first:
                write_run(folder / f"seed-{seed}" if seeds > 1 else folder, trained, history, baselines)
            if stop.signal:
                break
    report.close()
    if folder is not None and seeds > 1 and processes.first:
        write_run(folder, done.trained, done.history, baselines)
        summary = dict(metric=task.metric, mean=done.mean, deviation=done.deviation, seeds=done.scores, baselines=baselines)
        write_json(folder / "scores.json", summary)
    return done


def check_teacher(master: Trained | None, task: Task, start: "Start") -> None:
    """ValueError if the teacher has other labels, or reads other pieces."""
    if master is None:
        return
    theirs, mine = ({key: value for key, value in t.config().items() if key == "id2label"} for t in (master.task, task))
    if theirs != mine:
        raise ValueError(f"the teacher was trained for other labels: {theirs.get('id2label')}, not {mine.get('id2label')}")
    if master.tokenizer.get_vocab() != start.tokenizer.get_vocab():
        raise ValueError("the teacher reads another vocabulary: give its tokenizer by --tokenizer")


def constraints(settings: FinetuneSettings, model: Any, report: Report) -> list[Constraint]:
    """What the settings hold the parameters to. A model that was pruned keeps its zeros."""
    found: list[Constraint] = []
    how = Sparsity.of(settings)
    if how.amount or was_pruned(model.params, integers=model.config.extra.get("compressed") in KINDS):
        if not how.amount:
            report.note(f"the model is pruned ({sparsity(model.params):.0%} zeros): its zeros stay")
        found.append(Pruning(how))
    if settings.weights != "float32":
        found.append(QuantisationAware(kind_of(settings.weights)))
    return found


def packing_of(settings: FinetuneSettings, forms: list[Constraint]) -> Packing | None:
    """How a model that was trained in these forms is stored; None: as an ordinary one."""
    rounded = next((form.found for form in forms if isinstance(form, QuantisationAware)), {})
    return Packing(settings.weights, rounded) if forms else None


@dataclass
class Start:
    """Where the runs start: a checkpoint or a config, and the tokenizer. fresh: nothing was pretrained."""

    task: Task
    path: Any
    config: AlbertConfig | None
    tokenizer: Any
    changes: dict[str, Any]

    @classmethod
    def of(cls, task: Task, model: Any, config: Any, tokenizer: Any, from_scratch: bool, changes: dict[str, Any]) -> "Start":
        from albert_np.text import AlbertTokenizer

        if (model is None) == (config is None):
            raise ValueError(
                "say where to start by one of model and config (a preset's name, for a model that is not pretrained)"
            )
        if isinstance(tokenizer, str | os.PathLike) or (tokenizer is None and model is not None):
            tokenizer = AlbertTokenizer.from_pretrained(tokenizer or model)
        if isinstance(config, str):
            known = config in PRESETS or not Path(config).exists()
            config = AlbertConfig.preset(config) if known else AlbertConfig.from_pretrained(config, strict=True)
            config = config.replace(vocab_size=len(tokenizer))
        changes = {**task.config(), **changes}
        if from_scratch and model is not None:
            config = AlbertConfig.from_pretrained(model)
        if config is not None:
            config = without_head(config).replace(**changes)
            if len(tokenizer) > config.vocab_size:
                raise ValueError(f"the tokenizer has {len(tokenizer)} pieces, the model's vocab_size is {config.vocab_size}")
        return cls(task, None if config is not None else model, config, tokenizer, changes)

    @property
    def fresh(self) -> bool:
        return self.config is not None

    @property
    def source(self) -> str | None:
        """Where the parameters came from; None: from nowhere."""
        return None if self.path is None else str(self.path)

    def model(self, seed: int) -> Any:
        """A model to train: the same but for what is fresh in it, which the seed decides."""
        import warnings

        if self.config is not None:
            return self.task.model(self.config, seed=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*left out")  # heads of pretraining are not needed here
            warnings.filterwarnings("ignore", message=".*afresh")  # and the task's is to be trained
            was = AlbertConfig.from_pretrained(self.path)
            changes = {"num_labels": 2, "id2label": None, **self.changes}
            if (was.num_labels, was.id2label) == (changes["num_labels"], changes["id2label"]):
                return self.task.model.from_pretrained(self.path, seed=seed, **changes)
            return self.with_another_head(was, changes, seed)

    def with_another_head(self, was: AlbertConfig, changes: dict[str, Any], seed: int) -> Any:
        """The checkpoint's model with a fresh head for these labels in the place of one that it may have for others."""
        from albert_np.model import AlbertModel

        if "mlm" in self.task.model.parts:  # that head has no labels
            return self.task.model.from_pretrained(self.path, seed=seed, **changes)
        model = self.task.model(was.replace(**changes), seed=seed)
        values = dict(AlbertModel.from_pretrained(self.path).params.items())
        for name, array in model.params.items():
            if name in values:
                array[...] = values[name]
        return model

    def most_tokens(self) -> int:
        config = self.config or AlbertConfig.from_pretrained(self.path)
        return config.max_position_embeddings


def without_head(config: AlbertConfig) -> AlbertConfig:
    """The config without what another task had put into it."""
    return config.replace(num_labels=2, id2label=None, problem_type=None)


def fit_length(task: Task, start: Start, given: dict[str, Any]) -> None:
    """Rows as long as the model can take, unless more was asked for: that is a ValueError."""
    most = start.most_tokens()
    if task.options["max_length"] > most and "max_length" in given:
        raise ValueError(f"max_length is {task.options['max_length']}, but the model's max_position_embeddings is {most}")
    task.options["max_length"] = min(task.options["max_length"], most)


def vocabulary(task: Task, examples: list[Any], vocab_size: int) -> Any:
    """A tokenizer of the task's own texts, with capitals and accents; smaller if the texts are too few for so many pieces."""
    from albert_np.text import AlbertTokenizer, train_tokenizer

    texts = dict.fromkeys(text for example in examples for text in texts_of(example))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spiece.model"
        while True:
            try:
                train_tokenizer(texts, file, vocab_size, do_lower_case=False, keep_accents=True)
                break
            except ValueError:
                if vocab_size < 20:
                    raise
                vocab_size = vocab_size * 9 // 10
        return AlbertTokenizer(file, do_lower_case=False, keep_accents=True)


def texts_of(example: Any) -> list[str]:
    """The texts in an example's fields."""
    found = []
    for f in dataclasses.fields(example):
        value = getattr(example, f.name)
        if f.name in NOT_TEXT:
            continue
        if isinstance(value, str) and value.strip():
            found.append(value)
        elif f.name == "words":
            found.append(" ".join(value))
    return found


def new_folder(out: str | os.PathLike[str]) -> Path:
    """The folder to write to, which is made when there is something to write. FileExistsError if something is in it."""
    path = Path(out)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} is not empty; --out needs a new folder")
    return path


def write_run(folder: Path, trained: Trained, history: History, baselines: dict[str, dict[str, Any]]) -> None:
    """The model, metrics.jsonl (a line a step, a line an epoch) and the figures."""
    import json

    from albert_np import plots

    trained.save_pretrained(folder)
    lines = sorted([*history.steps, *history.epochs], key=lambda record: (record["step"], "dev" in record))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    plots.draw_finetuning(folder / "figures", history, trained.task.metric, baselines)
