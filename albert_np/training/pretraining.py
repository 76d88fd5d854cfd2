"""Pretraining: `pretrain`, and the trainer for it."""

import math
import os
import reprlib
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.engine.environment import describe_environment
from albert_np.engine.mpi import Processes, world
from albert_np.engine.stop import Stop, stop_on_signals
from albert_np.io.files import write_json
from albert_np.io.packed_checkpoint import Packing, save_packed
from albert_np.training import checkpoint
from albert_np.training.callbacks import Callback, Callbacks
from albert_np.training.constraints import Constraint, get_constraints
from albert_np.training.continuing import check_continued, need_checkpoint, restore_optimizer
from albert_np.training.divergence import DivergenceDetector, check_held_out
from albert_np.training.evaluate import evaluate
from albert_np.training.init_mlm_bias import init_mlm_bias
from albert_np.training.losses import LossBuffer
from albert_np.training.metrics import MetricsFile, read_metrics
from albert_np.training.progress import get_callback
from albert_np.training.resuming import check_resumable, check_source
from albert_np.training.run_folder import RunFolder, params_hash
from albert_np.training.schedule import plateau_rate
from albert_np.training.settings import Settings
from albert_np.training.tensorboard import check_tensorboard, get_curves
from albert_np.training.trainer import Arrays, Checkpoints, Trainer
from albert_np.version import __version__


@dataclass(repr=False)
class Summary:
    """The end of a run. `stopped_by` is "" or a signal's name; `held_out` the last evaluation, made after `held_out_step`;
    `held_out_before` the one before the first step, of a run that went on from a pretrained model."""

    out: str
    step: int
    total_steps: int
    stopped_by: str
    tokens: int
    seconds: float
    held_out: dict[str, float] | None
    held_out_step: int
    unigram_entropy: float | None
    held_out_before: dict[str, float] | None = None

    def __repr__(self) -> str:
        ended = f", stopped by {self.stopped_by}" if self.stopped_by else ""
        lines = [f"Pretrained for {self.step} of {self.total_steps} steps{ended}: {self.tokens:,} tokens in {self.seconds:.0f} s"]
        if self.held_out_before:
            lines.append(f"  held-out before: {format_values(self.held_out_before)}")
        if self.held_out:
            unigram = "" if self.unigram_entropy is None else f"; unigram entropy {self.unigram_entropy:.4g}"
            lines.append(f"  held-out after step {self.held_out_step}: {format_values(self.held_out)}{unigram}")
        return "\n".join([*lines, f"  in {self.out}; .plot() shows the loss"])

    def _repr_html_(self) -> str:
        """Return the evaluations on held-out documents and the figure of `plot`."""
        from albert_np.io.html import make_figure, make_table

        title, *_ = repr(self).split("\n")
        columns = {"before": self.held_out_before, f"after step {self.held_out_step}": self.held_out}
        shown = {name: scores for name, scores in columns.items() if scores}
        rows = [(name, *(each[name] for each in shown.values())) for name in next(iter(shown.values()), {})]
        if rows and self.unigram_entropy is not None:
            rows.append(("unigram entropy", *("" for _ in list(shown)[1:]), self.unigram_entropy))
        head = ("held-out", *shown) if rows else ()
        return make_table(rows, head, f"{title}; in {self.out}") + make_figure(self.plot)

    def plot(self) -> Any:
        """Return a figure of the loss in each step and on the held-out documents. A notebook shows it.

        It reads metrics.jsonl in `out`. OSError if that is gone, ValueError if no step has a finite loss.
        """
        from albert_np.plots import pretraining_figures

        figures = pretraining_figures(*read_metrics(Path(self.out) / "metrics.jsonl"), self.unigram_entropy)
        if not figures:
            raise ValueError("there is nothing to plot: no step has a finite loss")
        return figures["loss"]


def format_values(scores: dict[str, float]) -> str:
    """{"loss": 4.4567, "masked": 90} -> "loss 4.457, masked 90\""""
    return ", ".join(f"{name} {value:.4g}" for name, value in scores.items())


def pretrain(
    model: Any,
    data: Any,
    out: str | os.PathLike[str],
    settings: Settings | None = None,
    tokenizer: Any = None,
    resume: bool = False,
    report: Callback | None = None,
    processes: Processes | None = None,
    constraints: Sequence[Constraint] | None = None,
    source: str = "",
    progress: bool = True,
    tensorboard: str | os.PathLike[str] | None = None,
    **changes: Any,
) -> Summary:
    """Train `model` in place on `data` (a `RunData`) and write model, metrics, checkpoints and figures into the folder `out`.

    settings, changes: a `Settings`, and fields of it: steps=500, learning_rate=1e-3 (or lr), ...

    With `resume` the newest whole checkpoint in `out` is continued, bit for bit. Ctrl-C and SIGTERM save and end the run; the
    summary says so. constraints: instead of those that the settings ask for (`sparsity`).

    The progress is shown unless `progress` is False. report: a `Callback` that observes the run instead of this display.
    tensorboard: a folder for curves, which TensorBoard shows; the run's are in its folder seed-N (training/tensorboard.py).

    The run starts from the parameters that the model has: new ones, or those of `AlbertForPreTraining.from_pretrained`. source:
    where these come from, for run.json; a run that names one is also evaluated before its first step, and is not resumed with a
    model of other parameters. With schedule="continued" it goes on with the moments and the schedule of the run `source`.

    Started by mpiexec, all processes call this alike, with the same arguments: each computes its share of every step, and only
    the main process writes and reports. processes: others than all; `engine.mpi.SINGLE_PROCESS` for a run of this one alone.

    Raises ValueError for settings that do not fit the data or the run to resume, FileExistsError for a folder that holds a run,
    RuntimeError if another process uses it, OSError if it cannot be written, Diverged if training fails.
    """
    processes = world() if processes is None else processes
    if settings is not None and not isinstance(settings, Settings):
        raise ValueError(
            f"settings must be albert_np.training.Settings, not {reprlib.repr(settings)}; or give them by name: steps=500"
        )
    settings = (settings or Settings()).replace(**changes)
    callback = get_callback(report, progress, processes.is_main)
    check_parts(model, data)
    constraints = get_constraints(settings) if constraints is None else constraints
    with processes.guard(), processes.main_process_only(RunFolder(out, resume)) as folder, stop_on_signals() as own_stop:
        stop = processes.shared_stop(own_stop)
        if processes.is_main:
            folder.check_space(model.params.count())
        processes.broadcast_object(lambda: check_tensorboard(tensorboard, range(settings.seed, settings.seed + 1), resume))
        texts = {"settings": settings.to_dict(), "config": model.config.to_dict()}
        callback = Callbacks(get_curves(tensorboard, settings.seed, texts, processes.is_main), callback)
        run = Pretraining(model, data, settings, constraints, callback, processes, stop, folder, tokenizer, source, tensorboard)
        try:
            run.begin()
            return run.run()
        finally:
            run.close()


def check_parts(model: Any, data: Any) -> None:
    """Raise ValueError for something else than a model and the data of a run, such as a path in the place of one of them."""
    if not hasattr(model, "params"):
        raise ValueError(f"model must be a model such as AlbertForPreTraining(config), not {reprlib.repr(model)}")
    if not hasattr(data, "train"):
        raise ValueError(f"data must be what albert_np.training.prepare_data makes of text files, not {reprlib.repr(data)}")


class Pretraining(Trainer):
    """A pretraining run: a log of every step, evaluations and checkpoints at fixed intervals of steps."""

    settings: Settings

    def __init__(
        self,
        model: Any,
        data: Any,
        settings: Settings,
        constraints: Sequence[Constraint],
        callback: Callback,
        processes: Processes,
        stop: Stop,
        folder: RunFolder,
        tokenizer: Any = None,
        source: str = "",
        tensorboard: str | os.PathLike[str] | None = None,
    ) -> None:
        self.optimizer_name = settings.optimizer
        checkpoints = Checkpoints(folder.checkpoints, folder.resume, settings.keep)
        super().__init__(model, settings, constraints, callback, processes, stop, checkpoints)
        self.data, self.folder, self.tokenizer = data, folder, tokenizer
        self.tensorboard = {} if tensorboard is None else {"tensorboard": os.path.abspath(tensorboard)}
        self.source = {"model": source, "sha256": params_hash(model.params)} if source else {}
        self.earlier: checkpoint.Checkpoint | None = None  # whose moments and schedule go on
        if settings.schedule == "continued" and not folder.resume:
            self.earlier = processes.broadcast_object(lambda: need_checkpoint(source, callback.note))
            check_continued(self.earlier, source, settings)
            self.state.step, self.restores_moments = self.earlier.step, True
        self.first_step = self.state.step  # those before it were made by an earlier run
        self.has_dropout = max(model.config.hidden_dropout_prob, model.config.attention_probs_dropout_prob) > 0
        self.total_steps = count_steps(settings, data.train)
        self.warmup = math.ceil(self.total_steps / 10) if settings.warmup is None else settings.warmup
        self.losses = LossBuffer(processes, ("mlm_loss", "sop_loss", "mlm_correct", "sop_correct"), count_labels)
        self.metrics: MetricsFile | None = None
        self.detector = DivergenceDetector(model.config.vocab_size)
        self.saved_step = -1  # also after a resume: the model beside the checkpoint may not have been written

    def run(self) -> Summary:
        """Train, evaluate and save at the end, and return the summary."""
        began, state = time.perf_counter(), self.state
        if self.source and state.epoch == state.epoch_step == 0:  # before the first step of this run
            self.evaluate()
            state.held_out_before = state.held_out
        self.train()
        if not self.stop.signal:
            self.evaluate()
        if self.saved_step != state.step:
            super().save()
        if self.processes.size > 1:
            self.callback.note(self.processes.communication_summary(time.perf_counter() - began))
        return Summary(
            str(self.folder.path), state.step, self.total_steps, self.stop.name, state.tokens, state.seconds(),
            self.last_evaluation(), state.held_out_step, self.data.unigram_entropy, state.held_out_before,
        )  # fmt: skip

    def last_evaluation(self) -> dict[str, float] | None:
        """Return the last evaluation that was made after a step of this run; None if there is none yet."""
        state = self.state
        return None if state.held_out_before is not None and state.held_out_step == self.first_step else state.held_out

    def close(self) -> None:
        if self.metrics is not None:
            self.metrics.close()
        self.callback.close()

    # ---- the loop ----

    def steps_per_epoch(self, epoch: int) -> int:
        return self.data.train.steps_per_epoch(epoch)

    def learning_rate(self, step: int) -> float:
        """Return the rate of the update after `step` others: Google's schedule, or with `decay` one with a plateau."""
        if self.settings.decay is None:
            return super().learning_rate(step)
        return plateau_rate(step, self.peak, self.warmup, self.settings.decay, self.total_steps)

    def micro_batches(self) -> list[Arrays]:
        where = self.state.epoch, self.state.epoch_step, self.settings.accumulate
        return self.data.train.micro_batches(*where, *self.processes.rank_and_size)

    def new_record(self, lr: float, tokens: int) -> dict[str, Any]:
        return {"step": self.state.step, "lr": lr, "tokens": tokens, "seconds": self.state.seconds()}

    def log_is_due(self) -> bool:
        return self.state.step % self.settings.log_every == 0

    def drain_losses(self) -> None:
        assert self.metrics is not None
        records = [format_record(*drained) for drained in self.losses.drain()]
        for record in records:
            self.metrics.write(record)
        for record in records:
            self.state.tokens += record["tokens"]
            self.callback.step(record)
            self.detector.update(record)

    def evaluation_is_due(self) -> bool:
        return self.state.step % self.settings.eval_every == 0

    def evaluate(self) -> None:
        """Evaluate on the held-out documents, unless that was done at this step, and raise Diverged if the loss is not finite."""
        assert self.metrics is not None
        self.drain_losses()
        state = self.state
        if self.data.held_out is None or (state.held_out is not None and state.held_out_step == state.step):
            return
        state.held_out, state.held_out_step = evaluate(self.model, self.data.held_out, self.processes), state.step
        check_held_out(state.step, state.held_out)
        self.metrics.write({"step": state.step, "held_out": state.held_out})
        self.callback.evaluation({"step": state.step, **state.held_out})

    def checkpoint_is_due(self) -> bool:
        return self.state.step % self.settings.checkpoint_every == 0

    def save(self) -> None:
        """Evaluate, for the choice of the best checkpoint, and save."""
        self.evaluate()
        super().save()
        self.saved_step = self.state.step

    # ---- start and checkpoints ----

    def init_new_run(self) -> None:
        if self.settings.start == "unigram":
            init_mlm_bias(self.params, self.data.train.token_counts())
        if self.earlier is not None:
            restore_optimizer(self.earlier, self.params, self.state.optimizer, self.settings.optimizer_options())

    def find_checkpoint(self) -> checkpoint.Checkpoint:
        saved = self.folder.newest_checkpoint(self.callback)
        check_source(saved, self.source)
        check_resumable(saved, self.model.config, self.settings, self.data.fingerprint, self.callback)
        return saved

    def restore_more(self, stored: dict[str, Any]) -> None:
        self.source = stored.get("source", {}) if stored else self.source
        self.first_step = stored.get("first_step", self.first_step)
        position = stored["metrics"]["bytes"] if stored else 0
        self.metrics = MetricsFile(self.folder.metrics, position, writes=self.processes.is_main)
        self.detector = DivergenceDetector(self.model.config.vocab_size, stored.get("watch"))

    def stored_values(self) -> dict[str, Any]:
        assert self.metrics is not None
        values = super().stored_values()
        values["metrics"]["bytes"] = self.metrics.sync()
        more = {"corpus": self.data.fingerprint, "corpus_folder": self.data.folder, "watch": self.detector.memory}
        more["environment"] = describe_environment()
        more |= {"source": self.source} if self.source else {}
        return {**values, **more, **({"first_step": self.first_step} if self.first_step else {})}

    def publish(self) -> None:
        """Write the model, for other programs, and run.json, for `info` and the figures."""
        out, config = self.folder.path, self.model.config
        with warnings.catch_warnings():  # do not repeat at every save that shared layers are written out for other programs
            warnings.simplefilter("ignore")
            if self.constraints:
                save_packed(out, config, self.params, type(self.model).__name__, Packing())
            else:
                self.model.save_pretrained(out)
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(out)
        facts = {
            "settings": self.settings.to_dict(),
            "unigram_entropy": self.data.unigram_entropy,
            "data": self.data.facts,
            "corpus_folder": self.data.folder,
            "environment": describe_environment(),
            **({"source": self.source} if self.source else {}),
            **self.tensorboard,
        }
        if (state := self.state).held_out_before is not None:
            scores = {"before": state.held_out_before, "after": self.last_evaluation(), "after_step": state.held_out_step}
            facts["held_out"] = scores
        write_json(out / "run.json", {**facts, "vocab_size": config.vocab_size, "version": __version__})


def count_steps(settings: Settings, train: Any) -> int:
    """Return the number of optimiser steps of the whole run."""
    if settings.steps is not None:
        return settings.steps
    assert settings.epochs is not None  # Settings has one of the two
    return sum(train.steps_per_epoch(epoch) for epoch in range(settings.epochs))


def count_labels(results: list[Any]) -> tuple[int, ...]:
    """Return the numbers of masked tokens and of sequences with a sentence-order label in a step's micro-batches."""
    return sum(r.masked for r in results), sum(r.sequences for r in results)


def format_record(known: dict[str, Any], sums: list[float], norm: float) -> dict[str, Any]:
    """Return the line of metrics.jsonl, from what `LossBuffer.drain` gives. A number that is not finite becomes None."""
    mlm_loss, sop_loss, mlm_correct, sop_correct, masked, sequences = sums
    record = {"step": known["step"], "loss": mlm_loss + sop_loss, "mlm_loss": mlm_loss}
    record["mlm_accuracy"] = mlm_correct / max(1, int(masked))
    if sequences:
        record |= {"sop_loss": sop_loss, "sop_accuracy": sop_correct / int(sequences)}
    record |= {"lr": known["lr"], "grad_norm": norm, "tokens": known["tokens"], "seconds": round(known["seconds"], 3)}
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()}
