"""The model in the package, converted for transformers: the same ids and the same logits there."""

import numpy as np
import pytest

import albert_np as ab
from albert_np.apps.cli import main

torch = pytest.importorskip("torch", reason="torch is not installed: no live parity")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

NAME = "albert-np-mini-en"
TEXTS = ["The doctor told me to [MASK] more water.", "It's NOT a naïve idea, is it?", "Two and two make [MASK]."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / NAME
    assert main(["convert", NAME, str(folder), "--to", "hf", "--quiet"]) == 0
    return folder


def test_the_ids_are_equal(folder):
    ours, theirs = ab.AlbertTokenizer.from_pretrained(NAME), transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        assert theirs(text)["input_ids"] == ours(text)["input_ids"][0].tolist(), text
    assert theirs.model_max_length == ours.model_max_length


def test_the_logits_are_equal(folder):
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    assert type(theirs).__name__ == "AlbertForMaskedLM"
    ours = ab.AlbertForMaskedLM.from_pretrained(NAME)
    batch = ab.AlbertTokenizer.from_pretrained(NAME)(TEXTS, padding=True)
    with torch.no_grad():
        expected = theirs(**{name: torch.tensor(value) for name, value in batch.items()}).logits.numpy()
    visible = batch["attention_mask"] == 1
    found = ours(**batch).prediction_logits
    np.testing.assert_allclose(found[visible], expected[visible], rtol=0, atol=5e-4)
    assert (found[visible].argmax(-1) == expected[visible].argmax(-1)).all()
