"""Fine-tuning on one task: the trainer for it. The best epoch on the development examples is used."""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from albert_np.core import backend
from albert_np.data.formats.summary import count_noun
from albert_np.data.sampler import BalancedSampler, split_batch, take_share
from albert_np.engine.mpi import SINGLE_PROCESS, Processes
from albert_np.engine.stop import Stop
from albert_np.models.config import AlbertConfig
from albert_np.training.callbacks import Callback
from albert_np.training.constraints import Constraint, forward_context
from albert_np.training.data import attention_cost
from albert_np.training.divergence import Diverged
from albert_np.training.finetune_settings import FinetuneSettings
from albert_np.training.layer_rates import FrozenTensors, get_layer_rates
from albert_np.training.losses import LossBuffer
from albert_np.training.objective import FinetuneTask, loss_denominators
from albert_np.training.selection import LOSS, describe_choice, is_better, is_constant, scores_to_choose_by
from albert_np.training.state import History
from albert_np.training.trainer import Arrays, Checkpoints, Trainer
from albert_np.training.units import count_tokens, get_costs, get_units

LOG_EVERY = 10  # steps on a device between two readings of the losses, for which the host waits


def train_epochs(
    task: FinetuneTask,
    model: Any,
    tokenizer: Any,
    examples: list[Any],
    dev: list[Any],
    settings: FinetuneSettings,
    new_model: bool = False,
    callback: Callback | None = None,
    stop: Stop | None = None,
    constraints: Sequence[Constraint] = (),
    checkpoints: Checkpoints | None = None,
    processes: Processes = SINGLE_PROCESS,
) -> History:
    """Train `model` in place on the examples. It ends with the parameters of its best epoch by `task.metric` on the development
    examples (see `selection`) or, without these, with the last ones.

    new_model      the model was not pretrained, which changes the default learning rate
    constraints    the best epoch is one of those that were scored with the constraints in their final form
    checkpoints    where the run is saved, regularly and when it is stopped, and from where it is resumed, bit for bit
    processes      those that compute each step together; all of them call this alike

    Raises ValueError if there is nothing to train on, Diverged if the loss is not finite, OSError if it cannot be saved.
    """
    rows = [task.items(example, tokenizer) for example in examples]
    task.note_cut(rows, training=True)
    units = get_units(task, rows)
    if not units:
        raise ValueError("none of the training examples has a label that could be learned")
    if settings.label_smoothing and "mlm" not in getattr(model, "heads", ("mlm",)):
        raise ValueError(f"label_smoothing has no effect on {task.name}: it is for translation")
    given = constraints, callback or Callback(), processes, stop or Stop(), checkpoints
    run = Finetuning(task, model, tokenizer, units, dev, settings, new_model, *given)
    run.begin()
    return run.run()


class Finetuning(Trainer):
    """A fine-tuning run: an evaluation after every epoch, a checkpoint every minute or so."""

    settings: FinetuneSettings

    def __init__(
        self,
        task: FinetuneTask,
        model: Any,
        tokenizer: Any,
        units: list[list[Any]],
        dev: list[Any],
        settings: FinetuneSettings,
        new_model: bool,
        constraints: Sequence[Constraint],
        callback: Callback,
        processes: Processes,
        stop: Stop,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.rates = get_layer_rates(model.params, model.config, settings.layer_decay, settings.freeze)
        constraints = [*constraints, *([FrozenTensors(self.rates)] if settings.freeze else [])]
        super().__init__(model, settings, constraints, callback, processes, stop, checkpoints)
        self.task, self.units, self.dev, self.task_tokenizer = task, units, dev, tokenizer
        self.tokens = count_tokens(units)
        self.first_rows = np.cumsum([0, *map(len, units)])  # the index of each unit's first row among all rows
        self.sampler = get_sampler(units, task, model.config, settings)
        self.total_steps = settings.steps or sum(self.steps_per_epoch(epoch) for epoch in range(settings.epochs))
        self.warmup = math.ceil(settings.warmup * self.total_steps)
        self.peak = settings.peak(model.config, new_model)
        self.losses = LossBuffer(processes, ("loss", "correct"), count_answers)
        self.on_host = backend.of(model.params.flat).name == "numpy"
        self.last_save = time.perf_counter()
        self.patience_is_exhausted = False

    def run(self) -> History:
        """Train, and set the parameters of the best epoch."""
        state, params = self.state, self.params
        if state.best is not None:
            self.score_best_again()
        if self.epoch_is_complete():  # the run was stopped between the last step of an epoch and its evaluation
            self.end_epoch()
        self.train()
        if self.stop.signal and not self.is_finished():
            state.history.stopped_by = self.stop.name
            if self.checkpoints is not None:
                self.save()
        if state.best is not None:
            params.flat[...] = state.best
            state.history.chosen_by, note = describe_choice(self.candidates(), *self.criteria())
            if note:
                self.callback.note(note)
        for constraint in self.constraints:
            constraint.finish(params)
        return state.history

    # ---- the loop ----

    def is_finished(self) -> bool:
        is_last = self.state.step >= self.total_steps and not self.state.epoch_step  # and its epoch was evaluated
        return is_last or self.patience_is_exhausted

    def epoch_is_complete(self) -> bool:
        """Return True after the last step of an epoch, or of the run, which may end within one."""
        return super().epoch_is_complete() or (self.state.epoch_step > 0 and self.state.step >= self.total_steps)

    def steps_per_epoch(self, epoch: int) -> int:
        return len(self.sampler.batches(epoch))

    def micro_batches(self) -> list[Arrays]:
        batch = self.sampler.batches(self.state.epoch)[self.state.epoch_step]  # indices of units
        own = take_share(batch, self.tokens, self.processes.rank, self.processes.size)
        micro_batches = []
        for part in split_batch(own, self.tokens, self.settings.accumulate):
            if len(part):
                arrays = self.task.collate([row for i in part for row in self.units[i]])
                rows = np.concatenate([np.arange(self.first_rows[i], self.first_rows[i + 1]) for i in part])
                micro_batches.append({**arrays, "examples": rows, "label_smoothing": self.settings.label_smoothing})
        return micro_batches

    def new_record(self, lr: float, tokens: int) -> dict[str, Any]:
        state = self.state
        record: dict[str, Any] = {"step": state.step, "epoch": state.epoch + 1, "lr": lr, "tokens": tokens}
        return {**record, "seconds": round(state.seconds(), 3)}

    def log_is_due(self) -> bool:
        return self.on_host or self.state.step % LOG_EVERY == 0

    def drain_losses(self) -> None:
        for known, (loss, correct, answers, graded), norm in self.losses.drain():
            record = {**known, "loss": loss, "grad_norm": norm}
            if graded:
                record["accuracy"] = correct / max(1, answers)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                where = f"the loss became NaN or infinite at step {record['step']}"
                raise Diverged(f"{where}; try a lower `learning_rate` (it was {self.peak:g})")
            self.state.history.steps.append(record)
            self.callback.step(record)

    def end_epoch(self) -> None:
        """Evaluate on the development examples; record the scores, and the parameters if they are the best so far.

        After a signal the epoch stays open: the resumed run evaluates it.
        """
        if self.checkpoint_is_due():
            self.save()  # an evaluation may take long
        self.drain_losses()
        if self.stop.signal:
            return
        state, metric = self.state, self.task.metric
        history = state.history
        state.next_epoch()
        if not self.dev:
            return
        scores, answers = self.score()
        history.epochs.append({"epoch": state.epoch, "step": state.step, "dev": numeric_scores(scores)})
        self.add_dev_loss()
        self.callback.evaluation({**history.epochs[-1], metric: scores[metric]})
        if not all(constraint.is_final(state.step) for constraint in self.constraints):
            return
        if not history.best or self.is_better_than_best():
            history.best, history.scores, history.answers = state.epoch, scores, answers
            state.best = self.params.flat.copy()
        elif self.settings.patience and state.epoch - history.best >= self.settings.patience:
            self.callback.note(f"no better than epoch {history.best} for {count_noun(self.settings.patience, 'epoch')}: stopped")
            self.patience_is_exhausted = True

    def checkpoint_is_due(self) -> bool:
        """Return True if the time between two checkpoints has passed, by the clock of the main process.

        When a run is saved does not affect its result. After the last epoch that patience allows, nothing may be saved: a run
        resumed from there would train another one.
        """
        if self.checkpoints is None or self.patience_is_exhausted:
            return False
        passed = self.processes.is_main and time.perf_counter() - self.last_save >= self.checkpoints.seconds
        return bool(self.processes.sum_numbers(passed)[0])

    def save(self) -> None:
        super().save()
        self.last_save = time.perf_counter()

    def stored_history(self) -> dict[str, Any]:
        return self.state.history.to_dict()

    # ---- scores ----

    def score(self) -> tuple[dict[str, Any], list[Any]]:
        """Return the scores on the development examples, with the constraints applied, and the answers."""
        with forward_context(self.constraints, self.params):
            answers = get_answers(self.task, self.model, self.task_tokenizer, self.dev, self.processes)
        return self.task.score(self.dev, answers), answers

    def criteria(self) -> tuple[tuple[str, ...], float]:
        """Return the names of the scores that choose the best epoch, the first that differs between epochs, and the best value of
        the first."""
        return (self.task.metric, *self.task.fallbacks, LOSS), self.task.perfect

    def candidates(self) -> list[dict[str, float]]:
        """Return the scores of the epochs among which the best one is chosen, those with the constraints in their final form."""
        history = self.state.history
        final = [each for each in history.epochs if all(constraint.is_final(each["step"]) for constraint in self.constraints)]
        return [scores_to_choose_by(record, self.task.errors()) for record in final]

    def add_dev_loss(self) -> None:
        """Record the loss on the development examples with the last epoch, as long as the task's score may not be enough."""
        candidates = self.candidates()
        if candidates and is_constant(candidates, self.task.metric, self.task.perfect):
            with forward_context(self.constraints, self.params):
                loss = mean_loss(self.model, self.task, self.dev, self.task_tokenizer, self.settings, self.processes)
            if loss is not None:
                self.state.history.epochs[-1]["dev_loss"] = loss

    def is_better_than_best(self) -> bool:
        """Return whether the last epoch is better than the best one before it. Only stored records decide: a resumed run chooses
        the same epoch."""
        history, candidates = self.state.history, self.candidates()
        best = candidates[history.best - history.epochs[-1]["epoch"] - 1]
        return is_better(candidates[-1], best, candidates, *self.criteria())

    def score_best_again(self) -> None:
        """Compute scores and answers of the best epoch, which checkpoints do not store."""
        flat, history = self.params.flat, self.state.history
        current = flat.copy()
        flat[...] = self.state.best
        history.scores, history.answers = self.score()
        flat[...] = current


def get_sampler(units: list[list[Any]], task: FinetuneTask, config: AlbertConfig, settings: FinetuneSettings) -> BalancedSampler:
    """Return the sampler of a run: every unit once per epoch, in steps of nearly equal work; with `balance`, of nearly equal
    numbers of each class; with `batch_size`, of so many units, up to one."""
    tokens, classes = count_tokens(units), None
    if settings.balance:
        if task.keeps_rows_together or not all(isinstance(row.target, int) for unit in units for row in unit):
            raise ValueError(f"balance needs one class for each example; the labels of {task.name} here are something else")
        classes = np.array([unit[0].target for unit in units])
    costs = get_costs(units, attention_cost(config))
    if settings.batch_size is not None:
        budget = round(settings.batch_size * tokens.mean())
        return BalancedSampler(costs, tokens, budget, settings.seed, mode="random")
    budget = max(settings.tokens_per_batch, int(tokens.max()))
    return BalancedSampler(costs, tokens, budget, settings.seed, classes)


def count_answers(results: list[Any]) -> tuple[int, ...]:
    """Return the number of answers that were compared with labels, and that of the micro-batches with such answers."""
    graded = [r for r in results if r.correct is not None]
    return sum(r.answers for r in graded), len(graded)


def get_answers(
    task: FinetuneTask, model: Any, tokenizer: Any, examples: list[Any], processes: Processes = SINGLE_PROCESS
) -> list[Any]:
    """Return the model's answer for each example. Each of k processes answers every k-th, and all get all answers."""
    if processes.size == 1:
        return task.answers(model, tokenizer, examples)
    own = examples[processes.rank :: processes.size]
    parts = processes.all_gather_objects(task.answers(model, tokenizer, own) if own else [])
    answers: list[Any] = [None] * len(examples)
    for rank, part in enumerate(parts):
        answers[rank :: processes.size] = part
    return answers


def mean_loss(
    model: Any, task: FinetuneTask, examples: list[Any], tokenizer: Any, settings: FinetuneSettings, processes: Processes
) -> float | None:
    """Return the loss on examples, without dropout and label smoothing; None if none of them has a label known from training."""
    units = get_units(task, (task.items(example, tokenizer) for example in examples))
    if not units:
        return None
    units.sort(key=lambda unit: sum(len(row.ids) for row in unit))
    ends = np.cumsum(count_tokens(units))  # units of one budget of tokens are a batch
    batches: dict[int, list[Any]] = {}
    for unit, end in zip(units, ends):
        batches.setdefault(int(end) // settings.tokens_per_batch, []).extend(unit)
    packed = [task.collate(batch) for batch in batches.values()]
    denominators = loss_denominators(packed, SINGLE_PROCESS)  # of all batches, though each process computes its share
    own = [model.packed_loss(model.pack_batch(**arrays), denominators) for arrays in packed[processes.rank :: processes.size]]
    total = sum(float(backend.to_host(results.loss)) for results in own)
    return float(processes.sum_table(np.array([total]))[0])


def numeric_scores(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the scores that are numbers; others are tables and names for people."""
    return {name: value for name, value in scores.items() if isinstance(value, int | float)}
