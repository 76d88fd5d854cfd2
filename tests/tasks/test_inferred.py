"""Folders without task.json, as transformers and `convert --to hf` write them: the task and the labels are in config.json."""

import json

import numpy as np
import pytest

import albert_np as ab
from albert_np.data.formats import ChoiceQuestion, Labelled, Tagged
from albert_np.io.files import DataError
from albert_np.io.load import MissingHeads
from albert_np.tasks import get_task
from albert_np.tasks.inferred import get_labels, infer_task, rename_ids
from albert_np.tasks.tagging import labels_as_tags
from albert_np.tasks.trained import Trained

SIZES = dict(
    embedding_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
    max_position_embeddings=40, initializer_range=0.5,
)  # fmt: skip
TEXT = "Anna sees the apple in Rome."
CLASSIFIER, TAGGER = ab.AlbertForSequenceClassification, ab.AlbertForTokenClassification


@pytest.fixture
def saved(tmp_path, tokenizer):
    """A function: a model's class and config -> its folder with tokenizer.json alone, as transformers 5 saves it."""

    def save(model_class, labels=None, drop=(), **fields):
        fields |= {"id2label": dict(enumerate(labels))} if labels else {}
        config = ab.AlbertConfig(**{**SIZES, "vocab_size": len(tokenizer), **fields})
        model_class(config, seed=1).save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        (tmp_path / "spiece.model").unlink()
        edit(tmp_path, lambda values: [values.pop(key, None) for key in ("sharing", "fusion_layers", "recompute", *drop)])
        return tmp_path

    return save


def edit(folder, change):
    """Change the values of config.json."""
    values = json.loads((folder / "config.json").read_text())
    change(values)
    (folder / "config.json").write_text(json.dumps(values))


def load(folder, said, **options):
    with pytest.warns(UserWarning, match=said):
        return Trained.from_pretrained(folder, **options)


def logits_of(trained, text):
    return trained.model(**trained.tokenizer([text])).logits[0]


def test_classes(saved):
    folder = saved(CLASSIFIER, ["negative", "neutral", "positive"])
    trained = load(folder, r"no task\.json: classification with the labels negative, neutral, positive \(from config\.json\)$")
    assert trained.task.options["max_length"] == 40
    (answer,) = trained.predict(TEXT)
    logits = logits_of(trained, TEXT).astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(list(answer["probabilities"].values()), expected, atol=1e-6)
    assert answer["label"] == ["negative", "neutral", "positive"][expected.argmax()]


@pytest.mark.parametrize("fields, kind", [
    (dict(num_labels=1), "number"), (dict(num_labels=1, problem_type="regression"), "number"),
    (dict(num_labels=3, problem_type="multi_label_classification"), "sets"),
    (dict(num_labels=1, problem_type="multi_label_classification"), "sets"),
    (dict(num_labels=3, problem_type="single_label_classification"), "classes"), (dict(num_labels=3), "classes"),
])  # fmt: skip
def test_the_kind_is_that_of_the_problem_type(saved, fields, kind):
    trained = load(saved(CLASSIFIER, **fields), "a number" if kind == "number" else "the labels LABEL_0")
    assert trained.task.options["kind"] == kind
    label, logits = trained.predict(TEXT)[0]["label"], logits_of(trained, TEXT)
    if kind == "number":
        assert label == pytest.approx(float(logits[0]), abs=1e-6)
    elif kind == "sets":
        assert label == [f"LABEL_{i}" for i in np.flatnonzero(logits > 0)]
    else:
        assert label == f"LABEL_{logits.argmax()}"


def test_labels_are_in_the_order_of_their_ids(saved):
    folder = saved(CLASSIFIER, ["c", "a", "b"])
    edit(folder, lambda values: values.update(id2label={"2": "b", "0": "c", "1": "a"}))
    assert load(folder, "the labels c, a, b").task.options["labels"] == ["c", "a", "b"]
    edit(folder, lambda values: values.update(id2label={"0": "a", "1": "b", "2": "a"}))
    with pytest.raises(ValueError, match=r"id2label of config\.json has the name 'a' for 2 labels"):
        Trained.from_pretrained(folder)
    edit(folder, lambda values: values.update(id2label={"0": "a", "2": "b", "3": "c"}))
    with pytest.raises(ValueError, match=r"config\.json: id2label must map 0, 1, 2, \.\.\. to names"):
        Trained.from_pretrained(folder)


def test_without_names_the_labels_are_those_of_transformers():
    assert get_labels("x", ab.AlbertConfig(num_labels=3)) == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert get_labels("x", ab.AlbertConfig(num_labels=2)) == ["LABEL_0", "LABEL_1"]


def test_ids_in_a_file_mean_the_labels(saved, tmp_path):
    trained = load(saved(CLASSIFIER, ["no", "yes"]), "the labels no, yes")
    texts = [TEXT, "Bela takes the book in Oslo.", "Carl paints the chair."]
    names = [answer["label"] for answer in trained.predict(texts)]
    assert trained.evaluate([Labelled(t, None, name) for t, name in zip(texts, names)])["accuracy"] == 1.0
    file = tmp_path / "x.tsv"
    file.write_text("text\tlabel\n" + "".join(f"{t}\t{['no', 'yes'].index(name)}\n" for t, name in zip(texts, names)))
    with pytest.warns(UserWarning, match="the labels are ids of the model's labels: "):
        assert trained.evaluate(file)["accuracy"] == 1.0


@pytest.mark.parametrize("given, labels, renamed", [
    (["1", "0"], ["no", "yes"], ["yes", "no"]), ([1, 0], ["no", "yes"], ["yes", "no"]),
    (["LABEL_1", None], ["no", "yes"], ["yes", None]), ([["0", "1"], []], ["no", "yes"], [["no", "yes"], []]),
    (["2", "1"], ["no", "yes"], None), (["0", "no"], ["no", "yes"], None), (["1", "0"], ["0", "1"], None), ([None], ["a"], None),
])  # fmt: skip
def test_only_ids_are_renamed(given, labels, renamed):
    examples, said = rename_ids([Labelled("x", None, label) for label in given], labels)
    assert [example.label for example in examples] == (given if renamed is None else renamed)
    assert bool(said) == (renamed is not None)


@pytest.mark.parametrize("labels, tags, entities", [
    (["O", "B-PER", "I-PER"], [1, 2, 0, 2, 1], [("PER", 0, 2), ("PER", 3, 4), ("PER", 4, 5)]),
    (["I-PER", "O", "B-PER"], [0, 0, 1, 0, 2], [("PER", 0, 2), ("PER", 3, 4), ("PER", 4, 5)]),
    (["O", "PER", "LOC"], [1, 1, 0, 2, 1], [("PER", 0, 2), ("LOC", 3, 4), ("PER", 4, 5)]),
    (["O", "B-PER", "I-PER", "E-PER", "S-PER"], [1, 3, 4, 4, 0], [("PER", 0, 2), ("PER", 2, 3), ("PER", 3, 4)]),
    (["O", "B-X", "I-X", "L-X", "U-X"], [1, 2, 3, 0, 4], [("X", 0, 3), ("X", 4, 5)]),
    (["O", "B_PER", "I_PER"], [1, 2, 0, 0, 0], [("PER", 0, 2)]),
    (["NOUN", "VERB"], [0, 0, 1, 0, 1], [("NOUN", 0, 1), ("NOUN", 1, 2), ("VERB", 2, 3), ("NOUN", 3, 4), ("VERB", 4, 5)]),
    (["LABEL_0", "LABEL_1"], [0, 0, 1, 0, 0], [(f"LABEL_{tag}", i, i + 1) for i, tag in enumerate([0, 0, 1, 0, 0])]),
])  # fmt: skip
def test_tags_of_any_scheme(tmp_path, labels, tags, entities):
    """Each word has its most probable tag, as in transformers; plain names in a row are one entity where there is an O."""
    from albert_np.metrics import chunks

    task, _ = infer_task(tmp_path, config_of(TAGGER, labels), 40)
    assert task.name == "ner" and task.options["labels"] == labels and task.options["decoding"] == "each"
    items = task.items(Tagged(("a", "b", "c", "d", "e")), Letters())
    logits = np.full((7, len(labels)), -1.0)
    logits[np.arange(1, 6), tags] = 1
    answer = task.answer(Tagged(("a", "b", "c", "d", "e")), items, [logits])
    assert chunks(answer) == entities
    assert task.answer(Tagged(()), [], []) == ()


def test_types_of_tags_are_known(saved):
    assert labels_as_tags(["O", "PER", "B-LOC", "I_LOC", "B-"]) == ["O", "I-PER", "B-LOC", "I-LOC", "I-B-"]
    trained = load(saved(TAGGER, ["O", "PER", "LOC"]), "ner with the labels O, PER, LOC, for each word the most probable one")
    words = ("Anna", "sees", "Rome")
    assert trained.evaluate([Tagged(words, ("B-PER", "O", "B-LOC"))])["gold"] == 2  # without a warning of unknown types
    assert trained.predict("Anna sees Rome")[0]["text"] == "Anna sees Rome"
    assert trained.task.show(Tagged(words), ("B-PER", "O", "O")).startswith("[bold")


class Letters:
    """A tokenizer of one id for each word."""

    cls_token_id, sep_token_id, unk_token_id = 2, 3, 1

    def encode_batch(self, texts, num_threads):
        return [[ord(text[0])] for text in texts]


def config_of(model_class, labels=None, **fields):
    fields |= {"id2label": dict(enumerate(labels))} if labels else {}
    return model_class.adapt(ab.AlbertConfig(**SIZES, vocab_size=200, **fields))


def test_question_answering(saved):
    trained = load(
        saved(ab.AlbertForQuestionAnswering),
        r"no task\.json: question-answering, every question with an answer \(from config\.json\)",
    )
    question = trained.task.example("Who sees the apple?\tAnna sees the apple in Rome.")
    (answer,) = trained.predict([question])
    assert answer["text"] and question.context[answer["start"] : answer["end"]] == answer["text"]


def test_multiple_choice(saved):
    trained = load(saved(ab.AlbertForMultipleChoice), r"no task\.json: multiple-choice \(from config\.json\)")
    (answer,) = trained.predict("Who sees the apple?\tAnna\tan apple\tRome")
    assert sum(choice["probability"] for choice in answer["choices"]) == pytest.approx(1)
    question = ChoiceQuestion("Who?", ("Anna", "an apple"), 1)
    assert trained.evaluate([question])["total"] == 1 and set(trained.baselines([question])) == {"the longest choice"}
    assert trained.task.options["max_length"] == 40


def test_our_own_classes(tmp_path):
    task, _ = infer_task(tmp_path, config_of(ab.AlbertForRelationClassification, ["no_relation", "In(e1,e2)"]), 40)
    assert task.name == "relations" and task.options["other"] == "no_relation"
    assert infer_task(tmp_path, config_of(ab.AlbertForTranslation), 40)[0].name == "translation"
    task, _ = infer_task(tmp_path, config_of(TAGGER, ["O", "B-V", "I-V"]), 40, "srl")
    assert task.name == "srl" and task.options["labels"] == ["O", "B-V", "I-V"]


@pytest.mark.parametrize("named", ["TFAlbertForSequenceClassification", "FlaxAlbertForSequenceClassification"])
def test_classes_of_other_frameworks(tmp_path, named):
    config = config_of(CLASSIFIER).replace(extra={"architectures": [named]})
    assert infer_task(tmp_path, config, 40)[0].name == "classification"


@pytest.mark.parametrize("named, task, message", [
    ("AlbertForMaskedLM", None, r"without the head of a task: fine-tune it first, finetune TASK .*; as it is, fill-mask"),
    ("AlbertForPreTraining", "ner", "without the head of a task: fine-tune it first, finetune ner"),
    ("AlbertModel", None, r"without the head of a task: .*model$"),
    ("AlbertForNextSentence", None, "names the class 'AlbertForNextSentence', for which there is no task here"),
    ("AlbertForNextSentence", "ner", "trained as AlbertForNextSentence, which is for a task that is not here, not for 'ner'"),
    ("AlbertForTokenClassification", "classification", "which is for ner or srl, not for 'classification'"),
    ("", None, r'names no class under "architectures": name the task, classification'),
])  # fmt: skip
def test_other_classes_are_refused(tmp_path, named, task, message):
    config = config_of(CLASSIFIER).replace(extra={"architectures": [named]} if named else {})
    with pytest.raises(ValueError, match=message):
        infer_task(tmp_path / "model", config, 40, task)


def test_a_named_task_decides_where_config_json_names_no_class(saved):
    folder = saved(CLASSIFIER, ["a", "b"], drop=("architectures",))
    assert load(folder, "classification with the labels a, b", task="classification").predict(TEXT)
    with pytest.raises(ValueError, match="regression of 3 numbers"):
        infer_task(folder, config_of(CLASSIFIER, num_labels=3, problem_type="regression"), 40)


def test_what_a_folder_holds_is_no_wrong_usage(tmp_path):
    """The exit code is 1, as for other contents that cannot be used."""
    with pytest.raises(DataError, match="has the name 'a' for 2 labels"):
        infer_task(tmp_path, config_of(CLASSIFIER, ["a", "a"]), 40)
    with pytest.raises(DataError, match="regression of 3 numbers"):
        infer_task(tmp_path, config_of(CLASSIFIER, num_labels=3, problem_type="regression"), 40)


def test_options_that_are_given_count(tmp_path):
    given = get_task("classification", max_length=12, text="review")
    task, _ = infer_task(tmp_path, config_of(CLASSIFIER, ["no", "yes"]), 40, given)
    assert (task.options["max_length"], task.options["text"], task.options["labels"]) == (12, "review", ["no", "yes"])


def test_missing_heads_are_refused(saved):
    """Python's own from_pretrained initialises them with a note, since training needs it."""
    body = saved(ab.AlbertModel)
    edit(body, lambda values: values.update(architectures=["AlbertForSequenceClassification"]))
    with pytest.raises(
        MissingHeads, match=r"no weights for the task's head \(beside the body it holds pooler\): a new head would"
    ):
        Trained.from_pretrained(body)
    with pytest.warns(UserWarning, match="initialised afresh"):
        CLASSIFIER.from_pretrained(body)
    tagger = saved(TAGGER, ["O", "B-X", "I-X"])
    edit(tagger, lambda values: values.update(architectures=["AlbertForSequenceClassification"]))
    with pytest.raises(MissingHeads, match="no weights for the pooler"):
        Trained.from_pretrained(tagger)
    edit(tagger, lambda values: values.update(architectures=["AlbertForQuestionAnswering"], id2label=None, num_labels=2))
    with pytest.raises(
        MissingHeads, match=r"no weights for the task's head \(beside the body it holds a head for classification\)"
    ):
        Trained.from_pretrained(tagger)


def test_a_folder_without_a_tokenizer_or_a_config(saved, tmp_path):
    folder = saved(CLASSIFIER)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no tokenizer at .*tokenizer\.json$"):
        Trained.from_pretrained(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match=r"holds no task\.json and no config\.json, so it is not a trained model"):
        Trained.from_pretrained(folder)


def test_it_can_be_saved_like_our_own(saved, tmp_path):
    trained = load(saved(CLASSIFIER, ["no", "yes"]), "no, yes")
    trained.save_pretrained(tmp_path / "again")
    again = Trained.from_pretrained(tmp_path / "again")  # without a note: there is a task.json
    assert again.predict(TEXT) == trained.predict(TEXT) and again.task.options == trained.task.options


def test_a_tokenizer_with_more_pieces_than_the_model_is_refused(saved, tokenizer):
    folder = saved(CLASSIFIER, ["no", "yes"], vocab_size=len(tokenizer) - 3)
    with (
        pytest.warns(UserWarning, match="no, yes"),
        pytest.raises(ValueError, match=f"the tokenizer has {len(tokenizer)} pieces, "),
    ):
        Trained.from_pretrained(folder)
    with pytest.raises(ValueError, match=f"but the model's vocab_size is {len(tokenizer) - 3}: this is not the tokenizer that"):
        ab.finetune("classification", [Labelled(TEXT, None, "a"), Labelled("x", None, "b")], model=folder)


def test_fewer_pieces_than_rows_are_no_fault(saved, tokenizer):
    assert load(saved(CLASSIFIER, ["no", "yes"], vocab_size=len(tokenizer) + 9), "no, yes").predict(TEXT)
