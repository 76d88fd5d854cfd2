"""Which version of an operation runs: the reference, which stands in `core`, or a replacement that was registered for it.

`@op` marks an operation. A forward pass is chosen by the types of its array and of its parameters, and tags its cache with the
version that made it; whatever takes a cache goes by that tag. A bare cache belongs to the reference.
"""

import inspect
import os
import warnings
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = Any  # an array of the backend in use
Cache: TypeAlias = Any  # kept by a forward pass for its backward pass


class Version(NamedTuple):
    """A replacement: functions by the names of those that they replace; the operations that it computes without calling them."""

    functions: dict[str, Callable[..., Any]]
    contains: tuple[str, ...] = ()


Tagged = namedtuple("Tagged", "version cache")  # a cache and the version that made it


def untagged(cache: Cache) -> Cache:
    """The cache itself, for inspection."""
    return cache.cache if type(cache) is Tagged else cache


operations: dict[str, Callable[..., Any]] = {}
overrides: dict[str, Version] = {}
implementations: dict[tuple[str, type], Version] = {}  # (operation, type of its parameters) -> what it means for them
kernels: dict[type, tuple[dict[str, Version], Callable[[Array], bool]]] = {}  # type of array -> versions; whether they take it
only_reference = os.environ.get("ALBERT_NP_REFERENCE", "") not in ("", "0")
if os.environ.get("ALBERT_NP_TEXTBOOK", "") not in ("", "0"):
    warnings.warn("ALBERT_NP_TEXTBOOK is now ALBERT_NP_REFERENCE; the old name goes in the next release", FutureWarning)  # noqa: B028
    only_reference = True


def op(function: Callable[..., Any]) -> Any:
    """Make an operation of a function, which stays in `__wrapped__`. The cache is `cache`, or a backward's second argument."""
    name, signature = function.__name__, inspect.signature(function)
    names = list(signature.parameters)
    at = names.index("cache") if "cache" in names else 1 if name.endswith("_backward") else None
    p = names.index("p") if "p" in names else None
    deciding = 1 + (at if at is not None else p or 0)  # how many of the arguments the choice depends on

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if len(args) < deciding:  # some were given by name
            args, kwargs = (bound := signature.bind(*args, **kwargs)).args, bound.kwargs
        if at is not None:
            if type(args[at]) is not Tagged:
                return function(*args, **kwargs)
            version, cache = args[at]
            return version.functions[name](*args[:at], cache, *args[at + 1 :], **kwargs)
        version = version_for(name, args, p)
        result = function(*args, **kwargs) if version is None else version.functions[name](*args, **kwargs)
        if version is None or len(version.functions) == 1:  # the latter has no cache
            return result
        y, cache = result
        return y, Tagged(version, cache)

    if at is None:
        operations[name] = run
    return run


def version_for(name: str, args: tuple[Any, ...], p: int | None) -> Version | None:
    """The replacement that runs for these arguments; None for the reference. p: the position of the parameters among them."""
    if name in overrides:
        return overrides[name]
    if p is not None and p < len(args) and (name, type(args[p])) in implementations:
        return implementations[name, type(args[p])]
    if only_reference:
        return None
    arrays = (each if hasattr(each, "dtype") else getattr(each, "flat", None) for each in args)  # flat: a tree's buffer
    x = next((array for array in arrays if array is not None), None)
    versions, takes = kernels.get(type(x), ({}, bool))
    version = versions.get(name)
    replaced = version is None or not overrides.keys().isdisjoint(version.contains)
    return None if replaced or not takes(x) else version


@contextmanager
def reference(on: bool = True) -> Iterator[None]:
    """Within it no kernels run (or, with on=False, they do), in all threads of this process."""
    global only_reference
    before, only_reference = only_reference, on
    try:
        yield
    finally:
        only_reference = before


@contextmanager
def override(operation: Any, *functions: Callable[..., Any]) -> Iterator[None]:
    """Within it your functions take the place of an operation: `override(layers.linear, my_linear, my_linear_backward)`."""
    name = operation.__name__
    if operations.get(name) is not operation:
        raise ValueError(f"override: expected an operation of core or models, such as core.layers.linear, got {operation!r}")
    names = [each for each in (name, name + "_backward") if hasattr(inspect.getmodule(operation), each)]
    if len(functions) != len(names):
        raise ValueError(f"override: {name} needs {' and '.join(names)}, got {len(functions)} functions")
    before = overrides.copy()
    overrides[name] = Version(dict(zip(names, functions)))
    try:
        yield
    finally:
        overrides.clear()
        overrides.update(before)


def active(like: Array = np.empty(0)) -> dict[str, str]:  # noqa: B008
    """{operation: module of the version that runs} for arrays of the type and dtype of `like`."""
    import albert_np.core.train  # noqa: F401  (loads every operation of core)

    versions = {name: version_for(name, (like,), None) for name in operations}
    return {name: (v.functions[name] if v else vars(operations[name])["__wrapped__"]).__module__ for name, v in versions.items()}
