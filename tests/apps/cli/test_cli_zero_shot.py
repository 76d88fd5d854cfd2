"""The command line of zero-shot: from pairs of inference to labels that the model was not trained on, and its errors."""

import io
import json
import sys
import warnings

import pytest

import albert_np as ab
from albert_np.apps.cli import main

PEOPLE, PLACES = "Anna Bela Carl Dora Emil".split(), "Paris Rome Oslo Lima".split()
SMALL = (
    "--config tiny --vocab-size 120 --num-hidden-layers 2 --hidden-size 32 --intermediate-size 32 --tokens-per-batch 256 "
    "--initializer-range 0.4".split()
)
TOPICS = {"Paris": "cold", "Oslo": "cold", "Rome": "warm", "Lima": "warm"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pairs of inference; texts with their labels; texts alone; a classifier of single texts."""
    folder = tmp_path_factory.mktemp("files")
    said = [(f"{who} is in {where}.", TOPICS[where]) for who in PEOPLE for where in PLACES]
    pairs = ["sentence1\tsentence2\tlabel"]
    for text, topic in said:
        other = "warm" if topic == "cold" else "cold"
        pairs += [f"{text}\tThis example is {topic}.\tentailment", f"{text}\tThis example is {other}.\tcontradiction"]
    (folder / "nli.tsv").write_text("\n".join(pairs) + "\n")
    (folder / "topics.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{topic}\n" for text, topic in said))
    (folder / "texts.txt").write_text("".join(text + "\n" for text, _ in said[:3]) + "\n")
    for name, file in (("nli", "nli.tsv"), ("single", "topics.tsv")):
        command = ["finetune", "classification", "--train", folder / file, "--out", folder / name, "--epochs", "1", "--quiet"]
        assert main([str(a) for a in [*command, *SMALL]]) == 0
    return folder


def run(capsys, *arguments):
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr()


def test_labels_of_a_repeated_option_are_all_meant(files, capsys):
    command = ["predict", "zero-shot", "--model", files / "nli", "--json", "Anna is in Rome."]
    for labels in (["a", "b,c"], ['["a", "b"]', "c"], ["a,b,c"]):
        (line,) = run(capsys, *command, *[word for each in labels for word in ("--labels", each)]).out.splitlines()
        assert set(json.loads(line)["probabilities"]) == {"a", "b", "c"}
    assert main([str(a) for a in [*command, "--labels", "a", "--labels", "a"]]) == 2
    assert "--labels: 'a' is given twice" in capsys.readouterr().err


def test_texts_a_file_and_lines(files, capsys, monkeypatch):
    texts = ["Anna is in Rome.", "Dora is in Oslo."]
    command = ["predict", "zero-shot", "--model", files / "nli", "--labels", "warm, cold"]
    expected = ab.Trained.from_pretrained(files / "nli").zero_shot(texts, ["warm", "cold"])
    found = [json.loads(line) for line in run(capsys, *command, "--json", *texts).out.splitlines()]
    assert found == expected and [list(each) for each in found] == [["text", "label", "probabilities"]] * 2
    for line, answer in zip(run(capsys, *command, *texts).out.splitlines(), expected, strict=True):
        (first, p), (second, q) = answer["probabilities"].items()
        assert line == f"{first} {p:.2f}, {second} {q:.2f}\t{answer['text']}" and p >= q
    printed = run(capsys, *command, "--file", files / "texts.txt")
    assert len(printed.out.splitlines()) == 3 and "1 blank, left out" in printed.err
    monkeypatch.setattr(sys, "stdin", io.StringIO("Anna is in Rome.\n\nDora is in Oslo.\n"))
    lines = run(capsys, *command, "--quiet", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert len(run(capsys, *command, "--file", files / "topics.tsv").out.splitlines()) == 20


def test_several_labels_and_labels_with_commas(files, capsys):
    trained, text = ab.Trained.from_pretrained(files / "nli"), "Anna is in Rome."
    command = ["predict", "zero-shot", "--model", files / "nli", "--json"]
    found = json.loads(run(capsys, *command, "--labels", '["warm", "warm, or hot"]', "--multi-label", text).out)
    assert [found] == trained.zero_shot(text, ["warm", "warm, or hot"], multi_label=True) and isinstance(found["label"], list)
    found = json.loads(run(capsys, *command, "--labels", "warm,cold", "--template", "It is {} there.", text).out)
    assert [found] == trained.zero_shot(text, ["warm", "cold"], template="It is {} there.")
    assert [found] != trained.zero_shot(text, ["warm", "cold"]), "the template counts"


def test_a_file_is_scored(files, capsys):
    command = ["evaluate", "zero-shot", "--model", files / "nli", "--labels", "warm,cold", files / "topics.tsv"]
    printed = run(capsys, *command)
    assert "the commonest label" in printed.out and "20 examples; 2 classes: cold (10), warm (10)" in printed.err
    scores = json.loads(run(capsys, *command, "--json").out)
    (found,), (baselines,) = scores["scores"].values(), scores["baselines"].values()
    rows = [line.split("\t") for line in (files / "topics.tsv").read_text().splitlines()[1:]]
    answers = ab.Trained.from_pretrained(files / "nli").zero_shot([text for text, _ in rows], "warm,cold")
    assert found["accuracy"] == sum(each["label"] == label for each, (_, label) in zip(answers, rows)) / 20
    assert baselines["the commonest label"]["accuracy"] == 0.5


def test_errors_are_one_line(files, fails, tmp_path):
    nli = ["predict", "zero-shot", "--model", files / "nli"]
    text = "Anna is in Rome."
    assert fails(*nli, text) == "albert-np: zero-shot needs the labels to choose from: --labels"
    assert fails(*nli, "--labels", "a,b,a", text).endswith("--labels: 'a' is given twice")
    assert fails(*nli, "--labels", "a,", text).endswith("--labels: number 2 of 2 is empty")
    assert "--template: expected a sentence with one {}" in fails(*nli, "--labels", "a", "--template", "b", text)
    assert "--option labels is given twice" in fails(*nli, "--labels", "a", "-o", "labels=b", text)
    assert "there is no text to answer" in fails(*nli, "--labels", "a", " ")
    assert "option entailment must be one of the model's labels, contradiction, entailment, or its index, not 'x'" in fails(
        *nli, "--labels", "a", "-o", "entailment=x", text
    )
    single = ["zero-shot", "--model", files / "single", "--labels", "a,b"]
    assert "the model was trained on single texts, and zero-shot needs one trained on pairs" in fails("predict", *single, text)
    assert "the model was trained on single texts" in fails("evaluate", *single, files / "topics.tsv")
    assert "cannot be chosen, warm: --labels has cold, x" in fails(
        "evaluate", "zero-shot", "--model", files / "nli", "--labels", "cold,x", files / "topics.tsv"
    )
    assert "classification has no option 'template'" in fails(
        "predict", "classification", "--model", files / "nli", "--template", "{}", text
    )
    assert "zero-shot is not trained: finetune classification on pairs" in fails(
        "finetune", "zero-shot", "--train", files / "nli.tsv", "--config", "tiny", "--out", tmp_path / "x"
    )


def test_a_folder_whose_labels_have_no_names(files, tmp_path, capsys):
    given = ab.Trained.from_pretrained(files / "nli")
    config = given.model.config.replace(id2label=None)
    ab.AlbertForSequenceClassification(config, seed=0).save_pretrained(tmp_path)
    given.tokenizer.save_pretrained(tmp_path)
    command = ["predict", "zero-shot", "--model", tmp_path, "--labels", "warm,cold", "Anna is in Rome."]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main([str(a) for a in command]) == 2
        note, error = capsys.readouterr().err.splitlines()
        assert "no task.json: classification with the labels LABEL_0, LABEL_1" in note
        assert error.endswith("if one of its labels means entailment, name it, -o entailment=NAME")
        assert len(run(capsys, *command, "-o", "entailment=LABEL_1").out.splitlines()) == 1
