"""Multiple choice at the command line, from RACE's folders to answers: finetune, resume, evaluate, predict."""

import io
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

import albert_np as ab
from albert_np.apps.cli import main

SMALL = (
    "--config tiny --vocab-size 90 --num-hidden-layers 1 --hidden-size 32 --intermediate-size 32 --tokens-per-batch 512".split()
)
PEOPLE, PLACES = "Anna Bela Carl Dora".split(), "Paris Rome Oslo Lima".split()


@pytest.fixture(scope="module")
def race(tmp_path_factory):
    """A folder like RACE's: train and dev, each with middle and high."""
    folder = tmp_path_factory.mktemp("race") / "RACE"
    for part, count in (("train", 8), ("dev", 4)):
        for level in ("middle", "high"):
            (folder / part / level).mkdir(parents=True)
            for i in range(count):
                who, where = PEOPLE[i % 4], PLACES[(i // 4 + i) % 4]
                value = {
                    "article": f"{who} is in {where}.\nIt is warm.", "id": f"{level}{i}.txt",
                    "questions": [f"{who} is in _ .", f"Is {who} here?"], "answers": ["ABCD"[PLACES.index(where)], "B"],
                    "options": [PLACES, ["It is.", f"{where} is warm.", "a", "b"]],
                }  # fmt: skip
                (folder / part / level / f"{i}.txt").write_text(json.dumps(value))
    return folder


@pytest.fixture(scope="module")
def model(race, tmp_path_factory):
    """The folder of a model trained on it for two epochs."""
    out = tmp_path_factory.mktemp("models") / "race"
    given = ["--train", str(race / "train"), "--dev", str(race / "dev"), "--out", str(out), "--epochs", "2"]
    assert main(["finetune", "multiple-choice", *given, *SMALL]) == 0
    return str(out)


def printed(capsys, *arguments):
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr()


def test_race_s_groups_are_scored_beside_baselines(race, model, capsys):
    found = printed(capsys, "evaluate", "multiple-choice", "--model", model, race / "dev")
    rows = [line.split() for line in found.out.splitlines()]
    assert [row[:-3] for row in rows[1:]] == [["accuracy"], ["accuracy", "RACE-H"], ["accuracy", "RACE-M"], ["total"]]
    assert "the commonest position" in found.out and "the longest choice" in found.out
    assert "RACE, 8 files in middle and high, 4 choices; context = article" in found.err
    full = json.loads(printed(capsys, "evaluate", "multiple-choice", "--model", model, race / "dev", "--json").out)
    scores = full["scores"][str(race / "dev")]
    assert scores["total"] == 16 and scores["accuracy"] == (scores["accuracy RACE-H"] + scores["accuracy RACE-M"]) / 2


def test_all_choices_are_printed(model, race, tmp_path, capsys, monkeypatch):
    command = ("predict", "multiple-choice", "--model", model)
    asked = '{"context": "Anna is in Rome.", "question": "Anna is in _ .", "choices": ["Rome", "Oslo", "Lima"]}'
    lines = printed(capsys, *command, "Where is it?\tRome\tOslo", asked).out.splitlines()
    assert [line[:3].strip(" *") for line in lines] == ["Whe", "A", "B", "Ann", "A", "B", "C"]
    assert sum(line.startswith("* ") for line in lines) == 2
    answer = json.loads(printed(capsys, *command, "--json", asked).out)
    assert answer["choices"][answer["index"]]["text"] == answer["answer"] and len(answer["choices"]) == 3
    assert sum(choice["probability"] for choice in answer["choices"]) == pytest.approx(1)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"Why?\ta\tb\n\n{asked}\n"))
    assert len(printed(capsys, *command, "--json").out.splitlines()) == 2
    (tmp_path / "lines.txt").write_text("Why?\ta\tb\nHow?\ta\tb\tc\n")
    assert printed(capsys, *command, "--file", tmp_path / "lines.txt").out.count("?") == 2
    of_folder = [json.loads(line) for line in printed(capsys, *command, "--file", race / "dev", "--json").out.splitlines()]
    assert len(of_folder) == 16 and of_folder[0]["id"] == "middle0.txt-0"


def test_other_files_without_labels_are_answered(model, tmp_path, capsys, fails):
    (tmp_path / "copa.jsonl").write_text(
        json.dumps({"premise": "It broke.", "choice1": "a", "choice2": "b", "question": "cause"})
    )
    found = printed(capsys, "predict", "multiple-choice", "--model", model, "--file", tmp_path / "copa.jsonl")
    assert found.out.startswith("What was the cause of this?\n") and "without a label" not in found.err
    (tmp_path / "odd.jsonl").write_text('{"question": "Why?", "choices": ["a", "b"], "label": 7}\n')
    assert printed(capsys, "predict", "multiple-choice", "--model", model, "--file", tmp_path / "odd.jsonl").out.startswith(
        "Why?"
    )
    line = fails("evaluate", "multiple-choice", tmp_path / "copa.jsonl", "--model", model)
    assert "none of the questions has a label, so they cannot be scored" in line


def test_a_stopped_run_continues_to_the_same_model(race, model, tmp_path, monkeypatch, capsys):
    import signal

    from albert_np.training.finetune import Finetuning

    def interrupt(self) -> list:
        if self.state.step == 3:
            signal.raise_signal(signal.SIGINT)
        return micro_batches(self)

    micro_batches = Finetuning.micro_batches
    monkeypatch.setattr(Finetuning, "micro_batches", interrupt)
    out = tmp_path / "m"
    given = ["--train", str(race / "train"), "--dev", str(race / "dev"), "--out", str(out), "--epochs", "2", *SMALL]
    assert main(["finetune", "multiple-choice", *given]) == 130
    monkeypatch.undo()
    assert "continue with: albert-np finetune multiple-choice --resume" in capsys.readouterr().err.replace("`", "")
    assert main(["finetune", "multiple-choice", "--resume", "--out", str(out)]) == 0
    for name in ("model.safetensors", "task.json"):
        assert (out / name).read_bytes() == (type(out)(model) / name).read_bytes()


def test_the_commands_of_the_page_run(race, tmp_path, monkeypatch, capsys):
    """docs/multiple_choice.md: with a small model in the place of albert-base-v2, and RACE of a few files."""
    page = Path(__file__).parents[3] / "docs" / "multiple_choice.md"
    commands = re.findall(r"^albert-np (\w+ multiple-choice .*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["finetune", "evaluate", "predict", "finetune"]
    for part, source in (("train", "train"), ("dev", "dev"), ("test", "dev")):
        shutil.copytree(race / source, tmp_path / "RACE" / part)
    config = ab.AlbertConfig.preset("tiny", vocab_size=90, num_hidden_layers=1, hidden_size=32, intermediate_size=32)
    monkeypatch.chdir(tmp_path)
    assert main(["finetune", "multiple-choice", "--train", "RACE/train", "--out", "first", "--epochs", "1", *SMALL]) == 0
    ab.AlbertTokenizer.from_pretrained("first").save_pretrained("albert-base-v2")
    ab.AlbertForPreTraining(config, seed=0).save_pretrained("albert-base-v2")
    for command in commands[:3]:
        more = ["--epochs", "1"] if command.startswith("finetune") else []
        assert main([*shlex.split(command), *more]) == 0, (command, capsys.readouterr().err)
    assert capsys.readouterr().out.splitlines()[-3] == "Tom is _ ."


def test_mistakes_are_one_line(race, tmp_path, fails):
    train = ("finetune", "multiple-choice", "--out", tmp_path / "m", *SMALL, "--train")
    assert "has the parts train, dev: name one of them" in fails(*train, race)
    assert "expected .txt files in it, or in its folders middle and high" in fails(*train, tmp_path, code=1)
    assert "nowhere.jsonl" in fails(*train, tmp_path / "nowhere.jsonl")
    (tmp_path / "one.jsonl").write_text('{"question": "Why?", "choices": ["a"], "label": 0}\n')
    assert "one.jsonl:1: expected two choices or more, got 1" in fails(*train, tmp_path / "one.jsonl", code=1)
    (tmp_path / "none.jsonl").write_text('{"question": "Why?", "choices": ["a", "b"]}\n')
    assert "the training examples have no labels: name their key (-o label=...)" in fails(*train, tmp_path / "none.jsonl")
    (tmp_path / "high.jsonl").write_text(
        '{"question": "Why?", "choices": ["a", "b"], "label": 0}\n' * 2
        + '{"question": "Why?", "choices": ["a", "b"], "label": 9}\n'
    )
    assert "high.jsonl:3: the label is 9, of 2 choices: expected a number from 0 to 1" in fails(
        *train, tmp_path / "high.jsonl", code=1
    )
    assert "multiple-choice has no option 'choice'; " in fails(*train, race / "train", "-o", "choice=x")
    assert "there is no key 'x' (-o choices=...)" in fails(*train, race / "train", "-o", "choices=x")
    assert not (tmp_path / "m").exists()
