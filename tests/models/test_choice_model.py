"""AlbertForMultipleChoice: a score for each choice, a softmax over the choices of a question; arrays (B, choices, T)."""

import numpy as np
import pytest

import albert_np as ab
from albert_np.engine.shards import group_lengths, group_starts, split
from albert_np.models.batch import rows_of_groups
from albert_np.models.layers import segment_table

CONFIG = ab.AlbertConfig(
    vocab_size=31, embedding_size=10, hidden_size=12, num_hidden_layers=3, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=12, initializer_range=0.3, hidden_dropout_prob=0.2, classifier_dropout_prob=0.3,
)  # fmt: skip
RNG = np.random.default_rng(5)
IDS = RNG.integers(5, 31, (3, 4, 6))
MASK = (np.arange(6) < RNG.integers(2, 7, (3, 4, 1))).astype(int)
MASK[1, 3] = MASK[2, 0] = MASK[2, 2:] = 0  # four choices, three, and one, which is the second
TYPES = np.where(MASK, np.arange(6) > 1, 0).astype(int)
PRESENT = MASK.any(-1)
LABELS = [2, 0, 1]
LOWEST = np.finfo(np.float64).min


def make_model(dtype="float64", **changes):
    return ab.AlbertForMultipleChoice(CONFIG.replace(**changes), seed=3, dtype=dtype)


def log_softmax(x):
    return x - x.max() - np.log(np.exp(x - x.max()).sum())


def test_each_choice_has_the_score_that_it_has_alone():
    model = make_model()
    out = model(IDS, MASK, TYPES)
    assert out.logits.shape == (3, 4) and np.array_equal(out.logits == LOWEST, ~PRESENT)
    for b, k in np.argwhere(PRESENT):
        T = MASK[b, k].sum()
        alone = model(IDS[b, k, :T][None, None], token_type_ids=TYPES[b, k, :T][None, None])
        np.testing.assert_allclose(alone.logits, out.logits[b, k], rtol=1e-12)


def test_the_other_outputs_have_a_row_for_each_choice():
    model = make_model()
    out, body = model(IDS, MASK, TYPES, None, True, True), ab.AlbertModel.of(CONFIG, model.params)
    rows = [b * 4 + k for b, k in np.argwhere(PRESENT)]
    flat = [each.reshape(12, 6)[rows] for each in (IDS, MASK, TYPES)]
    expected = body(*flat, output_hidden_states=True, output_attentions=True)
    absent = np.flatnonzero(~PRESENT.reshape(-1))
    pairs = [(out.last_hidden_state, expected.last_hidden_state), (out.pooler_output, expected.pooler_output),
             *zip(out.hidden_states, expected.hidden_states), *zip(out.attentions, expected.attentions)]  # fmt: skip
    assert out.pooler_output.shape == (12, 12) and len(out.hidden_states) == 4 and len(out.attentions) == 3
    for found, theirs in pairs:
        np.testing.assert_allclose(found[rows], theirs, rtol=0, atol=1e-13)
        assert not found[absent].any()


def test_the_loss_is_that_of_the_logits_of_each_question():
    model = make_model()
    logits = model(IDS, MASK, TYPES).logits
    each = [-log_softmax(row[there])[there[:label].sum()] for row, there, label in zip(logits, PRESENT, LABELS)]
    assert each[2] == 0 and min(each[:2]) > 0.05  # a single choice is certain
    loss, grads = model.loss_and_gradients(IDS, MASK, TYPES, LABELS)
    np.testing.assert_allclose(loss, np.mean(each), rtol=1e-12)
    ignored, _ = model.loss_and_gradients(IDS, MASK, TYPES, [2, -100, -100])
    np.testing.assert_allclose(ignored, each[0], rtol=1e-12)
    doubled, _ = model.loss_and_gradients(IDS, MASK, TYPES, LABELS, denominators={"task": 1.5})
    np.testing.assert_allclose(doubled, sum(each) / 1.5, rtol=1e-12)
    nothing, zeros = model.loss_and_gradients(IDS, MASK, TYPES, [-100] * 3)
    assert float(nothing) == 0 and not zeros.flat.any() and grads.pooler.w.any() and grads.choice.w.any()


def test_a_choice_that_does_not_exist_changes_nothing():
    """Whatever its ids are, and whether its column is there at all."""
    model = make_model()
    loss, grads = model.loss_and_gradients(IDS, MASK, TYPES, LABELS)
    others = np.where(PRESENT[:, :, None], IDS, 99)  # outside the vocabulary
    same, again = model.loss_and_gradients(others, MASK, TYPES, LABELS)
    assert loss == same and np.array_equal(grads.flat, again.flat)
    cut, whole = (model.loss_and_gradients(IDS[1:2, :k], MASK[1:2, :k], TYPES[1:2, :k], [0])[0] for k in (3, 4))
    np.testing.assert_allclose(cut, whole, rtol=1e-13)


def test_dropout_only_with_rng_and_the_head_has_its_own():
    model = make_model(hidden_dropout_prob=0.0)
    losses = [float(model.loss_and_gradients(IDS, MASK, TYPES, LABELS, rng=rng)[0]) for rng in (None, None, 1, 1, 2)]
    assert losses[0] == losses[1] and losses[2] == losses[3] and len(set(losses)) == 3


def test_gradients_are_fresh_or_added_into_the_given_tree():
    model = make_model()
    _, once = model.loss_and_gradients(IDS, MASK, TYPES, LABELS)
    twice, same = once.copy(), None
    _, same = model.loss_and_gradients(IDS, MASK, TYPES, LABELS, grads=twice)
    assert same is twice
    np.testing.assert_allclose(twice.flat, 2 * once.flat, rtol=0, atol=1e-13)


def test_positions_may_be_given_for_all_choices_or_for_each():
    model, order = make_model(), np.array([3, 1, 0, 7, 5, 2])
    expected = model(IDS, MASK, TYPES, np.broadcast_to(order, IDS.shape)).logits
    assert not np.allclose(expected, model(IDS, MASK, TYPES).logits)
    for given in (order, order[None], order[None, None]):
        assert np.array_equal(model(IDS, MASK, TYPES, given).logits, expected)


def test_the_number_of_labels_does_not_matter():
    """In transformers, too, the head has one output whatever num_labels is."""
    assert make_model(num_labels=5).params.choice.w.shape == (12, 1)


REFUSED = {
    "two axes": (dict(input_ids=IDS[0]), r"input_ids: expected the shape \(B, choices, T\), got \(4, 6\)"),
    "no choices": (dict(input_ids=IDS[:, :0]), r"input_ids: expected the shape \(B, choices, T\), got \(3, 0, 6\)"),
    "floats": (dict(input_ids=IDS * 1.0), "input_ids: expected integers, got float64"),
    "outside the vocabulary": (dict(input_ids=IDS + 9), "input_ids: .* is outside 0 to 30"),
    "a flat mask": (dict(attention_mask=MASK[:, 0]), r"attention_mask: expected the shape \(3, 4, 6\), got \(3, 6\)"),
    "a mask of twos": (dict(attention_mask=2 * MASK), r"attention_mask: expected 0 \(hidden\) and 1"),
    "a question without choices": (
        dict(attention_mask=MASK * (np.arange(3) != 1)[:, None, None]),
        "attention_mask: all choices of question 1 are hidden completely; expected a choice with a visible token",
    ),
    "flat types": (dict(token_type_ids=TYPES[0]), r"token_type_ids: expected the shape \(3, 4, 6\), got \(4, 6\)"),
    "positions": (dict(position_ids=IDS[0]), r"position_ids: expected the shape \(3, 4, 6\), got \(4, 6\)"),
    "no labels": (dict(labels=None), "labels: expected the right choice of each of the 3 questions, got None"),
    "one for each choice": (dict(labels=PRESENT * 1), r"labels: expected the shape \(3,\), got \(3, 4\)"),
    "labels of floats": (dict(labels=[0.0, 1.0, 1.0]), "labels: expected integers, got float64"),
    "too large": (dict(labels=[4, 0, 1]), r"labels: 4 is outside 0 to 3, the 4 choices \(-100 is ignored\)"),
    "negative": (dict(labels=[-1, 0, 1]), "labels: -1 is outside 0 to 3"),
    "a choice that does not exist": (
        dict(labels=[2, 3, 1]), "labels: question 1 has the label 3, a choice that attention_mask hides completely",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_by_name(case):
    changes, message = REFUSED[case]
    given = dict(input_ids=IDS, attention_mask=MASK, token_type_ids=TYPES, labels=LABELS) | changes
    with pytest.raises(ValueError, match=message):
        make_model().loss_and_gradients(**given)
    if "labels" not in changes:
        given.pop("labels")
        with pytest.raises(ValueError, match=message):
            make_model()(**given)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_are_kept(dtype):
    model = make_model(dtype)
    out, (loss, grads) = model(IDS, MASK, TYPES, None, True), model.loss_and_gradients(IDS, MASK, TYPES, LABELS)
    found = {x.dtype for x in (out.logits, out.pooler_output, out.last_hidden_state, *out.hidden_states, loss, grads.flat)}
    assert found == {np.dtype(dtype)} and out.logits.min() == np.finfo(dtype).min


# ---- packed batches ----


def test_rows_of_groups():
    assert rows_of_groups(np.array([2, 1, 3]), 6).tolist() == [[0, 1, -1], [2, -1, -1], [3, 4, 5]]
    for sizes in ([2, 0, 4], [2, 1], [], [-1, 7]):
        with pytest.raises(ValueError, match=r"group_sizes: expected sizes of at least 1 that add up to 6 sequences, got"):
            rows_of_groups(np.array(sizes, int), 6)


def test_segment_table():
    table, _ = segment_table(np.arange(6.0), rows_of_groups(np.array([2, 1, 3]), 6))
    assert table.tolist() == [[0, 1, LOWEST], [2, LOWEST, LOWEST], [3, 4, 5]]


def packed(sizes, lengths, labels):
    n, rows = sum(lengths), [q for q, label in enumerate(labels) if label is not None]
    return make_model().pack_batch(
        ids=np.arange(n) % 26 + 5, lengths=np.array(lengths), token_types=np.zeros(n, int), group_sizes=np.array(sizes),
        positions=np.concatenate([np.arange(length) for length in lengths]),
        labels=[(np.array(rows), np.array([label for label in labels if label is not None]))],
    )  # fmt: skip


def test_shards_have_whole_questions():
    sizes, lengths = [3, 1, 2, 4, 2], [4, 1, 2, 9, 3, 3, 1, 1, 2, 1, 5, 5]
    batch = packed(sizes, lengths, [2, None, 1, 3, 0])
    assert group_starts(batch).tolist() == [0, 3, 4, 6, 10] and group_lengths(batch).tolist() == [7, 9, 6, 5, 10]
    for k in range(1, 6):
        shards = split(batch, k)
        assert len(shards) == k and [n for each in shards for n in each.sequences.lengths] == lengths
        assert [int((row >= 0).sum()) for each in shards for row in each.group_rows] == sizes
        for each in shards:
            rows = each.group_rows[each.group_rows >= 0]
            assert rows.tolist() == list(range(len(each.sequences)))  # counted from the shard's first sequence
            assert (each.tables[0].rows < len(each.group_rows)).all()
        assert [int(label) for each in shards for label in each.tables[0].labels] == [2, 1, 3, 0]


def test_no_more_shards_than_questions():
    from invariants import in_threads

    model, batch = make_model(), packed([6], [2] * 6, [4])
    with in_threads(4):
        shards, _ = model._shards(batch, None)
    assert len(shards) == 1


# ---- files ----


@pytest.mark.parametrize("naming", ["hf", "tf", "npz"])
def test_a_saved_model_is_the_same_model(tmp_path, naming):
    from albert_np.apps.convert import convert

    model = make_model("float32", hidden_act="relu")  # under Google's name it is the same activation
    model.params.choice.b[...] = 0.7
    model.save_pretrained(tmp_path / "hf")
    if naming != "hf":
        done = convert(tmp_path / "hf", tmp_path / naming, naming)
        assert done["heads"] == ["pooler", "choice"] and done["architecture"] == "AlbertForMultipleChoice"
    again = ab.AlbertForMultipleChoice.from_pretrained(tmp_path / naming, require_heads=True)
    assert np.array_equal(model.params.flat, again.params.flat)
    assert again.config.extra["architectures"] == ["AlbertForMultipleChoice"]


def test_the_head_is_too_small_to_be_compressed():
    from albert_np.io.matrices import quantisable

    assert not any(name.startswith("choice") for name in quantisable(make_model().params))


def test_names_of_the_head():
    from albert_np.io.names import rename_tree

    model = make_model()
    theirs, google = ab.to_hf(model.config, model.params), rename_tree(model.config, model.params, "tf")
    assert np.array_equal(theirs["classifier.weight"], model.params.choice.w.T) and theirs["classifier.weight"].shape == (1, 12)
    assert np.array_equal(google["output_weights"], model.params.choice.w.T) and google["output_bias"].shape == (1,)


def test_a_checkpoint_of_google_has_no_class_but_one_output(tmp_path):
    """So it is multiple choice, and a line says so; or a regression, if its config has one label."""
    import json

    from albert_np.apps.convert import convert

    model = make_model("float32", hidden_act="relu")
    model.save_pretrained(tmp_path / "hf")
    convert(tmp_path / "hf", tmp_path / "tf", "tf")
    with pytest.warns(UserWarning, match='its head has one output, so it is read as multiple choice; .* "num_labels": 1'):
        done = convert(tmp_path / "tf", tmp_path / "back")
    assert done["architecture"] == "AlbertForMultipleChoice" and done["heads"] == ["pooler", "choice"]
    again = ab.AlbertForMultipleChoice.from_pretrained(tmp_path / "back")
    assert np.array_equal(again.params.flat, model.params.flat)
    file = tmp_path / "tf" / "albert_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "num_labels": 1}))
    done = convert(tmp_path / "tf", tmp_path / "number")
    assert done["architecture"] == "AlbertForSequenceClassification" and done["heads"] == ["pooler", "task"]


@pytest.mark.parametrize("labels", [1, 2, 3])
def test_a_classifier_s_head_is_not_taken_for_that_of_choices(tmp_path, labels):
    """Their names are the same, and a regression's head has the very shape."""
    ab.AlbertForSequenceClassification(CONFIG.replace(num_labels=labels), seed=1).save_pretrained(tmp_path)
    with pytest.warns(UserWarning) as caught:
        model = ab.AlbertForMultipleChoice.from_pretrained(tmp_path, seed=9)
    text = " ".join(str(each.message) for each in caught)
    assert "no weights for choice: initialised afresh" in text and "also holds a head for classification" in text
    assert np.array_equal(model.params.choice.w, ab.AlbertForMultipleChoice(CONFIG, seed=9).params.choice.w)
    with pytest.raises(ValueError, match=r"no weights for the head of multiple choice \(.*a head for classification\)"):
        ab.AlbertForMultipleChoice.from_pretrained(tmp_path, require_heads=True)


OTHERS = ab.AlbertForSequenceClassification, ab.AlbertForTokenClassification, ab.AlbertForQuestionAnswering, ab.AlbertModel


@pytest.mark.parametrize("cls", OTHERS)
def test_a_head_of_choices_is_not_taken_for_another(tmp_path, cls):
    make_model("float32").save_pretrained(tmp_path)
    with pytest.warns(UserWarning) as caught:
        model = cls.from_pretrained(tmp_path, num_labels=2)
    assert any("also holds" in str(each.message) and "a head for multiple choice" in str(each.message) for each in caught)
    assert cls is ab.AlbertModel or model.params.task.w.shape == (12, 2)
