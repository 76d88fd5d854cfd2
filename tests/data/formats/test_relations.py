"""Sentences with two entities: the rules of docs/task_files.md, row by row, and random examples in every dialect."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storages import page_table, read_quietly, storages, store, writer

from albert_np.data.formats import Related, read_relations
from albert_np.tasks.relation import Relations

WORDS = ["Ann", "Lee", "runs", "Fo"]
PLACES = {"subj_start": 0, "subj_end": 1, "obj_start": 3, "obj_end": 3}
TACRED = {"id": "x", "token": WORDS, **PLACES, "relation": "r"}
OPENNRE = {
    "text": "Ann Lee runs Fo",
    "h": {"name": "ann lee", "pos": [0, 7]},
    "t": {"name": "Fo", "pos": [13, 15]},
    "relation": "r",
}
MEANT = Related("x", "Ann Lee runs Fo", (0, 7), (13, 15), "r")


def read(write, value, name="a.json", warns=""):
    """Return the examples of a file with one JSON value, or a text; check its warnings."""
    path = write(name, value if isinstance(value, str) else json.dumps(value))
    examples, notes = read_quietly(read_relations, path)
    assert re.search(warns, " | ".join(notes)) if warns else not notes, notes
    return examples


def refused(write, value, message, name="a.json"):
    path = write(name, value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}.*{message}") as error:
        read_relations(path)
    assert "\n" not in str(error.value)


# ---- one case for each row of the page's table ----


def check_semeval(write):
    text = '1\t"<e1>Ann Lee</e1> runs <e2> Fo </e2>"\nR(e2,e1)\nComment: <e1>\n\n2\t<e2>a</e2> <e1>b</e1>\nOther\n'
    first, second = read(write, text, "a.txt")
    assert first == Related("1", "Ann Lee runs  Fo ", (0, 7), (14, 16), "R(e2,e1)")
    assert (second.first, second.second, second.label) == ((2, 3), (0, 1), "Other")
    assert read(write, "5\t<e1>a</e1> <e2>b</e2>\tR(e1,e2)\n", "a.tsv")[0].label == "R(e1,e2)"
    refused(write, "id\tsentence\n", ":1: expected a number, a tab and a sentence", "a.txt")
    refused(write, "1\t<e1>a</e1>\n", ":1: expected <e1>...</e1> and <e2>...</e2>, once each", "a.txt")
    refused(write, "1\t<e1>a</e1> <e2>b</e2>\n\n1\t<e1>a</e1> <e2>b</e2>\n", ":3: the id '1' is at 1 already", "a.txt")


def check_tacred(write):
    examples = read(write, [{**TACRED, "subj_type": "PERSON"}])
    assert examples == [MEANT] and examples.summary.unused == ["subj_type"]
    for name, text in (("a.jsonl", json.dumps(TACRED)), ("b.json", json.dumps({"data": [TACRED]})), ("c.txt", json.dumps(TACRED)),
                       ("d.json", json.dumps({key: [value] for key, value in TACRED.items()}))):  # fmt: skip
        assert read(write, text, name) == [MEANT]
    renamed = {"tokens" if key == "token" else key: value for key, value in TACRED.items()}
    assert read(write, [renamed]) == [MEANT]
    examples = read(write, [{**TACRED, "subj_start": "0", "subj_end": 1.0}])
    assert examples == [MEANT] and examples.summary.notes == {"with an index written as 3.0 or '3'": (1, "x")}
    refused(write, [{"token": "Ann", **PLACES}], "expected a list of words under 'token', got 'Ann'")
    refused(write, [{"sents": [], "vertexSet": []}], "element 1: expected the words under 'token'.* got 'sents', 'vertexSet'")
    refused(write, [{"tokens": WORDS, "entities": []}], "element 1: expected the words under 'token'.* got 'tokens', 'entities'")
    refused(write, [TACRED, TACRED], "element 2: the id 'x' is at element 1 already")


def check_opennre(write):
    tokens = {"token": WORDS, "h": {"pos": [0, 2]}, "t": {"pos": [3, 4]}, "relation": "r"}
    for value in (OPENNRE, tokens, {"sentence": OPENNRE["text"], "head": OPENNRE["h"], "tail": OPENNRE["t"], "label": "r"}):
        assert read(write, {**value, "id": "x"}, "a.jsonl") == [MEANT]
    for pos in ([0], [2, 2], [0, 16], [-1, 2], [True, 2], None, [0, 2.5]):
        refused(write, {**OPENNRE, "h": {"pos": pos}}, ":1: .*'h'|:1: 'pos of h'", "a.jsonl")


def check_fewrel(write):
    value = {"tokens": WORDS, "h": ["ann lee", "Q1", [[0, 1], [2]]], "t": ["fo", "Q2", [[3]]]}
    examples = read(write, {"r": [value], "s": [value]})
    assert examples == [Related("1", MEANT.text, MEANT.first, MEANT.second, "r"),
                        Related("2", MEANT.text, MEANT.first, MEANT.second, "s")]  # fmt: skip
    refused(
        write, {"r": [{**value, "h": ["ann", "Q1", [[0, 2]]]}]}, r"r\[0\]: the words of 'h' must follow each other, not \[0, 2\]"
    )


def check_marked(write):
    value = {"sentence": "<e1>Ann Lee</e1> runs <e2>Fo</e2>", "relation": "r", "id": "x"}
    assert read(write, [value]) == read(write, [{**value, "text": value.pop("sentence")}]) == [MEANT]
    refused(write, [{"text": "<e1>Ann", "relation": "r"}], "element 1: expected <e1>...</e1> and <e2>...</e2>, once each")
    refused(write, [{"text": "Ann", "relation": "r"}], "element 1: expected the words")


def check_indices(write):
    for key, value in (
        ("subj_end", 4),
        ("subj_end", -1),
        ("obj_start", None),
        ("obj_start", True),
        ("obj_end", "x"),
        ("obj_end", 3.5),
    ):
        refused(write, [{**TACRED, key: value}], f"element 1: '{key}' must be a number from 0 to 3, not ")
    refused(write, [{**TACRED, "subj_start": 1, "subj_end": 0}], "element 1: 'subj_end' is 0, before 'subj_start', 1")


def check_overlap(write):
    refused(write, [{**TACRED, "obj_start": 1}], "element 1: the entities must not overlap")
    refused(write, [{**TACRED, "token": ["Ann", "Lee", "runs", " "]}], "element 1: an entity is empty")
    refused(write, "1\t<e1>a <e2>b</e1> c</e2>\n", ":1: the entities must not overlap", "a.txt")
    refused(write, "1\t<e1> </e1> <e2>b</e2>\n", ":1: an entity is empty", "a.txt")


def check_names(write):
    inclusive = {**OPENNRE, "h": {"name": "Ann Lee", "pos": [0, 6]}, "t": {"name": "Fo", "pos": [13, 14]}}
    refused(write, [inclusive, inclusive], "element 1: 'h' covers 'Ann Le', not its name 'Ann Lee'; 'pos' must be the first, and")
    assert len(read(write, [OPENNRE, OPENNRE, inclusive]).summary.notes) == 1


def check_no_relation(write):
    for label in ("", " ", "-", -1, "-1", None):
        examples = read(
            write, [{**TACRED, "relation": label}, {**TACRED, "id": "y"}], warns="no relation in 1 of 2 examples; .* 'x'"
        )
        assert [example.label for example in examples] == [None, "r"]
        assert examples.summary.left_out == {"without a relation, so neither trained on nor scored": (1, "x")}
        with pytest.raises(ValueError, match="no relation in 1 of 2 examples, so they cannot be scored; first: 'x'"):
            Relations(labels=["r"]).score(examples, [{"label": "r"}] * 2)
    examples = read(write, [{key: value for key, value in TACRED.items() if key != "relation"}])
    assert examples[0].label is None and "no relations" in examples.summary.format
    assert read(write, "1\t<e1>a</e1> <e2>b</e2>\n\n", "a.txt")[0].label is None
    for label in (["r"], True, 2.5, {"a": 1}):
        refused(write, [{**TACRED, "relation": label}], "element 1: the relation must be a text, not")

    path = write("b.jsonl", json.dumps({**{k: v for k, v in TACRED.items() if k != "relation"}, "kind": "r"}))
    assert Relations(label="kind").read(path) == [MEANT]
    assert Relations(label="kind").read(path).summary.columns["relation"] == "kind"
    (example,) = Relations(label="sort").read_unlabelled(path)
    assert example.label is None and example.text == MEANT.text
    with pytest.raises(ValueError, match=r"b.jsonl: there is no key 'sort' \(option label\); got 'id', 'token'"):
        Relations(label="sort").read(path)


def check_odd_relations(write):
    each = [{**TACRED, "id": i, "relation": name} for i, name in enumerate("abc")]
    read(write, each, warns="each of its 3 relations occurs once")
    read(write, [{**TACRED, "id": i, "relation": i % 2} for i in range(4)], warns="its relations are numbers")


def check_no_id(write):
    unnamed = {key: value for key, value in TACRED.items() if key != "id"}
    assert [example.id for example in read(write, [unnamed, {**unnamed, "id": None}])] == ["1", "2"]
    examples = read(write, [{**unnamed, "id": 2}, unnamed])
    assert [example.id for example in examples] == ["2", "#2"]
    assert examples.summary.notes == {"without an id: numbered": (1, "#2")}
    refused(write, [{**unnamed, "id": [1]}], "element 1: 'id' must be a text or an integer")


RULES = {
    "number, tab, sentence with `<e1>` and `<e2>`; below it the relation, or behind it and a tab": check_semeval,
    "JSON with `token`, `subj_start`, `subj_end`, `obj_start`, `obj_end`, `relation`": check_tacred,
    "JSON with `text` or `token`, `h` and `t` with `pos`, `relation`": check_opennre,
    '`{"P17": [...]}` with `tokens`, `h`, `t`': check_fewrel,
    "JSON with a `text` or `sentence` that has `<e1>` and `<e2>`, and a `relation`": check_marked,
    "an index that is missing, negative or too large; an end before its start": check_indices,
    "entities that overlap or are empty": check_overlap,
    "`pos` that does not cover the `name`": check_names,
    "a relation that is blank, `-`, `-1` or `null`, or none": check_no_relation,
    "relations that occur once each, or are numbers": check_odd_relations,
    "no `id`": check_no_id,
}


def test_every_rule_of_the_page_has_a_case():
    assert [row[0] for row in page_table("task_files.md", "Relations: the files")] == list(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_page(tmp_path, rule):
    RULES[rule](writer(tmp_path))


def test_the_relation_that_is_left_out_of_the_score():
    examples = [Related(str(i), "a b", (0, 1), (2, 3), label) for i, label in enumerate(["NA", "r", "s"])]
    task = Relations()
    task.learn(examples)
    assert task.options["other"] == "NA"
    with pytest.raises(ValueError, match="the option other is 'none', which is not among the relations NA, r, s"):
        Relations(other="none").learn(examples)
    with pytest.warns(UserWarning, match="all 2 training examples have the same label, 'r'"):
        Relations().learn(examples[1:2] * 2)
    with pytest.warns(UserWarning, match="the only training example has the label, 'r'"):
        Relations().learn(examples[1:2])


# ---- random examples ----

WORD = st.text(st.characters(codec="utf-8", categories=["L", "N", "S", "M"], exclude_characters="<>"), min_size=1, max_size=6)
LABELS = st.sampled_from(["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other", "per:title", "NA", None])


@st.composite
def cases(draw):
    """Draw (words, (first, last) of both entities in the order of the words, whether the second comes first, label)."""
    words = draw(st.lists(WORD, min_size=3, max_size=9))
    a, b, c, d = sorted(draw(st.lists(st.integers(0, len(words)), min_size=4, max_size=4)))
    c, d = max(b, c), max(b, c, d)
    b, d = max(b, a + 1), max(d, c + 1)
    if b > c or d > len(words):
        a, b, c, d = 0, 1, 1, len(words)
    spans = [(a, b - 1), (c, d - 1)]
    return words, spans[::-1] if draw(st.booleans()) else spans, draw(LABELS)


def characters(words, span):
    """Return the characters of the words first..last of a text with blanks between words."""
    return len(" ".join([*words[: span[0]], ""])), len(" ".join(words[: span[1] + 1]))


def mark(words, spans):
    """Return the text with <e1> and <e2> around its entities."""
    text = " ".join(words)
    for name, (start, stop) in sorted(
        zip(("e1", "e2"), (characters(words, span) for span in spans)), key=lambda each: -each[1][0]
    ):
        text = f"{text[:start]}<{name}>{text[start:stop]}</{name}>{text[stop:]}"
    return text


def as_object(form, words, spans, label):
    """Return one example in one of the forms of JSON."""
    (a, b), (c, d) = spans
    first, second = (characters(words, span) for span in spans)
    text = " ".join(words)
    return {
        "tacred": {"token": words, "subj_start": a, "subj_end": b, "obj_start": c, "obj_end": d, "subj_type": "X"},
        "words": {"token": words, "h": {"pos": [a, b + 1]}, "t": {"pos": [c, d + 1]}},
        "text": {"text": text, "h": {"name": text[slice(*first)], "pos": list(first)}, "t": {"id": "Q", "pos": list(second)}},
        "marked": {"sentence": mark(words, spans)},
    }[form] | {"relation": label}


@st.composite
def files(draw):
    """Draw (the examples, the suffix, the lines of a file that holds them)."""
    drawn = draw(st.lists(cases(), min_size=1, max_size=4))
    form = draw(st.sampled_from(["semeval", "inline", "tacred", "words", "text", "marked"]))
    has_ids = form in ("semeval", "inline") or draw(st.booleans())
    names = [str(70 + i) if has_ids else str(i + 1) for i in range(len(drawn))]
    meant = [
        Related(name, " ".join(words), *(characters(words, span) for span in spans), label)
        for name, (words, spans, label) in zip(names, drawn)
    ]
    if form == "inline":
        return (
            meant,
            ".tsv",
            [f"{name}\t{mark(words, spans)}\t{label or '-'}" for name, (words, spans, label) in zip(names, drawn)],
        )
    if form == "semeval":
        quote = draw(st.sampled_from(["", '"']))
        lines = []
        for name, (words, spans, label) in zip(names, drawn):
            comment = draw(st.sampled_from([[], ["Comment: it is <e1>"]]))
            lines += [f"{name}\t{quote}{mark(words, spans)}{quote}", *([label] if label else []), *(comment if label else []), ""]
        return meant, ".txt", lines
    objects = [as_object(form, *case) | ({"id": name} if has_ids else {}) for name, case in zip(names, drawn)]
    objects = [{key: each[key] for key in draw(st.permutations(sorted(each)))} for each in objects]
    if draw(st.booleans()):
        return meant, draw(st.sampled_from([".jsonl", ".json", ".txt"])), [json.dumps(each) for each in objects]
    whole = draw(st.sampled_from([objects, {"data": objects}]))
    return meant, ".json", json.dumps(whole, ensure_ascii=False, indent=draw(st.sampled_from([None, 2]))).split("\n")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=files(), storage=storages())
def test_examples_are_read_back(tmp_path, case, storage):
    meant, suffix, lines = case
    path = store(tmp_path, f"a{suffix}", lines, storage)
    examples, _ = read_quietly(read_relations, path)
    assert examples == meant
