"""Inspection of a text: arrays are those of the model, fillings those of its head, measures those of known attention."""

import warnings

import numpy as np
import pytest
import stories

import albert_np as ab
from albert_np.apps.fill_mask import fill_masks
from albert_np.apps.inspect.forward import NO_HEAD, TRANSLATES
from albert_np.apps.inspect.measures import find_patterns, measure, uniform_distance

SIZES = dict(
    embedding_size=8, hidden_size=12, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
    max_position_embeddings=40, initializer_range=0.3,
)  # fmt: skip
TEXT = "The cat [MASK] in the barn, and the dog [MASK] over the field."
CLASSES = (
    "AlbertModel AlbertForPreTraining AlbertForMaskedLM AlbertForSequenceClassification AlbertForTokenClassification "
    "AlbertForQuestionAnswering AlbertForMultipleChoice AlbertForRelationClassification AlbertForTranslation"
).split()


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from albert_np.text import AlbertTokenizer, train_tokenizer

    file = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    train_tokenizer(stories.TEXT.splitlines(), file, 60)
    return AlbertTokenizer(file)


def make(tokenizer, name="AlbertForMaskedLM", dtype="float64", **changes):
    config = ab.AlbertConfig(vocab_size=len(tokenizer), **{**SIZES, **changes})
    return getattr(ab, name)(config, seed=1, dtype=dtype)


@pytest.fixture(scope="module")
def model(tokenizer):
    return make(tokenizer)


@pytest.fixture
def seen(model, tokenizer):
    return ab.inspect(TEXT, model, tokenizer, top_k=3)


# ---- arrays ----


def test_the_arrays_are_those_of_the_model(seen, model, tokenizer):
    batch = tokenizer(TEXT)
    out = model(**batch, output_attentions=True, output_hidden_states=True)
    T = batch["input_ids"].shape[1]
    assert seen.tokens == tokenizer.convert_ids_to_tokens(batch["input_ids"][0]) and len(seen.tokens) == T
    assert seen.attentions.shape == (3, 2, T, T) and seen.hidden_states.shape == (4, T, 12)
    for l in range(3):
        np.testing.assert_array_equal(seen.attentions[l], out.attentions[l][0])
    for l in range(4):
        np.testing.assert_array_equal(seen.hidden_states[l], out.hidden_states[l][0])
    assert seen.special.tolist() == [True, *[False] * (T - 2), True]
    assert repr(seen) == f"Inspection({T} tokens, 3 × 2 heads, 2 × [MASK]; AlbertForMaskedLM)"


@pytest.mark.parametrize("name", CLASSES)
def test_every_class(name, tokenizer):
    model = make(tokenizer, name)
    seen = ab.inspect(TEXT, model, tokenizer)
    np.testing.assert_allclose(seen.attentions.sum(-1), 1)
    if "mlm" not in model.params.form:
        assert (seen.fillings, seen.no_fillings) == ([], NO_HEAD)
    elif name == "AlbertForTranslation":
        assert (seen.fillings, seen.no_fillings) == ([], TRANSLATES)
    else:
        assert len(seen.fillings) == 2 and seen.no_fillings == ""


def test_a_translation_model_has_its_own_mask(tokenizer):
    """Source tokens attend to the source alone, and a target token to none behind it."""
    seen = ab.inspect("The cat sleeps.", make(tokenizer, "AlbertForTranslation"), tokenizer, pair="The dog runs.")
    source = seen.token_types == 0
    assert not seen.attentions[..., source, :][..., ~source].any()
    target = seen.attentions[..., ~source, :][..., ~source]
    assert not np.triu(target, 1).any() and np.tril(target).any()


def test_inner_blocks_are_rows(tokenizer):
    seen = ab.inspect(TEXT, make(tokenizer, inner_group_num=2), tokenizer)
    assert len(seen.attentions) == 6 and len(seen.hidden_states) == 4
    assert seen.row_names[:3] == ["layer 1, block 1", "layer 1, block 2", "layer 2, block 1"]
    assert [(head.layer, head.block, head.head) for head in seen.heads[:5]] == [
        (1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 2, 2), (2, 1, 1),
    ]  # fmt: skip


def test_special_tokens_can_be_left_out(seen, model, tokenizer):
    short = ab.inspect(TEXT, model, tokenizer, top_k=3, special_tokens=False)
    assert short.tokens == seen.tokens[1:-1] and short.length == seen.length == len(seen.tokens)
    np.testing.assert_array_equal(short.attentions, seen.attentions[..., 1:-1, 1:-1])
    np.testing.assert_array_equal(short.hidden_states, seen.hidden_states[:, 1:-1])
    assert [filling.position + 1 for filling in short.fillings] == [filling.position for filling in seen.fillings]
    assert [head.shares for head in short.heads] == [head.shares for head in seen.heads]
    assert [short.describe_kind(head) for head in short.heads] == [seen.describe_kind(head) for head in seen.heads]
    assert f"{len(short.tokens)} of {seen.length} tokens, without [CLS] and [SEP]" in short.summary()
    assert len(ab.inspect("cat", model, tokenizer, special_tokens=False).page()) > 1000


def test_labels():
    from albert_np.apps.inspect.record import make_label

    pieces = [("▁cat", True), ("s", False), ("##s", False), (",", False), ("▁", True), ("[MASK]", True), ("猫", True)]
    assert [make_label(*piece) for piece in pieces] == ["cat", "·s", "·s", ",", "▁", "[MASK]", "猫"]


# ---- fillings ----


def test_the_last_row_is_the_answer_of_fill_mask(seen, model, tokenizer):
    assert [filling.position for filling in seen.fillings] == [i for i, token in enumerate(seen.tokens) if token == "[MASK]"]
    for filling, expected in zip(seen.fillings, fill_masks(model, tokenizer, TEXT, 3)):
        assert filling.layers == ["embeddings", "layer 1", "layer 2", "layer 3"]
        assert [token for token, _ in filling.answers[-1]] == [token for token, _ in expected]
        np.testing.assert_allclose([p for _, p in filling.answers[-1]], [p for _, p in expected], rtol=1e-12)
        assert filling.final[-1] == pytest.approx(expected[0][1], rel=1e-6)
        best = [row[0][0] for row in filling.answers]
        assert filling.changes == [False, *(best[l] != best[l - 1] for l in (1, 2, 3))]


def test_a_layer_answers_as_the_model_with_fewer_layers(seen, model, tokenizer):
    """All layers share their parameters here."""
    for l in (1, 2, 3):
        shallow = ab.AlbertForMaskedLM.of(model.config.replace(num_hidden_layers=l), model.params)
        for filling, expected in zip(seen.fillings, fill_masks(shallow, tokenizer, TEXT, 3)):
            assert [token for token, _ in filling.answers[l]] == [token for token, _ in expected]
            np.testing.assert_allclose([p for _, p in filling.answers[l]], [p for _, p in expected], rtol=1e-9)


def test_a_fusion_is_the_last_row(tokenizer):
    model = make(tokenizer, fusion_layers=(1, 3))
    (first, _) = ab.inspect(TEXT, model, tokenizer, top_k=2).fillings
    assert first.layers[-2:] == ["layer 3", "output"]
    expected = fill_masks(model, tokenizer, TEXT, 2)[0]
    np.testing.assert_allclose([p for _, p in first.answers[-1]], [p for _, p in expected], rtol=1e-12)
    assert first.answers[-1] != first.answers[-2]


def test_without_a_mask_the_reason_is_given(model, tokenizer):
    assert ab.inspect("The cat.", model, tokenizer).no_fillings == "the text has no [MASK], so there are no fillings by layer"
    assert ab.inspect("The ___ cat.", model, tokenizer).no_fillings.endswith("write [MASK] instead of ___")


# ---- measures ----


def heads(P, ids=None, types=None):
    T = len(P)
    ids = np.arange(T) if ids is None else np.array(ids)
    cls, sep = np.arange(T) == 0, np.arange(T) == T - 1
    patterns = find_patterns(ids, np.zeros(T, int) if types is None else np.array(types), cls, sep)
    (found,) = measure(np.asarray(P, float)[None, None], patterns, ordinary=~(cls | sep))
    return found


def test_uniform_attention_is_broad():
    for T in (5, 12):
        found = heads(np.full((T, T), 1 / T))
        assert found.effective_keys == pytest.approx(T) and found.mean_distance == pytest.approx(uniform_distance(T))
        assert found.kind == "broad" and found.shares["[CLS]"] == found.shares["itself"] == pytest.approx(1 / T)


@pytest.mark.parametrize(
    ("offset", "kind"), [(0, "itself"), (-1, "previous"), (1, "next"), (-2, "2 before"), (2, "2 after"), (-3, "3 before")]
)
def test_positional_heads(offset, kind):
    """The rows that have no such partner do something else, which does not count."""
    T = 10
    P = np.full((T, T), 1 / T)
    for t in range(T):
        if 0 <= t + offset < T:
            P[t] = np.eye(T)[t + offset]
    found = heads(P)
    assert (found.kind, found.pattern, found.share) == (kind, kind, 1)
    assert found.shares[kind] == 1 and found.effective_keys < 4


@pytest.mark.parametrize(("column", "kind"), [(0, "[CLS]"), (9, "[SEP]"), (4, "one token")])
def test_vertical_heads(column, kind):
    P = np.full((10, 10), 0.3 / 9)
    P[:, column] = 0.7
    found = heads(P)
    assert found.kind == kind and found.share == pytest.approx(0.7)
    assert kind != "one token" or found.favourite == column


def test_repeated_tokens_and_the_other_text():
    ids = [0, 1, 2, 3, 1, 2, 3, 9]
    same = np.eye(8)[[0, 4, 5, 6, 1, 2, 3, 7]]
    assert heads(same, ids).kind == "same token" and "other text" not in heads(same, ids).shares
    types = [0, 0, 0, 0, 1, 1, 1, 1]
    P = np.full((8, 8), 0.01)
    P[:4, 4:7] = P[4:, 1:4] = 0.95 / 3
    found = heads(P, types=types)
    assert found.shares["other text"] == pytest.approx(0.95) and "same token" not in found.shares


def test_a_pattern_of_a_single_row_names_no_head():
    P = np.array([[0.2, 0.3, 0.5], [0.3, 0.4, 0.3], [1.0, 0, 0]])
    found = heads(P)
    assert found.shares["2 before"] == 1 and found.kind in ("broad", "mixed")


def test_a_head_without_a_pattern_is_mixed():
    P = np.eye(10)[[5, 8, 0, 6, 1, 9, 2, 3, 4, 7]] * 0.9 + 0.01
    found = heads(P)
    assert found.kind == "mixed" and found.share == found.shares[found.pattern] < 0.4


def test_measures_of_sharp_attention():
    P = np.full((6, 6), 1 / 6)
    P[:2] = np.eye(6)[0]
    assert heads(P).effective_keys == pytest.approx((2 * 1 + 4 * 6) / 6)  # over a row, not over a column
    found = heads(np.eye(6)[[5, 0, 0, 0, 0, 0]])
    assert found.effective_keys == 1 and found.mean_distance == pytest.approx((5 + 1 + 2 + 3 + 4 + 5) / 6)


# ---- hidden states ----


def test_norms_and_cosines(seen):
    h = seen.hidden_states
    np.testing.assert_allclose(seen.norms()[2, 3], np.sqrt((h[2, 3] ** 2).sum()))
    expected = h[1, 2] @ h[2, 2] / np.linalg.norm(h[1, 2]) / np.linalg.norm(h[2, 2])
    np.testing.assert_allclose(seen.cosines_between_layers()[1, 2], expected)
    cosines = seen.cosines_between_tokens()
    np.testing.assert_allclose(np.diagonal(cosines, axis1=1, axis2=2), 1)
    np.testing.assert_allclose(cosines, cosines.swapaxes(1, 2))


# ---- loading, and what is refused ----


def test_folders(tokenizer, tmp_path):
    """A pretrained model has fillings, a classifier has none, and neither is a warning."""
    for name in ("AlbertForPreTraining", "AlbertForSequenceClassification", "AlbertForTranslation"):
        make(tokenizer, name, "float32").save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            seen = ab.inspect(TEXT, tmp_path / name)
        assert len(seen.fillings) == (2 if name == "AlbertForPreTraining" else 0) and name in seen.model
    assert seen.no_fillings == TRANSLATES


def test_a_pair_is_one_row(model, tokenizer):
    seen = ab.inspect("The cat sleeps.", model, tokenizer, pair="The dog [MASK].")
    assert seen.special.sum() == 3 and 0 < seen.token_types.sum() < len(seen.tokens)
    assert seen.title == "The cat sleeps. | The dog [MASK]." and "other text" in seen.heads[0].shares


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(text=""), "text: it is empty"),
        (dict(text=" \n"), "text: it is empty"),
        (dict(text="[CLS] [SEP]"), "leaves no token"),
        (dict(text="a cat", pair=" "), "pair: it is empty"),
        (dict(text="the cat " * 30), r"has \d+ tokens, and the model takes 40: shorten"),
        (dict(text="the cat " * 12, pair="the dog " * 12), r"and its pair together have \d+ tokens, and the model takes 40"),
        (dict(text="cat", tokenizer=None), "tokenizer: expected one such as AlbertTokenizer, got None"),
        (dict(text="cat", model=3), "model: expected a model or the name of its folder, got 3"),
        (dict(text="cat", top_k=0), "top_k: expected a number of tokens, at least 1, got 0"),
        (dict(text=3), "str"),
    ],
)
def test_wrong_arguments(arguments, message, model, tokenizer):
    with pytest.raises(ValueError, match=message):
        ab.inspect(**{"model": model, "tokenizer": tokenizer, **arguments})


def test_a_tokenizer_with_more_pieces_than_the_model(tokenizer):
    small = ab.AlbertForMaskedLM(ab.AlbertConfig(vocab_size=50, **SIZES))
    with pytest.raises(ValueError, match="the tokenizer has 60 pieces, but the model's vocab_size is 50"):
        ab.inspect("cat", small, tokenizer)


def test_the_packaged_model_is_the_default():
    seen = ab.inspect("The doctor told me to [MASK] more water.")
    assert seen.model == "albert-np-mini-en" and len(seen.fillings) == 1
    assert seen.attentions.shape[:2] == (4, 6) and seen.summary().count("%") > 24
