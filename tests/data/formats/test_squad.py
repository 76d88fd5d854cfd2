"""Questions about passages: the rules of docs/task_files.md, row by row, and random questions in every dialect."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storages import page_table, read_quietly, storages, store, writer

from albert_np.data.formats import Question, read_squad
from albert_np.data.formats.squad import get_valid_answer
from albert_np.tasks.question_answering import QuestionAnswering, answer_tokens

PASSAGE = "Canada: Ada wrote. Ada drew."  # "Ada" is at 8 and 19
PLAIN = {"id": "1", "question": "Who?", "context": PASSAGE}
ADA = (("Ada", 8),)


def nested(*entries, version="v2.0", passage=PASSAGE):
    return json.dumps({"version": version, "data": [{"title": "T", "paragraphs": [{"context": passage, "qas": list(entries)}]}]})


def read(write, value, name="a.jsonl", warns=""):
    """Return the questions of a file with one JSON value, or a text; check its warnings."""
    path = write(name, value if isinstance(value, str) else json.dumps(value))
    (questions, _), notes = read_quietly(read_squad, path)
    assert re.search(warns, " | ".join(notes)) if warns else not notes, notes
    return questions


def refused(write, value, message, name="a.jsonl"):
    path = write(name, value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}.*{message}") as error:
        read_squad(path)
    assert "\n" not in str(error.value)


# ---- one case for each row of the page's table ----


def check_nested(write):
    entry = {"id": "x", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 8}], "plausible_answers": []}
    (question,) = read(write, nested(entry), "a.json")
    assert question == Question("x", "Who?", PASSAGE, ADA, "T")
    for value in (json.loads(nested(entry))["data"], [{"context": PASSAGE, "qas": [entry]}]):
        assert read(write, value, "a.json")[0].answers == ADA
    feff = {"id": "x", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 1}]}
    (question,) = read(write, nested(feff, passage="\ufeffAda"), "a.json")
    assert get_valid_answer(question) == ("Ada", 1)  # U+FEFF counts, as in XQuAD
    assert read_squad(write("b.json", nested(entry, version="1.1")))[1] == 1
    assert [read_squad(write("b.json", nested(entry, version=version)))[1] for version in ("v2.0", "2.0", 2.0)] == [2, 2, 2]
    refused(write, nested({"id": "1"}), r"data\[0\].paragraphs\[0\].qas\[0\]: 'question' is missing", "a.json")
    refused(write, nested("Who?"), r"qas\[0\]: expected an object with 'question'", "a.json")


def check_flat(write):
    flat = {**PLAIN, "answers": {"text": ["Ada"], "answer_start": [8]}}
    for name, text in (("a.jsonl", json.dumps(flat)), ("a.json", json.dumps([flat])), ("b.json", json.dumps({"data": [flat]})),
                       ("c.json", json.dumps(flat) + "\n\n" + json.dumps({**flat, "id": "2"})), ("d.jsonl", json.dumps([flat])),
                       ("e.json", json.dumps({key: [value] for key, value in flat.items()}))):  # fmt: skip
        questions = read(write, text, name)
        assert questions[0] == Question("1", "Who?", PASSAGE, ADA) and len(questions) == (2 if name == "c.json" else 1)
    refused(write, {"data": {}}, "'question' is missing .*; got 'data'", "a.json")
    refused(write, [], "there is no example in it", "a.json")
    refused(write, '{"question": "a", "context": "b"}\n[]\n', ":2: expected an object")


def check_names(write):
    (question,) = read(write, {"qid": 7, "query": "Who?", "passage": PASSAGE, "answers": ["Ada"]})
    assert (question.id, question.text, question.context, question.answers) == ("7", "Who?", PASSAGE, ADA)
    assert (
        question
        == read(write, [{"context_text": PASSAGE, "qas": [{"query_id": "7", "query_text": "Who?", "answers": ["Ada"]}]}])[0]
    )
    examples = read(write, {"qid": 7, "query": "Who?", "passage": PASSAGE, "answers": ["Ada"], "type": 3})
    assert examples.summary.columns == {"question": "query", "context": "passage", "answers": "answers", "id": "qid"}
    assert examples.summary.unused == ["type"]
    other = {"q": "Who?", "body": PASSAGE, "gold": ["Ada"]}
    path, given = write("b.jsonl", json.dumps(other)), {"question": "q", "context": "body", "answers": "gold"}
    task = QuestionAnswering(**given)
    (question,) = task.read(path)
    assert (question.text, question.context, question.answers) == ("Who?", PASSAGE, ADA)
    for key, name in given.items():
        refused_path = write("c.jsonl", json.dumps({k: v for k, v in other.items() if k != name}))
        with pytest.raises(ValueError, match=f"c.jsonl:1: '{name}' is missing .option {key}.; got"):
            task.read(refused_path)
    usual = write("d.jsonl", json.dumps(PLAIN))
    assert task.read_unlabelled(usual)[0].context == PASSAGE  # a file to predict on may have other keys
    task.change_options({"context": "bodies"})
    with pytest.raises(ValueError, match=r"d.jsonl:1: 'q' is missing"):
        task.read_unlabelled(usual)
    refused(write, {"text": "x"}, r":1: 'question' is missing \(option question\); got 'text'")


def check_offsets(write):
    for answers in (
        {"text": ["Ada"], "answer_start": [8]},
        [{"text": "Ada", "answer_start": 8}],
        {"text": "Ada", "answer_start": 8},
    ):
        assert read(write, {**PLAIN, "answers": answers})[0].answers == ADA
    for answers, message in (
        (7, "'answers' must be texts"), ({"a": 1}, "'answers' must hold 'text'"), ([True], "'answers' must be texts"),
        ([{"a": 1}], r"'answers\[0\]' must hold 'text'"), ({"text": [3], "answer_start": [1]}, "'answers' must be texts"),
        ({"text": ["Ada"], "answer_start": []}, "'answers' must hold as many texts as offsets, not 1 and 0"),
    ):  # fmt: skip
        refused(write, {**PLAIN, "answers": answers}, ":1: " + message)


def check_searched(write):
    for extra in ({"answer": "Ada"}, {"answers": ["Ada"]}, {"answers": [{"text": "Ada"}]}, {"answers": {"text": ["Ada"]}}):
        examples = read(write, {**PLAIN, **extra})
        assert examples[0].answers == ADA
        (note,) = examples.summary.notes
        assert "contains several times: the first is taken" in note
    assert read(write, {**PLAIN, "answer": " drew "})[0].answers == (("drew", 23),)
    assert read(write, {**PLAIN, "answer": "anad"})[0].answers == (("anad", 1),)
    assert read(write, {**PLAIN, "context": "价格是一百", "answer": "一百"})[0].answers == (("一百", 3),)
    assert read(write, {**PLAIN, "answer": "Ada", "answer_start": 19})[0].answers == (("Ada", 19),)
    examples = read(write, {**PLAIN, "answer": "Bob"}, warns="in 1 of 1 questions, no answer is in the passage")
    assert examples[0].answers == (("Bob", -1),) and examples.summary.left_out
    refused(write, {**PLAIN, "answer": True}, "'answer' must be texts")


def check_written_offsets(write):
    for start in ("8", 8.0):
        examples = read(write, {**PLAIN, "answers": {"text": ["Ada"], "answer_start": [start]}})
        assert examples[0].answers == ADA and "offset written as" in next(iter(examples.summary.notes))
    for start in ("x", 8.5, True, [8, 9], "NaN"):
        refused(write, {**PLAIN, "answers": [{"text": "Ada", "answer_start": start}]}, ":1: 'answer(s|_start)")


def check_misplaced(write):
    answers = [{"text": "Ada", "answer_start": 3}, {"text": "drew", "answer_start": 23}]
    examples = read(write, {**PLAIN, "answers": answers})
    assert examples[0].answers == (("Ada", 3), ("drew", 23)) and get_valid_answer(examples[0]) == ("drew", 23)
    assert "trained on a later answer" in next(iter(examples.summary.notes))
    wrong = {"question": "Who?", "context": PASSAGE, "answers": answers[:1]}
    many = [{**wrong, "answers": answers}] * 10
    assert read(write, [*many, wrong], "a.json").summary.left_out == {
        "not trained on: no answer is in the passage at its offset": (1, "11")
    }
    read(
        write,
        [*many[:8], wrong],
        "a.json",
        warns="in 1 of 9 questions, no answer is in the passage at its offset; the first is '9'",
    )
    with pytest.raises(ValueError, match="none of the training questions has an answer that is in its passage"):
        QuestionAnswering().learn(read(write, [wrong], "a.json", warns="in 1 of 1"))


def check_unanswerable(write):
    answered = {**PLAIN, "answers": ["drew"]}
    for extra in (
        {"answers": []}, {"answers": {"text": [], "answer_start": []}}, {"answers": [{"text": "", "answer_start": 0}]},
        {"answers": [{"text": "", "answer_start": -1}]}, {"is_impossible": True}, {"is_impossible": "true", "answers": None},
        {"is_impossible": 1, "answers": ["Ada"]},
    ):  # fmt: skip
        examples = read(write, [{**PLAIN, "id": 2, **extra}, answered], "a.json")
        assert (examples[0].answers, examples[0].labelled) == ((), True)
        assert any("unanswerable" in note for note in examples.summary.notes)
        task = QuestionAnswering()
        task.learn(examples)
        assert task.options["unanswerable"] is True
    read(write, [{**PLAIN, "answers": []}], "a.json", warns="all of its questions are unanswerable")
    assert read(write, [{**PLAIN, "answers": ["Ada"], "is_impossible": "False"}], "a.json")[0].answers == ADA
    refused(write, {**PLAIN, "is_impossible": "maybe"}, ":1: 'is_impossible' must be true or false, not 'maybe'")


def check_unknown(write):
    for extra in ({}, {"answers": None}):
        examples = read(
            write, [{**PLAIN, "id": 2, **extra}, {**PLAIN, "answers": ["Ada"]}], "a.json", warns="in 1 of 2 questions"
        )
        assert not examples[0].labelled
        task = QuestionAnswering()
        task.learn(examples)
        assert task.options["unanswerable"] is False
        with pytest.raises(ValueError, match="no answers in 1 of 2 questions, which cannot be scored; the first is '2'"):
            task.score(examples, [{"text": "Ada"}] * 2)
    assert [question.labelled for question in read(write, [PLAIN], "a.json")] == [False]


def check_no_id(write):
    unnamed = {"question": "Who?", "context": PASSAGE, "answers": ["drew"]}
    examples = read(write, [unnamed, unnamed], "a.json")
    assert [question.id for question in examples] == ["1", "2"] and examples.summary.columns["id"] == "the number"
    examples = read(write, [{**unnamed, "id": "2"}, unnamed, {**unnamed, "id": None}], "a.json")
    assert [question.id for question in examples] == ["2", "#2", "3"]
    assert examples.summary.notes["without an id: numbered"] == (2, "#2")
    refused(write, {**unnamed, "id": 1.5}, ":1: 'id' must be a text or an integer")


def check_ids(write):
    refused(write, [PLAIN, PLAIN], ":question 2: the id '1' is at question 1 already", "a.json")


def check_empty(write):
    for key, role in (("context", "passage"), ("question", "question")):
        answered = {**PLAIN, "id": 2, "answers": ["drew"]}
        empty = {**PLAIN, key: " ", "answers": []}
        examples = read(write, [empty, answered], "a.json", warns=f"the {role} is empty in 1 of 2 questions; the first is '1'")
        assert len(examples) == 2


RULES = {
    "SQuAD's JSON: `data`, `paragraphs`, `qas`": check_nested,
    'one object per question: on lines, a list, `{"data": [...]}`': check_flat,
    "`passage` or `context_text`, `query`, `qid`, ... for `context`, `question`, `id`": check_names,
    'answers as `{"text": [...], "answer_start": [...]}` or `[{"text": ..., "answer_start": ...}]`': check_offsets,
    '`"answer": "Ada"`, answers without `answer_start`': check_searched,
    '`"answer_start": "26"` or `26.0`': check_written_offsets,
    "an answer that the passage does not have at its offset": check_misplaced,
    '`"answers": []`, an empty text, `"is_impossible": true`': check_unanswerable,
    "no `answers`, or `null`": check_unknown,
    "no `id`": check_no_id,
    "the same `id` twice": check_ids,
    "an empty passage or question": check_empty,
}


def test_every_rule_of_the_page_has_a_case():
    assert [row[0] for row in page_table("task_files.md", "Question answering: the files")] == list(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_page(tmp_path, rule):
    RULES[rule](writer(tmp_path))


def test_questions_with_unknown_answers_have_no_targets_and_later_answers_have(tmp_path):
    class Characters:
        """A tokenizer of which each character is a token."""

        cls_token_id, sep_token_id = 1, 2

        def encode_text(self, text):
            return [3] * len(text)

        def __call__(self, text, **options):
            import numpy as np

            spans = np.array([(i, i + 1) for i in range(len(text))]).reshape(-1, 2)
            return {"input_ids": np.full((1, len(text)), 3), "offset_mapping": spans[None]}

    task, passage = QuestionAnswering(), "Ada wrote."
    known = Question("1", "Who?", passage, (("Bob", 0), ("wrote", 4)))
    spans = task.encode_passage(passage, Characters())[1]
    assert answer_tokens(known, spans) == (4, 8)
    for question, target in (
        (known, (10, 14)),
        (Question("2", "Who?", passage), (0, 0)),
        (Question("3", "Who?", passage, labelled=False), None),
    ):
        assert [item.target for item in task.items(question, Characters())] == [target]


# ---- random questions ----

CHARACTERS = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "M", "Zs", "Cf"])
PASSAGES = st.text(CHARACTERS, min_size=1, max_size=30).filter(str.strip)
QUESTIONS = st.text(CHARACTERS, min_size=1, max_size=9).filter(str.strip)


@st.composite
def questions_of(draw, passage):
    """Draw (question, answers or None) about a passage; the answers are known, unless there are none at all."""
    starts = draw(st.lists(st.integers(0, len(passage) - 1), max_size=3))
    spans = [(start, draw(st.integers(start + 1, len(passage)))) for start in starts]
    answers = tuple((passage[start:stop], start) for start, stop in spans if passage[start:stop].strip())
    return draw(QUESTIONS), (answers or draw(st.sampled_from([(), None])))


def write_answers(draw, answers):
    """Return the keys that stand for answers with offsets, in a drawn form."""
    if answers is None:
        return draw(st.sampled_from([{}, {"answers": None}]))
    if not answers:
        return draw(st.sampled_from([{"answers": []}, {"answers": {"text": [], "answer_start": []}}, {"is_impossible": True},
                                     {"answers": [{"text": "", "answer_start": 0}]}]))  # fmt: skip
    offset = draw(st.sampled_from([int, str, float]))
    texts, starts = [text for text, _ in answers], [offset(start) for _, start in answers]
    forms = [{"text": texts, "answer_start": starts}, [{"answer_start": b, "text": a, "score": 1} for a, b in zip(texts, starts)]]
    forms += [{"text": texts[0], "answer_start": starts[0]}] * (len(texts) == 1)
    return {
        "answers": draw(st.sampled_from(forms)),
        **draw(st.sampled_from([{}, {"is_impossible": False}, {"is_impossible": "false"}])),
    }


@st.composite
def files(draw):
    """Draw (the questions, the suffix, the lines of a file that holds them)."""
    passages = draw(st.lists(PASSAGES, min_size=1, max_size=3))
    meant, paragraphs = [], []
    has_ids = draw(st.booleans())
    for passage in passages:
        entries = []
        for text, answers in draw(st.lists(questions_of(passage), min_size=1, max_size=3)):
            name = f"q{len(meant)}" if has_ids else str(len(meant) + 1)
            meant.append(Question(name, text, passage, answers or (), labelled=answers is not None))
            keys = {"question": text, **write_answers(draw, answers), **({"id": name} if has_ids else {}), "extra": 3}
            entries.append({key: keys[key] for key in draw(st.permutations(sorted(keys)))})
        paragraphs.append({"qas": entries, "context": passage})
    flat = [{**entry, "context": paragraph["context"]} for paragraph in paragraphs for entry in paragraph["qas"]]
    objects, key = draw(st.sampled_from([(flat, 0), (paragraphs, 0), ([{"title": "", "paragraphs": paragraphs}], 1)]))
    ascii_only = draw(st.booleans())
    form = "data" if key else draw(st.sampled_from(["lines", "list", "data"]))
    if form == "lines":
        return meant, draw(st.sampled_from([".jsonl", ".json"])), [json.dumps(each, ensure_ascii=ascii_only) for each in objects]
    whole = objects if form == "list" else {"version": "v2.0", "data": objects}
    text = json.dumps(whole, ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 2])))
    return meant, ".json", text.split("\n")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=files(), storage=storages())
def test_questions_are_read_back(tmp_path, case, storage):
    meant, suffix, lines = case
    path = store(tmp_path, f"a{suffix}", lines, storage)
    (questions, _), _ = read_quietly(read_squad, path)
    assert questions == meant and questions.summary.examples == len(meant)
    assert all(get_valid_answer(question) == question.answers[0] for question in questions if question.answers)
