"""The official layouts of GLUE, SuperGLUE and SQuAD, exports and original releases: the right examples, and clear refusals."""

import json
import os
from pathlib import Path

import benchmark_files as files
import pytest
from benchmark_files import PAIRS, row, write

from albert_np.data.formats import Labelled
from albert_np.io.files import DataError
from albert_np.tasks import get_task
from albert_np.tasks.benchmarks import BENCHMARKS, find_benchmark, get_benchmark, get_group
from albert_np.tasks.benchmarks.prepare import read_file, read_split

SHARED = os.environ.get("ALBERT_NP_DATA")


def read(name, split, data, labelled=True):
    record = get_benchmark(name)
    return read_split(record, record.get_split(split), data, labelled)


def labels(examples):
    return [example.label for example in examples]


@pytest.fixture(scope="module")
def glue(tmp_path_factory):
    return files.write_glue(tmp_path_factory.mktemp("glue") / "glue_data")


# ---- names ----


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("glue:sst2", "glue:sst-2"), ("GLUE:SST-2", "glue:sst-2"), ("glue:sst_2", "glue:sst-2"), ("glue:sst", "glue:sst-2"),
        ("glue:stsb", "glue:sts-b"), ("glue:STS-B", "glue:sts-b"), ("glue:sts", "glue:sts-b"), ("glue:CoLA", "glue:cola"),
        ("glue:diagnostic", "glue:ax"), ("super_glue:BoolQ", "superglue:boolq"), ("SuperGLUE:CB", "superglue:cb"),
        ("squad:1.1", "squad:1.1"), ("squad:v2.0", "squad:2.0"), ("squad2", "squad:2.0"), ("SQuAD1.1", "squad:1.1"),
        ("squad_v2", "squad:2.0"), ("race", "race"), ("RACE", "race"), ("superglue:copa", "superglue:copa"),
    ],
)  # fmt: skip
def test_names_in_usual_spellings(given, name):
    assert find_benchmark(given).name == name


@pytest.mark.parametrize(
    "name", ["ner", "classification", "file.py:Class", "docs/own_task.py:Order", "glue.py:Class", "mrpc", "", None, 3]
)
def test_other_names_are_not_those_of_benchmarks(name):
    assert find_benchmark(name) is None and get_group(name) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("glue:mrcp", r"unknown benchmark 'glue:mrcp'; .*; did you mean 'glue:mrpc'\?"),
        ("glue:colla", r"did you mean 'glue:cola'\?"),
        ("superglue:bool", r"expected superglue: and one of boolq, .*did you mean 'superglue:boolq'\?"),
        ("squad", "squad: which one. Expected one of squad:1.1, squad:2.0"),
        ("glue:all", "stands for several data sets"),
        ("glue", "^glue: which one. Expected one of glue:cola, "),
        ("super_glue", "^super_glue: which one. Expected one of superglue:boolq, "),
        ("glue:mnli_mismatched", r"did you mean 'glue:mnli'\?"),
        ("superglue:wsc", "superglue:wsc is not among the benchmarks of albert_np; .* and one of boolq, cb, copa, rte, wic$"),
        ("superglue:MultiRC", "superglue:MultiRC is not among the benchmarks"),
        ("race:middle", "unknown benchmark 'race:middle'; expected race, which has a score of RACE-M"),
    ],
)
def test_a_misspelled_name_is_answered_with_the_right_one(name, message):
    with pytest.raises(ValueError, match=message):
        find_benchmark(name)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("mrpc", "glue:mrpc"), ("SST2", "glue:sst-2"), ("glue/mrpc", "glue:mrpc"), ("rte", "glue:rte or superglue:rte"),
        ("swag", "multiple-choice, which reads its files"), ("boolq", "superglue:boolq"),
    ],
)  # fmt: skip
def test_a_data_set_without_its_group_is_answered_with_the_whole_name(name, names):
    with pytest.raises(ValueError, match=rf"unknown task '{name}'; .*; did you mean {names}\?$"):
        get_task(name)


def test_a_name_that_is_like_none_gets_no_suggestion():
    with pytest.raises(ValueError, match=r"for a task of your own$"):
        get_task("nothing")


def test_all_of_glue_are_the_nine_of_its_average():
    assert [record.title for record in get_group("GLUE:all")] == "CoLA SST-2 MRPC STS-B QQP MNLI QNLI RTE WNLI".split()


def test_the_records_are_consistent():
    for name, record in BENCHMARKS.items():
        assert record.name == name and record.dev and record.test and record.metrics
        assert all(split.submission for split in record.test) and (record.train is not None or record.model_from in BENCHMARKS)
        assert set(record.labels) == set(record.hub_labels) and bool(record.labels) != (
            record.scale is not None or record.fields is None
        )
        assert find_benchmark(name) is record and find_benchmark(name.upper()) is record
        assert len({split.submission for split in record.test}) == len(record.test)


# ---- GLUE ----


@pytest.mark.parametrize("folder", ["collection", "own"])
@pytest.mark.parametrize("name", [record.name for record in get_group("glue:all")])
def test_each_data_set_is_found_in_its_own_folder_and_in_the_one_above(glue, name, folder):
    record = get_benchmark(name)
    data = glue if folder == "collection" else glue / record.title
    for split in (record.train, *record.dev):
        examples = read_split(record, split, data)
        assert len(examples) >= 2 and all(isinstance(each, Labelled) and each.text.strip() for each in examples[:2])
        assert examples.summary.examples == len(examples)
    for split in record.test:
        assert labels(read_split(record, split, data, labelled=False)) in ([None] * 2, [None] * 3)


def test_glue_and_superglue_side_by_side(tmp_path):
    files.write_glue(tmp_path / "glue_data", ["RTE"])
    files.write_superglue(tmp_path / "superglue")
    assert "glue_data" in read("glue:rte", "dev", tmp_path).summary.file
    assert str(tmp_path / "superglue") in read("superglue:rte", "dev", tmp_path).summary.file
    with pytest.raises(FileNotFoundError, match="glue:cola: there is no"):
        read("glue:cola", "dev", tmp_path)


def test_cola_has_no_header_in_train_and_one_in_test(glue):
    train = read("glue:cola", "train", glue)
    assert train[:2] == [
        Labelled("The good film number 0 .", None, "0", "0"),
        Labelled("The bad film number 0 .", None, "1", "1"),
    ]
    assert [(each.id, each.text) for each in read("glue:cola", "test", glue, False)][2] == ("2", "The good film number 1 .")


def test_the_original_release_of_cola_has_two_dev_sets(tmp_path):
    files.write_cola_release(tmp_path / "CoLA" / "original" / "raw")
    for data in (tmp_path, tmp_path / "CoLA", tmp_path / "CoLA" / "original" / "raw"):
        assert len(read("glue:cola", "train", data)) == 6
        dev = read("glue:cola", "dev", data)
        assert [each.text for each in dev] == [f"Sentence {n} is here." for n in (0, 1, 3, 4, 5)]
        assert [each.id for each in dev] == list("01234")


@pytest.mark.skipif(not SHARED, reason="ALBERT_NP_DATA is not set")
def test_the_released_cola_and_sst2():
    assert len(read("glue:cola", "train", Path(SHARED) / "tasks/cola")) == 8551
    dev = read("glue:cola", "dev", Path(SHARED) / "tasks/cola")
    assert len(dev) == 1043 and labels(dev).count("1") == 719  # as GLUE's
    dev = read("glue:sst-2", "dev", Path(SHARED) / "tasks/sst2")
    assert len(dev) == 872 and labels(dev).count("1") == 444


def test_quotation_marks_are_text(glue):
    assert read("glue:sst-2", "train", glue)[1].text == 'so-so , says "time'
    assert read("glue:sst-2", "test", glue, False)[0] == Labelled('an "unclosed film', None, None, "0")


def test_mrpc_with_a_byte_order_mark(glue):
    assert read("glue:mrpc", "train", glue)[1] == Labelled(*PAIRS[1], "1", "1")


def test_the_original_mrpc_is_divided_by_dev_ids(tmp_path):
    files.write_msr(tmp_path)
    assert [each.text for each in read("glue:mrpc", "train", tmp_path)] == [PAIRS[0][0], PAIRS[2][0]]
    assert [each.text for each in read("glue:mrpc", "dev", tmp_path)] == [PAIRS[1][0], PAIRS[3][0]]
    test = read("glue:mrpc", "test", tmp_path, False)  # its labels are not read, and its rows are numbered
    assert [(each.id, each.text, each.label) for each in test] == [("0", PAIRS[1][0], None), ("1", PAIRS[0][0], None)]


def test_the_original_mrpc_without_dev_ids(tmp_path):
    files.write_msr(tmp_path, with_ids=False)
    with pytest.warns(UserWarning, match=r"without dev_ids.tsv, all of it is trained on"):
        assert len(read("glue:mrpc", "train", tmp_path)) == 4
    with pytest.warns(UserWarning, match="the labelled test set takes the place of GLUE's dev set"):
        assert len(read("glue:mrpc", "dev", tmp_path)) == 2


def test_ids_that_fit_no_row(tmp_path):
    files.write_msr(tmp_path)
    write(tmp_path, "dev_ids.tsv", row(1, 2))
    with pytest.raises(DataError, match="none of its rows has an id that is in the file of ids"):
        read("glue:mrpc", "dev", tmp_path)


def test_rows_of_stsb_differ_in_their_columns(glue):
    train = read("glue:sts-b", "train", glue)
    assert labels(train) == [0.25, 1.25, 2.25, 3.25] and train[1].pair == PAIRS[1][1]
    assert train.summary.notes == {"with more columns than the header: the label is the last": (1, 3)}


def test_the_original_stsb(tmp_path):
    files.write_sts_release(tmp_path / "stsbenchmark")
    train = read("glue:sts-b", "train", tmp_path)
    assert train == [Labelled(*pair, float(n), str(n)) for n, pair in enumerate(PAIRS)]
    assert labels(read("glue:sts-b", "test", tmp_path, False)) == [None] * 4


def test_a_tab_within_a_text_is_counted(tmp_path):
    write(tmp_path, "train.tsv", row("gj04", 1, "", "A."), row("gj04", 0, "*", "A tab", "in it."))
    write(tmp_path, "test.tsv", row("id", "question1", "question2"), row(0, "A?", "B?", "C?"))
    for name, split, behind in (
        ("glue:cola", "train", "4: what is behind 'sentence'"),
        ("glue:qqp", "test", "3: what is behind 'qu"),
    ):
        line = read(name, split, tmp_path, labelled=split == "train").summary.describe()
        assert f"1 with more columns than {behind}" in line


def test_rows_of_qqp_without_all_columns_are_left_out_and_counted(glue):
    train = read("glue:qqp", "train", glue)
    assert labels(train) == list("01010") and [each.id for each in train] == ["0", "1", "2", "3", "92"]
    assert train.summary.left_out == {"with fewer than 6 columns, left out": (2, 3)}
    assert train.summary.notes == {"with an empty 'question1'": (1, 8)}
    assert "2 with fewer than 6 columns, left out (first: line 3)" in train.summary.describe()


def test_a_row_of_a_test_set_is_never_left_out(tmp_path):
    write(tmp_path, "test.tsv", row("id", "question1", "question2"), row(0, "a", "b"), row(1, "a"))
    with pytest.raises(DataError, match=r"test.tsv:3: expected 3 columns, got 2"):
        read("glue:qqp", "test", tmp_path, False)


def test_mnli_has_two_dev_sets_and_its_label_is_last(glue):
    train = read("glue:mnli", "train", glue)
    assert labels(train) == ["neutral", "contradiction", "entailment", "neutral"] and train[1].pair == PAIRS[1][1]
    assert train.summary.left_out == {"without a label, left out": (1, 6)}
    assert [len(read("glue:mnli", name, glue)) for name in ("dev_matched", "dev_mismatched")] == [4, 3]
    assert [len(read("glue:mnli", name, glue, False)) for name in ("test_matched", "test_mismatched")] == [2, 3]


def test_the_original_multinli(tmp_path):
    header = row("gold_label", "sentence1_binary_parse", "sentence2_binary_parse", "sentence1", "sentence2", "genre")
    lines = [row(name, "( a )", "( b )", *PAIRS[0], "fiction") for name in ("neutral", "-", "entailment")]
    write(tmp_path / "multinli_1.0", "multinli_1.0_train.txt", header, *lines)
    train = read("glue:mnli", "train", tmp_path)
    assert train == [Labelled(*PAIRS[0], "neutral", "0"), Labelled(*PAIRS[0], "entailment", "2")]
    assert train.summary.left_out == {"without a label, left out": (1, 3)}


def test_the_diagnostic_set_with_and_without_labels(glue):
    full = read("glue:ax", "diagnostic-full", glue)
    assert labels(full) == ["neutral", "contradiction", "entailment", "neutral"] and full[0] == Labelled(
        *PAIRS[0], "neutral", "0"
    )
    assert labels(read("glue:ax", "diagnostic", glue, False)) == [None] * 4


# ---- exports from the hub ----


def test_files_exported_from_the_hub_have_ids_for_labels(tmp_path):
    rows = [{"premise": a, "hypothesis": b, "label": n % 3, "idx": n} for n, (a, b) in enumerate(PAIRS)]
    write(tmp_path, "train.jsonl", *map(json.dumps, rows))
    quoted = ['"' + a.replace('"', '""') + '","' + b + f'",{n % 3},{n}' for n, (a, b) in enumerate(PAIRS)]
    write(tmp_path, "validation_matched.csv", "premise,hypothesis,label,idx", *quoted)
    write(tmp_path, "test_matched.json", json.dumps([{**each, "label": -1} for each in rows]))
    expected = [Labelled(*pair, ("entailment", "neutral", "contradiction")[n % 3], str(n)) for n, pair in enumerate(PAIRS)]
    assert read("glue:mnli", "train", tmp_path) == read("glue:mnli", "dev_matched", tmp_path) == expected
    assert labels(read("glue:mnli", "test_matched", tmp_path, False)) == [None] * 4


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'albert_np[datasets]'")
    from pyarrow import parquet

    columns = {"sentence1": [a for a, _ in PAIRS], "sentence2": [b for _, b in PAIRS], "label": [0, 1, 0, 1], "idx": [0, 1, 2, 3]}
    (tmp_path / "rte").mkdir()
    for part in (0, 1):
        table = pyarrow.table({name: values[2 * part : 2 * part + 2] for name, values in columns.items()})
        parquet.write_table(table, tmp_path / "rte" / f"train-0000{part}-of-00002.parquet")
    assert read("glue:rte", "train", tmp_path) == [
        Labelled(*pair, ("entailment", "not_entailment")[n % 2], str(n)) for n, pair in enumerate(PAIRS)
    ]
    (tmp_path / "rte" / "test.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="it is not a Parquet file that can be read"):
        read("glue:rte", "test", tmp_path, False)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"pip install 'albert_np\[datasets\]'"):
        read("glue:rte", "train", tmp_path)


def test_packed_files(tmp_path):
    import gzip

    files.write_entailment(tmp_path)
    plain = read("glue:rte", "train", tmp_path)
    (tmp_path / "train.tsv.gz").write_bytes(gzip.compress((tmp_path / "train.tsv").read_bytes()))
    (tmp_path / "train.tsv").unlink()
    assert read("glue:rte", "train", tmp_path) == plain


# ---- SuperGLUE, SQuAD ----


def test_superglue(tmp_path):
    data = files.write_superglue(tmp_path)
    assert read("superglue:boolq", "train", data)[1] == Labelled(PAIRS[1][0], "is it so", "true", "1")
    assert labels(read("superglue:cb", "dev", data)) == ["entailment", "contradiction", "neutral"]
    assert labels(read("superglue:rte", "train", data)) == ["entailment", "not_entailment"] * 2
    assert read("superglue:wic", "train", data)[0] == Labelled("cat: " + PAIRS[0][0], PAIRS[0][1], "true", "0")
    assert [each.id for each in read("superglue:wic", "test", data, False)] == ["0", "1"]


def test_copa_and_race(tmp_path):
    data = files.write_superglue(files.write_race(tmp_path / "RACE").parent)
    copa = read("superglue:copa", "dev", data)
    assert [each.label for each in copa] == [0, 1, 0] and copa[1].statements()[1] == f"What happened as a result? {PAIRS[1][1]}"
    assert [(each.id, each.label) for each in read("superglue:copa", "test", data, False)] == [("0", None), ("1", None)]
    for folder in (data, data / "RACE"):
        race = read("race", "test", folder)
        assert [each.group for each in race] == ["RACE-M"] * 2 + ["RACE-H"] * 2 and race[0].statements()[0] == "Tom is hurt ."
    with pytest.raises(FileNotFoundError, match=r"race: there is no folder train in .*download RACE"):
        read("race", "train", tmp_path / "BoolQ")


def test_squad(tmp_path):
    data = files.write_squad(tmp_path / "squad")
    for folder in (tmp_path, data):
        assert [len(read(f"squad:{version}", "train", folder)) for version in ("1.1", "2.0")] == [2, 3]


# ---- refusals ----


def test_what_is_missing_is_one_message(tmp_path):
    (tmp_path / "MRPC").mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        read("glue:mrpc", "train", tmp_path)
    assert str(caught.value) == (
        f"glue:mrpc: there is no train.tsv or msr_paraphrase_train.txt and dev_ids.tsv in {tmp_path}, nor in "
        f"{tmp_path / 'MRPC'}: download MRPC (https://gluebenchmark.com/tasks) and put its files into {tmp_path / 'MRPC'}"
    )
    with pytest.raises(FileNotFoundError, match=r"no dev.tsv or in_domain_dev.tsv and out_of_domain_dev.tsv in"):
        read("glue:cola", "dev", tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read("glue:cola", "dev", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"there is no train-v2.0.json in .*download SQuAD 2.0 \(https://"):
        read("squad:2.0", "train", tmp_path)


def test_an_archive_that_is_not_unpacked(tmp_path):
    for name, benchmark in (("CoLA.zip", "glue:cola"), ("RACE.tar.gz", "race"), ("boolq.ZIP", "superglue:boolq")):
        (tmp_path / name).write_bytes(b"PK")
        folder = tmp_path / get_benchmark(benchmark).title
        with pytest.raises(FileNotFoundError, match=rf"there is no .*: unpack {tmp_path / name} into {folder}$"):
            read(benchmark, "dev", tmp_path)
        with pytest.raises(ValueError, match=rf"`data` must be a folder .*, not the archive {tmp_path / name}: unpack it"):
            read(benchmark, "dev", tmp_path / name)
    with pytest.raises(FileNotFoundError, match="download SST-2"):
        read("glue:sst-2", "train", tmp_path)


def test_a_file_in_place_of_the_folder(tmp_path):
    write(tmp_path, "train.tsv", "x")
    with pytest.raises(ValueError, match="`data` must be a folder with the files of RTE, not the file"):
        read("glue:rte", "train", tmp_path / "train.tsv")


BOTH, SCORED = row("sentence1", "sentence2", "label"), row("sentence1", "sentence2", "score")


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("glue:rte", [], "there is no example in it"),
        ("glue:rte", [row("index", "sentence1", "sentence2", "label")], "there is no example in it"),
        ("glue:rte", [row("index", "sentence", "label"), row(0, "a", "b")], "1: expected a header with the column 'sentence1'"),
        ("glue:rte", [row("sentence1", "label"), row("a", "entailment")], "RTE has the column 'sentence2', and this file"),
        ("glue:rte", [BOTH, row("a", "b", "yes")], ":2: the labels of RTE are entailment, not_entailment, not 'yes'"),
        ("glue:rte", [BOTH, row("a", "b", "-1")], "none of its rows has a label, as in a test set"),
        ("glue:sts-b", [SCORED, row("a", "b", "5.1")], ":2: the scores of STS-B are .* from 0 to 5, not '5.1'"),
        ("glue:sts-b", [SCORED, row("a", "b", "x")], r":2: the scores of STS-B are numbers"),
        ("glue:cola", [row("gj04", "1", "", "A sentence."), row("gj04", "1")], r"train.tsv:2: expected 4 columns, got 2"),
        ("glue:cola", [row("gj04", "5", "", "A sentence.")], r":1: the labels of CoLA are 0, 1, not '5'"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path, name, lines, message):
    write(tmp_path, "train.tsv", *lines)
    with pytest.raises(DataError, match=message):
        read(name, "train", tmp_path)


def test_a_text_that_is_not_text(tmp_path):
    write(tmp_path, "train.jsonl", json.dumps({"premise": 3, "hypothesis": "b", "label": "neutral", "idx": 0}))
    with pytest.raises(DataError, match=r"train.jsonl:1: 'premise' must be a text, not 3"):
        read("superglue:cb", "train", tmp_path)


def test_a_file_by_its_path(glue):
    record = get_benchmark("glue:cola")
    assert read_file(record, glue / "CoLA" / "dev.tsv") == read("glue:cola", "dev", glue)
