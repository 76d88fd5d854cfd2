"""Benchmarks from the hub: a stand-in takes the place of `datasets.load_dataset`, since tests use no network."""

import sys
import types

import pytest

import albert_np as ab
from albert_np.data.formats import Labelled
from albert_np.data.formats.squad import Question
from albert_np.tasks.benchmarks import BENCHMARKS, get_benchmark
from albert_np.tasks.benchmarks.prepare import read_split
from albert_np.tasks.benchmarks.scoring import evaluate
from albert_np.tasks.benchmarks.submission import write_submission

PAIRS = [("The cat sat.", "A cat sat."), ("It rains.", "The sun shines."), ("He left.", "He went."), ("No.", "Yes.")]
TEXTS = [{"sentence": a, "label": n % 2, "idx": n} for n, (a, _) in enumerate(PAIRS)]
ROWS = {  # (data set, configuration): rows in the hub's form
    ("nyu-mll/glue", "cola"): TEXTS,
    ("nyu-mll/glue", "mnli"): [{"premise": a, "hypothesis": b, "label": n % 3, "idx": n} for n, (a, b) in enumerate(PAIRS)],
    ("nyu-mll/glue", "stsb"): [{"sentence1": a, "sentence2": b, "label": n + 0.5, "idx": n} for n, (a, b) in enumerate(PAIRS)],
    ("nyu-mll/glue", "qnli"): [{"question": a, "sentence": b, "label": n % 2, "idx": n} for n, (a, b) in enumerate(PAIRS)],
    ("aps/super_glue", "boolq"): [{"question": a, "passage": b, "label": n % 2, "idx": n} for n, (a, b) in enumerate(PAIRS)],
    ("aps/super_glue", "copa"): [
        {"premise": a, "choice1": "x", "choice2": b, "question": "cause", "idx": n, "label": n % 2}
        for n, (a, b) in enumerate(PAIRS)
    ],
    ("rajpurkar/squad_v2", "squad_v2"): [
        {"id": "a", "title": "It", "context": "By Ada.", "question": "Who?", "answers": {"text": ["Ada"], "answer_start": [3]}},
        {"id": "b", "title": "It", "context": "By Ada.", "question": "Why?", "answers": {"text": [], "answer_start": []}},
    ],
}  # fmt: skip


@pytest.fixture
def hub(monkeypatch):
    """The calls of `load_dataset`; test sets have -1 for labels."""
    calls = []

    def load_dataset(name, config, split):
        calls.append((name, config, split))
        if (name, config) not in ROWS:
            raise ConnectionError("Couldn't reach the hub\nand more")
        return [{**row, "label": -1} if split.startswith("test") and "label" in row else row for row in ROWS[name, config]]

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    return calls


def read(name, split, labelled=True):
    record = get_benchmark(name)
    return read_split(record, record.get_split(split), None, labelled)


def test_the_rows_of_the_hub_are_the_same_examples(hub):
    assert read("glue:cola", "train")[1] == Labelled("It rains.", None, "1", "1")
    assert [each.label for each in read("glue:mnli", "dev_mismatched")] == [
        "entailment",
        "neutral",
        "contradiction",
        "entailment",
    ]
    assert [each.label for each in read("glue:sts-b", "dev")] == [0.5, 1.5, 2.5, 3.5]
    assert read("glue:qnli", "dev")[1] == Labelled("It rains.", "The sun shines.", "not_entailment", "1")
    assert read("superglue:boolq", "train")[1] == Labelled("The sun shines.", "It rains.", "true", "1")
    assert [each.label for each in read("superglue:copa", "train")] == [0, 1, 0, 1]
    assert read("squad:2.0", "dev") == [
        Question("a", "Who?", "By Ada.", (("Ada", 3),), "It"),
        Question("b", "Why?", "By Ada.", (), "It"),
    ]
    assert hub == [
        ("nyu-mll/glue", "cola", "train"), ("nyu-mll/glue", "mnli", "validation_mismatched"),
        ("nyu-mll/glue", "stsb", "validation"), ("nyu-mll/glue", "qnli", "validation"),
        ("aps/super_glue", "boolq", "train"), ("aps/super_glue", "copa", "train"),
        ("rajpurkar/squad_v2", "squad_v2", "validation"),
    ]  # fmt: skip
    summary = read("glue:cola", "test", labelled=False).summary
    assert summary.describe() == "nyu-mll/glue (cola, test): from the hub; text = sentence, id = idx; 4 examples"


def test_from_the_hub_to_the_submission(hub, tmp_path):
    small = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32)
    trained = ab.finetune("glue:qnli", config="tiny", vocab_size=60, changes=small, epochs=1, progress=False).trained
    assert list(evaluate(get_benchmark("glue:qnli"), trained)) == ["dev"]
    (path,) = write_submission(get_benchmark("glue:qnli"), trained, None, tmp_path)
    assert path.name == "QNLI.tsv" and len(path.read_text().splitlines()) == 5


def test_a_failure_of_the_hub_is_one_line(hub):
    with pytest.raises(
        OSError, match=r"^nyu-mll/glue \(rte, train\) cannot be loaded from the hub: Couldn't reach the hub; or give"
    ):
        read("glue:rte", "train")
    with pytest.raises(ValueError, match="the hub does not have the labels of diagnostic-full"):
        read("glue:ax", "diagnostic-full")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"^glue:rte needs its data: give the folder .* as `data` .*albert_np\[datasets\]'"):
        ab.finetune("glue:rte", config="tiny")


def test_every_benchmark_is_on_the_hub():
    for record in BENCHMARKS.values():
        assert all(record.hub) and all(split.hub for split in record.splits if split.name != "diagnostic-full")


def test_the_real_package_reads_parquet_from_a_folder(tmp_path, monkeypatch):
    """What `load_dataset` returns is iterated over as dicts: held with the real package, if it is installed."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install 'albert_np[datasets]'")
    table = datasets.Dataset.from_list(TEXTS)
    monkeypatch.setattr(datasets, "load_dataset", lambda name, config, split: table)
    assert [each.label for each in read("glue:cola", "train")] == ["0", "1", "0", "1"]
