"""Whether a pretraining run may go on from a checkpoint: the same model, settings, corpus and start, on the same libraries."""

from albert_np.data.formats.summary import count_noun
from albert_np.engine.environment import describe_changes, describe_environment
from albert_np.models.config import AlbertConfig
from albert_np.training import checkpoint
from albert_np.training.callbacks import Callback
from albert_np.training.settings import Settings


def check_resumable(
    saved: checkpoint.Checkpoint, config: AlbertConfig, settings: Settings, fingerprint: str, callback: Callback
) -> None:
    """Raise ValueError that names every difference between this run and that of the checkpoint.

    Only settings that do not affect the parameters may differ, and with a note those that say when the learning rate falls to 0,
    and libraries and threads, which may add numbers in another order.
    """
    stored_config, stored = saved.config(), Settings.from_dict(saved.state["settings"])
    now, then = config.replace(recompute=False).to_dict(), stored_config.replace(recompute=False).to_dict()
    different = [f"{key} is {now[key]!r} now and was {then.get(key)!r}" for key in now if now[key] != then.get(key)]
    different += settings.differences(stored)
    if fingerprint != saved.state["corpus"]:
        different.append("the corpus or its tokenizer is another one")
    if different:
        raise ValueError(f"cannot resume from {saved.folder}: {'; '.join(different)}")
    done = saved.step
    if settings.steps is not None and settings.steps < done:
        raise ValueError(f"cannot resume from {saved.folder}: steps is {settings.steps} now, and {done} are done")
    if (environment := describe_environment()) != (then := saved.state.get("environment", environment)):
        callback.note(
            f"{describe_changes(then, environment)}: sums may be rounded differently from here on, so the result may differ in "
            "the last bits from that of a run that goes on as it began"
        )
    if (settings.steps, settings.epochs, settings.decay) != (stored.steps, stored.epochs, stored.decay):
        callback.note(
            f"the run was planned for {_format_length(stored)} and is now for {_format_length(settings)}: from here on the "
            "learning rate follows the new schedule, so the result differs from that of an uninterrupted run of either length"
        )


def check_source(saved: checkpoint.Checkpoint, source: dict[str, str]) -> None:
    """Raise ValueError if a source is given, and the run of the checkpoint started from other parameters."""
    stored = saved.state.get("source", {})
    if source and source["sha256"] != stored.get("sha256"):
        started = f"the parameters that {stored['model']} had then" if stored else "new parameters"
        raise ValueError(
            f"cannot resume from {saved.folder}: the run started from {started}, not from those of {source['model']}; leave out "
            "the model, or start another run"
        )


def _format_length(settings: Settings) -> str:
    length = count_noun(settings.steps, "step") if settings.steps is not None else count_noun(settings.epochs or 0, "epoch")
    return length if settings.decay is None else f"{length} with a decay of {settings.decay:,}"
