"""That CUDA twins are compared with their textbooks is believed, as the comparison has caught planted bugs in each of them."""

import inspect
import pkgutil
import textwrap
from collections import Counter
from importlib import import_module

import cuda_on_host
import pytest
from devices import on_device
from planted_bugs_of_cuda import PLANTED
from test_gpu_twins import OPERATIONS, attention_of, same

import albert_np.engine.gpu
from albert_np.core import reference
from albert_np.engine.gpu import launch

pytestmark = [
    pytest.mark.slow,  # each kernel with a bug is compiled
    pytest.mark.skipif(cuda_on_host.COMPILER is None, reason="there is no g++ to run CUDA kernels on the host"),
]
N = 70
ATTENTION = {
    "attention": ([9, 10, 3, 10], False, 0.0),
    "attention, dropout": ([9, 10, 3, 10], False, 0.3),
    "attention, translation": ([9, 10, 3, 10], True, 0.0),
}


def operation(name):
    return attention_of(*ATTENTION[name]) if name in ATTENTION else OPERATIONS[name](N)


def backward_functions():
    """FILE.function for every one in kernels/gpu whose name ends in backward."""
    found = set()
    for info in pkgutil.iter_modules(albert_np.engine.gpu.__path__):
        if info.name != "cuda":  # it imports CuPy
            module = import_module(f"albert_np.engine.gpu.{info.name}")
            own = [name for name, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
            found |= {f"{info.name}.{name}" for name in own if name.endswith("backward")}
    return found


def test_every_backward_has_at_least_three_planted_bugs():
    bugs = Counter()
    for where, (_, mistakes) in PLANTED.items():
        bugs[where.split(" (")[0]] += len(mistakes)
    assert len(backward_functions()) >= 12
    assert {name: bugs[name] for name in backward_functions() if bugs[name] < 3} == {}


def plant(monkeypatch, where, old, new):
    """Put the mistake into the text of a kernel, or into the code of a function."""
    file, _, rest = where.partition(".")
    if rest in ("cu", "cuh"):
        whole = launch.source.__wrapped__
        folder = launch.resources.files("albert_np.engine.gpu")
        text = folder.joinpath(f"{file}.{rest}").read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{where}: {old!r} stands {text.count(old)} times in it, not once"
        changed = text.replace(old, new)
        monkeypatch.setattr(launch, "source", lambda *given: whole(*given).replace(text, changed))
        return
    live = getattr(import_module(f"albert_np.engine.gpu.{file}"), rest.split(" (")[0])
    source = textwrap.dedent(inspect.getsource(live))
    assert source.count(old) == 1, f"{where}: {old!r} stands {source.count(old)} times in it, not once"
    namespace = dict(live.__globals__)
    exec(source.replace(old, new), namespace)
    monkeypatch.setattr(live, "__code__", namespace[live.__name__].__code__)


@pytest.mark.parametrize(
    ("where", "names", "old", "new"),
    [
        pytest.param(where, names, old, new, id=f"{where}: {why}")
        for where, (names, mistakes) in PLANTED.items()
        for old, new, why in mistakes
    ],
)
def test_it_is_caught(where, names, old, new, monkeypatch):
    monkeypatch.setattr(import_module("albert_np.engine.gpu.layer_norm"), "PARTS", 16)  # so that a block has several rows
    with reference(False):
        backend = on_device("strict", monkeypatch)
        for name in names:
            same(operation(name), "float64", backend)
        plant(monkeypatch, where, old, new)

        def differs(name):
            try:
                same(operation(name), "float64", backend)
            except (AssertionError, ValueError, TypeError):
                return True
            return False

        assert any(differs(name) for name in names), f"the comparison passes although {old!r} became {new!r}"
