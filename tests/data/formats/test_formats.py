"""The readers of the tasks' formats: what they understand, and the one line that each mistake gets."""

import gzip
import json
import lzma
import os
import re
from pathlib import Path

import pytest

from albert_np.data.formats import Labelled, read_parallel, read_propositions, read_relations, read_squad, read_table, read_tags

DATA = os.environ.get("ALBERT_NP_DATA")


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        data = content if isinstance(content, bytes) else content.encode()
        packed = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix)
        path.write_bytes(packed(data) if packed else data)
        return path

    return write


def refused(read, path, line, message, *args):
    """The reader's one line: FILE:LINE: message."""
    place = re.escape(f"{path}:{line}" if line else str(path))
    with pytest.raises(ValueError, match=f"^{place}.*{message}") as error:
        read(path, *args)
    assert "\n" not in str(error.value)


# ---- tables ----


def test_tables_with_a_header(file):
    path = file("a.tsv", "index\tsentence\tlabel\n7\tit's \"quoted\t1\n8\tsecond \u2028 line\t0\n")
    assert read_table(path) == [Labelled("it's \"quoted", None, "1", "7"), Labelled("second \u2028 line", None, "0", "8")]
    path = file("b.csv", '\ufefflabel,text\r\nham,"two\nlines, one field"\r\n')
    assert read_table(path) == [Labelled("two\nlines, one field", None, "ham", "3")]
    path = file("c.tsv.xz", "question1\tquestion2\tlabel\na\tb\t1\n")
    assert read_table(path) == [Labelled("a", "b", "1", "2")]


def test_tables_without_a_header(file):
    assert read_table(file("a.tsv", "good\tfine film\ngood\tnice film\nbad\tdull film\n"))[2] == Labelled(
        "dull film", None, "bad", "3"
    )
    assert read_table(file("cola.tsv", "gj04\t0\t*\tBad the is.\ngj04\t1\t\tIt is.\n"))[0] == Labelled(
        "Bad the is.", None, "0", "1"
    )
    assert read_table(file("one.tsv", "only text\n")) == [Labelled("only text", None, None, "1")]
    path = file("three.tsv", "a\tb\tc\n")
    refused(read_table, path, None, "name the columns")
    assert read_table(path, "3", "2", "1") == [Labelled("c", "b", "a", "1")]


def test_json_lines(file):
    path = file("a.jsonl", '{"text": "x", "label": ["a", "b"]}\n\n{"text": "y", "label": [], "id": 4}\n')
    assert read_table(path) == [Labelled("x", None, ["a", "b"], "1"), Labelled("y", None, [], "4")]
    assert read_table(file("s.tsv", "text\tlabels\nx\ta|b\n"), several=True)[0].label == ["a", "b"]
    assert read_table(file("n.jsonl.gz", '{"text": "x", "score": 2.5}\n'))[0].label == 2.5


def test_mistakes_in_tables(file):
    refused(read_table, file("a.tsv", "text\tlabel\nx\t1\ny\n"), 3, "expected 2 columns, as in line 1, got 1")
    refused(read_table, file("b.tsv", "id\ttext\n1\tx\n1\ty\n"), 3, "the id '1' is at 2 already")
    refused(read_table, file("c.jsonl", '{"text": "x"}\n{"text": '), 2, "not valid JSON")
    refused(read_table, file("d.jsonl", "[1]\n"), 1, "expected a JSON object")
    refused(read_table, file("e.jsonl", '{"text": 3}\n'), 1, "must be a text")
    refused(read_table, file("f.tsv", ""), None, "no example")
    refused(read_table, file("g.tsv", "text\tlabel\n"), None, "no example")
    refused(read_table, file("h.tsv", b"text\tlabel\nfine\t1\n\xff\xfe\t0\n"), 3, "must be UTF-8")
    refused(read_table, file("i.tsv", "text\tlabel\na\0b\t1\n"), 2, "NUL")
    refused(read_table, file("j.tsv", "text\tlabel\nx\t1\n"), None, "there is no column 'review'", "review")
    refused(read_table, file("k.jsonl", '{"text": "x", "label": {"a": 1}}\n'), 1, "a label must be")
    with pytest.raises(FileNotFoundError):
        read_table("nowhere.tsv")


# ---- questions ----

SQUAD = """{"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": "\\ufeffRed sky.", "qas": [
 {"id": "a", "question": "What is red?", "answers": [{"text": "sky", "answer_start": 5}], "is_impossible": false},
 {"id": "b", "question": "Who?", "answers": [], "is_impossible": true}]}]}]}"""


def test_questions(file):
    questions, version = read_squad(file("a.json", SQUAD))
    assert version == 2 and [q.id for q in questions] == ["a", "b"] and questions[1].answers == ()
    text, start = questions[0].answers[0]
    assert questions[0].context[start : start + len(text)] == text  # U+FEFF counts
    line = '{"id": "a", "question": "Who?", "context": "I.", "answers": {"text": ["I"], "answer_start": [0]}}\n'
    assert read_squad(file("a.jsonl", line))[0][0].answers == (("I", 0),)


def test_mistakes_in_questions(file):
    refused(
        read_squad,
        file("a.json", SQUAD.replace('"context"', '"kontext"')),
        None,
        r"data\[0\].paragraphs\[0\].*'context' is missing",
    )
    refused(read_squad, file("b.json", SQUAD.replace('"id": "b"', '"id": "a"')), None, "the id 'a' is at question 1 already")
    refused(read_squad, file("c.json", SQUAD.replace("5}", '"x"}')), None, r"qas\[0\]: 'answer_start' must be a whole number")
    refused(read_squad, file("d.json", '{"data": []}'), None, "no example")
    refused(read_squad, file("e.json", '{"data": '), 1, "not valid JSON")
    refused(read_squad, file("f.json", '{"train": []}'), None, "'question' is missing .*; got 'train'")


# ---- columns ----


def test_tags_of_all_schemes_become_bio(file):
    path = file("a.conll", "-DOCSTART- -X- O\n\nRome NNP B-LOC\n# CD O\n\t\nHe PRP O\r\n")
    first, second = read_tags(path)
    assert (first.words, first.tags, first.line) == (("Rome", "#"), ("B-LOC", "O"), 3) and second.words == ("He",)
    assert read_tags(file("b.conll", "Only\nwords\n"))[0].tags is None
    assert read_tags(path, 1)[0].words == ("NNP", "CD")


def test_mistakes_in_columns(file):
    refused(read_tags, file("a.conll", "Rome\tB-LOC\nhere\n"), 2, "expected 2 columns, as in line 1, got 1")
    refused(read_tags, file("b.conll", "Rome\tLOC\n"), 1, "expected O, B-TYPE.*got 'LOC'")
    refused(read_tags, file("c.conll", "\n\n"), None, "no example")
    with pytest.raises(ValueError, match=r"d\.conll:2: the word is empty \(option empty=skip leaves it out\)"):
        read_tags(file("d.conll", "a\tO\n\tO\n"), empty="refuse")


PROPOSITIONS = """# doc = x sent = 0
0\tHe\tPRP\t-\t-\t(ARG0*)\t(ARG0*)
1\tcame\tVBD\tcome\tcome.01\t(V*)\t*
2\tand\tCC\t-\t-\t*\t*
3\tgave\tVBD\tgive\tgive.01\t*\t(V*)
4\tup\tRP\t-\t-\t*\t(C-V*)
5\tall\tDT\t-\t-\t*\t(ARG1*
6\thope\tNN\t-\t-\t*\t*)

0\tYes\tUH\t-\t-
"""


def test_propositions(file):
    first, second = read_propositions(file("a.conll", PROPOSITIONS))
    assert [(p.index, p.frame) for p in first.predicates] == [(1, "come.01"), (3, "give.01")]
    assert first.predicates[1].tags == ("B-ARG0", "O", "O", "B-V", "B-C-V", "B-ARG1", "I-ARG1")
    assert second.words == ("Yes",) and second.predicates == ()  # a sentence with no predicate


def test_propositions_behind_conll_u(file):
    rows = [
        "1\tI\tI\tPRON\tPRP\t_\t2\tnsubj\t_\t_\t_\t(ARG0*)",
        "2-3\tcannot\t_\t_\t_\t_\t_\t_\t_\t_\t_\t_",
        "2\tsee\tsee\tVERB\tVB\t_\t0\troot\t_\t_\tsee.01\t(V*)",
    ]
    (sentence,) = read_propositions(file("a.conllu", "# text = I see\n" + "\n".join(rows) + "\n"))
    assert sentence.words == ("I", "see") and sentence.predicates[0].tags == ("B-ARG0", "B-V")


def test_mistakes_in_propositions(file):
    broken = PROPOSITIONS.replace("5\tall\tDT\t-\t-\t*\t(ARG1*", "5\tall\tDT\t-\t-\t(ARG1*")
    refused(read_propositions, file("a.conll", broken), 7, "one for each of 2 predicates, got 6")
    refused(
        read_propositions, file("b.conll", PROPOSITIONS.replace("hope\tNN\t-\t-\t*\t*)", "hope\tNN\t-\t-\t*\t*")), 7, "not closed"
    )
    refused(read_propositions, file("c.conll", PROPOSITIONS.replace("*\t(C-V*)", "*\t*)")), 6, "closes what was not opened")
    refused(read_propositions, file("d.conll", PROPOSITIONS.replace("*\t*)", "*\t(X*)")), 8, "begins within ARG1")
    refused(read_propositions, file("e.conll", "0\tHe\tPRP\n"), 1, "at least 5 columns")
    refused(read_propositions, file("f.conll", PROPOSITIONS.replace("(V*)\t*", "V\t*")), 3, "expected")


# ---- relations ----

SEMEVAL = """1\t"The <e1>fire</e1> made <e2>smoke</e2>."
Cause-Effect(e1,e2)
Comment: <e1>

2\t"<e2>Ice</e2> of <e1>water</e1>"
Other
"""


def test_relations(file):
    first, second = read_relations(file("a.txt", SEMEVAL))
    assert first.text == "The fire made smoke." and first.label == "Cause-Effect(e1,e2)"
    assert [first.text[slice(*span)] for span in (first.first, first.second)] == ["fire", "smoke"]
    assert [second.text[slice(*span)] for span in (second.first, second.second)] == ["water", "Ice"]
    assert read_relations(file("b.txt", '5\t"<e1>a</e1> <e2>b</e2>"\n\n'))[0].label is None
    places = '"subj_start": 0, "subj_end": 1, "obj_start": 3, "obj_end": 3'
    tacred = f'[{{"id": "x", "token": ["Ann", "Lee", "runs", "Fo"], {places}, "relation": "r"}}]'
    (example,) = read_relations(file("c.json", tacred))
    assert [example.text[slice(*span)] for span in (example.first, example.second)] == ["Ann Lee", "Fo"] and example.label == "r"


def test_mistakes_in_relations(file):
    refused(read_relations, file("a.txt", SEMEVAL.replace("</e2>.", ".")), 1, "once each")
    refused(read_relations, file("b.txt", SEMEVAL.replace("2\t", "1\t")), 5, "the id '1' is at 1 already")
    refused(read_relations, file("c.txt", '1\t"<e1>a <e2>b</e1> c</e2>"\n'), 1, "must not overlap")
    refused(read_relations, file("d.txt", '1\t"<e1></e1> <e2>b</e2>"\n'), 1, "empty")
    refused(read_relations, file("e.txt", "hello\n"), 1, "expected a number, a tab and a sentence")
    refused(
        read_relations,
        file("f.json", '[{"token": ["a"], "subj_start": 0, "subj_end": 3}]'),
        None,
        "'subj_end' must be a number from 0 to 0",
    )


# ---- translations ----


def test_parallel_files(file):
    a, b = file("a.en", "one\n\ntwo\n"), file("a.de", "eins\n\nzwei\n")
    assert [(p.source, p.target) for p in read_parallel(f"{a},{b}")] == [("one", "eins"), ("two", "zwei")]
    assert read_parallel(file("a.tsv", "one\teins\n"))[0].target == "eins"
    assert read_parallel(file("a.jsonl", '{"translation": {"en": "one", "de": "eins"}}\n'))[0].target == "eins"
    assert read_parallel(file("a.txt", "one\n"))[0].target is None


def test_mistakes_in_parallel_files(file):
    a, b, c = file("a.en", "one\ntwo\n"), file("b.de", "eins\n"), file("c.de", "eins\n\n")
    with pytest.raises(ValueError, match=r"a.en has 2 lines, and .*b.de has 1"):
        read_parallel(f"{a},{b}")
    with pytest.raises(ValueError, match=r"a.en:2: the target is empty"):
        read_parallel(f"{a},{c}")
    refused(read_parallel, file("d.tsv", "one\n"), 1, "expected 2 columns, got 1")
    refused(read_parallel, file("e.jsonl", '{"text": "a"}\n'), 1, "expected 'source' and 'target'.* got 'text'")


@pytest.mark.skipif(not DATA, reason="ALBERT_NP_DATA is not set: the published files of the tasks are not here")
def test_published_files_are_read_whole():
    tasks = Path(DATA or "") / "tasks"
    counts = {
        "sst2/dev.tsv": (read_table, 872), "cola/in_domain_train.tsv": (read_table, 8551),
        "wnut17/train.conll": (read_tags, 3394),
        "semeval2010_task8/train.txt": (read_relations, 8000), "semeval2010_task8/test_full.txt": (read_relations, 2717),
        "propbank_ewt/train.conll.xz": (read_propositions, 12515), "propbank_ewt/dev.conll": (read_propositions, 1940),
    }  # fmt: skip
    with pytest.warns(UserWarning, match="the column 'subject' also holds texts and is not used"):
        mails = read_table(tasks / "spam_assassin/spam_assassin.jsonl.xz")
    assert mails.summary.columns == {"text": "text", "label": "label", "id": "id"} and mails[0].pair is None
    assert len(mails) == 5896
    assert {name: len(read(tasks / name)) for name, (read, _) in counts.items()} == {name: n for name, (_, n) in counts.items()}
    for name, expected in (("policyqa/dev.json", 3809), ("xquad/en.json", 1190), ("xquad/ru.json", 1190)):
        questions, version = read_squad(tasks / name)
        assert (len(questions), version) == (expected, 1)
        assert all(q.context[start : start + len(text)] == text for q in questions for text, start in q.answers)
    pairs = read_parallel(f"{tasks}/multi30k/train.en.gz,{tasks}/multi30k/train.de.gz")
    assert len(pairs) == 29000 and all(pair.target for pair in pairs)


# ---- what the fuzzer found (tests/fuzz) ----


def test_json_of_another_form(file):
    for text, line, message in (
        ('{"source": "a", "target": "b"}\n{"translation": 7}\n', 2, "expected an object with 'source' and 'target'"),
        ("[" * 100_000 + "\n", 1, "it is nested too deeply"),
        ('{"source": "\\ud800", "target": "b"}\n', 1, "it holds half of a surrogate pair"),
        ('{"source": ' + "9" * 5000 + "}\n", 1, "it is not valid JSON: Exceeds the limit"),
    ):
        refused(read_parallel, file("a.jsonl", text), line, message)
    for answers in 7, {"a": 1}, [7], [{"a": 1}]:
        qas = [{"id": "1", "question": "q", "answers": answers}]
        path = file("a.json", json.dumps({"data": [{"paragraphs": [{"context": "c", "qas": qas}]}]}))
        refused(read_squad, path, None, r"'answers(\[0\])?' must (be texts|hold 'text')")
    for answers in {"text": 7, "answer_start": [1]}, {"text": ["a"], "answer_start": []}, {"text": ["a"], "answer_start": [True]}:
        path = file("a.jsonl", json.dumps({"id": "1", "question": "q", "context": "c", "answers": answers}))
        refused(read_squad, path, 1, "'(answers' must (be texts|hold as many)|answer_start' must)")
    for read in read_table, read_squad, read_relations:
        refused(read, file("a.json", "[" * 100_000), None, "it is nested too deeply")
    cells = "\t".join(["x", *"_" * 5, "0", *"_" * 4])
    refused(read_propositions, file("a.conllu", f"{cells}\n"), 1, "it has none of the forms PropBank, CoNLL-2005")
