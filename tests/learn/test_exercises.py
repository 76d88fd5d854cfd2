"""Every exercise: its own solution solves it, each known mistake is named, and no wrong version is given a wrong name."""

import ast
import re

import numpy as np
import pytest
from drawn import digest
from mutants import mutate

from albert_np import learn
from albert_np.gradcheck.mistakes.mistake import get_function, get_source, with_mistake
from albert_np.learn.compare import is_close
from albert_np.learn.diagnose import diagnose
from albert_np.learn.exercise import without_types
from albert_np.learn.exercises import LADDER, get
from albert_np.learn.grade import confirmed, get_submission, grade
from albert_np.learn.outcome import SEEDS, known_mistakes, new_case, right, run, version

FRESH = [seed + 2 * len(SEEDS) for seed in SEEDS]  # numbers that a check does not use, of the same sizes
DRAWN = {  # of the first four cases, and the large one
    "linear": "f2973d5eb8a9", "gelu": "08dcdafb2f7d", "softmax": "7264b0826994", "layer_norm": "e3fb5431aa10",
    "embedding": "a017dfe8fa48", "gather": "37ad7f34175b", "dropout": "8ce6280c143f", "attention": "718586d99a62",
    "cross_entropy": "525e17c67b01", "pooler": "d27d245ee074", "fuse": "0b293dde90ac", "feed_forward": "7aea65e48711",
    "add_norm": "cbabcb3c2a4e", "self_attention": "2a91bcae113d", "embeddings": "187316ab12da", "mlm_head": "563ff63bfd15",
    "order_head": "805e165a205e", "block": "5b19914c1922", "encoder": "2db15381c80f", "masking": "19bd3c37a5f7",
    "pretraining": "70a657fc4aa6", "clip": "fcf9f5c813f1", "adamw": "c89b58fc198e", "lamb": "c89b58fc198e",
    "translation_mask": "989edecac421", "int8": "f36f2339367f",
}  # fmt: skip
each = pytest.mark.parametrize("name", LADDER)
each_mistake = pytest.mark.parametrize(
    ("name", "mistake"),
    [pytest.param(name, m, id=f"{name}: {m.new} {m.explanation}") for name in LADDER for m in known_mistakes(name)],
)  # fmt: skip


def with_known_mistake(name, mistake):
    old = without_types(get_source(mistake.function))
    source = learn.solution(name)
    assert source.count(old) == 1
    return source.replace(old, without_types(with_mistake(mistake.function, get_source(mistake.function), mistake)))


@each
def test_the_solution_solves_it(name):
    report = learn.check(learn.solution(name))
    assert report.passed and report.exercise == name and not report.diagnosis, report
    assert report.score[0] == report.score[1] > 1


@each
def test_the_stub_is_unfinished_and_asks_for_the_functions_of_core(name):
    exercise, source = get(name), learn.stub(name)
    report = learn.check(source)
    assert not report.passed and not report.diagnosis
    assert all(item.status == "todo" for item in report.items if not item.name.endswith("short")), report
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    for dotted in exercise.solve:
        plain = get_function(dotted)
        own = functions[plain.__name__]
        assert [a.arg for a in own.args.args] == list(plain.__code__.co_varnames[: plain.__code__.co_argcount])
        assert ast.get_docstring(own)


@each
def test_the_cases_are_those_of_before(name):
    exercise = get(name)
    large = [exercise.draw_sized(0, exercise.large)] if exercise.large else []
    assert digest(*(exercise.draw(seed) for seed in SEEDS), *large) == DRAWN[name]


@each
def test_the_record_is_complete(name):
    exercise = get(name)
    assert len(exercise.hints) >= 3 and len(set(exercise.hints)) == len(exercise.hints)
    assert 5 <= exercise.minutes <= 240 and all(LADDER.index(before) < LADDER.index(name) for before in exercise.needs)
    assert len(known_mistakes(name)) >= 4
    assert set(exercise.steps) <= set(right(name, 0).local), "a step that the solution does not have"
    derivation = learn.derivation(name)
    assert exercise.notebook in derivation and len(derivation) > 150
    if exercise.main.endswith("_backward"):  # then it has formulas of gradients
        assert re.search(r"\bd[a-zα-ω]+[\]\[\w/]*(\(\w\))? +=|passes its gradient on", derivation, re.IGNORECASE), derivation


@each
def test_the_terms_add_up_to_the_right_result(name):
    for seed in SEEDS:
        outcome = right(name, seed)
        for tensor, terms in get(name).terms(outcome.case, outcome.local, outcome.tensors).items():
            expected = outcome.tensors.get(tensor, outcome.local.get(tensor))
            assert is_close(sum(terms.values()), expected, 1e-10), (tensor, seed)


@each
def test_the_cases_have_different_sizes(name):
    sizes = [tuple(new_case(get(name), seed).sizes.values()) for seed in SEEDS]
    assert len(set(sizes)) == len(SEEDS)


@each_mistake
def test_a_known_mistake_fails_and_is_named(name, mistake):
    report = learn.check(with_known_mistake(name, mistake))
    assert not report.passed
    submission = get_submission(with_known_mistake(name, mistake))
    claims = diagnose(get(name), [run(get(name), submission, new_case(get(name), seed)) for seed in SEEDS])
    assert len(claims) == len(report.diagnosis) == 1 and mistake in claims[0].mistakes, report
    assert mistake.explanation in report.diagnosis[0]
    for other in claims[0].mistakes:  # another name is given only where it has the very same effect
        for seed in SEEDS:
            first, second = (run(get(name), version(get(name), each), new_case(get(name), seed)) for each in (mistake, other))
            assert first.failures.keys() == second.failures.keys()
            assert all(is_close(first.tensors[key], second.tensors[key]) for key in first.tensors)


def claims_about_mutants(name, seeds):
    """Return (number with a claim, number that pass) of mutants, after testing the claims on other numbers."""
    exercise, claimed, passed = get(name), 0, 0
    for seed in seeds:
        submission = get_submission(mutate(learn.solution(name), exercise.functions, seed))
        report = grade(exercise, submission)
        first = [run(exercise, submission, new_case(exercise, s)) for s in SEEDS]
        claims = confirmed(exercise, submission, first)
        fresh = diagnose(exercise, [run(exercise, submission, new_case(exercise, s)) for s in FRESH])
        assert all(claim in fresh for claim in claims), f"mutant {seed}: {submission.source}"
        if report.passed:  # then it must be right on numbers that it was not graded with
            passed += 1
            for s in FRESH:
                outcome = run(exercise, submission, new_case(exercise, s))
                assert all(is_close(outcome.tensors[key], value, 1e-8) for key, value in right(name, s).tensors.items())
        assert not (report.passed and claims)
        claimed += bool(claims)
    return claimed, passed


@each
def test_no_wrong_claim_about_mutants(name):
    claimed, _ = claims_about_mutants(name, range(20 if LADDER.index(name) < 12 else 6))
    assert claimed > 0 or get(name).terms.__name__ != "terms"


@pytest.mark.slow
@each
def test_no_wrong_claim_about_many_mutants(name):
    claimed, passed = claims_about_mutants(name, range(100, 200))
    assert passed < 60 and (claimed > 0 or get(name).terms.__name__ != "terms")


def test_a_claim_needs_two_cases_of_different_sizes():
    exercise = get("linear")
    submission = get_submission(learn.solution("linear").replace("dy.sum(0)", "dy.mean(0)"))
    outcomes = [run(exercise, submission, new_case(exercise, seed)) for seed in SEEDS]
    assert diagnose(exercise, outcomes) and not diagnose(exercise, outcomes[:1])


EQUIVALENT = {
    "linear": ("dy @ p.w.T", "(p.w @ dy.T).T"),
    "gelu": ("dy * (0.5", "1.0 * dy * (0.5"),
    "softmax": ("y * (dy - (dy * y).sum(-1, keepdims=True))", "y * dy - y * np.einsum('...i,...i->...', dy, y)[..., None]"),
    "layer_norm": ("rows_mean(dxhat) -", "dxhat.mean(axis=1, keepdims=True) -"),
    "embedding": ("scatter_add(g.word, cache.ids, dword)", "np.add.at(g.word, cache.ids, dword)"),
    "attention": ("dproduct.swapaxes(1, 2) @ q", "np.einsum('aij,aid->ajd', dproduct, q)"),
    "cross_entropy": ("* scaled[:, None]", "* np.expand_dims(scaled, 1)"),
    "adamw": ("m *= beta1", "m[:] = beta1 * m"),
    "lamb": ("u *= trust_ratio(norm(w), norm(u))", "u[...] = trust_ratio(norm(w), norm(u)) * u"),
    "pretraining": ("    dh = np.zeros_like(cache.h)  # (N, H)\n", "    dh = 0 * cache.h\n"),
    "gather": ("scatter_add(dx, rows, dy)", "np.add.at(dx, rows, dy)"),
    "fuse": ("np.split(dboth, 2, axis=-1)", "dboth[:, : dh.shape[1]], dboth[:, dh.shape[1] :]"),
    "mlm_head": ("dlogits.T @ cache.t", "(cache.t.T @ dlogits).T"),
    "block": ("dh = dh + feed", "dh += feed"),
    "clip": ("grads.flat *= clip_factor(norm, max_norm)", "grads.flat[:] = grads.flat * clip_factor(norm, max_norm)"),
}


def test_numbers_that_are_not_finite_are_not_called_zero():
    source = learn.solution("clip").replace("return np.where(np.isfinite(norm), scale, 1.0)", "return max_norm / norm")
    report = learn.check(source)
    assert not report.passed and report.diagnosis
    assert not any("not a number is 0 everywhere" in text for text in report.diagnosis), report


def test_dropout_without_a_mask_passes_dy_on():
    report = learn.check(learn.solution("dropout").replace("        return dy\n", "        return 0 * dy\n"))
    assert [item.name for item in report.items if item.status == "wrong"] == ["dx, without dropout"]
    assert "Your dx, without dropout is 0 everywhere" in " ".join(report.diagnosis), report


def test_a_result_of_another_type_is_described():
    # a new array of float64, and a Python number where an array is to be returned
    new_array = learn.check(learn.solution("softmax").replace("return y", "return np.ones(y.shape) * y"))
    assert "np.zeros(shape, x.dtype)" in str(new_array) and not new_array.passed
    number = learn.check(learn.solution("clip").replace("return np.where(np.isfinite(norm), scale, 1.0)",
                                                        "return float(scale) if np.isfinite(norm) else 1.0"))  # fmt: skip
    assert "is a Python float, not an array" in str(number) and not number.passed


@pytest.mark.parametrize("name", EQUIVALENT)
def test_another_way_to_write_it_passes(name):
    old, new = EQUIVALENT[name]
    source = learn.solution(name)
    assert source.count(old) == 1
    assert learn.check(source.replace(old, new)).passed


RELATIONS = [  # exercise, text of the solution, replacement, expected in the diagnosis
    ("layer_norm", "- xhat * rows_mean(dxhat * xhat)", "- 2 * xhat * rows_mean(dxhat * xhat)",
     "factor 2 too much in the term along xhat"),
    ("layer_norm", "rstd * (dxhat - rows_mean(dxhat) - xhat * rows_mean(dxhat * xhat))", "rstd * dxhat",
     "lacks the term along the constant row.* and lacks the term along xhat"),
    ("layer_norm", "(dy * xhat).sum(0)", "-(dy * xhat).sum(0)", "Your g.gamma has the wrong sign"),
    ("layer_norm", "dxhat = dy * p.gamma", "dxhat = 3 * dy * p.gamma", "Your dxhat is 3 times the right one"),
    ("attention", "dproduct = dscores * (1 / math.sqrt(D))", "dproduct = dscores / math.sqrt(T)", None),
    ("attention", "return dproduct @ k, dproduct.swapaxes(1, 2) @ q, dv", "return dproduct.swapaxes(1, 2) @ q, dproduct @ k, dv",
     "dq and dk are exchanged"),
    ("attention", "@ dcontext", "@ dcontext * D", "Your dv is D times the right one"),
    ("linear", "g.w += x.T @ dy", "g.w += 0", "Your g.w is 0 everywhere"),
    ("linear", "return dy @ p.w.T", "return (dy @ p.w.T).T", "Your dx is the transpose of the right one"),
    ("linear", "return dy @ p.w.T", "return dy[:, None, :] * p.w", "Your dx is to be summed over the last axis"),
    ("softmax", "y * (dy - (dy * y).sum(-1, keepdims=True))", "dy", "Your dx is dy as it came from above, unchanged"),
    ("adamw", "m += (1 - beta1) * g", "m += (1 - beta1) * g * g * g", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "expected"), RELATIONS)
def test_relations_are_named(name, old, new, expected):
    source = learn.solution(name)
    assert source.count(old) == 1
    report = learn.check(source.replace(old, new))
    assert not report.passed
    text = " ".join(report.diagnosis)
    if expected is None:
        assert "does not look like a mistake that we know" in text and "The first tensor that is wrong is" in text
    else:
        assert re.search(expected, text), report


def test_the_right_results_are_those_of_the_gradient_check():
    """The reference of an exercise is checked with finite differences elsewhere; here its forward pass is used independently."""
    case = new_case(get("layer_norm"), 0)
    x, step = case.x.copy(), 1e-6
    from albert_np.core.layers import layer_norm

    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = step
        dx[i] = ((layer_norm(x + d, case.p)[0] - layer_norm(x - d, case.p)[0]) * case.dy).sum() / (2 * step)
    assert is_close(right("layer_norm", 0).tensors["dx"], dx, 1e-6)
