"""What does not fit a config is named, with its likely cause; what may differ between files does not matter."""

import warnings

import numpy as np
import pytest
from helpers import save_file

import albert_np as ab
from albert_np.io import read
from albert_np.io.names import NAMINGS, name_table, rename_tree

CONFIG = ab.AlbertConfig(
    vocab_size=24, embedding_size=4, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
    max_position_embeddings=6,
)  # fmt: skip
BLOCK = "albert.encoder.albert_layer_groups.0.albert_layers.0."
WORD = "albert.embeddings.word_embeddings.weight"


@pytest.fixture
def model():
    return ab.AlbertForPreTraining(CONFIG, seed=1)


@pytest.fixture
def tensors(model):
    return dict(ab.to_hf(CONFIG, model.params))


@pytest.fixture
def load(tmp_path):
    def of(tensors, cls=ab.AlbertForPreTraining, **options):
        CONFIG.save_pretrained(tmp_path)
        save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, tmp_path / "model.safetensors")
        return cls.from_pretrained(tmp_path, **options)

    return of


def test_the_table_has_each_name_once():
    for config in (CONFIG, CONFIG.replace(num_hidden_groups=2, inner_group_num=3)):
        for naming in NAMINGS:
            theirs = [name for name, _ in name_table(config, naming).values()]
            assert len(set(theirs)) == len(theirs) == 18 + 16 * config.num_groups * config.inner_group_num


def test_google_stores_kernels_as_we_do(model):
    ours, google = model.params, rename_tree(CONFIG, model.params, "tf")
    query = google["bert/encoder/transformer/group_0/inner_group_0/attention_1/self/query/kernel"]
    assert np.array_equal(query, ours.groups[0].blocks[0].attention.query.w)
    assert np.array_equal(google["cls/seq_relationship/output_weights"], ours.sop.w.T)


SAME = {
    "old prefix": lambda t: {"module." + name: array for name, array in t.items()},
    "gamma and beta": lambda t: {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        .replace("layer_norm.weight", "layer_norm.gamma").replace("layer_norm.bias", "layer_norm.beta"): array
        for name, array in t.items()
    },
    "position numbers": lambda t: {**t, "albert.embeddings.position_ids": np.arange(6)[None]},
    "decoder": lambda t: {**t, "predictions.decoder.weight": t[WORD], "predictions.decoder.bias": t["predictions.bias"]},
    "decoder bias alone": lambda t: {name.replace("predictions.bias", "predictions.decoder.bias"): a for name, a in t.items()},
    "float64 among them": lambda t: {**t, BLOCK + "ffn.weight": t[BLOCK + "ffn.weight"].astype("f8")},
}  # fmt: skip


@pytest.mark.parametrize("how", SAME)
def test_the_same_model_in_other_words(model, tensors, load, how):
    assert np.array_equal(load(SAME[how](tensors)).params.flat, model.params.flat)


def test_a_bare_body(model, tensors, load):
    bare = {name.removeprefix("albert."): array for name, array in tensors.items() if name.startswith("albert.")}
    assert np.array_equal(
        load(bare, ab.AlbertModel).params.groups[0].blocks[0].ffn.output.w, model.params.groups[0].blocks[0].ffn.output.w
    )


def without(*names):
    return lambda t: {name: array for name, array in t.items() if name not in names}


def with_(name, change):
    return lambda t: {**t, name: change(t.get(name))}


def spoilt(array, value):
    array = array.copy()
    array.reshape(-1)[3] = value
    return array


WRONG = {
    "missing": (without(BLOCK + "attention.query.weight"), rf"missing: {BLOCK}attention.query.weight"),
    "half a head": (without("predictions.bias"), "missing: predictions.bias"),
    "unknown": (with_("albert.encoder.mystery.weight", lambda _: np.ones(3, "f4")), "unexpected: albert.encoder.mystery.weight"),
    "transposed": (with_(BLOCK + "ffn.weight", lambda w: w.T), r"expected \(12, 8\), file has \(8, 12\); it looks transposed"),
    "short": (with_(WORD, lambda w: w[:23]), r"word_embeddings.weight: expected \(24, 4\), file has \(23, 4\)"),
    "would broadcast": (with_("albert.embeddings.LayerNorm.weight", lambda w: w[:1]), r"expected \(4,\), file has \(1,\)"),
    "integers": (with_(BLOCK + "attention.query.weight", lambda w: w.astype("i4")), "must be floating point"),
    "NaN": (with_(BLOCK + "ffn.weight", lambda w: spoilt(w, np.nan)), r"ffn.weight holds 1 NaN"),
    "infinite": (with_(WORD, lambda w: spoilt(w, -np.inf)), "word_embeddings.weight holds 1 infinite number"),
    "too large": (with_(WORD, lambda w: spoilt(w.astype("f8"), 1e300)), "too large for float32"),
    "untied decoder": (with_("predictions.decoder.weight", lambda _: np.ones((24, 4), "f4")), "the word embeddings differ"),
    "two biases": (with_("predictions.decoder.bias", lambda _: np.ones(24, "f4")), "two names of the one MLM bias"),
    "inner layers": (lambda t: {**t, **{n.replace("layers.0.", "layers.1."): a for n, a in t.items() if BLOCK in n}},
                     "inner_group_num is probably 2"),
    "numbered from 1": (lambda t: {n.replace("groups.0.", "groups.1."): a for n, a in t.items()},
                        r"not numbered 0, 1, 2.*groups\.0"),
    "upper case": (lambda t: {n.upper(): a for n, a in t.items()}, "none of its .* tensors has a name known"),
    "BERT": (lambda t: {**without(BLOCK + "ffn.weight")(t), "bert.encoder.layer.0.output.dense.weight": np.ones((8, 8), "f4")},
             "this is a BERT file"),
    "albert_zh": (with_("bert/encoder/layer_shared/attention/self/key/bias", lambda _: np.ones(8, "f4")), "layout of brightmart"),
    "Keras": (with_("group_0_2/layer_2/layer_normalization_5/gamma", lambda _: np.ones(8, "f4")), "TF2 port"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_named(tensors, load, what):
    change, said = WRONG[what]
    with pytest.raises(ValueError, match=said) as error:
        load(change(tensors))
    assert "model.safetensors does not fit its config" in str(error.value)


def test_the_numbers_of_groups_in_the_config_are_wrong(tmp_path, model):
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"the file has 1 groups of 1 inner layers, the config asks for 2 of 1"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path, num_hidden_groups=2)


def test_an_optimisers_slots_are_put_aside_with_a_notice(model, tensors, load):
    with pytest.warns(UserWarning, match="ignored 2 tensors that are not weights"):
        loaded = load({**tensors, WORD + ".adam_m": np.ones((24, 4), "f4"), "global_step": np.array(3)})
    assert np.array_equal(loaded.params.flat, model.params.flat)


def test_heads_that_are_not_there_start_afresh_or_stay_away(tensors, load):
    no_pooler = without(
        "albert.pooler.weight", "albert.pooler.bias", "sop_classifier.classifier.weight", "sop_classifier.classifier.bias"
    )
    with pytest.warns(UserWarning, match="no weights for pooler, sop: initialised afresh"):
        load(no_pooler(tensors))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*left out")
        body = load(no_pooler(tensors), ab.AlbertModel)
    assert body(np.array([[2, 5, 3]])).pooler_output is None
    assert "pooler" not in body.params.form
    with pytest.warns(UserWarning, match="also holds mlm, sop"):
        assert load(tensors, ab.AlbertModel)(np.array([[2, 5, 3]])).pooler_output.shape == (1, 8)


@pytest.mark.filterwarnings("ignore:.*left out")
def test_a_classifier_on_top_of_a_pretrained_model(tensors, load, tmp_path):
    with pytest.warns(UserWarning, match="no weights for task: initialised afresh"):
        model = load(tensors, ab.AlbertForSequenceClassification, num_labels=5)
    assert model.params.task.w.shape == (8, 5)
    model.save_pretrained(tmp_path / "classifier")
    again = ab.AlbertForSequenceClassification.from_pretrained(tmp_path / "classifier", num_labels=5)
    assert np.array_equal(again.params.flat, model.params.flat)
    with pytest.raises(ValueError, match=r"classifier\.weight: expected \(3, 8\), file has \(5, 8\)"):
        ab.AlbertForSequenceClassification.from_pretrained(tmp_path / "classifier", num_labels=3)
    with pytest.warns(UserWarning) as said:
        ab.AlbertForQuestionAnswering.from_pretrained(tmp_path / "classifier", num_labels=2)
    told = " ".join(str(notice.message) for notice in said)
    assert "no weights for task" in told and "a head for classification" in told


@pytest.mark.filterwarnings("ignore:.*left out", "ignore:.*afresh")
def test_another_number_of_labels_forgets_their_names(tmp_path, model):
    named = ab.AlbertForSequenceClassification(CONFIG.replace(id2label={0: "no", 1: "yes", 2: "perhaps"}, num_labels=3))
    named.save_pretrained(tmp_path / "three")
    again = ab.AlbertForSequenceClassification.from_pretrained(tmp_path / "three")
    assert again.config.id2label == {0: "no", 1: "yes", 2: "perhaps"}
    body = ab.AlbertModel.from_pretrained(tmp_path / "three", num_labels=5)
    assert body.config.id2label is None and body.config.num_labels == 5
    body.save_pretrained(tmp_path / "five")
    assert "perhaps" not in (tmp_path / "five" / "config.json").read_text()


def test_dtypes(tensors, load, tmp_path, model):
    for dtype in ("float16", "float32", "float64"):
        assert load(tensors, dtype=dtype).params.flat.dtype == dtype
    model.save_pretrained(tmp_path / "half", dtype="float16")
    assert {array.dtype for array in read(tmp_path / "half").values()} == {np.dtype("float16")}
    model.params.mlm.b[0] = 1e6
    with pytest.raises(ValueError, match="too large for float16"):
        model.save_pretrained(tmp_path / "half", dtype="float16")


def test_a_shared_tensor_is_stored_once(tensors, model, tmp_path):
    model.save_pretrained(tmp_path)
    stored = read(tmp_path)
    assert sum(array.size for array in stored.values()) == model.params.count()
    assert "predictions.decoder.weight" not in stored


def test_a_config_of_more_numbers_than_memory_has(load, tensors, tmp_path):
    load(tensors)
    huge = CONFIG.replace(vocab_size=2**31 - 1, embedding_size=64)  # half a tebibyte
    with pytest.raises(ValueError, match=r"\.safetensors does not fit its config: .*(asks for 139,586,439,872|word_embeddings)"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path, config=huge)


PREFIXES = ["module.", "model.", "_orig_mod.", "model._orig_mod.", "module._orig_mod.", "_orig_mod.module.", "net.", "encoder."]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_of_wrappers_are_taken_off(load, tensors, model, prefix):
    """DataParallel, Lightning, torch.compile, combinations of them, and the name of any attribute; also within a name."""
    loaded = load({prefix + name: array for name, array in tensors.items()})
    assert np.array_equal(loaded.params.flat, model.params.flat)
    inside = {prefix + name.replace("albert.", "albert._orig_mod."): array for name, array in tensors.items()}
    assert np.array_equal(load(inside).params.flat, model.params.flat)
    bare = {prefix + name.removeprefix("albert."): a for name, a in tensors.items() if name.startswith("albert.")}
    assert np.array_equal(load(bare, ab.AlbertModel).params.embeddings.word, model.params.embeddings.word)


def test_a_prefix_of_some_tensors_alone_stays(load, tensors):
    given = {f"net.{name}": array for name, array in tensors.items()} | {"criterion.weight": np.ones(2, "f4")}
    with pytest.raises(
        ValueError, match=r"none of its 33 tensors has a name known .*: those of the model begin with 'net\.', others do not"
    ):
        load(given)
    given = {f"model.{name}": array for name, array in tensors.items()} | {"criterion.weight": np.ones(2, "f4")}
    with pytest.raises(ValueError, match=r"does not fit its config: unexpected: criterion\.weight$"):
        load(given)


@pytest.mark.parametrize("metadata", [{}, {WORD: "predictions.decoder.weight", "format": "pt"}])
def test_the_tied_table_may_be_stored_as_the_decoder(tmp_path, tensors, model, metadata):
    """safetensors' save_model keeps one of the two names, and the other in the metadata."""
    CONFIG.save_pretrained(tmp_path)
    tensors["predictions.decoder.weight"] = tensors.pop(WORD)
    save_file(tensors, tmp_path / "model.safetensors", metadata=metadata)
    assert np.array_equal(ab.AlbertForPreTraining.from_pretrained(tmp_path).params.flat, model.params.flat)
    assert (WORD in read(tmp_path / "model.safetensors")) == bool(metadata)
    tensors["predictions.decoder.weight"] = np.ones((3, 4), "f4")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"predictions\.decoder\.weight: expected \(24, 4\), file has \(3, 4\)"):
        ab.AlbertForPreTraining.from_pretrained(tmp_path)


def test_a_head_for_another_number_of_labels_names_the_key(tmp_path):
    model = ab.AlbertForSequenceClassification(CONFIG.replace(num_labels=3))
    model.save_pretrained(tmp_path)
    CONFIG.replace(id2label={0: "no", 1: "yes"}).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"the config's id2label is for 2 labels, the file's head for 3: correct id2label"):
        ab.AlbertForSequenceClassification.from_pretrained(tmp_path)
    assert ab.AlbertForSequenceClassification.from_pretrained(tmp_path, num_labels=3).config.num_labels == 3
    CONFIG.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="the config's num_labels is for 2 labels, the file's head for 3: correct num_labels"):
        ab.AlbertForSequenceClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["AlbertModel"], ["AlbertModel"]),
        ("AlbertModel", ["AlbertModel"]),
        (10**9, []),
        ([None, 3, {}], []),
        ({}, []),
        (None, []),
    ],
)
def test_the_classes_that_a_config_names(named, expected):
    """Whatever JSON value stands there: a damaged config is refused by its sizes, not by a traceback."""
    from albert_np.io.names import get_declared_task, get_named_classes

    config = ab.AlbertConfig.preset("tiny", vocab_size=50).replace(extra={"architectures": named})
    assert get_named_classes(config) == expected and get_declared_task(config) == ""
