"""The whole model, forward and backward, and an optimiser step, on arrays that raise errors where CuPy does."""

import numpy as np
import pytest
from devices import add_strict_backend
from strict_backend import Refused, StrictArray

import albert_np as ab
from albert_np.core import backend
from albert_np.core.layers import attention, attention_backward
from albert_np.core.params import Tree, flat_size
from albert_np.models.batch import PrefixSequences

SIZES = dict(
    vocab_size=29, embedding_size=6, hidden_size=12, num_hidden_layers=4, num_attention_heads=3, intermediate_size=14,
    max_position_embeddings=11,
)  # fmt: skip
FORMS = {
    "shared": {},
    "groups": dict(num_hidden_groups=2, inner_group_num=2),
    "attention": dict(sharing="attention"),
    "ffn": dict(sharing="ffn"),
    "none": dict(sharing="none"),
    "fusion": dict(fusion_layers=(1, 2, 4)),
    "fusion below the top": dict(fusion_layers=(0, 3)),
    "gelu": dict(hidden_act="gelu"),
    "relu": dict(hidden_act="relu"),
    "tanh": dict(hidden_act="tanh"),
    "dropout": dict(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3),
    "recompute": dict(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3, recompute=True),
}
ARRAYS = dict(
    ids=np.array([2, 7, 4, 7, 3, 2, 9, 3, 2]), lengths=np.array([5, 3, 1]), token_types=np.array([0, 0, 0, 1, 1, 0, 1, 1, 0]),
    positions=np.array([0, 1, 2, 3, 4, 0, 1, 2, 0]), examples=np.array([7, 2, 2**33 + 1]), masked_rows=np.array([2, 6]),
    masked_labels=np.array([11, 12]), order_labels=np.array([0, 1, 1]),
)  # fmt: skip


@pytest.fixture
def strict(monkeypatch):
    add_strict_backend(monkeypatch)
    monkeypatch.setattr(backend, "_current", backend.current())
    StrictArray.syncs = 0


def step(name, config, optimizer):
    """Run two pretraining steps on a backend -> (parameters on the host, losses, norms)."""
    ab.use(name)
    model = ab.AlbertForPreTraining(config, seed=5, dtype="float64")
    state = ab.optim.init(optimizer, model.params, bias_correction=True)
    seen = []
    for number in range(2):
        batch = model.pack_batch(**ARRAYS)
        results, grads = model.packed_loss_and_gradients(batch, dropout_key=ab.Dropout(3, number))
        norm = ab.optim.clip(grads, 0.5)
        ab.optim.step(model.params, grads, state, 0.01)
        seen += [results.loss, norm, results.mlm_correct, results.sop_correct]
    return model, seen


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
@pytest.mark.parametrize("form", FORMS)
def test_a_training_step_is_the_same_and_never_waits(strict, form, optimizer):
    config = ab.AlbertConfig(**SIZES, **FORMS[form])
    on_device, seen = step("strict", config, optimizer)
    assert StrictArray.syncs == 0, "a step made the host wait for the device"
    on_host, expected = step("numpy", config, optimizer)
    assert isinstance(on_device.params.flat, StrictArray) and isinstance(on_host.params.flat, np.ndarray)
    np.testing.assert_allclose(backend.to_host(on_device.params.flat), on_host.params.flat, rtol=0, atol=1e-13)
    np.testing.assert_allclose([float(x) for x in seen], [float(x) for x in expected], rtol=1e-12)


TASKS = {
    "classes": (ab.AlbertForSequenceClassification, dict(num_labels=4), [(np.array([0, 2]), np.array([3, 1]))]),
    "numbers": (ab.AlbertForSequenceClassification, dict(num_labels=1), [(np.arange(3), np.array([[0.5], [2.0], [-1.0]]))]),
    "sets": (ab.AlbertForSequenceClassification, dict(num_labels=4), [(np.arange(3), np.eye(4)[:3])]),
    "tokens": (ab.AlbertForTokenClassification, dict(num_labels=4), [(np.array([1, 5, 6]), np.array([3, 0, 1]))]),
    "spans": (ab.AlbertForQuestionAnswering, {}, [(np.arange(3), np.array([1, 2, 0])), (np.array([0]), np.array([4]))]),
    "relations": (ab.AlbertForRelationClassification, dict(num_labels=4), [(np.array([0, 2]), np.array([3, 1]))]),
    "choices": (ab.AlbertForMultipleChoice, {}, [(np.array([0]), np.array([1]))]),
    "translation": (ab.AlbertForTranslation, {}, None),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("form", ["shared", "fusion", "recompute"])
def test_a_fine_tuning_step_is_the_same_and_never_waits(strict, form, task):
    model, changes, labels = TASKS[task]
    arrays = {key: value for key, value in ARRAYS.items() if key not in ("masked_rows", "masked_labels", "order_labels")}
    found = []
    for name in ("strict", "numpy"):
        ab.use(name)
        made = model(ab.AlbertConfig(**SIZES, **FORMS[form], **changes), seed=5, dtype="float64")
        more: dict = {}
        if task == "relations":
            more = dict(entity_rows=np.cumsum(arrays["lengths"])[:, None] - [[1, 1]])
        if task == "choices":
            more = dict(group_sizes=np.array([2, 1]))
        if task == "translation":
            starts = np.cumsum(arrays["lengths"]) - arrays["lengths"]
            more = dict(
                source_lengths=np.ones(3, int), masked_rows=starts, masked_labels=np.array([5, 7, 6]), label_smoothing=0.1
            )
        batch = made.pack_batch(**arrays, **more, labels=labels)
        results, grads = made.packed_loss_and_gradients(batch, dropout_key=ab.Dropout(3))
        assert isinstance(grads.flat, StrictArray) == (name == "strict")
        assert StrictArray.syncs == 0, "a step made the host wait for the device"
        correct = [] if results.correct is None else [results.correct]
        found.append(([results.loss, *correct], backend.to_host(grads.flat)))
        StrictArray.syncs = 0
    (ours, g), (theirs, g_host) = found
    np.testing.assert_allclose([float(x) for x in ours], [float(x) for x in theirs], rtol=1e-12)
    np.testing.assert_allclose(g, g_host, rtol=0, atol=1e-13)


@pytest.mark.parametrize("form", ["shared", "fusion"])
def test_generation_is_the_same(strict, form):
    made = ab.AlbertForTranslation(ab.AlbertConfig(**SIZES, **FORMS[form]), seed=5, dtype="float64")
    made.params.flat[:] *= 8  # not a fresh model, which always writes the same
    found = []
    for name in ("numpy", "strict"):
        made.to(name)
        found.append(made.generate([[2, 7, 8, 3], [2, 5, 3, 0]], [[1, 1, 1, 1], [1, 1, 1, 0]], num_beams=3, max_new_tokens=4))
    assert type(found[1]) is np.ndarray and found[0].tolist() == found[1].tolist()


@pytest.mark.parametrize("task", TASKS)
def test_public_calls_of_tasks(strict, task):
    model, changes, _ = TASKS[task]
    ids, mask = [[2, 7, 8, 3], [2, 5, 3, 0]], [[1, 1, 1, 1], [1, 1, 1, 0]]
    labels = {
        "classes": dict(labels=[3, -100]), "numbers": dict(labels=[0.5, 2.0]), "sets": dict(labels=np.eye(4)[:2]),
        "tokens": dict(labels=[[0, 3, -100, 1], [2, -100, 1, -100]]), "spans": dict(start_positions=[1, 9], end_positions=[2, 2]),
        "relations": dict(labels=[3, -100]), "choices": dict(labels=[1, 0]),
        "translation": dict(labels=[[-100, -100, 8, 3], [-100, -100, 4, -100]]),
    }[task]  # fmt: skip
    more = dict(entity_positions=[[1, 2], [0, 1]]) if task == "relations" else {}
    if task == "choices":
        ids, mask = [[ids[0], ids[1]], [ids[1], ids[0]]], [[mask[0], mask[1]], [mask[1], [0, 0, 0, 0]]]
    if task == "translation":
        more = dict(token_type_ids=[[0, 0, 1, 1], [0, 0, 1, 0]])
    made = model(ab.AlbertConfig(**SIZES, **changes), dtype="float64")
    found = []
    for name in ("numpy", "strict"):
        made.to(name)
        put = {key: backend.asarray_like(np.asarray(value), made.params.flat) for key, value in labels.items()}
        out, (loss, grads) = made(ids, mask, **more), made.loss_and_gradients(ids, mask, **put, **more)
        arrays = [x for x in (out.logits, out.start_logits, out.end_logits, loss, grads.flat) if x is not None]
        assert all(isinstance(x, StrictArray) == (name == "strict") for x in arrays)
        found.append([backend.to_host(x) for x in arrays])
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-13)


def test_public_calls_and_moving(strict):
    ids, mask = [[2, 7, 8, 3], [2, 5, 3, 0]], [[1, 1, 1, 1], [1, 1, 1, 0]]
    model = ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES), dtype="float64")
    expected = model(ids, mask, output_hidden_states=True, output_attentions=True)
    loss, grads = model.loss_and_gradients(ids, mask, labels=ids * np.array(mask) - 100 * (1 - np.array(mask)))
    model.to("strict")
    out = model(ids, mask, output_hidden_states=True, output_attentions=True)
    for ours, theirs in zip(
        [out.prediction_logits, out.sop_logits, *out.hidden_states, *out.attentions],
        [expected.prediction_logits, expected.sop_logits, *expected.hidden_states, *expected.attentions],
    ):
        assert isinstance(ours, StrictArray) and ours.shape == theirs.shape
        np.testing.assert_allclose(backend.to_host(ours), theirs, rtol=0, atol=1e-13)
    again, strict_grads = model.loss_and_gradients(ids, mask, labels=ids * np.array(mask) - 100 * (1 - np.array(mask)))
    assert isinstance(again, StrictArray) and again.shape == () and float(again) == pytest.approx(float(loss), rel=1e-13)
    np.testing.assert_allclose(backend.to_host(strict_grads.flat), grads.flat, rtol=0, atol=1e-13)
    hf = ab.to_hf(model.config, strict_grads)
    assert all(isinstance(array, np.ndarray) for array in hf.values())
    assert isinstance(model.to("numpy").params.flat, np.ndarray)


def test_translation_pattern(strict):
    rng = np.random.default_rng(0)
    form = {"p": {name: {"w": (6, 6), "b": (6,)} for name in ("query", "key", "value", "output")}}
    flat, x = rng.standard_normal(flat_size(form)), rng.standard_normal((9, 6))
    results = []
    for put in (np.array, lambda a: StrictArray(np.array(a))):
        s = PrefixSequences([5, 3, 1], first_rows=put([0, 5, 8]), prefix_lengths=np.array([2, 3, 0]))
        p, g = Tree(form, put(flat)), Tree(form, put(flat * 0))
        y, cache = attention(put(x), p.p, s, 2)
        dx = attention_backward(put(np.cos(x)), cache, p.p, g.p, s, 2)
        results.append([backend.to_host(z) for z in (y, dx, g.flat)])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x: np.asarray(x),
        lambda x: x + np.ones(3),
        lambda x: x * np.float64(2),
        lambda x: x + [1.0, 2.0, 3.0],
        lambda x: list(x),
        lambda x: x[np.array([0, 1])],
        lambda x: x[[0, 1]],
        lambda x: np.add.reduce(x),
        lambda x: np.vecdot(x, x),
        lambda x: np.linalg.norm(x),
        lambda x: np.concatenate([x, np.ones(3)]),
        lambda x: np.where(np.array([True, False, True]), x, 0.0),
        lambda x: bool(x[0] > 0),
        lambda x: x.__setitem__(slice(None), np.ones(3)),
    ],
)
def test_the_stand_in_refuses_what_cupy_refuses(mistake):
    with pytest.raises(TypeError):
        mistake(StrictArray(np.ones(3)))


def test_the_stand_in_wraps_indices_silently():
    x = StrictArray(np.arange(3.0))
    assert np.take(x, StrictArray(np.array([4]))).a.tolist() == [1.0]
    assert x[StrictArray(np.array([-100 % 3, 5]))].a.tolist() == [2.0, 2.0]
    assert issubclass(Refused, TypeError)


def test_loading_puts_the_weights_where_arrays_are_put(strict, tmp_path):
    """Half precision, transposed matrices, a newly initialised head, numbers that are not finite."""
    config = ab.AlbertConfig(**SIZES)
    made = ab.AlbertForPreTraining(config, seed=3)
    made.save_pretrained(tmp_path, dtype="float16")
    ab.use("strict")
    with pytest.warns(UserWarning, match="mlm, sop.*left out"), pytest.warns(UserWarning, match="no weights for task"):
        loaded = ab.AlbertForSequenceClassification.from_pretrained(tmp_path)
    assert isinstance(loaded.params.flat, StrictArray)
    query = backend.to_host(loaded.params.groups[0].blocks[0].attention.query.w)
    np.testing.assert_array_equal(query, made.params.groups[0].blocks[0].attention.query.w.astype("f2").astype("f4"))
    made.params.mlm.b[2] = np.nan
    made.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"predictions\.bias holds 1 NaN"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path)


FORMS_IN_TRAINING = {
    "by magnitude": dict(amount=0.6), "by movement, globally": dict(amount=0.6, by="movement", scope="global"),
    "a pattern": dict(amount="1:2"), "keeping the table": dict(amount=0.5, embeddings=False),
}  # fmt: skip


@pytest.mark.parametrize("weights", ["float32", "int8", "int4"])
@pytest.mark.parametrize("how", FORMS_IN_TRAINING)
def test_training_in_a_small_form_is_the_same(strict, how, weights):
    """Pruning, rounding and distillation at once."""
    from albert_np.compress import SCHEMES, Pruning, QuantisationAware, Sparsity
    from albert_np.models.distillation import DistillConfig, attach_teacher, detach_teacher
    from albert_np.training.constraints import forward_context

    model, changes, labels = TASKS["classes"]
    arrays = {key: value for key, value in ARRAYS.items() if key not in ("masked_rows", "masked_labels", "order_labels")}
    found = []
    for name in ("strict", "numpy"):
        ab.use(name)
        teacher = model(ab.AlbertConfig(**{**SIZES, "hidden_size": 18}, **changes), seed=1, dtype="float64")
        made = model(ab.AlbertConfig(**SIZES, **changes), seed=5, dtype="float64")
        attach_teacher(made, DistillConfig(teacher, hidden=0.5))
        forms = [
            Pruning(Sparsity(**FORMS_IN_TRAINING[how])),
            *([QuantisationAware(SCHEMES[weights])] if weights in SCHEMES else []),
        ]
        state = ab.optim.init("adamw", made.params)
        for form in forms:
            form.start(made.params, 4)
        for step in range(4):
            with forward_context(forms, made.params):
                _, grads = made.packed_loss_and_gradients(
                    made.pack_batch(**arrays, labels=labels), dropout_key=ab.Dropout(3, step)
                )
                for form in forms:
                    form.on_gradients(made.params, grads)
            ab.optim.step(made.params, grads, state, 0.01)
            for form in forms:
                form.on_step_end(made.params, state, step + 1)
        for form in forms:
            form.finish(made.params)
        detach_teacher(made)
        assert isinstance(made.params.flat, StrictArray) == (name == "strict")
        found.append({key: backend.to_host(array) for key, array in made.params.items()})
    for key, ours in found[0].items():
        np.testing.assert_allclose(ours, found[1][key], rtol=0, atol=1e-11, err_msg=key)


def test_compressing_is_the_same(strict):
    from albert_np.compress.job import Plan, compress_model

    model, changes, labels = TASKS["classes"]
    arrays = {key: value for key, value in ARRAYS.items() if key not in ("masked_rows", "masked_labels", "order_labels")}
    found = []
    for name in ("strict", "numpy"):
        ab.use(name)
        made = model(ab.AlbertConfig(**SIZES, **changes), seed=5)
        batches = [made.pack_batch(**arrays, labels=labels)]
        small = compress_model(made, Plan(heads=0.67, neurons=0.5, energy=0.5, sparsity=0.4, weights="int8"), batches, batches)
        found.append({key: backend.to_host(array) for key, array in small.model.params.items()})
    for key, ours in found[0].items():
        np.testing.assert_allclose(ours, found[1][key], rtol=0, atol=1e-4, err_msg=key)
