"""Libraries that are not needed to compute can be missing: one at a time, and all together, as in a browser."""

import lzma
import subprocess
import sys

import pytest

OPTIONAL = ["rich", "typer", "matplotlib", "lzma", "threadpoolctl", "sentencepiece", "safetensors"]
PROGRAM = """
import sys, warnings
for name in {missing!r}:
    sys.modules[name] = None
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "the figures in .* could not be drawn: .*matplotlib")
import albert_np as ab
from albert_np import data, gradcheck, learn, models, tasks, text, training, metrics, compress

tokenizer = ab.AlbertTokenizer.from_pretrained({model!r})
model = ab.AlbertForMaskedLM.from_pretrained({model!r})
batch = tokenizer("the capital of france is [MASK] , the saint 's city .")
(row, at), = zip(*(batch["input_ids"] == tokenizer.mask_token_id).nonzero())
logits = model(**batch).prediction_logits[row, at]
assert len(tokenizer.convert_ids_to_tokens(logits.argsort()[-5:])) == 5
model.save_pretrained("saved")
tokenizer.save_pretrained("saved")
again = ab.AlbertForMaskedLM.from_pretrained("saved")
assert (again(**batch).prediction_logits[row, at] == logits).all()

with open("text.txt", "w") as file:
    for i in range(60):
        file.write(f"The miller walks to the river. He counts {{i}} boats there.\\n\\n")
config = ab.AlbertConfig(
    vocab_size=len(tokenizer), embedding_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=32,
)
settings = training.Settings(steps=3, max_length=32, tokens_per_batch=128, held_out=0.1, checkpoint_every=2)
model = ab.AlbertForPreTraining(config, seed=0)
corpus = training.prepare_data(["text.txt"], "corpus", config, settings, tokenizer)
ab.pretrain(model, corpus, "run", settings, tokenizer)
assert ab.AlbertForPreTraining.from_pretrained("run").config.hidden_size == 16
ab.pretrain(ab.AlbertForPreTraining(config, seed=0), corpus, "run", settings.replace(steps=3), tokenizer, resume=True)

assert all(report.passed for report in gradcheck.everything(names=["linear", "layer_norm", "cross_entropy"]))
assert learn.check(learn.solution("linear")).passed
print("done", sorted(name for name in {missing!r} if sys.modules[name] is not None))
"""


def run(missing, tmp_path, program=PROGRAM):
    code = program.format(missing=missing, model="albert-np-mini-en")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=300)


@pytest.mark.parametrize("missing", [*([name] for name in OPTIONAL), OPTIONAL], ids=lambda names: "+".join(names))
def test_without_a_library_everything_computes(missing, tmp_path):
    result = run(missing, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("done []\n")
    if "rich" in missing:
        assert "step 3/3 loss " in result.stderr and "held-out: MLM loss " in result.stderr
    assert ("texts are encoded in plain Python" in result.stderr) == ("sentencepiece" in missing)


def test_a_vocabulary_cannot_be_trained_without_sentencepiece(monkeypatch, tmp_path):
    from albert_np.text import train_tokenizer

    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ImportError, match=r"needs the sentencepiece library: pip install sentencepiece\. There is none"):
        train_tokenizer(["a line"], tmp_path / "spiece.model", 100)
    assert list(tmp_path.iterdir()) == []


def test_a_file_packed_by_xz_is_named_where_it_cannot_be_unpacked(monkeypatch, tmp_path):
    from albert_np.data import xz
    from albert_np.data.documents import TextFile
    from albert_np.data.formats.lines import read_bytes
    from albert_np.io.files import DataError

    path = tmp_path / "text.txt.xz"
    path.write_bytes(lzma.compress(b"a line\n"))
    assert read_bytes(path) == b"a line\n"
    monkeypatch.setattr(xz, "LZMAFile", None)
    for read in (read_bytes, lambda path: list(TextFile(path).lines())):
        with pytest.raises(DataError, match=r"text\.txt\.xz is packed by xz, which this Python cannot unpack"):
            read(path)


def test_the_lines_of_a_run_without_rich(capsys, monkeypatch):
    from albert_np.training import line_progress
    from albert_np.training.progress import Progress, open_display

    assert isinstance(open_display(), Progress)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    display = open_display()
    assert isinstance(display, line_progress.LineProgress)
    now = [0.0]
    monkeypatch.setattr(line_progress.time, "monotonic", lambda: now[0])
    display.start(0, 4)
    for step, loss in ((1, 2.5), (2, 2.0), (3, None), (4, 1.0)):
        display.step({"step": step, "loss": loss})
        now[0] += 6
    display.evaluation({"epoch": 1, "accuracy": 0.5})
    now[0] += 10
    display.encoding(1, 4)
    assert capsys.readouterr().err.splitlines() == [
        "step 1/4 loss 2.500", "step 3/4 loss is not a number", "step 4/4 loss 1.000", "epoch 1: accuracy 0.5000", "encoding 25%",
    ]  # fmt: skip
