"""The command line with models from elsewhere, without the head that is needed, and with a vocabulary of another size."""

import json
import warnings
from pathlib import Path

import pytest

import albert_np as ab
from albert_np.apps.cli import main
from albert_np.apps.serve.services import open_service
from albert_np.text import AlbertTokenizer, train_tokenizer

LINES = [f"{who} is in {where} ." for who in "Anna Bela Carl Dora".split() for where in "Paris Rome Oslo Lima".split()]
SIZES = dict(embedding_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=20,
             max_position_embeddings=64, initializer_range=0.5)  # fmt: skip
CLASSIFIER, TAGGER, READER = "AlbertForSequenceClassification", "AlbertForTokenClassification", "AlbertForQuestionAnswering"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return AlbertTokenizer(train_tokenizer(LINES, tmp_path_factory.mktemp("v") / "spiece.model", 29))


@pytest.fixture
def saved(tmp_path, tokenizer):
    """A function: a class, extra rows of the model -> its folder as transformers 5 saves it."""

    def save(name, rows=0, **fields):
        folder = tmp_path / f"{name}{rows}"
        config = ab.AlbertConfig(**SIZES, vocab_size=len(tokenizer) + rows, **fields)
        getattr(ab, name)(config, seed=2).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "spiece.model").unlink()
        return str(folder)

    return save


def run(capsys, *arguments, code=0):
    """Run a command -> (stdout, stderr)."""
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main([str(a) for a in arguments]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def refused(capsys, *arguments):
    """Run a command that must end in an error, after notes on what was read -> the error's line."""
    out, err = run(capsys, *arguments, code=2)
    *notes, line = err.splitlines()
    assert out == "" and line.startswith("albert-np: ") and not line.startswith("albert-np: note: ")
    assert not [note for note in notes if note.startswith("albert-np: ") and not note.startswith("albert-np: note: ")]
    return line


def test_every_command_takes_a_folder_of_transformers(saved, capsys, tmp_path):
    classifier, labels = saved(CLASSIFIER, id2label={0: "cold", 1: "warm"}), {0: "O", 1: "PER"}
    out, err = run(capsys, "predict", "classification", "--model", classifier, "--json", LINES[0])
    assert set(json.loads(out)["probabilities"]) == {"cold", "warm"}
    said = f"{classifier}: no task.json: classification with the labels cold, warm (from config.json)"
    assert err == f"albert-np: note: {said}\n"
    (tmp_path / "x.tsv").write_text(f"text\tlabel\n{LINES[0]}\t0\n{LINES[1]}\t1\n")
    assert len(run(capsys, "predict", "classification", "--model", classifier, "--file", tmp_path / "x.tsv")[0].splitlines()) == 2
    out, err = run(capsys, "evaluate", "classification", tmp_path / "x.tsv", "--model", classifier)
    assert "accuracy" in out and err.count("the labels are ids of the model's labels: 0 as cold, 1 as warm") == 1
    out, _ = run(capsys, "predict", "ner", "--model", saved(TAGGER, id2label=labels), "--json", LINES[0])
    assert {entity["type"] for entity in json.loads(out)["entities"]} <= {"PER"}
    (tmp_path / "context.txt").write_text(LINES[0])
    out, _ = run(capsys, "ask", "--model", saved(READER), "--context", tmp_path / "context.txt", "--json", "Where is Anna?")
    assert json.loads(out)["text"]
    with pytest.warns(UserWarning, match=r"no task\.json"):
        assert open_service(classifier).name == "classification"


def test_compress_and_convert_keep_the_task(saved, capsys, tmp_path):
    classifier = saved(CLASSIFIER, id2label={0: "cold", 1: "warm"})
    (tmp_path / "x.tsv").write_text(f"text\tlabel\n{LINES[0]}\tcold\n{LINES[1]}\twarm\n")
    compressed = ["--out", tmp_path / "small", "--weights", "float16", "--dev", tmp_path / "x.tsv"]
    assert "accuracy" in run(capsys, "compress", "--model", classifier, *compressed)[0]
    run(capsys, "convert", tmp_path / "small", tmp_path / "plain", "--to", "hf")
    answers = []
    for folder in (tmp_path / "small", tmp_path / "plain"):
        out, err = run(capsys, "predict", "classification", "--model", folder, "--json", LINES[0])
        assert err == ""  # both have a task.json
        answers.append(json.loads(out))
    assert answers[0]["label"] == answers[1]["label"]
    stored = json.loads((tmp_path / "small" / "task.json").read_text())
    assert json.loads((tmp_path / "plain" / "task.json").read_text()) == stored


def test_compress_without_examples_needs_neither_task_nor_tokenizer(saved, capsys, tmp_path):
    classifier = saved(CLASSIFIER, id2label={0: "cold", 1: "warm"})
    (tmp_path / f"{CLASSIFIER}0" / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    run(capsys, "compress", "--model", classifier, "--out", tmp_path / "small", "--weights", "int8")
    (tmp_path / "tokenizer.json").rename(tmp_path / "small" / "tokenizer.json")
    out, err = run(capsys, "predict", "classification", "--model", tmp_path / "small", "--json", LINES[0])
    assert set(json.loads(out)["probabilities"]) == {"cold", "warm"} and "with the labels cold, warm" in err


@pytest.mark.parametrize("name, held, way_out", [
    (CLASSIFIER, "pooler, a head for classification", "it answers with albert-np predict classification --model"),
    (TAGGER, "a head for classification", "it answers with albert-np predict ner --model"),
    (READER, "a head for question answering", "it answers with albert-np predict question-answering --model"),
    ("AlbertModel", "pooler", "name the pretrained model"),
])  # fmt: skip
def test_fill_mask_and_serve_never_answer_from_a_random_head(saved, capsys, name, held, way_out):
    folder = saved(name)
    line = refused(capsys, "fill-mask", "--model", folder, "Anna is in [MASK] .")
    assert f"no weights for the masked-language-model head (beside the body it holds {held}): a new head would" in line
    assert way_out in line
    if name == "AlbertModel":
        with pytest.raises(ValueError, match="no weights for the masked-language-model head"):
            open_service(folder)


def test_a_class_without_a_task_is_named(saved, capsys):
    folder = Path(saved(CLASSIFIER))
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "architectures": ["AlbertForNextSentencePrediction"]}))
    line = refused(capsys, "fill-mask", "--model", folder, "Anna is in [MASK] .")
    assert line.endswith("its config names the class 'AlbertForNextSentencePrediction', for which there is no task here")


@pytest.mark.parametrize("name", ["AlbertModel", "AlbertForMaskedLM", "AlbertForPreTraining"])
@pytest.mark.parametrize("task", ["classification", "ner", "translation"])
def test_predict_never_answers_from_a_random_head(saved, capsys, name, task):
    folder = saved(name)
    line = refused(capsys, "predict", task, "--model", folder, LINES[0])
    assert f"({name}) without the head of a task: fine-tune it first, finetune {task} with --model {folder}" in line


def test_a_model_whose_config_names_no_class(saved, capsys, tmp_path):
    """As in Google's checkpoints: the command names the task."""
    run(capsys, "convert", saved(CLASSIFIER, id2label={0: "cold", 1: "warm"}), tmp_path / "google", "--to", "tf")
    out, err = run(capsys, "predict", "classification", "--model", tmp_path / "google", "--json", LINES[0])
    assert set(json.loads(out)["probabilities"]) == {"cold", "warm"} and err.count("tanh form") == 1
    line = refused(capsys, "fill-mask", "--model", tmp_path / "google", "Anna is in [MASK] .")
    assert line.endswith("so name its task: albert-np predict TASK, or serve --task TASK")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert open_service(str(tmp_path / "google"), "classification").name == "classification"


def test_a_trained_folder_without_its_head_is_refused(saved, capsys, tmp_path):
    folder = saved("AlbertModel")
    task = {"task": "classification", "options": {"kind": "classes", "labels": ["a", "b"]}}
    (tmp_path / "AlbertModel0" / "task.json").write_text(json.dumps(task))
    assert "no weights for the task's head" in refused(capsys, "predict", "classification", "--model", folder, LINES[0])
    assert "it answers with albert-np predict classification" in refused(capsys, "fill-mask", "--model", folder, "[MASK]")


def test_a_larger_vocabulary_than_the_models_is_one_sentence_in_every_command(saved, capsys, tmp_path):
    (tmp_path / "x.tsv").write_text(f"text\tlabel\n{LINES[0]}\ta\n{LINES[1]}\tb\n")
    (tmp_path / "context.txt").write_text("\n".join(LINES) + "\n")
    classifier, masked = saved(CLASSIFIER, -3), saved("AlbertForMaskedLM", -3)
    reader, translator, text = saved(READER, -3), saved("AlbertForTranslation", -3), tmp_path / "context.txt"
    config = tmp_path / "AlbertForMaskedLM-3" / "config.json"
    for command in (
        ["fill-mask", "--model", masked, "Anna is in [MASK] ."],
        ["predict", "classification", "--model", classifier, LINES[0]],
        ["evaluate", "classification", tmp_path / "x.tsv", "--model", classifier],
        ["ask", "--model", reader, "--context", text, "Where is Anna?"],
        ["translate", "--model", translator, LINES[0]],
        ["serve", "--model", classifier, "--port", "0"],
        ["serve", "--model", masked, "--port", "0"],
        ["finetune", "classification", "--model", masked, "--train", tmp_path / "x.tsv", "--out", tmp_path / "o"],
        [
            "finetune",
            "classification",
            "--model",
            masked,
            "--from-scratch",
            "--train",
            tmp_path / "x.tsv",
            "--out",
            tmp_path / "o",
        ],
        ["compress", "--model", classifier, "--out", tmp_path / "p", "--weights", "int8"],
        ["compress", "--model", masked, "--out", tmp_path / "q", "--weights", "int8", "--examples", text],
        ["pretrain", text, "--config", config, "--tokenizer", masked, "--out", tmp_path / "r", "--max-length", "16"],
    ):
        line = refused(capsys, *command)
        assert "the tokenizer has 29 pieces, but the model's vocab_size is 26: this is not the tokenizer that" in line, command


def test_a_padded_vocabulary_just_works(saved, capsys, tmp_path, tokenizer):
    """The model has 40 rows more than the tokenizer pieces; only pieces are answers."""
    masked = saved("AlbertForMaskedLM", 40)
    out, err = run(capsys, "fill-mask", "--model", masked, "--json", "--top-k", "69", "Anna is in [MASK] .")
    assert err == "" and len(json.loads(out)["masks"][0]) == len(tokenizer)
    service = open_service(masked)
    (answer,) = service.answers([service.parse({"text": "Anna is in [MASK] .", "top_k": 50})])
    assert len(answer["masks"][0]) == len(tokenizer)
    (tmp_path / "pairs.tsv").write_text("".join(f"{line}\t{line.lower()}\n" for line in LINES))
    run(capsys, "finetune", "translation", "--model", masked, "--train", tmp_path / "pairs.tsv", "--dev", tmp_path / "pairs.tsv",
        "--epochs", "1", "--out", tmp_path / "o", "--quiet")  # fmt: skip
    for beams in ("1", "3"):
        run(capsys, "translate", "--model", tmp_path / "o", "--beams", beams, *LINES)
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{line} {other}\n\n" for line in LINES for other in LINES))
    config = tmp_path / "AlbertForMaskedLM40" / "config.json"
    run(capsys, "pretrain", text, "--config", config, "--tokenizer", masked, "--steps", "2",
        "--max-length", "24", "--out", tmp_path / "p", "--quiet")  # fmt: skip
    assert ab.AlbertConfig.from_pretrained(tmp_path / "p").vocab_size == len(tokenizer) + 40
    assert len(run(capsys, "fill-mask", "--model", tmp_path / "p", "Anna is in [MASK] .")[0].splitlines()) == 5
