"""Parity with an installed transformers: what is saved here it loads, and then computes the same, and the other way round."""

import numpy as np
import pytest

import albert_np as ab

torch = pytest.importorskip("torch", reason="torch is not installed: no live parity")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

SIZES = dict(
    vocab_size=97, embedding_size=10, hidden_size=24, num_hidden_layers=4, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=32, initializer_range=0.2,
)  # fmt: skip
FORMS = {
    "shared": {},
    "groups": dict(num_hidden_groups=2, inner_group_num=2),
    "erf": dict(hidden_act="gelu"),
    "relu": dict(hidden_act="relu"),
    "unshared": dict(sharing="none"),
    "shared attention": dict(sharing="attention"),
}


@pytest.fixture(params=FORMS)
def pair(request, tmp_path):
    """Our model and theirs, loaded from the folder that ours was saved to."""
    ours = ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES, **FORMS[request.param]), seed=1, dtype="float64")
    ours.save_pretrained(tmp_path)
    theirs = transformers.AlbertForPreTraining.from_pretrained(tmp_path, dtype=torch.float64, attn_implementation="eager")
    return ours, theirs.eval()


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 97, (3, 11))
    mask = (np.arange(11) < np.array([[11], [7], [9]])).astype(int)
    labels = np.where((rng.random(ids.shape) < 0.3) & (mask == 1), ids, -100)
    types = (np.arange(11) >= 5).astype(int) * mask
    return dict(input_ids=ids, attention_mask=mask, token_type_ids=types, labels=labels, sentence_order_label=np.array([0, 1, 1]))


def test_same_outputs_loss_and_gradients(pair, inputs):
    ours, theirs = pair
    theirs_out = theirs(**{name: torch.tensor(value) for name, value in inputs.items()})
    theirs_out.loss.backward()
    loss, grads = ours.loss_and_gradients(**inputs)
    out = ours(**{name: inputs[name] for name in ("input_ids", "attention_mask", "token_type_ids")})
    visible = inputs["attention_mask"] == 1
    np.testing.assert_allclose(loss, theirs_out.loss.item(), rtol=1e-12)
    np.testing.assert_allclose(
        out.prediction_logits[visible], theirs_out.prediction_logits.detach().numpy()[visible], rtol=0, atol=1e-11
    )
    np.testing.assert_allclose(out.sop_logits, theirs_out.sop_logits.detach().numpy(), rtol=0, atol=1e-11)
    if ours.config.sharing != "attention":  # there a shared tensor's gradient is the sum over its copies
        reference = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
        for name, gradient in ab.to_hf(ours.config, grads).items():
            np.testing.assert_allclose(gradient, reference[name], rtol=0, atol=1e-11, err_msg=name)


def test_saved_by_transformers_loads_here(tmp_path, inputs):
    torch.manual_seed(0)
    theirs = transformers.AlbertForPreTraining(transformers.AlbertConfig(**SIZES)).eval()
    theirs.save_pretrained(tmp_path)
    ours = ab.AlbertForPreTraining.from_pretrained(tmp_path)
    arguments = {name: inputs[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    expected = theirs(**{name: torch.tensor(value) for name, value in arguments.items()}).prediction_logits.detach().numpy()
    visible = inputs["attention_mask"] == 1
    np.testing.assert_allclose(ours(**arguments).prediction_logits[visible], expected[visible], rtol=0, atol=1e-4)


def test_a_model_with_fusion_is_refused_by_transformers(tmp_path):
    ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES, fusion_layers=(2, 4))).save_pretrained(tmp_path)
    with pytest.raises((ValueError, KeyError), match="albert_np"):
        transformers.AutoModel.from_pretrained(tmp_path)


def bits(tensors):
    return {name: (tensor.shape, np.ascontiguousarray(tensor).tobytes()) for name, tensor in tensors.items()}


@pytest.mark.parametrize("form", ["shared", "groups", "unshared"])
def test_a_round_trip_is_bit_identical(form, tmp_path):
    """Ours -> theirs -> a folder that they saved -> ours."""
    ours = ab.AlbertForPreTraining(ab.AlbertConfig(**SIZES, **FORMS[form]), seed=3)
    ours.save_pretrained(tmp_path / "ours")
    theirs, loading = transformers.AlbertForPreTraining.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(loading.values()), loading
    state = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    for name, (shape, data) in bits(ab.to_hf(ours.config, ours.params)).items():
        assert (state[name].shape, state[name].tobytes()) == (shape, data), name
    theirs.save_pretrained(tmp_path / "theirs")
    again = ab.AlbertForPreTraining.from_pretrained(tmp_path / "theirs")
    assert bits(ab.to_hf(again.config, again.params)) == bits(ab.to_hf(ours.config, ours.params))


def _shards(model, folder):
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("*.safetensors"))) > 1


def _bin(model, folder, **options):
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin", **options)


@pytest.mark.parametrize(
    "save",
    [
        _shards, _bin, lambda model, folder: _bin(model, folder, _use_new_zipfile_serialization=False),
        lambda model, folder: (_bin(model, folder), (folder / "pytorch_model.bin").rename(folder / "mine.pth")),
        lambda model, folder: _bin(model.half(), folder), lambda model, folder: model.bfloat16().save_pretrained(folder),
    ],
    ids=["shards", "bin", "legacy bin", "pth", "half bin", "bfloat16"],
)  # fmt: skip
def test_every_form_that_they_write(save, tmp_path):
    torch.manual_seed(1)
    theirs = transformers.AlbertForPreTraining(transformers.AlbertConfig(**SIZES))
    save(theirs, tmp_path)
    ours = ab.AlbertForPreTraining.from_pretrained(tmp_path)
    state = {name: tensor.float().numpy() for name, tensor in theirs.state_dict().items()}
    for name, (shape, data) in bits(ab.to_hf(ours.config, ours.params)).items():
        assert (state[name].shape, state[name].tobytes()) == (shape, data), name
