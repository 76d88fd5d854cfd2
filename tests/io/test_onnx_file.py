"""The ONNX graph computes what the model computes, by onnxruntime, and stores every tensor once."""

import numpy as np
import pytest

import albert_np as ab
from albert_np.apps.convert import convert
from albert_np.io.onnx import build_graph, save_onnx

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

SIZES = dict(
    vocab_size=61, embedding_size=12, hidden_size=24, num_hidden_layers=4, num_attention_heads=3, intermediate_size=30,
    max_position_embeddings=16, num_labels=4,
)  # fmt: skip
FORMS = {
    "shared": {},
    "groups": dict(num_hidden_groups=2, inner_group_num=2),
    "sharing attention": dict(sharing="attention"),
    "sharing none": dict(sharing="none"),
    "fusion": dict(fusion_layers=(0, 2, 4)),
    "gelu": dict(hidden_act="gelu"),
    "relu": dict(hidden_act="relu"),
    "tanh": dict(hidden_act="tanh"),
    "heads cut, factors": dict(num_attention_heads=2, attention_head_size=8, ranks={"ffn.output": 5, "attention.query": 3}),
}
CLASSES = {
    ab.AlbertModel: ("last_hidden_state", "pooler_output"),
    ab.AlbertForPreTraining: ("prediction_logits", "sop_logits", "pooler_output"),
    ab.AlbertForMaskedLM: ("prediction_logits",),
    ab.AlbertForSequenceClassification: ("logits",),
    ab.AlbertForTokenClassification: ("logits",),
    ab.AlbertForQuestionAnswering: ("start_logits", "end_logits"),
    ab.AlbertForRelationClassification: ("logits",),
    ab.AlbertForMultipleChoice: ("logits", "pooler_output"),
}


def model_of(cls, **changes):
    model = cls(ab.AlbertConfig(**{**SIZES, **changes}), seed=1)
    for name, array in model.params.items():  # nothing is small: what is lost shows
        array += 0.2 * np.random.default_rng(sum(map(ord, name))).standard_normal(array.shape).astype(np.float32)
    return model


def inputs(relations=False, B=3, T=9):
    rng = np.random.default_rng(0)
    mask = np.ones((B, T), np.int64)
    if B > 1:
        mask[1, 6:] = 0
    if B > 2:
        mask[2, [0, 1, 4]] = 0  # a mask with holes, and not from its beginning
    given = dict(input_ids=rng.integers(0, 61, (B, T)), attention_mask=mask, token_type_ids=rng.integers(0, 2, (B, T)))
    return given | ({"entity_positions": np.array([[2, 5], [0, 0], [3, 8]])[:B]} if relations else {})


def as_choices(given):
    """Return two questions of three choices (2, 3, T), one of which does not exist."""
    given = {name: np.stack([array, array[::-1]]) for name, array in given.items()}
    given["attention_mask"][1, 1] = 0
    return given


def run(path, given):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, given)))


@pytest.mark.filterwarnings("ignore:.*is saved as")
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_model(tmp_path, form):
    model = model_of(ab.AlbertForPreTraining, **FORMS[form])
    save_onnx(tmp_path, model.config, model.params, "AlbertForPreTraining")
    for B, T in ((3, 9), (2, 9), (1, 16), (3, 12)):  # sizes are free
        given = inputs(B=B, T=T)
        found, ours = run(tmp_path / "model.onnx", given), model(**given)
        for name in CLASSES[ab.AlbertForPreTraining]:
            np.testing.assert_allclose(found[name], getattr(ours, name), rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class(tmp_path, cls):
    model = model_of(cls, num_labels=2 if cls is ab.AlbertForQuestionAnswering else 4)
    save_onnx(tmp_path, model.config, model.params, cls.__name__)
    given = inputs(relations=cls is ab.AlbertForRelationClassification)
    if cls is ab.AlbertForMultipleChoice:
        given = as_choices(given)
    found, ours = run(tmp_path / "model.onnx", given), model(**given)
    assert set(CLASSES[cls]) <= set(found)
    for name in found:
        np.testing.assert_allclose(found[name], getattr(ours, name), rtol=1e-4, atol=2e-5, err_msg=name)


def test_shared_tensors_are_stored_once(tmp_path):
    model = model_of(ab.AlbertForPreTraining, num_hidden_layers=12)
    graph = build_graph(model.config, model.params, "AlbertForPreTraining").graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    weights = [name for name in stored if not name.startswith("constant")]
    assert sorted(weights) == sorted(name for name, _ in model.params.items())
    assert sum(np.prod(stored[name].dims) for name in weights) == model.params.count()
    uses = sum("groups.0.blocks.0.ffn.output.w" in node.input for node in graph.node)
    assert uses == 12 and sum("embeddings.word" in node.input for node in graph.node) == 2


def test_convert_writes_it_with_its_tokenizer(tmp_path, capsys):
    from albert_np.apps.cli import main
    from albert_np.text import AlbertTokenizer, train_tokenizer

    model = model_of(ab.AlbertForSequenceClassification)
    model.save_pretrained(tmp_path / "model")
    train_tokenizer(["the boat lies by the river", "a river and a boat"], tmp_path / "spiece.model", 30)
    AlbertTokenizer(tmp_path / "spiece.model").save_pretrained(tmp_path / "model")
    assert main(["convert", str(tmp_path / "model"), str(tmp_path / "onnx"), "--to", "onnx"]) == 0
    assert "to onnx, float32" in capsys.readouterr().out
    names = {file.name for file in (tmp_path / "onnx").iterdir()}
    assert {"model.onnx", "config.json", "spiece.model"} <= names and "model.safetensors" not in names
    found = run(tmp_path / "onnx" / "model.onnx", inputs())["logits"]
    np.testing.assert_allclose(found, model(**inputs()).logits, rtol=1e-4, atol=2e-5)


def test_what_has_no_graph_is_refused(tmp_path):
    model = model_of(ab.AlbertForTranslation)
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="AlbertForTranslation generates token by token"):
        convert(tmp_path / "model", tmp_path / "onnx", "onnx")
    with pytest.raises(ValueError, match="the ONNX graph is in float32, not in 'float16'"):
        convert(tmp_path / "model", tmp_path / "onnx", "onnx", "float16")
    assert not (tmp_path / "onnx").exists()
