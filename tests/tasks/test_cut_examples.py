"""Examples that are longer than the model's input are cut, and the user is told how many: once in a run, in one line."""

import warnings

import pytest

import albert_np as ab
from albert_np.data.formats import ChoiceQuestion, Labelled, Question, Related, Tagged, Translated
from albert_np.training import Callback

SHORT, LONG = "one two three", " ".join(["one two three four"] * 30)
SIZES = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32)


def related(text):
    return Related("1", f"Anna {text} Rome", (0, 4), (len(text) + 6, len(text) + 10), label="in" if "four" in text else "at")


def question(text):
    return Question("1", text, "one two three four", (("one", 0),))


CHOICES = "a row longer than max_length 40 tokens, or more than 128 tokens in a question with a choice"
CASES = {
    "multiple-choice": (lambda text: ChoiceQuestion("one", ("two", "three"), int("four" in text), text), CHOICES, 40),
    "classification": (lambda text: Labelled(text, label=str("four" in text)), "a text longer than max_length 24 tokens", 24),
    "translation": (lambda text: Translated(text, text), "a sentence longer than half of max_length 48 tokens", 48),
    "relations": (related, "a text longer than max_length 60 tokens", 60),
    "question-answering": (question, "a question longer than 64 tokens", 124),
    "ner": (
        lambda text: Tagged(("one", "two" * len(text)), ("B-X", "O")), "a word longer than max_length 64 tokens", 64
    ),
}  # fmt: skip


class Notes(Callback):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def run(task, train, dev=None, **arguments):
    make, _, most = CASES[task]
    notes = Notes()
    given = dict(config="tiny", changes={**SIZES, "max_position_embeddings": 256}, vocab_size=60, options={"max_length": most})
    dev = None if dev is None else [make(text) for text in dev]
    done = ab.finetune(task, [make(text) for text in train], dev, report=notes, **{**given, "epochs": 2, **arguments})
    return done, [line for line in notes.lines if " cut" in line]


@pytest.mark.parametrize("task", CASES)
def test_each_task_counts_the_examples_that_it_cuts(task):
    _, part, _ = CASES[task]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="all training examples have one")
        done, lines = run(task, [SHORT] * 6 + [LONG] * 2)
        advice = "; set `max_length` for more" if "max_length" in part else ""
        assert lines == [f"2 of 8 training examples have {part}, which is cut{advice}"]
        assert run(task, [SHORT, SHORT + " four"] * 3)[1] == []
    with pytest.warns(UserWarning, match=rf"^1 of 3 examples has {part}, which is cut$"):
        done.trained.task.answers(done.trained.model, done.trained.tokenizer, [CASES[task][0](t) for t in (SHORT, LONG, SHORT)])


def test_it_is_said_once_in_a_run_for_each_list():
    done, lines = run("classification", [SHORT, LONG] * 3, [SHORT, SHORT, LONG], epochs=3, seeds=2)
    part = CASES["classification"][1]
    assert lines == [
        f"3 of 6 training examples have {part}, which is cut; set `max_length` for more",
        f"1 of 3 development examples has {part}, which is cut",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done.trained.predict([SHORT] * 2)
    with pytest.warns(UserWarning, match="^2 of 4 examples have a text longer than max_length 24 tokens, which is cut$"):
        done.trained.predict([LONG, SHORT, LONG, SHORT])


def test_a_text_that_just_fits_is_not_cut():
    done, _ = run("classification", [SHORT, LONG] * 3)
    task, tokenizer = done.trained.task, done.trained.tokenizer
    words = [word for n in range(30) for word in "one two three four".split()]
    for n in range(1, 60):
        for pair in (None, "one two"):
            full = tokenizer(" ".join(words[:n]), pair)["input_ids"].size
            (item,) = task.items(Labelled(" ".join(words[:n]), pair), tokenizer)
            assert item.cut == (full > 24) and len(item.ids) == min(24, full)


def test_the_command_line_names_the_option(tmp_path, capsys):
    from albert_np.apps.cli import main

    (tmp_path / "t.tsv").write_text(f"text\tlabel\n{SHORT}\ta\n{LONG}\tb\n{SHORT}\ta\n", encoding="utf-8")
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]
    given = "--train", tmp_path / "t.tsv", "--out", tmp_path / "out", "--config", "tiny", "--vocab-size", "30", "--epochs", "1"
    assert main(["finetune", "classification", *map(str, given), *sizes, "--max-length", "20"]) == 0
    said = "1 of 3 training examples has a text longer than max_length 20 tokens, which is cut; set --max-length for more"
    assert capsys.readouterr().err.count(said) == 1
    assert main(["predict", "classification", "--model", str(tmp_path / "out"), LONG, SHORT, "--json"]) == 0
    captured = capsys.readouterr()
    note = "albert-np: note: 1 of 2 examples has a text longer than max_length 20 tokens, which is cut\n"
    assert captured.err == note and captured.out.count("\n") == 2
