"""Benchmarks from the name to the submission: official metrics, the paper's settings, runs, and the leaderboards' files."""

import dataclasses
import json
import math
import warnings

import benchmark_files as files
import numpy as np
import pytest
from scipy import stats

import albert_np as ab
from albert_np.data.formats import Labelled
from albert_np.io.files import DataError
from albert_np.models import AlbertConfig
from albert_np.tasks import get_task
from albert_np.tasks.benchmarks import BENCHMARKS, get_benchmark, get_group
from albert_np.tasks.benchmarks.prepare import prepare, read_split
from albert_np.tasks.benchmarks.scoring import check_trained, evaluate, mean_score, official_score
from albert_np.tasks.benchmarks.settings import get_settings
from albert_np.tasks.benchmarks.submission import format_answers, write_submission
from albert_np.training.callbacks import Callback
from albert_np.training.finetune_settings import FinetuneSettings

SMALL = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32)
TINY = dict(config="tiny", vocab_size=120, changes=SMALL, progress=False, epochs=2)
NAMES = list(BENCHMARKS)


class Notes(Callback):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """All data sets' folders within one."""
    folder = tmp_path_factory.mktemp("data")
    files.write_superglue(files.write_glue(folder / "glue_data").parent / "superglue")
    files.write_squad(folder / "SQuAD")
    files.write_race(folder / "RACE")
    return folder


def folder_of_data(data, name):
    return data / {"glue": "glue_data", "superglue": "superglue", "race": "RACE"}.get(name.partition(":")[0], "SQuAD")


# ---- the official metrics ----


def score(name, gold, predicted):
    """The scores of a benchmark's task for these labels."""
    task = get_task(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all training examples with one label
        task.learn([Labelled("a", None, label) for label in gold])
    task.note = lambda text: None
    return task, task.score(
        [Labelled("a", None, label) for label in gold], [{"label": p, "probabilities": {}} for p in predicted]
    )


def reference_scores(name, gold, predicted):
    """The same metrics by scikit-learn and scipy."""
    from sklearn import metrics

    if name == "glue:sts-b":
        return {"pearson": stats.pearsonr(gold, predicted)[0], "spearman": stats.spearmanr(gold, predicted)[0]}
    positive = get_benchmark(name).labels[1]
    return {
        "accuracy": metrics.accuracy_score(gold, predicted),
        "f1": metrics.f1_score(gold, predicted, pos_label=positive, zero_division=0)
        if len(get_benchmark(name).labels) == 2
        else 0.0,
        "macro_f1": metrics.f1_score(gold, predicted, average="macro", zero_division=0),
        "matthews": metrics.matthews_corrcoef(gold, predicted),
    }


@pytest.mark.parametrize("name", [name for name in NAMES if BENCHMARKS[name].labels])
@pytest.mark.parametrize("case", ["random", "constant answers", "one class of labels", "perfect"])
def test_the_metrics_of_classes_are_scikit_learn_s(name, case):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    record, rng = get_benchmark(name), np.random.default_rng(len(name))
    gold, predicted = ([str(each) for each in rng.choice(record.labels, 60)] for _ in range(2))
    if case == "constant answers":
        predicted = [record.labels[0]] * 60
    elif case == "one class of labels":
        gold = [record.labels[-1]] * 60
    elif case == "perfect":
        predicted = gold
    task, scores = score(name, gold, predicted)
    expected = reference_scores(name, gold, predicted)
    for metric in record.metrics:
        assert scores[metric] == pytest.approx(expected[metric], abs=1e-12)
    assert scores[task.metric] == pytest.approx(np.mean([expected[metric] for metric in record.metrics]), abs=1e-12)
    assert official_score(record, [scores]) == pytest.approx(scores[task.metric], abs=1e-12)


@pytest.mark.parametrize("case", ["random", "ties"])
def test_the_correlations_of_stsb_are_scipy_s(case):
    rng = np.random.default_rng(1)
    gold, predicted = rng.uniform(0, 5, (2, 50))
    if case == "ties":
        gold, predicted = np.round(gold), np.round(predicted)
    task, scores = score("glue:sts-b", gold.tolist(), predicted.tolist())
    expected = reference_scores("glue:sts-b", gold, predicted)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert task.metric == "pearson_and_spearman" and task.higher_is_better and task.perfect == 1.0 and task.errors() == ()
    assert scores[task.metric] == pytest.approx(np.mean(list(expected.values())))


@pytest.mark.parametrize(("name", "label"), [("glue:cola", "1"), ("glue:sts-b", 2.5)])
def test_an_undefined_correlation_is_0_with_a_note(name, label):
    task, lines = get_task(name), []
    gold = [Labelled("a", None, each) for each in (["0", "1"] * 5 if name == "glue:cola" else [1.0, 2.0] * 5)]
    task.learn(gold)
    task.note = lines.append
    for _ in range(2):
        scores = task.score(gold, [{"label": label, "probabilities": {}}] * 10)
        assert {scores[metric] for metric in get_benchmark(name).metrics} == {0.0}
    names = " and ".join(get_benchmark(name).metrics)
    assert lines == [f"all answers are '{label}': {names} is undefined then, and counts as 0"]
    task.score(gold, task.baselines([], gold).popitem()[1])  # of the baseline, that is no news
    assert len(lines) == 1


def test_the_mean_is_glue_s_and_what_is_missing_is_named():
    mnli, mrpc = get_benchmark("glue:mnli"), get_benchmark("glue:mrpc")
    assert official_score(mnli, [{"accuracy": 0.8, "f1": 0.0}, {"accuracy": 0.6}]) == pytest.approx(0.7)
    assert official_score(mrpc, [{"accuracy": 0.8, "f1": 0.9, "matthews": 0.1}]) == pytest.approx(0.85)
    mean, missing = mean_score({"glue:mnli": 0.7, "glue:mrpc": 0.85}, [mnli, mrpc, get_benchmark("glue:rte")])
    assert mean == pytest.approx(0.775) and missing == ["glue:rte"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"metric": ["acuracy"]},
            r"metric must be of accuracy, f1, macro_f1, matthews, not 'acuracy'; did you mean 'accuracy'\?",
        ),
        ({"metric": "pearson"}, "not 'pearson'"),
        ({"kind": "number", "metric": ["pearson", "mean_squared_error"]}, "have no mean"),
        ({"classes": ["a"]}, r"the label '0' is not one of the classes a \(option classes\)"),
        ({"classes": ["0", "1", "2"], "metric": ["f1"]}, "f1 is for two classes, not 3"),
    ],
)
def test_options_that_do_not_fit(options, message):
    task = get_task("classification", **options)
    examples = [Labelled("a", None, label) for label in ["1", "0"] * 2]
    with pytest.raises(ValueError, match=message):
        task.learn(examples)


def test_the_order_of_the_classes_decides_which_f1():
    examples = [Labelled("a", None, label) for label in ("yes", "no", "no", "no")]
    answers = [{"label": label, "probabilities": {}} for label in ("no", "no", "no", "no")]
    for classes, f1 in ((["no", "yes"], 0.0), (["yes", "no"], 6 / 7)):
        task = get_task("classification", classes=classes, metric=["f1"])
        task.learn(examples)
        assert (
            task.options["labels"] == classes and task.metric == "f1" and task.score(examples, answers)["f1"] == pytest.approx(f1)
        )


# ---- the paper's settings ----

TABLE = """
CoLA 1e-5 16 0 0.1 5336 320 512 | STS-B 2e-5 16 0 0.1 3598 214 512 | SST-2 1e-5 32 0 0.1 20935 1256 512
MNLI 3e-5 128 0 0.1 10000 1000 512 | QNLI 1e-5 32 0 0.1 33112 1986 512 | QQP 5e-5 128 0.1 0.1 14000 1000 512
RTE 3e-5 32 0.1 0.1 800 200 512 | MRPC 2e-5 32 0 0.1 800 200 512 | WNLI 2e-5 16 0.1 0.1 2000 250 512
SQuAD1.1 5e-5 48 0 0.1 3649 365 384 | SQuAD2.0 3e-5 48 0 0.1 8144 814 512 | RACE 2e-5 32 0.1 0.1 12000 1000 512
"""
TRAINING = {  # official numbers of training examples; of SQuAD, rows of 384 and 512 tokens
    "CoLA": 8551, "SST-2": 67349, "MRPC": 3668, "STS-B": 5749, "QQP": 363846, "MNLI": 392702, "QNLI": 104743, "RTE": 2490,
    "WNLI": 635, "SQuAD1.1": 88641, "SQuAD2.0": 130319, "RACE": 87866,
}  # fmt: skip


@pytest.mark.parametrize(
    "row", [row.split() for row in TABLE.replace("\n", "|").split("|") if row.strip()], ids=lambda row: row[0]
)
def test_the_settings_are_those_of_table_14(row):
    title, *values = row
    record = next(each for each in BENCHMARKS.values() if each.title.replace(" ", "") == title and each.group != "superglue")
    table = record.settings
    rate, batch, dropout, classifier, steps, warmup, length = map(float, values)
    assert (table.learning_rate, table.batch_size, table.dropout, table.classifier_dropout) == (rate, batch, dropout, classifier)
    assert (table.steps, table.warmup_steps, table.max_length) == (steps, warmup, length)
    assert math.ceil(table.warmup * table.steps) == warmup
    assert table.epochs == round(steps * batch / TRAINING[title]) and get_task(record.name).options["max_length"] == length


def test_the_settings_that_the_table_decides():
    table, base = get_benchmark("glue:mrpc").settings, AlbertConfig.preset("base")
    small = base.replace(hidden_size=384, num_attention_heads=6)
    usual = {"warmup": 0.25, "batch_size": 32, "epochs": 7}
    assert get_settings(table, False, {}, base, False) == {**usual, "learning_rate": 2e-5}
    assert get_settings(table, False, {}, base, True) == get_settings(table, False, {}, small, False) == usual
    paper = {"warmup": 0.25, "batch_size": 32, "steps": 800, "learning_rate": 2e-5}
    assert get_settings(table, True, {}, small, True) == paper
    given = {"epochs": 3, "tokens_per_batch": 512, "warmup": 0.1, "learning_rate": 1e-4}
    assert get_settings(table, True, given, base, False) == {}
    assert get_settings(table, False, {"balance": True, "steps": 5}, small, False) == {"warmup": 0.25}


def test_settings_are_taken_and_said_and_all_can_be_overridden(data):
    notes = Notes()
    done = ab.finetune("glue:rte", data=data / "glue_data", report=notes, **{**TINY, "epochs": 1})
    settings, config = done.trained.about["settings"], done.trained.model.config
    assert (settings["batch_size"], settings["warmup"], settings["learning_rate"]) == (32, 0.25, None)
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == config.classifier_dropout_prob == 0.1
    (line,) = [line for line in notes.lines if line.startswith("glue:rte: from table 14 of the ALBERT paper: ")]
    assert (
        "warmup 0.25, batch_size 32, max_length 128 (of 512), dropout 0.1, classifier dropout 0.1; not its learning rate" in line
    )
    changes = {**SMALL, "hidden_dropout_prob": 0.0, "classifier_dropout_prob": 0.2}
    given = {**TINY, "changes": changes, "options": {"max_length": 20}, "tokens_per_batch": 40, "steps": 3, "lr": 1e-3}
    done = ab.finetune("glue:rte", data=data / "glue_data", report=notes, **given)
    settings, config = done.trained.about["settings"], done.trained.model.config
    assert (settings["batch_size"], settings["tokens_per_batch"], settings["learning_rate"]) == (None, 40, 1e-3)
    assert len(done.history.steps) == 3 and done.trained.task.options["max_length"] == 20
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.classifier_dropout_prob) == (0.0, 0.1, 0.2)
    assert notes.lines[-1] != line and "from table 14 of the ALBERT paper: warmup 0.25, dropout" not in notes.lines[-1]


def test_paper_takes_the_steps_the_warmup_and_the_rate(data, monkeypatch):
    record, notes = get_benchmark("glue:mrpc"), Notes()
    short = dataclasses.replace(record, settings=dataclasses.replace(record.settings, steps=80, warmup_steps=20))
    monkeypatch.setitem(BENCHMARKS, "glue:mrpc", short)
    given = {name: value for name, value in TINY.items() if name != "epochs"}
    done = ab.finetune("glue:mrpc", data=data / "glue_data", paper=True, report=notes, batch_size=4, **given)
    rates = [record["lr"] for record in done.history.steps]
    assert len(rates) == 80 and rates[:20] == pytest.approx([2e-5 * (n + 1) / 21 for n in range(20)])  # the warm-up
    assert rates[20:] == pytest.approx([2e-5 * (80 - n) / 81 for n in range(20, 80)])  # Google's schedule falls from the start
    with pytest.raises(ValueError, match="`paper`: table 14 of the ALBERT paper has no settings for CB"):
        ab.finetune("superglue:cb", data=data / "superglue", paper=True, **TINY)


def test_steps_of_so_many_examples():
    examples = [Labelled("a film " + "very " * (n % 7) + "good", None, "ab"[n % 2]) for n in range(22)]
    done = ab.finetune("classification", examples, batch_size=4, steps=8, patience=0, **{**TINY, "epochs": 1})
    assert [record["epoch"] for record in done.history.steps] == [1] * 6 + [2] * 2
    with pytest.raises(ValueError, match="balance distributes the classes over steps of equal work: give tokens_per_batch"):
        FinetuneSettings(balance=True, batch_size=4)
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        FinetuneSettings(batch_size=0)


def test_the_last_epoch_may_end_early_and_is_scored():
    examples = [Labelled(f"film {n}", None, "ab"[n % 2]) for n in range(8)]
    done = ab.finetune("classification", examples, examples, batch_size=2, steps=6, **{**TINY, "epochs": 1})
    assert [(each["epoch"], each["step"]) for each in done.history.epochs] == [(1, 4), (2, 6)]


# ---- from the name to the submission ----


@pytest.mark.filterwarnings("ignore:all answers are")
@pytest.mark.parametrize("name", [name for name in NAMES if BENCHMARKS[name].train is not None])
def test_each_is_trained_scored_and_submitted(name, data, tmp_path):
    record, folder = get_benchmark(name), folder_of_data(data, name)
    options = {"max_length": 60} if record.fields is None else {}
    done = ab.finetune(name, data=folder, out=tmp_path / "run", options=options, **TINY)
    stored = json.loads((tmp_path / "run" / "task.json").read_text(encoding="utf-8"))
    assert stored["options"].get("benchmark") == (name if record.fields is not None else None)
    trained = ab.Trained.from_pretrained(tmp_path / "run", name)
    scores = evaluate(record, trained, folder)
    assert list(scores) == [split.name for split in record.dev]
    assert scores[record.dev[0].name][trained.task.metric] == pytest.approx(done.scores[0][trained.task.metric])
    paths = write_submission(record, trained, folder, tmp_path / "submission")
    assert [path.name for path in paths] == [split.submission for split in record.test]
    for split, path in zip(record.test, paths):
        examples = read_split(record, split, folder, labelled=False)
        check_submission(record, path, examples)


def check_submission(record, path, examples):
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n") and "\r" not in text
    if path.suffix == ".json":
        predictions = json.loads(text)
        assert list(predictions) == [question.id for question in examples]
        assert all(isinstance(each, str) for each in predictions.values())
        assert record.name != "race" or set(predictions.values()) <= set("ABCD")
        return
    lines = text.splitlines()
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in lines]
        assert [row["idx"] for row in rows] == list(range(len(examples)))
        assert {row["label"] for row in rows} <= set(record.labels or (0, 1))
        return
    assert lines[0] == "index\tprediction" and [line.split("\t")[0] for line in lines[1:]] == [each.id for each in examples]
    values = [line.split("\t")[1] for line in lines[1:]]
    assert set(values) <= set(record.labels) if record.labels else all(0 <= float(value) <= 5 for value in values)


def test_the_forms_of_submissions():
    examples = [Labelled("a", None, None, "7"), Labelled("b", None, None, "8")]

    def text(name, *labels):
        record = get_benchmark(name)
        return format_answers(record, record.test[0], examples, [{"label": label} for label in labels])

    assert text("glue:cola", "0", "1") == "index\tprediction\n7\t0\n8\t1\n"
    assert text("glue:mnli", "neutral", "entailment") == "index\tprediction\n7\tneutral\n8\tentailment\n"
    assert text("glue:sts-b", -0.2, 5.4) == "index\tprediction\n7\t0.000\n8\t5.000\n"
    assert text("glue:sts-b", 1.23456, 2.0) == "index\tprediction\n7\t1.235\n8\t2.000\n"
    assert text("superglue:boolq", "true", "false") == '{"idx": 7, "label": "true"}\n{"idx": 8, "label": "false"}\n'


@pytest.mark.filterwarnings("ignore:all answers are")
def test_the_diagnostic_set_is_answered_by_a_model_of_mnli(data, tmp_path):
    folder = data / "glue_data"
    ab.finetune("glue:mnli", data=folder, out=tmp_path / "run", **TINY)
    record = get_benchmark("glue:ax")
    trained = ab.Trained.from_pretrained(tmp_path / "run", "glue:ax")
    assert list(evaluate(record, trained, folder)) == ["diagnostic-full"]
    assert [path.name for path in write_submission(record, trained, folder, tmp_path / "s")] == ["AX.tsv"]
    with pytest.raises(ValueError, match=r"glue:ax has no training examples: .* with a model of glue:mnli"):
        ab.finetune("glue:ax", data=folder, **TINY)
    with pytest.raises(
        ValueError, match=r"was trained on glue:mnli, with the labels contradiction, .*glue:rte has the labels ent"
    ):
        check_trained(get_benchmark("glue:rte"), trained)
    with pytest.raises(ValueError, match=r"glue:sts-b has numbers"):
        check_trained(get_benchmark("glue:sts-b"), trained)
    with pytest.raises(ValueError, match=r"trained for the task 'classification', and squad:2.0 is 'question-answering'"):
        check_trained(get_benchmark("squad:2.0"), trained)


def test_a_model_of_another_benchmark_with_the_same_labels(data):
    trained = ab.finetune("glue:qnli", data=data / "glue_data", **TINY).trained
    with pytest.warns(UserWarning, match="the model was trained on glue:qnli, and is used for glue:rte"):
        check_trained(get_benchmark("glue:rte"), trained)


def test_labels_without_names_are_in_the_order_of_the_hub(data):
    trained = ab.finetune("glue:mnli", data=data / "glue_data", **TINY).trained
    trained.task.options |= {"labels": ["LABEL_0", "LABEL_1", "LABEL_2"], "benchmark": None}
    with pytest.warns(UserWarning, match="labels have no names: taken for entailment, neutral, contradiction"):
        check_trained(get_benchmark("glue:mnli"), trained)
    assert trained.task.options["labels"] == ["entailment", "neutral", "contradiction"]


def test_nothing_is_written_if_a_test_set_is_missing(data, tmp_path):
    trained = ab.finetune("glue:rte", data=data / "glue_data", **TINY).trained
    files.write_entailment(tmp_path / "RTE")
    (tmp_path / "RTE" / "test.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"glue:rte: there is no test.tsv in"):
        write_submission(get_benchmark("glue:rte"), trained, tmp_path, tmp_path / "submission")
    assert not (tmp_path / "submission").exists()


@pytest.mark.parametrize(
    ("name", "file", "rows", "message"),
    [
        ("glue:rte", "test.tsv", ["0\ta\tb", "0\tc\td"], r"test.tsv: examples 1 and 2 have the same index, '0'"),
        ("glue:rte", "test.tsv", ["0\ta\tb", "\tc\td"], r"test.tsv: example 2 has no index"),
        ("superglue:rte", "test.jsonl", ['{"premise": "a", "hypothesis": "b"}'], r"test.jsonl: example 2 has no index"),
    ],
)  # fmt: skip
def test_each_row_of_a_test_set_needs_an_index_of_its_own(data, tmp_path, name, file, rows, message):
    trained = ab.finetune(name, data=data, **TINY).trained
    first = "index\tsentence1\tsentence2" if file.endswith(".tsv") else '{"premise": "a", "hypothesis": "b", "idx": 0}'
    files.write(tmp_path, file, first, *rows)
    with pytest.raises(DataError, match=message):
        write_submission(get_benchmark(name), trained, tmp_path, tmp_path / "submission")
    assert not (tmp_path / "submission").exists()


def test_files_and_lists_in_place_of_the_folder(data):
    folder = data / "glue_data" / "CoLA"
    done = ab.finetune("glue:cola", folder / "train.tsv", folder / "dev.tsv", **TINY)
    assert done.trained.task.metric == "matthews" and len(done.held) == 4
    examples = [Labelled("A sentence.", None, "1"), Labelled("Sentence a.", None, "0")]
    assert ab.finetune("glue:cola", examples, examples, **TINY).held == examples


def test_the_folder_has_the_set_that_is_not_given(data):
    folder = data / "glue_data"
    own = [Labelled("a", "b", "entailment"), Labelled("c", "d", "not_entailment")]
    assert len(ab.finetune("glue:rte", own, data=folder, **TINY).held) == 3
    done = ab.finetune("glue:rte", data=folder, dev=own, **TINY)
    assert done.held == own and len(done.history.steps) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ab.finetune("glue:rte", own, **TINY).scores == []


def test_without_a_dev_set_the_last_epoch_is_used(tmp_path):
    files.write_entailment(tmp_path)
    (tmp_path / "dev.tsv").unlink()
    with pytest.warns(UserWarning, match=r"there is no dev.tsv in .*; without it the last epoch is used, unscored"):
        assert ab.finetune("glue:rte", data=tmp_path, **TINY).scores == []


def test_a_resumed_run_is_the_same(data, tmp_path):
    given = dict(data=data / "glue_data", out=tmp_path / "run", **TINY)
    done = ab.finetune("glue:sts-b", **given)
    again = ab.finetune("glue:sts-b", resume=True, **given)
    assert again.scores == done.scores
    with pytest.raises(ValueError, match="cannot resume"):
        ab.finetune("glue:rte", resume=True, **given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(task="ner", data="x"), "`data` is for a benchmark, such as glue:mrpc, and ner is a task"),
        (dict(task="ner", train="x", paper=True), "`paper` is for a benchmark"),
        (dict(task="ner"), "the examples to train on are missing: give them as `train`"),
        (dict(task="glue:rte", options={"kind": "sets"}), "the option kind cannot be given: glue:rte decides it"),
        (dict(task="glue:rte", batchsize=3), r"unknown setting 'batchsize'; did you mean 'batch_size'\?"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ab.finetune(**arguments)


@pytest.mark.parametrize(
    ("name", "options"), [("glue:rte", {"text": "sentence2"}), ("race", {"form": "swag"}), ("race", {"blanks": False})]
)
def test_options_on_the_reading_of_files_are_refused(data, name, options):
    message = rf"the option {next(iter(options))} cannot be given: {name} decides how its files are read; the task \w+"
    folder = folder_of_data(data, name)
    for given in (dict(data=folder), dict(train=folder / "train")):
        with pytest.raises(ValueError, match=message):
            ab.finetune(name, options=options, **given, **TINY)


def test_rows_in_the_columns_of_the_data_set_are_read_as_its_files():
    """Their labels may be the hub's ids, as in a DataFrame of the package `datasets`."""
    rows = [{"premise": f"A {n}.", "hypothesis": "B.", "label": n, "idx": n} for n in (0, 1, 2)]
    done = ab.finetune("glue:mnli", rows, [*rows, {**rows[0], "label": -1}], **TINY)
    assert [example.label for example in done.held] == ["entailment", "neutral", "contradiction"]
    with pytest.raises(DataError, match=r"train:2: the labels of MNLI are contradiction, .*, not '7'"):
        ab.finetune("glue:mnli", [rows[0], {**rows[1], "label": 7}], **TINY)


def test_rows_are_read_by_these_options():
    rows = [{"a": f"A {word}.", "b": "It.", "label": label} for word, label in (("cat", "entailment"), ("dog", "not_entailment"))]
    done = ab.finetune("glue:rte", rows, options={"text": "a", "pair": "b"}, **TINY)
    assert done.trained.task.options["labels"] == ["entailment", "not_entailment"]


@pytest.mark.parametrize(("name", "unit"), [("glue:sts-b", "squared error"), ("glue:rte", "nats")])
def test_the_figure_has_the_unit_of_the_loss(data, name, unit):
    figure = ab.finetune(name, data=data / "glue_data", **TINY).plot()
    assert figure.axes[0].get_ylabel() == f"training loss ({unit})"


def test_the_group_is_not_one_data_set(data):
    with pytest.raises(ValueError, match="glue:all stands for several data sets"):
        ab.finetune("glue:all", data=data / "glue_data", **TINY)
    assert len(get_group("glue:all")) == 9


def test_prepared_examples_have_the_changes_of_the_table(data):
    record = get_benchmark("glue:qqp")
    prepared = prepare(record, get_task("glue:qqp"), data / "glue_data", False, None, None, {"hidden_dropout_prob": 0.3})
    assert prepared.changes == {
        "hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.1, "classifier_dropout_prob": 0.1,
    }  # fmt: skip
    assert len(prepared.train) == 5 and len(prepared.dev) == 4
