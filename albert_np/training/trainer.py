"""The trainer: one loop for pretraining and for fine-tuning.

A run that is stopped and resumed ends with the very parameters of one that was not (on the same machine, with the same number
of threads: otherwise BLAS sums in another order).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.core import optim
from albert_np.core.optim import OptimizerState
from albert_np.core.random import RandomKey
from albert_np.engine.mpi import PARAMS_DIFFERED, Processes, get_reducer
from albert_np.engine.precision import get_precision_policy
from albert_np.engine.stop import Stop
from albert_np.training import checkpoint
from albert_np.training.callbacks import Callback
from albert_np.training.constraints import Constraint, forward_context
from albert_np.training.losses import LossBuffer
from albert_np.training.memory import explain_memory
from albert_np.training.objective import TrainableModel, loss_denominators
from albert_np.training.state import TrainerState
from albert_np.training.trainer_settings import TrainerSettings
from albert_np.version import __version__

Arrays = dict[str, Any]


@dataclass
class Checkpoints:
    """Where a run is saved. resume: continue from the newest checkpoint; keep: how many to keep, besides the best one;
    seconds: between two of a fine-tuning."""

    folder: Path
    resume: bool = False
    keep: int = 2
    seconds: float = 60.0


class Trainer:
    """A training run. `Pretraining` and `Finetuning` say where the batches come from, what is logged, and what is due when."""

    losses: LossBuffer
    optimizer_name = "adamw"
    restores_moments = False  # `init_new_run` takes the optimiser's moments from an earlier run
    rates: dict[str, float] | None = None  # of the tensors whose learning rate is not the schedule's: a factor
    has_dropout = True  # False: no key of random draws is given to the objective
    tokenizer: Any = None  # stored in the checkpoints

    def __init__(
        self,
        model: TrainableModel,
        settings: TrainerSettings,
        constraints: Sequence[Constraint],
        callback: Callback,
        processes: Processes,
        stop: Stop,
        checkpoints: Checkpoints | None,
    ) -> None:
        """Create the trainer; `begin` makes it ready to train. stop: changes when a signal asks for an end."""
        self.model, self.params, self.settings = model, model.params, settings
        self.constraints, self.callback, self.processes, self.stop = constraints, callback, processes, stop
        self.checkpoints = checkpoints
        self.reducer = get_reducer(processes, model.params, settings.shard_optimizer)
        self.policy = get_precision_policy(model, settings.precision)
        self.peak = settings.learning_rate or 0.0
        self.total_steps = self.warmup = 0
        self.state = TrainerState(optim.init(self.optimizer_name, self.params, **settings.optimizer_options()))

    # ---- the loop ----

    def train(self) -> None:
        """Train until all steps are made or a signal asks to stop; losses that are still on the device are read then."""
        settings, state, processes = self.settings, self.state, self.processes
        params, grads = self.params, self.params.zeros_like()
        self.callback.start(state.step, self.total_steps)
        while not (self.is_finished() or self.stop.signal):
            batches = self.micro_batches()  # of this process
            denominators = loss_denominators(batches, processes)
            key = RandomKey(settings.seed, state.step) if self.has_dropout else None

            with forward_context(self.constraints, params):
                with explain_memory(state.step + 1, batches):
                    results = self.policy.compute_gradients(batches, denominators, key, grads)  # forward and backward
                self.reducer.all_reduce(grads)
                for constraint in self.constraints:
                    constraint.on_gradients(params, grads)
            norm = self.reducer.clip(grads, settings.clip_norm)  # the norm before clipping
            norm = self.policy.update_loss_scale(norm)  # float16: if it is not finite, the step changes nothing
            lr = self.learning_rate(state.step)
            self.reducer.step(params, grads, state.optimizer, lr, self.rates)
            state.step, state.epoch_step = state.step + 1, state.epoch_step + 1
            for constraint in self.constraints:
                constraint.on_step_end(params, state.optimizer, state.step)

            tokens = sum(len(arrays["ids"]) for arrays in batches)
            self.losses.add(self.new_record(lr, tokens), results, norm)
            if self.log_is_due():
                self.drain_losses()
            if self.epoch_is_complete():
                self.end_epoch()
            if self.evaluation_is_due():
                self.evaluate()
            if self.checkpoint_is_due():
                self.save()
        self.drain_losses()

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of the update that is made after `step` others.

        With an offset of o the schedule is that of a run with o more updates, all before the first: the first rate is 0 for
        o = 0, and peak / (warmup + 1) for o = 1.
        """
        offset = self.settings.schedule_offset
        return optim.learning_rate(step + offset, self.peak, self.warmup + offset, self.total_steps + offset)

    # ---- what a subclass defines ----

    def is_finished(self) -> bool:
        """Return True once all steps are made."""
        return self.state.step >= self.total_steps

    def steps_per_epoch(self, epoch: int) -> int:
        raise NotImplementedError

    def micro_batches(self) -> list[Arrays]:
        """Return this process's share of the next step's batch: packed host arrays, as `TaskBatch.pack` takes them."""
        raise NotImplementedError

    def new_record(self, lr: float, tokens: int) -> dict[str, Any]:
        """Return what is known about a step before its losses are fetched. tokens: those of this process."""
        raise NotImplementedError

    def drain_losses(self) -> None:
        """Fetch the losses of the last steps, log them, and raise Diverged if they show that training has gone wrong."""
        raise NotImplementedError

    def log_is_due(self) -> bool:
        raise NotImplementedError

    def end_epoch(self) -> None:
        """Called after the last step of an epoch."""
        self.state.next_epoch()

    def evaluation_is_due(self) -> bool:
        return False

    def evaluate(self) -> None:
        """Evaluate on held-out documents."""

    def checkpoint_is_due(self) -> bool:
        raise NotImplementedError

    def epoch_is_complete(self) -> bool:
        return self.state.epoch_step == self.steps_per_epoch(self.state.epoch)

    # ---- start, checkpoints ----

    def begin(self) -> None:
        """Make a new run ready, or continue from the newest checkpoint, with which parameters and constraints are restored too.

        The main process reads it; the number of processes when it was written does not matter.
        """
        state, processes = self.state, self.processes
        stored: dict[str, Any] | None = None
        if self.checkpoints is not None and self.checkpoints.resume:
            stored = processes.broadcast_object(self.read_checkpoint)
        if stored is None and processes.is_main:
            self.init_new_run()
        processes.broadcast(self.params.flat)
        has_moments = stored is not None or self.restores_moments
        state.optimizer = (self.reducer.broadcast_state if has_moments else self.reducer.shard_state)(state.optimizer)
        if stored is not None:
            state.restore(stored["state"], stored["history"])
            self.policy.restore(stored["state"].get("loss_scale", {}))
            if state.history.best:
                state.best = self.params.zeros_like().flat if state.best is None else state.best  # read in the main process
                processes.broadcast(state.best)
        if self.policy.loss_scale is not None:
            state.optimizer.loss_scale = self.policy.loss_scale  # its kernel reads whether to skip the update
        for index, constraint in enumerate(self.constraints):
            constraint.start(self.params, self.total_steps)
            if stored is not None and index in stored["constraints"]:
                constraint.restore(stored["constraints"][index])
        self.restore_more({} if stored is None else stored["state"])

    def init_new_run(self) -> None:
        """Initialise what depends on the data. Called in the main process, for a run without a checkpoint."""

    def restore_more(self, stored: dict[str, Any]) -> None:
        """Restore what a subclass has stored in state.json; {} for a new run."""

    def find_checkpoint(self) -> checkpoint.Checkpoint | None:
        """Return the newest checkpoint that is whole; the callback is notified of damaged ones."""
        assert self.checkpoints is not None
        checkpoint.clean(self.checkpoints.folder)
        return checkpoint.newest(self.checkpoints.folder, self.callback.note)

    def read_checkpoint(self) -> dict[str, Any] | None:
        """Copy the checkpoint to continue from into the parameters, the moments and those of the best epoch.

        Return what else it stores, for all processes; None if there is none.
        """
        saved = self.find_checkpoint()
        if saved is None:
            return None
        saved.restore(self.params, self.state.optimizer)
        self.state.best = saved.best_params(self.params)
        self.callback.note(f"resuming after step {saved.step}, from {saved.folder}")
        return {"state": saved.state, "history": saved.history(), "constraints": saved.constraints()}

    def save(self) -> None:
        """Write a checkpoint of this moment, with the moments of all processes. OSError: the earlier ones are whole."""
        self.drain_losses()  # raises before a diverged model could be saved
        if self.reducer.synchronize(self.params):
            self.callback.note(PARAMS_DIFFERED)
        optimizer = self.reducer.gather_state(self.params, self.state.optimizer)
        if self.processes.is_main:
            self.write_checkpoint(optimizer)
        self.processes.barrier()

    def write_checkpoint(self, optimizer: OptimizerState) -> None:
        """Write it in this process, and what else is written with every checkpoint."""
        assert self.checkpoints is not None
        folder, state = self.checkpoints.folder, self.state
        try:
            checkpoint.save(
                folder, self.model.config, self.params, optimizer, self.stored_values(), self.tokenizer,
                [constraint.state() for constraint in self.constraints], self.stored_history(), state.best,
            )  # fmt: skip
            checkpoint.prune(folder, self.checkpoints.keep)
            self.publish()
        except OSError as error:
            reason = error.strerror or error
            raise OSError(
                f"step {state.step} could not be saved in {folder}: {reason}; the checkpoints before it are whole"
            ) from error

    def stored_values(self) -> dict[str, Any]:
        """Return the contents of state.json."""
        return {
            "version": __version__,
            **self.state.to_dict(),
            "seed": self.settings.seed,
            "settings": self.settings.to_dict(),
            "metrics": {"seconds": self.state.seconds()},
            "loss_scale": self.policy.state(),
        }

    def stored_history(self) -> dict[str, Any] | None:
        """Return the contents of history.json, for a fine-tuning."""
        return None

    def publish(self) -> None:
        """Write the model for other programs, beside the checkpoints."""
