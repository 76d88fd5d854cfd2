"""Sentences with their translations: the rules of docs/task_files.md, row by row, and random pairs in every dialect."""

import csv
import io
import json
import os
import re
import threading

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from storages import page_table, read_quietly, storages, store

from albert_np.data.formats import read_parallel
from albert_np.data.formats.parallel_columns import SOURCE, TARGET
from albert_np.tasks.translation import Translation

ONE = [("one", "eins")]


def pairs(examples):
    return [(pair.source, pair.target) for pair in examples]


def lines(*objects):
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects)


def refused(path, message, **options):
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}.*{message}") as error:
        read_parallel(path, **options)
    assert "\n" not in str(error.value)


def noted(path, message, **options):
    """Read a file, of which exactly one warning must be issued, with this text."""
    examples, notes = read_quietly(read_parallel, path, **options)
    assert len(notes) == 1 and re.search(message, notes[0]) and str(path) in notes[0], notes
    assert len(examples.summary.warnings) == 1
    return examples


def write_all(write, **texts):
    """Write files of these names, and return their paths, separated by commas."""
    return ",".join(str(write(name, text)) for name, text in texts.items())


# ---- one case for each row of the page's table ----


def check_two_files(write):
    a, b = write("in/a,b/t.en", "one\n\ntwo"), write("in/a,b/t.de", "eins\n\nzwei\n")
    examples = read_parallel(f"{a},{b}")
    assert pairs(examples) == pairs(read_parallel(f"{a}, {b}")) == [("one", "eins"), ("two", "zwei")]
    assert examples.summary.columns == {"source": str(a), "target": str(b)}
    assert pairs(read_parallel(write("whole,name.tsv", "one\teins\n"))) == ONE
    with pytest.raises(FileNotFoundError, match=r"there is no such file; .* it lacks '[^']*/in/a,b/t.fr'$"):
        read_parallel(f"{a},{b.with_suffix('.fr')}")
    with pytest.raises(ValueError, match=r"j.json: of two files, each must hold one sentence per line"):
        read_parallel(f"{a},{write('j.json', '[]')}")
    noted(f"{b},{a}", "end in .de and .en, but the source is en, and the target is de", languages=["en", "de"])


def check_lengths(write):
    a, b = write("t.en", "one\ntwo\n"), write("t.de", "eins\n")
    with pytest.raises(ValueError, match=r"t.en has 2 lines, and .*t.de has 1: line by line"):
        read_parallel(f"{a},{b}")
    assert pairs(read_parallel(write_all(write, a="one\n \n", b="eins\n"))) == ONE


def check_sources(write):
    examples = read_parallel(write("a.txt", "one\n\ntwo \u2028 lines\n"))
    assert pairs(examples) == [("one", None), ("two \u2028 lines", None)]
    assert examples.summary.describe().endswith(
        "one sentence per line, no translations; 2 sentences; 1 left out, empty (first: line 2)"
    )
    assert pairs(read_parallel(write("deu.txt", "one\teins\n"))) == ONE
    assert len(noted(write("b.txt", "one\teins\ntwo\n"), "1 of 2 lines have tabs")) == 2
    assert pairs(read_parallel(write("c.txt", "one;eins\n"), delimiter="semicolon")) == ONE
    refused(write("a.tmx", "<tmx>\n"), "tmx is not read; convert it")


def check_two_columns(write):
    assert pairs(read_parallel(write("a.tsv", 'one "1"\teins\n'))) == [('one "1"', "eins")]
    assert pairs(read_parallel(write("a.csv", '"one, ""1""",eins\n'))) == [('one, "1"', "eins")]
    assert pairs(read_parallel(write("b.csv", "one, two;eins\none;eins\n")))[1:] == ONE
    assert pairs(read_parallel(write("c.tsv", "one;eins\n"), delimiter="semicolon")) == ONE
    assert pairs(noted(write("d.csv", "o,ne;eins\n"), "comma and semicolon divide all rows alike: the comma is taken")) == [
        ("o", "ne;eins")
    ]
    quoted = write("e.tsv", '"on""e"\teins\n')
    assert pairs(noted(quoted, r"quotation marks are read as text.* line 1 .*option quotes")) == [('"on""e"', "eins")]
    assert pairs(read_parallel(quoted, quotes=True)) == [('on"e', "eins")]
    long = "x" * 200_000
    assert pairs(read_parallel(write("f.csv", f"{long},eins\n"))) == [(long, "eins")]
    refused(write("g.tsv", "one\teins\ntwo\tzwei\tdrei\n"), ":?2: expected 2 columns, as in line 1, got 3")


def check_headers(write):
    for header in ("source\ttarget", "SRC\tTGT", "en\tde", "deu_Latn\teng_Latn", "English\tGerman", "zh-Hans\tzh-Hant",
                   "sentence_en\tsentence_de", "source text\ttarget-text", "en\ttranslation",
                   "English words/sentences\tFrench words/sentences"):  # fmt: skip
        examples = read_parallel(write("a.tsv", f"{header}\none\teins\n"))
        assert pairs(examples) == ONE and "header in line 1" in examples.summary.format, header
        assert list(examples.summary.columns.values()) == header.split("\t")
    assert pairs(read_parallel(write("a.tsv", "target\tid\tsource\neins\t7\tone\n"))) == ONE
    assert pairs(read_parallel(write("a.csv", ",en,de,,\n0,one,eins,,\n"))) == ONE
    assert pairs(read_parallel(write("a.tsv", "en\tde\none\teins\n"), header=False)) == [("en", "de"), *ONE]
    assert pairs(read_parallel(write("a.tsv", "en\tde\none\teins\n"), source="DE", target="1")) == [("eins", "one")]
    refused(write("a.tsv", "en\tde\none\teins\n"), "there is no column or key 'fr'; there are 'en', 'de'", target="fr")
    refused(write("a.tsv", "en\tde\tfr\none\teins\tun\n"), "got 'en', 'de', 'fr'; name them by the options source=NAME")
    assert pairs(read_parallel(write("a.tsv", "en\tde\tfr\none\teins\tun\n"), source="en", target="fr")) == [("one", "un")]


def check_first_rows(write):
    for first in ("so\tso", "German\tDeutsch", "Go on.\tWeiter.", "target\tZiel"):
        assert pairs(read_parallel(write("a.tsv", f"{first}\none\teins\n")))[0] == tuple(first.split("\t"))
    texts = "".join(f"one and {i}\teins und {i}\n" for i in range(3))
    assert len(noted(write("a.tsv", f"phrase_a\tphrase_b\n{texts}"), "line 1, .* is read as an example, .*option header")) == 4
    assert len(read_parallel(write("a.tsv", f"phrase_a\tphrase_b\n{texts}"), header=True)) == 3
    numbered = write("b.tsv", "nr\tphrase\tother\n1\tone\teins\n2\ttwo\tzwei\n")
    assert pairs(noted(numbered, "taken for the header", source="2", target="3"))[:1] == ONE


def check_licence(write):
    text = "one\teins\tCC-BY 2.0 (France) Attribution: tatoeba.org #1 (a)\n"
    examples = read_parallel(write("deu.txt", text))
    assert pairs(examples) == ONE and examples.summary.unused == ["column 3"]
    assert pairs(read_parallel(write("a.tsv", text), source="2", target="1")) == [("eins", "one")]


def check_numbers(write):
    examples = read_parallel(write("a.tsv", "12\tone\t77\teins\n"))
    assert pairs(examples) == ONE and examples.summary.columns == {"source": "column 2", "target": "column 4"}


def check_other_columns(write):
    path = write("a.tsv", "7\tone\teins\n")
    refused(path, r":1: expected 2 columns, got 3, .*source=NUMBER and target=NUMBER")
    assert pairs(read_parallel(path, source="2", target="3")) == ONE
    refused(path, "there is no column or key '4'", source="2", target="4")
    refused(path, "two different columns", source="2", target="2")
    refused(write("b.tsv", "one\n"), ":1: expected 2 columns, got 1")


def check_json_forms(write):
    pair = {"source": "one", "target": "eins"}
    for text in (lines(pair), json.dumps([pair], indent=1), json.dumps({"version": 1, "data": [pair]}),
                 json.dumps({"source": ["one"], "target": ["eins"]}), json.dumps(pair, indent=1),
                 json.dumps({"source": {"0": "one"}, "target": {"0": "eins"}})):  # fmt: skip
        assert pairs(read_parallel(write("a.json", text))) == ONE
    for name in ("a.jsonl", "a.ndjson", "a.txt"):
        assert pairs(read_parallel(write(name, lines(pair)))) == ONE
    assert pairs(read_parallel(write("a.jsonl", json.dumps([pair])))) == ONE
    refused(write("a.json", "[]"), "there is no example in it")
    refused(write("a.json", '{"train": [], "test": []}'), "got 'train', 'test'")
    refused(write("a.jsonl", "[1, 2]\n[3, 4]\n"), ":1: expected an object")


def check_source_and_target(write):
    examples = read_parallel(write("a.jsonl", lines({"id": "1", "target": "eins", "source": "one", "score": 0.5})))
    assert pairs(examples) == ONE and examples.summary.unused == ["id", "score"]
    path = write("b.jsonl", lines({"id": "1", "text": "one", "gloss": "eins"}))
    refused(path, ":1: expected 'source' and 'target'.* got 'id', 'text', 'gloss'; name them by the options source=NAME")
    assert pairs(read_parallel(path, source="text", target="gloss")) == ONE
    refused(write("c.jsonl", lines({"id": "1", "text": "red"})), ":1: expected 'source' and 'target'")
    refused(write("c.jsonl", lines({"id": "merah", "en": "red"})), ":1: expected 'source' and 'target'")
    for value in (3, ["a"], {"a": "b"}, True):
        refused(write("d.jsonl", lines({"source": "one", "target": value})), ":1: 'target' must be a text, not")


def check_languages(write):
    for wrap in (lambda texts: texts, lambda texts: {"id": 1, "translation": texts}):
        first, second = {"en": "red", "de": "rot"}, {"de": "blau", "en": "blue"}
        mixed = write("a.jsonl", lines(wrap(first), wrap(second)))
        assert pairs(noted(mixed, "'en' comes first in the first example, and 'de' in 1 of 2")) == [
            ("red", "rot"),
            ("blue", "blau"),
        ]
        assert pairs(read_parallel(mixed, source="de")) == [("rot", "red"), ("blau", "blue")]
        assert pairs(read_parallel(mixed, languages=["de", "en"])) == [("rot", "red"), ("blau", "blue")]
        sorted_keys = write("b.jsonl", lines(wrap(second)))
        assert pairs(read_parallel(sorted_keys)) == [("blau", "blue")]
        assert pairs(read_parallel(sorted_keys, languages=["en", "de"])) == [("blue", "blau")]
    assert pairs(read_parallel(write("c.jsonl", lines({"translation": {"id": "merah", "en": "red"}})))) == [("merah", "red")]


def check_other_languages(write):
    path = write("a.jsonl", lines({"en": "red", "de": "rot"}, {"en": "blue", "fr": "bleu"}))
    refused(path, ":2: expected 'en', 'de' as in the first example, got 'en', 'fr'")
    refused(write("a.jsonl", lines({"en": "red", "de": "rot"}, {"en": "blue"})), ":2: 'de' is missing")
    three = write("b.jsonl", lines({"en": "red", "de": "rot"}, {"en": "blue", "de": "blau", "fr": "bleu"}))
    refused(three, ":2: expected 'en', 'de'")
    assert len(read_parallel(three, source="en", target="de")) == 2
    refused(
        write("c.jsonl", lines({"source": "red"}, {"source": "red", "target": "rot"})), ":2: expected 'source' as in the first"
    )
    assert len(read_parallel(write("d.jsonl", lines({"en": "red", "de": "rot"}, {"id": 3, "en": "blue", "de": "blau"})))) == 2


def check_no_targets(write):
    for name, text in (("a.jsonl", lines({"source": "one"})), ("a.tsv", "source\none\n"), ("b.tsv", "source\ttarget\none\t\n")):
        examples = read_parallel(write(name, text))
        assert pairs(examples) == [("one", None)] and "no translations" in examples.summary.describe()
        with pytest.raises(ValueError, match=r"the training examples have no translations: .*option target"):
            Translation().learn(examples)
        with pytest.raises(ValueError, match="no translation in 1 of 1 examples"):
            Translation().score(examples, ["x"])
    assert pairs(read_parallel(write("c.jsonl", lines({"en": "one"})), languages=["en", "de"])) == [("one", None)]


def check_empty_pairs(write):
    examples = read_parallel(write_all(write, a="one\n\n\ntwo\n", b="eins\n \n\u00a0\nzwei\n"))
    assert len(examples) == 2 and examples.summary.to_json()["left_out"] == [
        {"reason": "left out, empty", "count": 2, "first": 2}
    ]
    assert len(read_parallel(write("a.jsonl", lines({"en": "", "de": None}, {"en": "a", "de": "b"})))) == 1
    refused(write("b.tsv", "\t\n"), "there is no example")


def check_empty_sides(write):
    for path, place in (
        (write_all(write, a="one\n\n", b="eins\nzwei\n"), "a:2: the source"),
        (write("a.tsv", "one\teins\n \tzwei\n"), "a.tsv:2: the source"),
        (write("a.jsonl", lines({"en": "one", "de": "eins"}, {"en": "two", "de": None})), "a.jsonl:2: the target"),
    ):
        with pytest.raises(ValueError, match=f"{place} is empty, and the .* is not; the option empty=skip"):
            read_parallel(path)
        examples = read_parallel(path, empty="skip")
        assert pairs(examples) == ONE and list(examples.summary.left_out.values()) == [(1, 2)]
    with pytest.raises(ValueError, match="empty must be one of refuse, skip"):
        read_parallel(write("a.tsv", "one\teins\n"), empty="no")


def check_copies(write):
    assert len(noted(write("a.tsv", "one\tone\ntwo\ttwo\nc\td\n"), "the same text in 2 of 3 pairs")) == 3
    path = write("a", "one\ntwo\n")
    _, notes = read_quietly(read_parallel, f"{path},{path}")
    assert len(notes) == 2 and "both files are the same" in notes[0]


RULES = {
    "two files, `train.en,train.de`": check_two_files,
    "two files that differ in length": check_lengths,
    "another single file": check_sources,
    "`.tsv`, `.csv` with two columns": check_two_columns,
    "a first row with `source` and `target` (`src`, `tgt`, ...), or two languages (`en`, `deu_Latn`, `German`)": check_headers,
    "another first row": check_first_rows,
    "three columns, the third with a licence (Anki)": check_licence,
    "four columns, the first and the third with numbers (Tatoeba)": check_numbers,
    "other columns without such names": check_other_columns,
    'JSON: objects on lines, a list, `{"data": [...]}`, `{"en": [...], "de": [...]}`': check_json_forms,
    '`{"source": ..., "target": ...}`': check_source_and_target,
    '`{"en": ..., "de": ...}`, also under `"translation"`': check_languages,
    "a later pair in other languages": check_other_languages,
    "no column of targets": check_no_targets,
    "a pair with both sides empty": check_empty_pairs,
    "a pair with one side empty": check_empty_sides,
    "the same text on both sides of most pairs": check_copies,
}


def test_every_rule_of_the_page_has_a_case():
    table = page_table("task_files.md", "Translation: the files")
    assert [row[0] for row in table] == list(RULES)
    options = {name for row in table for name in re.findall(r"`(\w+)", row[2] if len(row) > 2 else "")}
    assert options == {"source", "target", "header", "delimiter", "quotes", "empty"}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_page(tmp_path, rule):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    RULES[rule](write)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_read_once(tmp_path):
    def feed(name, text):
        os.mkfifo(tmp_path / name)
        threading.Thread(target=lambda: (tmp_path / name).write_text(text), daemon=True).start()
        return tmp_path / name

    assert pairs(read_parallel(feed("a", "one\n"))) == [("one", None)]
    assert pairs(read_parallel(f"{feed('b', 'one')},{feed('c', 'eins')}")) == ONE
    assert pairs(read_parallel(feed("d.tsv", "one\teins\n"))) == ONE
    assert pairs(read_parallel(feed("e.jsonl", lines({"en": "one", "de": "eins"})))) == ONE


def test_a_comma_that_divides_in_two_ways(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("c", "d,e", "c,d", "e"):
        (tmp_path / name).write_text("x\n")
    with pytest.raises(ValueError, match=r"in several ways: \('c', 'd,e'\) or \('c,d', 'e'\); rename one"):
        read_parallel("c,d,e")


def test_all_files_of_a_task_are_read_in_the_direction_of_the_first(tmp_path):
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    train.write_text(lines({"en": "red", "de": "rot"}))
    dev.write_text(lines({"de": "blau", "en": "blue"}))
    task = Translation()
    task.learn(task.read(train))
    assert task.options["languages"] == ["en", "de"] and pairs(task.read(dev)) == [("blue", "blau")]
    later = Translation(**task.options)
    assert pairs(later.read(dev)) == [("blue", "blau")]
    later.change_options({"source": "de"})
    assert pairs(later.read(dev)) == [("blau", "blue")]
    with pytest.raises(ValueError, match="languages was decided in training"):
        later.change_options({"languages": ["de", "en"]})
    files = [tmp_path / "t.en", tmp_path / "t.de"]
    for path in files:
        path.write_text("x\n")
    task = Translation()
    assert read_quietly(task.read, ",".join(map(str, files)))[0] and pairs(task.read(dev)) == [("blue", "blau")]


def test_a_file_to_translate_needs_no_targets_whatever_training_named(tmp_path):
    task = Translation(source="english", target="german")
    partial = lines({"source": "one", "target": ""}, {"source": "two"})
    for name, text in (("a.jsonl", lines({"english": "one"})), ("b.jsonl", partial),
                       ("c.tsv", "one\n"), ("d.tsv", "english\tgerman\none\t\ntwo\tzwei\n"), ("e.csv", "source\none\n"),
                       ("f.txt", "one\n"), ("g.tsv", "one\teins\n")):  # fmt: skip
        (tmp_path / name).write_text(text)
        assert pairs(task.read_unlabelled(tmp_path / name))[0] == ("one", None), name
    task.change_options({"source": "englisch"})
    with pytest.raises(ValueError, match=r"a.jsonl:1: there is no column or key 'englisch'; there are 'english'"):
        task.read_unlabelled(tmp_path / "a.jsonl")
    numbered = Translation(source="2", target="3")
    (tmp_path / "h.tsv").write_text("7\tone\n")
    assert pairs(numbered.read_unlabelled(tmp_path / "h.tsv")) == [("one", None)]


# ---- random pairs ----

WORDS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "M"], exclude_characters="\ufeff"), min_size=1, max_size=8
)
TEXTS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
NAMES = st.sampled_from(
    [*zip(SOURCE, TARGET), ("en", "de"), ("de", "en"), ("zh", "eng_Latn"), ("sentence_fr", "text_es"), ("German", "sl")]
)
EXTRA = st.sampled_from(["id", "idx", "score", "alignment", "domain"])


@st.composite
def json_files(draw):
    """Draw (the pairs, the suffix, the lines of a JSON file that holds them, the options)."""
    examples = draw(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
    names = draw(NAMES)
    is_language = not names[0].startswith("s") or names[0].startswith("sentence")
    wrapped = draw(st.booleans()) if is_language else False
    options = {}
    if draw(st.booleans()):
        options = draw(st.sampled_from([dict(zip(("source", "target"), names)), {"languages": list(names)}]))
    objects = []
    for i, pair in enumerate(examples):
        texts = dict(zip(names, pair))
        if (i or options) and draw(st.booleans()):
            texts = dict(reversed(texts.items()))
        extra = {key: draw(st.one_of(st.integers(), TEXTS)) for key in draw(st.lists(EXTRA, max_size=2))}
        whole = {**extra, "translation": texts} if wrapped else {**extra, **texts}
        objects.append(dict(sorted(whole.items())) if (options or not is_language) and draw(st.booleans()) else whole)
    ascii_only = draw(st.booleans())
    suffix = draw(st.sampled_from([".jsonl", ".json"]))
    form = draw(st.sampled_from(["lines", "list", "data"]))
    if form == "lines":
        text = [json.dumps(each, ensure_ascii=ascii_only) for each in objects]
    else:
        whole = objects if form == "list" else {"about": "x", "data": objects}
        text = json.dumps(whole, ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 1]))).split("\n")
        suffix = ".json" if form == "data" else suffix
    return examples, suffix, text, options


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=json_files(), storage=storages())
def test_json_is_read_back(tmp_path, case, storage):
    examples, suffix, text, options = case
    path = store(tmp_path, f"a{suffix}", text, storage)
    assert pairs(read_quietly(read_parallel, path, **options)[0]) == examples


@st.composite
def tables(draw):
    """Draw (the pairs, the suffix, the lines of a table that holds them, the options)."""
    examples = draw(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
    header = draw(st.sampled_from([None, None, ("source", "target"), ("en", "de"), ("a b", "c d")]))
    order = draw(st.permutations([0, 1, 2][: draw(st.integers(2, 3))]))
    rows = [[(*pair, f"note {i}")[k] for k in order] for i, pair in enumerate(examples)]
    options = {}
    if header:
        rows.insert(0, [(*header, "note")[k] for k in order])
    if header in (None, ("a b", "c d")) or (header[0] == "en" and order.index(0) > order.index(1)):
        options = {"source": str(order.index(0) + 1), "target": str(order.index(1) + 1), "header": header is not None}
    suffix = draw(st.sampled_from([".tsv", ".csv"]))
    delimiter = draw(st.sampled_from(",;\t")) if suffix == ".csv" else "\t"
    if delimiter != "\t":
        options["delimiter"] = delimiter
    out = io.StringIO()
    if suffix == ".csv":
        options["delimiter"] = delimiter
        csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
        return examples, suffix, out.getvalue().split("\n")[:-1], options
    return examples, suffix, ["\t".join(row) for row in rows], options


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=tables(), storage=storages(), last=st.booleans())
def test_a_table_is_read_back(tmp_path, case, storage, last):
    examples, suffix, text, options = case
    assume(options or not any(re.fullmatch(r"[a-z]+", side) for side in examples[0]))  # a first pair that may be a header
    path = store(tmp_path, f"a{suffix}", text, storage, last)
    assert pairs(read_quietly(read_parallel, path, **options)[0]) == examples


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    examples=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5), first=storages(), second=storages(), last=st.booleans()
)
def test_two_files_are_read_back(tmp_path, examples, first, second, last):
    blank = [("", ""), *examples, (" ", "\u3000")]
    a, b = (
        store(tmp_path, name, [pair[i] for pair in blank], s, last) for i, (name, s) in enumerate((("a,b", first), ("c", second)))
    )
    result = read_quietly(read_parallel, f"{a},{b}")[0]
    assert pairs(result) == examples and result.summary.left_out["left out, empty"][0] == 2
