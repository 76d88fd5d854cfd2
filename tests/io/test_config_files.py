"""Config files: which of a folder, whose form, what "gelu" means, what is missing, and what is refused."""

import json
import os
import tarfile
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.models.config import FIELDS, AlbertConfig

TINY = AlbertConfig.preset("tiny")
SIZES = {
    "vocab_size": 24, "embedding_size": 4, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 12, "max_position_embeddings": 6, "type_vocab_size": 2,
}  # fmt: skip
HF = {**SIZES, "model_type": "albert", "architectures": ["AlbertForPreTraining"], "hidden_act": "gelu"}
# Google's own files, key for key
GOOGLE = {
    **SIZES, "attention_probs_dropout_prob": 0, "hidden_act": "gelu", "hidden_dropout_prob": 0, "initializer_range": 0.02,
    "num_hidden_groups": 1, "inner_group_num": 1, "net_structure_type": 0, "gap_size": 0, "num_memory_blocks": 0,
    "down_scale_factor": 1, "ln_type": "postln",
}  # fmt: skip


def write(path, values):
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def quiet(*arguments, **options):
    """from_pretrained, of which nothing is to be said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return AlbertConfig.from_pretrained(*arguments, **options)


# ---- keys


def test_foreign_keys_of_known_origin_are_kept_in_silence(tmp_path):
    """All that the published config of albert-base-v2 has, and what old transformers wrote beside it."""
    foreign = {
        "architectures": ["AlbertForMaskedLM"],
        "bos_token_id": 2,
        "eos_token_id": 3,
        "down_scale_factor": 1,
        "gap_size": 0,
        "net_structure_type": 0,
        "num_memory_blocks": 0,
        "transformers_version": "4.57.1",
        "torch_dtype": "float32",
        "do_sample": False,
        "top_k": 50,
        "max_length": 20,
        "output_attentions": False,
        "pruned_heads": {},
        "is_decoder": False,
        "_num_labels": 2,
        "position_embedding_type": "absolute",
        "tie_word_embeddings": True,
        "layers_to_keep": [],
    }
    write(tmp_path / "config.json", {**TINY.to_dict(), **foreign})
    again = quiet(tmp_path, strict=True)
    assert again == TINY and foreign.items() <= again.to_dict().items()
    again.save_pretrained(tmp_path / "again")
    assert quiet(tmp_path / "again").to_dict() == again.to_dict()


def test_other_keys_warn_or_raise(tmp_path):
    write(tmp_path / "config.json", {**HF, "hiden_size": 12})
    with pytest.warns(
        UserWarning, match=r"config.json: unknown config key 'hiden_size'; did you mean 'hidden_size'\?; kept"
    ) as said:
        config = AlbertConfig.from_pretrained(tmp_path)
    assert config.to_dict()["hiden_size"] == 12 and len(said) == 1 and said[0].filename == __file__
    with pytest.raises(ValueError, match=r"unknown config key 'hiden_size'; did you mean 'hidden_size'"):
        AlbertConfig.from_pretrained(tmp_path, strict=True)


@pytest.mark.parametrize("size", SIZES)
def test_no_size_is_guessed(tmp_path, size):
    file = write(tmp_path / "config.json", {key: value for key, value in HF.items() if key != size})
    with pytest.raises(ValueError, match=rf"config.json: {size} is missing, and sizes are not guessed"):
        AlbertConfig.from_pretrained(file)
    with pytest.raises(ValueError, match=f"{size} is missing"):
        AlbertConfig.from_dict(json.loads(file.read_text()))


def test_a_mistyped_size_is_found(tmp_path):
    values = {**HF, "num_hiden_layers": HF["num_hidden_layers"]}
    del values["num_hidden_layers"]
    with pytest.raises(ValueError, match=r"num_hidden_layers is missing \(found num_hiden_layers\)"):
        AlbertConfig.from_dict(values)
    values = {**values, "num_hidden_lay\ners": values.pop("num_hiden_layers")}
    with pytest.raises(ValueError, match=r"num_hidden_layers is missing \(found 'num_hidden_lay\\ners'\)"):
        AlbertConfig.from_dict(values)
    with pytest.raises(ValueError, match=r"vocab_size, embedding_size, hidden_size, .*type_vocab_size are missing"):
        AlbertConfig.from_dict({})


def test_groups_default_to_one():
    config = AlbertConfig.from_dict(HF)
    assert (config.num_hidden_groups, config.inner_group_num) == (1, 1)


def test_labels_as_transformers_writes_them(tmp_path):
    write(
        tmp_path / "config.json",
        {**HF, "id2label": {"0": "no", "1": "maybe", "2": "yes"}, "label2id": {"no": 0, "maybe": 1, "yes": 2}},
    )
    config = quiet(tmp_path)
    assert config.num_labels == 3 and config.id2label == {0: "no", 1: "maybe", 2: "yes"}
    assert quiet(write(tmp_path / "old.json", {**HF, "num_labels": 5})).num_labels == 5


REFUSED = {
    "another model": ({"model_type": "bert"}, "this is a BERT config, not one of ALBERT: its model_type is 'bert'"),
    "no name of a model": ({"model_type": ["albert"]}, "this is a foreign config"),
    "pre-norm": ({"ln_type": "preln"}, "ln_type 'preln' is not supported"),
    "the decoder is tied": ({"tie_word_embeddings": False}, "tie_word_embeddings False is not supported: the decoder is tied"),
    "a decoder": ({"is_decoder": True}, "is_decoder True is not supported"),
    "cross-attention": ({"add_cross_attention": True}, "add_cross_attention True is not supported"),
    "relative positions": ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key' is not"),
    "fewer heads": ({"pruned_heads": {"1": [0]}}, "pruned_heads .* is not supported"),
    "fewer layers": ({"layers_to_keep": [0, 1]}, "layers_to_keep .* is not supported"),
    "quantised": ({"quantization_config": {"bits": 4}}, "quantization_config .* is not supported"),
    "a number for true": ({"tie_word_embeddings": 1}, "tie_word_embeddings 1 is not supported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_networks_are_refused(tmp_path, case):
    changes, message = REFUSED[case]
    with pytest.raises(ValueError, match=r"config\.json: " + message):
        AlbertConfig.from_pretrained(write(tmp_path / "config.json", {**HF, **changes}))


# ---- what "gelu" means

BESIDE = {
    "model.safetensors": "gelu", "pytorch_model.bin": "gelu", "anything.pth": "gelu", "model.safetensors.index.json": "gelu",
    "model.npz": "gelu", "model.ckpt-best.index": "gelu_new", "model.ckpt-1000.index": "gelu_new",
}  # fmt: skip


@pytest.mark.parametrize("weights", BESIDE)
@pytest.mark.parametrize("name, values", [("config.json", HF), ("config.json", GOOGLE), ("albert_config.json", GOOGLE)])
def test_the_weights_decide_what_gelu_means(tmp_path, weights, name, values):
    file = write(tmp_path / name, values)
    (tmp_path / weights).touch()
    for path in (tmp_path, file):
        if BESIDE[weights] == "gelu":
            assert quiet(path).hidden_act == "gelu"
        else:
            with pytest.warns(
                UserWarning, match=rf'{name}: hidden_act "gelu" beside TensorFlow weights is the tanh form'
            ) as said:
                assert AlbertConfig.from_pretrained(path).hidden_act == "gelu_new"
            assert len(said) == 1 and said[0].filename == __file__


def test_alone_the_form_decides(tmp_path):
    assert quiet(write(tmp_path / "config.json", HF)).hidden_act == "gelu"
    plain = {key: value for key, value in HF.items() if key != "model_type"}
    assert quiet(write(tmp_path / "config.json", plain)).hidden_act == "gelu"
    for name, values in (("config.json", GOOGLE), ("albert_config.json", plain), ("my_config.json", GOOGLE)):
        with pytest.warns(UserWarning, match="in a config of Google's form, with no weights beside it, is the tanh form") as said:
            assert AlbertConfig.from_pretrained(write(tmp_path / name, values)).hidden_act == "gelu_new"
        assert len(said) == 1


def test_what_the_caller_knows_of_the_weights_counts_most(tmp_path):
    write(tmp_path / "config.json", HF)
    (tmp_path / "model.safetensors").touch()
    assert quiet(tmp_path, weights="torch").hidden_act == "gelu"
    with pytest.warns(UserWarning, match="beside TensorFlow weights"):
        assert AlbertConfig.from_pretrained(tmp_path, weights="tf").hidden_act == "gelu_new"
    with pytest.raises(ValueError, match="weights must be 'torch', 'tf' or None, not 'onnx'"):
        AlbertConfig.from_pretrained(tmp_path, weights="onnx")


def test_what_a_trainer_leaves_is_no_weights(tmp_path):
    write(tmp_path / "albert_config.json", GOOGLE)
    (tmp_path / "training_args.bin").touch()
    (tmp_path / "model.ckpt-3.index").touch()
    with pytest.warns(UserWarning, match="beside TensorFlow weights"):
        assert AlbertConfig.from_pretrained(tmp_path).hidden_act == "gelu_new"


@pytest.mark.parametrize(
    "act, meaning", [("gelu_erf", "gelu"), ("gelu_pytorch_tanh", "gelu_new"), ("relu", "relu"), ("gelu_new", "gelu_new")]
)
@pytest.mark.parametrize("weights", ["tf", "torch", None])
def test_other_names_of_activations_mean_one_thing(tmp_path, act, meaning, weights):
    assert quiet(write(tmp_path / "albert_config.json", {**GOOGLE, "hidden_act": act}), weights=weights).hidden_act == meaning


# ---- which file


def test_which_file_of_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no config: expected config.json or albert_config.json"):
        AlbertConfig.from_pretrained(tmp_path)
    for name in ("tokenizer_config.json", "generation_config.json"):
        write(tmp_path / name, {"vocab_size": 1})
    write(tmp_path / "albert_config_tiny.json", {**HF, "vocab_size": 31})
    assert quiet(tmp_path).vocab_size == 31
    write(tmp_path / "my_config.json", HF)
    with pytest.raises(FileNotFoundError, match=r"albert_config_tiny.json, my_config.json are all possible: name one"):
        AlbertConfig.from_pretrained(tmp_path)
    write(tmp_path / "albert_config.json", {**HF, "vocab_size": 32})
    assert quiet(tmp_path).vocab_size == 32
    write(tmp_path / "config.json", {**HF, "vocab_size": 33})
    assert quiet(tmp_path).vocab_size == 33
    assert quiet(tmp_path / "albert_config_tiny.json").vocab_size == 31


def test_beside_tensorflow_weights_googles_file_comes_first(tmp_path):
    write(tmp_path / "config.json", {**HF, "vocab_size": 33})
    write(tmp_path / "albert_config.json", {**GOOGLE, "vocab_size": 32, "hidden_act": "relu"})
    (tmp_path / "model.ckpt-best.index").touch()
    for path in (tmp_path, tmp_path / "model.ckpt-best", tmp_path / "model.ckpt-best.index"):
        assert quiet(path).vocab_size == 32


def test_weights_that_are_named_mean_the_config_beside_them(tmp_path):
    write(tmp_path / "config.json", HF)
    (tmp_path / "model.safetensors").touch()
    assert quiet(tmp_path / "model.safetensors").hidden_act == "gelu"


def test_what_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*none"):
        AlbertConfig.from_pretrained(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder '\./none', and it is not a valid name on the hub"):
        AlbertConfig.from_pretrained("./none")


@pytest.mark.parametrize("text", ["{", "\xff\xfe", "[1, 2]", '{"vocab_size": "many"}', "", "3"])
def test_broken_files_are_named(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"config\.json"):
        AlbertConfig.from_pretrained(tmp_path)


@settings(max_examples=300)
@given(data=st.data())
def test_any_damage_gives_an_error_or_a_config(tmp_path_factory, data):
    """A byte changed, taken out or put in, or the rest cut off: ValueError that names the file, or a config that can be saved."""
    good = json.dumps({**HF, "id2label": {"0": "no", "1": "yes"}, "pad_token_id": 0}, indent=1).encode()
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1) | st.sampled_from([b'"', b"}", b"0", b"\\", b"-", b"e"]))
    damaged = data.draw(
        st.sampled_from([good[:at] + byte + good[at + 1 :], good[:at] + good[at + 1 :], good[:at] + byte + good[at:], good[:at]])
    )
    file = tmp_path_factory.getbasetemp() / "damaged_config.json"
    file.write_bytes(damaged)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            config = AlbertConfig.from_pretrained(file, weights="torch")
    except ValueError as error:
        assert "damaged_config.json" in str(error) and len(str(error)) < 1000
    else:
        config.save_pretrained(file.parent / "saved")
        assert config.hidden_size % config.num_attention_heads == 0


# ---- Google's form, written


@pytest.mark.parametrize("act, there", [("gelu_new", "gelu"), ("gelu", "gelu_erf"), ("relu", "relu"), ("tanh", "tanh")])
def test_googles_form_goes_round(tmp_path, act, there):
    config = AlbertConfig.from_dict({**HF, "hidden_act": act, "num_hidden_groups": 2})
    values = config.to_google()
    assert values["hidden_act"] == there and values["ln_type"] == "postln" and values["num_hidden_groups"] == 2
    assert set(values) == set(GOOGLE)
    write(tmp_path / "albert_config.json", values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert AlbertConfig.from_pretrained(tmp_path) == config
        assert AlbertConfig.from_pretrained(tmp_path, weights="tf") == config


def test_googles_form_keeps_what_google_has_no_word_for(tmp_path):
    config = TINY.replace(
        pad_token_id=None, id2label={0: "a", 1: "b", 2: "c"}, problem_type="regression", classifier_dropout_prob=0.2
    )
    write(tmp_path / "albert_config.json", config.to_google())
    with pytest.warns(UserWarning, match="tanh"):
        assert AlbertConfig.from_pretrained(tmp_path) == config


def test_what_googles_form_cannot_hold():
    with pytest.raises(ValueError, match="no fusion"):
        TINY.replace(fusion_layers=(1, 2)).to_google()
    with pytest.warns(UserWarning, match="Google's code always uses layer_norm_eps 1e-12, .* this model has 1e-05"):
        assert TINY.replace(layer_norm_eps=1e-5).to_google()["layer_norm_eps"] == 1e-5


def test_an_archive(tmp_path):
    write(tmp_path / "albert_config.json", GOOGLE)
    (tmp_path / "model.ckpt-best.index").touch()
    with tarfile.open(tmp_path / "albert_tiny.tar.gz", "w:gz") as tar:
        for name in ("albert_config.json", "model.ckpt-best.index"):
            tar.add(tmp_path / name, f"albert_tiny/{name}")
    with pytest.warns(UserWarning, match="beside TensorFlow weights"):
        assert AlbertConfig.from_pretrained(tmp_path / "albert_tiny.tar.gz").hidden_act == "gelu_new"


# ---- the shared files

MALFORMED = Path(os.environ["ALBERT_NP_DATA"]) / "weights" / "malformed" if "ALBERT_NP_DATA" in os.environ else None
SAID = {  # what the message must hold, for those whose manifest's words are not the house's
    "heads_do_not_divide": "8 is not a multiple of 3",
    "heads_more_than_hidden": "8 is not a multiple of 16",
    "groups_do_not_divide": "4 is not a multiple of 3",
    "groups_more_than_layers": "2 is not a multiple of 4",
    "hidden_size_10e18": "no size may be above",
    "typo_instead": "found num_hiden_layers",
    "model_type_bert": "BERT config",
    "pooling_untied": "the decoder is tied",
    "google_preln": "preln",
    "empty": "is empty",
    "empty_object": "hidden_size",
    "duplicate_key": "the key 'hidden_size' occurs twice",
    "comment": "line 1",
    "utf16": "UTF-8",
    "deep": "nested",
    "huge_number": "5000 digits",
    "nan": "NaN",
    "pad_outside": "pad_token_id",
    "pad_negative": "pad_token_id",
    "list": "JSON object",
    "number": "JSON object",
    "cut": "not valid JSON",
    "act_upper_case": "did you mean 'gelu'",
}


@pytest.mark.skipif(MALFORMED is None, reason="ALBERT_NP_DATA does not name the shared data")
def test_the_damaged_files():
    entries = [
        entry for entry in json.loads((MALFORMED / "manifest.json").read_text())["files"] if entry["file"].startswith("config/")
    ]
    assert len(entries) > 50
    for entry in entries:
        name = Path(entry["file"]).stem
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                config = AlbertConfig.from_pretrained(MALFORMED / entry["file"])
            except ValueError as error:
                assert entry["expect"] != "accept" and f"{name}.json" in str(error), entry
                words = entry["wrong"] + entry["a_good_loader"]
                key = next((key for key in FIELDS if key in words), "hidden_act" if "activation" in words else "not valid JSON")
                assert SAID.get(name, key) in str(error), (str(error), entry)
            else:
                assert entry["expect"] != "reject", entry
                assert config.vocab_size == 24 and config.hidden_act == "gelu_new"
                assert len(said) == (entry["expect"] == "warn" and name != "utf8_bom"), (entry, [str(w.message) for w in said])
