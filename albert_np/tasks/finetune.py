"""From files of examples to a trained model in a folder: `finetune`."""

import contextlib
import dataclasses
import json
import os
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.compress import SCHEMES, Pruning, QuantisationAware, Sparsity, get_scheme, sparsity, was_pruned
from albert_np.engine.mpi import Processes, world
from albert_np.engine.stop import Stop, stop_on_signals
from albert_np.io.files import write_figures, write_json, write_whole
from albert_np.io.packed_checkpoint import Packing
from albert_np.models.config import AlbertConfig
from albert_np.models.distillation import DistillConfig, attach_teacher, detach_teacher
from albert_np.tasks import Task, get_task
from albert_np.tasks.finetune_folder import FinetuneFolder, examples_hash, new_folder, params_hash
from albert_np.tasks.initial_model import VOCABULARY, Start, fit_length, vocabulary
from albert_np.tasks.trained import Trained, baseline_scores
from albert_np.training.callbacks import Report
from albert_np.training.constraints import Constraint
from albert_np.training.finetune import History, answers_of, plain, train_epochs
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.metrics import read_lines

FREE = ("checkpoint_seconds", "shard_optimizer")  # settings that may change when a run is resumed: they touch no parameter
__all__ = ["Finetuned", "Start", "finetune", "new_folder", "vocabulary"]


@dataclass
class Finetuned:
    """What came of all seeds.

    trained, history    of the best one by task.metric (without development examples, of the first)
    scores              of each seed those of its best epoch · baselines: {name: scores}
    held                the examples that were scored · stopped_by: the name of the signal that ended it before the end, or ""
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
    resume: bool = False,
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
    teacher         the folder of a larger model trained for the task, which the model learns from too (models/distillation.py)
    out             a folder, new or empty; None: nothing is written
    seeds           so many runs, with the seeds from settings' `seed` on, each in out/seed-N; the best of them in `out`
    processes       those that train together: None, all that mpiexec has started. All call this alike; the first one writes
    settings        fields of `FinetuneSettings`: epochs=3, learning_rate=1e-4, ...
    resume          continue the run in `out`, bit for bit, whatever ended it; everything else as it was begun. (More seeds
                    are possible, if it had several.) A run that is done is read, not trained again. The number of processes
                    may be another: then it comes to the same but for rounding

    Ctrl-C and SIGTERM end the run after the step that it is in; what it has is written, and `stopped_by` says so. A loop of
    your own over several calls has to look at that.

    Raises ValueError that names what came and what was expected; FileNotFoundError, FileExistsError, RuntimeError if another
    process uses `out`, OSError if it cannot be written, Diverged if training fails.

    >>> import albert_np as ab
    >>> from albert_np.data.formats import Labelled
    >>> texts = ["A fine film.", "A poor film.", "What a fine cast!", "What a poor plot!"]
    >>> reviews = [Labelled(text, label="good" if "fine" in text else "bad") for text in texts]
    >>> done = ab.finetune("classification", reviews, config="tiny", vocab_size=60, epochs=10, learning_rate=1e-3)
    >>> done.trained.evaluate(reviews)["accuracy"]
    1.0
    """
    processes = world() if processes is None else processes
    arguments = dict(
        train=train, dev=dev, model=model, config=config, tokenizer=tokenizer, from_scratch=from_scratch, seeds=seeds,
        options=options, changes=changes, vocab_size=vocab_size, teacher=teacher, **settings,
    )  # fmt: skip
    with processes.guard():
        task = get_task(task, **(options or {}))
        chosen = FinetuneSettings.from_dict({**task.trains, **settings})
        check(chosen, seeds, out, resume)
        folder = None if out is None else processes.from_first(lambda: FinetuneFolder(out, resume, seeds))
        own_words = model is None and tokenizer is None  # the vocabulary is trained on the examples, and kept with the run
        if own_words and folder is not None and resume:
            tokenizer = folder.path
        report = (report if processes.first else None) or Report()
        examples, held = (task.examples(() if x is None else x, name) for x, name in ((train, "train"), (dev, "dev")))
        task.learn(examples)
        start = Start.of(task, model, config, tokenizer, from_scratch, changes or {}, examples, vocab_size, report, processes)
        if "max_length" in task.options:
            with processes.first_ahead():
                fit_length(task, start, options or {})
        master = None if teacher is None else Trained.from_pretrained(teacher, task)
        check_teacher(master, task, start)
        job = Job(task, start, examples, held, master, report, processes)
        with processes.only_first(folder or contextlib.nullcontext()), stop_on_signals() as asked:
            stop = processes.agreed(asked)
            if folder is not None:
                if own_words and not resume and processes.first:
                    start.tokenizer.save_pretrained(folder.path)
                folder.done = processes.from_first(lambda: folder.begin(arguments, job.told(chosen)))
            try:
                return job.run([dataclasses.replace(chosen, seed=chosen.seed + i) for i in range(seeds)], folder, stop)
            finally:
                report.close()


def check(settings: FinetuneSettings, seeds: int, out: Any, resume: bool) -> None:
    """ValueError for what the settings do not look at themselves."""
    Sparsity.of(settings)
    if settings.weights != "float32":
        get_scheme(settings.weights)
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, not {seeds}")
    if resume and out is None:
        raise ValueError("resume needs `out`, the folder of the run to continue")


@dataclass
class Job:
    """What all seeds share."""

    task: Task
    start: Start
    examples: list[Any]
    held: list[Any]
    master: Trained | None
    report: Report
    processes: Processes
    baselines: dict[str, dict[str, Any]] = field(default_factory=dict)

    def told(self, settings: FinetuneSettings) -> dict[str, Any]:
        """What a resumed run must have again: all that its parameters depend on."""
        first = self.start.model(settings.seed)
        return {
            "task": self.task.name,
            "options": self.task.options,
            "settings": {key: value for key, value in settings.to_dict().items() if key not in FREE},
            "config": first.config.to_dict(),
            "train": examples_hash(self.examples),
            "dev": examples_hash(self.held),
            "tokenizer": self.start.tokenizer.fingerprint(),
            "start": params_hash(first.params),
            "teacher": None if self.master is None else params_hash(self.master.model.params),
        }

    def run(self, settings: list[FinetuneSettings], folder: FinetuneFolder | None, stop: Stop) -> Finetuned:
        """A model of each seed, and what came of them; those that the folder has already are read."""
        if self.held:
            given = self.task, self.examples, self.held, self.start.model, self.start.tokenizer
            self.baselines = self.processes.from_first(lambda: baseline_scores(*given))
        done = Finetuned(Trained(self.task, None, self.start.tokenizer), History(), self.baselines, self.held)
        best = settings[0].seed
        for own in settings:
            if len(settings) > 1:
                self.report.note(f"seed {own.seed}")
            if folder is not None and own.seed in folder.done:
                self.report.note(f"{folder.of(own.seed)} is done already")
                trained, history = finished(folder.of(own.seed), self.task)
                if self.processes.first:
                    folder.clear(own.seed)
            else:
                trained, history = self.train(own, folder, stop)
            done.add(trained, history)
            best = own.seed if done.trained is trained else best
            if stop.signal and (history.stopped_by or own is not settings[-1]):
                done.stopped_by = stop.name
                break
        if self.held and done.history.best and not done.history.answers:  # of a seed that was read
            found = answers_of(self.task, done.trained.model, self.start.tokenizer, self.held, self.processes)
            done.history.answers = found
        if folder is not None and len(settings) > 1 and self.processes.first:
            folder.take(best)
            summary = dict(metric=self.task.metric, mean=done.mean, deviation=done.deviation, seeds=done.scores)
            write_json(folder.path / "scores.json", {**summary, "baselines": self.baselines})
        return done

    def train(self, settings: FinetuneSettings, folder: FinetuneFolder | None, stop: Stop) -> tuple[Trained, History]:
        """One seed, written into its folder."""
        tokenizer, report, processes = self.start.tokenizer, self.report, self.processes
        with processes.first_ahead():
            network = self.start.model(settings.seed)
        if self.master is not None:
            distill = DistillConfig(self.master.model, settings.temperature, settings.hard, settings.hidden)
            attach_teacher(network, distill, settings.seed)
        forms = constraints(settings, network, report)
        kept = None
        if folder is not None:
            if processes.first:
                folder.check_space(network.params.count())
            kept = folder.checkpoints_of(settings.seed, settings.checkpoint_seconds)
        history = train_epochs(
            self.task, network, tokenizer, self.examples, self.held, settings, self.start.fresh, report, stop, forms, kept,
            processes,
        )  # fmt: skip
        detach_teacher(network)
        about = dict(settings=settings.to_dict(), start=self.start.source, epoch=history.best, scores=plain(history.scores))
        trained = Trained(self.task, network, tokenizer, {**about, "baselines": self.baselines}, packing_of(settings, forms))
        if folder is not None and processes.first:
            write_run(folder.of(settings.seed), trained, history, self.baselines)
            if not history.stopped_by:
                folder.finish(settings.seed)
        return trained, history


def finished(folder: Path, task: Task) -> tuple[Trained, History]:
    """A seed that was trained before: its model, and what happened."""
    trained = Trained.from_pretrained(folder, task)
    lines = read_lines(folder / "metrics.jsonl")
    history = History([line for line in lines if "dev" not in line], [line for line in lines if "dev" in line])
    history.best, history.scores = trained.about["epoch"], trained.about["scores"]
    return trained, history


def check_teacher(master: Trained | None, task: Task, start: Start) -> None:
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
    if how.amount or was_pruned(model.params, integers=model.config.extra.get("compressed") in SCHEMES):
        if not how.amount:
            report.note(f"the model is pruned ({sparsity(model.params):.0%} zeros): its zeros stay")
        found.append(Pruning(how))
    if settings.weights != "float32":
        found.append(QuantisationAware(get_scheme(settings.weights)))
    return found


def packing_of(settings: FinetuneSettings, forms: list[Constraint]) -> Packing | None:
    """How a model that was trained in these forms is stored; None: as an ordinary one."""
    aware = next((form for form in forms if isinstance(form, QuantisationAware)), None)
    return Packing(settings.weights, aware.quantised if aware else {}) if forms else None


def write_run(folder: Path, trained: Trained, history: History, baselines: dict[str, dict[str, Any]]) -> None:
    """The model, metrics.jsonl (a line a step, a line an epoch) and the figures."""
    from albert_np import plots

    trained.save_pretrained(folder)
    lines = sorted([*history.steps, *history.epochs], key=lambda record: (record["step"], "dev" in record))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_whole(folder / "metrics.jsonl", lambda path: path.write_text(text))
    write_figures(
        folder / "figures", lambda: plots.finetune_figures(history.steps, history.epochs, trained.task.metric, baselines)
    )
