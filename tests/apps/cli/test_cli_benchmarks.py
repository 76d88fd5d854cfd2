"""Benchmarks at the command line: glue:mrpc, glue:all, squad, their folders, tables and submissions."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from albert_np.apps.cli import main

sys.path.insert(0, str(Path(__file__).parents[2] / "tasks"))
import benchmark_files

TINY = "--config tiny --vocab-size 120 --num-hidden-layers 1 --hidden-size 32 --intermediate-size 32 --epochs 1".split()
pytestmark = pytest.mark.filterwarnings("ignore:all answers are")


@pytest.fixture(scope="module")
def glue(tmp_path_factory):
    return benchmark_files.write_glue(tmp_path_factory.mktemp("glue") / "glue_data")


@pytest.fixture(scope="module")
def mrpc(glue, tmp_path_factory):
    """A model of MRPC."""
    out = tmp_path_factory.mktemp("runs") / "mrpc"
    assert main(["finetune", "glue:mrpc", "--data", str(glue / "MRPC"), *TINY, "--out", str(out), "-q"]) == 0
    return out


@pytest.fixture(scope="module")
def everything(glue, tmp_path_factory):
    """A model of each data set of GLUE."""
    out = tmp_path_factory.mktemp("runs") / "glue"
    assert main(["finetune", "glue:all", "--data", str(glue), *TINY, "--out", str(out), "-q"]) == 0
    return out


def printed(capsys, *arguments):
    capsys.readouterr()
    assert main([str(each) for each in arguments]) == 0
    return capsys.readouterr()


def test_from_the_name_to_the_submission(glue, mrpc, tmp_path, capsys):
    shown = printed(capsys, "evaluate", "glue:mrpc", "--model", mrpc, "--data", glue)
    assert "accuracy_and_f1" in shown.out and shown.out.splitlines()[-1].startswith("MRPC, dev: accuracy ")
    assert f"{glue / 'MRPC' / 'dev.tsv'}: separated by tabs, header in line 1; text = #1 string" in shown.err
    shown = printed(capsys, "predict", "GLUE:MRPC", "--model", mrpc, "--data", glue / "MRPC", "--out", tmp_path / "s")
    assert shown.out == f"{tmp_path / 's' / 'MRPC.tsv'}\n"
    assert (tmp_path / "s" / "MRPC.tsv").read_text().splitlines()[0] == "index\tprediction"
    result = json.loads(printed(capsys, "predict", "glue:mrpc", "--model", mrpc, "--data", glue, "--json").out)
    assert result == {"files": [str(mrpc / "submission" / "MRPC.tsv")]}


def test_texts_and_files_are_answered_on_stdout(glue, mrpc, capsys):
    assert len(printed(capsys, "predict", "glue:mrpc", "--model", mrpc, "A cat.\tA dog.").out.splitlines()) == 1
    lines = printed(
        capsys, "predict", "glue:mrpc", "--model", mrpc, "--file", glue / "MRPC" / "test.tsv", "--json"
    ).out.splitlines()
    assert [json.loads(line)["pair"] for line in lines] == [pair[1] for pair in benchmark_files.PAIRS[:2]]
    scores = json.loads(printed(capsys, "evaluate", "glue:mrpc", glue / "MRPC" / "train.tsv", "--model", mrpc, "--json").out)
    assert "accuracy_and_f1" in scores["scores"][str(glue / "MRPC" / "train.tsv")]


def test_a_run_is_resumed_by_its_name(mrpc, fails, capsys):
    assert "is done already" in printed(capsys, "finetune", "glue:mrpc", "--resume", "--out", mrpc).err
    assert fails("finetune", "glue:rte", "--resume", "--out", mrpc).endswith(
        "the run is for the benchmark glue:mrpc, not for glue:rte"
    )
    assert fails("finetune", "classification", "--resume", "--out", mrpc).endswith("glue:mrpc, not for classification")


def test_mnli_has_two_dev_sets(glue, tmp_path, capsys):
    shown = printed(capsys, "finetune", "glue:mnli", "--data", glue, *TINY, "--out", tmp_path / "m")
    assert "MNLI, dev_mismatched: accuracy" in shown.out
    again = json.loads(printed(capsys, "finetune", "glue:mnli", "--resume", "--out", tmp_path / "m", "--json").out)
    assert list(again["other_dev"]) == ["dev_mismatched"] and "accuracy" in again["other_dev"]["dev_mismatched"]
    own = glue / "MNLI" / "train.tsv"
    shown = printed(capsys, "finetune", "glue:mnli", "--train", own, "--dev", own, *TINY, "--out", tmp_path / "own")
    assert "dev_mismatched" not in shown.out  # other files are given, so the second dev set is not looked for
    shown = printed(capsys, "evaluate", "glue:mnli", "--model", tmp_path / "m", "--data", glue)
    assert [line.split(":")[0] for line in shown.out.splitlines() if line.startswith("MNLI")] == [
        "MNLI, dev_matched", "MNLI, dev_mismatched",
    ]  # fmt: skip
    shown = printed(capsys, "predict", "glue:mnli", "--model", tmp_path / "m", "--data", glue)
    assert [Path(line).name for line in shown.out.splitlines()] == ["MNLI-m.tsv", "MNLI-mm.tsv"]


def test_all_of_glue(glue, everything, capsys):
    names = "cola sst-2 mrpc sts-b qqp mnli qnli rte wnli".split()
    assert sorted(path.name for path in everything.iterdir()) == sorted([*names, "scores.json"])
    shown = printed(capsys, "evaluate", "glue:all", "--model", everything, "--data", glue)
    rows = [line.split()[0] for line in shown.out.splitlines()[1:-2]]
    assert rows == ["CoLA", "SST-2", "MRPC", "STS-B", "QQP", "MNLI", "MNLI", "QNLI", "RTE", "WNLI"]
    stored = json.loads((everything / "scores.json").read_text())
    assert shown.out.splitlines()[-2] == f"mean of the 9 data sets: {stored['mean']:.4f}" and stored["missing"] == []
    assert stored["mean"] == pytest.approx(sum(stored["official"].values()) / 9)
    mnli = stored["scores"]["glue:mnli"]
    assert stored["official"]["glue:mnli"] == pytest.approx(
        (mnli["dev_matched"]["accuracy"] + mnli["dev_mismatched"]["accuracy"]) / 2
    )
    shown = printed(capsys, "predict", "glue:all", "--model", everything, "--data", glue)
    assert [Path(line).name for line in shown.out.splitlines()] == (
        "CoLA.tsv SST-2.tsv MRPC.tsv STS-B.tsv QQP.tsv MNLI-m.tsv MNLI-mm.tsv QNLI.tsv RTE.tsv WNLI.tsv AX.tsv".split()
    )
    again = printed(capsys, "finetune", "glue:all", "--resume", "--data", glue, *TINY, "--out", everything, "--json")
    assert json.loads(again.out)["mean"] == stored["mean"]


def test_a_group_that_was_stopped_goes_on(tmp_path, capsys, monkeypatch, fails):
    """The second data set is stopped; without the options, which are those of the first, the group is completed."""
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'albert_np[tensorboard]'")
    from albert_np.tasks import finetune as module

    benchmark_files.write_glue(tmp_path / "data", ["CoLA", "RTE", "WNLI"])
    curves = ["--tensorboard", str(tmp_path / "curves")]
    given = ["finetune", "glue:all", "--data", str(tmp_path / "data"), *TINY, "--out", str(tmp_path / "runs"), *curves]
    whole = module.finetune

    def stop_second(name, **arguments):
        done = whole(name, **arguments)
        return dataclasses.replace(done, stopped_by="SIGINT") if name == "glue:rte" else done

    monkeypatch.setattr(module, "finetune", stop_second)
    assert main(given) == 130
    err = capsys.readouterr().err
    assert "stopped by SIGINT, saved; RTE is not finished; continue with: albert-np finetune glue:all --resume --out" in err
    monkeypatch.setattr(module, "finetune", whole)
    shown = printed(capsys, "finetune", "glue:all", "--resume", "--out", tmp_path / "runs")
    assert [line.split()[0] for line in shown.out.splitlines()[1:4]] == ["CoLA", "RTE", "WNLI"]
    assert sorted(str(path.relative_to(tmp_path / "curves")) for path in (tmp_path / "curves").glob("*/*")) == [
        "cola/seed-0", "rte/seed-0", "wnli/seed-0",
    ]  # fmt: skip
    assert "there is no run to resume" in fails("finetune", "glue:all", "--resume", "--out", tmp_path / "nowhere")


def test_a_part_of_glue_is_named_as_a_part(tmp_path, capsys, fails):
    benchmark_files.write_glue(tmp_path / "data", ["CoLA", "RTE"])
    shown = printed(capsys, "finetune", "glue:all", "--data", tmp_path / "data", *TINY, "--out", tmp_path / "runs")
    assert (
        "note: left out, since" in shown.err
        and "their files: SST-2, MRPC, STS-B, QQP, MNLI, QNLI, WNLI (docs/glue.md" in shown.err
    )
    assert shown.out.splitlines()[-1].startswith(
        "mean of 2 of 9 data sets, without glue:sst-2, glue:mrpc, glue:sts-b, glue:qqp, glue:mnli, glue:qnli, glue:wnli: "
    )
    (tmp_path / "none").mkdir()
    line = fails("finetune", "glue:all", "--data", tmp_path / "none", *TINY, "--out", tmp_path / "r")
    assert "none of glue:cola, " in line and "glue:cola: there is no train.tsv" in line
    assert "is not empty" in fails("finetune", "glue:all", "--data", tmp_path / "data", *TINY, "--out", tmp_path / "runs")


def test_each_data_set_of_a_group_has_curves_of_its_own(tmp_path, capsys):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    given = "finetune", "glue:all", "--data", tmp_path / "data", "--out", tmp_path / "runs"
    benchmark_files.write_glue(tmp_path / "data", ["RTE"])
    printed(capsys, *given, *TINY, "--tensorboard", tmp_path / "curves")
    benchmark_files.write_glue(tmp_path / "data", ["WNLI"])
    printed(capsys, *given, "--resume")
    assert sorted(path.parent.parent.name for path in tmp_path.glob("curves/*/*/*tfevents*")) == ["rte", "wnli"]


def test_models_that_a_group_lacks_are_named(glue, tmp_path, capsys):
    """Of a part that was trained, the models are scored and their answers written; nothing ends in between."""
    benchmark_files.write_glue(tmp_path / "data", ["CoLA", "RTE"])
    printed(capsys, "finetune", "glue:all", "--data", tmp_path / "data", *TINY, "--out", tmp_path / "runs")
    shown = printed(capsys, "predict", "glue:all", "--model", tmp_path / "runs", "--data", glue)
    assert [Path(line).name for line in shown.out.splitlines()] == ["CoLA.tsv", "RTE.tsv"]
    assert (
        f"left out, since {tmp_path / 'runs'} has no model for them: SST-2, MRPC, STS-B, QQP, MNLI, QNLI, WNLI, AX" in shown.err
    )
    shown = printed(capsys, "evaluate", "glue:all", "--model", tmp_path / "runs", "--data", glue)
    assert shown.out.splitlines()[-1].startswith("mean of 2 of 9 data sets, without glue:sst-2, ")


def test_superglue_and_squad(tmp_path, capsys):
    data = benchmark_files.write_superglue(benchmark_files.write_squad(tmp_path / "data"))
    printed(capsys, "finetune", "superglue:boolq", "--data", data, *TINY, "--out", tmp_path / "b")
    printed(capsys, "predict", "superglue:boolq", "--model", tmp_path / "b", "--data", data)
    rows = [json.loads(line) for line in (tmp_path / "b" / "submission" / "BoolQ.jsonl").read_text().splitlines()]
    assert [row["idx"] for row in rows] == [0, 1] and {row["label"] for row in rows} <= {"true", "false"}
    squad = "squad", "--version", "2.0"
    printed(capsys, "finetune", *squad, "--data", data, *TINY, "--max-length", "60", "--out", tmp_path / "s")
    assert "SQuAD 2.0, dev: f1 " in printed(capsys, "evaluate", *squad, "--model", tmp_path / "s", "--data", data).out
    printed(capsys, "predict", *squad, "--model", tmp_path / "s", "--data", data)
    assert list(json.loads((tmp_path / "s" / "submission" / "predictions.json").read_text())) == ["a", "b", "c"]


SEVERAL = " cannot be given: glue:all stands for several data sets; name one, such as glue:mrpc"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("finetune glue:mrcp --data DATA", "did you mean 'glue:mrpc'?"),
        ("finetune glue:mrpc --data nowhere", "there is no folder 'nowhere' with the files of MRPC (--data)"),
        ("finetune ner --data DATA", "such as glue:mrpc, and ner is a task: give files as --train and --dev"),
        ("finetune ner --paper", "--paper is for a benchmark, such as glue:mrpc, and ner is a task"),
        ("finetune ner", "Missing option '--train': the examples to train on."),
        ("finetune squad --data DATA", "squad has two versions: --version 1.1 or --version 2.0"),
        ("finetune squad --version 3 --data DATA", "unknown benchmark 'squad:3'; expected squad: and one of 1.1, 2.0"),
        ("finetune ner --version 1.1", "--version is for squad, not for ner"),
        ("finetune glue:all --train x --data DATA", "one data set, and glue:all stands for several: --data names their folder"),
        ("finetune glue:ax --data DATA", "glue:ax has no training examples: score it, or answer it, with a model of glue:mnli"),
        ("evaluate glue:all x.tsv --data DATA --model M", "FILES" + SEVERAL),
        ("predict glue:all some_text --data DATA --model M", "TEXTS" + SEVERAL),
        ("predict glue:all --file x --data DATA --model M", "--file" + SEVERAL),
        ("finetune superglue:cb --paper --data DATA", "--paper: table 14 of the ALBERT paper has no settings for CB"),
    ],
)  # fmt: skip
def test_wrong_usage(glue, tmp_path, fails, arguments, message):
    words = [str(glue) if word == "DATA" else word for word in arguments.split()]
    options = [*TINY, "--out", tmp_path / "out"] if words[0] == "finetune" else []
    assert fails(*words, *options).endswith(message)
    assert not (tmp_path / "out").exists()


def test_wrong_usage_of_a_model(glue, mrpc, fails):
    assert "and glue:mnli has the labels contradiction" in fails("evaluate", "glue:mnli", "--model", mrpc, "--data", glue)
    assert "glue:rte has the labels entailment" in fails("predict", "glue:rte", "--model", mrpc, "--data", glue)
    decided = "the option text cannot be given: glue:mrpc decides how its files are read; the task classification takes it"
    for command in ("evaluate", "predict"):
        assert fails(command, "glue:mrpc", "--model", mrpc, "--data", glue, "-o", "text=x").endswith(decided)
    assert fails("evaluate", "ner", "--model", mrpc).endswith("Missing argument 'FILES...'.")
    assert fails("evaluate", "classification", "x.tsv", "--model", mrpc, "--data", glue).endswith("and classification is a task")
    assert fails("predict", "classification", "a", "--model", mrpc, "--data", glue).endswith("and classification is a task")
    assert "there is no folder" in fails("evaluate", "glue:all", "--model", mrpc, "--data", glue)
