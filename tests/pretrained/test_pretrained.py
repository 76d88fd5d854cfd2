"""The model in the package: what its folder holds, how it is found and loaded, and that it has learned English."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab
from albert_np import pretrained
from albert_np.apps.cli import main
from albert_np.apps.fill_mask import fill_masks, load_masked_model
from albert_np.apps.mini_en import fill_blanks
from albert_np.io import sources
from albert_np.io.files import DataError, sha256
from albert_np.io.sources import hub

NAME = "albert-np-mini-en"
FOLDER = pretrained.get_folder(NAME)
FILES = {
    "README.md", "SHA256SUMS", "attribution.tsv", "card.json", "config.json", "model.safetensors", "run.json", "spiece.model",
    "tokenizer_config.json",
}  # fmt: skip
CLASSES = [
    ab.AlbertModel, ab.AlbertForPreTraining, ab.AlbertForMaskedLM, ab.AlbertForSequenceClassification,
    ab.AlbertForTokenClassification, ab.AlbertForQuestionAnswering, ab.AlbertForMultipleChoice,
    ab.AlbertForRelationClassification, ab.AlbertForTranslation,
]  # fmt: skip
EXAMPLES = [{"text": f"It was a {'fine' if i % 2 else 'poor'} film.", "label": "good" if i % 2 else "bad"} for i in range(8)]


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch):
    """The hub is never asked."""

    def refuse(name, *arguments):
        raise ConnectionError(f"the hub was asked for {name}")

    monkeypatch.setattr(hub, "fetch", refuse)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the folder, which takes its place in the package."""
    shutil.copytree(FOLDER, tmp_path / "pretrained" / NAME)
    monkeypatch.setattr(pretrained, "__file__", str(tmp_path / "pretrained" / "__init__.py"))
    return tmp_path / "pretrained" / NAME


# ---- the folder ----


def test_the_folder_is_whole_and_at_most_5_mb():
    assert {path.name for path in FOLDER.iterdir()} == FILES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 5e6
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    assert {name: digest for digest, name in map(str.split, lines)} == {
        name: sha256(FOLDER / name) for name in FILES - {"SHA256SUMS"}
    }


def test_it_is_a_plain_albert_in_int8():
    config = ab.AlbertConfig.from_pretrained(NAME)
    assert config.is_albert and config.hidden_act == "gelu_new" and config.sharing == "all"
    assert (config.num_hidden_groups, config.inner_group_num, config.fusion_layers) == (1, 1, ())
    model = ab.AlbertForMaskedLM.from_pretrained(NAME)
    assert model.params.count() < 4.4e6
    assert (FOLDER / "model.safetensors").stat().st_size < 1.1 * model.params.count()
    assert json.loads((FOLDER / "config.json").read_text())["compressed"] == "int8"


def test_the_card_agrees_with_the_files():
    card, text = json.loads((FOLDER / "card.json").read_text()), (FOLDER / "README.md").read_text()
    model = ab.AlbertForMaskedLM.from_pretrained(NAME)
    assert card["parameters"] == model.params.count() and f"{model.params.count():,} parameters" in text
    assert card["bytes"] == (FOLDER / "model.safetensors").stat().st_size
    for section in ("The text", "The training", "Scores", "Limits and biases", "Licence"):
        assert f"\n## {section}\n" in text
    licences = {line.split("\t")[1] for line in (FOLDER / "attribution.tsv").read_text().splitlines()[1:]}
    assert licences and not any(re.search(r"BY-|-SA|-NC|-ND", each) for each in licences)


def test_int8_costs_nothing_that_can_be_seen():
    measured = json.loads((FOLDER / "card.json").read_text())["measured"]
    exact, rounded = (measured[weights]["held_out"]["mean"]["loss"] for weights in ("float32", "int8"))
    assert rounded < 1.005 * exact


# ---- how it is found ----


@pytest.mark.parametrize("model", CLASSES, ids=lambda each: each.__name__)
@pytest.mark.filterwarnings("ignore:.*afresh", "ignore:.*left out")
def test_every_class_loads_it_by_name(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = model.from_pretrained(NAME)
    assert loaded.params.flat.dtype == np.float32
    word = ab.AlbertForMaskedLM.from_pretrained(NAME).params.embeddings.word
    assert np.array_equal(loaded.params.embeddings.word, word) and 0.01 < word.std() < 1


def test_tokenizer_config_embedder_and_vectors():
    tokenizer = ab.AlbertTokenizer.from_pretrained(NAME)
    assert len(tokenizer) == ab.AlbertConfig.from_pretrained(NAME).vocab_size
    assert tokenizer.model_max_length <= ab.AlbertConfig.from_pretrained(NAME).max_position_embeddings
    assert tokenizer.tokenize("The Doctor") == tokenizer.tokenize("the doctor")
    embedder = ab.Embedder.from_pretrained(NAME)
    cosines = embedder.similarity(["A dog runs.", "A puppy is running.", "Interest rates went up."])
    assert cosines[0, 1] > cosines[0, 2]


def test_int8_weights_can_be_trained():
    model, tokenizer = load_masked_model(NAME)
    batch = tokenizer("Water is wet.")
    loss, grads = model.loss_and_gradients(**batch, labels=batch["input_ids"])
    assert np.isfinite(loss) and grads.embeddings.word.any() and grads.groups[0].blocks[0].attention.query.w.any()
    exact = ab.AlbertForMaskedLM.from_pretrained(NAME, dtype="float64")
    assert exact(**batch).prediction_logits == pytest.approx(model(**batch).prediction_logits, abs=1e-3)


def test_a_folder_of_the_same_name_is_named_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = ab.AlbertConfig.preset("tiny", hidden_size=32, num_attention_heads=2)
    config.save_pretrained(tmp_path / NAME)
    with pytest.warns(UserWarning, match=rf"{NAME} is the model in the package; the folder .* is read as \./{NAME}"):
        assert ab.AlbertConfig.from_pretrained(NAME).hidden_size != 32
    assert ab.AlbertConfig.from_pretrained(f"./{NAME}").hidden_size == 32
    assert ab.AlbertConfig.from_pretrained(Path(NAME)).hidden_size == 32
    command = [sys.executable, "-m", "albert_np", "fill-mask", "A [MASK]."]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count(f"is read as ./{NAME}") == 1  # though config, tokenizer and weights are read
    shutil.rmtree(NAME)
    assert sources.kind(Path(NAME)) == "packaged"


def test_a_name_that_is_nearly_right():
    with pytest.raises(FileNotFoundError, match=f"did you mean '{NAME}'"):
        ab.AlbertTokenizer.from_pretrained("albert-np-mini")
    with pytest.raises(ConnectionError, match=f"asked for albert-mini-en; did you mean '{NAME}', which is part"):
        ab.AlbertModel.from_pretrained("albert-mini-en")
    for name in ("mini-en", "np_mini"):
        with pytest.raises(ConnectionError, match=f"asked for {name}; did you mean '{NAME}', which is part"):
            ab.AlbertModel.from_pretrained(name)
    with pytest.raises(ConnectionError, match=r"asked for albert/albert-base-v2$"):
        ab.AlbertModel.from_pretrained("albert-base-v2")


@pytest.mark.parametrize("file", ["model.safetensors", "spiece.model", "config.json"])
def test_a_damaged_file_is_one_clear_error(copied, fails, file):
    data = bytearray((copied / file).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / file).write_bytes(data)
    with pytest.raises(DataError, match=f"{file} is damaged.*install it again"):
        load_masked_model(NAME)
    assert f"{file} is damaged" in fails("fill-mask", "--quiet", "A [MASK].", code=1)
    (copied / file).unlink()
    with pytest.raises(DataError, match=f"{file} is missing.*install it again"):
        load_masked_model(NAME)


@pytest.mark.parametrize("file", ["run.json", "card.json"])
def test_damaged_facts_are_one_clear_error(copied, fails, tmp_path, file):
    (tmp_path / "text.txt").write_text("A cat. A dog.\n\n" * 20)
    command = (
        ["info", NAME] if file == "card.json" else ["pretrain", tmp_path / "text.txt", "--model", NAME, "--out", tmp_path / "o"]
    )
    for damage in ((copied / file).unlink, lambda: (copied / file).write_text("{}")):
        damage()
        error = fails(*command, code=1)
        assert f"the model {NAME} in the package is not whole" in error and file in error
    assert not (tmp_path / "o").exists()


def test_an_installation_without_it(copied, fails):
    shutil.rmtree(copied)
    assert f"the model {NAME} is missing in this installation" in fails("fill-mask", "--quiet", "A [MASK].", code=1)


# ---- what it is good for ----


def test_it_fills_everyday_blanks():
    blanks = fill_blanks.read_blanks(fill_blanks.HERE / "blanks.tsv")
    filled = fill_blanks.fill(*load_masked_model(NAME), blanks)
    assert filled["right_at_5"] >= 0.4 * len(blanks), filled["sentences"]


def test_fill_mask_uses_it(capsys):
    text = "There are seven days in a [MASK]."
    assert main(["fill-mask", text]) == 0
    captured = capsys.readouterr()
    best = fill_masks(*load_masked_model(NAME), text, 5)[0]
    assert [line.split()[-1] for line in captured.out.splitlines()] == [token for token, _ in best]
    assert captured.err.splitlines() == [
        f"albert-np: note: the model is {NAME}, which is part of the package; --model names another"
    ]
    assert main(["fill-mask", text, "--quiet"]) == 0 and capsys.readouterr().err == ""
    assert main(["fill-mask", text, "--model", NAME]) == 0 and capsys.readouterr().err == ""


LONG = "the cat sat on the mat and " * 20  # 140 tokens


def test_fill_mask_says_what_makes_its_answers_doubtful(capsys):
    def notes(text, *options):
        assert main(["fill-mask", text, "--model", NAME, *options]) == 0
        return capsys.readouterr().err

    trained = json.loads((FOLDER / "run.json").read_text())["settings"]["max_length"]
    assert f"tokens, and the model was trained on rows of at most {trained}: the answers may be poor" in notes(LONG + "[MASK]")
    assert "the vocabulary lacks 2 of 2 characters (100.0%), which become <unk>: 医 (1), 生 (1)" in notes("医[MASK]生")
    assert notes(LONG + "医 [MASK]", "--quiet") == notes(LONG + "医 [MASK]", "--json") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Drink more [mask].", "in 'Drink more [mask].': write [MASK] instead of [mask]"),
        ("Drink more <mask>.", "write [MASK] instead of <mask>"),
        ("Drink more ___.", "write [MASK] instead of ___"),
        ("Drink more water.", "there is no [MASK] in 'Drink more water.'"),
        (LONG * 2 + "[MASK]", "tokens, and the model takes 256: shorten the text"),
    ],
)
def test_a_text_that_cannot_be_filled(fails, text, said):
    error = fails("fill-mask", text)
    assert said in error and len(error) < 200


def test_rows_longer_than_those_of_its_training_are_noted(capsys):
    from albert_np.training import Callback

    longest = json.loads((FOLDER / "card.json").read_text())["longest"]
    said = f"1 of 2 texts has more than {longest} tokens, the longest rows that the model was trained on"
    with pytest.warns(UserWarning, match=said):
        ab.Embedder.from_pretrained(NAME).encode([LONG, "A cat."])
    lines = []
    report = Callback()
    report.note = lines.append
    given = [*EXAMPLES, {"text": LONG, "label": "good"}]
    ab.finetune("classification", given, epochs=1, report=report, options={"max_length": longest + 8})
    said = f"1 of 9 training examples has more than {longest} tokens in a row, and the initial model was trained on at most"
    assert [line for line in lines if line.startswith(said)]
    lines.clear()
    ab.finetune("classification", given, epochs=1, report=report, options={"max_length": longest})
    assert not [line for line in lines if "in a row" in line]


def test_info_prints_the_card(capsys):
    assert main(["info", NAME, "--quiet"]) == 0
    shown = capsys.readouterr().out
    for name in ("about", "text", "training", "scores", "limits", "licence"):
        assert f"\n{name:10} " in shown
    assert main(["info", NAME, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["card"]["name"] == NAME


def test_finetune_starts_from_it_and_says_so(tmp_path, capsys):
    from albert_np.training import Callback

    lines = []
    report = Callback()
    report.note = lines.append
    done = ab.finetune("classification", EXAMPLES, out=tmp_path / "own", epochs=1, report=report)
    assert lines[0] == f"neither `model` nor `config` is given: training starts from {NAME}, the English model in the package"
    assert done.trained.about["start"] == NAME
    assert json.loads((tmp_path / "own" / "run.json").read_text())["arguments"]["model"] == NAME
    config = json.loads((tmp_path / "own" / "config.json").read_text())
    assert config["model_type"] == "albert" and "compressed" not in config
    again = ab.finetune("classification", EXAMPLES, out=tmp_path / "own", epochs=1, resume=True, report=Callback())
    assert np.array_equal(again.trained.model.params.flat, done.trained.model.params.flat)

    rows = "".join(f"{each['text']}\t{each['label']}\n" for each in EXAMPLES)
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + rows)
    given = ["finetune", "classification", "--train", str(tmp_path / "train.tsv"), "--epochs", "1"]
    assert main([*given, "--out", str(tmp_path / "cli")]) == 0
    assert f"neither --model nor --config is given: training starts from {NAME}" in capsys.readouterr().err
    assert (tmp_path / "cli" / "model.safetensors").read_bytes() == (tmp_path / "own" / "model.safetensors").read_bytes()


def test_from_scratch_takes_its_sizes_and_its_vocabulary():
    from albert_np.training import Callback

    lines = []
    report = Callback()
    report.note = lines.append
    done = ab.finetune("classification", EXAMPLES, from_scratch=True, epochs=1, report=report)
    assert lines[0] == f"neither `model` nor `config` is given: a new model with the sizes and the vocabulary of {NAME}"
    word = ab.AlbertForMaskedLM.from_pretrained(NAME).params.embeddings.word
    assert done.trained.model.params.embeddings.word.shape == word.shape
    assert np.abs(done.trained.model.params.embeddings.word - word).max() > 0.1


def test_pretraining_goes_on_from_it_as_it_was_trained(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("\n\n".join(f"Day {i}. The sun rises in the east. Birds sing." for i in range(60)))
    command = ["pretrain", tmp_path / "text.txt", "--model", NAME, "--out", tmp_path / "run", "--steps", 1, "--held-out", 0.2]
    assert main(list(map(str, [*command, "--tokens-per-batch", 256]))) == 0
    said, settings = capsys.readouterr().err, json.loads((FOLDER / "run.json").read_text())["settings"]
    assert f"as {NAME} was trained: objective {settings['objective']}" in said and f"max_length {settings['max_length']}" in said
    assert "initialised afresh" not in said  # heads for sentence pairs, which this objective does not use


def test_commands_that_need_a_task_say_what_to_do(fails):
    assert f"fine-tune it first, finetune ner with --model {NAME}" in fails("predict", "ner", "--model", NAME, "x")
    error = fails("predict", "zero-shot", "--labels", "a,b", "--model", NAME, "x")
    assert "pairs of texts labelled entailment" in error and f"finetune classification with --model {NAME}" in error


def test_the_estimators_of_scikit_learn_take_its_name():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be tested")
    from albert_np.sklearn import AlbertClassifier, AlbertVectorizer

    texts, labels = [each["text"] for each in EXAMPLES], [each["label"] for each in EXAMPLES]
    assert AlbertVectorizer(NAME).fit_transform(texts).shape == (8, ab.AlbertConfig.from_pretrained(NAME).hidden_size)
    classifier = AlbertClassifier(NAME, epochs=1, random_state=0).fit(texts, labels)
    assert classifier.predict(texts[:1])[0] in labels and os.sep not in classifier.trained_.about["start"]
