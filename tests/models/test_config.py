"""AlbertConfig: fields, presets, groups, files, and a clear error for each mistake."""

import dataclasses
import json

import pytest

from albert_np.models.config import PRESETS, AlbertConfig


def test_the_defaults_are_transformers():
    c = AlbertConfig()
    assert (c.vocab_size, c.embedding_size, c.hidden_size, c.num_attention_heads, c.intermediate_size) == (
        30000,
        128,
        4096,
        64,
        16384,
    )
    assert (c.hidden_act, c.layer_norm_eps, c.initializer_range, c.pad_token_id) == ("gelu_new", 1e-12, 0.02, 0)


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    c = AlbertConfig.preset(name, hidden_dropout_prob=0.1)
    assert (
        c.hidden_size % c.num_attention_heads == 0 and c.intermediate_size == 4 * c.hidden_size and c.hidden_dropout_prob == 0.1
    )


def test_published_sizes():  # paper, Table 1
    sizes = {name: (AlbertConfig.preset(name).num_hidden_layers, AlbertConfig.preset(name).hidden_size) for name in PRESETS}
    assert (
        sizes["base"] == (12, 768)
        and sizes["large"] == (24, 1024)
        and sizes["xlarge"] == (24, 2048)
        and sizes["xxlarge"] == (12, 4096)
    )
    with pytest.raises(ValueError, match="unknown preset 'huge'; the presets are tiny, small, base"):
        AlbertConfig.preset("huge")


def test_groups_are_googles_rule_in_integers():
    for L in range(1, 49):
        for G in (g for g in range(1, L + 1) if L % g == 0):
            c = AlbertConfig.preset("tiny", num_hidden_layers=L, num_hidden_groups=G)
            assert [c.group_of(l) for l in range(L)] == [l // (L // G) for l in range(L)]
    c = AlbertConfig.preset("tiny", sharing="attention")
    assert c.num_groups == 4 and [c.group_of(l) for l in range(4)] == [0, 1, 2, 3]


def test_it_is_frozen():
    c = AlbertConfig.preset("tiny")
    with pytest.raises(dataclasses.FrozenInstanceError):
        c.hidden_size = 5
    assert c.replace(hidden_size=64).hidden_size == 64 and c.hidden_size == 128
    with pytest.raises(ValueError, match="did you mean 'hidden_size'"):
        c.replace(hiden_size=64)
    assert AlbertConfig.preset("tiny") == c and AlbertConfig.preset("small") != c


WRONG = {
    "heads": (dict(num_attention_heads=5), "num_attention_heads must divide hidden_size: 128 is not a multiple of 5"),
    "groups": (dict(num_hidden_groups=3), "num_hidden_groups must divide num_hidden_layers: 4 is not a multiple of 3"),
    "zero": (dict(vocab_size=0), "vocab_size must be at least 1, not 0"),
    "float for int": (dict(hidden_size=128.0), "hidden_size must be an integer, not 128.0"),
    "bool for int": (dict(num_hidden_layers=True), "num_hidden_layers must be an integer"),
    "text": (dict(hidden_dropout_prob="0.1"), "hidden_dropout_prob must be a number"),
    "int for bool": (dict(recompute=1), "recompute must be true or false"),
    "dropout of all": (dict(hidden_dropout_prob=1.0), "hidden_dropout_prob must be at least 0 and below 1"),
    "negative dropout": (dict(attention_probs_dropout_prob=-0.1), "attention_probs_dropout_prob"),
    "nan": (dict(layer_norm_eps=float("nan")), "layer_norm_eps must be a positive number"),
    "activation": (dict(hidden_act="swish"), "hidden_act must be one of gelu_new, gelu, relu, tanh, not 'swish'"),
    "sharing": (dict(sharing="some"), "sharing must be one of all, attention, ffn, none"),
    "sharing and groups": (dict(sharing="ffn", num_hidden_groups=2), "num_hidden_groups must be 1, not 2"),
    "one level": (dict(fusion_layers=(2,)), "fusion_layers must be at least two increasing"),
    "levels out of order": (dict(fusion_layers=(2, 1)), "increasing"),
    "level above": (dict(fusion_layers=(2, 5)), "0 to 4"),
    "level twice": (dict(fusion_layers=(2, 2)), "increasing"),
    "levels of text": (dict(fusion_layers="12"), "fusion_layers must be a list of integers"),
    "labels": (dict(num_labels=3, id2label={0: "a", 1: "b"}), "num_labels is 3, but id2label names 2"),
    "act of another kind": (dict(hidden_act="quick_gelu"), "not 'quick_gelu', which is another function$"),
    "act with a limit": (dict(hidden_act="gelu_10"), "not 'gelu_10', which is another function$"),
    "act of another case": (dict(hidden_act="GELU"), "not 'GELU'; did you mean 'gelu'"),
    "act that is none": (dict(hidden_act=None), "hidden_act must be a string, not None"),
    "act that is code": (dict(hidden_act="__import__('os')"), "hidden_act must be one of"),
    "infinite eps": (dict(layer_norm_eps=float("inf")), "layer_norm_eps must be a positive number, not inf"),
    "an eps beyond float32": (dict(layer_norm_eps=10**40), "layer_norm_eps must be a positive number"),
    "an integer beyond float64": (dict(initializer_range=10**400), "initializer_range must be a positive number"),
    "no memory holds it": (dict(hidden_size=10**18), "hidden_size is 1000000000000000000: no size may be above 2147483647"),
    "nor all together": (
        dict(hidden_size=2**31 - 4, num_attention_heads=1),
        r"sizes result in .*e\+19 parameters, .* more than memory can hold",
    ),
    "nor too many blocks": (
        dict(num_hidden_layers=2**20, sharing="none"),
        "num_hidden_layers \\* inner_group_num is 1048576: 100000",
    ),
    "a long value": (dict(hidden_size="8" * 10**6), "^hidden_size must be an integer, not '8{10,20}[.]{3}8{10,20}'$"),
    "unknown": (dict(vocab_sizes=3), "unknown config key 'vocab_sizes'; did you mean 'vocab_size'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_named(case):
    changes, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        AlbertConfig.preset("tiny", **changes)


@pytest.mark.parametrize("name", ["gelu_fast", "gelu_accurate", "gelu_pytorch_tanh", "gelu_python_tanh"])
def test_other_names_of_an_activation(name):
    """transformers' functions of these names differ from gelu_new by at most 9e-13 on [-8, 8]."""
    assert AlbertConfig(hidden_act=name).hidden_act == "gelu_new"
    assert AlbertConfig(hidden_act="gelu_python").hidden_act == AlbertConfig().replace(hidden_act="gelu_erf").hidden_act == "gelu"


def test_files_go_round(tmp_path):
    c = AlbertConfig.preset("tiny", fusion_layers=(1, 4), id2label={0: "no", 1: "maybe", 2: "yes"}, recompute=True)
    c.save_pretrained(tmp_path / "new")
    again = AlbertConfig.from_pretrained(tmp_path / "new")
    assert again == c and again.fusion_layers == (1, 4) and again.num_labels == 3
    assert AlbertConfig.from_pretrained(tmp_path / "new" / "config.json") == c
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    assert written["model_type"] == "albert_np" and written["label2id"] == {"no": 0, "maybe": 1, "yes": 2}
    assert AlbertConfig.preset("tiny").to_dict()["model_type"] == "albert"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["config.json"]
