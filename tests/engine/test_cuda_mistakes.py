"""The comparison of CUDA kernels with the reference catches planted mistakes in each of them."""

import inspect
import pkgutil
from collections import Counter
from contextlib import contextmanager
from importlib import import_module

import cuda_on_host
import pytest
from backward_functions import own_functions
from devices import on_device
from test_gpu_kernels import OPERATIONS, attention_case, same

import albert_np.engine.gpu
from albert_np.core import reference
from albert_np.engine.gpu import launch
from albert_np.gradcheck.mistakes import planted
from albert_np.gradcheck.mistakes.cuda import MISTAKES
from albert_np.gradcheck.mistakes.mistake import with_mistake

pytestmark = [
    pytest.mark.slow,  # each kernel with a mistake is compiled
    pytest.mark.skipif(cuda_on_host.COMPILER is None, reason="there is no g++ to run CUDA kernels on the host"),
]
N = 70
ATTENTION = {
    "attention": ([9, 10, 3, 10], False, 0.0),
    "attention, dropout": ([9, 10, 3, 10], False, 0.3),
    "attention, translation": ([9, 10, 3, 10], True, 0.0),
}


def operation(name):
    return attention_case(*ATTENTION[name]) if name in ATTENTION else OPERATIONS[name](N)


def backward_functions():
    """Return every function of engine/gpu whose name ends in backward."""
    names = [info.name for info in pkgutil.iter_modules(albert_np.engine.gpu.__path__) if info.name != "cuda"]  # imports CuPy
    return set().union(*(own_functions(import_module(f"albert_np.engine.gpu.{name}"), "backward") for name in names))


def test_every_backward_function_has_at_least_three_mistakes():
    counts = Counter(mistake.function for mistake in MISTAKES)
    assert len(backward_functions()) >= 12
    assert {name: counts[name] for name in backward_functions() if counts[name] < 3} == {}


@contextmanager
def planted_anywhere(mistake, monkeypatch):
    """Plant the mistake in its function or source file while the context lasts."""
    if "/" not in mistake.function:
        with planted(mistake):
            yield
        return
    file = mistake.function.removeprefix("engine/gpu/")
    text = launch.resources.files("albert_np.engine.gpu").joinpath(file).read_text(encoding="utf-8")
    changed, source = with_mistake(mistake.function, text, mistake), inspect.unwrap(launch.source)
    with monkeypatch.context() as patch:
        patch.setattr(launch, "source", lambda *given: source(*given).replace(text, changed))
        yield


@pytest.mark.parametrize("mistake", [pytest.param(mistake, id=str(mistake)) for mistake in MISTAKES])
def test_it_is_caught(mistake, monkeypatch):
    monkeypatch.setattr(import_module("albert_np.engine.gpu.layer_norm"), "PARTS", 16)  # so that a block has several rows
    with reference(False):
        backend = on_device("strict", monkeypatch)
        same(operation(mistake.check), "float64", backend)
        with planted_anywhere(mistake, monkeypatch), pytest.raises((AssertionError, ValueError, TypeError)):
            same(operation(mistake.check), "float64", backend)


def test_a_text_that_does_not_occur_is_an_error(monkeypatch):
    mistake = next(each for each in MISTAKES if each.function.endswith(".cu"))
    wrong = type(mistake)(mistake.function, "no such text", "", "", "")
    with pytest.raises(ValueError, match="found it 0 times"), planted_anywhere(wrong, monkeypatch):
        pass
