"""Google's TensorFlow checkpoints, and a real trained model in every form: the stored outputs, also after conversions there and
back. The files are in the folder that ALBERT_NP_DATA names."""

import contextlib
import json
import os
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from reference import Reference

import albert_np as ab
from albert_np.weights.convert import convert

DATA = os.environ.get("ALBERT_NP_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="ALBERT_NP_DATA is not set: no Google checkpoints to read")
TF = Path(DATA or "") / "weights" / "tf1"
TRAINED = Path(DATA or "") / "weights" / "unidic_lite_imitator"
CHECKPOINTS = [
    "tiny_e_equals_h",
    "tiny_groups_2_inner_2",
    "tiny_module_prefix",
    "tiny_partitioned",
    "tiny_two_shards",
    "unidic_lite",
]


def loaded(path, cls=ab.AlbertForPreTraining):
    """A model in float64; the notice about gelu is expected, no other is."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = cls.from_pretrained(path, dtype="float64")
    assert all("tanh form" in str(notice.message) for notice in said), [str(notice.message) for notice in said]
    return model


def reproduces(model, folder, form):
    expected = Reference(folder / "expected.npz")
    names = "input_ids", "attention_mask", "token_type_ids"
    out = model(*(expected[name] for name in names), output_hidden_states=True)
    visible = expected["attention_mask"] == 1
    for i, hidden in enumerate(out.hidden_states):
        expected.check(hidden, f"{form}/hidden_{i:02d}", rows=visible)
    expected.check(out.pooler_output, f"{form}/pooler")
    expected.check(out.sop_logits, f"{form}/sop_logits")
    first = f"{form}/prediction_logits_first50"
    if first in expected.arrays.files:
        expected.check(out.prediction_logits[..., :50], first, rows=visible)
    else:
        expected.check(out.prediction_logits, f"{form}/prediction_logits", rows=visible)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_checkpoint_and_its_conversions(name, tmp_path):
    form = "relu" if name == "tiny_groups_2_inner_2" else "gelu_tanh"
    model = loaded(TF / name)
    reproduces(model, TF / name, form)
    said = pytest.warns(UserWarning, match="tanh form") if form == "gelu_tanh" else contextlib.nullcontext()
    with said:
        convert(TF / name, tmp_path / "hf")
    convert(tmp_path / "hf", tmp_path / "npz", to="npz")
    convert(tmp_path / "npz", tmp_path / "tf", to="tf")
    said = pytest.warns(UserWarning, match="tanh form") if form == "gelu_tanh" else contextlib.nullcontext()
    with said:
        convert(tmp_path / "tf", tmp_path / "again")
    for folder in ("hf", "npz", "tf", "again"):
        again = loaded(tmp_path / folder)
        assert np.array_equal(again.params.flat, model.params.flat), folder
        assert again.config.hidden_act == model.config.hidden_act
        reproduces(again, TF / name, form)


def test_the_archive_as_google_packs_it(tmp_path):
    archive = tmp_path / "albert_tiny.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted((TF / "tiny_two_shards").iterdir()):
            if file.name != "expected.npz" and file.name != "names.json":
                tar.add(file, f"albert_tiny/{file.name}")
    assert np.array_equal(loaded(archive).params.flat, loaded(TF / "tiny_two_shards").params.flat)


def test_a_prefix_and_an_index_name_a_checkpoint():
    whole = loaded(TF / "tiny_two_shards").params.flat
    for name in ("model.ckpt-1000", "model.ckpt-1000.index"):
        assert np.array_equal(loaded(TF / "tiny_two_shards" / name).params.flat, whole)


def test_gelu_in_googles_form_means_what_the_weights_say(trained):
    assert json.loads((TF / "unidic_lite" / "albert_config.json").read_text())["hidden_act"] == "gelu"
    assert loaded(TF / "unidic_lite").config.hidden_act == "gelu_new"
    assert trained.config.hidden_act == "gelu"  # the same form of config beside a .pth


def trained_outputs(model, within, form):
    expected = Reference(TRAINED / "expected.npz")
    keys = sorted({name.split("/")[0] for name in expected.arrays.files})
    assert len(keys) > 10
    for key in keys:
        mask = expected[f"{key}/attention_mask"]
        out = model(expected[f"{key}/input_ids"], mask, expected[f"{key}/token_type_ids"], output_hidden_states=True)
        visible = mask == 1
        for i, hidden in enumerate(out.hidden_states):
            expected.check(hidden, f"{key}/{form}/hidden_{i:02d}", within, visible)
        expected.check(out.logits[..., :18], f"{key}/{form}/logits_labels", within, visible)
        if f"{key}/{form}/logits" in expected.arrays.files:
            expected.check(out.logits, f"{key}/{form}/logits", within, visible)
        assert np.array_equal(out.logits.argmax(-1)[visible], expected[f"{key}/argmax"][visible])


@pytest.fixture
def trained():
    with pytest.warns(UserWarning, match="unknown config key"):  # its config also holds its alphabet
        return ab.AlbertForMaskedLM.from_pretrained(TRAINED, dtype="float64")


def test_the_trained_model(trained):
    trained_outputs(trained, 1e-9, "f64")
    with pytest.warns(UserWarning, match="unknown config key"):
        single = ab.AlbertForMaskedLM.from_pretrained(TRAINED)
    trained_outputs(single, 5e-6, "f64")


@pytest.mark.filterwarnings("ignore:.*unknown config key", "ignore:.*gelu_erf")
def test_the_trained_model_after_conversions(trained, tmp_path):
    convert(TRAINED, tmp_path / "tf", to="tf")
    convert(tmp_path / "tf", tmp_path / "hf")
    convert(tmp_path / "hf", tmp_path / "npz", to="npz")
    for folder in ("tf", "hf", "npz"):
        again = ab.AlbertForMaskedLM.from_pretrained(tmp_path / folder, dtype="float64")
        assert again.config.hidden_act == "gelu"
        assert np.array_equal(again.params.flat, trained.params.flat)
    trained_outputs(again, 1e-9, "f64")


def test_what_its_labels_say(trained):
    """The words that its package finds: label 1 goes on with the word of the character before."""
    for sentence in json.loads((TRAINED / "sentences.json").read_text()):
        labels = trained(np.array([sentence["input_ids"]])).logits[0].argmax(-1)
        assert labels.tolist() == sentence["labels"]
