"""WebAssembly, the platform of Python in a browser: it has no processes, threads, listening sockets or GPUs."""

import sys


def in_webassembly() -> bool:
    """Return whether this Python runs in WebAssembly, as Pyodide does."""
    return sys.platform == "emscripten"


def refuse_in_webassembly(work: str, missing: str, instead: str) -> None:
    """Raise RuntimeError in WebAssembly: "`work` needs `missing`, which Python in WebAssembly does not have: `instead`"."""
    if in_webassembly():
        raise RuntimeError(f"{work} needs {missing}, which Python in WebAssembly (a browser) does not have: {instead}")
