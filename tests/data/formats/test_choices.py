"""Questions with choices: the rules of docs/multiple_choice.md, row by row, oddities, and random questions in every storage."""

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storages import DOCS, page_table, read_quietly, storages, store, writer

from albert_np.data.formats import ChoiceQuestion, read_choices
from albert_np.data.formats.choice_forms import FORMS, KeyRules
from albert_np.data.formats.choice_labels import LabelRules
from albert_np.data.formats.choices import questions_from_rows
from albert_np.io.files import DataError

ARTICLE = "Tom fell.\nHe cried."
RACE = {"answers": ["A", "D"], "options": [["hurt", "glad", "new", "old"], ["a", "b", "c", "d"]],
        "questions": ["Tom is _ .", "Why?"], "article": ARTICLE, "id": "high12.txt"}  # fmt: skip
NAMED = [{"text": "ice", "label": "A"}, {"text": "fog", "label": "B"}]
STEM = {"id": "Q1", "question": {"stem": "What is it?", "choices": NAMED}, "answerKey": "B"}
PLAIN = {"question": "What is it?", "choices": ["ice", "fog", "air"], "label": 1}
SWAG = "video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n"
SWAG_FULL = (
    "video-id,fold-ind,startphrase,gold-ending,distractor-0,distractor-1,distractor-2,distractor-3,gold-source,gold-type,"
    "distractor-0-type,distractor-1-type,distractor-2-type,distractor-3-type,sent1,sent2\n"
)
COPA = {"premise": "It broke.", "choice1": "It fell.", "choice2": "It sang.", "question": "cause", "label": 0, "idx": 7}
XML = """<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE copa-corpus SYSTEM "copa.dtd">
<copa-corpus version="1.0">
  <item id="7" asks-for="cause" most-plausible-alternative="1">
    <p>It broke.</p><a1>It fell.</a1><a2>It &quot;sang&quot;.</a2></item>
  <item id="8" asks-for="effect" most-plausible-alternative="2">
    <p>It  broke.</p>
    <a1>x</a1><a2>y</a2>
  </item>
</copa-corpus>
"""


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def read(write, value, name="a.jsonl", warns="", **options):
    """Return the questions of a file with one JSON value, or a text; check its warnings."""
    path = write(name, value if isinstance(value, str | bytes) else json.dumps(value))
    questions, notes = read_quietly(read_choices, path, **options)
    assert re.search(warns, " | ".join(notes)) if warns else not notes, notes
    return questions


def refused(write, value, message, name="a.jsonl", error=DataError, **options):
    path = write(name, value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(error, match=f"^{re.escape(str(path))}.*{message}") as raised:
        read_choices(path, **options)
    assert "\n" not in str(raised.value)


def folder_of(write, **files):
    """Write files {path with __ for /: object} below a folder RACE; return it."""
    for name, value in files.items():
        path = write("x", "").parent / "RACE" / name.replace("__", "/").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    return write("x", "").parent / "RACE"


# ---- one case for each row of the page's table ----


def check_race_folder(write):
    folder = folder_of(write, train__high__12_txt=RACE, train__middle__10_txt={**RACE, "id": "middle10.txt"},
                       train__middle__9_txt={**RACE, "id": "9.txt"})  # fmt: skip
    (folder / "train" / "middle" / "._9.txt").write_bytes(b"\x00\x05")  # macOS's
    (folder / "train" / "middle" / "notes.md").write_text("x")
    questions = read_choices(folder / "train")
    assert [q.id for q in questions] == [f"{name}.txt-{i}" for name in ("9", "middle10", "high12") for i in (0, 1)]
    assert [q.group for q in questions] == ["RACE-M"] * 4 + ["RACE-H"] * 2
    assert questions[0] == ChoiceQuestion("Tom is _ .", tuple(RACE["options"][0]), 0, ARTICLE, "9.txt-0", "RACE-M", True)
    assert questions[1].label == 3 and questions[1].blank is None
    assert "RACE, 3 files in middle and high, 4 choices; context = article" in questions.summary.describe()
    assert [q.group for q in read_choices(folder / "train" / "middle")] == ["RACE-M"] * 4
    assert [q.group for q in read_choices(folder / "train" / "high" / "12.txt")] == ["RACE-H"] * 2, "by the id"
    (folder / "train" / "high" / "13.txt").write_text("[]")
    with pytest.raises(DataError, match=r"high/13\.txt: expected a JSON object, as RACE has them, got '\[\]'"):
        read_choices(folder / "train")
    (folder / "train" / "high" / "13.txt").write_text(json.dumps({**RACE, "answers": ["A"]}))
    with pytest.raises(DataError, match=r"high/13\.txt: 'questions', 'options', 'answers' must have an entry .*, not 2 and 2"):
        read_choices(folder / "train")


def check_race_top(write):
    folder = folder_of(write, train__high__12_txt=RACE, dev__middle__1_txt=RACE)
    with pytest.raises(ValueError, match=r"RACE has the parts train, dev: name one of them, such as .*RACE/train$"):
        read_choices(folder)
    with pytest.raises(DataError, match=r"expected \.txt files in it, or in its folders middle and high"):
        read_choices(folder.parent)
    for name in ("RACE.tar.gz", "r.tgz", "r.tar"):
        refused(write, "", "it is an archive: unpack it, and name the folder of one part", name)
    with pytest.raises(FileNotFoundError):
        read_choices(folder / "test")


def check_race_objects(write):
    for text, name in ((json.dumps(RACE), "a.txt"), (json.dumps(RACE, indent=1), "a.txt"), (json.dumps([RACE]), "a.json")):
        first, second = read(write, text, name)
        assert (first.statements()[0], second.statements()[3]) == ("Tom is hurt .", "Why? d") and first.context == ARTICLE
    assert len(read(write, lines(RACE, {**RACE, "id": "x"}), "a.txt")) == 4
    hub = {"example_id": "middle3.txt", "article": ARTICLE, "question": "Tom_is", "options": ["a ", "b"], "answer": "B"}
    questions = read(write, lines(hub, hub))
    assert [q.id for q in questions] == ["middle3.txt-0", "middle3.txt-1"] and questions[0].group == "RACE-M"
    assert questions[0].statements() == ["Tomais", "Tombis"], "every _ in RACE, as in Google's code"
    assert read(write, {**hub, "question": "a ___ b _"})[0].statements()[1] == "a b b b"
    unlabelled = {key: value for key, value in RACE.items() if key != "answers"}
    assert [q.label for q in read(write, unlabelled)] == [None, None]
    refused(write, {**RACE, "options": "a"}, r":1: 'options' must be a list with an entry for each question")
    refused(write, PLAIN, "the form race .option form. has the keys 'article', .* got 'question'", form="race", error=ValueError)
    assert read(write, {**hub, "x": 1}, form="plain")[0].blank is None


def check_swag(write):
    text = SWAG + 'v,1,He He,"He, ""x"", runs.",He,gold,jumps,"falls\tand\nsits",eats,sleeps,1\n'
    for table in (text, "\ufeff" + text.replace("\n", "\r\n") + "\r\n", "," + text.replace("\nv,", "\n0,v,", 1)):
        (question,) = read(write, table, "a.csv")
        assert question.context == 'He, "x", runs.' and question.label == 1 and len(question.choices) == 4
        assert question.statements()[0] == "He jumps" and "falls\tand" in question.choices[1]
    assert "as in SWAG, 4 choices; context = sent1, question = sent2, choices = ending0, ..., ending3" in (
        read(write, text, "a.csv").summary.describe()
    )
    test = SWAG.replace(",label", "") + "v,1,s,a,b,gold,c,d,e,f\n"
    assert read(write, test, "a.csv")[0].label is None
    refused(write, text.replace(",1\n", ",4\n"), ":3: the label is '4', of 4 choices: expected a number from 0 to 3", "a.csv")
    refused(write, text.replace("eats,", ""), "expected 11 columns, as in line 1, got 10", "a.csv", ValueError)


def check_swag_full(write):
    rows = "".join(f"v,1,s,right {i},a {i},b {i},c {i},{'d' if i % 2 else ''},g,pos,x,x,x,x,He runs.,He\n" for i in range(40))
    questions = read(write, SWAG_FULL + rows, "a.csv")
    assert all(q.choices[q.label] == f"right {i}" for i, q in enumerate(questions))
    assert {len(q.choices) for q in questions} == {4, 5} and len({q.label for q in questions}) > 2
    assert list(questions) == list(read(write, SWAG_FULL + rows, "b.csv"))


def check_hellaswag(write):
    row = {"ind": 24, "activity_label": "Roof", "ctx_a": "A man sits.", "ctx_b": "he", "ctx": "A man sits. he",
           "split": "val", "split_type": "zeroshot", "label": 3, "endings": ["a.", "b.", "c.", "d."]}  # fmt: skip
    (question,) = questions = read(write, row)
    assert question == ChoiceQuestion("he", ("a.", "b.", "c.", "d."), 3, "A man sits.", "24", "zeroshot")
    assert questions.summary.unused == ["activity_label", "ctx", "split"]
    assert read(write, {**row, "label": "3", "ctx_b": ""})[0].statements()[0] == "a."
    assert read(write, {**row, "label": ""})[0].label is None
    assert read(write, {"ctx": "A man.", "endings": ["a", "b"], "label": 1})[0].context == "A man."


def check_copa(write):
    (question,) = read(write, COPA)
    assert question == ChoiceQuestion("What was the cause of this?", ("It fell.", "It sang."), 0, "It broke.", "7")
    assert read(write, {**COPA, "question": "effect"})[0].question == "What happened as a result?"
    assert read(write, {key: value for key, value in COPA.items() if key != "label"})[0].label is None
    refused(write, {**COPA, "question": "why"}, ":1: 'question' must be cause or effect, as in COPA, not 'why'")
    assert read(write, {**COPA, "question": "Why?"}, form="plain", label_kind="index")[0].question == "Why?"


def check_copa_xml(write):
    first, second = read(write, XML, "a.xml")
    assert first == ChoiceQuestion("What was the cause of this?", ("It fell.", 'It "sang".'), 0, "It broke.", "7")
    assert (second.label, second.context) == (1, "It broke.")
    assert read(write, "\ufeff" + XML, "a.txt")[0] == first
    assert read(write, XML.replace(' most-plausible-alternative="2"', ""), "a.xml")[1].label is None
    refused(write, XML.replace("</item>", "", 1), ":10: it is not valid XML: mismatched tag", "a.xml")
    refused(write, XML.replace('="2"', '="3"'), "item 2: 'most-plausible-alternative' must be 1 or 2, not '3'", "a.xml")
    refused(write, XML.replace("<a1>x</a1>", ""), "item 2: <a1> is missing; got <p>, <a2>", "a.xml")
    refused(write, "<a></a>", "expected <item> elements with <p>, <a1> and <a2>, as COPA has them, below <a>", "a.xml")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    refused(write, bomb, "it declares entities, which are not read", "a.xml")


def check_arc(write):
    (question,) = questions = read(write, STEM)
    assert question == ChoiceQuestion("What is it?", ("ice", "fog"), 1, "", "Q1")
    assert "as in ARC (OpenBookQA, CommonsenseQA), 2 choices; question = stem, choices = choices, label = answerKey" in (
        questions.summary.describe()
    )
    concept = json.loads(json.dumps(STEM))
    concept["question"]["question_concept"] = "ice"
    assert read(write, concept).summary.unused == ["question_concept"]
    del concept["answerKey"]
    assert read(write, concept)[0].label is None and read(write, {**concept, "answerKey": ""})[0].label is None


def check_arc_hub(write):
    choices = {"text": ["ice", "fog", "air"], "label": ["1", "2", "3"]}
    hub = {"id": "Q1", "question": "What is it?", "choices": choices, "answerKey": "3"}
    assert read(write, hub)[0] == ChoiceQuestion("What is it?", ("ice", "fog", "air"), 2, "", "Q1")
    book = {"id": "7-9", "question_stem": "What is it?", "choices": choices, "answerKey": "1"}
    assert read(write, book)[0].label == 0
    for names in (["A"], 0, None, [None, None], "AB"):
        choices = {"text": ["a", "b"], "label": names}
        refused(write, {**hub, "choices": choices}, ":1: the labels of 'choices' must be as many as its texts, 2, not")


def check_context(write):
    fact = {**STEM, "fact1": "Ice is frozen."}
    assert read(write, fact)[0].context == "" and read(write, fact).summary.unused == ["fact1"]
    assert read(write, fact, context="fact1")[0].context == "Ice is frozen."


def check_names(write):
    for keys in ({"query": "Q", "options": ["a", "b"], "answer": 1}, {"prompt": "Q", "answers": ["a", "b"], "label": "B"},
                 {"question": "Q", "endings": ["a", "b"], "gold": "b"}):  # fmt: skip
        (question,) = read(write, keys)
        assert (question.question, question.choices, question.label) == ("Q", ("a", "b"), 1)
    assert read(write, {**PLAIN, "passage": "P"})[0].context == "P"
    other = {"q": "Q", "body": "P", "c": ["a", "b"], "right": "a"}
    given = {"question": "q", "context": "body", "choices": ["c"], "label": "right"}
    (question,) = read(write, other, **given)
    assert (question.question, question.context, question.label) == ("Q", "P", 0)
    for role, key in given.items():
        name = key if isinstance(key, str) else key[0]
        without = {k: v for k, v in other.items() if k != name}
        refused(write, without, f"there is no key '{name}' .option {role}.; got", error=ValueError, **given)
    assert read(write, PLAIN, optional=True, **given)[0].label == 1, "a file to predict on may have other keys"
    refused(write, {"a": 1}, r":1: it has no choices \(option choices\): expected keys as in .*; got 'a'", error=ValueError)
    refused(write, {"choices": ["a", "b"]}, r":1: it has no question \(option question\)", error=ValueError)
    refused(write, {**PLAIN, "choices": "a|b"}, r":1: 'choices' must be a list of texts, not 'a\|b'")
    refused(write, {**PLAIN, "question": ["a"]}, ":1: 'question' must be a text, not")


def check_numbered(write):
    winogrande = {"sentence": "The _ is a foo_bar.", "option1": "cup", "option2": "bag", "answer": "2"}
    (question,) = read(write, winogrande)
    assert (question.choices, question.label) == (("cup", "bag"), 1)
    assert question.statements() == ["The cup is a foo_bar.", "The bag is a foo_bar."]
    social = {"context": "c", "question": "q", "answerA": "x", "answerB": "y", "answerC": "z", "label": "3"}
    assert read(write, social)[0].choices == ("x", "y", "z") and read(write, social)[0].label == 2
    table = "id,prompt,A,B,C,answer\n1,Why?,a,b,,B\n2,How?,a,b,c,C\n"
    first, second = read(write, table, "a.csv")
    assert (first.choices, second.choices, second.label) == (("a", "b"), ("a", "b", "c"), 2)
    assert read(write, {"goal": "g", "yes": "a", "no": "b", "label": 0}, choices=["yes", "no"])[0].choices == ("a", "b")
    assert read(write, {"q": "g", "ending1": "a", "ending3": "b", **PLAIN})[0].choices == ("ice", "fog", "air")


def check_tables(write):
    text = 'question\tchoice1\tchoice2\tlabel\nWhy?\t"a\tb\n'
    refused(write, text, "expected 4 columns, as in line 1, got 3", "a.tsv")
    quoted = 'question\tchoice1\tchoice2\tlabel\nWhy?\t"a\tb"\tc\t1\n'
    refused(write, quoted, "expected 4 columns", "a.tsv")
    assert read(write, quoted, "a.tsv", quotes=True)[0].choices == ("a\tb", "c")
    assert read(write, "question;choice1;choice2;label\nWhy?;a;b;1\n", "a.csv")[0].label == 1
    assert read(write, "question|choice1|choice2|label\nWhy?|a|b|1\n", "a.csv", delimiter="pipe")[0].label == 1
    refused(write, "question,choice1,choice2,label\n", "there is no example in it", "a.csv")


def check_named_label(write):
    for names, label, index in (
        (["1", "2", "3"], "2", 1),
        (["A", "B", "C"], "c", 2),
        (["x", "y", "z"], "z", 2),
        ([1, 2, 3], "3", 2),
    ):
        hub = {"question": "Q", "choices": {"text": ["a", "b", "c"], "label": names}, "answerKey": label}
        assert read(write, hub)[0].label == index
    assert read(write, {"question": "Q", "choices": {"B": "x", "A": "y"}, "answer": "A"})[0].choices == ("x", "y")
    assert read(write, {"question": "Q", "choices": {"B": "x", "A": "y"}, "answer": "A"})[0].label == 1


def check_index(write):
    for label in (2, "2", 2.0, " 2 "):
        assert read(write, {**PLAIN, "label": label})[0].label == 2
    questions = read(write, lines({**PLAIN, "label": 3}, {**PLAIN, "label": 1}))
    assert [q.label for q in questions] == [2, 0] and questions.count_from == 1
    assert "labels count from 1" in questions.summary.describe()
    refused(
        write,
        lines({**PLAIN, "label": 3}, {**PLAIN, "label": 0}),
        ":1: the label is 3, of 3 choices: expected a number from 0 to 2",
    )
    assert read(write, {**PLAIN, "label": 2}, count_from=1)[0].label == 1
    refused(write, PLAIN | {"label": 3}, ":1: the label is 3", count_from=0)
    many = lines(*[{**PLAIN, "label": 1}] * 20)
    assert len(read(write, many, warns="taken as counted from 0, and none is 0")) == 20
    assert read(write, many, count_from=1)[0].label == 0


def check_letter_and_text(write):
    for label in ("b", "B", "(B)", "B.", "fog", " fog "):
        assert read(write, {**PLAIN, "label": label})[0].label == 1
    mixed = read(write, lines({**PLAIN, "label": "B"}, {**PLAIN, "label": "fog"}, PLAIN))
    assert [q.label for q in mixed] == [1, 1, 1]


def check_ambiguous(write):
    sums = {"question": "1 + 1?", "choices": ["0", "2", "1"], "label": "2"}
    refused(write, sums, r":1: the label '2' may be the index of choice 3 or the text of choice 2 \(option label_kind\)")
    assert read(write, sums, label_kind="text")[0].label == 1 and read(write, sums, label_kind="index")[0].label == 2
    letters = {"question": "Q", "choices": ["B", "A"], "label": "A"}
    refused(write, letters, "may be the letter of choice 1 or the text of choice 2")
    decided = read(write, lines({"question": "Q", "choices": ["10", "20", "2"], "label": "20"}, sums))
    assert [q.label for q in decided] == [1, 1], "the text alone fits the first, so it is the kind of all"
    assert read(write, {"question": "Q", "choices": ["A", "B"], "label": "B"})[0].label == 1, "both readings agree"
    with pytest.raises(ValueError, match=r"the option form must be one of race, hellaswag, .*, not 'rase'"):
        read_choices("x.jsonl", form="rase")


def check_missing_label(write):
    questions = read(
        write, lines(*({**PLAIN, "label": label} for label in (None, "", " ", -1, "-1", "nan")), PLAIN, {"label": None, **PLAIN})
    )
    assert [q.label for q in questions] == [None] * 6 + [1, 1]
    assert questions.summary.left_out == {"without a label": (6, 1)}
    none = {key: value for key, value in PLAIN.items() if key != "label"}
    assert read(write, none)[0].label is None and read(write, none).summary.left_out == {}
    assert read(write, {"question": "Q", "choices": ["None", "All"], "label": "None"})[0].label == 0, "the text of a choice"
    assert read(write, {"question": "Q", "choices": ["-1", "1"], "label": "-1"})[0].label == 0


def check_misfit(write):
    first, texts = {**PLAIN, "label": 0}, "a letter from A to C or the text of a choice"
    for label, got in ((3, "3"), ("D", "'D'"), ("steam", "'steam'"), (-2, "-2"), (0.5, "0.5")):
        refused(
            write, lines(first, {**PLAIN, "label": label}),
            f":2: the label is {got}, of 3 choices: expected a number from 0 to 2 or {texts}",
        )  # fmt: skip
    refused(write, {**PLAIN, "label": [1]}, ":1: 'label' must be one label, a text or a number, not")
    refused(write, {**PLAIN, "label": True}, ":1: 'label' must be one label")
    refused(write, {**STEM, "answerKey": "E"}, ":1: the label is 'E', of 2 choices: expected one of 'A', 'B'")


def check_few_choices(write):
    for choices in (["a"], []):
        refused(write, lines(PLAIN, {**PLAIN, "choices": choices}), f":2: expected two choices or more, got {len(choices)}")
    refused(write, {**PLAIN, "choices": [["a"], "b"]}, ":1: 'choices' must be a list of texts, not")
    refused(write, lines(PLAIN, {"question": "Q"}), ":2: 'choices' must be a list of texts, not 'None'")


def check_equal(write):
    questions = read(write, lines({**PLAIN, "choices": ["a", "a ", "b"]}, {**PLAIN, "choices": ["a", "", "b"]}))
    assert questions.summary.notes == {"with equal choices": (1, 1), "with an empty choice": (1, 2)}
    assert [len(q.choices) for q in questions] == [3, 3]


def check_counts(write):
    questions = read(write, lines(*({**PLAIN, "choices": list("abcdefg"[:n])} for n in (2, 3, 4, 7))))
    assert [len(q.choices) for q in questions] == [2, 3, 4, 7]
    assert "2 to 7 choices" in questions.summary.describe()
    letters = {"question": "Q", "choices": [f"c{i}" for i in range(30)], "label": 29}
    assert read(write, letters)[0].label == 29


def check_group(write):
    assert read(write, {**PLAIN, "group": "easy"})[0].group == "easy"
    assert read(write, {**PLAIN, "subject": "physics"}, group="subject")[0].group == "physics"
    assert read(write, {**PLAIN, "subject": 3}, group="subject")[0].group == "3"


def check_none(write):
    full = {**PLAIN, "context": "P", "group": "g"}
    assert read(write, full, context="none", group="none", label="none")[0] == ChoiceQuestion(
        "What is it?", ("ice", "fog", "air"), id="1"
    )


def check_no_id(write):
    questions = read(write, lines(PLAIN, {**PLAIN, "id": "1"}, {**PLAIN, "id": 5}))
    assert [q.id for q in questions] == ["#1", "1", "5"]
    refused(write, {**PLAIN, "id": [1]}, r":1: 'id' must be a text or an integer, not '\[1\]'")


def check_ids(write):
    refused(write, lines({**PLAIN, "id": "a"}, PLAIN, {**PLAIN, "id": "a"}), ":3: the id 'a' is at 1 already")


def check_left_out(write):
    questions = read(write, "\ufeff\n" + lines(PLAIN) + "\n \n" + lines({**PLAIN, "source": "x"}))
    assert len(questions) == 2 and questions.summary.unused == ["source"]
    refused(write, lines(PLAIN, [1]), ":2: expected an object such as")
    refused(write, "", "there is no example in it")
    refused(write, "{", "not valid JSON")
    refused(write, "hello", "not valid JSON", "a.txt")
    empty = {"context": " ", "question": "", "choices": ["a", "b"], "label": 0}
    assert len(read(write, empty, warns="1 of 1 questions have no text; the first is '1'")) == 1


RULES = [
    check_race_folder, check_race_top, check_race_objects, check_swag, check_swag_full, check_hellaswag, check_copa,
    check_copa_xml, check_arc, check_arc_hub, check_context, check_names, check_numbered, check_tables, check_named_label,
    check_index, check_letter_and_text, check_ambiguous, check_missing_label, check_misfit, check_few_choices, check_equal,
    check_counts, check_group, check_none, check_no_id, check_ids, check_left_out,
]  # fmt: skip
TABLE = page_table("multiple_choice.md", "Questions with choices: the files")


def test_every_rule_of_the_page_has_a_case():
    assert len(TABLE) == len(RULES), "a row of the page for each function here, in the same order"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_of_the_page(tmp_path, rule):
    rule(writer(tmp_path))


def test_the_options_of_the_page_are_options():
    from albert_np.tasks.multiple_choice import MultipleChoice

    named = {name for *_, cell in TABLE for name in re.findall(r"(\w+)=", cell)}
    assert named == {*MultipleChoice.reading} - {"label", "blanks"}
    forms = {name for *_, cell in TABLE for name in re.findall(r"form=(\w+)", cell)}
    assert forms == set(FORMS) - {"plain"}


def test_the_questions_of_the_page_are_read(tmp_path):
    text = (DOCS / "multiple_choice.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    first, second = read(writer(tmp_path), block)
    assert (first.label, second.label, second.group, second.id) == (0, 0, "easy", "t1")
    assert second.statements() == ["Tom is hurt .", "Tom is glad ."]


# ---- rows in Python, blanks, random questions ----


def test_rows_of_a_data_frame_may_hold_arrays():
    rows = [{"question": "Q", "choices": np.array(["a", "b"]), "label": np.int64(1), "context": float("nan")}]
    (question,) = questions_from_rows(rows, "train", None, KeyRules(), LabelRules(), None)
    assert question == ChoiceQuestion("Q", ("a", "b"), 1, id="1")
    with pytest.raises(DataError, match=r"^train:1: expected two choices or more"):
        questions_from_rows([{"question": "Q", "choices": ["a"]}], "train", None, KeyRules(), LabelRules(), None)


def test_blanks_are_filled_where_they_touch_no_word():
    for question, filled in (("He is _ .", "He is so  so ."), ("He is ____.", "He is so  so."), ("_ is it", "so  so is it"),
                             ("What is a_b?", "What is a_b?  so  so "), ("Is __init__ it?", "Is __init__ it?  so  so "),
                             ("_ and _", "so  so and so  so")):  # fmt: skip
        expected = " ".join(filled.split()) if question != filled[: len(question)] else f"{question}  so  so "
        assert " ".join(ChoiceQuestion(question, (" so  so ", "x")).statements()[0].split()) == " ".join(expected.split())
    assert ChoiceQuestion("He is _ .", ("a", "b"), blank=False).statements()[0] == "He is _ . a"
    assert ChoiceQuestion("a_b", ("x", "y"), blank=True).statements() == ["axb", "ayb"]
    assert ChoiceQuestion("He is _ .", (r"\1", r"\g<0>")).statements() == [r"He is \1 .", r"He is \g<0> ."]


def test_blanks_of_other_files_are_noted_and_can_be_switched_off(tmp_path):
    write = writer(tmp_path)
    value = {"question": "It is _ .", "choices": ["a", "b"], "label": 0}
    assert read(write, value).summary.notes == {"with a blank, _, that each choice fills": (1, 1)}
    questions = read(write, value, blanks=False)
    assert questions.summary.notes == {} and questions[0].statements()[0] == "It is _ . a"


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="_\ufeff\u2028\u2029\x85"), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=2, max_size=5), st.integers(0, 4), TEXTS), min_size=1, max_size=5),
    storages(),
)
def test_random_questions_are_read_as_they_were_written(tmp_path, rows, storage):
    expected, written = [], []
    for i, (question, choices, label, context) in enumerate(rows):
        index = label % len(choices)
        expected.append(ChoiceQuestion(question, tuple(choices), index, context, f"id {i}"))
        written.append(
            json.dumps({"id": f"id {i}", "context": context, "question": question, "choices": choices, "label": index})
        )
    path = store(tmp_path, "a.jsonl", written, storage)
    questions, _ = read_quietly(read_choices, path, count_from=0)
    assert list(questions) == expected
