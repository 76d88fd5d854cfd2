"""Helpers for registering kernels with `core.dispatch`, and for kernels that pass their caches to each other."""

from types import ModuleType

from albert_np.core import dispatch
from albert_np.core.dispatch import Array, Cache, Tagged, Version
from albert_np.core.params import Tree, padded_size


def version(module: ModuleType, name: str, *inspectors: str, contains: tuple[str, ...] = ()) -> Version:
    """Return the version of operation `name` that a module of kernels defines.

    It has the forward pass, the backward pass if there is one, and `inspectors`, functions that read its cache. contains: the
    operations that it computes itself instead of calling them.
    """
    names = [each for each in (name, name + "_backward", *inspectors) if hasattr(module, each)]
    return Version({each: getattr(module, each) for each in names}, contains)


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
