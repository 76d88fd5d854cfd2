"""The command line of the tasks: finetune, evaluate, predict, translate, ask."""

import io
import json
import sys
import unicodedata
from pathlib import Path

import pytest

from albert_np.apps.cli import main

PEOPLE, PLACES = "Anna Bela Carl Dora Emil".split(), "Paris Rome Oslo Lima".split()
SMALL = (
    "--config tiny --vocab-size 120 --num-hidden-layers 1 --hidden-size 32 --intermediate-size 32 --tokens-per-batch 256".split()
)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A small file for each task."""
    folder = tmp_path_factory.mktemp("files")
    said = [(who, where) for who in PEOPLE for where in PLACES]
    role = "0\t{}\tNNP\t-\t-\t(ARG0*)\n1\tsleeps\tVBZ\tsleep\tsleep.01\t(V*)\n2\tin\tIN\t-\t-\t(ARGM-LOC*\n3\t{}\tNNP\t-\t-\t*)\n"
    relation = '{}\t"<e1>{}</e1> is in <e2>{}</e2>."\n{}\nComment:\n'
    rows = {
        "text.tsv": ["text\tlabel", *(f"{a} is in {b}.\t{'warm' if b in 'Rome Lima' else 'cold'}" for a, b in said)],
        "words.conll": [f"{a}\tB-PER\nis\tO\nin\tO\n{b}\tB-LOC\n.\tO\n" for a, b in said],
        "pairs.tsv": [f"{a} is in {b}.\t{b} hat {a}." for a, b in said],
        "related.txt": [relation.format(i, a, b, "In(e1,e2)" if i % 2 else "Other") for i, (a, b) in enumerate(said)],
        "roles.conll": [role.format(a, b) for a, b in said],
    }
    for name, lines in rows.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    paragraphs = []
    for i, (who, where) in enumerate(said):
        answers = [{"text": where, "answer_start": len(who) + 7}]
        asked = [{"id": f"{i}", "question": f"Where is {who}?", "answers": answers}]
        paragraphs.append({"context": f"{who} is in {where}.", "qas": asked})
    (folder / "questions.json").write_text(json.dumps({"version": "1.1", "data": [{"title": "x", "paragraphs": paragraphs}]}))
    return folder


def trained(task, file, folder, *more):
    assert main(["finetune", task, "--train", str(file), "--dev", str(file), "--out", str(folder), *SMALL, *more]) == 0
    return str(folder)


def out_of(capsys, *arguments):
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


def test_numbers_of_any_size_from_the_file_to_the_answer(tmp_path, capsys):
    counts = [1 + i * 7 % 9 for i in range(60)]
    rows = "".join(f"{n} fine houses,{n * 10_000}.0\n" for n in counts)
    (tmp_path / "r.csv").write_text("text,score\n" + rows)
    model = trained("classification", tmp_path / "r.csv", tmp_path / "m", "--epochs", "40", "--lr", "0.003", "-okind=number")
    printed = capsys.readouterr()
    first, second, *_ = printed.out.splitlines()
    assert "the mean" in first and second.startswith("root_mean_squared_error")
    error, baseline = map(float, second.split()[1:])
    assert error < 0.5 * baseline and 20_000 < baseline < 30_000
    assert "epoch 1: root_mean_squared_error 2" in printed.err
    lines = out_of(capsys, "predict", "classification", "--model", model, "3 fine houses", "9 fine houses").splitlines()
    three, nine = (float(line.split("\t")[0]) for line in lines)
    assert 10_000 < three < 50_000 and 70_000 < nine < 110_000 and three < nine
    assert "is in the head now" in out_of(capsys, "convert", model, tmp_path / "hf")
    done = json.loads(out_of(capsys, "convert", "--json", model, tmp_path / "npz", "--to", "npz"))
    assert done["scale"][0] == pytest.approx(sum(counts) / len(counts) * 10_000)
    table = out_of(
        capsys, "compress", "--model", model, "--out", tmp_path / "small", "--weights", "int8", "--dev", tmp_path / "r.csv"
    )
    assert "answers that changed" not in table and "root_mean_squared_error" in table


def test_classification_from_the_file_to_the_answer(files, tmp_path, capsys):
    model = trained("classification", files / "text.tsv", tmp_path / "m", "--epochs", "12", "--lr", "0.003")
    shown = capsys.readouterr().out
    assert "accuracy" in shown and "the majority's class" in shown and "holds the model" in shown
    assert (tmp_path / "m" / "figures" / "confusion.png").stat().st_size > 5000
    assert "accuracy" in out_of(capsys, "evaluate", "classification", files / "text.tsv", "--model", model)
    found = json.loads(out_of(capsys, "predict", "classification", "--model", model, "--json", "Anna is in Rome."))
    assert found["text"] == "Anna is in Rome." and set(found["probabilities"]) == {"warm", "cold"}
    lines = out_of(capsys, "predict", "classification", "--model", model, "--file", files / "text.tsv").splitlines()
    assert len(lines) == 20 and lines[0].endswith("\tAnna is in Paris.")


def test_several_seeds(files, tmp_path, capsys):
    out = tmp_path / "m"
    trained("classification", files / "text.tsv", out, "--seeds", "2", "--epochs", "1")
    shown = capsys.readouterr().out
    assert (
        "mean of 2" in shown
        and "deviation" in shown
        and (out / "seed-1" / "task.json").is_file()
        and (out / "scores.json").is_file()
    )


def test_json_is_one_object(files, tmp_path, capsys):
    trained("ner", files / "words.conll", tmp_path / "m", "--epochs", "1", "--json")
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["metric"] == "f1" and found["seeds"][0] == found["mean"] and captured.err == ""


@pytest.mark.parametrize(
    ("task", "file", "text", "key"),
    [
        ("ner", "words.conll", "Anna is in Rome.", "entities"),
        ("srl", "roles.conll", "Anna sleeps in Rome", "predicates"),
        ("relations", "related.txt", "<e1>Anna</e1> is in <e2>Rome</e2>.", "label"),
        ("question-answering", "questions.json", "Where is Anna?\tAnna is in Rome.", "n_best"),
    ],
)
def test_the_other_tasks_answer_texts_and_lines(files, tmp_path, capsys, monkeypatch, task, file, text, key):
    model = trained(task, files / file, tmp_path / "m", "--epochs", "1")
    assert key in json.loads(out_of(capsys, "predict", task, "--model", model, "--json", text))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n{text}\n"))
    assert len(out_of(capsys, "predict", task, "--model", model).splitlines()) >= 2


def lines_of(capsys, monkeypatch, text, *arguments):
    """Return what a command prints for this standard input: lines of output, and of notes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 0
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


def test_lines_of_text_are_answered_one_line_each(files, tmp_path, capsys, monkeypatch, fails):
    model = trained("classification", files / "text.tsv", tmp_path / "m", "--epochs", "1")
    command = ("predict", "classification", "--model", model)
    found, notes = lines_of(capsys, monkeypatch, "\ufeffAnna is in Rome.\n\n \t\n\ufeffCarl\tsleeps.\n", *command, "--json")
    assert [json.loads(line)["text"] for line in found] == ["Anna is in Rome.", "Carl\tsleeps."]  # a model of single texts
    assert notes == ["standard input: plain text; 2 texts; 2 blank, left out (first: line 2)"]
    assert lines_of(capsys, monkeypatch, "a\n\n", *command, "--quiet")[1] == []
    shown = out_of(capsys, *command, "one\ntwo\tthree\x1b[1m", "x").splitlines()
    assert len(shown) == 2 and shown[0].split("\t")[1] == r"one\ntwo\tthree\x1b[1m"
    plain = tmp_path / "plain.txt"
    plain.write_text("\ufeffAnna is in Rome, really.\n\nCarl, too.\n")
    found, notes = lines_of(capsys, monkeypatch, "", *command, "--json", "--file", plain)
    assert [json.loads(line)["text"] for line in found] == ["Anna is in Rome, really.", "Carl, too."]
    assert notes == [f"{plain}: plain text; 2 texts; 1 blank, left out (first: line 2)"]
    table = tmp_path / "table.txt"
    table.write_text("text\nAnna is in Rome.\n")
    assert len(out_of(capsys, *command, "--file", table).splitlines()) == 1  # its header is not a text
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n \n"))
    assert "there is no text to answer, only blank ones" in fails(*command)


def test_a_sentence_is_answered_alike_however_it_arrives(files, tmp_path, capsys, monkeypatch, fails):
    """As an argument, a line, in a file, over HTTP; composed or decomposed."""
    from albert_np.apps.serve.services import open_service

    words = ["Zo\u00eb", "is", "in", "K\u00f6ln", "."]
    sentence = " ".join(words)
    decomposed = unicodedata.normalize("NFD", sentence)
    (tmp_path / "one.conll").write_text("\n".join(words) + "\n")
    (tmp_path / "roles.conll").write_text("\n".join(f"{i}\t{word}\tX\t-\t-" for i, word in enumerate(words)) + "\n")
    for task, file in (("ner", "words.conll"), ("srl", "roles.conll")):
        model = trained(task, files / file, tmp_path / task, "--epochs", "20", "--lr", "0.01")
        command = ("predict", task, "--model", model, "--json")
        composed = json.loads(out_of(capsys, *command, sentence))
        lines = lines_of(capsys, monkeypatch, f"\ufeff{sentence}\r\n", *command)[0]
        service = open_service(model)
        assert json.loads(lines[0]) == composed
        assert json.loads(json.dumps(service.answers([service.parse({"text": sentence})])[0])) == composed
        other = json.loads(out_of(capsys, *command, decomposed))
        assert unicodedata.normalize("NFC", json.dumps(other, ensure_ascii=False)).count("Zo\u00eb") >= 1
        if task == "ner":
            assert json.loads(out_of(capsys, *command, "--file", tmp_path / "one.conll")) == composed
            assert composed["entities"] and len(other["entities"]) == len(composed["entities"])
            for a, b in zip(other["entities"], composed["entities"]):
                assert decomposed[a["start"] : a["end"]] == a["text"]
                assert (a["type"], unicodedata.normalize("NFC", a["text"])) == (b["type"], b["text"])
        else:
            assert [p["word"] for p in other["predicates"]] == [p["word"] for p in composed["predicates"]]
    plain = tmp_path / "plain.txt"
    plain.write_text("Anna is in Rome.\nCarl sleeps.\n")
    assert f"albert-np predict ner ... < {plain}" in fails("predict", "ner", "--model", tmp_path / "ner", "--file", plain)


def test_a_line_that_is_no_example_is_named(files, tmp_path, monkeypatch, fails):
    model = trained("relations", files / "related.txt", tmp_path / "m", "--epochs", "1", "--quiet")
    monkeypatch.setattr(sys, "stdin", io.StringIO("<e1>Anna</e1> is in <e2>Rome</e2>.\nAnna\n"))
    assert "standard input, line 2: " in fails("predict", "relations", "--model", model)


def test_translate(files, tmp_path, capsys):
    pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: translations cannot be scored")
    model = trained("translation", files / "pairs.tsv", tmp_path / "m", "--epochs", "2")
    found = json.loads(out_of(capsys, "translate", "--model", model, "--json", "--beams", "3", "Anna is in Rome."))
    assert found["source"] == "Anna is in Rome." and isinstance(found["translation"], str)
    assert len(out_of(capsys, "translate", "--model", model, "--file", files / "text.tsv").splitlines()) == 21
    assert "bleu_signature: nrefs:1" in out_of(capsys, "evaluate", "translation", files / "pairs.tsv", "--model", model)
    evaluated = json.loads(out_of(capsys, "evaluate", "translation", files / "pairs.tsv", "--model", model, "--json"))
    assert "tok:13a" in evaluated["details"][str(files / "pairs.tsv")]["bleu_signature"]


def test_ask_once_and_in_conversation(files, tmp_path, capsys, monkeypatch, fails):
    model = trained("question-answering", files / "questions.json", tmp_path / "m", "--epochs", "1")
    (tmp_path / "story.txt").write_text("Anna is in Rome. " * 300 + "\nDora is in Lima.\n")
    story = tmp_path / "story.txt"
    found = json.loads(out_of(capsys, "ask", "--model", model, "--context", story, "--json", "Where is Dora?"))
    text = story.read_text()
    assert found["text"] == text[found["start"] : found["end"]] and 0 < found["probability"] <= 1
    monkeypatch.setattr(sys, "stdin", io.StringIO("Where is Anna?\nWhere is Dora?\n\nnever asked\n"))
    lines = out_of(capsys, "ask", "--model", model, "--context", story).splitlines()
    assert len(lines) == 4 and all(line.rstrip().endswith("%") for line in lines[::2])  # an answer, and its sentence
    for answer, sentence in zip(lines[::2], lines[1::2]):
        assert f"«{answer.strip().rpartition('   ')[0]}»" in sentence
    (tmp_path / "empty.txt").write_text(" \n")
    assert "there is no text in it" in fails("ask", "--model", model, "--context", tmp_path / "empty.txt", "Who?", code=1)
    assert "the question is empty" in fails("ask", "--model", model, "--context", story, " ")
    assert "was trained for the task 'question-answering', not for 'ner'" in fails("predict", "ner", "--model", model, "x")


def test_mistakes_are_one_line(files, tmp_path, fails):
    train = ("--train", files / "words.conll", "--out", tmp_path / "m", *SMALL)
    assert "unknown task 'nerr'" in fails("finetune", "nerr", *train)
    assert "there is no file" in fails("finetune", "mine.py:Task", *train)
    assert "--vocab-size needs --config, the sizes of a new model" in fails(
        "finetune", "ner", "--train", files / "words.conll", "--out", tmp_path / "m", "--vocab-size", "50"
    )
    assert "nowhere.conll" in fails("finetune", "ner", "--train", "nowhere.conll", "--out", tmp_path / "m", *SMALL)
    assert "expected O, B-TYPE" in fails(
        "finetune", "ner", "--train", files / "text.tsv", "--out", tmp_path / "m", *SMALL, code=1
    )
    assert "--option takes KEY=VALUE" in fails("finetune", "ner", *train, "-o", "word")
    assert "--option word is given twice: word=1 and word=2" in fails("finetune", "ner", *train, "-o", "word=1", "-o", "word=2")
    assert "ner has no option 'colour'" in fails("finetune", "ner", *train, "-o", "colour=1")
    (tmp_path / "empty.conll").write_text("\n\n")
    assert "there is no example in it" in fails("finetune", "ner", *train, "--dev", tmp_path / "empty.conll", code=1)
    broken = tmp_path / "broken.conll"
    broken.write_text("Anna\tB-PER\nis\n")
    assert f"{broken}:2: expected 2 columns" in fails("finetune", "ner", *train, "--dev", broken, code=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "is not empty" in fails("finetune", "ner", "--train", files / "words.conll", "--out", tmp_path / "full", *SMALL)
    assert "there is no folder" in fails("evaluate", "ner", files / "words.conll", "--model", tmp_path / "nowhere")
    assert "Missing option '--model': the folder of a model that `finetune` trained" in fails("predict", "ner", "text")
    assert "Missing argument 'TASK': classification, question-answering, " in fails("finetune")
    assert "Missing option '--context': the document, " in fails("ask", "--model", tmp_path, "Who wrote it?")
    assert "Missing option '--out': the run's folder" in fails("pretrain", tmp_path)
    assert "did you mean '--epochs'" in fails("finetune", "ner", *train, "--epoch", "3")


def test_what_cannot_be_resumed_is_said(files, tmp_path, fails):
    out = tmp_path / "m"
    trained("classification", files / "text.tsv", out, "--epochs", "1", "--quiet")
    line = fails("finetune", "ner", "--resume", "--out", out)
    assert "the run is for the task 'classification', not for 'ner'" in line
    line = fails("finetune", "classification", "--resume", "--epochs", "5", "--out", out)
    assert "epochs is 5 now and was 1" in line and "leave out what differs" in line
    line = fails("finetune", "classification", "--resume", "--seeds", "2", "--out", out)
    assert "the run has one seed and no folder for each: for several, choose another --out" in line
    line = fails("finetune", "classification", "--resume", "--model", "runs/first", "--out", out)
    assert "it was started with config tiny: leave out model runs/first" in line
    (tmp_path / "file").write_text("x")
    assert f"{tmp_path / 'file'} is a file" in fails(
        "finetune", "ner", "--train", files / "words.conll", "--out", tmp_path / "file", *SMALL
    )


@pytest.mark.filterwarnings("always:.*was stopped before")
def test_a_run_that_was_stopped_in_its_first_epoch(files, tmp_path, monkeypatch, capsys):
    """There is no best epoch then, and no score; and the model is not used without a note."""
    import signal

    from albert_np.training.finetune import Finetuning

    def interrupt(self) -> list:
        if self.state.step == 1:
            signal.raise_signal(signal.SIGINT)
        return micro_batches(self)

    micro_batches = Finetuning.micro_batches
    monkeypatch.setattr(Finetuning, "micro_batches", interrupt)
    out, text = tmp_path / "m", str(files / "text.tsv")
    given = ["--train", text, "--dev", text, "--out", str(out), *SMALL, "--tokens-per-batch", "64"]
    assert main(["finetune", "classification", *given]) == 130
    captured = capsys.readouterr()
    assert "stopped before the end of its first epoch, so there is no score yet" in captured.out
    assert f"stopped by SIGINT, {out} holds the model as it was after 2 steps; continue with" in captured.err
    assert "best epoch" not in captured.out + captured.err and "without --dev" not in captured.out
    assert main(["predict", "classification", "--model", str(out), "Anna is in Rome."]) == 0
    note = f"albert-np: note: the training of {out} was stopped before the end of its first epoch\n"
    assert capsys.readouterr().err == note
    monkeypatch.undo()
    capsys.readouterr()
    assert main(["finetune", "classification", "--resume", "--out", str(out)]) == 0
    assert main(["predict", "classification", "--model", str(out), "Anna is in Rome."]) == 0
    assert "stopped" not in json.loads((out / "task.json").read_text())


def test_a_model_that_is_no_better_than_the_majority_is_called_so(files, tmp_path, capsys):
    trained("classification", files / "text.tsv", tmp_path / "m", "--epochs", "1", "--lr", "1e-9")
    shown = capsys.readouterr().out
    assert 'accuracy is no better than that of "the majority\'s class": nothing was learned (see docs/not_learning.md)' in shown
    trained("classification", files / "text.tsv", tmp_path / "n", "--epochs", "12", "--lr", "0.003")
    assert "no better" not in capsys.readouterr().out


def test_a_model_that_is_as_good_as_a_good_baseline_has_learned(files, tmp_path, capsys):
    """A list of the entities, or a perfect score, is more than one answer for everything."""
    from types import SimpleNamespace

    from albert_np.apps.cli.baselines import describe_no_better

    def describe(score, name):
        task = SimpleNamespace(metric="f1", perfect=1.0)
        return describe_no_better(SimpleNamespace(trained=SimpleNamespace(task=task), mean={"f1": score}), [name])

    assert describe(0.97, "a list of the training text's entities").endswith(
        ": nothing was learned beyond that (see docs/not_learning.md)"
    )
    assert describe(0.5, "the commonest relation").endswith(": nothing was learned (see docs/not_learning.md)")
    assert describe(1.0, "the majority's class") == 'f1 is no better than that of "the majority\'s class": both are perfect'


def test_a_terminal_is_asked_for_texts(files, tmp_path, capsys, monkeypatch):
    model = trained("classification", files / "text.tsv", tmp_path / "m", "--epochs", "1", "--quiet")
    for terminal in (True, False):
        stdin = io.StringIO("Anna is in Rome.\n")
        stdin.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["predict", "classification", "--model", model]) == 0
        assert ("Type your texts, one per line; Ctrl-D ends." in capsys.readouterr().err) == terminal


@pytest.mark.filterwarnings("always:.*training example")
@pytest.mark.parametrize(
    ("count", "said"), [(9, "all 9 training examples have the same"), (1, "the only training example has the")]
)
def test_a_single_class_is_a_warning(tmp_path, capsys, count, said):
    (tmp_path / "one.tsv").write_text("text\tlabel\n" + "".join(f"text {i}\tsame\n" for i in range(count)))
    trained("classification", tmp_path / "one.tsv", tmp_path / "m", "--epochs", "1", "--quiet")
    assert f"{said} label, 'same'\n" in capsys.readouterr().err


def test_compress_calls_a_model_smaller_only_if_it_is(files, tmp_path, capsys):
    model = trained("classification", files / "text.tsv", tmp_path / "m", "--epochs", "1", "--quiet")
    assert "holds the model, which is no smaller" in out_of(capsys, "compress", "--model", model, "--out", tmp_path / "same")
    shown = out_of(capsys, "compress", "--model", model, "--out", tmp_path / "int8", "--weights", "int8")
    assert "holds the smaller model: " in shown and " instead of " in shown


def test_only_runs_that_can_be_resumed_are_called_so(files, tmp_path, fails):
    model = trained("classification", files / "text.tsv", tmp_path / "m", "--epochs", "1", "--quiet")
    assert fails("compress", "--model", model, "--out", model).endswith("is not empty; --out needs a new folder")
    line = fails("finetune", "classification", "--train", files / "text.tsv", "--out", model, *SMALL)
    assert line.endswith("is not empty: it holds a run; --resume continues it, or choose another --out")


def test_options_are_named_and_presets_are_checked_before_a_vocabulary_is_trained(files, tmp_path, capsys):
    trained("classification", files / "text.tsv", tmp_path / "m", "--epochs", "1")
    err = capsys.readouterr().err
    assert "pieces on the examples: cased, accents kept (--lower-case and --keep-accents choose that)" in err
    assert (
        main(["finetune", "classification", "--train", str(files / "text.tsv"), "--config", "tyni", "--out", str(tmp_path / "n")])
        == 2
    )
    err = capsys.readouterr().err
    assert "unknown preset 'tyni'" in err and "training a vocabulary" not in err
