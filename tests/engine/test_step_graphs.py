"""Steps that are captured and replayed are equal to eager ones."""

import numpy as np
import pytest
from devices import DEVICES, on_device, to_host

import albert_np as ab
from albert_np.core import reference
from albert_np.engine import step_graphs
from albert_np.engine.precision import Float16Policy, get_precision_policy
from albert_np.engine.step_graphs import BatchShape, StepGraphs, bucket_size, round_up

SIZES = dict(
    vocab_size=29, embedding_size=6, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=14,
    max_position_embeddings=11, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3,
)  # fmt: skip


@pytest.fixture(params=DEVICES)
def device(request, monkeypatch):
    with reference(False):
        yield on_device(request.param, monkeypatch)


def arrays(index, task, order=(5, 3, 1, 2)):
    """Return the arrays of a batch; all batches have one shape, whatever the order of their lengths."""
    rng = np.random.default_rng(index)
    lengths = np.array(order)
    N, B, starts = int(lengths.sum()), len(lengths), np.cumsum(lengths) - lengths
    given = dict(
        ids=rng.integers(0, 29, N), lengths=lengths, token_types=rng.integers(0, 2, N),
        positions=np.concatenate([np.arange(n) for n in lengths]), examples=rng.integers(0, 2**34, B),
    )  # fmt: skip
    if task == "pretraining":
        masked = np.sort(rng.choice(N, 3, replace=False))
        return {**given, "masked_rows": masked, "masked_labels": rng.integers(0, 29, 3), "order_labels": rng.integers(0, 2, B)}
    if task == "translation":
        sources = np.maximum(1, lengths // 2)
        rows = np.concatenate([np.arange(s + n - 1, s + T) for s, n, T in zip(starts, sources, lengths)])
        return {**given, "source_lengths": sources, "masked_rows": rows, "masked_labels": rng.integers(0, 29, len(rows)),
                "label_smoothing": 0.1}  # fmt: skip
    labels = {
        "classes": lambda: [(np.array([0, 2, 3]), rng.integers(0, 4, 3))],
        "sets": lambda: [(np.arange(B), rng.integers(0, 2, (B, 4)).astype(float))],
        "numbers": lambda: [(np.arange(B), rng.standard_normal((B, 4)))],
        "tokens": lambda: [(np.sort(rng.choice(N, 5, replace=False)), rng.integers(0, 4, 5))],
        "relations": lambda: [(np.array([0, 1]), rng.integers(0, 4, 2))],
        "choices": lambda: [(np.array([0]), np.array([2]))],
        "spans": lambda: [(np.array([0, 1]), np.array([0, 0])), (np.array([0]), np.array([0]))],
    }[task]()
    if task == "choices":
        given["group_sizes"] = np.array([3, 1])
    if task == "relations":
        given["entity_rows"] = starts[:, None] + np.array([[0, 0]])
    return {**given, "labels": labels}


MODELS = {
    "pretraining": (ab.AlbertForPreTraining, {}), "translation": (ab.AlbertForTranslation, {}),
    "classes": (ab.AlbertForSequenceClassification, dict(num_labels=4)),
    "sets": (ab.AlbertForSequenceClassification, dict(num_labels=4, problem_type="multi_label_classification")),
    "numbers": (ab.AlbertForSequenceClassification, dict(num_labels=4, problem_type="regression")),
    "tokens": (ab.AlbertForTokenClassification, dict(num_labels=4)),
    "relations": (ab.AlbertForRelationClassification, dict(num_labels=4)),
    "choices": (ab.AlbertForMultipleChoice, {}),
    "spans": (ab.AlbertForQuestionAnswering, {}),
}  # fmt: skip
DENOMINATORS = {"mlm": 5.0, "sop": 3.0, "task": 7.0}
ORDERS = [(5, 3, 1, 2), (1, 2, 5, 3), (4, 2, 2, 3)]


def step_results(steps, model, index, task):
    """Return losses and gradient of a step, which is added to the gradient of the steps before."""
    grads, given = model.grads, arrays(index, task, ORDERS[index % 3])
    results = steps(given, grads, DENOMINATORS, ab.Dropout(3, index))
    values = {name: getattr(results, name) for name in results.__dataclass_fields__}
    return {name: x if isinstance(x, int | None) else float(to_host(x)) for name, x in values.items()}


def make_model(task, dtype="float64"):
    kind, changes = MODELS[task]
    model = kind(ab.AlbertConfig(**SIZES, **changes), seed=5, dtype=dtype)
    model.grads = model.params.zeros_like()
    return model


@pytest.mark.parametrize("task", MODELS)
def test_a_replayed_step_is_the_eager_step(task, device):
    one, other = make_model(task), make_model(task)
    graphs, plain = StepGraphs(one), StepGraphs(other, capture=False)
    assert graphs.capture == (task != "spans")
    for index in range(8):
        for model in (one, other):
            model.params.flat *= 1.02  # as training changes them, in place
        found, expected = step_results(graphs, one, index, task), step_results(plain, other, index, task)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == (value if isinstance(value, int | None) else pytest.approx(value, rel=1e-11)), name
        np.testing.assert_allclose(to_host(one.grads.flat), to_host(other.grads.flat), rtol=0, atol=1e-12)
    replayed = [r for r in graphs.graphs.values() if r.replay is not None]
    assert len(replayed) == (task != "spans")


def test_micro_batches_of_one_shape_are_not_confused(device):
    """The results of a replay are copied before the next one overwrites them."""
    model = make_model("pretraining")
    steps = StepGraphs(model)
    for index in range(5):
        steps(arrays(index, "pretraining"), model.grads, DENOMINATORS, None)
    first, second = (steps(arrays(index, "pretraining"), model.grads, DENOMINATORS, None) for index in (11, 12))
    again = steps(arrays(11, "pretraining"), model.grads, DENOMINATORS, None)
    assert float(to_host(first.loss)) == float(to_host(again.loss)) != float(to_host(second.loss))


def test_shapes_are_captured_after_three_occurrences(device, monkeypatch):
    model = make_model("classes")
    steps = StepGraphs(model)
    lengths = [(5, 3, 1, 2)] * 3 + [(9, 9, 9, 9)] * 5 + [(5, 3, 1, 2)] * 2
    for index, order in enumerate(lengths):
        steps(arrays(index, "classes", order), model.grads, DENOMINATORS, None)
    assert sorted(r.replay is not None for r in steps.graphs.values()) == [True, True]
    monkeypatch.setattr(step_graphs, "MAX_GRAPHS", 2)
    for index in range(6):
        steps(arrays(index, "classes", (2, 2, 2, 2)), model.grads, DENOMINATORS, None)
    assert len(steps.graphs) == 2, "no more memory is taken"


def test_nothing_is_captured_on_the_host_or_in_the_reference(device):
    assert StepGraphs(make_model("classes")).capture
    with reference():
        assert not StepGraphs(make_model("classes")).capture
    ab.use("numpy")
    assert not StepGraphs(make_model("classes")).capture


@pytest.mark.parametrize("n", [*range(1, 70), 127, 129, 1000, 4095, 4097])
def test_sizes_are_rounded_up_by_little(n):
    assert n <= round_up(n) <= max(n * 9 / 8, n + 7) and round_up(round_up(n)) == round_up(n)
    assert n <= round_up(n, 1) <= n * 9 / 8 and round_up(round_up(n, 1), 1) == round_up(n, 1)
    assert n <= bucket_size(n) <= max(n + 7, 1.5 * n) and bucket_size(bucket_size(n)) == bucket_size(n)


def test_numbers_of_questions_are_rounded_up(device):
    """So batches of different numbers of questions replay one graph; places of padding questions are no choice of a real one."""
    model = make_model("choices")
    given = [arrays(1, "choices") | dict(group_sizes=np.array(sizes)) for sizes in ([2, 1, 1], [2, 2])]
    one, other = (BatchShape(each, model, model.grads, None) for each in given)
    assert one.key == other.key and one.integers["group_rows"].shape == (8, 2)
    assert one.integers["group_rows"][3:].min() >= 4 and one.integers["tables.0.rows"].max() == 7


def test_padding_rows_are_in_no_tile(device):
    """Rows beyond the batch's belong to no tile, and no output row comes twice."""
    model = make_model("pretraining")
    given = arrays(1, "pretraining")
    form = BatchShape(given, model, model.grads, None)
    N, rows = len(given["ids"]), form.integers["output_rows"]
    assert form.N > N and len(set(rows.tolist())) == len(rows) and rows.max() < form.N
    assert form.integers["masked.rows"].max() < form.N and (form.numbers["masked.weights"] == 0).sum() == round_up(3) - 3
    inside = [form.integers[f"tile_starts_{k}"] + form.integers[f"tile_lengths_{k}"] for k in range(len(form.tiles))]
    assert max(ends.max() for ends in inside) == N


# ---- float16 ----


@pytest.mark.parametrize("task", MODELS)
def test_float16_is_near_float32(task, device):
    found = {}
    for precision in ("float32", "float16"):
        model = make_model(task, "float32")
        steps = get_precision_policy(model, precision)
        for index in range(6):
            given = arrays(index, task, ORDERS[index % 3])
            results = steps.compute_gradients([given], DENOMINATORS, ab.Dropout(3, index), model.grads)
            norm = steps.update_loss_scale(ab.optim.clip(model.grads, 1e9))
        assert model.grads.flat.dtype == np.float32 and norm.dtype == np.float32
        found[precision] = float(to_host(results[0].loss)), to_host(model.grads.flat), float(to_host(norm))
    (loss, g, norm), (loss16, g16, norm16) = found["float32"], found["float16"]
    assert loss16 == pytest.approx(loss, rel=5e-3) and norm16 == pytest.approx(norm, rel=1e-2)
    assert np.linalg.norm(g16 - g) < 1e-2 * np.linalg.norm(g)


def test_float16_learns_and_leaves_out_what_overflows(device):
    model = make_model("pretraining", "float32")
    steps = get_precision_policy(model, "float16")
    assert isinstance(steps, Float16Policy)
    state, given = ab.optim.init("adamw", model.params, bias_correction=True), arrays(1, "pretraining")
    losses = []
    for index in range(20):
        if index == 3:
            steps.loss_scale.scale[...] = 2.0**24  # gradients overflow float16
            before = to_host(model.params.flat)
        with np.errstate(all="ignore"):  # a device says nothing of it
            results = steps.compute_gradients([given], {"mlm": 3.0, "sop": 4.0}, None, model.grads)
            norm = steps.update_loss_scale(ab.optim.clip(model.grads, 1.0))
        state.loss_scale = steps.loss_scale
        ab.optim.step(model.params, model.grads, state, 2e-2)
        losses.append(float(to_host(results[0].loss)))
        if index == 3:
            assert np.array_equal(before, to_host(model.params.flat)) and float(to_host(norm)) == 0
    assert steps.loss_scale.state()["skipped"] >= 1 and steps.loss_scale.state()["scale"] < 2.0**24
    assert losses[-1] < losses[0] - 0.5
    again = get_precision_policy(make_model("pretraining", "float32"), "float16")
    again.restore(steps.state())
    assert again.state() == steps.state()


def test_precisions_that_cannot_be(device):
    model = make_model("classes", "float64")
    with pytest.raises(ValueError, match="precision float16 is for parameters in float32, not float64"):
        get_precision_policy(model, "float16")
    with reference(), pytest.raises(ValueError, match="ALBERT_NP_REFERENCE switches them off"):
        get_precision_policy(make_model("classes", "float32"), "float16")
    ab.use("numpy")
    with pytest.raises(ValueError, match=r"precision tf32 needs a GPU: `ab.use\('cupy'\)`; the parameters are on numpy"):
        get_precision_policy(make_model("classes", "float32"), "tf32")


def test_a_batch_is_computed_eagerly_where_nothing_is_captured():
    model = make_model("classes")
    given = arrays(0, "classes")
    results = StepGraphs(model)(given, model.grads, {"task": 7.0}, None)
    assert results.loss == model.packed_loss(model.pack_batch(**given), {"task": 7.0}).loss
