"""The command line on published weights: convert, info, notices."""

import json
import subprocess
import sys

import pytest

from albert_np.apps.cli import main


@pytest.fixture
def google(tmp_path):
    """A small Google checkpoint, made by converting a model of ours."""
    import albert_np as ab
    from albert_np.apps.convert import convert

    sizes = dict(
        vocab_size=37, embedding_size=6, hidden_size=10, num_hidden_layers=2, num_attention_heads=2, intermediate_size=14,
        max_position_embeddings=16,
    )  # fmt: skip
    ab.AlbertForPreTraining(ab.AlbertConfig(**sizes), seed=4).save_pretrained(tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "google", to="tf")
    return tmp_path / "google"


@pytest.mark.filterwarnings("ignore:.*tanh form")
def test_convert_and_info(google, tmp_path, capsys, fails):
    assert main(["convert", str(google), str(tmp_path / "back"), "--dtype", "float16", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["from"], done["to"], done["dtype"], done["heads"]) == ("tf", "hf", "float16", ["pooler", "mlm", "sop"])
    assert main(["info", str(tmp_path / "back"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"]["format"] == "safetensors" and found["weights"]["dtype"] == "float16" and found["tokenizer"] is None
    assert found["config"]["hidden_act"] == "gelu_new" and found["parameters"] == done["parameters"]
    assert main(["info", str(google)]) == 0
    shown = capsys.readouterr().out
    assert "heads: pooler, mlm, sop" in shown and "hidden_act gelu_new" in shown and "none beside the weights" in shown
    assert "not an empty folder" in fails("convert", google, tmp_path / "back")
    assert "expected one of hf, tf, npz, onnx, got 'h5'" in fails("convert", google, tmp_path / "other", "--to", "h5")
    assert not (tmp_path / "other").exists()
    assert "there is no file or folder" in fails("convert", tmp_path / "nothing", tmp_path / "other")


def test_a_notice_is_one_line_for_people(google):
    ran = subprocess.run(
        [sys.executable, "-m", "albert_np", "info", str(google), "-q"], capture_output=True, text=True, check=True
    )
    assert ran.stderr.startswith("albert-np: note: ") and ran.stderr.count("\n") == 1 and "tanh form" in ran.stderr


def test_info_of_weights_without_a_config(google, tmp_path, capsys, fails):
    (google / "albert_config.json").unlink()
    for path in (google, google / "model.ckpt.index"):
        assert main(["info", str(path), "--json"]) == 0
        tensors = json.loads(capsys.readouterr().out)["tensors"]
        assert {"name": "bert/embeddings/word_embeddings", "shape": [37, 6], "dtype": "float32"} in tensors
    (tmp_path / "damaged.bin").write_bytes(b"nothing that torch would write")
    assert "damaged.bin" in fails("info", tmp_path / "damaged.bin", code=1)
