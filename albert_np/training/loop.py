"""Pretraining: one flat loop.

A run that is stopped and resumed ends with the very parameters of one that was not (on the same machine, with the same number
of threads: where those differ, BLAS adds in another order).
"""

import math
import os
import time
from dataclasses import dataclass
from typing import Any

from albert_np.core import optim
from albert_np.core.random import RandomKey
from albert_np.engine.mpi import ALONE, DRIFTED, Processes, world
from albert_np.engine.stop import Stop, stop_on_signals
from albert_np.training.callbacks import Report
from albert_np.training.divergence import check_held_out
from albert_np.training.evaluate import evaluate
from albert_np.training.run_folder import RunFolder
from albert_np.training.settings import Settings
from albert_np.training.state import RunState


@dataclass
class Summary:
    """How a run ended. `stopped_by` is "" or a signal's name; `held_out` the last evaluation, made after `held_out_step`."""

    out: str
    step: int
    total_steps: int
    stopped_by: str
    tokens: int
    seconds: float
    held_out: dict[str, float] | None
    held_out_step: int
    unigram_entropy: float | None


def pretrain(
    model: Any,
    data: Any,
    out: str | os.PathLike[str],
    settings: Settings | None = None,
    tokenizer: Any = None,
    resume: bool = False,
    report: Report | None = None,
    processes: Processes | None = None,
) -> Summary:
    """Train `model` in place on `data` (a `RunData`) and leave model, metrics, checkpoints and figures in the folder `out`.

    Started by mpiexec, all processes call this alike, with the same arguments: each computes its share of every step, and only
    the first one writes and reports. processes: others than all; `albert_np.engine.mpi.ALONE` for a run of one's own.

    With `resume` the newest whole checkpoint in `out` is continued, bit for bit. Ctrl-C and SIGTERM save and end the run; the
    summary says so. Raises ValueError for settings that do not fit the data or the run to resume, FileExistsError for a folder
    that holds a run, RuntimeError if another process uses it, OSError if it cannot be written, Diverged if training fails.
    """
    processes = world() if processes is None else processes
    settings, report = settings or Settings(), (report if processes.first else None) or Report()
    with processes.guard(), processes.only_first(RunFolder(out, resume)) as folder, stop_on_signals() as asked:
        stop = processes.agreed(asked)
        if processes.first:
            folder.check_space(model.params.count())
        state = RunState.begin(folder, model, data, settings, report, processes)
        try:
            return _loop(model, data, settings, tokenizer, folder, state, report, stop)
        finally:
            state.metrics.close()
            report.close()


def _loop(
    model: Any,
    data: Any,
    settings: Settings,
    tokenizer: Any,
    folder: RunFolder,
    state: RunState,
    report: Report,
    stop: Stop,
) -> Summary:
    place, metrics, params, computing = state.place, state.metrics, model.params, state.computing
    update, processes = state.update, state.update.processes
    total = total_steps(settings, data.train)
    warmup = math.ceil(total / 10) if settings.warmup is None else settings.warmup
    grads = params.zeros_like()
    if state.pruning is not None:
        state.pruning.plan(total)
    drops = max(model.config.hidden_dropout_prob, model.config.attention_probs_dropout_prob) > 0
    began = time.perf_counter()
    started = began - metrics.seconds  # so that a resumed run goes on counting
    saved = -1  # also when it goes on from a checkpoint: the model beside it may not have been written any more

    def read_losses() -> None:
        for record in metrics.read(processes):
            state.tokens += record["tokens"]
            report.step(record)
            state.watch.see(record)  # raises before a spoilt model could be saved

    def evaluate_now() -> None:
        if data.held_out is not None and state.held_out_step != place.step:
            state.held_out, state.held_out_step = evaluate(model, data.held_out, processes), place.step
            check_held_out(place.step, state.held_out)
            metrics.write({"step": place.step, "held_out": state.held_out})
            report.evaluation({"step": place.step, **state.held_out})

    def save() -> int:
        if update.align(params):
            report.note(DRIFTED)
        state.save(folder, model, data, settings, tokenizer, time.perf_counter() - started)
        return place.step

    report.start(place.step, total)
    while place.step < total and not stop.signal:
        batches = data.train.micro_batches(place.epoch, place.epoch_step, settings.accumulate, *processes.mine)
        whole = denominators(batches, processes)  # of the whole step: so micro-batches add up to exactly its gradient
        rng = RandomKey(settings.seed, place.step) if drops else None
        results = computing.gradients(batches, whole, rng, grads)
        update.sum(grads)
        if state.pruning is not None:
            state.pruning.gradients(params, grads)
        norm = computing.seen(update.clip(grads, settings.clip_norm))
        lr = optim.learning_rate(place.step, settings.learning_rate, warmup, total)
        update.step(params, grads, state.optimizer, lr, loss_scale=computing.scale)

        if state.pruning is not None:
            state.pruning.stepped(params, state.optimizer, place.step + 1)
        place.advance(data.train.steps_per_epoch(place.epoch))
        tokens = sum(len(arrays["ids"]) for arrays in batches)
        seconds = time.perf_counter() - started
        metrics.add({"step": place.step, "lr": lr, "tokens": tokens, "seconds": seconds}, results, norm)

        if place.step % settings.log_every == 0:
            read_losses()
        if place.step % settings.eval_every == 0:
            read_losses()
            evaluate_now()
        if place.step % settings.checkpoint_every == 0:
            read_losses()
            evaluate_now()
            saved = save()

    read_losses()
    if not stop.signal:
        evaluate_now()
    if saved != place.step:
        save()
    if processes.size > 1:
        report.note(processes.account(time.perf_counter() - began))
    return Summary(
        str(folder.path), place.step, total, stop.name, state.tokens, time.perf_counter() - started,
        state.held_out, state.held_out_step, data.unigram_entropy,
    )  # fmt: skip


def denominators(batches: list[dict[str, Any]], processes: Processes = ALONE) -> dict[str, float]:
    """How many masked pieces and pairs a step has, those of all processes together: by these its losses are divided, in however
    many parts it is computed."""
    masked = sum(len(arrays["masked_rows"]) for arrays in batches)
    pairs = sum(len(arrays["lengths"]) for arrays in batches)
    all_masked, all_pairs = processes.total(masked, pairs)
    return {"mlm": float(max(1, all_masked)), "sop": float(all_pairs)}


def total_steps(settings: Settings, train: Any) -> int:
    """The optimiser steps of the whole run."""
    if settings.steps is not None:
        return settings.steps
    assert settings.epochs is not None  # Settings has one of the two
    return sum(train.steps_per_epoch(epoch) for epoch in range(settings.epochs))
