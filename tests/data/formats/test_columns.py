"""Files in columns: the table of rules in docs/task_files.md, row by row; sentences in every dialect are read back."""

import json
import random
import re
import warnings
from pathlib import Path

import pytest
from columns_as_text import read_as_text, write_signs
from dialects import random_propositions, random_sentences, write_propositions, write_sentences

from albert_np.data.formats import read_propositions, read_tags
from albert_np.metrics import chunks, to_bio
from albert_np.tasks import get_task

PAGE = Path(__file__).parents[3] / "docs" / "task_files.md"


def rules():
    """The rows of the table: (task, file, options, how it is read)."""
    section = PAGE.read_text(encoding="utf-8").split("### Columns")[1].split("\n#")[0]
    for line in (line for line in section.splitlines() if line.startswith("|")):
        _, task, file, options, expected = (cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        if task in ("ner", "srl"):
            yield task, file.strip("`"), options, expected.replace("`", "")


@pytest.fixture
def file(tmp_path):
    def write(content, name="a.conll"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else write_signs(content).encode())
        return path

    return write


def test_the_page_has_rules_for_both_tasks():
    tasks = [task for task, *_ in rules()]
    assert tasks.count("ner") > 30 and tasks.count("srl") > 5


@pytest.mark.parametrize(("task", "content", "options", "expected"), list(rules()))
def test_a_rule_of_the_page(file, task, content, options, expected):
    reader = get_task(task)
    pairs = (each.partition("=") for each in options.replace("`", "").split())
    values = {name: reader.parse_option(name, value) for name, _, value in pairs}
    assert read_as_text(task, file(content), **values) == write_signs(expected)


# ---- what is said ----


def describe(path, task="ner", **options):
    """The summary of a file without its name, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = read_tags if task == "ner" else read_propositions
        summary = read(path, **options).summary
    assert [str(each.message) for each in caught] == [f"{path}: {text}" for text in summary.warnings]
    json.dumps(summary.to_json())
    return summary.describe().removeprefix(f"{path}: "), summary.warnings


def test_columns_and_what_was_left_out_are_said(file):
    text, notes = describe(file("# sent_id = 1⏎1⇥Ada⇥_⇥B-PER⏎2-3⇥xy⇥_⇥_⏎2⇥∅⇥_⇥O⏎3⇥ran⇥_⇥O⏎⏎1⇥It⇥_⇥O⏎2⇥is⇥_⇥O"))
    assert text == (
        "4 columns, counted from 0, separated by tabs; 4 words; word = 1, tag = 3; 2 sentences; "
        "1 comment left out (first: line 1); 1 multiword token left out (first: line 3); "
        "1 empty word left out (first: line 4); options: word, tag, comments, empty"
    )
    assert notes == []
    assert describe(file("#begin document (a)⏎Ada B-PER⏎#end document⏎-DOCSTART- O⏎It O"))[0] == (
        "2 columns, counted from 0, separated by blanks; 2 words, 2 documents; word = 0, tag = 1; 2 sentences; "
        "2 comments left out (first: line 1); 1 -DOCSTART- line left out (first: line 4); options: word, tag, comments"
    )
    assert "separated by tabs, UTF-16" in describe(file("Ada\tB-PER\n".encode("utf-16")))[0]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("Ada PER-B", "TYPE-B"), ("Ada B_PER", "B_TYPE"), ("Ada PER_B", "TYPE_B"), ("Ada B⏎a O", "B and I: ENTITY"),
        ("Ada (PER)⏎is *", "brackets"), ("Ada NER=B-PER", "in NER="),
    ],
)  # fmt: skip
def test_a_scheme_that_was_recognised_is_said(file, content, form):
    assert f"tag = 1 ({form})" in describe(file(content))[0]


def test_doubtful_choices_are_warnings(file):
    germeval = "#⇥http://a.org⇥[2009-10-17]⏎1⇥Ada⇥B-PER⇥O⏎2⇥ran⇥O⇥O"
    text, (note,) = describe(file(germeval))
    assert "tag = 2" in text and note == "column 2 is taken for the tags, since the last, 3, has only O (option tag)"
    germeval = germeval.replace("ran⇥O⇥O", "ran⇥O⇥B-LOC")
    text, (note,) = describe(file(germeval))
    assert "unused: 2 (tags as well)" in text
    assert note == "column 3, the last, is taken for the tags, but column 2 could be meant (option tag=2)"
    assert describe(file(germeval), tag=2)[1] == []
    assert describe(file("Ada NNP I-NP B-PER⏎ran VBD I-VP O"))[1] == []  # chunks are no entities
    assert "option word=1" in describe(file(germeval), word=0, tag=2)[1][0]
    gap = "⏎".join(f"{i}⇥a⇥O" for i in range(1, 30) if i != 20)
    assert describe(file(gap))[1] == ["the numbers of the words have gaps (line 20 has '21'): words may be missing"]
    assert "it is one sentence of 600 words" in describe(file("so O⏎" * 600))[1][0]
    assert describe(file("so O⏎⏎" * 600))[1] == []


def test_predict_needs_no_tags(file):
    ner = get_task("ner")
    path = file("1⇥Ada⇥NNP⏎2⇥ran⇥VBD")
    assert [(each.words, each.tags) for each in ner.read_unlabelled(path)] == [(("Ada", "ran"), None)]
    with pytest.raises(ValueError, match="got 'NNP'; no column has tags"):
        ner.read(path)
    with pytest.warns(UserWarning, match="no tags are read; column 0 of 3 is taken for the words"):
        assert [each.words for each in ner.read_unlabelled(file("Ada ran home", "d.txt"))] == [("Ada",)]
    with pytest.warns(UserWarning, match="no tags are read; column 1 of 3 is taken for the words"):
        get_task("ner", word=1, tag=2).read_unlabelled(file("Ada ran home", "d.txt"))
    with pytest.warns(UserWarning, match="column 0 of 2"):
        assert [each.tags for each in ner.read_unlabelled(file("Ada B-PER⏎ran O⏎to 0", "b.conll"))] == [
            None
        ]  # one cell is no tag
    ner = get_task("ner", word=1, tag=3)  # as trained on a file with four columns
    assert [each.words for each in ner.read_unlabelled(path)] == [("Ada", "ran")]
    assert [each.words for each in ner.read_unlabelled(file("Ada⏎ran", "c.conll"))] == [("Ada", "ran")]
    with pytest.raises(ValueError, match="word=1: it has one column"):
        ner.read(file("Ada⏎ran"))


# ---- refusals ----


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a O", {"word": -3}, "word=-3: it has 2 columns, numbered from 0 to 1"),
        ("a O", {"word": 3}, "word=3: it has 2 columns"), ("a O", {"tag": -5}, "tag=-5: it has 2 columns"),
        ("a", {"tag": 1}, "tag=1: it has one column, number 0"), ("a", {"word": 1}, "word=1: it has one column"),
        ("#end document⏎a O⏎# b⏎c O", {"tag": 5}, "tag=5: it has 2 columns"),
        ("a O", {"word": 1}, "both column 1 of 2"), ("a O x", {"word": -1, "tag": 2}, "both column 2 of 3"),
        ("a O", {"tag": True}, "tag=True: expected the number"), ("a O", {"tag": "1"}, "tag='1': expected the number"),
        ("a O", {"word": 0.0}, "word=0.0: expected the number"), ("a O", {"comments": ""}, "comments='': expected"),
        ("a O", {"comments": 5}, "comments=5: expected"), ("a O", {"empty": "no"}, "empty='no': expected skip, refuse"),
        ("a O", {"scheme": "bio"}, "scheme='bio': expected prefix, suffix, bare, brackets, io"),
        ("a⇥O⏎b⇥", {}, ":2: expected .* got '' "), ("a B-PER⏎b B_PER⏎c O⏎d I-PER", {}, ":2: expected O, B-TYPE.* got 'B_PER'"),
        ("a PER-B⏎b B-x⏎c LOC-I", {}, ":2: expected O, TYPE-B"), ("a (A*⏎b *⏎⏎c *)", {}, ":1: '\\(A\\*' is not closed"),
        ("a (A(B*⏎b *))⏎c *⏎d *⏎e *", {}, ":1: expected .* got '\\(A\\(B\\*'"), ("a B-⏎b O", {}, ":1: expected .* got 'B-'"),
        ("a PER⏎b B-PER⏎c O", {"scheme": "io"}, ":2: expected O or TYPE, without B- and I-|:2: expected O or TYPE"),
        ('{"tokens": ["a"], "tags": ["O"]}', {}, ":1: it looks like JSON"), ("a B-X⏎b *⏎c O⏎d I-X", {}, ":2: .* got '\\*'$"),
        ("0 Ada (S* (PERSON) (0)⏎0 ran *) * -", {"word": 1}, ":1: .* got '\\(0\\)'; column 3 of 5"),
        ("Sentence,Word,Tag⏎1,Ada,B-PER⏎1,ran,O", {}, ":1: lines have ','"), ("a;O⏎b;O", {}, ":1: lines have ';'"),
        ("Sentence #,Word,Tag⏎S: 1,Ada,O" + "⏎,a,O" * 8, {}, ":1: lines have ','"),
        ("B-PER Ada⏎O ran", {}, ":1: .* got 'Ada'; column 0, which is taken for the words, has tags"),
        ("∅ O⏎⏎␣⇥", {}, "there is no example"), ("-DOCSTART- O⏎# a = b", {}, "there is no example"),
        ("#x y z⏎a O", {}, "option comments=#"),
        ("Ada ran⏎It is very cold .⏎So what ?", {}, ":2: expected 2 columns, as in line 1, got 5; each line must have one word"),
    ],
)  # fmt: skip
def test_refusals_name_the_file_and_the_line_or_the_argument(file, content, options, message):
    path = file(content)
    with pytest.raises(ValueError, match=message) as error:
        read_tags(path, **options)
    assert str(error.value).startswith((str(path), *options)) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("I⇥x", {"frame": -1}, "frame=-1: expected the number of a column"),
        ("I⇥x", {"frame": 5}, ":1: expected at least 6 columns"),
        ("I⇥(A0*)⏎see⇥(V*)", {}, ":1: it has none of the forms"), ("-⇥(A0*)⏎see⇥(V*)", {}, ":1: .* no words before them"),
        ("1⇥I⇥I⇥I⇥P⇥P⇥_⇥_⇥2⇥2⇥S⇥S⇥_⇥_⇥A0⏎2⇥see⇥see⇥see⇥V⇥V⇥_⇥_⇥0⇥0⇥R⇥R⇥Y⇥see.01⇥_", {}, ":1: it looks like CoNLL-2009"),
        ("1⇥I⇥I⇥_⇥_⇥_⇥2⇥_⇥_⇥_⏎2⇥see⇥see⇥_⇥_⇥_⇥0⇥_⇥_⇥_", {}, ":1: expected at least 11 columns.*CoNLL-U"),
        ("0⇥∅⇥VB⇥see⇥see.01⇥(V*)⏎1⇥it⇥PRP⇥-⇥-⇥(A1*)", {}, ":1: the word is empty; it is a predicate"),
        ("0⇥see⇥VB⇥see⇥see.01⇥(V*)⏎1⇥∅⇥PRP⇥-⇥-⇥(A1*)", {"empty": "refuse"}, ":2: the word is empty; option empty=skip"),
        ("1-2⇥zum⇥_⇥_⇥_⇥_⇥0⇥_⇥_⇥_⇥_", {}, ":1: "),
    ],
)  # fmt: skip
def test_refusals_of_propositions(file, content, options, message):
    path = file(content)
    with pytest.raises(ValueError, match=message) as error:
        read_propositions(path, **options)
    assert str(error.value).startswith((str(path), *options)) and "\n" not in str(error.value)


# ---- single findings ----


def test_a_border_without_blank_lines_does_not_join_entities(file):
    first, second = read_tags(file("Rivers NNP I-NP I-PER⏎-DOCSTART- -X- O O⏎Stone NNP I-NP I-PER⏎ran VBD I-VP O"))
    assert chunks(first.tags) == [("PER", 0, 1)] and chunks(second.tags) == [("PER", 0, 1)]


def test_sentences_of_conll_u_without_blank_lines(file):
    rows = "# sent_id = {}⏎1-2⇥xy⇥_⇥_⇥_⇥_⇥_⇥_⇥_⇥_⇥_⏎1⇥Mira⇥_⇥_⇥_⇥_⇥0⇥_⇥_⇥_⇥_⏎2⇥ran⇥_⇥_⇥_⇥_⇥1⇥_⇥_⇥_⇥_⏎"
    for text in (rows.format(1) + rows.format(2), re.sub("#.*?⏎", "", rows + rows)):
        assert [each.words for each in read_propositions(file(text))] == [("Mira", "ran")] * 2
    assert "2 multiword tokens left out" in describe(file(rows + rows), "srl")[0]
    one_word = "1⇥Yes⇥_⇥_⇥_⇥_⇥0⇥_⇥_⇥_⇥_⏎"
    assert [each.words for each in read_propositions(file(one_word * 2))] == [("Yes",)] * 2


def test_a_last_line_with_a_byte_order_mark_alone_is_blank(file):
    assert read_as_text("ner", file("a⇥O⏎b⇥B-X⏎\ufeff")) == "a/O b/B-X"
    assert read_as_text("ner", file("\ufeffa⇥O⏎\ufeffb⇥B-X⏎")) == "a/O b/B-X"


def test_invisible_words_and_marks(file):
    assert (
        read_as_text("ner", file("\u200b⇥O⏎\u00a0⇥O⏎a⇥O⏎\u200d⇥B-X⏎\ufeff\u2060⇥O⏎\u3000⇥O⏎a\u200db⇥B-X")) == "a/O a\u200db/B-X"
    )
    assert read_as_text("ner", file("a⇥O⏎\ufe0f⇥O")) == "a/O \ufe0f/O"  # a mark belongs to the word before it
    assert read_as_text("ner", file("a O⏎\u3000 O⏎b O")) == "a/O b/O"


def test_more_forms_that_were_met(file):
    assert read_as_text("ner", file("{b}⏎⏎,")) == "{b} ‖ ,"
    assert (
        read_as_text("ner", file("###MEDLINE:95369245⏎⏎IL-2⇥B-DNA⏎gene⇥I-DNA⏎⏎###MEDLINE:95369246⏎⏎is⇥O"))
        == "IL-2/B-DNA gene/I-DNA ‖ is/O"
    )
    assert read_as_text("ner", file("# id 0d domain=en⏎a _ _ O⏎# _ _ O⏎b _ _ B-X")) == "a/O #/O b/B-X"
    assert read_as_text("ner", file("a⇥B-two words⏎b⇥I-two words⏎c⇥O")) == "a/B-two words b/I-two words c/O"
    assert read_as_text("ner", file("1⇥Bo⇥name=B-PER|SpaceAfter=No⏎2⇥is⇥name=O")) == "Bo/B-PER is/O"
    assert read_as_text("ner", file("a⇥O⏎b⇥B-X⏎\x1a")) == "a/O b/B-X"
    assert read_as_text("srl", file("I⇥PRP⇥-⇥(A0*A0)⏎see⇥VB⇥see⇥(V*V)")) == "I see; see B-A0 B-V"  # CoNLL-2004


def test_numbers_that_are_words(file):
    assert read_as_text("ner", file("1⇥O⏎2⇥O⏎⏎1⇥B-X⏎2⇥I-X")) == "1/O 2/O ‖ 1/B-X 2/I-X"
    assert read_as_text("ner", file("1⇥Ada⏎2⇥ran⏎⏎1⇥It⏎2⇥is")) == "Ada ran ‖ It is"
    assert read_as_text("ner", file("2005⇥CD⇥O")) == "2005/O"


def test_conll_2012_without_some_columns(file):
    rows = "#begin document (x/0)⏎x/0 0 0 where WRB (S* - - - - (ARGM-LOC*) -⏎x/0 0 1 get VB *) get 01 1 - (V*) -⏎⏎#end document"
    assert read_as_text("srl", file(rows)) == "where get; get.01 B-ARGM-LOC B-V"  # no named entities
    rows = "x/0 0 0 where WRB (S* - - - - * (ARGM-LOC*)⏎x/0 0 1 get VB *) get 01 1 - * (V*)⏎"
    assert read_as_text("srl", file(rows)) == "where get; get.01 B-ARGM-LOC B-V"  # no coreference


# ---- random sentences in every dialect ----


@pytest.mark.parametrize("seed", range(300))
def test_sentences_are_read_back_from_every_dialect(tmp_path, seed):
    rng = random.Random(seed)
    sentences = random_sentences(rng)
    data, options = write_sentences(rng, sentences)
    path = tmp_path / "a.conll"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = read_tags(path, **options)
    spans = [(each.words, tuple(chunks(to_bio(each.tags)))) for each in found]
    assert spans == [(words, tuple(entities)) for words, entities in sentences], data.decode(errors="replace")


@pytest.mark.parametrize("seed", range(200))
def test_propositions_are_read_back_from_every_form(tmp_path, seed):
    rng = random.Random(seed)
    sentences = random_propositions(rng)
    path = tmp_path / "a.conll"
    path.write_bytes(write_propositions(rng, sentences))
    found = read_propositions(path)
    assert [(each.words, [(p.index, chunks(p.tags)) for p in each.predicates]) for each in found] == sentences
