"""The backward functions that need mistakes in gradcheck/mistakes and a derivation in a notebook."""

import importlib
import inspect
import pkgutil
from types import ModuleType

import albert_np.compress.layers
import albert_np.core.layers
import albert_np.core.model
import albert_np.engine.blas
import albert_np.engine.cpu
import albert_np.models
import albert_np.models.layers
from albert_np.engine import output_rows

PACKAGES = (
    albert_np.core.layers,
    albert_np.core.model,
    albert_np.models,
    albert_np.models.layers,
    albert_np.compress.layers,
    albert_np.engine.blas,
    albert_np.engine.cpu,
)


def own_functions(module: ModuleType, *endings: str) -> set[str]:
    """Dotted names below albert_np of the functions that this module defines, whose names end so."""
    return {
        f"{module.__name__.removeprefix('albert_np.')}.{name}"
        for name, value in vars(module).items()
        if name.endswith(endings) and inspect.isfunction(value) and value.__module__ == module.__name__
    }


def backward_functions() -> set[str]:
    """Every function of layers, model, heads, losses and kernels for NumPy arrays whose name ends in _backward or _slope."""
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for package in PACKAGES
        for info in pkgutil.iter_modules(package.__path__)
    ]
    return set().union(*(own_functions(module, "_backward", "_slope") for module in (*modules, output_rows)))
