"""A tokenizer's settings and the file tokenizer_config.json, which transformers shares."""

import json
from pathlib import Path
from typing import Any

from albert_np.text.specials import CLS, MASK, PAD, SEP, UNK

FILE = "tokenizer_config.json"
SWITCHES = ("do_lower_case", "remove_space", "keep_accents")
NAMES = (*SWITCHES, "model_max_length")
TOKENS = {"cls_token": CLS, "sep_token": SEP, "unk_token": UNK, "pad_token": PAD, "mask_token": MASK}


def check(settings: dict[str, Any], where: str = "the tokenizer") -> None:
    """ValueError that names a setting of the wrong type."""
    for name in SWITCHES:
        if not isinstance(settings.get(name, True), bool):
            raise ValueError(f"{name} of {where} must be true or false, not {settings[name]!r}")
    length = settings.get("model_max_length", 1)
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ValueError(f"model_max_length of {where} must be a positive integer, not {length!r}")


def read(folder: Path | None) -> dict[str, Any]:
    """The settings in a folder's tokenizer_config.json; none if there is no such file.

    ValueError, which names the file: it is not JSON, a setting has the wrong type, or a special token has another name.
    """
    if folder is None or not (folder / FILE).is_file():
        return {}
    path = folder / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}, not an object with settings")
    for name, standard in TOKENS.items():
        value = values.get(name, standard)
        token = value.get("content") if isinstance(value, dict) else value  # transformers writes either
        if token != standard:
            raise ValueError(f"{name} in {path} is {token!r}; ALBERT's is {standard!r}, and no other is supported")
    found = {name: values[name] for name in NAMES if values.get(name) is not None}
    if isinstance(found.get("model_max_length"), float):  # transformers' "no limit" is 1e30, in some files with a point
        found["model_max_length"] = int(found["model_max_length"])
    check(found, str(path))
    return found


def written(settings: dict[str, Any]) -> dict[str, Any]:
    """What tokenizer_config.json says about these settings."""
    return {"tokenizer_class": "AlbertTokenizer", **settings, **TOKENS, "bos_token": CLS, "eos_token": SEP}
