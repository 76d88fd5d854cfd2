"""A gradient check is believed when it has caught planted bugs: in every backward function, at least three."""

import importlib
import inspect
import pkgutil
import textwrap
from collections import Counter

import invariants
import planted_bugs
import planted_bugs_of_twins
import pytest

import albert_np.compress.layers
import albert_np.core.layers
import albert_np.core.model
import albert_np.engine.cpu
import albert_np.models
import albert_np.models.layers
from albert_np.core import dispatch as kernels
from albert_np.gradcheck import CHECKS

PLANTED = planted_bugs.PLANTED | planted_bugs_of_twins.PLANTED
UNSEEN = planted_bugs.UNSEEN | planted_bugs_of_twins.UNSEEN


def name_of(key):
    """What is in brackets tells apart the entries of one function."""
    return key.split(" (")[0]


def function(key):
    """The live function of this name below albert_np, which may be a method."""
    found = pkgutil.resolve_name("albert_np." + name_of(key))
    return getattr(found, "__func__", found)


def plant(monkeypatch, key, old, new):
    """Put the function's changed source in the place of its code: every reference to it, wherever imported, has the bug."""
    live = function(key)
    source = textwrap.dedent(inspect.getsource(live))
    assert source.count(old) == 1, f"{key}: {old!r} stands {source.count(old)} times in the source, not once"
    namespace = dict(live.__globals__)
    exec(source.replace(old, new), namespace)
    changed = namespace[live.__name__]
    monkeypatch.setattr(live, "__code__", getattr(changed, "__func__", changed).__code__)


def cases(planted):
    return [
        pytest.param(key, checks, old, new, id=f"{key}: {why}")
        for key, (checks, bugs) in planted.items()
        for old, new, why in bugs
    ]


def backward_functions():
    """Every function of layers/, model/ and kernels/cpu whose name ends in _backward, or in _slope."""
    found = set()
    for package in (
        albert_np.core.layers,
        albert_np.core.model,
        albert_np.models,
        albert_np.models.layers,
        albert_np.compress.layers,
        albert_np.engine.cpu,
    ):
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            found |= {
                f"{module.__name__.removeprefix('albert_np.')}.{name}"
                for name, value in vars(module).items()
                if name.endswith(("_backward", "_slope")) and inspect.isfunction(value) and value.__module__ == module.__name__
            }
    return found


def test_every_backward_has_at_least_three_planted_bugs():
    bugs = Counter()
    for key, (_, mistakes) in PLANTED.items():
        bugs[name_of(key)] += len(mistakes)
    assert len(backward_functions()) > 20
    assert {name: bugs[name] for name in backward_functions() if bugs[name] < 3} == {}
    gone = {name for name in bugs if name.endswith("_backward")} - backward_functions()
    assert not gone, "planted in functions that are no more"
    assert sum(bugs.values()) >= 60


def side_of(key):
    """With it, the textbook runs, or the twins: whichever this function belongs to."""
    return kernels.textbook(key in planted_bugs.PLANTED or key in planted_bugs.UNSEEN)


@pytest.mark.parametrize("check", sorted({check for check, _ in PLANTED.values()}))
def test_the_checks_pass_without_a_bug(check, version):
    assert all(row.passed for row in CHECKS[check](seed=1))


@pytest.mark.parametrize(("key", "check", "old", "new"), cases(PLANTED))
def test_the_gradient_check_catches_it(monkeypatch, key, check, old, new):
    plant(monkeypatch, key, old, new)
    with side_of(key):
        caught = next((row for row in CHECKS[check](seed=1) if not row.passed), None)
    assert caught is not None, f"the check of {check!r} passes although {old!r} became {new!r}"


@pytest.mark.parametrize("invariant", sorted({invariant for invariant, _ in UNSEEN.values()}))
def test_the_invariants_hold_without_a_bug(invariant, version):
    getattr(invariants, invariant)()


@pytest.mark.parametrize(("key", "invariant", "old", "new"), cases(UNSEEN))
def test_the_invariant_catches_it(monkeypatch, key, invariant, old, new):
    plant(monkeypatch, key, old, new)
    with side_of(key), pytest.raises(AssertionError):
        getattr(invariants, invariant)()


def test_a_missing_text_is_noticed(monkeypatch):
    with pytest.raises(AssertionError, match="stands 0 times"):
        plant(monkeypatch, "core.layers.linear.linear_backward", "no such text", "")
