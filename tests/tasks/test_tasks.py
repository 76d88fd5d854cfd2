"""Each task: its rows and answers, unusual inputs, and errors."""

from itertools import pairwise

import numpy as np
import pytest
from examples import examples

from albert_np.data.formats import Labelled, Predicate, Propositions, Question, Related, Tagged, Translated
from albert_np.models.padded import IGNORED
from albert_np.tasks import TASKS, batches, get_task
from albert_np.tasks.classification import infer_kind
from albert_np.tasks.ner import TypedText
from albert_np.tasks.question_answering import QuestionAnswering, sentence_around
from albert_np.tasks.relation import mark_entities, marker_ids
from albert_np.tasks.tagging import allowed_transitions, decode_tags, highlight_entities
from albert_np.tasks.translation import dictionary
from albert_np.tasks.words import sliding_windows, split_words
from albert_np.training.units import get_units

LABELS = ["O", "B-A", "I-A", "B-B", "I-B"]


def learned_from(name, given, **options):
    task = get_task(name, **options)
    task.learn(given)
    return task


def learned(name, **options):
    return learned_from(name, examples(name), **options)


# ---- the protocol ----


def test_unknown_tasks_and_options_are_refused():
    with pytest.raises(ValueError, match=r"unknown task 'clasification'; .*; did you mean 'classification'\?$"):
        get_task("clasification")
    with pytest.raises(ValueError, match=r"unknown task 'ne'; expected one of classification, .*file.py:Class"):
        get_task("ne")
    with pytest.raises(ValueError, match="ner has no option 'colour'; expected one of max_length, word, tag"):
        get_task("ner", colour=1)
    with pytest.raises(FileNotFoundError, match=r"there is no file 'nowhere\.py'"):
        get_task("nowhere.py:A")
    with pytest.raises(ValueError, match="Item is not a subclass of"):
        get_task("albert_np.tasks.task:Item")


@pytest.mark.parametrize("name", [name for name in TASKS if not get_task(name).based_on])
def test_rows_fit_the_model(name, tokenizer):
    task = learned(name)
    items = [item for unit in get_units(task, [task.items(e, tokenizer) for e in examples(name, 8)]) for item in unit]
    arrays = task.collate(items)
    assert arrays["lengths"].sum() == len(arrays["ids"]) == len(arrays["token_types"]) == len(arrays["positions"])
    for item in items:
        assert item.ids[0] == tokenizer.cls_token_id and len(item.ids) == len(item.token_types) <= task.options["max_length"]


# ---- windows ----


@pytest.mark.parametrize(
    ("sizes", "room"), [([1] * 10, 4), ([1] * 3, 4), ([3, 1, 1, 4, 2, 2, 1], 5), ([9, 1, 9], 4), ([], 4), ([1] * 100, 7)]
)
def test_every_unit_belongs_to_one_window(sizes, room):
    windows = sliding_windows(sizes, room)
    owned = [unit for window in windows for unit in range(window.own_start, window.own_stop)]
    assert owned == list(range(len(sizes)))
    for start, stop, own_start, own_stop in windows:
        assert start <= own_start <= own_stop <= stop
        assert sum(sizes[start:stop]) <= room or stop == start + 1


def test_windows_overlap_so_that_words_have_context():
    for start, stop, own_start, own_stop in sliding_windows([1] * 1000, 100)[1:-1]:
        assert min(own_start - start, stop - own_stop) >= 20


# ---- tags ----


def test_decoded_tags_are_always_allowed():
    rng = np.random.default_rng(0)
    allowed = allowed_transitions(LABELS)
    assert not allowed[-1, 2] and allowed[1, 2] and allowed[2, 2] and not allowed[3, 2] and not allowed[0, 2]
    for _ in range(50):
        tags = decode_tags(rng.normal(size=(8, 5)) * 3, LABELS)
        rows = [-1, *(LABELS.index(tag) for tag in tags)]
        assert all(allowed[a, b] for a, b in pairwise(rows))


def test_decoded_tags_are_the_most_probable_allowed_ones():
    from itertools import product

    rng = np.random.default_rng(1)
    for _ in range(20):
        scores, allowed = rng.normal(size=(3, 5)), allowed_transitions(LABELS)
        paths = [path for path in product(range(5), repeat=3) if all(allowed[a, b] for a, b in zip([-1, *path], path))]
        best = max(paths, key=lambda path: sum(scores[i, tag] for i, tag in enumerate(path)))
        assert decode_tags(scores, LABELS) == tuple(LABELS[tag] for tag in best)
    assert decode_tags(np.zeros((0, 5)), LABELS) == ()


def test_labels_are_on_first_tokens_and_windows_cover_long_sentences(tokenizer):
    task = learned("ner", max_length=16)
    words = ("Anna", "sees", "xyzxyz", "in", "Paris", ".") * 20
    tags = ("B-PER", "O", "O", "O", "B-LOC", "O") * 20
    items = task.items(Tagged(words, tags), tokenizer)
    assert len(items) > 10 and all(len(item.ids) <= 16 for item in items)
    assert sorted(word for item in items for word, _ in item.about) == list(range(120))
    assert sum(label != IGNORED for item in items for label in item.target) == 120
    for item in items:
        for word, position in item.about:
            assert item.target[position] == task.options["labels"].index(tags[word])
    outputs = [np.eye(len(task.options["labels"]))[np.maximum(item.target, 0)] * 9 for item in items]
    assert task.answer(Tagged(words), items, outputs) == tags


def test_tags_of_other_schemes_are_read_as_bio(tmp_path):
    path = tmp_path / "iob1.conll"
    path.write_text("Ann I-PER\nLee I-PER\nBob B-PER\ncame O\n\nRome\tS-LOC\n", encoding="utf-8")
    first, second = get_task("ner").read(path)
    assert first.tags == ("B-PER", "I-PER", "B-PER", "O") and second.tags == ("B-LOC",)


def test_odd_texts_are_answered(tokenizer):
    task = learned("ner")
    for text in ("", "   ", "😀😀 \u202eשלום\u202c \u0301", "x" * 5000, "\ufeff"):
        example = task.example(text)
        items = task.items(example, tokenizer)
        tags = task.answer(example, items, [np.zeros((len(item.ids), 5)) for item in items])
        answer = task.as_json(example, tags)
        assert len(tags) == len(example.words) and answer["text"] == text
        for entity in answer["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"] != ""


def test_entities_are_located_in_the_typed_text():
    example = TypedText(tuple(word for word, *_ in split_words("Ann  Lee, in Rome[x].")), text="Ann  Lee, in Rome[x].")
    task = get_task("ner", labels=["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
    tags = ("B-PER", "I-PER", "O", "O", "B-LOC", "O", "O", "O", "O")
    assert [(e["type"], e["text"]) for e in task.as_json(example, tags)["entities"]] == [("PER", "Ann  Lee"), ("LOC", "Rome")]
    from rich.text import Text

    assert Text.from_markup(task.show(example, tags)).plain == "[Ann  Lee PER], in [Rome LOC][x]."
    assert Text.from_markup(highlight_entities("a [b] c", [], [])).plain == "a [b] c"


# ---- classification ----


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(["1", "0"], "classes"), (["a", "1.5"], "classes"), (["1.0", "2.5"], "number"), ([1, 2.5], "number"), ([["a"], []], "sets"),
     ([str(i) for i in range(30)], "classes"), (["nan", "1.0"], "classes"), (["1_1", "2_5"], "classes"),
     (["0,5", "3,75"], "number"), (["007", "1.5"], "classes"), ([True, False], "classes"), (["1e5", "2e5"], "classes"),
     (["1.0e5", "2.5"], "number")],
)  # fmt: skip
def test_the_kind_of_labels_is_inferred(labels, kind):
    assert infer_kind(labels) == kind


def test_a_label_unknown_in_training_counts_as_an_error_with_a_warning(tokenizer):
    task = learned("classification")
    new = Labelled("Anna sees the book in Rome.", None, "huge")
    assert task.items(new, tokenizer)[0].target is None
    with pytest.warns(UserWarning, match="labels that do not occur in the training examples.*: 'huge'"):
        assert task.score([new, examples("classification")[0]], [{"label": "large"}, {"label": "small"}])["accuracy"] <= 0.5
    with pytest.warns(UserWarning, match="do not occur in the training examples.*: 'EVENT'"):
        learned("ner").score([Tagged(("a",), ("B-EVENT",))], [("O",)])
    with pytest.raises(ValueError, match="none of the examples has a label, so they cannot be scored"):
        task.score([Labelled("x")], [{"label": "large"}])
    with pytest.raises(ValueError, match="have no labels"):
        get_task("classification").learn([Labelled("x")])
    with pytest.raises(ValueError, match="kind must be one of"):
        get_task("classification", kind="colours").learn(examples("classification"))
    with pytest.raises(ValueError, match="'large' is not a number"):
        get_task("classification", kind="number").learn(examples("classification"))


def test_empty_and_enormous_texts_have_rows(tokenizer):
    task = learned("classification", max_length=16)
    for text, pair in (("", None), ("", ""), ("word " * 100_000, None), ("x" * 100_000, "y " * 50), ("😀 \u202eאב", None)):
        (item,) = task.items(Labelled(text, pair, "small"), tokenizer)
        assert 2 <= len(item.ids) <= 16


def test_baselines():
    three = [Labelled("x", None, "a"), Labelled("y", None, "b"), Labelled("z", None, "b")]
    for labelled, expected in (
        (three, "b"), ([Labelled("x", None, "1.0"), Labelled("y", None, "2.5")], 1.75),
        ([Labelled("x", None, ["a", "b"]), Labelled("y", None, ["b"]), Labelled("z", None, [])], ["b"]),
    ):  # fmt: skip
        task = get_task("classification")
        task.learn(labelled)
        assert [answers[0]["label"] for answers in task.baselines([], labelled).values()] == [expected]
    assert learned("relations").baselines([], examples("relations"))["the commonest relation"][0]["label"] != "Other"
    assert get_task("translation").baselines([], [Translated("a")]) == {"copying": ["a"]}
    task = learned("ner")
    train = [Tagged(("New", "York", "is", "York"), ("B-LOC", "I-LOC", "O", "B-PER"))]
    (answers,) = task.baselines(train, [Tagged(("in", "new", "york", "York"))]).values()
    assert answers == [("O", "B-LOC", "I-LOC", "B-PER")]


# ---- relations ----


def test_markers_stand_around_the_entities(tokenizer):
    example = Related("1", "Anna sees the book in Rome.", (14, 18), (0, 4))
    ids, (first, second) = mark_entities(example, tokenizer, 64)
    marks = marker_ids(tokenizer)  # this vocabulary has neither $ nor #
    assert tokenizer.convert_ids_to_tokens(marks) == ["£", "€"]
    assert ids[first] == marks[0] and ids[second] == marks[1] and second < first
    closing = ids.index(marks[0], first + 1)
    assert tokenizer.decode(ids[first + 1 : closing]).strip() == "book"


def test_long_texts_keep_their_entities(tokenizer):
    text = "so " * 200 + "Anna " + "sees " * 100 + "Rome" + " so" * 200
    example = Related("1", text, (600, 604), (text.index("Rome"), text.index("Rome") + 4))
    ids, (first, second) = mark_entities(example, tokenizer, 32)
    assert len(ids) <= 32 and ids[first] != ids[second]
    with pytest.raises(ValueError, match="the two entities take"):
        mark_entities(Related("1", "Anna " * 50 + "Rome", (0, 249), (250, 254)), tokenizer, 32)


# ---- roles ----


def test_a_sentence_without_predicate_and_one_with_two(tokenizer):
    task = learned("srl")
    none = Propositions(("Yes", "."), ())
    items = task.items(none, tokenizer)
    assert len(items) == 1 and set(items[0].target) <= {IGNORED, 0}
    answer = task.answer(none, items, [np.zeros((len(items[0].ids), 9))])
    assert answer.roles == [] and "no predicate" in task.show(task.example("Yes."), answer)
    two = Propositions(("A", "runs", "and", "sleeps"), (Predicate(1, "", ("O",) * 4), Predicate(3, "", ("O",) * 4)))
    rows = task.items(two, tokenizer)
    assert [row.about[0] for row in rows] == [None, 1, 3] and sum(rows[0].token_types) == 0
    assert all(sum(row.token_types) > 0 for row in rows[1:])
    assert sum(label == task.options["labels"].index("B-V") for label in rows[0].target) == 2


# ---- questions ----


def test_long_passages_are_read_through_windows(tokenizer):
    task = QuestionAnswering(max_length=48)
    context = "Anna sees the book in Paris. " * 60 + "Hugo takes the rope in Oslo."
    question = Question("1", "Who takes the rope?", context, (("Hugo", context.index("Hugo")),))
    items = task.items(question, tokenizer)
    assert len(items) > 10 and all(len(item.ids) <= 48 for item in items)
    with_answer = [item for item in items if item.target != (0, 0)]
    assert 1 <= len(with_answer) <= 3
    for item in with_answer:
        assert tokenizer.decode(item.ids[item.target[0] : item.target[1] + 1]).strip() == "Hugo"
    outputs = []  # logits of a model that finds the answer in every window that contains it
    for item in items:
        start, end = np.zeros(len(item.ids)), np.zeros(len(item.ids))
        start[item.target[0]], end[item.target[1]] = 9, 9
        outputs.append((start, end))
    task.options["unanswerable"] = True
    answer = task.answer(question, items, outputs)
    assert answer["text"] == "Hugo" == context[answer["start"] : answer["end"]]
    assert len({(a["start"], a["end"]) for a in answer["n_best"]}) == len(answer["n_best"])  # each span once
    assert sum(a["probability"] for a in answer["n_best"]) <= 1 + 1e-9


def test_a_passage_of_100_000_words(tokenizer):
    task = QuestionAnswering()
    question = Question("1", "Where is Hugo?", "Anna sees the book. " * 25_000)
    items = task.items(question, tokenizer)
    answer = task.answer(question, items, [(np.zeros(len(item.ids)), np.zeros(len(item.ids))) for item in items])
    assert answer["text"] and len(items) > 500


def test_answers_at_wrong_offsets_are_left_out_with_a_warning(tokenizer):
    task = QuestionAnswering()
    wrong = Question("7", "Who?", "Anna sees the book.", (("Hugo", 0),))
    with pytest.warns(UserWarning, match=r"1 of 2 answers do not stand .* the first is that of '7'"):
        task.learn([wrong, examples("question-answering")[0]])
    assert all(item.target is None for item in task.items(wrong, tokenizer))
    assert task.score([wrong], [{"text": "Hugo"}])["exact_match"] == 1  # but they are scored


def test_empty_passages_and_questions(tokenizer):
    task = QuestionAnswering(unanswerable=True)
    for text, context in (("", ""), ("Who?", ""), ("", "Anna."), ("Who? " * 500, "Anna."), ("😀", "\ufeff😀 אב")):
        question = Question("1", text, context)
        items = task.items(question, tokenizer)
        outputs = [(np.arange(len(item.ids)) * 1.0, np.arange(len(item.ids)) * 1.0) for item in items]
        answer = task.answer(question, items, outputs)
        assert answer["text"] == ("" if answer["start"] is None else context[answer["start"] : answer["end"]])
    with pytest.raises(ValueError, match=r"leaves .* tokens for the passage"):
        QuestionAnswering(max_length=12).items(Question("1", "Who is it that we see there?", "x"), tokenizer)


def test_the_sentence_around_an_answer():
    text = "One. Two is here! Three?\nFour."
    for inside in ("One", "Two", "here", "Three", "Four"):
        first, stop = sentence_around(text, text.index(inside), text.index(inside) + len(inside))
        assert text[first:stop].strip() == next(s for s in ("One.", "Two is here!", "Three?", "Four.") if inside in s)
    assert sentence_around("no end", 0, 2) == (0, 6)


# ---- translation ----


def test_the_dictionary_pairs_words_that_occur_together():
    words = dictionary([("the dog", "der Hund"), ("the cat", "die Katze"), ("a dog", "ein Hund"), ("a cat", "eine Katze")] * 3)
    assert words["dog"] == "Hund" and words["cat"] == "Katze" and dictionary([]) == {}


def test_rows_of_translation(tokenizer):
    task = get_task("translation", max_length=20)
    (item,) = task.items(Translated("Anna sees the book. " * 9, "Anna sieht das Buch. " * 9), tokenizer)
    assert len(item.ids) < 20 and item.ids[item.about - 1] == tokenizer.sep_token_id == item.target[-1]
    arrays = batches.collate_translations([item, item])
    assert arrays["source_lengths"].tolist() == [item.about] * 2
    rows = arrays["masked_rows"].reshape(2, -1)
    assert rows[0][0] == item.about - 1 and rows[1][-1] == 2 * len(item.ids) - 1
    assert arrays["masked_labels"].tolist() == item.target * 2
    assert task.items(Translated("Anna"), tokenizer)[0].target is None


# ---- languages without blanks between words ----


def chinese_question(answer="北京烤鸭"):
    return Question("1", "他喜欢什么?", "他最喜欢北京烤鸭,也喜欢别的菜。", ((answer, 4),))


def test_bleu_follows_the_targets_and_can_be_chosen():
    chinese = [Translated("I like it.", "我喜欢它。"), Translated("Good morning.", "早上好。")]
    task = get_task("translation")
    task.learn(chinese)
    assert task.options["bleu"] == "zh" and "no blanks" in task.notes[0] and "bleu=13a" in task.notes[0]
    german = get_task("translation")
    german.learn(examples("translation"))
    assert german.options["bleu"] == "13a" and german.notes == []
    chosen = get_task("translation", bleu="char")
    chosen.learn(chinese)
    assert chosen.options["bleu"] == "char" and chosen.notes == []
    with pytest.raises(ValueError, match="bleu must be one of 13a, intl, zh, char, none, ja-mecab, ko-mecab, not 'words'"):
        get_task("translation", bleu="words")
    pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: translations cannot be scored")
    scores = task.score(chinese, ["我喜欢它。", "早上好。"])
    assert scores["bleu"] == pytest.approx(100) and "tok:zh" in scores["bleu_signature"]
    assert "tok:zh" in get_task("translation").score(chinese, ["x", "y"])["bleu_signature"]  # of an older version's model
    assert "tok:13a" in get_task("translation", bleu="13a").score(chinese, ["x", "y"])["bleu_signature"]


def test_answers_without_blanks_are_scored_by_characters_too():
    task = get_task("question-answering")
    task.learn([chinese_question()])
    assert task.options["characters"] is True and task.metric == "char_f1" and "char_f1" in task.notes[0]
    scores = task.score([chinese_question()], [{"text": "烤鸭"}])
    assert (scores["f1"], scores["char_f1"]) == (0, pytest.approx(2 * 2 / 6))
    english = learned("question-answering")
    assert english.options["characters"] is False and english.metric == "f1" and english.notes == []
    assert "char_f1" not in english.score(examples("question-answering")[:1], [{"text": "Anna"}])
    words = get_task("question-answering", characters=False)
    words.learn([chinese_question()])
    assert words.metric == "f1" and "char_f1" in words.score([chinese_question()], [{"text": "烤鸭"}])


def test_options_of_older_models_are_enough():
    """Without those that came later, a model answers and is scored as by the version that trained it."""
    from pathlib import Path

    from albert_np.tasks.classification import Classification
    from albert_np.tasks.trained import restore_task

    old = restore_task(QuestionAnswering, {"max_length": 384, "unanswerable": False}, Path("task.json"))
    assert old.metric == "f1"
    old = restore_task(Classification, {"labels": ["a", "b"], "kind": "classes"}, Path("task.json"))
    assert old.example("x\ty") == Labelled("x", "y") and old.example("x") == Labelled("x")


def test_a_tab_makes_a_pair_for_models_of_pairs_alone():
    single, pairs = (learned_from("classification", examples(name)) for name in ("classification", "pairs"))
    assert single.options["pairs"] is False and single.example("x\ty") == Labelled("x\ty")
    assert pairs.options["pairs"] is True and pairs.example("x\ty") == Labelled("x", "y")
    with pytest.raises(ValueError, match="trained on pairs of texts: expected a text, a tab, and the second text"):
        pairs.example("x")
    mixed = learned_from("classification", [*examples("classification"), *examples("pairs")])
    assert mixed.options["pairs"] is None and mixed.example("x\ty").pair == "y" and mixed.example("x").pair is None


def test_an_answer_is_one_line():
    task = learned("classification")
    text = "a\nb\tc\r\x1b[0m\u2028d [x] \\n"
    shown = task.show(Labelled(text), {"label": "small", "probabilities": {"small": 1.0}})
    from rich.text import Text

    assert Text.from_markup(shown).plain == "small 1.00\t" + r"a\nb\tc\r\x1b[0m\u2028d [x] \n"
    ner = learned("ner")
    example = ner.example("Anna\nin\tParis")
    assert Text.from_markup(ner.show(example, ("B-PER", "O", "B-LOC"))).plain == r"[Anna PER]\nin\t[Paris LOC]"
