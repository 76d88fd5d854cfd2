"""Zero-shot classification: probabilities by their definition, the labels of the model, those to choose from, files, folders."""

import json
import warnings

import numpy as np
import pytest
from examples import examples, train_vocabulary

import albert_np as ab
from albert_np.tasks import get_task
from albert_np.tasks.classification import Classification
from albert_np.tasks.entailment import find_classes
from albert_np.tasks.trained import Trained
from albert_np.tasks.zero_shot import Candidates, ZeroShot

SIZES = dict(embedding_size=10, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
             max_position_embeddings=96, initializer_range=0.4)  # fmt: skip
THREE = ["contradiction", "entailment", "neutral"]
UNNAMED = ["LABEL_0", "LABEL_1", "LABEL_2"]
TWO = ["entailment", "not_entailment"]
TEXTS = ["Anna takes the book in Paris.", "Carl", "Dora paints the lamp in Rome. Emil breaks the wheel in Oslo."]
LABELS = ["book", "lamp in Rome", "wheel"]
TEMPLATE = "Somebody takes the {}."


def model_of_inference(tokenizer, labels=THREE, **options):
    """An untrained model whose answers differ much from text to text, as `finetune classification` returns it."""
    task = Classification(**{"kind": "classes", "labels": list(labels), "pairs": True, "max_length": 64, **options})
    config = ab.AlbertConfig(**SIZES, vocab_size=len(tokenizer), **task.config())
    return Trained(task, ab.AlbertForSequenceClassification(config, seed=3, dtype="float64"), tokenizer)


def logits(trained, text, label, template=TEMPLATE):
    """Of one row, computed by the model itself."""
    row = trained.tokenizer(text, template.replace("{}", label), max_length=64, truncation="only_first")
    return trained.model(**row).logits[0]


def by_definition(trained, text, labels, several, entailment, contradiction):
    e = np.array([logits(trained, text, label)[entailment] for label in labels])
    if not several and len(labels) > 1:
        return dict(zip(labels, np.exp(e) / np.exp(e).sum()))
    c = np.array([logits(trained, text, label)[contradiction] for label in labels])
    return dict(zip(labels, np.exp(e) / (np.exp(e) + np.exp(c))))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    ("classes", "entailment", "contradiction"),
    [
        (THREE, 1, 0), (["entailment", "neutral", "contradiction"], 0, 2), (["neutral", "entailment", "contradiction"], 1, 2),
        (["CONTRADICTION", "Neutral", "ENTAILMENT"], 2, 0), (TWO, 0, 1), (["not_entailment", "entailment"], 1, 0),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*entailment is compared with")
def test_the_probabilities_are_those_of_the_definition(tokenizer, several, classes, entailment, contradiction):
    trained = model_of_inference(tokenizer, classes)
    for labels in (LABELS, LABELS[:1]):
        answers = trained.zero_shot(TEXTS, labels, template=TEMPLATE, multi_label=several)
        assert [answer["text"] for answer in answers] == TEXTS
        for text, answer in zip(TEXTS, answers):
            expected = by_definition(trained, text, labels, several, entailment, contradiction)
            found = answer["probabilities"]
            assert found == pytest.approx(expected, abs=1e-6)
            assert list(found) == sorted(labels, key=lambda label: -expected[label])
            if several or len(labels) == 1:
                assert answer["label"] == [label for label in found if expected[label] > 0.5]
            else:
                assert answer["label"] == next(iter(found)) and sum(found.values()) == pytest.approx(1, abs=1e-5)
    differing = [answer["probabilities"][LABELS[0]] for answer in answers]
    assert max(differing) - min(differing) > 0.05, "the model's answers depend on the text"


def test_the_text_is_cut_and_the_sentence_with_the_label_is_not(tokenizer):
    trained = model_of_inference(tokenizer)
    task = ZeroShot(labels=LABELS, template=TEMPLATE).adopt(trained.task)
    long = " ".join(TEXTS) * 3
    for text, cut in ((long, True), (TEXTS[0], False), ("", False)):
        items = task.items(Candidates(text), tokenizer)
        rows = [tokenizer(text, TEMPLATE.replace("{}", label), max_length=64, truncation="only_first") for label in LABELS]
        assert [item.ids for item in items] == [row["input_ids"][0].tolist() for row in rows]
        assert [item.token_types for item in items] == [row["token_type_ids"][0].tolist() for row in rows]
        assert [item.cut for item in items] == [cut] * 3
    task.change_options({"max_length": 8})
    with pytest.raises(ValueError, match=r"the sentence with the label 'book' has \d+ tokens: too many for max_length 8"):
        task.items(Candidates("Anna"), tokenizer)
    with pytest.warns(UserWarning, match=r"1 of 3 examples has a text longer than max_length 64 tokens, which is cut"):
        trained.zero_shot([long, "Anna", "Carl"], LABELS)


def test_many_texts_in_batches_answer_as_one_by_one(tokenizer):
    trained = model_of_inference(tokenizer)
    texts = [example.text * (1 + i % 3) for i, example in enumerate(examples("classification", 40))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = trained.zero_shot(texts, LABELS)
        alone = [trained.zero_shot(text, LABELS)[0] for text in texts]
    assert [each["text"] for each in together] == texts
    for one, other in zip(together, alone):
        assert one["label"] == other["label"] and one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)


def test_labels_of_equal_probability_keep_their_order():
    task = ZeroShot(labels=["b", "a", "c"], classes=THREE)
    answer = task.answer(Candidates("x"), [], [np.array([0.0, 1.0, 0.0])] * 3)
    assert list(answer["probabilities"]) == ["b", "a", "c"] and answer["label"] == "b"


def test_examples_with_labels_of_their_own(tokenizer):
    trained = model_of_inference(tokenizer)
    own = Candidates("Anna", labels=("book", "lamp"), template="A {}", multi_label=True)
    first, second = trained.zero_shot([own, "Anna"], LABELS)
    (expected,) = trained.zero_shot("Anna", ["book", "lamp"], template="A {}", multi_label=True)
    assert first == expected and set(second["probabilities"]) == set(LABELS)


# ---- the labels of the model ----


@pytest.mark.parametrize(
    ("labels", "given", "expected"),
    [
        (UNNAMED, ("LABEL_2", "LABEL_0"), (2, 0)), (UNNAMED, ("2", "0"), (2, 0)), (UNNAMED, ("2", None), (2, None)),
        (["LABEL_0", "LABEL_1"], ("0", None), (0, 1)),
        (["yes", "entails", "entailment"], ("yes", None), (0, None)), (["0", "1"], ("1", None), (1, 0)),
        (["Entailment", "unknown", "Contradictory"], (None, None), (0, 2)), (THREE, (None, "neutral"), (1, 2)),
    ],
)  # fmt: skip
def test_labels_are_found_by_name_or_given(labels, given, expected):
    assert find_classes(labels, *given) == expected


@pytest.mark.parametrize(
    ("labels", "given", "said"),
    [
        (
            ["negative", "positive"],
            (None, None),
            r"labels negative, positive, of which none begins with 'entail': zero-shot needs",
        ),
        (["LABEL_0", "LABEL_1"], (None, None), r"LABEL_1, which have no names in id2label, .*`options=\{'entailment': NAME\}`"),
        (
            ["entails", "entailment", "no"],
            (None, None),
            "2 labels of the model begin with 'entail', entails, entailment: name one",
        ),
        (THREE, ("yes", None), "entailment must be one of the model's labels, contradiction, .*, or its index, not 'yes'"),
        (THREE, ("3", None), "or its index, not '3'"),
        (THREE, (None, "1"), "are the same label of the model, 'entailment'"),
    ],
)
def test_labels_that_are_not_of_inference_are_refused(labels, given, said):
    with pytest.raises(ValueError, match=said):
        find_classes(labels, *given)


def test_the_other_of_two_labels_is_named(tokenizer):
    trained = model_of_inference(tokenizer, TWO)
    with pytest.warns(UserWarning, match="the model has no label 'contradiction': entailment is compared with 'not_entailment'"):
        trained.zero_shot("Anna", LABELS, multi_label=True)
    trained.zero_shot("Anna", LABELS)  # without a warning: only entailment counts
    trained.zero_shot("Anna", LABELS, multi_label=True, contradiction="not_entailment")


def test_without_contradiction_only_one_label_can_be_chosen(tokenizer):
    trained = model_of_inference(tokenizer, ["entailment", "neutral", "no"])
    assert len(trained.zero_shot("Anna", LABELS)) == 1
    for options in ({"multi_label": True}, {"labels": ["book"]}):
        with pytest.raises(ValueError, match=r"labels entailment, neutral, no: where several .*'contradiction': NAME"):
            trained.zero_shot("Anna", **{"labels": LABELS, **options})
    trained.zero_shot("Anna", LABELS, multi_label=True, contradiction="no")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "number", "scale": [0.0, 1.0]}, "the model predicts a number, and zero-shot needs one trained on pairs"),
        ({"pairs": False}, "the model was trained on single texts, and zero-shot needs"),
        ({"labels": ["a", "b"]}, "the model has the labels a, b, of which none begins"),
    ],
)
def test_other_models_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        ZeroShot(labels=LABELS).adopt(Classification(**{"kind": "classes", "labels": THREE, "pairs": None, **options}))


def test_other_tasks_are_refused():
    with pytest.raises(ValueError, match="the model was trained for ner, and zero-shot needs one trained on pairs"):
        ZeroShot(labels=LABELS).adopt(get_task("ner", labels=["O"]))


# ---- the labels to choose from ----


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a,b c , d", ["a", "b c", "d"]),
        ('["a, b", "c"]', ["a, b", "c"]),
        (["a, b", "{}"], ["a, b", "{}"]),
        ("Sport/Ü", ["Sport/Ü"]),
        (np.array(["a, b", "c"]), ["a, b", "c"]),
        ({"a": 1, "b": 2}.keys(), ["a", "b"]),
        ({0: "a", 1: "b"}.values(), ["a", "b"]),
    ],
)
def test_labels_as_text_and_as_a_list(given, expected):
    assert ZeroShot(labels=given).options["labels"] == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "a,b,a"}, "`labels`: 'a' is given twice"), ({"labels": "a,,b"}, "`labels`: number 2 of 3 is empty"),
        ({"labels": ""}, "`labels`: number 1 of 1 is empty"), ({"labels": []}, "at least one label"),
        ({"labels": np.arange(2)}, "the option labels must be a list"), ({"labels": {"a", "b"}}, "must be a list of texts"),
        ({"labels": 5}, "the option labels must be a list of texts"), ({"labels": ["a", 5]}, "the option labels must be a list"),
        ({"template": "This is it."}, r"`template`: expected a sentence with one \{\} .*, not 'This is it\.'"),
        ({"template": "{} or {}"}, "with one {}"), ({"template": "{0}"}, "with one {}"), ({"template": ""}, "with one {}"),
        ({"label": 1.5}, "the option label must be a text"), ({"tempalte": "{}"}, "zero-shot has no option 'tempalte'; expected"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        ZeroShot(**options)


def test_an_option_that_is_given_counts_even_if_it_is_the_default(tokenizer):
    """Of a model that was stored with other options, and of one that was trained on shorter texts."""
    plain = model_of_inference(tokenizer)
    stored = Trained(ZeroShot(labels=LABELS, template=TEMPLATE, multi_label=True).adopt(plain.task), plain.model, plain.tokenizer)
    usual = {"template": "This example is {}.", "multi_label": False}
    assert stored.zero_shot(TEXTS, LABELS, **usual) == plain.zero_shot(TEXTS, LABELS)
    assert stored.zero_shot(TEXTS, LABELS) == plain.zero_shot(TEXTS, LABELS, template=TEMPLATE, multi_label=True)
    assert ZeroShot(max_length=128).adopt(plain.task).options["max_length"] == 128 != plain.task.options["max_length"]


def test_none_stands_for_the_default_and_labels_may_come_from_a_generator(tokenizer, tmp_path):
    trained = model_of_inference(tokenizer)
    expected = trained.zero_shot(TEXTS, LABELS)
    assert trained.zero_shot(TEXTS, iter(LABELS), template=None, multi_label=None, max_length=None) == expected
    trained.save_pretrained(tmp_path)
    opened = Trained.from_pretrained(tmp_path, "zero-shot", "float64", {"labels": LABELS, "template": None})
    assert opened.predict(TEXTS) == expected


def test_a_given_task_is_not_changed_when_a_folder_is_opened(tokenizer, tmp_path):
    model_of_inference(tokenizer).save_pretrained(tmp_path)
    task = ZeroShot(labels=LABELS, template=TEMPLATE)
    opened = Trained.from_pretrained(tmp_path, task, options={"labels": ["book"], "max_length": 128})
    assert opened.task.options["labels"] == ["book"] and opened.task.options["template"] == TEMPLATE
    assert opened.task.options["max_length"] == 128
    assert task.options["labels"] == LABELS and not task.changed


def test_labels_are_needed(tokenizer):
    task = ZeroShot().adopt(model_of_inference(tokenizer).task)
    for use in (task.choice, lambda: task.read("x.tsv"), lambda: task.items(Candidates("a"), tokenizer)):
        with pytest.raises(ValueError, match="zero-shot needs the labels to choose from: `labels`"):
            use()


# ---- files and scores ----


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def trained(tokenizer, tmp_path):
    model_of_inference(tokenizer).save_pretrained(tmp_path / "nli")
    return Trained.from_pretrained(tmp_path / "nli", "zero-shot", "float64", options={"labels": LABELS, "template": TEMPLATE})


def test_a_file_is_scored(trained, tmp_path):
    file = write(
        tmp_path / "a.tsv", "sentence1\tlabel\tsentence2", *(f"{text}\t{LABELS[0]}\tx" for text in TEXTS), "Ida\twheel\tx"
    )
    answers = [each["label"] for each in trained.predict([*TEXTS, "Ida"])]
    scores = trained.evaluate(file)
    assert scores["accuracy"] == np.mean([a == b for a, b in zip(answers, [LABELS[0]] * 3 + ["wheel"])])
    assert trained.baselines(file)["the commonest label"]["accuracy"] == 0.75
    assert trained.read(file)[0].pair is None, "the second text of a file is not used"
    rows = [{"text": text, "label": "wheel"} for text in TEXTS]
    assert trained.evaluate(rows)["accuracy"] == np.mean([each == "wheel" for each in answers[:3]])


def test_several_labels_are_scored(trained, tmp_path):
    trained.task.change_options({"multi_label": True})
    file = write(tmp_path / "a.tsv", "text\tlabel", f"{TEXTS[0]}\tbook|wheel", f"{TEXTS[1]}\t", f"{TEXTS[2]}\twheel")
    assert trained.task.metric == "micro_f1" and 0 <= trained.evaluate(file)["micro_f1"] <= 1
    assert trained.task.describe_labels(trained.read(file))["counts"] == {"book": 1, "wheel": 2}


def test_labels_of_a_file_that_cannot_be_chosen(trained, tmp_path):
    file = write(tmp_path / "a.tsv", "text\tlabel", "Anna\tbook", "Carl\tstone", "Ida\tapple")
    with pytest.raises(ValueError, match="labels that cannot be chosen, apple, stone: `labels` has book, lamp in Rome, wheel"):
        trained.evaluate(file)
    with pytest.raises(ValueError, match="none of the examples has a label"):
        trained.evaluate([Candidates("Anna")])


def test_ids_in_a_file_stand_for_the_labels_in_their_order(trained, tmp_path):
    file = write(tmp_path / "a.tsv", "text\tlabel", *(f"{text}\t{i}" for i, text in enumerate(TEXTS)))
    with pytest.warns(UserWarning, match="ids of the model's labels: 0 as book, 1 as lamp in Rome, 2 as wheel"):
        assert [example.label for example in trained.read(file)] == LABELS


# ---- folders ----


def test_a_folder_is_opened_for_the_task_and_stored_with_it(trained, tokenizer, tmp_path):
    assert trained.task.options["max_length"] == 64 and trained.task.options["classes"] == THREE
    expected = trained.predict(TEXTS)
    trained.save_pretrained(tmp_path / "topics")
    again = Trained.from_pretrained(tmp_path / "topics", dtype="float64")
    assert again.task.name == "zero-shot" and again.predict(TEXTS) == expected
    named = Trained.from_pretrained(tmp_path / "topics", "zero-shot", "float64", {"labels": "book,wheel"})
    assert set(named.predict("Anna")[0]["probabilities"]) == {"book", "wheel"}
    stored = json.loads((tmp_path / "topics" / "task.json").read_text())
    stored["options"]["classes"] = ["a", "b"]
    (tmp_path / "topics" / "task.json").write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=r"task\.json: its options are not those of zero-shot: the model has the labels a, b"):
        Trained.from_pretrained(tmp_path / "topics")


def test_a_folder_of_transformers(tokenizer, tmp_path):
    config = ab.AlbertConfig(**SIZES, vocab_size=len(tokenizer), num_labels=3)
    ab.AlbertForSequenceClassification(config, seed=1).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match=r"no task\.json: classification with the labels LABEL_0, LABEL_1, LABEL_2"):
        given = Trained.from_pretrained(tmp_path, "zero-shot", options={"labels": LABELS, "entailment": "LABEL_2"})
    assert given.task.options["max_length"] == 96 and given.task.classes() == (2, None)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="which have no names in id2label, of which none begins"):
        Trained.from_pretrained(tmp_path, "zero-shot", options={"labels": LABELS})


def test_options_at_opening(trained, tokenizer, tmp_path):
    folder = tmp_path / "nli"
    assert Trained.from_pretrained(folder, options={"max_length": 9}).task.options["max_length"] == 9
    for task, options, said in (
        (None, {"labels": ["a"]}, "the option labels was decided in training"),
        ("zero-shot", {"classes": ["a"]}, "the option classes was decided in training"),
        ("zero-shot", {"colour": "red"}, "zero-shot has no option 'colour'"),
    ):
        with pytest.raises(ValueError, match=said):
            Trained.from_pretrained(folder, task, options=options)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Trained.from_pretrained(tmp_path / "nowhere", "zero-shot")


def test_it_is_not_trained(tmp_path):
    with pytest.raises(ValueError, match="zero-shot is not trained: finetune classification on pairs of texts"):
        ab.finetune("zero-shot", examples("pairs", 8), config="tiny", out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("labels", [LABELS, [f"label {i}" for i in range(15)]])
def test_shown(trained, labels):
    (answer,) = trained.zero_shot("a\tb [x]", labels)
    shown = trained.task.show(Candidates("a\tb [x]"), answer)
    assert shown.startswith(f"{next(iter(answer['probabilities']))} 0.") and shown.endswith("\ta\\tb \\[x]")
    assert (", 5 more" in shown) == (len(labels) == 15)


def test_a_vocabulary_of_other_text_is_no_error():
    trained = model_of_inference(train_vocabulary())
    (answer,) = trained.zero_shot("🙂 שלום", ["日本", "🙂"])
    assert set(answer["probabilities"]) == {"日本", "🙂"}
