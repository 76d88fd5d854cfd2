"""Requests to the service (`albert-np serve`): each task declares the fields of a request, by which it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from albert_np.data.formats.summary import count_noun
from albert_np.io.similar_names import suggest

JSON_TYPES = {str: "string", bool: "boolean", int: "integer", list: "array of strings"}
EXPECTED = {str: "a string", bool: "true or false", int: "an integer", list: "a list of strings"}


@dataclass(frozen=True)
class Field:
    """A field of a request.

    about        its description, for people
    example      its value in the example of a request; None: it is left out there
    type         str, bool, int, or list (of strings)
    required     whether it must be given, and a string must have characters other than blanks
    limits       of an integer, and of the length of a list: the lowest and the highest
    refused      why this model's requests cannot have the field; it is not shown then
    """

    about: str
    example: Any = None
    type: type = str
    required: bool = True
    limits: tuple[int, int] | None = None
    refused: str = ""


def check_request(request: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the values of a request. ValueError for fields that are missing, unknown or empty, and for other types."""
    shown = shown_fields(fields)
    for name in request:
        if name in fields and fields[name].refused:
            only = f"; the only one is {next(iter(shown))!r}" if len(shown) == 1 else ""
            raise ValueError(f"{fields[name].refused}, so {name!r} is not a field{only}")
        if name not in fields:
            raise ValueError(f"unknown field {name!r}; the fields are {', '.join(shown)}{suggest(name, list(shown))}")
    for name, field in shown.items():
        if field.required and name not in request:
            raise ValueError(f"the field {name!r} is missing")
    for name, value in request.items():
        _check_value(name, value, fields[name])
    return dict(request)


def shown_fields(fields: Mapping[str, Field]) -> dict[str, Field]:
    """Return the fields that a request may have."""
    return {name: field for name, field in fields.items() if not field.refused}


def _check_value(name: str, value: Any, field: Field) -> None:
    lowest, highest = field.limits or (0, 0)
    within = f" from {lowest} to {highest}" if field.limits and field.type is int else ""
    given: type = type(value)  # a bool is not an integer
    if given is not field.type:
        described = repr(value) if field.type is int else given.__name__
        raise ValueError(f"{name!r} must be {EXPECTED[field.type]}{within}, not {described}")
    if field.type is int and field.limits and not lowest <= value <= highest:
        raise ValueError(f"{name!r} must be an integer{within}, not {value!r}")
    if field.type is str and field.required and not value.strip():
        raise ValueError(f"{name!r} is empty")
    if field.type is list:
        for i, text in enumerate(value):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{name}[{i}] {'is empty' if isinstance(text, str) else 'must be a string'}")
        if field.limits and not lowest <= len(value) <= highest:
            raise ValueError(f"{name!r} has {count_noun(len(value), 'text')}, expected from {lowest} to {highest}")
