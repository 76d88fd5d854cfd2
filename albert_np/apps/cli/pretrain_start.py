"""The start of a pretraining run: its vocabulary and first weights, new or those of a given model."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer

from albert_np.models.config import AlbertConfig, check_config_name, config_from

if TYPE_CHECKING:
    from albert_np.models import AlbertForPreTraining
    from albert_np.text import Tokenizer
    from albert_np.training import Settings


SHOWN = ("optimizer", "learning_rate", "warmup", "steps")  # settings of a schedule that are always said


@dataclass(frozen=True)
class RunArguments:
    """The arguments of `albert-np pretrain` that say what is trained, on which text, and with which settings."""

    files: list[Path]
    out: Path
    config: str | None = None
    model: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    tokenizer: Path | None = None
    corpus: Path | None = None
    lower_case: bool | None = None
    keep_accents: bool | None = None
    resumes: bool = False

    def check_config(self) -> None:
        """Raise BadParameter or ValueError if --config contradicts --model, or names a model, whose weights it would not take, or
        if --schedule goes on from nothing."""
        if self.settings.get("schedule") == "continued" and self.model is None and not self.resumes:
            raise typer.BadParameter("--schedule continued goes on with a run's: name the run by --model")
        if self.config is None:
            return
        if self.model is not None:
            raise typer.BadParameter(f"{self.model} has a config of its own: leave out --config {self.config}")
        check_config_name(self.config)

    def check_resumed(self, config: AlbertConfig) -> None:
        """Raise ValueError if --config is not that of the run that is resumed, whatever its vocabulary."""
        if self.config is None:
            return
        now, then = config_from(self.config, self.fields).replace(vocab_size=config.vocab_size).to_dict(), config.to_dict()
        different = [f"{key} is {now[key]!r} in it and was {then.get(key)!r}" for key in now if now[key] != then.get(key)]
        if different:
            shown = "; ".join(different[:3])
            raise ValueError(f"cannot resume {self.out}: --config {self.config} is not that of the run: {shown}; leave it out")


def read_config(model: str, fields: dict[str, Any]) -> tuple[AlbertConfig, dict[str, Any]]:
    """Return a model's config with these fields, and {field: its former value} for those that change.

    The labels that a fine-tuning has left are dropped. ValueError for a vocabulary of another size.
    """
    stored = AlbertConfig.from_pretrained(model)
    extra = {key: value for key, value in stored.extra.items() if key != "label2id"}
    config = stored.replace(num_labels=2, id2label=None, problem_type=None, extra=extra)
    changed = {key: getattr(config, key) for key, value in fields.items() if config.replace(**{key: value}) != config}
    if "vocab_size" in changed:
        raise ValueError(f"--vocab-size is for a new vocabulary; that of {model} has {config.vocab_size} pieces, and is kept")
    return config.replace(**fields), changed


def load_model(
    model: str, config: AlbertConfig, settings: "Settings", changed: Mapping[str, Any] = MappingProxyType({})
) -> "AlbertForPreTraining":
    """Return the model to go on from. The seed decides the initial values of heads that it lacks; a warning names them, if they
    are trained.

    changed: fields of the config that the command changes. ValueError if the weights do not fit them.
    """
    from albert_np.io.files import DataError
    from albert_np.models import AlbertForPreTraining

    try:
        with warnings.catch_warnings():
            if settings.objective == "none":
                warnings.filterwarnings("ignore", message=".*no weights for (pooler, sop|pooler|sop):")  # they are not used
            return AlbertForPreTraining.from_pretrained(model, seed=settings.seed, config=config)
    except DataError as error:
        if not changed:
            raise
        fields = ", ".join(f"{key} {getattr(config, key)!r} instead of {old!r}" for key, old in changed.items())
        raise ValueError(
            f"with {fields} the weights of {model} do not fit: leave that out, or train a new model; {error}"
        ) from None


def check_curves(tensorboard: str, seed: int) -> None:
    """Raise an error, before the text is tokenised, if the curves of a new run cannot be written into this folder."""
    from albert_np.engine.mpi import world
    from albert_np.training.tensorboard import check_tensorboard

    world().broadcast_object(lambda: check_tensorboard(tensorboard, range(seed, seed + 1), False))


def read_tensorboard(out: Path) -> str | None:
    """Return the folder in which the run in `out` has its curves; None if it has none."""
    from albert_np.io.files import read_json

    run = read_json(out / "run.json", file_names=True) if (out / "run.json").is_file() else {}
    return run.get("tensorboard") if isinstance(run, dict) else None


def load_vocabulary(model: str, tokenizer: Path | None) -> "Tokenizer":
    """Return the vocabulary of a model, or the given one if there is none beside the weights. ValueError if both differ."""
    from albert_np.io import sources
    from albert_np.text import AlbertTokenizer

    is_weights_file = sources.kind(model) == "file" and not Path(model).is_dir()
    beside: Any = Path(model).parent if is_weights_file else model
    given = None if tokenizer is None else AlbertTokenizer.from_pretrained(tokenizer)
    try:
        own = AlbertTokenizer.from_pretrained(beside)
    except FileNotFoundError as error:
        if given is None:
            raise ValueError(f"{model} has no vocabulary: name it by --tokenizer ({error})") from None
        return given
    if given is not None and given.fingerprint() != own.fingerprint():
        raise ValueError(
            f"{tokenizer} is not the vocabulary of {model}: its ids would have other meanings; leave out --tokenizer"
        )
    return own


def describe_start(
    model: "AlbertForPreTraining", source: str, vocabulary: "Tokenizer", changed: dict[str, Any], settings: "Settings"
) -> str:
    """Return the line that says what a run starts from."""
    config = model.config
    text = (
        f"starts from {source}: {vocabulary.vocab_size:,} pieces, {config.num_hidden_layers} layers, hidden size "
        f"{config.hidden_size}, {model.params.count():,} parameters; "
    )
    if settings.schedule == "continued":
        text += f"optimiser state and learning-rate schedule go on, to step {settings.steps:,}"
    else:
        text += "new optimiser state and learning-rate schedule"
    if changed:
        text += "; changed: " + ", ".join(f"{key} {getattr(config, key)!r} instead of {old!r}" for key, old in changed.items())
    return text


def describe_settings(source: str, known: dict[str, Any], settings: "Settings", given: dict[str, Any]) -> str:
    """Return the line that says which settings of a run that goes on from a model were not given, and where they are from.

    known: the settings of the run `source`, {} for a model of another kind
    """
    from albert_np.training import Settings
    from albert_np.training.continuing import EXAMPLES, SCHEDULE

    defaults = Settings()
    inherited: dict[str, list[str]] = {f"as {source} was trained: ": [], "by default: ": []}
    continues = settings.schedule == "continued"
    for name in [*EXAMPLES, *(SCHEDULE if continues else ())]:
        value = getattr(settings, name)
        shown = name in EXAMPLES or name in SHOWN or value != getattr(defaults, name)
        if name not in given and shown:
            inherited[f"as {source} was trained: " if name in known else "by default: "].append(f"{name} {value}")
    return "; ".join(start + ", ".join(values) for start, values in inherited.items() if values)


def get_vocabulary(arguments: RunArguments, vocab_size: int, note: Callable[[str], None]) -> "Tokenizer":
    """Return the vocabulary of a new run: the model's, the given one, or one that is trained on the files, stored in `out`."""
    from albert_np.apps.cli.tokenizer import train_and_save
    from albert_np.text import AlbertTokenizer
    from albert_np.text.coverage import check_normaliser, describe_normaliser

    wanted = arguments.lower_case, arguments.keep_accents
    source = arguments.model or arguments.tokenizer
    if arguments.model is not None:
        vocabulary = load_vocabulary(arguments.model, arguments.tokenizer)
    elif arguments.tokenizer is not None:
        vocabulary = AlbertTokenizer.from_pretrained(arguments.tokenizer)
    if source is not None:
        check_normaliser(vocabulary, str(source), *wanted)
        return vocabulary
    switches = wanted[0] is not False, bool(wanted[1])
    note(f"training a vocabulary of {vocab_size} pieces: {describe_normaliser(*switches)}{_describe_choices(*switches)}")
    return train_and_save(arguments.files, arguments.out, vocab_size, *switches)


def _describe_choices(lower_case: bool, keep_accents: bool) -> str:
    options = ["--cased keeps capitals"] * lower_case + ["--keep-accents keeps accents"] * (not keep_accents)
    return f" ({', '.join(options)})" if options else ""


def note_separator(files: list[Path], note: Callable[[str], None]) -> None:
    """Report a sign such as <|endoftext|> that separates the documents of other programs' files, and is read as text here."""
    from albert_np.data.text_sample import find_separator, sample_text

    sign, alone, within = find_separator(sample_text(files)[0])
    if alone:
        note(f"{sign} is a line of the text and is read as text: if it ends documents, give --document-separator '{sign}'")
    elif within:
        note(
            f"{sign} is within lines of the text and is read as text: --document-separator '{sign}' needs it on a line of its own"
        )
