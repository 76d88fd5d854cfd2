"""The check itself: it covers everything, passes what is right, and says clearly what is wrong."""

import io
import json

import numpy as np
import pytest
from helpers import assert_passed

import albert_np as ab
import albert_np.compress.layers.checks
from albert_np.core import reference
from albert_np.core.layers.linear import linear, linear_backward
from albert_np.engine.kernels import kernels_run
from albert_np.gradcheck import CHECKS, Report, batch, check, check_model, everything, parameters, print_table
from albert_np.gradcheck.examples import LENGTHS, SOURCES, TINY, M, N, task_batch
from albert_np.models.shapes import shapes

FORM = {"w": (4, 3), "b": (3,)}


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((5, 4))


@pytest.mark.parametrize("name", CHECKS)
def test_every_layer_and_every_configuration(name, version):
    assert_passed(list(CHECKS[name](0)))


def test_nothing_is_missing():
    from albert_np.core import layers
    from albert_np.models.config import ACTIVATIONS, SHARINGS

    for name in {name.removesuffix("_backward") for name in dir(layers) if name.endswith("_backward")} - {"activation"}:
        assert any(check.startswith(name) for check in CHECKS), name
    models = [f"sharing {sharing}" for sharing in SHARINGS if sharing != "all"] + [
        act for act in ACTIVATIONS if act != "gelu_new"
    ]
    models += ["12 shared layers", "2 groups of 2 blocks", "fusion (0, 1, 3)", "dropout", "recompute", "MLM only", "SOP only"]
    tasks = ["sequence classification", "sequences, several labels", "sequences, one number",
             "sequences, several numbers", "token classification", "question answering"]  # fmt: skip
    models += [*tasks, *(f"{task}, all options" for task in tasks)]
    assert {f"model: {name}" for name in models} <= set(CHECKS)


def test_the_sizes_of_the_examples_all_differ():
    c = TINY
    sizes = [c.vocab_size, c.embedding_size, c.hidden_size, c.num_attention_heads, c.hidden_size // c.num_attention_heads,
             c.intermediate_size, c.max_position_embeddings, c.type_vocab_size, N, M, len(LENGTHS), *LENGTHS, 2]  # fmt: skip
    assert len(set(sizes)) == len(sizes)
    assert 1 in LENGTHS and all(source <= length for source, length in zip(SOURCES, LENGTHS))
    b = batch(TINY)
    assert len(set(b.ids.tolist())) < N and b.masked.rows.tolist() == sorted(set(b.masked.rows.tolist()))


def test_each_shared_tensor_is_one_row():
    rows = list(CHECKS["model: 12 shared layers"](0))
    assert [row.name for row in rows] == [name for name, _ in parameters(shapes(TINY), 0).items()]


def test_a_right_layer_passes(x):
    rows = check(linear, linear_backward, {"x": x}, parameters(FORM, 0))
    assert [(row.name, row.shape, row.passed) for row in rows] == [("x", (5, 4), True), ("w", (4, 3), True), ("b", (3,), True)]


def failing(backward, x, form=FORM, **options):
    rows = check(linear, backward, {"x": x}, parameters(form, 0), **options)
    return {row.name: row for row in rows if not row.passed}


def test_a_failure_names_the_tensor_and_its_worst_coordinate(x):
    def wrong(dy, cache, p, g):
        dx = linear_backward(dy, cache, p, g)
        g.w[2, 1] += 0.001
        return dx

    rows = failing(wrong, x)
    assert list(rows) == ["w"] and rows["w"].worst == (2, 1)
    assert "w at [2, 1]: analytic" in str(rows["w"]) and "they differ" in str(rows["w"])


def test_a_failure_of_one_part_in_a_hundred_thousand_is_seen(x):
    def wrong(dy, cache, p, g):
        return linear_backward(dy, cache, p, g) * (1 + 1e-5)

    assert list(failing(wrong, x)) == ["x"]
    assert not failing(lambda dy, cache, p, g: linear_backward(dy, cache, p, g) * (1 + 1e-8), x)


@reference()  # a bare cache
def test_assigning_instead_of_adding_is_seen(x):
    def wrong(dy, cache, p, g):
        g.w[...] = cache.T @ dy
        g.b += dy.sum(0)
        return dy @ p.w.T

    rows = failing(wrong, x)
    assert list(rows) == ["w"] and "not added" in rows["w"].note


@reference()  # a bare cache
def test_writing_is_seen(x):
    def to_cache(dy, cache, p, g):
        dx = linear_backward(dy, cache, p, g)
        cache *= 1.5
        return dx

    def to_upstream(dy, cache, p, g):
        dx = linear_backward(dy, cache, p, g)
        dy += 1
        return dx

    def to_parameters(dy, cache, p, g):
        dx = linear_backward(dy, cache, p, g)
        p.b += 0.1
        return dx

    def forward(x, p):
        y = linear(x, p)
        x *= 1.01
        return y

    assert "wrote to the cache" in str(failing(to_cache, x.copy())["(written to)"])
    assert "wrote to dy" in str(failing(to_upstream, x)["(written to)"])
    assert "wrote to the parameters" in str(failing(to_parameters, x)["(written to)"])
    rows = check(forward, linear_backward, {"x": x.copy()}, parameters(FORM, 0))
    assert any("forward pass wrote" in row.note for row in rows)


def test_the_form_of_a_gradient(x):
    assert "no gradient" in failing(lambda dy, cache, p, g: (linear_backward(dy, cache, p, g), None)[1], x)["x"].note
    assert "shape (4, 5)" in failing(lambda dy, cache, p, g: linear_backward(dy, cache, p, g).T, x)["x"].note
    assert "float32" in failing(lambda dy, cache, p, g: linear_backward(dy, cache, p, g).astype("f4"), x)["x"].note
    assert "finite" in failing(lambda dy, cache, p, g: linear_backward(dy, cache, p, g) + np.inf, x)["x"].note


def test_a_check_that_shows_nothing_is_void(x):
    rows = check(lambda x: (0 * x, x), lambda dy, cache: 0 * dy, {"x": x})
    assert not rows[0].passed and "void" in rows[0].note
    rows = check(lambda x: (1e-7 * x, x), lambda dy, cache: 1e-7 * dy, {"x": x})
    assert not rows[0].passed and "void" in rows[0].note


def test_a_parameter_that_is_said_to_be_unused_must_have_no_gradient(x):
    rows = failing(linear_backward, x, unused=lambda name: name == "b")
    assert list(rows) == ["b"] and "not used" in rows["b"].note


def test_the_key_bias_must_vanish(x):
    form = {"query": dict(FORM), "key": dict(FORM)}
    rows = check(
        lambda x, p: (x @ p.query.w + p.query.b + 1e-3 * p.key.b + x @ p.key.w, x),
        lambda dy, x, p, g: linear_backward(dy, x, p.query, g.query) + linear_backward(dy, x, p.key, g.key),
        {"x": x}, parameters(form, 0),
    )  # fmt: skip
    found = {row.name: row for row in rows}
    assert not found["key.b"].passed and "should vanish" in found["key.b"].note


def relu(x):
    return np.maximum(x, 0), x


def test_a_kink_is_stepped_around_but_excuses_nothing():
    x = np.random.default_rng(1).standard_normal((40, 30))
    x[::2] = 1e-8  # each step over these crosses the kink
    near = check(relu, lambda dy, x: dy * (x > 0), {"x": x}, kinks=True, coordinates=0)
    assert not near[0].passed  # a direction crosses all of them, however often it is drawn
    x[::2] = np.sign(x[::2]) + 1
    x[0, 0] = 1e-8
    found = [
        check(relu, lambda dy, x: dy * (x > 0), {"x": x}, kinks=True, coordinates=30, seed=seed)[0].passed for seed in range(9)
    ]
    assert all(found)
    assert not check(relu, lambda dy, x: dy * (x > -0.1), {"x": x}, kinks=True)[0].passed


def test_float32_is_refused(x):
    with pytest.raises(ValueError, match="x: gradients are checked in float64, got float32"):
        check(linear, linear_backward, {"x": x.astype("f4")}, parameters(FORM, 0))
    model = ab.AlbertForPreTraining(TINY)
    with pytest.raises(ValueError, match=r"embeddings.word: .*float32"):
        check_model(model.params, TINY, batch(TINY))


@pytest.mark.parametrize("fused", [(), (1, 2)])
def test_a_model_at_the_weights_it_has(fused, version):
    config = TINY.replace(fusion_layers=fused, hidden_dropout_prob=0.2, sharing="none")
    before = ab.AlbertForPreTraining(config, dtype="float32").params.astype("float64")
    before.flat *= 5  # a fresh model's attention weights are nearly equal, and its gradient is next to nothing
    kept = before.flat.copy()
    rows = check_model(before, config, batch(config), rng=ab.Dropout(3))
    assert_passed(rows)
    assert [row.name for row in rows] == [name for name, _ in before.items()] and np.array_equal(before.flat, kept)


@pytest.mark.parametrize(
    ("model", "task"),
    [(ab.AlbertForSequenceClassification, "classes"), (ab.AlbertForTokenClassification, "tokens"),
     (ab.AlbertForQuestionAnswering, "spans")],
)  # fmt: skip
def test_a_fine_tuning_model_at_the_weights_it_has(model, task):
    made = model(TINY, seed=1, dtype="float64")
    made.params.flat *= 5
    batch = task_batch(made.config, 0, task, model.objective)
    rows = check_model(made.params, made.config, batch, rng=ab.Dropout(3), objective=model.objective)
    assert_passed(rows)
    assert [row.name for row in rows] == [name for name, _ in made.params.items()]
    vanishing = {row.name for row in rows if "0 but for rounding" in row.note}
    assert ("task.b" in vanishing) == (task == "spans")


def test_tensors_that_hardly_move_the_loss_are_checked_through_the_hidden_states(monkeypatch):
    params = parameters(shapes(TINY), 0)
    params.mlm.dense.w[...] *= 1e-6  # so does nothing below the heads reach the loss
    params.pooler.w[...] *= 1e-6
    rows = {row.name: row for row in check_model(params, TINY, batch(TINY))}
    row = rows["groups.0.blocks.0.ffn.intermediate.w"]
    assert row.passed and "hidden states" in row.note and abs(row.numeric) > 1e-4

    def half(dy, x, p, g):
        g.w += 0.5 * x.T @ dy
        g.b += dy.sum(0)
        return dy @ p.w.T

    monkeypatch.setattr(linear_backward.__wrapped__, "__code__", half.__code__)
    with reference():
        rows = {row.name: row for row in check_model(params, TINY, batch(TINY))}
    assert not rows["groups.0.blocks.0.ffn.intermediate.w"].passed


def test_the_table(x):
    from rich.console import Console

    reports = [
        Report("linear", check(linear, linear_backward, {"x": x}, parameters(FORM, 0))),
        Report("wrong", check(linear, lambda *a: 2 * linear_backward(*a), {"x": x}, parameters(FORM, 0))),
    ]
    page = io.StringIO()
    assert not print_table(iter(reports), Console(file=page, width=120))
    assert "FAILED" in page.getvalue() and "5 of 6" in page.getvalue() and "5×4" in page.getvalue()
    assert print_table(reports[:1], Console(file=io.StringIO(), width=120))
    assert not print_table([], Console(file=io.StringIO()))  # nothing checked is nothing proven


def test_json_has_no_nan(x):
    rows = check(linear, lambda *a: (linear_backward(*a), None)[1], {"x": x}, parameters(FORM, 0))
    found = json.loads(json.dumps(Report("linear", rows).to_dict(), allow_nan=False))
    assert found["passed"] is False and found["tensors"][0]["error"] is None and found["tensors"][1]["passed"]


def test_everything_is_every_check_of_the_reference_and_of_the_kernels(monkeypatch):
    some = everything(seed=5)
    first, second, *_ = CHECKS
    assert [next(some).name for _ in range(4)] == [first, f"{first} · kernels", second, f"{second} · kernels"]
    ran = []

    def which(seed):
        ran.append(not kernels_run(np.zeros(1)))
        return []

    monkeypatch.setitem(CHECKS, "which", which)
    assert [report.name for report in everything(names=["which"])] == ["which", "which · kernels"] and ran == [True, False]


def test_the_checks_of_compressed_weights_are_among_them():
    assert {"linear, in factors", "masked", "fake_quantise, straight through"} <= set(CHECKS)
