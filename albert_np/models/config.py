"""AlbertConfig: the sizes and options that define a model, frozen and validated, with Hugging Face's field names."""

import dataclasses
import difflib
import os
import reprlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albert_np.core.layers.activations import ACTIVATIONS
from albert_np.io import config_files
from albert_np.io.config_files import OTHER_ACTIVATIONS, SAME_ACTIVATION, SIZES, unknown_key
from albert_np.io.model_config import ModelConfig

FACTORED = (  # the weights of a block that may be in `ranks`
    "attention.query", "attention.key", "attention.value", "attention.output", "ffn.intermediate", "ffn.output",
)  # fmt: skip
SHARINGS = ("all", "attention", "ffn", "none")

MAX_SIZE = 2**31 - 1  # of any field
MAX_BLOCKS = 100_000  # in one forward pass
MAX_PARAMETERS = 2**38  # 1 TiB in float32: a thousand times ALBERT-xxlarge

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


@dataclass(frozen=True, repr=False)
class AlbertConfig(ModelConfig):
    """Configuration of a model. The defaults are those of transformers (ALBERT-xxlarge); `AlbertConfig.preset` has other sizes.

    sharing        which parameters the L layers share (paper section 3.1, Table 4): "all" (with num_hidden_groups), "attention",
                   "ffn" or "none".
    fusion_layers  indices of hidden_states (0 is the projected embedding), increasing, that are fused pairwise into the
                   representation that the heads read; () is plain ALBERT.
    pad_row_gradient   False: the padding token's row of the word table gets no gradient from the lookup, as in transformers
                   (torch's padding_idx), only from the decoder. It matters only where a visible token is the padding token.
    attention_head_size  D; None: hidden_size / num_attention_heads. After heads were removed (`compress`), A · D is below H.
    ranks          {"ffn.intermediate": 64, ...}: weights of a block that are two factors of this rank.
    recompute      store little in the forward pass and compute the rest again in the backward pass: of a block's twelve arrays
                   (N, H) two are stored, and a step takes about a fifth longer. On a GPU, and in the reference, a layer's input
                   alone is stored, and a step takes about a third longer. Losses and gradients are the same bit for bit.
    extra          keys of other programs in the loaded config; written back by `save_pretrained`.

    Raises ValueError for unknown keys (naming the nearest) and for values that do not fit together.

    >>> config = AlbertConfig.preset("tiny", fusion_layers=(2, 4))
    >>> config.hidden_size, config.num_hidden_layers, config.sharing
    (128, 4, 'all')
    >>> config.replace(num_attention_heads=5)
    Traceback (most recent call last):
    ValueError: num_attention_heads must divide hidden_size: 128 is not a multiple of 5
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
        object.__setattr__(self, "hidden_act", SAME_ACTIVATION.get(self.hidden_act, self.hidden_act))
        if self.id2label is not None:
            labels = {int(i): str(name) for i, name in self.id2label.items() if str(i).isdecimal()}
            if sorted(labels) != list(range(len(self.id2label))):
                raise ValueError(f"id2label must map 0, 1, 2, ... to names, not {_short(self.id2label)}")
            if self.num_labels not in (2, len(labels)):
                raise ValueError(f"num_labels is {self.num_labels}, but id2label names {len(labels)} labels")
            object.__setattr__(self, "id2label", labels)
            object.__setattr__(self, "num_labels", len(labels))
        _check_values(self)

    def __repr__(self) -> str:
        """Return the sizes, and the fields that differ from their defaults."""
        rest = [f"{name}={_short(getattr(self, name))}" for name in self._changed()]
        return f"{type(self).__name__}({', '.join([self.sizes(), *rest])})"

    def _repr_html_(self) -> str:
        from albert_np.io.html import make_table

        rows = [(name, _short(getattr(self, name))) for name in (*SIZES, *self._changed())]
        return make_table(rows, title=type(self).__name__)

    def _changed(self) -> list[str]:
        """Return the names of the fields, besides the sizes, that differ from their defaults."""
        defaults, names = type(self)(), [name for name in FIELDS if name not in (*SIZES, "extra")]
        return [name for name in names if getattr(self, name) != getattr(defaults, name)]

    def sizes(self) -> str:
        """Return "vocab_size=30000, ..." for each of the sizes."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in SIZES)

    @property
    def head_width(self) -> int:
        """D, the width of one attention head."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def is_albert(self) -> bool:
        """Return whether other programs' ALBERT classes can compute this network: no fusion, all heads, no low-rank factors."""
        full = self.num_attention_heads * self.head_width == self.hidden_size
        return full and not self.fusion_layers and not self.ranks

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> "AlbertConfig":
        """Return the configuration tiny, small, base, large, xlarge or xxlarge, with some fields changed."""
        if name not in PRESETS:
            raise ValueError(f"unknown preset {name!r}; the presets are {', '.join(PRESETS)}")
        return cls(**{**PRESETS[name], **overrides})

    def replace(self, **changes: Any) -> "AlbertConfig":
        """Return a copy with some fields changed, validated again."""
        for key in changes:
            if key not in FIELDS:
                raise ValueError(unknown_key(key, FIELDS))
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return every field and every key of other programs, ready for JSON."""
        values = {key: getattr(self, key) for key in FIELDS if key != "extra"}
        values["fusion_layers"] = list(self.fusion_layers)
        for key in ("attention_head_size", "ranks"):  # only in compressed models
            if not values[key]:
                del values[key]
        if self.id2label is None:
            del values["id2label"]
        else:
            values["id2label"] = {str(i): name for i, name in self.id2label.items()}
            values["label2id"] = {name: i for i, name in self.id2label.items()}
        # another model_type keeps transformers from loading a network that its ALBERT classes would compute differently
        return {
            **self.extra,
            **values,
            "model_type": "albert" if self.is_albert and "compressed" not in self.extra else "albert_np",
        }

    def to_google(self) -> dict[str, Any]:
        """Return the keys of Google's albert_config.json, ready for JSON.

        There "gelu" is the tanh form, our "gelu_new". Google's code has no erf form: our "gelu" is written as "gelu_erf", which
        that code refuses instead of computing the tanh form. `from_pretrained` reads it back. ValueError with fusion.
        """
        return config_files.to_google(self)

    @classmethod
    def from_dict(
        cls, values: dict[str, Any], source: str = "config", strict: bool = False, weights: str | None = None
    ) -> "AlbertConfig":
        """Build a config from the keys of a config file; no size may be missing. source: the beginning of each message.

        Known keys of other programs are kept; unknown keys cause a warning, or ValueError if `strict`. weights: see
        `from_pretrained`.
        """
        fields = config_files.parse_config(values, source, strict, weights, FIELDS)
        try:
            return cls(**fields)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None

    @classmethod
    def from_pretrained(
        cls, path: str | os.PathLike[str], strict: bool = False, weights: str | None = None, **hub_options: Any
    ) -> "AlbertConfig":
        """Read a config: a file, a folder, Google's .tar.gz, or a name on the hub (hub_options: see `sources.local`).

        weights: "torch" (.safetensors, .bin, .pth), "tf", or None for those in the same folder. They decide the meaning of
        hidden_act "gelu": the tanh form, with a warning, for TensorFlow's weights and for Google's form of config without
        weights; else the erf form.

        Raises ValueError, which names the file, if it is not JSON, not ALBERT's, not supported or not complete;
        FileNotFoundError and OSError as `sources.local` does.
        """
        from albert_np.io import sources
        from albert_np.io.files import data_errors

        if weights is None and sources.kind(path) == "hub":
            weights = "torch"  # the only ones loaded from the hub; here only the config is fetched
        with sources.local(path, "config", **hub_options) as local:
            values, file, kind = config_files.read(local, weights)
            with data_errors():
                return cls.from_dict(values, str(file), strict, kind)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write config.json into the folder, atomically."""
        from albert_np.io.files import write_json

        Path(folder).mkdir(parents=True, exist_ok=True)
        write_json(Path(folder) / "config.json", self.to_dict())


FIELDS = tuple(f.name for f in dataclasses.fields(AlbertConfig))


def config_from(name: str, changes: dict[str, Any]) -> AlbertConfig:
    """Return the config for a preset, a JSON file or a folder with config.json, with some fields changed. No unknown keys."""
    if name in PRESETS:
        return AlbertConfig.preset(name, **changes)
    if not Path(name).exists():
        raise FileNotFoundError(f"{name!r} is neither a file nor a preset ({', '.join(PRESETS)})")
    config = AlbertConfig.from_pretrained(name, strict=True)
    return config.replace(**changes) if changes else config


def check_config_name(name: str | os.PathLike[str]) -> None:
    """Raise ValueError if a model's folder or archive is named where sizes alone are read and its weights would not be used."""
    if str(name) not in PRESETS and (Path(name).is_dir() or str(name).lower().endswith((".gz", ".tgz", ".tar"))):
        raise ValueError(
            f"config takes a preset or a FILE.json, and trains new weights; to go on from the weights in {name}, name it as "
            "the model"
        )


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
        raise ValueError(f"id2label must map integers to names, not {_short(config.id2label)}")
    if config.attention_head_size is not None and (type(config.attention_head_size) is not int or config.attention_head_size < 1):
        raise ValueError(f"attention_head_size must be a positive integer or null, not {_short(config.attention_head_size)}")
    if not isinstance(config.ranks, dict) or not all(type(rank) is int for rank in config.ranks.values()):
        raise ValueError(f"ranks must map names of weights to integers, not {_short(config.ranks)}")
    for name in config.ranks:
        if name not in FACTORED:
            raise ValueError(f"ranks: only {', '.join(FACTORED)} can be factored, not {_short(name)}")
    if config.pad_token_id is not None and type(config.pad_token_id) is not int:
        raise ValueError(f"pad_token_id must be an integer or null, not {_short(config.pad_token_id)}")


def _max_ranks(config: AlbertConfig) -> dict[str, int]:
    """Return the highest rank of every weight that can be factored: its smaller dimension."""
    H, F, W = config.hidden_size, config.intermediate_size, config.num_attention_heads * config.head_width
    return dict(zip(FACTORED, [min(H, W)] * 4 + [min(H, F)] * 2))


def _short(value: Any) -> str:
    """Format a value for a message; a damaged file may contain a very long one."""
    return reprlib.repr(value)


def _check_values(config: AlbertConfig) -> None:
    sizes = [f.name for f in dataclasses.fields(config) if f.type is int]
    for name in sizes:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1, not {_short(getattr(config, name))}")
        if getattr(config, name) > MAX_SIZE:
            raise ValueError(f"{name} is {_short(getattr(config, name))}: no size may be above {MAX_SIZE}")
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
        hint = ", which is another function" if config.hidden_act.lower() in OTHER_ACTIVATIONS else hint
        raise ValueError(f"hidden_act must be one of {', '.join(ACTIVATIONS)}, not {_short(config.hidden_act)}{hint}")
    if config.sharing not in SHARINGS:
        raise ValueError(f"sharing must be one of {', '.join(SHARINGS)}, not {_short(config.sharing)}")
    L, G = config.num_hidden_layers, config.num_hidden_groups
    if config.attention_head_size is None and config.hidden_size % config.num_attention_heads:
        raise ValueError(
            f"num_attention_heads must divide hidden_size: {config.hidden_size} is not a multiple of {config.num_attention_heads}"
        )
    for name, rank in config.ranks.items():
        most = _max_ranks(config)[name]
        if not 1 <= rank <= most:
            raise ValueError(f"ranks: the rank of {name} must be from 1 to {most}, not {_short(rank)}")
    if L % G:
        raise ValueError(f"num_hidden_groups must divide num_hidden_layers: {L} is not a multiple of {G}")
    if config.sharing != "all" and G not in (1, L):
        raise ValueError(f"sharing={config.sharing!r} defines the sharing of layers: num_hidden_groups must be 1, not {G}")
    levels = config.fusion_layers
    if levels and (len(levels) < 2 or list(levels) != sorted(set(levels)) or levels[0] < 0 or levels[-1] > L):
        raise ValueError(
            f"fusion_layers must be at least two increasing indices of hidden_states, 0 to {L}, not {_short(list(levels))}"
        )
    _check_memory(config)


def _check_memory(config: AlbertConfig) -> None:
    """Raise ValueError for sizes beyond any machine's memory, before anything is allocated or listed."""
    blocks = config.num_hidden_layers * config.inner_group_num
    if blocks > MAX_BLOCKS:
        raise ValueError(f"num_hidden_layers * inner_group_num is {blocks}: {MAX_BLOCKS} blocks at most are supported")
    V, E, H, F = config.vocab_size, config.embedding_size, config.hidden_size, config.intermediate_size
    embeddings = (V + config.max_position_embeddings + config.type_vocab_size + H) * E
    layers = config.num_groups * config.inner_group_num * (4 * H + 2 * F) * H
    heads = (H + E + config.num_labels) * H
    if embeddings + layers + heads > MAX_PARAMETERS:
        size = f"{embeddings + layers + heads:.1e} parameters"
        raise ValueError(f"these sizes result in {size}, which is more than memory can hold: {MAX_PARAMETERS:.1e} at most")
