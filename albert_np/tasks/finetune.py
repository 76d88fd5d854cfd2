"""Fine-tuning: from files of examples to a trained model in a folder."""

import contextlib
import dataclasses
import inspect
import json
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.data.formats.summary import get_summary
from albert_np.engine.mpi import Processes, world
from albert_np.engine.stop import Stop, stop_on_signals
from albert_np.io.files import write_figures, write_json, write_whole
from albert_np.io.similar_names import NOTES, suggest
from albert_np.models.config import FIELDS, AlbertConfig
from albert_np.models.distillation import DistillConfig, attach_teacher, detach_teacher
from albert_np.tasks import Task, get_task
from albert_np.tasks.benchmarks import Benchmark, find_benchmark
from albert_np.tasks.benchmarks.prepare import make_task, prepare
from albert_np.tasks.finetune_checks import check_examples_given, check_teacher, check_types, get_packing
from albert_np.tasks.finetune_folder import FinetuneFolder, check_task, examples_hash, new_folder, read_run
from albert_np.tasks.finetuned import Finetuned, run_figures
from albert_np.tasks.initial_model import VOCAB_SIZE, InitialModel, choose_start, limit_max_length
from albert_np.tasks.step_size import choose_step_size
from albert_np.tasks.trained import Trained, baseline_scores
from albert_np.training.callbacks import Callback, Callbacks
from albert_np.training.constraints import get_constraints
from albert_np.training.finetune import get_answers, numeric_scores, train_epochs
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.metrics import read_lines
from albert_np.training.progress import get_callback
from albert_np.training.run_folder import params_hash
from albert_np.training.state import History
from albert_np.training.tensorboard import check_tensorboard, get_curves
from albert_np.training.trained_length import read_trained_length
from albert_np.training.trainer_settings import rename_aliases

__all__ = ["Finetuned", "finetune", "new_folder"]


def finetune(
    task: str | Task,
    train: Any = None,
    dev: Any = None,
    model: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    config: AlbertConfig | str | None = None,
    tokenizer: Any = None,
    from_scratch: bool = False,
    seeds: int = 1,
    options: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
    vocab_size: int = VOCAB_SIZE,
    lower_case: bool | None = None,
    keep_accents: bool | None = None,
    teacher: str | os.PathLike[str] | None = None,
    report: Callback | None = None,
    resume: bool = False,
    processes: Processes | None = None,
    progress: bool = True,
    data: str | os.PathLike[str] | None = None,
    paper: bool = False,
    tensorboard: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Finetuned:
    """Train a model for a task and return its best epoch.

    task            "classification", "question-answering", "multiple-choice", "ner", "relations", "srl", "translation", a `Task`,
                    or one of your own as "file.py:Class"; options: its options. Or a benchmark, such as "glue:mrpc" (see
                    `tasks.benchmarks`): data is the folder of its files (None: the hub), and its settings are those of the
                    ALBERT paper, where they fit the model; paper: the paper's steps, warm-up and learning rate in any case
    train, dev      files in one of the task's formats (or lists of its examples). Without dev the last epoch is used.
    model           a checkpoint to start from: a folder, a file, a name on the hub; from_scratch: only its config and tokenizer.
                    Without model and config: "albert-np-mini-en", the English model in the package (not for translation)
    config          instead of a model: a preset's name, a file or an AlbertConfig; changes: fields of it, such as dropout
    tokenizer       a folder or a tokenizer; None: the model's, or one that is trained on the examples (vocab_size pieces;
                    lower_case and keep_accents, by default False and True)
    teacher         the folder of a larger model trained for the task, which the model also learns from (models/distillation.py)
    out             a folder, new or empty; None: nothing is written
    seeds           the number of runs, with the seeds from settings' `seed` on, each in out/seed-N; the best of them in `out`
    progress        whether the progress is shown: on stderr, or in the output of a notebook's cell
    report          a `Callback` that observes the run instead of this display
    tensorboard     a folder for curves, which TensorBoard shows: those of each seed in seed-N (training/tensorboard.py)
    processes       those that train together: None, all that mpiexec has started. All call this alike; the main one writes
    settings        fields of `FinetuneSettings`: epochs=3, learning_rate=1e-4 (or lr), ... Without tokens_per_batch and
                    batch_size a step has fewer tokens if there are few examples (tasks/step_size.py)
    resume          continue the run in `out`, bit for bit, whatever ended it; all other arguments as before. (The number of
                    seeds may grow, if there were several.) A completed run is read, not trained again. With another number of
                    processes the result is the same up to rounding

    Ctrl-C and SIGTERM end the run after the current step; its results so far are written, and `stopped_by` names the signal. A
    loop of your own over several calls has to check that.

    Raises ValueError that names the value given and what was expected; FileNotFoundError, FileExistsError, RuntimeError if
    another process uses `out`, OSError if it cannot be written, Diverged if training fails.

    >>> import albert_np as ab
    >>> from albert_np.data.formats import Labelled
    >>> texts = ["A fine film.", "A poor film.", "What a fine cast!", "What a poor plot!"]
    >>> reviews = [Labelled(text, label="good" if "fine" in text else "bad") for text in texts]
    >>> done = ab.finetune("classification", reviews, config="tiny", vocab_size=60, epochs=10, learning_rate=1e-3)
    >>> done.trained.evaluate(reviews)["accuracy"]
    1.0
    """
    processes = world() if processes is None else processes
    settings = rename_aliases(settings)
    if settings.get("tokens_per_batch", 0) is None:  # as where it is left out
        del settings["tokens_per_batch"]
    arguments = dict(
        train=train, dev=dev, model=model, config=config, tokenizer=tokenizer, from_scratch=from_scratch, seeds=seeds,
        options=options, changes=changes, vocab_size=vocab_size, lower_case=lower_case, keep_accents=keep_accents,
        teacher=teacher, data=data, paper=paper, tensorboard=tensorboard, **settings,
    )  # fmt: skip
    with processes.guard():
        check_types(options=options, changes=changes, seeds=seeds, out=out)
        options, changes = options or {}, changes or {}
        task, record = choose_task(task, options, settings)
        check_examples_given(task, train, data, paper, record is not None)
        checked = FinetuneSettings.from_dict({**task.trains, **settings})
        model, start_line = choose_start(task, model, config, tokenizer, from_scratch, vocab_size)
        arguments["model"] = model
        if resume and out is None:
            raise ValueError("resume needs `out`, the folder of the run to continue")
        all_seeds = range(checked.seed, checked.seed + seeds)
        processes.broadcast_object(lambda: check_tensorboard(tensorboard, all_seeds, resume))
        folder = None if out is None else processes.broadcast_object(lambda: FinetuneFolder(out, resume, seeds))
        told: dict[str, Any] = {}  # of the run that is resumed
        if resume and folder is not None:
            check_task(run := read_run(folder.path), task.name, folder.path)
            told = run["told"]
        own_vocabulary = model is None and tokenizer is None  # it is trained on the examples, and stored in the run's folder
        if own_vocabulary and folder is not None and resume:
            tokenizer = folder.path
        callback = get_callback(report, progress, processes.is_main)
        if start_line:
            callback.note(start_line)
        benchmark = None
        if record is not None:
            benchmark = prepare(record, task, data, paper, train, dev, changes)
            train, dev, changes = benchmark.train, benchmark.dev, benchmark.changes
        examples, held, files = read_examples(task, train, dev, callback)
        initial = InitialModel.resolve(
            task, model, config, tokenizer, from_scratch, changes, examples, vocab_size, callback, processes, lower_case,
            keep_accents,
        )  # fmt: skip
        if "max_length" in task.options:
            with processes.main_process_first():
                limit_max_length(task, initial, options)
        more: dict[str, Any] = {}
        if benchmark is not None:
            more, line = benchmark.settings(settings, options, initial.stored_config(), initial.is_new)
            checked = FinetuneSettings.from_dict({**task.trains, **more, **settings})
            if line:
                callback.note(line)
        checked = choose_step_size(
            checked, {**more, **settings}, task, initial.tokenizer, examples, told.get("settings", {}), callback.note
        )
        teacher_model = None if teacher is None else Trained.from_pretrained(teacher, task)
        check_teacher(teacher_model, task, initial)
        length = None if initial.path is None else read_trained_length(initial.path)
        job = FinetuneJob(task, initial, examples, held, teacher_model, callback, processes, tensorboard)
        with processes.main_process_only(folder or contextlib.nullcontext()), stop_on_signals() as own_stop:
            stop = processes.shared_stop(own_stop)
            if folder is not None:
                if own_vocabulary and not resume and processes.is_main:
                    initial.tokenizer.save_pretrained(folder.path)
                folder.done = processes.broadcast_object(lambda: folder.begin(arguments, job.fingerprint(checked), files))
            try:
                task.note, task.scored, task.pretrained_length = callback.note, "development examples", length
                done = job.run([dataclasses.replace(checked, seed=seed) for seed in all_seeds], folder, stop)
                return dataclasses.replace(done, files=files)
            finally:
                del task.note, task.scored, task.pretrained_length
                callback.close()


def choose_task(task: str | Task, options: dict[str, Any], settings: dict[str, Any]) -> tuple[Task, Benchmark | None]:
    """Return the task with these options and, if a benchmark names it, this. ValueError for an unknown option or setting."""
    record = find_benchmark(task)
    chosen = get_task(task, **options) if record is None else make_task(record, options)
    check_names(settings, chosen)
    if record is None and not isinstance(task, Task):
        chosen.check_for_training(options)
    return chosen, record


def read_examples(task: Task, train: Any, dev: Any, callback: Callback) -> tuple[list[Any], list[Any], list[dict[str, Any]]]:
    """Return the training and the development examples, from which the task then has learned, and the summaries of both."""
    examples, held = (task.examples(() if x is None else x, name) for x, name in ((train, "train"), (dev, "dev")))
    task.notes.clear()
    files = learn_from(task, {"train": (train, examples), "dev": (dev, held)}, callback)
    for line in task.notes:
        callback.note(line)
    return examples, held, files


def learn_from(task: Task, given: dict[str, tuple[Any, list[Any]]], callback: Callback) -> list[dict[str, Any]]:
    """Let the task learn from the training examples, report how they were read, and return the summaries as JSON values."""
    for name, (value, examples) in given.items():
        if value is not None and not examples:
            raise ValueError(f"{name}: there is no example in it")
    try:
        with warnings.catch_warnings(record=True) as doubts:
            task.learn(given["train"][1])
    except ValueError:
        callback.note(get_summary(*given["train"], "train").describe())  # which may show what is wrong
        raise
    for doubt in doubts:
        warnings.warn(doubt.message, stacklevel=2)
    files = task.summarize(given, callback.note)
    files[0]["warnings"] += [str(doubt.message) for doubt in doubts]
    value, held = given["dev"]
    try:
        if held:
            task.check_scored(held)
    except ValueError as error:
        raise ValueError(f"{get_summary(value, held, 'dev').file}: {error}") from None
    return files


@dataclass
class FinetuneJob:
    """The data that the runs of all seeds share."""

    task: Task
    initial: InitialModel
    examples: list[Any]
    held: list[Any]
    teacher: Trained | None
    callback: Callback
    processes: Processes
    tensorboard: str | os.PathLike[str] | None = None
    baselines: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fingerprint(self, settings: FinetuneSettings) -> dict[str, Any]:
        """Return all that the trained parameters depend on; it must be the same when the run is resumed."""
        model = self.initial.create(settings.seed)
        return {
            "task": self.task.name,
            "options": {name: value for name, value in self.task.options.items() if name not in self.task.reading},
            "settings": {key: value for key, value in settings.to_dict().items() if key not in settings.changeable},
            "config": model.config.to_dict(),
            "train": examples_hash(self.examples),
            "dev": examples_hash(self.held),
            "tokenizer": self.initial.tokenizer.fingerprint(),
            "start": params_hash(model.params),
            "teacher": None if self.teacher is None else params_hash(self.teacher.model.params),
        }

    def run(self, settings: list[FinetuneSettings], folder: FinetuneFolder | None, stop: Stop) -> Finetuned:
        """Train a model with each settings' seed and return the results. Seeds that are done are read from the folder."""
        if self.held:
            given = self.task, self.examples, self.held, self.initial.create, self.initial.tokenizer
            self.baselines = self.processes.broadcast_object(lambda: baseline_scores(*given))
        result = Finetuned(Trained(self.task, None, self.initial.tokenizer), History(), self.baselines, self.held)
        best = settings[0].seed
        for each in settings:
            if len(settings) > 1:
                self.callback.note(f"seed {each.seed}")
            if folder is not None and each.seed in folder.done:
                self.callback.note(f"{folder.seed_folder(each.seed)} is done already")
                trained, history = read_finished(folder.seed_folder(each.seed), self.task)
                if self.processes.is_main:
                    folder.remove_checkpoints(each.seed)
            else:
                trained, history = self.train(each, folder, stop)
            result.add(trained, history)
            best = each.seed if result.trained is trained else best
            if stop.signal and (history.stopped_by or each is not settings[-1]):
                result.stopped_by = stop.name
                break
        if self.held and result.history.best and not result.history.answers:  # of a seed that was read from the folder
            model = result.trained.model
            result.history.answers = get_answers(self.task, model, self.initial.tokenizer, self.held, self.processes)
        if folder is not None and len(settings) > 1 and self.processes.is_main:
            folder.copy_best(best)
            summary = dict(metric=self.task.metric, mean=result.mean, deviation=result.deviation, seeds=result.scores)
            write_json(folder.path / "scores.json", {**summary, "baselines": self.baselines})
        return result

    def train(self, settings: FinetuneSettings, folder: FinetuneFolder | None, stop: Stop) -> tuple[Trained, History]:
        """Train with one seed, and write the result into the seed's folder."""
        tokenizer, processes = self.initial.tokenizer, self.processes
        with processes.main_process_first():
            model = self.initial.create(settings.seed)
        if self.teacher is not None:
            distill = DistillConfig(self.teacher.model, settings.temperature, settings.hard, settings.hidden)
            attach_teacher(model, distill, settings.seed)
        constraints = get_constraints(settings, model, self.callback.note)
        checkpoints = None
        if folder is not None:
            if processes.is_main:
                folder.check_space(model.params.count())
            checkpoints = folder.get_checkpoints(settings.seed, settings.checkpoint_seconds)
        chosen = {**settings.to_dict(), "learning_rate": settings.peak(model.config, self.initial.is_new)}
        texts = {"settings": chosen, "config": model.config.to_dict(), self.task.name: self.task.options}
        with contextlib.closing(get_curves(self.tensorboard, settings.seed, texts, processes.is_main)) as own:
            history = train_epochs(
                self.task, model, tokenizer, self.examples, self.held, settings, self.initial.is_new,
                Callbacks(own, self.callback), stop, constraints, checkpoints, processes,
            )  # fmt: skip
        detach_teacher(model)
        about = dict(settings=settings.to_dict(), start=self.initial.source, epoch=history.best, chosen_by=history.chosen_by)
        about |= dict(scores=numeric_scores(history.scores), baselines=self.baselines)
        if history.stopped_by:  # in an epoch that is not complete
            about |= dict(stopped_by=history.stopped_by, epochs=history.steps[-1]["epoch"] - 1 if history.steps else 0)
        trained = Trained(self.task, model, tokenizer, about, get_packing(settings, constraints))
        if folder is not None and processes.is_main:
            write_run(folder.seed_folder(settings.seed), trained, history)
            if not history.stopped_by:
                folder.finish(settings.seed)
            figures = folder.seed_folder(settings.seed) / "figures"
            write_figures(figures, lambda: run_figures(history, trained.task, self.baselines))
        return trained, history


def check_names(settings: dict[str, Any], task: Task) -> None:
    """Raise ValueError for a name that is not a setting, with the setting, argument, option or field that was probably meant."""
    own = [each.name for each in dataclasses.fields(FinetuneSettings)]
    written = {name: f"changes={{{name!r}: ...}}" for name in FIELDS}
    written |= {name: f"options={{{name!r}: ...}}" for name in task.defaults}
    written |= {name: repr(name) for name in (*inspect.signature(finetune).parameters, *own)}
    for key in settings:
        if key not in own:
            raise ValueError(f"unknown setting {key!r}{suggest(key, written, {**NOTES, **FinetuneSettings.notes})}")


def read_finished(folder: Path, task: Task) -> tuple[Trained, History]:
    """Return the model and the history of a seed that was trained before."""
    trained = Trained.from_pretrained(folder, task)
    lines = read_lines(folder / "metrics.jsonl")
    history = History([line for line in lines if "dev" not in line], [line for line in lines if "dev" in line])
    history.best, history.scores = trained.about["epoch"], trained.about["scores"]
    history.chosen_by = trained.about.get("chosen_by", "")
    return trained, history


def write_run(folder: Path, trained: Trained, history: History) -> None:
    """Write the model and metrics.jsonl (a line per step and per epoch)."""
    trained.save_pretrained(folder)
    lines = sorted([*history.steps, *history.epochs], key=lambda record: (record["step"], "dev" in record))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_whole(folder / "metrics.jsonl", lambda path: path.write_text(text))
