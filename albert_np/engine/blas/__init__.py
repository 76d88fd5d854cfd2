"""Kernels whose products are computed by SciPy's BLAS, for platforms where NumPy was built without one, such as WebAssembly.

There NumPy multiplies matrices in plain loops; SciPy brings OpenBLAS, which is several times faster. Most products of a model are
those of `linear`, and of the word table as decoder.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from albert_np.engine import cpu
from albert_np.engine.blas import heads, linear
from albert_np.engine.kernels import version

KERNELS = {"linear": version(linear, "linear"), "mlm_head": version(heads, "mlm_head")}
_NUMPY = {name: cpu.KERNELS[name] for name in KERNELS if name in cpu.KERNELS}
VARIABLE = "ALBERT_NP_PRODUCTS"


def choose(library: str | None = None) -> str:
    """Choose which library computes products from now on, "numpy" or "scipy", and return its name.

    None: the one that the environment variable ALBERT_NP_PRODUCTS names; else SciPy, if NumPy has no BLAS and SciPy is installed.
    `core.active()` shows the choice: the module of `linear` is albert_np.engine.blas.linear or albert_np.engine.cpu.linear.

    Raises ValueError for another name, ImportError for "scipy" where SciPy is not installed.
    """
    wanted = library or os.environ.get(VARIABLE) or None
    if wanted not in (None, "numpy", "scipy"):
        raise ValueError(f"expected numpy or scipy as the library for products ({VARIABLE}), got {wanted!r}")
    if wanted is None:
        wanted = "scipy" if not numpy_has_blas() and _scipy_error() is None else "numpy"
    elif wanted == "scipy" and (error := _scipy_error()) is not None:
        raise ImportError(f"SciPy's BLAS cannot compute the products, as SciPy is not installed: pip install scipy ({error})")
    _switch(wanted)
    return wanted


def _switch(library: str) -> None:
    """Register the kernels of this library."""
    for name in KERNELS:
        cpu.KERNELS.pop(name, None)
    cpu.KERNELS.update(KERNELS if library == "scipy" else _NUMPY)


def chosen() -> str:
    """Return the library that computes products now: "numpy" or "scipy"."""
    return "scipy" if cpu.KERNELS.get("linear") is KERNELS["linear"] else "numpy"


@contextmanager
def products_by(library: str) -> Iterator[None]:
    """Within it this library, "numpy" or "scipy", computes products."""
    before = chosen()
    choose(library)
    try:
        yield
    finally:
        _switch(before)


def numpy_has_blas() -> bool:
    """Return whether NumPy says that it was built with a BLAS."""
    return bool(np.show_config(mode="dicts")["Build Dependencies"]["blas"].get("found", False))


def _scipy_error() -> ImportError | None:
    """Return why SciPy's BLAS cannot be imported; None: it can."""
    try:
        import scipy.linalg.blas  # noqa: F401
    except ImportError as error:
        return error
    return None
