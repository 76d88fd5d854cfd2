"""The public classes: inputs, outputs, and errors for bad input."""

import warnings

import numpy as np
import pytest

import albert_np as ab

CONFIG = ab.AlbertConfig(
    vocab_size=61, embedding_size=6, hidden_size=12, num_hidden_layers=3, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=16,
)  # fmt: skip
IDS = np.array([[2, 7, 8, 9, 3, 0], [2, 11, 12, 3, 13, 3]])
MASK = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])
LABELS = np.array([[-100, 5, -100, 6, -100, -100], [-100, -100, 9, -100, -100, -100]])


@pytest.fixture
def model():
    return ab.AlbertForPreTraining(CONFIG, seed=3, dtype="float64")


def test_shapes_and_zero_padding(model):
    out = model(IDS, MASK, output_hidden_states=True, output_attentions=True)
    assert out.last_hidden_state.shape == (2, 6, 12) and out.pooler_output.shape == (2, 12)
    assert out.prediction_logits.shape == (2, 6, 61) and out.sop_logits.shape == (2, 2)
    assert len(out.hidden_states) == 4 and len(out.attentions) == 3 and out.attentions[0].shape == (2, 3, 6, 6)
    assert np.array_equal(out.hidden_states[-1], out.last_hidden_state)
    for padded in (
        out.last_hidden_state[0, 5],
        out.prediction_logits[0, 5],
        out.attentions[1][0, :, 5],
        out.attentions[1][0, :, :, 5],
    ):
        assert not padded.any()
    np.testing.assert_allclose(out.attentions[2][0, :, :5].sum(-1), 1, rtol=1e-12)


def test_inner_groups_have_an_attention_each():
    model = ab.AlbertModel(CONFIG.replace(inner_group_num=2))
    out = model(IDS, output_attentions=True, output_hidden_states=True)
    assert len(out.attentions) == 6 and len(out.hidden_states) == 4


def test_padding_changes_nothing(model):
    alone, together = model(IDS[:1, :5]), model(IDS, MASK)
    np.testing.assert_allclose(together.last_hidden_state[0, :5], alone.last_hidden_state[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(together.sop_logits[0], alone.sop_logits[0], rtol=0, atol=1e-13)


def test_a_hole_in_the_mask_is_a_missing_token(model):
    holed = model(IDS[1:], [[1, 1, 0, 1, 1, 1]])
    without = model(np.delete(IDS[1:], 2, axis=1), position_ids=[[0, 1, 3, 4, 5]])
    kept = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(holed.last_hidden_state[0, kept], without.last_hidden_state[0], rtol=0, atol=1e-13)
    assert not holed.last_hidden_state[0, 2].any()


def test_left_padding_pools_the_first_visible_token(model):
    left = model(np.roll(IDS[:1], 1, axis=1), np.roll(MASK[:1], 1, axis=1))
    positions = model(IDS[:1, :5], position_ids=[[1, 2, 3, 4, 5]])
    np.testing.assert_allclose(left.pooler_output, positions.pooler_output, rtol=0, atol=1e-13)


def test_loss_is_the_sum_of_its_parts_and_a_0d_array(model):
    order = np.array([0, 1])
    both, grads = model.loss_and_gradients(IDS, MASK, labels=LABELS, sentence_order_label=order)
    mlm, g_mlm = model.loss_and_gradients(IDS, MASK, labels=LABELS)
    sop, g_sop = model.loss_and_gradients(IDS, MASK, sentence_order_label=order)
    assert isinstance(both, np.ndarray) and both.shape == () and both.dtype == np.float64
    np.testing.assert_allclose(both, mlm + sop, rtol=1e-14)
    np.testing.assert_allclose(grads.flat, g_mlm.flat + g_sop.flat, rtol=0, atol=1e-15)


def test_no_items_make_a_loss_of_zero(model):
    loss, grads = model.loss_and_gradients(IDS, MASK, labels=np.full_like(IDS, -100))
    assert float(loss) == 0 and not grads.flat.any()


def test_gradients_are_fresh_or_added_into_the_given_tree(model):
    _, once = model.loss_and_gradients(IDS, MASK, labels=LABELS)
    _, again = model.loss_and_gradients(IDS, MASK, labels=LABELS)
    assert again is not once and np.array_equal(again.flat, once.flat)
    _, same = model.loss_and_gradients(IDS, MASK, labels=LABELS, grads=again)
    assert same is again
    np.testing.assert_allclose(again.flat, 2 * once.flat, rtol=0, atol=1e-15)


def test_dropout_only_with_rng():
    model = ab.AlbertForPreTraining(CONFIG.replace(hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3))
    losses = [float(model.loss_and_gradients(IDS, MASK, labels=LABELS, rng=rng)[0]) for rng in (None, None, 1, 1, ab.Dropout(2))]
    assert losses[0] == losses[1] and losses[2] == losses[3] and len(set(losses)) == 3
    with pytest.raises(ValueError, match="rng"):
        model.loss_and_gradients(IDS, MASK, labels=LABELS, rng="seed")


def test_masked_lm_has_its_own_loss():
    model = ab.AlbertForMaskedLM(CONFIG)
    loss, grads = model.loss_and_gradients(IDS, MASK, labels=LABELS)
    assert abs(float(loss) - np.log(61)) < 0.05 and grads.mlm.dense.w.any()
    assert model(IDS).logits.shape == (2, 6, 61) and model(IDS).pooler_output is None


REFUSED = {
    "mask of another length": (dict(attention_mask=np.ones((2, 5), int)), r"attention_mask.*\(2, 6\).*\(2, 5\)"),
    "mask that is no mask": (dict(attention_mask=MASK * 2), "attention_mask"),
    "a row hidden whole": (dict(attention_mask=[[0] * 6, [1] * 6]), "attention_mask: row 0"),
    "token types": (dict(token_type_ids=np.zeros((2, 4), int)), "token_type_ids"),
    "token type out of range": (dict(token_type_ids=IDS * 0 + 2), "token_type_ids: 2"),
    "positions": (dict(position_ids=IDS * 0 + 16), "position_ids: 16"),
    "id outside the vocabulary": (dict(input_ids=IDS + 50), "input_ids: 61"),
    "negative id": (dict(input_ids=IDS - 3), "input_ids: -1"),
    "one dimension": (dict(input_ids=IDS[0]), r"input_ids.*\(6,\)"),
    "floats": (dict(input_ids=IDS * 1.0), "input_ids: expected integers"),
    "a text": (dict(input_ids="a cat"), r"input_ids: expected integers, got a text, 'a cat': model\(\*\*tokenizer\(text\)\)"),
    "ragged": (dict(input_ids=[[1, 2], [3]]), "input_ids: expected a rectangular"),
    "nothing": (dict(input_ids=np.zeros((0, 0), int)), "input_ids"),
    "too long": (dict(input_ids=np.ones((1, 17), int), attention_mask=None), "17 tokens.*16"),
    "labels of another shape": (dict(labels=LABELS[:, :4]), "labels"),
    "label on a hidden token": (dict(labels=np.where(MASK, -100, 5)), "labels: a token that attention_mask hides"),
    "label outside the vocabulary": (dict(labels=np.where(LABELS > 0, 61, -100)), "labels: 61"),
    "order label": (dict(sentence_order_label=[0, 2]), "sentence_order_label: 2"),
    "order label shape": (dict(sentence_order_label=[0]), "sentence_order_label"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_by_name(model, case):
    changes, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        model.loss_and_gradients(**{"input_ids": IDS, "attention_mask": MASK, "labels": LABELS, **changes})


def test_hidden_tokens_may_have_any_id(model):
    ids = np.where(MASK, IDS, -1)
    assert np.array_equal(model(ids, MASK).last_hidden_state, model(IDS, MASK).last_hidden_state)


@pytest.mark.parametrize(
    "changes", [{}, dict(sharing="attention"), dict(sharing="ffn"), dict(sharing="none"), dict(num_hidden_groups=3)]
)
@pytest.mark.parametrize("fusion", [(), (1, 3)])
def test_a_saved_model_is_the_same_model(tmp_path, changes, fusion):
    model = ab.AlbertForPreTraining(CONFIG.replace(fusion_layers=fusion, **changes), dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # partial sharing is said
        model.save_pretrained(tmp_path)
    again = ab.AlbertForPreTraining.from_pretrained(tmp_path)
    assert np.array_equal(model.params.flat, again.params.flat)
    assert again.config.sharing == model.config.sharing and again.config.fusion_layers == fusion
    assert np.array_equal(model(IDS, MASK).prediction_logits, again(IDS, MASK).prediction_logits)


def test_other_heads_are_dropped_or_initialised_with_a_warning(tmp_path, model):
    model.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="left out") as said:
        smaller = ab.AlbertForMaskedLM.from_pretrained(tmp_path, dtype="float64")
    assert len(said) == 1
    assert np.array_equal(smaller(IDS).logits, model(IDS).logits)
    smaller.save_pretrained(tmp_path / "mlm")
    with pytest.warns(UserWarning, match="pooler, sop.*afresh"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path / "mlm")


def test_files_that_do_not_fit_are_refused(tmp_path, model):
    with pytest.raises(FileNotFoundError, match="no weights in"):
        ab.AlbertModel.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    CONFIG.replace(hidden_size=24).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"attention\.dense\.weight: expected \(24, 24\), file has \(12, 12\)"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path)
    CONFIG.replace(num_hidden_groups=3).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"1 groups of .*asks for 3.*missing: .*albert_layer_groups\.1"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no such file")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path)


def test_to_stays_where_it_is_on_numpy(model):
    before = model.params.flat.copy()
    assert model.to("numpy") is model and np.array_equal(model.params.flat, before)
    with pytest.raises(ValueError, match="unknown backend 'tpu'"):
        model.to("tpu")


def test_grads_and_denominators_are_checked(model):
    arguments = dict(input_ids=IDS, attention_mask=MASK, labels=LABELS)
    for grads in ({}, model.params, ab.AlbertForMaskedLM(CONFIG).params.zeros_like()):
        with pytest.raises(ValueError, match="grads: expected a tree"):
            model.loss_and_gradients(**arguments, grads=grads)
    for denominators in (5, {"sop": 2}, {"mlm": 0}):
        with pytest.raises(ValueError, match="denominators: expected positive numbers for mlm"):
            model.loss_and_gradients(**arguments, denominators=denominators)


def test_dtype_is_checked():
    with pytest.raises(ValueError, match="dtype: expected float32"):
        ab.AlbertModel(CONFIG, dtype="int32")


def test_a_model_with_nan_can_be_loaded_and_inspected(tmp_path, model):
    model.params.flat[:] = np.nan
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="NaN"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path)
    assert np.isnan(ab.AlbertForPreTraining.from_pretrained(tmp_path, check_finite=False).params.mlm.b).all()
