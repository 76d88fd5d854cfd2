"""Helpers for registering kernels with `core.dispatch`, and for kernels that pass their caches to each other."""

import inspect
from collections.abc import Callable, Container
from functools import wraps
from types import ModuleType
from typing import Any

from albert_np.core import dispatch
from albert_np.core.dispatch import Array, Cache, Tagged, Version
from albert_np.core.params import Tree, padded_size


def version(
    module: ModuleType, name: str, *inspectors: str, contains: tuple[str, ...] = (), activations: Container[str] | None = None
) -> Version:
    """Return the version of operation `name` that a module of kernels defines.

    It has the forward pass, the backward pass if there is one, and `inspectors`, functions that read its cache. contains: the
    operations that it computes itself instead of calling them. activations: those that it has, of an operation whose last
    argument names one; for the others the reference runs.
    """
    names = [each for each in (name, name + "_backward", *inspectors) if hasattr(module, each)]
    functions = {each: getattr(module, each) for each in names}
    if activations is not None:
        core = inspect.getmodule(dispatch.operations[name])
        functions = {key: _or_reference(kernel, getattr(core, key), activations) for key, kernel in functions.items()}
    return Version(functions, contains)


def _or_reference(kernel: Callable[..., Any], operation: Callable[..., Any], activations: Container[str]) -> Callable[..., Any]:
    """Return the kernel, except for an activation that it does not have: then the reference of the operation runs."""
    signature, reference = inspect.signature(operation), inspect.unwrap(operation)

    @wraps(kernel)
    def run(*args: Any, **kwargs: Any) -> Any:
        name = args[-1] if not kwargs else [*signature.bind(*args, **kwargs).arguments.values()][-1]
        return (kernel if name in activations else reference)(*args, **kwargs)

    return run


def retagged(cache: Cache, value: Cache) -> Cache:
    """Return `value` as a cache of the same version as `cache`."""
    return cache._replace(cache=value) if type(cache) is Tagged else value


def kernels_run(x: Array) -> bool:
    """Return whether kernels run for arrays like x: they are registered for its type and not switched off."""
    versions, takes = dispatch.kernels.get(type(x), ({}, bool))
    return bool(versions) and not dispatch.only_reference and takes(x)


def tensor_spans(params: Tree) -> dict[str, tuple[int, int]]:
    """Return {name: (start, stop)} of every tensor in the flat buffer."""
    offset, spans = 0, {}
    for name, array in params.items():
        spans[name] = offset, offset + array.size
        offset += padded_size(array.shape)
    return spans
