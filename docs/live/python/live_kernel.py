"""The Python side of kernel.js: runs the code of cells, and gives what they print and show to the page.

It runs in a browser's worker (worker.js). The module `live_worker` is written in JavaScript: send(text), install(name), packages.
"""

import ast
import builtins
import hashlib
import importlib
import importlib.abc
import io
import json
import linecache
import logging
import os
import sys
import time
import traceback
import types
from collections.abc import Callable
from typing import Any

import IPython.display as shown
import live_worker

NOTEBOOKS = "/home/pyodide/notebooks"
INTERVAL = 0.05  # seconds: parts of a line that are printed in less arrive together
MODULES = {"PIL": "pillow", "dateutil": "python-dateutil"}  # whose names are not those of their packages


def send(output: dict[str, Any]) -> None:
    """Give an output to the page; text that was printed before it comes first."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Stream):
            stream.flush()
    live_worker.send(json.dumps(output))


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr of a page."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, name: str) -> None:
        self.name, self.text, self.sent = name, "", 0.0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text and self is sys.stdout and isinstance(sys.stderr, Stream):
            sys.stderr.flush()
        elif text and isinstance(sys.stdout, Stream):
            sys.stdout.flush()
        self.text += text
        if "\n" in text or time.monotonic() - self.sent > INTERVAL:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self.text:
            text, self.text, self.sent = self.text, "", time.monotonic()
            live_worker.send(json.dumps({"output_type": "stream", "name": self.name, "text": text}))


class PackageFinder(importlib.abc.MetaPathFinder):
    """Installs a package of the runtime, such as scipy, when it is imported for the first time."""

    def __init__(self, packages: set[str]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        package = MODULES.get(name, name)
        if package not in self.packages:
            return None
        try:
            live_worker.install(package)
        except Exception as error:
            raise ModuleNotFoundError(f"{name} cannot be imported: {getattr(error, 'message', error)}", name=name) from None
        self.packages.discard(package)
        importlib.invalidate_caches()
        return importlib.machinery.PathFinder.find_spec(name)


def check_package(data: Any, sha256: str, name: str) -> None:
    """Raise ValueError unless the bytes (a buffer of JavaScript) have this hash."""
    found = hashlib.sha256(data.to_py()).hexdigest()
    if found != sha256:
        raise ValueError(f"{name}: expected the sha256 {sha256}, got {found}")


def compile_cell(code: str, name: str) -> tuple[Any, Any]:
    """Return (the compiled statements, the compiled expression whose value is shown, or None). SyntaxError."""
    tree = ast.parse(code, name)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or code.rstrip().endswith(";"):
        return compile(tree, name, "exec"), None
    tree.body.pop()
    return compile(tree, name, "exec"), compile(ast.Expression(last.value), name, "eval")


class Cells:
    """The namespace of a page, in which its cells run."""

    def __init__(self) -> None:
        self.count = 0
        self.runs: dict[str, int] = {}  # of each title
        self.module = types.ModuleType("__main__")
        self.module.__builtins__ = builtins
        sys.modules["__main__"] = self.module

    def run(self, code: str, title: str) -> bool:
        """Run the code of a cell, and return whether it came to its end. title: of the cell, in tracebacks."""
        self.count += 1
        title = title or f"cell {self.count}"
        self.runs[title] = self.runs.get(title, 0) + 1
        name = f"<{title}>" if self.runs[title] == 1 else f"<{title}, run {self.runs[title]}>"
        # for tracebacks and inspect.getsource
        linecache.cache[name] = len(code), None, f"{code}\n".splitlines(keepends=True), name
        space = self.module.__dict__
        return guard(lambda: self.execute(*compile_cell(code, name), space))

    def execute(self, statements: Any, expression: Any, space: dict[str, Any]) -> None:
        exec(statements, space)
        value = eval(expression, space) if expression is not None else None
        if value is not None:
            space["_"] = value
            send({"output_type": "execute_result", "data": shown.bundle(value), "metadata": {}, "execution_count": self.count})
        shown.flush_figures()


def guard(function: Callable[[], Any]) -> bool:
    """Call a function with the page's streams, send its error as an output, and return whether there was none."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")
    try:
        function()
        return True
    except BaseException as error:
        send(describe_error(error))
        shown.close_figures()
        return False
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = kept


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return the output of an error; the traceback begins in the cell."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename == __file__:
        at = at.tb_next
    lines = traceback.format_exception(type(error), error, at)
    if isinstance(error, TypeError) and "dtype('int32')" in str(error):
        from albert_np.learn.load import WIDE_INDEX, advise  # it takes a moment, and only this error needs it

        if advise(error) == WIDE_INDEX:
            lines.append(f"{WIDE_INDEX}.\n")
    return {"output_type": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": ["".join(lines)]}


CELLS = Cells()


def run_cell(code: str, title: str = "") -> bool:
    return CELLS.run(code, title)


def call(name: str, args: str) -> str:
    """Call a function by its full name with arguments in JSON, a list or an object, and return its result in JSON."""
    module, _, function = name.rpartition(".")
    function = getattr(importlib.import_module(module or "__main__"), function)
    given = json.loads(args)
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")
    try:
        return json.dumps(function(**given) if isinstance(given, dict) else function(*given))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = kept


def no_input(prompt: str = "") -> str:
    raise RuntimeError("input() cannot ask for a text on this page: write the text into the cell")


def warm_up(packages: Any) -> None:
    """Import the package and go where the notebooks run. packages: that were loaded at the start, beside NumPy."""
    os.makedirs(NOTEBOOKS, exist_ok=True)
    os.chdir(NOTEBOOKS)
    sys.path.insert(0, NOTEBOOKS)
    os.environ["MPLBACKEND"] = "module://live_figures"
    # without it, the package would import SciPy for its matrix products: 20 MB
    os.environ["ALBERT_NP_PRODUCTS"] = "scipy" if "scipy" in list(packages) else "numpy"
    os.environ["MPLCONFIGDIR"] = "/tmp/matplotlib"
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it builds its list of fonts each time
    builtins.input = no_input
    time.process_time, time.process_time_ns = time.perf_counter, time.perf_counter_ns  # it stands still there; nothing else runs
    sys.meta_path.append(PackageFinder(set(live_worker.packages) - {"numpy", *packages}))
    importlib.import_module("albert_np")
