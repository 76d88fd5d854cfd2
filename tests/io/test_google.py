"""Google's TensorFlow checkpoints: the stored outputs, also after conversions there and back.

One checkpoint lies here, its expected numbers trimmed; the others are in the folder that ALBERT_NP_DATA names.
"""

import contextlib
import os
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from reference import Reference

import albert_np as ab
from albert_np.apps.convert import convert

DATA = os.environ.get("ALBERT_NP_DATA")
HERE = Path(__file__).parent / "fixtures" / "google" / "tiny_partitioned"
STORED = "tiny_e_equals_h tiny_groups_2_inner_2 tiny_module_prefix tiny_partitioned tiny_two_shards unidic_lite".split()


def folders():
    yield pytest.param(HERE, id="tiny_partitioned")
    mark = pytest.mark.skipif(DATA is None, reason="ALBERT_NP_DATA is not set: not all Google checkpoints are here")
    for name in STORED:
        yield pytest.param(Path(DATA or "") / "weights" / "tf1" / name, id=f"whole {name}", marks=mark)


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


@pytest.mark.parametrize("folder", list(folders()))
def test_the_checkpoint_and_its_conversions(folder, tmp_path):
    form = "relu" if folder.name == "tiny_groups_2_inner_2" else "gelu_tanh"
    model = loaded(folder)
    reproduces(model, folder, form)
    said = pytest.warns(UserWarning, match="tanh form") if form == "gelu_tanh" else contextlib.nullcontext()
    with said:
        convert(folder, tmp_path / "hf")
    convert(tmp_path / "hf", tmp_path / "npz", to="npz")
    convert(tmp_path / "npz", tmp_path / "tf", to="tf")
    said = pytest.warns(UserWarning, match="tanh form") if form == "gelu_tanh" else contextlib.nullcontext()
    with said:
        convert(tmp_path / "tf", tmp_path / "again")
    for to in ("hf", "npz", "tf", "again"):
        again = loaded(tmp_path / to)
        assert np.array_equal(again.params.flat, model.params.flat), to
        assert again.config.hidden_act == model.config.hidden_act
        reproduces(again, folder, form)


def test_the_archive_as_google_packs_it(tmp_path):
    archive = tmp_path / "albert_tiny.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted(HERE.iterdir()):
            if file.name != "expected.npz":
                tar.add(file, f"albert_tiny/{file.name}")
    assert np.array_equal(loaded(archive).params.flat, loaded(HERE).params.flat)


def test_a_prefix_and_an_index_name_a_checkpoint():
    whole = loaded(HERE).params.flat
    for name in ("model.ckpt-1000", "model.ckpt-1000.index"):
        assert np.array_equal(loaded(HERE / name).params.flat, whole)


def test_gelu_beside_googles_weights_is_tanh():
    assert '"gelu"' in (HERE / "albert_config.json").read_text()
    with pytest.warns(UserWarning, match='"gelu" beside TensorFlow weights is the tanh form'):
        assert ab.AlbertForPreTraining.from_pretrained(HERE).config.hidden_act == "gelu_new"
