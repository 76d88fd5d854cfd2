"""AlbertConfig: the sizes and choices that define a model. Frozen, validated, under Hugging Face's field names."""

import dataclasses
import difflib
import os
import reprlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.core.config import Config
from albert_np.io import config_files
from albert_np.io.config_files import unknown_key

ACTIVATIONS = ("gelu_new", "gelu", "relu", "tanh")
FACTORED = (  # the weights of a block that `ranks` may name
    "attention.query", "attention.key", "attention.value", "attention.output", "ffn.intermediate", "ffn.output",
)  # fmt: skip
SHARINGS = ("all", "attention", "ffn", "none")

LARGEST = 2**31 - 1  # of any one size
MOST_BLOCKS = 100_000  # that one pass runs through
MOST_PARAMETERS = 2**38  # a tebibyte in float32: a thousand times ALBERT-xxlarge

# Sizes: paper Table 1 (xlarge with the 16 heads of the released configuration); tiny and small are ours, for CPUs.
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": dict(vocab_size=4000, embedding_size=64, hidden_size=128, num_hidden_layers=4, num_attention_heads=4,
                 intermediate_size=512, max_position_embeddings=128),
    "small": dict(vocab_size=8000, embedding_size=128, hidden_size=256, num_hidden_layers=6, num_attention_heads=4,
                  intermediate_size=1024, max_position_embeddings=256),
    "base": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072),
    "large": dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
    "xlarge": dict(hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, intermediate_size=8192),
    "xxlarge": dict(hidden_size=4096, num_hidden_layers=12, num_attention_heads=64, intermediate_size=16384),
}  # fmt: skip


@dataclass(frozen=True)
class AlbertConfig(Config):
    """The defaults are those of transformers' AlbertConfig (ALBERT-xxlarge); `AlbertConfig.preset` has the others.

    sharing        which parameters the L layers share (paper section 3.1, Table 4): "all" (with num_hidden_groups), "attention",
                   "ffn" or "none".
    fusion_layers  indices of hidden_states (0 is the projected embedding), increasing, that are fused pairwise into the
                   representation that the heads read; () is plain ALBERT.
    pad_row_gradient   False leaves the padding piece's row of the word table out of the lookup's gradient, as transformers does
                   (torch's padding_idx); the decoder's part stays. It matters only where a visible token is the padding piece.
    attention_head_size  D; None: hidden_size / num_attention_heads. Heads that were cut away (`compress`) leave A · D below H.
    ranks          {"ffn.intermediate": 64, ...}: weights of a block that are two factors of this rank (core/layers/linear.py).
    recompute      keep only a layer's input in the forward pass and compute the rest again in the backward pass.
    extra          foreign keys met while loading; written back by `save_pretrained`.

    Raises ValueError for unknown keys (naming the nearest) and for values that do not fit together.

    >>> config = AlbertConfig.preset("tiny", fusion_layers=(2, 4))
    >>> config.hidden_size, config.num_hidden_layers, config.sharing
    (128, 4, 'all')
    >>> config.replace(num_attention_heads=5)
    Traceback (most recent call last):
    ValueError: num_attention_heads must divide hidden_size: 128 is no multiple of 5
    """

    classifier_dropout_prob: float = 0.1
    num_labels: int = 2
    id2label: dict[int, str] | None = field(default=None, hash=False)
    problem_type: str | None = None
    attention_head_size: int | None = None
    ranks: dict[str, int] = field(default_factory=dict, hash=False)
    extra: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __new__(cls, *args: Any, **fields: Any) -> "AlbertConfig":
        for key in fields:
            if key not in FIELDS:
                raise ValueError(unknown_key(key, FIELDS))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        _check_types(self)
        object.__setattr__(self, "fusion_layers", tuple(self.fusion_layers))
        object.__setattr__(self, "ranks", dict(self.ranks))
        if self.id2label is not None:
            labels = {int(i): str(name) for i, name in self.id2label.items() if str(i).isdecimal()}
            if sorted(labels) != list(range(len(self.id2label))):
                raise ValueError(f"id2label must map 0, 1, 2, ... to names, not {_short(self.id2label)}")
            if self.num_labels not in (2, len(labels)):
                raise ValueError(f"num_labels is {self.num_labels}, but id2label names {len(labels)} labels")
            object.__setattr__(self, "id2label", labels)
            object.__setattr__(self, "num_labels", len(labels))
        _check_values(self)

    @property
    def head_width(self) -> int:
        """D, the width of one attention head."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def is_albert(self) -> bool:
        """Whether the network is one that other programs' ALBERT classes compute: no fusion, all heads, no factors."""
        full = self.num_attention_heads * self.head_width == self.hidden_size
        return full and not self.fusion_layers and not self.ranks

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> "AlbertConfig":
        """One of tiny, small, base, large, xlarge, xxlarge."""
        if name not in PRESETS:
            raise ValueError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
        return cls(**{**PRESETS[name], **overrides})

    def replace(self, **changes: Any) -> "AlbertConfig":
        """A copy with some fields changed, validated again."""
        for key in changes:
            if key not in FIELDS:
                raise ValueError(unknown_key(key, FIELDS))
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Every field and every foreign key, ready for JSON."""
        own = {key: getattr(self, key) for key in FIELDS if key != "extra"}
        own["fusion_layers"] = list(self.fusion_layers)
        for key in ("attention_head_size", "ranks"):  # of compressed models only
            if not own[key]:
                del own[key]
        if self.id2label is None:
            del own["id2label"]
        else:
            own["id2label"] = {str(i): name for i, name in self.id2label.items()}
            own["label2id"] = {name: i for i, name in self.id2label.items()}
        # transformers must not take what it has no class for as an ALBERT: it would load, and compute something else
        return {**self.extra, **own, "model_type": "albert" if self.is_albert and "compressed" not in self.extra else "albert_np"}

    def to_google(self) -> dict[str, Any]:
        """The keys of Google's albert_config.json, ready for JSON.

        There "gelu" is the tanh form, our "gelu_new". Google's code has no erf form: for ours it says "gelu_erf", which that
        code refuses, where "gelu" would make it compute something else. `from_pretrained` reads it back. ValueError with fusion.
        """
        return config_files.to_google(self)

    @classmethod
    def from_dict(
        cls, values: dict[str, Any], source: str = "config", strict: bool = False, weights: str | None = None
    ) -> "AlbertConfig":
        """Build from a config file's keys, of which no size may be missing. source: the beginning of each message.

        Foreign keys of known origin are kept; others warn, or raise if `strict`. weights: see `from_pretrained`.
        """
        fields = config_files.understood(values, source, strict, weights, FIELDS)
        try:
            return cls(**fields)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None

    @classmethod
    def from_pretrained(
        cls, path: str | os.PathLike[str], strict: bool = False, weights: str | None = None, **hub_options: Any
    ) -> "AlbertConfig":
        """Read a config: a file, a folder, Google's .tar.gz, or a name on the hub (hub_options: see `sources.local`).

        The weights decide what hidden_act "gelu" means: the tanh form with those of TensorFlow, and in Google's form of config
        where there are none, which a warning says; else the erf form. weights is "torch" (.safetensors, .bin, .pth), "tf", or
        None for what lies in the folder.

        Raises ValueError, which names the file, for what is not JSON, not ALBERT's, not supported or not complete;
        FileNotFoundError and OSError as `sources.local` does.
        """
        from albert_np.io import sources

        if weights is None and sources.kind(path) == "hub":
            weights = "torch"  # the only ones that are taken from there; the config comes alone
        with sources.local(path, "config", **hub_options) as here:
            values, file, kind = config_files.read(here, weights)
            return cls.from_dict(values, str(file), strict, kind)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write config.json into the folder, whole or not at all."""
        from albert_np.io.files import write_json

        Path(folder).mkdir(parents=True, exist_ok=True)
        write_json(Path(folder) / "config.json", self.to_dict())


FIELDS = tuple(f.name for f in dataclasses.fields(AlbertConfig))


def config_of(name: str, changes: dict[str, Any]) -> AlbertConfig:
    """A preset or a JSON file (or a folder with config.json), with some fields changed. An unknown key is refused by name."""
    if name in PRESETS:
        return AlbertConfig.preset(name, **changes)
    if not Path(name).exists():
        raise FileNotFoundError(f"there is no file {name!r}, and no such preset ({', '.join(PRESETS)})")
    config = AlbertConfig.from_pretrained(name, strict=True)
    return config.replace(**changes) if changes else config


def _check_types(config: AlbertConfig) -> None:
    for f in dataclasses.fields(config):
        value, name = getattr(config, f.name), f.name
        if f.type is int and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError(f"{name} must be an integer, not {_short(value)}")
        if f.type is float and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ValueError(f"{name} must be a number, not {_short(value)}")
        if f.type is bool and not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, not {_short(value)}")
        if f.type is str and not isinstance(value, str):
            raise ValueError(f"{name} must be a string, not {_short(value)}")
    if not isinstance(config.fusion_layers, (tuple, list)) or not all(type(i) is int for i in config.fusion_layers):
        raise ValueError(f"fusion_layers must be a list of integers, not {_short(config.fusion_layers)}")
    if config.id2label is not None and not isinstance(config.id2label, dict):
        raise ValueError(f"id2label must map numbers to names, not {_short(config.id2label)}")
    if config.attention_head_size is not None and (type(config.attention_head_size) is not int or config.attention_head_size < 1):
        raise ValueError(f"attention_head_size must be a positive integer or null, not {_short(config.attention_head_size)}")
    if not isinstance(config.ranks, dict) or not all(type(rank) is int for rank in config.ranks.values()):
        raise ValueError(f"ranks must map names of weights to integers, not {_short(config.ranks)}")
    for name in config.ranks:
        if name not in FACTORED:
            raise ValueError(f"ranks: only {', '.join(FACTORED)} can be factored, not {_short(name)}")
    if config.pad_token_id is not None and type(config.pad_token_id) is not int:
        raise ValueError(f"pad_token_id must be an integer or null, not {_short(config.pad_token_id)}")


def _factored(config: AlbertConfig) -> dict[str, tuple[int, int]]:
    """The shape of every weight that can be factored."""
    H, F, W = config.hidden_size, config.intermediate_size, config.num_attention_heads * config.head_width
    inner = [(H, W)] * 3 + [(W, H)]
    return dict(zip(FACTORED, [*inner, (H, F), (F, H)]))


def _short(value: Any) -> str:
    """A value for a message: a damaged file may hold a very long one."""
    return reprlib.repr(value)


def _check_values(config: AlbertConfig) -> None:
    sizes = [f.name for f in dataclasses.fields(config) if f.type is int]
    for name in sizes:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1, not {_short(getattr(config, name))}")
        if getattr(config, name) > LARGEST:
            raise ValueError(f"{name} is {_short(getattr(config, name))}: no size may be above {LARGEST}")
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob"):
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {_short(getattr(config, name))}")
    for name in ("initializer_range", "layer_norm_eps"):
        if not 0 < getattr(config, name) < 1e30:  # float32 ends at 3e38
            raise ValueError(f"{name} must be a positive number, not {_short(getattr(config, name))}")
    if config.pad_token_id is not None and not 0 <= config.pad_token_id < config.vocab_size:
        raise ValueError(f"pad_token_id must be an id of the vocabulary, 0 to {config.vocab_size - 1}, not {config.pad_token_id}")
    problems = None, "regression", "single_label_classification", "multi_label_classification"
    if config.problem_type not in problems:
        raise ValueError(f"problem_type must be one of {', '.join(map(str, problems))}, not {_short(config.problem_type)}")
    if config.hidden_act not in ACTIVATIONS:
        near = difflib.get_close_matches(config.hidden_act[:40].lower(), ACTIVATIONS, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"hidden_act must be one of {', '.join(ACTIVATIONS)}, not {_short(config.hidden_act)}{hint}")
    if config.sharing not in SHARINGS:
        raise ValueError(f"sharing must be one of {', '.join(SHARINGS)}, not {_short(config.sharing)}")
    L, G = config.num_hidden_layers, config.num_hidden_groups
    if config.attention_head_size is None and config.hidden_size % config.num_attention_heads:
        raise ValueError(
            f"num_attention_heads must divide hidden_size: {config.hidden_size} is no multiple of {config.num_attention_heads}"
        )
    for name, rank in config.ranks.items():
        if not 1 <= rank <= min(_factored(config)[name]):
            raise ValueError(f"ranks: the rank of {name} must be from 1 to {min(_factored(config)[name])}, not {_short(rank)}")
    if L % G:
        raise ValueError(f"num_hidden_groups must divide num_hidden_layers: {L} is no multiple of {G}")
    if config.sharing != "all" and G not in (1, L):
        raise ValueError(f"sharing={config.sharing!r} says which layers share: num_hidden_groups must be 1, not {G}")
    levels = config.fusion_layers
    if levels and (len(levels) < 2 or list(levels) != sorted(set(levels)) or levels[0] < 0 or levels[-1] > L):
        raise ValueError(
            f"fusion_layers must be at least two increasing indices of hidden_states, 0 to {L}, not {_short(list(levels))}"
        )
    _check_memory(config)


def _check_memory(config: AlbertConfig) -> None:
    """ValueError for sizes that no machine has the memory for, before anything is allocated or even listed."""
    blocks = config.num_hidden_layers * config.inner_group_num
    if blocks > MOST_BLOCKS:
        raise ValueError(f"num_hidden_layers * inner_group_num is {blocks}: {MOST_BLOCKS} blocks at most are supported")
    V, E, H, F = config.vocab_size, config.embedding_size, config.hidden_size, config.intermediate_size
    embeddings = (V + config.max_position_embeddings + config.type_vocab_size + H) * E
    layers = config.num_groups * config.inner_group_num * (4 * H + 2 * F) * H
    heads = (H + E + config.num_labels) * H
    if embeddings + layers + heads > MOST_PARAMETERS:
        size = f"{embeddings + layers + heads:.1e} parameters"
        raise ValueError(f"these sizes make {size}, which would need more memory than there is: {MOST_PARAMETERS:.1e} at most")
