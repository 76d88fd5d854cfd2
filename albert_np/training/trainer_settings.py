"""The settings that pretraining and fine-tuning share, and the checks of both. Settings are frozen and validated."""

import dataclasses
import math
from dataclasses import dataclass
from types import UnionType
from typing import Any, ClassVar, TypeVar, get_args

from albert_np.engine.precision import PRECISIONS
from albert_np.io.similar_names import NOTES, suggest

S = TypeVar("S", bound="TrainerSettings")

ALIASES = {"lr": "learning_rate"}  # other names under which a setting may be given
KINDS = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}


class SettingsClass(type):
    """The class of the classes of settings: it accepts `ALIASES`, and refuses unknown names with the one that was meant."""

    def __call__(cls, *args: Any, **values: Any) -> Any:
        values = cls.complete(rename_aliases(values))  # type: ignore[attr-defined]
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        for key in values:
            if key not in names:
                raise ValueError(f"unknown setting {key!r}{suggest(key, names, {**NOTES, **cls.notes})}")  # type: ignore[attr-defined]
        return super().__call__(*args, **values)


def rename_aliases(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values under the settings' own names. ValueError if one is given under two names."""
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        name = ALIASES.get(key, key)
        if name in renamed or (name != key and name in values):
            raise ValueError(f"{key} and {name} are one setting; give one of them")
        renamed[name] = value
    return renamed


@dataclass(frozen=True)
class TrainerSettings(metaclass=SettingsClass):
    """The settings that every training run has. The subclasses describe them, set their defaults, and add their own.

    Raises ValueError that names the field, the value given and what was expected.
    """

    learning_rate: float | None = None
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6
    clip_norm: float = 1.0
    tokens_per_batch: int = 4096
    accumulate: int = 1
    sparsity: float | str = 0.0
    prune_by: str = "magnitude"
    prune_scope: str = "layer"
    prune_end: float = 0.7
    prune_embeddings: bool = True
    precision: str = "float32"
    seed: int = 0
    shard_optimizer: bool = False

    # The number of updates that the learning rate's schedule counts as made before the first one (see `Trainer.learning_rate`).
    schedule_offset: ClassVar[int] = 0
    notes: ClassVar[dict[str, str]] = {}  # {setting: its unit}, where other programs' settings of similar names have another
    # Settings that do not affect the parameters, so they may change when a run is resumed.
    changeable: ClassVar[tuple[str, ...]] = ("shard_optimizer",)

    def __post_init__(self) -> None:
        self.check_types()
        self.check_values()

    def check_types(self) -> None:
        """Raise ValueError for a value of the wrong type."""
        for field in dataclasses.fields(self):
            if (kinds := get_args(field.type) if isinstance(field.type, UnionType) else (field.type,)) and kinds[0] in KINDS:
                check_type(field.name, getattr(self, field.name), kinds)

    def check_values(self) -> None:
        """Raise ValueError for a value out of range, or for values that contradict each other."""
        from albert_np.training.constraints import get_constraints

        get_constraints(self)
        check_range(self, "tokens_per_batch accumulate", least=1)
        check_range(self, "weight_decay seed", least=0)
        check_range(self, "learning_rate clip_norm eps", above=0)
        check_range(self, "beta1 beta2", least=0, below=1)
        check_choice(self, "precision", PRECISIONS)
        if self.shard_optimizer and self.prune_by == "movement" and self.prunes:
            raise ValueError("shard_optimizer: pruning by movement needs the whole gradient in every process; prune by magnitude")

    @property
    def prunes(self) -> bool:
        """True if weights are pruned: the sparsity is a pattern or a share other than 0."""
        return ":" in str(self.sparsity) or float(self.sparsity) != 0

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values that were given, and those that follow from them."""
        return values

    @classmethod
    def from_dict(cls: type[S], values: dict[str, Any]) -> S:
        """Return settings with these values. ValueError for an unknown key, with the most similar setting."""
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return {name: value}, as JSON can store it."""
        return dataclasses.asdict(self)

    def replace(self: S, **changes: Any) -> S:
        """Return a copy with some fields changed, validated again."""
        return self.from_dict({**dataclasses.asdict(self), **rename_aliases(changes)})

    def optimizer_options(self) -> dict[str, Any]:
        """Return the options of `optim.init`."""
        return {key: getattr(self, key) for key in ("weight_decay", "beta1", "beta2", "eps")}

    def differences(self, other: "TrainerSettings", ignored: tuple[str, ...] = ()) -> list[str]:
        """Return "learning_rate is 0.1 now and was 0.2" for each field that keeps a run of `other` from being continued."""
        now, then = self.to_dict(), other.to_dict()
        return [
            f"{key} is {now[key]!r} now and was {then[key]!r}"
            for key in now
            if now[key] != then[key] and key not in (*self.changeable, *ignored)
        ]


def check_type(name: str, value: Any, kinds: tuple[Any, ...]) -> None:
    """Raise ValueError unless the value is of one of the kinds, types of KINDS or None's. An integer is a number, too."""
    accepted = (*kinds, int) if float in kinds else kinds
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in kinds):
        words = "a number, or a pattern such as 2:4" if kinds == (float, str) else KINDS[kinds[0]]
        raise ValueError(f"{name} must be {words}, not {value!r}")


def check_range(
    settings: Any, names: str, least: float = -math.inf, above: float = -math.inf, below: float = math.inf, most: float = math.inf
) -> None:
    """Raise ValueError unless least <= value, above < value, value < below and value <= most, for each name; None is allowed."""
    for name in names.split():
        value = getattr(settings, name)
        if value is None or (least <= value <= most and above < value < below):
            continue
        if above == 0 and below == most == math.inf:
            raise ValueError(f"{name} must be a positive number, not {value!r}")
        words = [f"at least {least:g}"] * (least > -math.inf) + [f"above {above:g}"] * (above > -math.inf)
        words += [f"below {below:g}"] * (below < math.inf) + [f"at most {most:g}"] * (most < math.inf)
        raise ValueError(f"{name} must be {' and '.join(words)}, not {value!r}")


def check_choice(settings: Any, name: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if getattr(settings, name) not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(settings, name)!r}")
