"""The public classes of fine-tuning: inputs, outputs, and errors for bad input; and the outputs of every class."""

import numpy as np
import pytest
from test_models import CONFIG, IDS, MASK

import albert_np as ab
from albert_np.core.params import Tree

CLASSES = CONFIG.replace(num_labels=4, hidden_dropout_prob=0.2, classifier_dropout_prob=0.3)
FUSED = CLASSES.replace(fusion_layers=(1, 3))
TOKEN_LABELS = np.array([[-100, 3, 0, 1, -100, -100], [0, -100, 2, 1, 1, 3]])
MODELS = {
    "model": (ab.AlbertModel, CONFIG),
    "pretraining": (ab.AlbertForPreTraining, CONFIG),
    "masked": (ab.AlbertForMaskedLM, CONFIG),
    "sequence": (ab.AlbertForSequenceClassification, CLASSES),
    "token": (ab.AlbertForTokenClassification, CLASSES),
    "question": (ab.AlbertForQuestionAnswering, CONFIG),
}
LABELS = {
    "sequence": dict(labels=[3, 0]),
    "token": dict(labels=TOKEN_LABELS),
    "question": dict(start_positions=[1, 4], end_positions=[3, 5]),
}
every_class = pytest.mark.parametrize("name", MODELS)
every_task = pytest.mark.parametrize("name", LABELS)


def make_model(name, dtype="float64", **changes):
    """Return a model whose heads have larger weights than a fresh one's."""
    model, config = MODELS[name]
    return model(config.replace(initializer_range=0.3, **changes), seed=3, dtype=dtype)


# ---- the outputs of every class ----


@every_class
@pytest.mark.parametrize("fusion", [(), (0, 2)])
def test_outputs_of_every_class(name, fusion):
    model = make_model(name, fusion_layers=fusion, inner_group_num=2)
    out = model(IDS, MASK, output_hidden_states=True, output_attentions=True)
    assert out.last_hidden_state.shape == (2, 6, 12)
    assert len(out.hidden_states) == 4 and all(x.shape == (2, 6, 12) for x in out.hidden_states)
    assert len(out.attentions) == 6 and all(x.shape == (2, 3, 6, 6) for x in out.attentions)
    assert np.array_equal(out.hidden_states[-1], out.last_hidden_state) == (not fusion)
    for hidden in (out.last_hidden_state, *out.hidden_states):
        assert not hidden[0, 5].any() and hidden[0, :5].all()
    for weights in out.attentions:
        assert not weights[0, :, 5].any() and not weights[0, :, :, 5].any()
        np.testing.assert_allclose(weights[1].sum(-1), 1, rtol=1e-12)
        np.testing.assert_allclose(weights[0, :, :5].sum(-1), 1, rtol=1e-12)
    plain = model(IDS, MASK)
    assert plain.hidden_states is None and plain.attentions is None
    assert np.array_equal(plain.last_hidden_state, out.last_hidden_state)


FILLED = {
    "model": {"pooler_output"},
    "pretraining": {"pooler_output", "prediction_logits", "logits", "sop_logits"},
    "masked": {"prediction_logits", "logits"},
    "sequence": {"pooler_output", "logits"},
    "token": {"logits"},
    "question": {"start_logits", "end_logits"},
}


@every_class
def test_outputs_without_a_head_are_none(name):
    out = make_model(name)(IDS, MASK)
    assert {key for key, value in vars(out).items() if value is not None} == FILLED[name] | {"last_hidden_state"}


def test_a_body_without_a_pooler_has_no_pooler_output():
    """A model loaded from a checkpoint without a pooler."""
    whole, bare = ab.AlbertModel(CONFIG, seed=3), ab.AlbertForMaskedLM(CONFIG, seed=3).params
    form = {name: part for name, part in bare.form.items() if name != "mlm"}
    params = Tree(form, bare.flat)
    out = ab.AlbertModel.of(CONFIG, params)(IDS, MASK, output_hidden_states=True)
    assert out.pooler_output is None and np.array_equal(out.last_hidden_state, whole(IDS, MASK).last_hidden_state)


@every_class
def test_padding_and_other_sequences_change_nothing(name):
    model = make_model(name)
    together, alone = model(IDS, MASK, output_hidden_states=True), model(IDS[:1, :5], output_hidden_states=True)
    for key, value in vars(together).items():
        if value is None:
            continue
        for ours, theirs in zip(value, getattr(alone, key)) if isinstance(value, tuple) else [(value, getattr(alone, key))]:
            inner = ours[0] if theirs.shape[1:] == ours.shape[1:] else ours[0, :5]
            np.testing.assert_allclose(inner, theirs[0], rtol=0, atol=1e-12, err_msg=key)


@every_class
def test_float32_stays_float32(name):
    out = make_model(name, "float32")(IDS, MASK, output_hidden_states=True, output_attentions=True)
    arrays = [x for value in vars(out).values() if value is not None for x in (value if isinstance(value, tuple) else [value])]
    assert {x.dtype for x in arrays} == {np.dtype("float32")}


# ---- the tasks ----


def test_logits():
    assert make_model("sequence")(IDS, MASK).logits.shape == (2, 4)
    tokens = make_model("token")(IDS, MASK).logits
    assert tokens.shape == (2, 6, 4) and not tokens[0, 5].any() and tokens[0, :5].all()
    for dtype in ("float32", "float64"):
        spans = make_model("question", dtype)(IDS, MASK)
        for scores in (spans.start_logits, spans.end_logits):
            assert scores.shape == (2, 6) and scores[0, 5] == np.finfo(dtype).min and (np.abs(scores[0, :5]) < 100).all()
        assert not np.array_equal(spans.start_logits, spans.end_logits)


def test_the_heads_read_the_fused_representation():
    model = ab.AlbertForTokenClassification(FUSED, dtype="float64")
    out = model(IDS, output_hidden_states=True)
    head = model.params.task
    np.testing.assert_allclose(out.logits, out.last_hidden_state @ head.w + head.b, rtol=0, atol=1e-13)
    assert not np.allclose(out.last_hidden_state, out.hidden_states[-1])


def test_a_hole_in_the_mask_is_a_missing_token():
    model, mask, kept = make_model("question"), [[1, 1, 0, 1, 1, 1]], [0, 1, 3, 4, 5]
    holed = model(IDS[1:], mask)
    without = model(np.delete(IDS[1:], 2, axis=1), position_ids=[[0, 1, 3, 4, 5]])
    np.testing.assert_allclose(holed.start_logits[0, kept], without.start_logits[0], rtol=0, atol=1e-13)
    assert holed.start_logits[0, 2] == np.finfo(np.float64).min
    loss, _ = model.loss_and_gradients(IDS[1:], mask, start_positions=[3], end_positions=[5])
    same, _ = model.loss_and_gradients(
        np.delete(IDS[1:], 2, axis=1), position_ids=[[0, 1, 3, 4, 5]], start_positions=[2], end_positions=[4]
    )
    np.testing.assert_allclose(loss, same, rtol=1e-13)


def log_softmax(x):
    return x - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)) - x.max(-1, keepdims=True)


def test_losses_are_those_of_the_logits():
    model = make_model("sequence")
    logits = model(IDS, MASK).logits
    loss, _ = model.loss_and_gradients(IDS, MASK, labels=[3, 0])
    np.testing.assert_allclose(loss, -log_softmax(logits)[[0, 1], [3, 0]].mean(), rtol=1e-13)
    assert isinstance(loss, np.ndarray) and loss.shape == () and loss.dtype == np.float64

    sets = np.array([[0, 1, 1, 0], [0.5, 0, 0, 1]])
    p = 1 / (1 + np.exp(-logits))
    loss, _ = model.loss_and_gradients(IDS, MASK, labels=sets)
    np.testing.assert_allclose(loss, -(sets * np.log(p) + (1 - sets) * np.log(1 - p)).mean(), rtol=1e-13)

    numbers = make_model("sequence", problem_type="regression")
    loss, _ = numbers.loss_and_gradients(IDS, MASK, labels=sets)
    np.testing.assert_allclose(loss, ((logits - sets) ** 2).mean(), rtol=1e-13)

    model = make_model("token")
    loss, _ = model.loss_and_gradients(IDS, MASK, labels=TOKEN_LABELS)
    labelled = TOKEN_LABELS != -100
    expected = -log_softmax(model(IDS, MASK).logits)[labelled, TOKEN_LABELS[labelled]].mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-13)

    model = make_model("question")
    out = model(IDS, MASK)
    loss, _ = model.loss_and_gradients(IDS, MASK, start_positions=[1, 4], end_positions=[3, 5])
    each = [log_softmax(out.start_logits)[[0, 1], [1, 4]], log_softmax(out.end_logits)[[0, 1], [3, 5]]]
    np.testing.assert_allclose(loss, -np.mean(each), rtol=1e-13)


def test_one_number_may_come_in_either_shape_and_as_integers():
    model = make_model("sequence", num_labels=1)
    losses = [float(model.loss_and_gradients(IDS, MASK, labels=labels)[0]) for labels in ([3.0, -1.0], [[3.0], [-1.0]], [3, -1])]
    assert len(set(losses)) == 1
    np.testing.assert_allclose(losses[0], ((model(IDS, MASK).logits[:, 0] - [3, -1]) ** 2).mean(), rtol=1e-13)


def test_problem_type_decides_before_the_labels_do():
    sets = [[0, 1, 1, 0], [1, 0, 0, 1]]
    asked = make_model("sequence", problem_type="multi_label_classification").loss_and_gradients(IDS, MASK, labels=sets)[0]
    inferred = make_model("sequence").loss_and_gradients(IDS, MASK, labels=np.array(sets, float))[0]
    assert asked == inferred
    one = make_model("sequence", num_labels=1, problem_type="single_label_classification")
    assert float(one.loss_and_gradients(IDS, MASK, labels=[0, 0])[0]) == 0


def test_ignored_items_do_not_count():
    model = make_model("sequence")
    alone, g_alone = model.loss_and_gradients(IDS[1:], labels=[2])
    ignored, grads = model.loss_and_gradients(IDS, MASK, labels=[-100, 2])
    np.testing.assert_allclose(ignored, alone, rtol=1e-13)
    np.testing.assert_allclose(grads.flat, g_alone.flat, rtol=0, atol=1e-13)
    model = make_model("question")
    alone, g_alone = model.loss_and_gradients(IDS[1:], start_positions=[2], end_positions=[3])
    for outside in (-100, 6, 400):
        ignored, grads = model.loss_and_gradients(IDS, MASK, start_positions=[outside, 2], end_positions=[outside, 3])
        np.testing.assert_allclose(ignored, alone, rtol=1e-13)
        np.testing.assert_allclose(grads.flat, g_alone.flat, rtol=0, atol=1e-13)
    nothing, grads = model.loss_and_gradients(IDS, MASK, start_positions=[6, 6], end_positions=[-100, 9])
    assert float(nothing) == 0 and not grads.flat.any()


@every_task
def test_gradients_are_fresh_or_added_into_the_given_tree(name):
    model = make_model(name)
    _, once = model.loss_and_gradients(IDS, MASK, **LABELS[name])
    _, again = model.loss_and_gradients(IDS, MASK, **LABELS[name])
    assert again is not once and np.array_equal(again.flat, once.flat) and once.task.w.any() and once.embeddings.word.any()
    _, same = model.loss_and_gradients(IDS, MASK, **LABELS[name], grads=again)
    assert same is again
    np.testing.assert_allclose(again.flat, 2 * once.flat, rtol=0, atol=1e-13)


@every_task
def test_micro_batches_with_denominators_are_the_batch(name):
    model = make_model(name)
    count = {"task": 8.0 if name == "token" else 2.0}
    whole, grads = model.loss_and_gradients(IDS, MASK, **LABELS[name])
    parts = []
    halves = model.params.zeros_like()
    for row in (0, 1):
        labels = {key: np.asarray(value)[row : row + 1] for key, value in LABELS[name].items()}
        loss, _ = model.loss_and_gradients(IDS[row : row + 1], MASK[row : row + 1], **labels, grads=halves, denominators=count)
        parts.append(loss)
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-13)
    np.testing.assert_allclose(halves.flat, grads.flat, rtol=0, atol=1e-13)


@every_task
def test_dropout_only_with_rng(name):
    model = make_model(name, hidden_dropout_prob=0.2)
    rngs = None, None, 1, 1, ab.Dropout(2)
    losses = [float(model.loss_and_gradients(IDS, MASK, **LABELS[name], rng=rng)[0]) for rng in rngs]
    assert losses[0] == losses[1] and losses[2] == losses[3] and len(set(losses)) == 3


def test_the_classifier_has_a_dropout_of_its_own():
    for name, expected in (("sequence", 2), ("token", 2), ("question", 1)):
        model = make_model(name, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        losses = {float(model.loss_and_gradients(IDS, MASK, **LABELS[name], rng=rng)[0]) for rng in (None, 1)}
        assert len(losses) == expected, name


@pytest.mark.parametrize("name", ["sequence", "token"])
def test_the_number_of_labels_is_the_number_of_classes(name):
    model = make_model(name, num_labels=7)
    assert model.params.task.w.shape == (12, 7) and model(IDS, MASK).logits.shape[-1] == 7
    assert not model.params.task.b.any() and 0.2 < model.params.task.w.std() < 0.4


def test_question_answering_has_two_labels():
    with pytest.raises(ValueError, match=r"num_labels must be 2 for question answering.*not 3"):
        ab.AlbertForQuestionAnswering(CONFIG.replace(num_labels=3))
    with pytest.raises(ValueError, match="num_labels must be 2"):
        ab.AlbertForQuestionAnswering.of(CLASSES, make_model("token").params)


def test_heads_have_their_names_in_transformers():
    for name, head in (("sequence", "classifier"), ("token", "classifier"), ("question", "qa_outputs")):
        model = make_model(name)
        tensors = ab.to_hf(model.config, model.params)
        assert np.array_equal(tensors[head + ".weight"], model.params.task.w.T) and head + ".bias" in tensors
        assert model.config.extra["architectures"] == [type(model).__name__] and model.config == model.config.replace(extra={})


@every_task
def test_a_saved_model_is_the_same_model(tmp_path, name):
    model = make_model(name, "float32")
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert np.array_equal(model.params.flat, again.params.flat) and again.config == model.config
    (loss, grads), (other, others) = (m.loss_and_gradients(IDS, MASK, **LABELS[name]) for m in (model, again))
    assert loss == other and np.array_equal(grads.flat, others.flat)


REFUSED = {
    ("sequence", "missing"): (dict(labels=None), "labels: expected one for each of the 2 sequences, got None"),
    ("sequence", "too few"): (dict(labels=[1]), r"labels: expected the shape \(2,\), got \(1,\)"),
    ("sequence", "ragged"): (dict(labels=[[1], [1, 2]]), "labels: expected one for each"),
    ("sequence", "no number"): (dict(labels=["a", "b"]), "labels: expected one for each of the 2 sequences, got <U1"),
    ("sequence", "too large"): (
        dict(labels=[4, 0]),
        r"labels: 4 is outside 0 to 3, the 4 labels of the config \(-100 is ignored\)",
    ),
    ("sequence", "negative"): (dict(labels=[-1, 0]), "labels: -1 is outside 0 to 3"),
    ("sequence", "integers in sets"): (dict(labels=np.eye(4, dtype=int)[:2]), r"labels: .*\(2,\), got \(2, 4\).*given as floats"),
    ("sequence", "sets of another size"): (dict(labels=np.ones((2, 3))), r"labels: expected the shape \(2, 4\).*got \(2, 3\)"),
    ("sequence", "floats as classes"): (dict(labels=[1.0, 2.0]), r"labels: expected the shape \(2, 4\) for multi label"),
    ("sequence", "beyond 1"): (dict(labels=np.full((2, 4), 1.5)), "labels: expected numbers from 0 to 1 .*, got 1.5"),
    ("sequence", "nan"): (dict(labels=np.full((2, 4), np.nan)), "labels: expected finite numbers"),
    ("token", "missing"): (dict(labels=None), r"labels: expected integers of the shape \(2, 6\), got None"),
    ("token", "another shape"): (dict(labels=TOKEN_LABELS[:, :4]), r"labels: expected the shape \(2, 6\), got \(2, 4\)"),
    ("token", "one a sequence"): (dict(labels=[1, 2]), r"labels: expected the shape \(2, 6\), got \(2,\)"),
    ("token", "floats"): (dict(labels=TOKEN_LABELS * 1.0), "labels: expected integers, got float64"),
    ("token", "too large"): (dict(labels=TOKEN_LABELS + (TOKEN_LABELS == 3)), "labels: 4 is outside 0 to 3"),
    ("token", "hidden"): (dict(labels=np.zeros_like(IDS)), "labels: a token that attention_mask hides has a label"),
    ("question", "missing"): ({}, "start_positions: expected a position for each of the 2 sequences, got None"),
    ("question", "no end"): (dict(start_positions=[1, 2]), "end_positions: expected a position .*, got None"),
    ("question", "no start"): (dict(end_positions=[1, 2]), "start_positions: expected a position .*, got None"),
    ("question", "too few"): (dict(start_positions=[1], end_positions=[1, 2]), r"start_positions: expected the shape \(2,\)"),
    ("question", "floats"): (dict(start_positions=[1, 1], end_positions=[1.0, 2]), "end_positions: expected integers"),
    ("question", "negative"): (dict(start_positions=[-1, 1], end_positions=[1, 2]), "start_positions: -1 is not a position"),
    ("question", "hidden"): (dict(start_positions=[1, 1], end_positions=[5, 2]), "end_positions: row 0 points at token 5, which"),
}


@pytest.mark.parametrize(("name", "case"), REFUSED, ids=[": ".join(key) for key in REFUSED])
def test_bad_labels_are_refused_by_name(name, case):
    changes, message = REFUSED[name, case]
    with pytest.raises(ValueError, match=message):
        make_model(name).loss_and_gradients(IDS, MASK, **changes)


def test_numbers_must_be_finite_and_fit():
    model = make_model("sequence", num_labels=1)
    for labels, message in (
        ([np.inf, 1], "finite"),
        (np.ones((2, 2)), r"\(2, 1\) for regression, got \(2, 2\)"),
        ([1.0], r"\(1,\)"),
    ):
        with pytest.raises(ValueError, match="labels: .*" + message):
            model.loss_and_gradients(IDS, MASK, labels=labels)


@pytest.mark.parametrize("name", ["sequence", "question"])
def test_labels_may_have_an_axis_of_length_one(name):
    model = make_model(name)
    column = {key: np.reshape(value, (2, 1)) for key, value in LABELS[name].items()}
    expected = model.loss_and_gradients(IDS, MASK, **LABELS[name])[0]
    assert model.loss_and_gradients(IDS, MASK, **column)[0] == expected
