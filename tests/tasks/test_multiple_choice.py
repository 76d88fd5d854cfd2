"""Multiple choice: rows as Google's code for RACE makes them, scores, baselines, and what is typed and printed."""

import json
import warnings

import numpy as np
import pytest
from examples import examples

import albert_np as ab
from albert_np.data.formats import ChoiceQuestion
from albert_np.metrics import choice_scores
from albert_np.tasks import batches, get_task
from albert_np.tasks.multiple_choice import MultipleChoice, choice_name
from albert_np.training.units import get_units

CLS, SEP = 1, 2


class Characters:
    """A tokenizer of which each character is a token, except blanks."""

    cls_token_id, sep_token_id = CLS, SEP

    def encode_batch(self, texts, num_threads):
        return [[ord(letter) for letter in text if not letter.isspace()] for text in texts]


def parts(row):
    """Return the texts between the special tokens of a row, and the length of its first part by the token types."""
    text = "".join("|" if i in (CLS, SEP) else chr(i) for i in row.ids)
    assert text[0] == text[-1] == "|"
    first = text[1:-1].partition("|")[0]
    assert row.token_types.tolist() == [0] * (len(first) + 2) + [1] * (len(row.ids) - len(first) - 2)
    return tuple(text[1:-1].split("|"))


def rows(question, **options):
    return MultipleChoice(**options).items(question, Characters())


# ---- rows ----


def google(passage, statement, max_length=512, most=128):
    """The row of Google's code, from its description: the last 128 tokens of question and choice, and as much of the passage as
    there is room for, from its beginning."""
    tokens = [letter for letter in statement if letter != " "][-most:]
    return "".join(letter for letter in passage if letter != " ")[: max_length - 3 - len(tokens)], "".join(tokens)


@pytest.mark.parametrize("passage", [5, 300, 380, 381, 382, 383, 500, 509, 2000])
@pytest.mark.parametrize("question", [1, 60, 127, 128, 300])
def test_rows_are_those_of_google_s_code(passage, question):
    text, asked = "".join(chr(97 + i % 26) for i in range(passage)), "".join(chr(65 + i % 26) for i in range(question))
    example = ChoiceQuestion(asked, ("x", "yyy", "z" * 40), 1, text)
    items = rows(example)
    assert [parts(item) for item in items] == [google(text, f"{asked} {choice}") for choice in example.choices]
    assert [item.cut for item in items] == [
        len("".join(parts(item))) < passage + question + len(c) for item, c in zip(items, example.choices)
    ]
    assert [item.target for item in items] == [False, True, False]
    assert all(len(item.ids) <= 512 for item in items)


def test_blanks_are_filled_as_in_google_s_code():
    example = ChoiceQuestion("Tom is _ .", ("so  sad", "glad"), 0, "He fell.", blank=True)
    assert [parts(row) for row in rows(example)] == [("Hefell.", "Tomissosad."), ("Hefell.", "Tomisglad.")]
    assert [parts(row) for row in rows(ChoiceQuestion("Tom is _ .", ("sad", "glad")))] == [("Tomissad.",), ("Tomisglad.",)]


def test_a_question_without_a_passage_is_the_first_part():
    assert [parts(row) for row in rows(ChoiceQuestion("Why?", ("so", "no"), 1))] == [("Why?", "so"), ("Why?", "no")]
    assert [row.target for row in rows(ChoiceQuestion("Why?", ("so", "no")))] == [None, None]


def test_what_is_too_long_loses_its_less_important_end():
    """The question comes last in its text, a continuation is told by its beginning."""
    long = "abcdefghijklmnopqrstuvwxyz"
    (first, second) = parts(rows(ChoiceQuestion(long, (long, "x")), max_length=23)[0])
    assert (first, second) == (long[-10:], long[:10])
    assert parts(rows(ChoiceQuestion(long, (long, "x")), max_length=23)[1]) == (long[-19:], "x")
    assert parts(rows(ChoiceQuestion("", (long, "x"), context=long), max_length=23)[0]) == (long[:10], long[:10])
    assert parts(rows(ChoiceQuestion(f"_ {long}", ("x", "y")), max_length=12)[0]) == (long[-10:],)
    assert parts(rows(ChoiceQuestion("q", (long, "x"), context="abc"), max_length=23)[0]) == ("abc", (f"q{long}")[-17:])
    limited = rows(ChoiceQuestion("q", (long, "x"), context=long * 9), max_length=200, max_question_length=5)
    assert parts(limited[0])[1] == long[-5:] and all(len(row.ids) == 200 for row in limited)
    for length in range(3, 60):
        for example in (
            ChoiceQuestion(long, (long, "")),
            ChoiceQuestion(long, (long, ""), context=long),
            ChoiceQuestion("_ a", (long, "x")),
        ):
            for row, whole in zip(rows(example, max_length=length), rows(example)):
                assert len(row.ids) <= length and row.cut == (len(row.ids) < len(whole.ids))


def test_the_rows_of_questions_with_different_numbers_of_choices_are_packed_by_question():
    task, given = MultipleChoice(), [ChoiceQuestion("a", tuple("bcde"[:n]), label) for n, label in ((2, 1), (4, None), (3, 0))]
    units = get_units(task, [task.items(example, Characters()) for example in given])
    arrays = task.collate([row for unit in units for row in unit])
    assert arrays["group_sizes"].tolist() == [2, 3] and arrays["lengths"].tolist() == [5] * 5
    (numbers, labels), *_ = arrays["labels"]
    assert numbers.tolist() == [0, 1] and labels.tolist() == [1, 0]


# ---- answers and scores ----


def test_the_answer_is_the_softmax_of_the_scores_of_a_question():
    example = ChoiceQuestion("Why?", ("so", "no", "yes"), 1, id="7")
    answer = MultipleChoice().answer(example, [], [np.array([x], np.float32) for x in (0.0, 2.0, 1.0)])
    p = np.exp([0, 2, 1]) / np.exp([0, 2, 1]).sum()
    assert answer["answer"] == "no" and answer["index"] == 1
    assert [choice["probability"] for choice in answer["choices"]] == pytest.approx(p)
    assert MultipleChoice().as_json(example, answer) == {"id": "7", "question": "Why?", **answer}
    json.dumps(answer)


def test_scores_are_scikit_learn_s():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: its accuracy cannot be compared")
    rng = np.random.default_rng(0)
    for n in (1, 2, 50, 333):
        gold, predicted, groups = rng.integers(0, 4, n), rng.integers(0, 4, n), rng.choice(["RACE-M", "RACE-H"], n)
        scores = choice_scores(gold.tolist(), predicted.tolist(), groups.tolist())
        assert scores["accuracy"] == metrics.accuracy_score(gold, predicted) and scores["total"] == n
        for name in set(groups) if len(set(groups)) > 1 else ():
            own = groups == name
            assert scores[f"accuracy {name}"] == metrics.accuracy_score(gold[own], predicted[own])
    with pytest.raises(ValueError, match="there is nothing to score"):
        choice_scores([], [])
    with pytest.raises(ValueError, match="expected as many answers and groups as questions, 2, got 1 and 0"):
        choice_scores([0, 1], [0])


def test_groups_are_scored_where_there_are_several():
    task = MultipleChoice()
    given = [
        ChoiceQuestion("q", ("a", "b"), label, group=group)
        for label, group in ((0, "M"), (1, "M"), (0, "H"), (None, "H"), (1, ""))
    ]
    answers = [{"index": 0}] * 5
    assert task.score(given, answers) == {"accuracy": 0.5, "accuracy H": 1.0, "accuracy M": 0.5, "total": 4}
    assert task.score(given[:2], answers[:2]) == {"accuracy": 0.5, "total": 2}, "one group is all"
    with pytest.raises(ValueError, match="none of the questions has a label, so they cannot be scored"):
        task.check_scored(given[3:4])


def test_baselines_are_a_position_and_the_longest_choice():
    task = MultipleChoice()
    train = [ChoiceQuestion("q", ("a", "b", "c"), label) for label in (2, 2, 0, None)]
    task.learn(train)
    given = [ChoiceQuestion("q", ("aa", "b", "c"), 0), ChoiceQuestion("q", ("a", "bbb"), 1)]
    answers = task.baselines(train, given)
    assert answers == {"the commonest position": [{"index": 2}, {"index": 1}], "the longest choice": [{"index": 0}, {"index": 1}]}
    with pytest.raises(ValueError, match="the training examples have no labels: name their key"):
        MultipleChoice().learn(train[3:])
    assert (
        task.describe_labels(train) == {"kind": "answers", "counts": {"A": 1, "C": 2}} and task.describe_labels(train[3:]) == {}
    )


# ---- typed texts, printed answers, options ----


def test_typed_texts_are_a_question_and_choices_or_an_object():
    task = MultipleChoice()
    assert task.example("Why?\tso\tno\t") == ChoiceQuestion("Why?", ("so", "no"))
    full = {"context": "He fell.", "question": "Why?", "choices": ["so", "no"]}
    assert task.example(json.dumps(full)) == ChoiceQuestion("Why?", ("so", "no"), context="He fell.")
    for label in ("no", 7, [0, 1], "?"):  # it is not read, whatever it is
        example = task.example(json.dumps({**full, "id": "x", "label": label}))
        assert (example.id, example.label) == ("x", None)
    for text, message in (
        ("Why?", "expected a question and its choices, separated by tabs, or an object"),
        ("Why?\tso", "expected a question and its choices"),
        ("{", "it is not valid JSON"),
        ('{"question": "a", "choices": ["b"]}', "^the object: expected two choices or more, got 1$"),
        ('{"question": "a"}', "^the object: it has no choices"),
        ("{" * 5000, "it is not valid JSON"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            task.example(text)
        assert "\n" not in str(error.value)


def test_a_model_trained_on_one_form_answers_others(tmp_path):
    """The options by which its training file was read need not fit, unless they are given anew."""
    (tmp_path / "plain.jsonl").write_text('{"question": "Why?", "choices": ["a", "b"]}\n')
    task = MultipleChoice(form="race", label="answers", usual=0)
    assert task.example('{"question": "Why?", "choices": ["a", "b"]}').choices == ("a", "b")
    assert task.read_unlabelled(tmp_path / "plain.jsonl")[0].question == "Why?"
    assert task.examples([{"question": "Why?", "choices": ["a", "b"]}])[0].choices == ("a", "b")
    with pytest.raises(ValueError, match=r"plain\.jsonl:1: the form race .option form. has the keys"):
        task.read(tmp_path / "plain.jsonl")
    task.change_options({"form": "swag"})
    with pytest.raises(ValueError, match=r"plain\.jsonl:1: the form swag"):
        task.read_unlabelled(tmp_path / "plain.jsonl")


def test_what_is_printed_names_every_choice():
    task, example = MultipleChoice(), ChoiceQuestion("Why [not]?\n", ("so", "no\tmore"))
    shown = task.show(example, task.answer(example, [], [np.array([0.0]), np.array([1.0])]))
    assert shown.split("\n") == ["Why \\[not]?\\n", "  A  0.27  so", "* [bold]B  0.73  no\\tmore[/]"]
    assert [choice_name(i, 3) for i in range(3)] == ["A", "B", "C"] and [choice_name(i, 30) for i in (0, 29)] == ["1", "30"]
    nameless = ChoiceQuestion("", ("a", "b"), context="He fell.")
    assert task.show(nameless, task.answer(nameless, [], [np.zeros(1)] * 2)).startswith("He fell.\n")


def test_options_are_checked():
    for options, message in (
        ({"count_from": 2}, "the option count_from must be 0 or 1, not 2"),
        ({"max_question_length": 0}, "the option max_question_length must be a number of tokens, 1 or more, not 0"),
        ({"form": "rase"}, "the option form must be one of race, hellaswag"),
        ({"label_kind": "number"}, "the option label_kind must be one of index, letter, text"),
    ):
        with pytest.raises(ValueError, match=message):
            get_task("multiple-choice", **options)


def test_labels_of_two_files_that_count_from_different_numbers_are_doubtful(tmp_path):
    task = MultipleChoice()
    for name, labels in (("train", (1, 3)), ("dev", (1, 2))):
        lines = [json.dumps({"question": "q", "choices": ["a", "b", "c"], "label": label}) for label in labels]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    train, dev = (task.read(tmp_path / f"{name}.jsonl") for name in ("train", "dev"))
    task.learn(train)
    with pytest.warns(
        UserWarning, match=r"dev\.jsonl: its labels are taken as counted from 0, and those of the training examples from 1"
    ):
        task.summarize({"train": ("train", train), "dev": ("dev", dev)}, lambda line: None)
    assert [q.label for q in task.read(tmp_path / "dev.jsonl")] == [0, 1], "a trained model counts as its training file does"


def test_a_txt_is_lines_of_text_or_json(tmp_path):
    for text, plain in (("Why?\ta\tb\n", True), ('\n {"article": 1}', False), ("[]", False), ("\ufeff<copa", False), ("", True)):
        (tmp_path / "a.txt").write_text(text, encoding="utf-8")
        assert MultipleChoice().is_plain_text(tmp_path / "a.txt") == plain
    assert not MultipleChoice().is_plain_text(tmp_path)


def test_files_rows_and_examples_train_a_model(tmp_path, tokenizer):
    given = examples("multiple-choice", 16)
    as_rows = [{"question": e.question, "choices": list(e.choices), "label": e.label, "context": e.context} for e in given]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in as_rows))
    sizes = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32)
    flats = []
    for train in (str(path), as_rows):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            done = ab.finetune(
                "multiple-choice", train, config="tiny", tokenizer=tokenizer, changes=sizes, epochs=1, progress=False
            )
        flats.append(done.trained.model.params.flat.tobytes())
    assert flats[0] == flats[1]
    predicted = done.trained.predict(as_rows[0])
    assert predicted[0]["choices"] == done.trained.predict([given[0]])[0]["choices"]
    assert done.trained.predict("Why?\ta\tb")[0]["choices"][0]["text"] == "a"


def test_one_question_is_answered_alike_beside_others(tokenizer):
    task, given = MultipleChoice(max_length=64), examples("multiple-choice", 12)
    model = ab.AlbertForMultipleChoice(ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), num_hidden_layers=2), seed=0)
    together, alone = task.answers(model, tokenizer, given), [task.answers(model, tokenizer, [example])[0] for example in given]
    for a, b in zip(together, alone):
        assert [c["probability"] for c in a["choices"]] == pytest.approx([c["probability"] for c in b["choices"]], abs=1e-6)
    rows = [row for example in given for row in task.items(example, tokenizer)]
    assert all(output.shape == (1,) for output in batches.predict_logits(model, rows))
