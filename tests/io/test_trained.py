"""A real trained model (a word cutter for Japanese) in every form: its stored outputs, and the words that it finds.

The files are in the folder that ALBERT_NP_DATA names.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from reference import Reference

import albert_np as ab
from albert_np.apps.convert import convert

DATA = os.environ.get("ALBERT_NP_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="ALBERT_NP_DATA is not set: no trained model to read")
TRAINED = Path(DATA or "") / "weights" / "unidic_lite_imitator"


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
    assert trained.config.hidden_act == "gelu"  # a config in Google's form, but beside a .pth: erf
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
