"""Regression in whatever units: labels are standardised for training, and answers and scores are in their own units."""

import json
import math
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab
from albert_np.apps.convert import convert
from albert_np.compress.job import Plan
from albert_np.compress.models import compress
from albert_np.compress.sweep import best_at
from albert_np.data.formats import Labelled
from albert_np.tasks import get_task
from albert_np.tasks.classification import Classification
from albert_np.tasks.initial_model import train_vocabulary as vocabulary_of
from albert_np.tasks.scale import Scale, is_similar, measure_scale, parse_scale, read_scale, rescale_head
from albert_np.training.callbacks import Callback

SMALL = dict(num_hidden_layers=1, hidden_size=32, num_attention_heads=2, intermediate_size=48)
COUNTS = np.random.default_rng(0).integers(1, 10, 40)
NUMBER = dict(kind="number")  # said, since most of the numbers here are whole
TEXTS = ["3 fine houses", "9 fine houses", "2 bikes"]


def houses(label=float, counts=COUNTS):
    return [Labelled(f"{n} fine houses", label=repr(float(label(n)))) for n in counts]


@pytest.fixture(scope="module")
def pieces():
    return vocabulary_of(houses(), 60)


def train(examples, pieces, **settings):
    given = dict(config="tiny", changes=SMALL, epochs=3, learning_rate=2e-3, tokens_per_batch=64, options=NUMBER) | settings
    return ab.finetune("classification", examples, examples, tokenizer=pieces, **given)


@pytest.fixture(scope="module")
def prices(pieces, tmp_path_factory):
    """A model of prices from 10,000 to 90,000, and its folder."""
    out = tmp_path_factory.mktemp("prices") / "model"
    return train(houses(lambda n: n * 1e4), pieces, epochs=60, out=out), out


def numbers(trained):
    return [answer["label"] for answer in trained.predict(TEXTS)]


def test_the_plot_says_that_a_lower_error_is_better(prices):
    done, _ = prices
    assert "lower is better" in done.plot().axes[1].get_ylabel()


# ---- the scale ----


def test_the_units_of_the_labels_change_nothing_but_the_units_of_the_answers(pieces):
    labels = COUNTS * 10.0
    mean, deviation = labels.mean(), labels.std()
    runs = {
        unit: train(houses(label), pieces)
        for unit, label in dict(
            plain=lambda n: n * 10, thousands=lambda n: n * 1e4, standard=lambda n: (n * 10 - mean) / deviation,
            tiny=lambda n: n * 1e-6, huge=lambda n: n * 1e39,
        ).items()
    }  # fmt: skip
    plain = runs["plain"]
    for done in runs.values():
        losses = [[step["loss"] for step in run.history.steps] for run in (done, plain)]
        np.testing.assert_allclose(*losses, rtol=1e-4)
        assert done.mean["pearson"] == pytest.approx(plain.mean["pearson"], abs=1e-5) and done.history.best == plain.history.best
    for unit, factor in dict(thousands=1000, tiny=1e-7, huge=1e38).items():
        np.testing.assert_allclose(numbers(runs[unit].trained), np.array(numbers(plain.trained)) * factor, rtol=1e-4)
        error = runs[unit].mean["root_mean_squared_error"]
        assert error == pytest.approx(plain.mean["root_mean_squared_error"] * factor, rel=1e-4)
    np.testing.assert_allclose(np.array(numbers(runs["standard"].trained)) * deviation + mean, numbers(plain.trained), rtol=1e-4)


def test_a_model_of_prices_answers_with_prices(prices):
    done, out = prices
    trained = ab.Trained.from_pretrained(out)
    three, nine, _ = numbers(trained)
    assert 20_000 < three < 40_000 and 80_000 < nine < 100_000
    error = trained.evaluate(houses(lambda n: n * 1e4))["root_mean_squared_error"]
    assert error < 0.3 * done.baselines["the mean"]["root_mean_squared_error"]
    assert done.baselines["the mean"]["root_mean_squared_error"] == pytest.approx(COUNTS.std() * 1e4)
    assert next(iter(done.mean)) == done.trained.task.metric == "root_mean_squared_error"
    assert {"pearson", "spearman", "mean_squared_error"} < set(done.mean)
    options = json.loads((out / "task.json").read_text())["options"]
    assert options["scale"] == pytest.approx([COUNTS.mean() * 1e4, COUNTS.std() * 1e4])
    logits = [float(trained.model(**trained.tokenizer(text)).logits[0, 0]) for text in TEXTS]
    np.testing.assert_allclose(Scale(*options["scale"]).restore(np.array(logits)), numbers(trained), rtol=1e-5)


@pytest.mark.parametrize(
    "labels", [[1.0, 2.0, 6.0], [1e-200, 3e-200], [-1e149, 1e149], [1e9, 1e9 + 1], [1e-300, 0.0], [-4.5, 7.0]]
)
def test_the_scale_of_numbers_of_any_size(labels):
    scale = measure_scale(labels)
    standard = scale.standardise(np.array(labels))
    assert np.mean(standard) == pytest.approx(0, abs=1e-6) and np.std(standard) == pytest.approx(1)
    np.testing.assert_allclose(scale.restore(standard), labels, rtol=1e-12, atol=1e-310)
    assert all(math.isfinite(value) for value in scale) and scale.deviation > 0


def test_a_deviation_is_never_zero():
    scale = measure_scale([5e-324, 0.0])
    assert scale.deviation > 0 and np.isfinite(scale.standardise(5e-324))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_equal_labels_have_a_scale_and_a_warning(count):
    task = get_task("classification", **NUMBER)
    with pytest.warns(UserWarning, match=r"all training labels are the same number, 0\.1: there is nothing to learn"):
        task.learn([Labelled("x", label="0.1")] * count)
    assert task.options["scale"] == [0.1, 1.0] and task.options["usual"] == 0.1


def test_labels_that_are_too_large_and_damaged_scales_are_refused(prices, tmp_path):
    with pytest.raises(ValueError, match=r"the label 1e\+200 is too large: expected numbers from -1e\+150 to 1e\+150"):
        get_task("classification", **NUMBER).learn([Labelled("x", label="1e200"), Labelled("y", label="1.5")])
    for wrong in ([1], [1, 0], [1, -2], "ab", [1, "2"], [1, True], {}, 3, [float("nan"), 1], [10**400, 1]):
        with pytest.raises(ValueError, match="scale must be the mean and the positive deviation of the labels, not"):
            parse_scale(wrong)
    values = json.loads((prices[1] / "task.json").read_text())
    values["options"]["scale"] = [1, 0]
    folder = tmp_path / "damaged"
    prices[0].trained.save_pretrained(folder)
    (folder / "task.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"task\.json: its options are not those of classification: scale must be"):
        ab.Trained.from_pretrained(folder)
    with pytest.raises(ValueError, match=r"task\.json of .*damaged: scale must be"):
        convert(folder, tmp_path / "converted")


def test_folders_without_a_scale_answer_as_before(prices, tmp_path):
    prices[0].trained.save_pretrained(tmp_path / "old")
    values = json.loads((tmp_path / "old" / "task.json").read_text())
    del values["options"]["scale"]
    (tmp_path / "old" / "task.json").write_text(json.dumps(values))
    old = ab.Trained.from_pretrained(tmp_path / "old")
    logits = [float(old.model(**old.tokenizer(text)).logits[0, 0]) for text in TEXTS]
    np.testing.assert_allclose(numbers(old), logits, rtol=1e-5)
    assert old.baselines(houses())["the mean"]["mean_squared_error"] > 0 and read_scale(tmp_path / "old") is None


@pytest.mark.parametrize(
    ("scale", "number", "text"),
    [(Scale(), 0.70512, "0.705"), (Scale(5e4, 2.5e4), 30412.337, "30412"), (Scale(3, 1.4), -1e-16, "0.000"),
     (Scale(6e-6, 2.6e-6), 6.1942e-6, "0.000006194"), (Scale(1e9, 2.5), 1e9 + 5.25, "1000000005.250"),
     (Scale(5e39, 2e39), 5.623357e39, "5.62336e+39"), (Scale(0, 1e-200), 3e-200, "3e-200"), (Scale(300, 99.0), 412.34, "412.34")],
)  # fmt: skip
def test_answers_are_shown_with_the_digits_that_matter(scale, number, text):
    task = get_task("classification", kind="number", scale=list(scale))
    assert task.show(Labelled("a [b]"), {"label": number}).startswith(text + "\t")


# ---- the choice of a model ----


class Scores(Classification):
    """Answers a list of given numbers, one for each evaluation."""

    given: list[float] = []  # noqa: RUF012

    def answers(self, model, tokenizer, examples):
        return [{"label": self.given[0]} for _ in examples]

    def score(self, examples, answers):
        return {"root_mean_squared_error": self.given.pop(0), "pearson": 1.0}

    def baselines(self, train, examples):
        return {}


def test_the_best_epoch_and_the_best_seed_have_the_lowest_error(pieces):
    task = Scores(kind="number")
    task.given = [9.0, 5.0, 3.0, 4.0, 4.0, 4.0]
    run = partial(ab.finetune, task, houses(), houses(), tokenizer=pieces, config="tiny", changes=SMALL)
    done = run(epochs=5)
    assert done.history.best == 2 and done.scores[0]["root_mean_squared_error"] == 3.0  # the first is the baseline's
    task.given = [9.0, 5.0, 4.0, 4.5, 6.0, 0.0]
    done = run(epochs=9, patience=2)
    assert done.history.best == 2 and len(done.history.epochs) == 4
    task.given = [9.0, 5.0, 3.0, 4.0, 3.5]
    done = run(epochs=1, seeds=4)
    assert done.history.scores["root_mean_squared_error"] == 3.0 and len(done.scores) == 4


def test_a_task_says_which_of_two_scores_is_better():
    assert get_task("ner").better(0.5, 0.4) and not get_task("ner").better(0.4, 0.4)
    task = get_task("classification", kind="number")
    assert task.better(0.4, 0.5) and not task.better(0.5, 0.5) and not task.better(0.5, 0.4)
    rows = [dict(score=score, bytes=size) for score, size in ((9.0, 100), (2.0, 9), (1.0, 10), (0.5, 50))]
    assert best_at(rows, False, 0.1)["score"] == 1.0 and best_at(rows, True, 0.1)["score"] == 2.0


def test_numbers_have_no_classes_to_balance_or_smooth(pieces):
    with pytest.raises(ValueError, match="balance needs one class for each example; the labels of classification here are"):
        train(houses(), pieces, balance=True)
    with pytest.raises(ValueError, match="label_smoothing has no effect on classification: it is for translation"):
        train(houses(), pieces, label_smoothing=0.1)


# ---- from a trained regression ----


class Notes(Callback):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.mark.parametrize("start", ["folder", "converted"])
def test_training_goes_on_from_the_same_answers(prices, pieces, tmp_path, start):
    done, out = prices
    if start == "converted":
        out = Path(convert(out, tmp_path / "converted")["folder"])
    shifted = houses(lambda n: n * 1e4 + 5000)[:30]  # of another mean and deviation
    again = ab.finetune("classification", shifted, shifted, model=out, epochs=1, learning_rate=1e-12, options=NUMBER)
    assert again.trained.task.options["scale"] != done.trained.task.options["scale"]
    np.testing.assert_allclose(numbers(again.trained), numbers(done.trained), rtol=1e-4)


def test_a_head_for_other_units_is_not_used(prices, pieces):
    notes = Notes()
    given = dict(options=NUMBER, epochs=1, learning_rate=1e-12, report=notes, seeds=2)
    done = ab.finetune("classification", houses(), houses(), model=prices[1], **given)
    (note,) = [note for note in notes.notes if "units" in note]
    assert note.startswith(f"{prices[1]} was trained on numbers in other units (mean ") and note.endswith("): it gets a new head")
    assert all(abs(number - COUNTS.mean()) < 2 for number in numbers(done.trained))
    assert is_similar(Scale(3, 1.4), Scale(2.9, 1.5)) and not is_similar(Scale(3, 1.4), Scale(0.5, 0.4))


def test_a_teacher_of_another_scale_teaches_the_same_answers(prices, pieces):
    part = houses(lambda n: n * 1e4, counts=np.array([1, 2, 3, 4, 5, 6] * 6))
    done = train(part, pieces, teacher=prices[1], hard=0.0, epochs=30)
    taught = [answer["label"] for answer in prices[0].trained.predict([example.text for example in part])]
    learned = [answer["label"] for answer in done.trained.predict([example.text for example in part])]
    assert np.abs(np.subtract(taught, learned)).max() < 8000 and done.trained.task.options["scale"][0] == pytest.approx(35_000)
    with pytest.raises(
        ValueError, match=r"the teacher was trained on numbers in other units \(mean .*\) than these labels \(mean"
    ):
        train(houses(), pieces, teacher=prices[1])


def test_a_run_is_resumed_with_its_scale(pieces, tmp_path):
    given = houses(lambda n: n * 1e4)
    done = train(given, pieces, seeds=2, out=tmp_path / "out")
    again = train(given, pieces, seeds=2, out=tmp_path / "out", resume=True)
    assert again.scores == done.scores and numbers(again.trained) == numbers(done.trained)
    with pytest.raises(ValueError, match="cannot resume"):
        train(given[:20], pieces, seeds=2, out=tmp_path / "out", resume=True)


# ---- out of the package ----


@pytest.mark.parametrize("to", ["hf", "tf", "npz"])
def test_a_converted_model_answers_in_the_units_of_the_labels(prices, tmp_path, to):
    done, out = prices
    assert convert(out, tmp_path / to, to=to)["scale"] == done.trained.task.options["scale"]
    model = ab.AlbertForSequenceClassification.from_pretrained(tmp_path / to, num_labels=1, config=done.trained.model.config)
    logits = [float(model(**done.trained.tokenizer(text)).logits[0, 0]) for text in TEXTS]
    np.testing.assert_allclose(logits, numbers(done.trained), rtol=1e-5)


def test_an_onnx_graph_has_the_scale_in_its_head(prices, tmp_path, monkeypatch):
    done, out = prices
    heads = []
    monkeypatch.setattr("albert_np.apps.convert.save_onnx", lambda folder, config, tree, name: heads.append(tree.task))
    convert(out, tmp_path / "onnx", to="onnx")
    mean, deviation = done.trained.task.options["scale"]
    np.testing.assert_allclose(heads[0].w, done.trained.model.params.task.w * deviation, rtol=1e-6)
    np.testing.assert_allclose(heads[0].b, done.trained.model.params.task.b * deviation + mean, rtol=1e-6)


def test_onnxruntime_answers_in_the_units_of_the_labels(prices, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    done, out = prices
    convert(out, tmp_path / "onnx", to="onnx")
    session = runtime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"), providers=["CPUExecutionProvider"])
    given = [{name: np.asarray(each, np.int64) for name, each in done.trained.tokenizer(text).items()} for text in TEXTS]
    logits = [float(session.run(["logits"], each)[0][0, 0]) for each in given]
    np.testing.assert_allclose(logits, numbers(done.trained), rtol=1e-5)


def test_an_archive_of_a_trained_folder_has_its_scale(prices, tmp_path):
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.add(prices[1], "model")
    assert list(read_scale(tmp_path / "model.tar.gz")) == convert(tmp_path / "model.tar.gz", tmp_path / "hf")["scale"]


def test_a_scale_beyond_the_dtype_is_refused_and_lost_digits_are_said(prices, pieces, tmp_path):
    trained = prices[0].trained
    for name, scale in {"large": [5e39, 2e39], "tiny": [5e-200, 1e-200], "offset": [1e9, 2.5]}.items():
        task = get_task("classification", **{**trained.task.options, "scale": scale})
        ab.Trained(task, trained.model, pieces).save_pretrained(tmp_path / name)
    for name in ("large", "tiny"):
        with pytest.raises(ValueError, match="are outside the range of float32: give dtype float64"):
            convert(tmp_path / name, tmp_path / "out")
    convert(tmp_path / "large", tmp_path / "out", dtype="float64")
    model = ab.AlbertForSequenceClassification.from_pretrained(tmp_path / "out", dtype="float64")
    expected = ab.Trained.from_pretrained(tmp_path / "large").predict(TEXTS[0])[0]["label"]
    assert float(model(**pieces(TEXTS[0])).logits[0, 0]) == pytest.approx(expected, rel=1e-5)
    with pytest.warns(UserWarning, match=r"labels near 1e\+09 that differ by 2\.5 need more digits than float32 has"):
        convert(tmp_path / "offset", tmp_path / "rounded")


def test_heads_are_changed_from_scale_to_scale_and_back(prices):
    params = prices[0].trained.model.params.copy()
    rescale_head(params, Scale(5, 2), Scale(-1, 7))
    rescale_head(params, Scale(-1, 7), Scale(5, 2))
    np.testing.assert_allclose(params.flat, prices[0].trained.model.params.flat, rtol=1e-4, atol=1e-6)


def test_a_compressed_model_has_the_scale(prices, tmp_path):
    given = houses(lambda n: n * 1e4)
    report = compress(prices[1], tmp_path / "int8", Plan(weights="int8"), given, given)
    assert "changed" not in report and report["after"]["root_mean_squared_error"] < 1e4
    np.testing.assert_allclose(numbers(ab.Trained.from_pretrained(tmp_path / "int8")), numbers(prices[0].trained), atol=3000)
    assert convert(tmp_path / "int8", tmp_path / "hf")["scale"] == prices[0].trained.task.options["scale"]
