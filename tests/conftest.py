"""What all tests share: the backend in use is put back, a command that must fail, and the helpers beside this file."""

import contextlib
import subprocess
import sys
import threading

import hypothesis
import pytest

from albert_np.core import backend, reference

# The same examples every time: what passes today passes tomorrow.
few = {"max_examples": 20} if sys.platform == "emscripten" else {}  # Python is several times slower there
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, **few)
hypothesis.settings.load_profile("repeatable")


if sys.platform == "emscripten":  # WebAssembly has neither processes nor threads
    import numpy.testing  # noqa: F401  # these two try to start one, and do without

    with contextlib.suppress(ImportError):
        import matplotlib.font_manager  # noqa: F401

    def _skip(*_, **__):
        pytest.skip("it starts a process or a thread, which WebAssembly does not have")

    subprocess.Popen.__init__ = threading.Thread.start = _skip


@pytest.fixture(autouse=True)
def _same_backend_afterwards(monkeypatch):
    monkeypatch.setattr(backend, "_current", backend._current)


@pytest.fixture(params=["reference", "kernels"])
def version(request):
    """The test runs twice: on the reference operations, and on the kernels."""
    with reference(request.param == "reference"):
        yield request.param


@pytest.fixture
def fails(capsys):
    """Run a command that must fail -> its one line; no traceback, nothing on stdout."""

    from albert_np.apps.cli import main

    def run(*arguments: object, code: int = 2) -> str:
        assert main([str(a) for a in arguments]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        lines = [line for line in captured.err.splitlines() if line.startswith("albert-np: ")]
        assert captured.err.count("\n") == len(captured.err.splitlines())
        assert "Traceback" not in captured.err
        assert len(lines) == 1 and captured.err.splitlines()[-1] == lines[0]
        return lines[0]

    return run
