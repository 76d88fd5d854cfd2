"""Fine-tuning: one flat loop over epochs. The best epoch on the development examples is what is kept."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from albert_np.core import backend, optim
from albert_np.core.random import RandomKey
from albert_np.data.sampler import BalancedSampler, split_batch, take_share
from albert_np.engine.mpi import ALONE, Processes
from albert_np.engine.stop import Stop
from albert_np.training.callbacks import Report
from albert_np.training.constraints import Constraint, seen
from albert_np.training.data import attention_cost
from albert_np.training.divergence import Diverged
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.finetune_state import Checkpoints, FinetuneState, History
from albert_np.training.layer_rates import rates as rates_by_layer

DENOMINATORS = ("mlm", "sop", "task", "tokens")
READ_EVERY = 10  # steps on a device between two readings of the losses, for which the host waits


def train_epochs(
    task: Any,
    model: Any,
    tokenizer: Any,
    examples: list[Any],
    dev: list[Any],
    settings: FinetuneSettings,
    fresh: bool = False,
    report: Report | None = None,
    stop: Stop | None = None,
    constraints: Sequence[Constraint] = (),
    checkpoints: Checkpoints | None = None,
    processes: Processes = ALONE,
) -> History:
    """Train `model` in place on the examples. With development examples, it ends with the parameters of its best epoch by
    `task.metric`; else with the last. fresh: it was not pretrained, which the default learning rate asks. constraints: what its
    parameters are held to; the best epoch is one of those that were scored in the final form. checkpoints: where it is kept
    now and then and when it is stopped, and taken up again, bit for bit. processes: those that compute each step together, all
    of which call this alike.

    Raises ValueError if there is nothing to train on, Diverged if the loss is no number any more, OSError if it cannot be kept.
    """
    report = report or Report()
    items = [item for example in examples for item in task.items(example, tokenizer) if item.target is not None]
    if not items:
        raise ValueError("none of the training examples has a label that could be learned")
    params, config = model.params, model.config
    sampler = sampler_of(items, task, config, settings)
    total = sum(len(sampler.batches(epoch)) for epoch in range(settings.epochs))
    peak, warmup = settings.peak(config, fresh), math.ceil(settings.warmup * total)
    rates = rates_by_layer(params, config, settings.layer_decay, settings.freeze)
    state = FinetuneState.begin(model, settings, total, constraints, checkpoints, report, processes)
    place, history, steps, update = state.place, state.history, state.computing, state.update
    grads, on_host = params.zeros_like(), backend.of(params.flat).name == "numpy"
    waiting: list[tuple[dict[str, Any], list[Any], Any]] = []  # steps whose losses are not read yet

    def read_losses() -> None:
        for record in told(waiting, processes):
            if not (math.isfinite(record["loss"]) and math.isfinite(record["grad_norm"])):
                raise Diverged(f"the loss became NaN or infinite at step {record['step']}; try a lower --lr (it was {peak:g})")
            history.steps.append(record)
            report.step(record)
        waiting.clear()

    def keep(now: bool = False) -> None:
        if checkpoints is not None and (now or checkpoints.due(processes)):
            read_losses()  # raises before a spoilt model could be kept
            checkpoints.save(model, state, constraints, report)

    if state.best is not None:
        score_again(task, model, tokenizer, dev, constraints, state)
    report.start(place.step, total)
    for epoch in range(place.epoch, settings.epochs):
        for numbers in sampler.batches(epoch)[place.epoch_step :]:
            if stop is not None and stop.signal:
                break
            with seen(constraints, params):
                rng = RandomKey(settings.seed, place.step)
                results = gradients(steps, task, items, numbers, settings, rng, grads, processes)
                update.sum(grads)
                for constraint in constraints:
                    constraint.gradients(params, grads)
            freeze(grads, rates)
            norm = steps.seen(update.clip(grads, settings.clip_norm))
            lr = optim.learning_rate(place.step + 1, peak, warmup + 1, total + 1)
            update.step(params, grads, state.optimizer, lr, rates, steps.scale)
            place.step, place.epoch_step = place.step + 1, place.epoch_step + 1
            for constraint in constraints:
                constraint.stepped(params, state.optimizer, place.step)
            tokens = sum(len(items[i].ids) for i in numbers)
            record = {"step": place.step, "epoch": epoch + 1, "lr": lr, "tokens": tokens, "seconds": state.seconds()}
            waiting.append((record, results, norm))
            if on_host or place.step % READ_EVERY == 0:
                read_losses()
            keep()
        read_losses()
        if stop is not None and stop.signal:
            history.stopped_by = stop.name
            keep(now=True)
            break
        place.epoch, place.epoch_step = epoch + 1, 0
        if dev:
            scores, found = scored(task, model, tokenizer, dev, constraints, processes)
            history.epochs.append({"epoch": epoch + 1, "step": place.step, "dev": plain(scores)})
            report.evaluation({"step": place.step, "epoch": epoch + 1, task.metric: scores[task.metric]})
            settled = all(constraint.settled(place.step) for constraint in constraints)
            if settled and (not history.best or scores[task.metric] > history.scores[task.metric]):
                history.best, history.scores, history.answers, state.best = epoch + 1, scores, found, params.flat.copy()
            elif settled and settings.patience and epoch + 1 - history.best >= settings.patience:
                report.note(f"no better than epoch {history.best} for {settings.patience} epochs: stopped")
                break
        keep()
    if state.best is not None:
        params.flat[...] = state.best
    for constraint in constraints:
        constraint.finish(params)
    return history


def scored(
    task: Any, model: Any, tokenizer: Any, dev: list[Any], constraints: Sequence[Constraint], processes: Processes = ALONE
) -> tuple[dict[str, Any], list[Any]]:
    """The scores on the development examples in the form that the model will have, and the answers."""
    with seen(constraints, model.params):
        answers = answers_of(task, model, tokenizer, dev, processes)
    return task.score(dev, answers), answers


def score_again(
    task: Any, model: Any, tokenizer: Any, dev: list[Any], constraints: Sequence[Constraint], state: FinetuneState
) -> None:
    """The scores and answers of the best epoch, which checkpoints do not hold."""
    flat, history = model.params.flat, state.history
    now = flat.copy()
    flat[...] = state.best
    history.scores, history.answers = scored(task, model, tokenizer, dev, constraints, state.update.processes)
    flat[...] = now


def sampler_of(items: list[Any], task: Any, config: Any, settings: FinetuneSettings) -> BalancedSampler:
    """Every item once an epoch, in steps of nearly equal work; with `balance`, of nearly equal numbers of each class."""
    lengths = np.array([len(item.ids) for item in items])
    classes = None
    if settings.balance:
        if not all(isinstance(item.target, int) for item in items):
            raise ValueError(f"balance: only tasks with one class for each example can be balanced, and {task.name} is none here")
        classes = np.array([item.target for item in items])
    costs = lengths + attention_cost(config) * lengths * lengths
    budget = max(settings.tokens_per_batch, int(lengths.max()))
    return BalancedSampler(costs, lengths, budget, settings.seed, classes)


def gradients(
    steps: Any, task: Any, items: list[Any], numbers: np.ndarray, settings: FinetuneSettings, rng: RandomKey, grads: Any,
    processes: Processes = ALONE,
) -> list[Any]:  # fmt: skip
    """This process's part of the gradient of the step of these items, written into `grads` -> the results of its micro-batches"""
    lengths = np.array([len(items[i].ids) for i in numbers])
    mine = take_share(np.arange(len(numbers)), lengths, processes.rank, processes.size, turn=int(numbers.sum()))
    batches = []
    for places in split_batch(mine, lengths, settings.accumulate):
        if len(places):
            part = numbers[places]
            arrays = task.collate([items[i] for i in part])
            batches.append({**arrays, "examples": part, "label_smoothing": settings.label_smoothing})
    return steps.gradients(batches, added([counts(arrays) for arrays in batches], processes), rng, grads)


def counts(arrays: dict[str, Any]) -> dict[str, float]:
    """By how many items the losses of a batch are divided; where tables of labels differ in their number, by the most."""
    found: dict[str, float] = {"tokens": len(arrays["ids"])}
    if arrays.get("masked_rows") is not None:
        found["mlm"] = len(arrays["masked_rows"])
    if arrays.get("labels") is not None:
        found["task"] = max(len(rows) for rows, _ in arrays["labels"])
    return found


def told(waiting: list[tuple[dict[str, Any], list[Any], Any]], processes: Processes = ALONE) -> list[dict[str, Any]]:
    """The records of steps with their losses, their share of right answers and their norms: fetched together, so that the host
    waits for the device once, and summed over the processes."""
    if not waiting:
        return []
    rows, counted = [], []
    for _, results, norm in waiting:
        graded = [r for r in results if r.correct is not None]
        nothing = np.zeros_like(norm)  # of a process that had no item in this step
        loss = sum(r.loss for r in results) if results else nothing
        rows.append(np.stack([loss, sum(r.correct for r in graded) if graded else nothing, norm]))
        counted.append([sum(r.answers for r in graded), len(graded)])
    numbers = backend.to_host(np.stack(rows))  # steps of 3
    summed = processes.totals(np.column_stack([numbers[:, :2], counted])).tolist()  # the norm is that of all already
    found = []
    for (record, _, _), (loss, correct, answers, graded), norm in zip(waiting, summed, numbers[:, 2].tolist()):
        right = {"accuracy": correct / max(1, answers)} if graded else {}
        found.append({**record, "loss": loss, "grad_norm": norm, **right})
    return found


def added(all_counts: list[dict[str, float]], processes: Processes = ALONE) -> dict[str, float]:
    """The denominators of a step from those of its parts, in all processes."""
    sums = processes.total(*(sum(each.get(name, 0) for each in all_counts) for name in DENOMINATORS))
    return {name: number or 1 for name, number in zip(DENOMINATORS, sums)}


def answers_of(task: Any, model: Any, tokenizer: Any, examples: list[Any], processes: Processes = ALONE) -> list[Any]:
    """The model's answer for each example; of several processes each answers every k-th, and all have all answers then."""
    if processes.size == 1:
        return task.answers(model, tokenizer, examples)
    mine = examples[processes.rank :: processes.size]
    parts = processes.gather(task.answers(model, tokenizer, mine) if mine else [])
    found: list[Any] = [None] * len(examples)
    for rank, part in enumerate(parts):
        found[rank :: processes.size] = part
    return found


def freeze(grads: Any, rates: dict[str, float]) -> None:
    """What does not learn has no part in the gradient's norm."""
    for name, array in grads.items():
        if rates[name] == 0:
            array[...] = 0


def plain(scores: dict[str, Any]) -> dict[str, Any]:
    """The scores that are numbers."""
    return {name: value for name, value in scores.items() if isinstance(value, int | float)}
