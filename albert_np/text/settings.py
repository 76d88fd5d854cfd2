"""A tokenizer's settings and the file tokenizer_config.json, shared with transformers."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.io.files import read_json

CONFIG_FILE = "tokenizer_config.json"
TOKENS_FILE = "special_tokens_map.json"  # releases of transformers before 5 also write the special tokens here
ADDED = ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens")  # tokens beside the vocabulary


@dataclass(frozen=True)
class Schema:
    """The settings of one kind of tokenizer, and how they are written.

    tokenizer_class   the class that transformers' AutoTokenizer makes of the folder
    switches          the settings that are true or false; those in `optional` may also be null
    tokens            {name of a special token's setting: the token}
    constants         further entries of the file
    """

    tokenizer_class: str
    switches: tuple[str, ...]
    tokens: dict[str, str]
    optional: tuple[str, ...] = ()
    constants: tuple[tuple[str, Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The constructor's arguments except the vocabulary."""
        return (*self.switches, "model_max_length")


def check(settings: dict[str, Any], schema: Schema, source: str = "the tokenizer") -> None:
    """Raise ValueError that names a setting of the wrong type, and its source."""
    for name in schema.switches:
        value = settings.get(name, True)
        if not isinstance(value, bool) and not (name in schema.optional and value is None):
            raise ValueError(f"{name} of {source} must be true or false, not {value!r}")
    length = settings.get("model_max_length", 1)
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ValueError(f"model_max_length of {source} must be a positive integer, not {length!r}")


def read(folder: Path | None, schema: Schema, added: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (the schema's settings, other entries) of a folder's tokenizer_config.json; empty if there is no such file.

    added: tokens beside the schema's that the tokenizer recognises; others cause a warning.

    ValueError, which names the file: it is not JSON, a setting has the wrong type, or a special token has another name.
    """
    if folder is None:
        return {}, {}
    _check_tokens(folder / TOKENS_FILE, _read_object(folder / TOKENS_FILE), schema, added)
    path = folder / CONFIG_FILE
    values = _read_object(path)
    _check_tokens(path, values, schema, added)
    settings = {name: values[name] for name in schema.names if values.get(name) is not None}
    if isinstance(settings.get("model_max_length"), float):  # transformers' "no limit" is 1e30, in some files with a point
        settings["model_max_length"] = int(settings["model_max_length"])
    check(settings, schema, str(path))
    own = to_config(schema, {}, {}).keys() | set(schema.names)
    return settings, {name: value for name, value in values.items() if name not in own}


def to_config(schema: Schema, settings: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of tokenizer_config.json."""
    return {**others, "tokenizer_class": schema.tokenizer_class, **settings, **schema.tokens, **dict(schema.constants)}


def _read_object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}, not an object with settings")
    return values


def _check_tokens(path: Path, values: dict[str, Any], schema: Schema, known: Collection[str]) -> None:
    """Raise ValueError for a special token of another name; warn of tokens that are not in the vocabulary."""
    for name, standard in schema.tokens.items():
        token = _get_content(values.get(name, standard))
        if token != standard:
            raise ValueError(f"{name} in {path} is {token!r}; ALBERT's is {standard!r}, and no other is supported")
    added = [value for name in ADDED for value in _list_values(values.get(name))]
    unknown = sorted({str(_get_content(value)) for value in added} - {*schema.tokens.values(), *known})
    if unknown:
        listed = ", ".join(map(repr, unknown[:5]))
        warnings.warn(f"{path} adds tokens ({listed}): not supported, in a text they are ordinary text", stacklevel=2)


def _get_content(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token  # transformers writes either


def _list_values(many: Any) -> list[Any]:
    return list(many.values()) if isinstance(many, dict) else list(many) if isinstance(many, list) else []
