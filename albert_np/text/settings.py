"""A tokenizer's settings and the file tokenizer_config.json, which transformers shares."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albert_np.io.files import read_json

FILE = "tokenizer_config.json"
TOKENS_FILE = "special_tokens_map.json"  # releases of transformers before 5 write the special tokens here, too
ADDED = ("added_tokens_decoder", "additional_special_tokens", "extra_special_tokens")  # tokens beside the vocabulary


@dataclass(frozen=True)
class Form:
    """How one kind of tokenizer is written down.

    tokenizer_class   what AutoTokenizer of transformers makes of the folder
    switches          the settings that are true or false; those in `optional` may be null, too
    tokens            the names of the special tokens
    written           further entries of the file
    """

    tokenizer_class: str
    switches: tuple[str, ...]
    tokens: dict[str, str]
    optional: tuple[str, ...] = ()
    written: tuple[tuple[str, Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The constructor's arguments besides the vocabulary."""
        return (*self.switches, "model_max_length")


def check(settings: dict[str, Any], form: Form, where: str = "the tokenizer") -> None:
    """ValueError that names a setting of the wrong type."""
    for name in form.switches:
        value = settings.get(name, True)
        if not isinstance(value, bool) and not (name in form.optional and value is None):
            raise ValueError(f"{name} of {where} must be true or false, not {value!r}")
    length = settings.get("model_max_length", 1)
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ValueError(f"model_max_length of {where} must be a positive integer, not {length!r}")


def read(folder: Path | None, form: Form) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings in a folder's tokenizer_config.json, and what else is in it; nothing if there is no such file.

    ValueError, which names the file: it is not JSON, a setting has the wrong type, or a special token has another name.
    """
    if folder is None:
        return {}, {}
    _check_tokens(folder / TOKENS_FILE, _object(folder / TOKENS_FILE), form)
    path = folder / FILE
    values = _object(path)
    _check_tokens(path, values, form)
    known = {name: values[name] for name in form.names if values.get(name) is not None}
    if isinstance(known.get("model_max_length"), float):  # transformers' "no limit" is 1e30, in some files with a point
        known["model_max_length"] = int(known["model_max_length"])
    check(known, form, str(path))
    own = written(form, {}, {}).keys() | set(form.names)
    return known, {name: value for name, value in values.items() if name not in own}


def written(form: Form, options: dict[str, Any], foreign: dict[str, Any]) -> dict[str, Any]:
    """What tokenizer_config.json says about these settings."""
    return {**foreign, "tokenizer_class": form.tokenizer_class, **options, **form.tokens, **dict(form.written)}


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}, not an object with settings")
    return values


def _check_tokens(path: Path, values: dict[str, Any], form: Form) -> None:
    """ValueError for a special token of another name; a warning for tokens that are not in the vocabulary."""
    for name, standard in form.tokens.items():
        token = _content(values.get(name, standard))
        if token != standard:
            raise ValueError(f"{name} in {path} is {token!r}; ALBERT's is {standard!r}, and no other is supported")
    more = [value for name in ADDED for value in _values(values.get(name))]
    unknown = sorted({str(_content(value)) for value in more} - set(form.tokens.values()))
    if unknown:
        listed = ", ".join(map(repr, unknown[:5]))
        warnings.warn(f"{path} adds tokens ({listed}): not supported, in a text they are ordinary text", stacklevel=2)


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token  # transformers writes either


def _values(many: Any) -> list[Any]:
    return list(many.values()) if isinstance(many, dict) else list(many) if isinstance(many, list) else []
