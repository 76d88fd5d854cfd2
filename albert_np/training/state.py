"""Everything about a run that changes while it runs, the parameters aside: begun afresh, or taken from a checkpoint."""

import warnings
from dataclasses import asdict, dataclass, field
from types import SimpleNamespace
from typing import Any

from albert_np.core import optim
from albert_np.engine.mpi import ALONE, Processes, Update, update_of
from albert_np.engine.precision import computing
from albert_np.io.files import write_json
from albert_np.models.config import AlbertConfig
from albert_np.training import checkpoint
from albert_np.training.callbacks import Report
from albert_np.training.divergence import Watch
from albert_np.training.init_mlm_bias import start_at_unigram
from albert_np.training.metrics import Metrics
from albert_np.training.run_folder import RunFolder
from albert_np.training.settings import Settings
from albert_np.version import __version__


@dataclass
class Place:
    """Where a run is: the updates made, and the next step of the epoch."""

    step: int = 0
    epoch: int = 0
    epoch_step: int = 0

    def advance(self, steps_of_epoch: int) -> None:
        self.step, self.epoch_step = self.step + 1, self.epoch_step + 1
        if self.epoch_step == steps_of_epoch:
            self.epoch, self.epoch_step = self.epoch + 1, 0


@dataclass
class RunState:
    """place, optimizer, metrics and watch; tokens: trained on so far; held_out: the last evaluation, held_out_step its step;
    update: how the processes update the parameters together; computing: what computes steps in the run's precision."""

    place: Place
    optimizer: SimpleNamespace
    metrics: Metrics
    watch: Watch
    tokens: int = 0
    held_out: dict[str, float] | None = None
    held_out_step: int = 0
    pruning: Any = None
    update: Update = field(default_factory=lambda: Update(ALONE))
    computing: Any = None

    @classmethod
    def begin(
        cls, folder: RunFolder, model: Any, data: Any, settings: Settings, report: Report, processes: Processes = ALONE
    ) -> "RunState":
        """A fresh state or, in a folder to resume, that of its newest whole checkpoint, copied into the model too. The first
        process reads it; how many there were when it was written does not matter."""
        update = update_of(processes, model.params, settings.shard_optimizer)
        if not folder.resume:
            optimizer = update.init(settings.optimizer, model.params, **settings.optimizer_options())
            if settings.start == "unigram" and processes.first:
                start_at_unigram(model.params, data.train.token_counts())
            processes.spread(model.params.flat)
            return cls(
                Place(), optimizer, Metrics(folder.metrics, writes=processes.first), Watch(model.config.vocab_size),
                pruning=begun(model, settings), update=update, computing=computing(model, settings.precision),
            )  # fmt: skip
        optimizer = optim.init(settings.optimizer, model.params, **settings.optimizer_options())

        def read() -> tuple[dict[str, Any], dict[str, Any]]:
            saved = folder.newest_checkpoint(report)
            check_resumable(saved, model.config, settings, data.fingerprint, report)
            saved.restore(model.params, optimizer)
            report.note(f"resuming after step {saved.step}, from {saved.folder}")
            return saved.state, saved.pruning()

        values, scores = processes.from_first(read)
        processes.spread(model.params.flat)
        optimizer = update.spread(optimizer)
        metrics = Metrics(folder.metrics, values["metrics"]["bytes"], values["metrics"]["seconds"], processes.first)
        steps = computing(model, settings.precision)
        steps.restore(values.get("loss_scale", {}))
        return cls(
            Place(**values["place"]), optimizer, metrics, Watch(model.config.vocab_size, values["watch"]),
            values["tokens"], values["held_out"], values["held_out_step"], begun(model, settings, scores), update, steps,
        )  # fmt: skip

    def save(self, folder: RunFolder, model: Any, data: Any, settings: Settings, tokenizer: Any, seconds: float) -> None:
        """A checkpoint of this moment, the model beside it, and old checkpoints removed: by the first process, with the moments
        of all."""
        optimizer = self.update.whole(model.params, self.optimizer)
        if self.update.processes.first:
            self._write(folder, model, data, settings, tokenizer, seconds, optimizer)
        self.update.processes.meet()

    def _write(
        self, folder: RunFolder, model: Any, data: Any, settings: Settings, tokenizer: Any, seconds: float,
        optimizer: SimpleNamespace,
    ) -> None:  # fmt: skip
        from safetensors import SafetensorError

        values = {
            "version": __version__,
            "step": self.place.step,
            "place": asdict(self.place),
            "seed": settings.seed,
            "settings": settings.to_dict(),
            "corpus": data.fingerprint,
            "corpus_folder": data.folder,
            "metrics": {"bytes": self.metrics.sync(), "seconds": seconds},
            "watch": self.watch.memory,
            "tokens": self.tokens,
            "held_out": self.held_out,
            "held_out_step": self.held_out_step,
            "loss_scale": self.computing.state(),
        }
        try:
            checkpoint.save(folder.checkpoints, model.config, model.params, optimizer, values, tokenizer, self.scores())
            checkpoint.prune(folder.checkpoints, settings.keep)
            self._publish(folder, model, data, settings, tokenizer)
        except (OSError, SafetensorError) as error:  # safetensors has an error of its own for a full disk
            reason = getattr(error, "strerror", None) or error
            raise OSError(
                f"step {self.place.step} could not be saved in {folder.path}: {reason}; the checkpoints before it are whole"
            ) from error

    def scores(self) -> dict[str, Any]:
        return {} if self.pruning is None else self.pruning.state()

    def _publish(self, folder: RunFolder, model: Any, data: Any, settings: Settings, tokenizer: Any) -> None:
        """The model, for others to load, and what `info` and the figures want to know."""
        from albert_np.io.packed_checkpoint import Packing, save_packed

        with warnings.catch_warnings():  # that shared layers are written out for other programs is not news at every save
            warnings.simplefilter("ignore")
            if self.pruning is None:
                model.save_pretrained(folder.path)
            else:
                save_packed(folder.path, model.config, model.params, type(model).__name__, Packing())
        if tokenizer is not None:
            tokenizer.save_pretrained(folder.path)
        facts = {
            "settings": settings.to_dict(),
            "unigram_entropy": data.unigram_entropy,
            "data": data.facts,
            "corpus_folder": data.folder,
        }
        write_json(folder.path / "run.json", {**facts, "vocab_size": model.config.vocab_size, "version": __version__})


def begun(model: Any, settings: Settings, state: dict[str, Any] | None = None) -> Any:
    """The pruning of a run, from its beginning or from what a checkpoint has of it; None if nothing is pruned."""
    from albert_np.compress.pruning import Pruning, Sparsity

    how = Sparsity.of(settings)
    if not how.amount:
        return None
    pruning = Pruning(how)
    pruning.begin(model.params)
    pruning.restore(state or {})
    return pruning


def check_resumable(
    saved: checkpoint.Checkpoint, config: AlbertConfig, settings: Settings, fingerprint: str, report: Report
) -> None:
    """ValueError that names every difference which would make it another run. Only what touches no parameter may differ,
    and the number of steps, which is said: the learning rate runs to its end."""
    theirs, was = saved.config(), Settings.from_dict(saved.state["settings"])
    mine, old = config.replace(recompute=False).to_dict(), theirs.replace(recompute=False).to_dict()
    different = [f"{key} is {mine[key]!r} now and was {old.get(key)!r}" for key in mine if mine[key] != old.get(key)]
    different += settings.differences(was)
    if fingerprint != saved.state["corpus"]:
        different.append("the corpus or its tokenizer is another one")
    if different:
        raise ValueError(f"cannot resume from {saved.folder}: {'; '.join(different)}")
    if (settings.steps, settings.epochs) != (was.steps, was.epochs):
        report.note(
            f"the run was planned for {_length(was)} and is now for {_length(settings)}: the learning rate runs to the new "
            "end from here on, so the result is not that of a run of either length made in one go"
        )


def _length(settings: Settings) -> str:
    return f"{settings.steps} steps" if settings.steps is not None else f"{settings.epochs} epochs"
