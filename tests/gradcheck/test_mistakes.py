"""The gradient checks catch planted mistakes, at least three in every backward function."""

import re
from collections import Counter
from dataclasses import replace

import invariants
import pytest
from backward_functions import backward_functions

import albert_np.compress.layers.checks  # noqa: F401  (adds the checks of compressed weights)
from albert_np.core import reference
from albert_np.core.layers import linear_backward
from albert_np.engine.blas import products_by
from albert_np.gradcheck import CHECKS
from albert_np.gradcheck.mistakes import MISTAKES, get_source, planted
from albert_np.gradcheck.mistakes.mistake import get_function

LINEAR = next(mistake for mistake in MISTAKES if mistake.function == "core.layers.linear.linear_backward")
LINEAR_KERNEL = next(mistake for mistake in MISTAKES if mistake.function == "engine.cpu.linear.linear_backward")


def versions(mistake):
    """Return for which of reference and kernels the mistake takes effect: for compressed weights in both."""
    if mistake.function.startswith("compress."):
        return [True, False]
    return [not mistake.function.startswith("engine.") and not mistake.check.startswith("threads_")]


def is_caught(mistake, only_reference):
    """Return whether the check or the invariant fails with the mistake."""
    library = "scipy" if mistake.function.startswith("engine.blas.") else "numpy"
    with reference(only_reference), products_by(library), planted(mistake):
        if mistake.check in CHECKS:
            return not all(row.passed for row in CHECKS[mistake.check](1))
        try:
            getattr(invariants, mistake.check)()
        except AssertionError:
            return True
        return False


def test_every_backward_function_has_at_least_three_mistakes():
    counts = Counter(mistake.function for mistake in MISTAKES)
    assert len(backward_functions()) > 50
    assert {name: counts[name] for name in backward_functions() if counts[name] < 3} == {}
    missing = {name for name in counts if name.endswith("_backward")} - backward_functions()
    assert not missing, "mistakes in functions that do not exist"
    assert sum(counts.values()) >= 300


def test_mistakes_differ_and_each_is_explained_in_a_sentence():
    texts = [(mistake.function, mistake.old, mistake.new, mistake.check) for mistake in MISTAKES]
    assert len(set(texts)) == len(texts)
    for mistake in MISTAKES:
        assert re.fullmatch(r".{20,}\.", mistake.explanation), mistake
        assert mistake.check in CHECKS or hasattr(invariants, mistake.check), mistake.check


@pytest.mark.parametrize("check", sorted({mistake.check for mistake in MISTAKES}))
def test_without_a_mistake_the_check_passes(check, version):
    if check in CHECKS:
        assert all(row.passed for row in CHECKS[check](1))
    else:
        getattr(invariants, check)()


@pytest.mark.parametrize(
    ("mistake", "only_reference"),
    [
        pytest.param(mistake, only_reference, id=f"{mistake}{'' if only_reference else ' (kernels)'}")
        for mistake in MISTAKES
        for only_reference in versions(mistake)
    ],
)
def test_it_is_caught(mistake, only_reference):
    code = get_function(mistake.function).__code__
    assert is_caught(mistake, only_reference), f"{mistake.check!r} passes although {mistake.old!r} became {mistake.new!r}"
    assert get_function(mistake.function).__code__ is code


def test_a_mistake_in_the_reference_does_not_change_the_kernels_and_the_other_way_round():
    assert is_caught(LINEAR, True) and not is_caught(LINEAR, False)
    assert is_caught(LINEAR_KERNEL, False) and not is_caught(LINEAR_KERNEL, True)


def test_a_text_that_does_not_occur_once_is_an_error():
    for old, count in (("no such text", 0), ("dy", 5)):
        message = rf"core\.layers\.linear\.linear_backward: .*'{old}'.* {count} times"
        with pytest.raises(ValueError, match=message), planted(replace(LINEAR, old=old)):
            pass


def test_the_function_is_restored_after_an_error():
    code = linear_backward.__wrapped__.__code__
    with pytest.raises(ZeroDivisionError), planted(LINEAR):
        assert linear_backward.__wrapped__.__code__ is not code
        raise ZeroDivisionError
    assert linear_backward.__wrapped__.__code__ is code


def test_the_source_is_that_of_the_function_alone():
    assert get_source("core.layers.linear.linear_backward").startswith("def linear_backward(dy")
    assert get_source("core.batch.Batch.pack").startswith("def pack(")
