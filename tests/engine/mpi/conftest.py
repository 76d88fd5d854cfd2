"""The corpus and the small model of tests/training, and a real mpiexec: several processes on however few cores."""

import importlib.util
import subprocess
from pathlib import Path

import pytest
from mpi_tools import command, launcher

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

_spec = importlib.util.spec_from_file_location("training_conftest", HERE.parents[1] / "training" / "conftest.py")
_training = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_training)
workshop, tokenizer, corpus = _training.workshop, _training.tokenizer, _training.corpus
config, settings, make = _training.config, _training.settings, _training.make


@pytest.fixture(scope="session")
def mpiexec():
    """(processes, arguments of Python) -> the finished process; it is killed, and the test fails, if it does not end."""
    if importlib.util.find_spec("mpi4py") is None or launcher() is None:
        pytest.skip("mpi4py and an mpiexec are needed: pip install 'albert_np[mpi]'")

    def run(n: int, *arguments: object, timeout: float = 300, code: int | None = 0) -> subprocess.CompletedProcess:
        done = subprocess.run(command(n, *arguments), capture_output=True, text=True, timeout=timeout, cwd=ROOT)
        assert code is None or done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def program(mpiexec, workshop, corpus):
    """(processes, name of a function of programs.py, its arguments as keywords) -> what it printed, by mpiexec."""
    import json

    def run(n: int, name: str, timeout: float = 300, code: int | None = 0, **arguments: object) -> subprocess.CompletedProcess:
        given = json.dumps({key: str(value) if isinstance(value, Path) else value for key, value in arguments.items()})
        return mpiexec(n, HERE / "programs.py", name, workshop, given, timeout=timeout, code=code)

    return run
