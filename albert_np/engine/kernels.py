"""How kernels are described to `core.dispatch`, and caches that one kernel makes for another."""

from types import ModuleType

from albert_np.core import dispatch
from albert_np.core.dispatch import Array, Cache, Tagged, Version
from albert_np.core.params import Tree, padded_size


def version(module: ModuleType, name: str, *inspectors: str, contains: tuple[str, ...] = ()) -> Version:
    """The operation `name` of a module with kernels: its forward pass, its backward pass if there is one, and functions that look
    into its cache. contains: the operations that it computes without calling them."""
    names = [each for each in (name, name + "_backward", *inspectors) if hasattr(module, each)]
    return Version({each: getattr(module, each) for each in names}, contains)


def retagged(cache: Cache, value: Cache) -> Cache:
    """This value as a cache of the same version as another one."""
    return cache._replace(cache=value) if type(cache) is Tagged else value


def kernels_run(x: Array) -> bool:
    """Whether kernels run for arrays like this one: some are registered for its type, and they are not switched off."""
    versions, takes = dispatch.kernels.get(type(x), ({}, bool))
    return bool(versions) and not dispatch.only_reference and takes(x)


def tensor_spans(params: Tree) -> dict[str, tuple[int, int]]:
    """{name: (first number, one after the last)} of every tensor in the flat buffer."""
    offset, spans = 0, {}
    for name, array in params.items():
        spans[name] = offset, offset + array.size
        offset += padded_size(array.shape)
    return spans
