"""The figures exist, are legible pictures, and show what they should."""

import io
import itertools
import json
import math
import shutil
import warnings

import numpy as np
import pytest

from albert_np import plots
from albert_np.io.files import write_figures
from albert_np.plots import axes, finetune
from albert_np.training.figures import draw_figures
from albert_np.training.metrics import read_metrics


@pytest.fixture
def metrics(tmp_path):
    """300 steps of a run that learns, and three evaluations."""
    lines = []
    for step in range(1, 301):
        loss = 5 + 3 * math.exp(-step / 50) + 0.2 * math.sin(step)
        lines.append(
            dict(step=step, loss=loss + 0.7, mlm_loss=loss, mlm_accuracy=0.2, sop_loss=0.7, sop_accuracy=0.5, lr=1e-3,
                 grad_norm=1.0, tokens=100, seconds=step)
        )  # fmt: skip
        if step % 100 == 0:
            lines.append(dict(step=step, held_out=dict(loss=6.0, mlm_loss=5.3, mlm_accuracy=0.2, sop_accuracy=0.6)))
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n" + '{"step": 301, "lo')  # the last line is cut off
    return path


def test_four_pictures_with_ink(metrics, tmp_path):
    from matplotlib.image import imread

    paths = draw_figures(tmp_path, unigram_entropy=5.5, vocab_size=4000)
    assert [path.name for path in paths] == ["loss.png", "accuracy.png", "learning_rate.png", "gradient_norm.png"]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(path.name for path in paths)
    for path in paths:
        picture = imread(path)
        assert picture.shape[0] >= 400 and picture.shape[1] >= 700
        ink = (picture[:, :, :3] < 0.7).any(axis=2)
        assert 0.003 < ink.mean() < 0.3, path.name
        assert ink[:, : ink.shape[1] // 2].any() and ink[:, ink.shape[1] // 2 :].any()


def test_a_run_of_one_step_is_a_point(metrics):
    """A line of one point would leave no ink."""
    steps, _ = read_metrics(metrics)
    drawn = plots.pretraining_figures(steps[:1], [])
    learning = plots.finetune_figures([{"step": 1, "loss": 0.5}], [], "accuracy", {})["learning"]
    for figure in (*drawn.values(), learning):
        assert any(line.get_marker() == "o" and len(line.get_xdata()) == 1 for line in figure.axes[0].lines)
    longer = plots.pretraining_figures(steps[:2], [])["loss"]
    assert {line.get_marker() for line in longer.axes[0].lines} == {"None"}


def test_a_flat_curve_of_few_steps_is_within_its_axes(metrics):
    """Steps are whole numbers, and the axis goes on above a line that hardly moves."""
    steps = [{"step": step, "loss": 0.9 - 0.01 * step} for step in (1, 2)]
    records = [{**record, "lr": 1e-3, "grad_norm": 2.0} for record in read_metrics(metrics)[0][:2]]
    for figure in (
        plots.finetune_figures(steps, [], "accuracy", {})["learning"],
        plots.pretraining_figures(records, [])["gradient_norm"],
        plots.pretraining_figures(records, [])["learning_rate"],
    ):
        (axis,) = figure.axes
        highest = max(max(line.get_ydata()) for line in axis.lines)
        assert axis.get_ylim()[0] == 0 and axis.get_ylim()[1] > 1.04 * highest
        assert [tick for tick in axis.get_xticks() if tick % 1] == []


def test_the_unigram_entropy_is_a_dashed_line(metrics):
    steps, evaluations = read_metrics(metrics)
    figure = plots.pretraining_figures(steps, evaluations, 5.5, 4000)["loss"]
    panel = figure.axes[0]
    (dashed,) = [line for line in panel.lines if line.get_linestyle() == "--"]
    assert set(dashed.get_ydata()) == {5.5}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]  # outside the axes, where it covers no line
    assert panel.get_legend() is None
    assert "unigram entropy, held-out = 5.50" in labels and "ln V = 8.29" in labels and "held-out" in labels
    assert panel.get_xlabel() == "step" and "nats" in panel.get_ylabel()


def test_a_run_without_order_or_held_out_is_drawn(metrics, tmp_path):
    rows = [json.loads(line) for line in metrics.read_text().splitlines()[:50]]
    for row in rows:
        row.pop("sop_accuracy", None)
    metrics.write_text("\n".join(json.dumps(row) for row in rows if "loss" in row))
    assert len(draw_figures(tmp_path, None, 4000)) == 4
    shutil.rmtree(tmp_path / "figures")
    metrics.write_text("")
    assert draw_figures(tmp_path, None, 4000) == []
    assert not (tmp_path / "figures").exists()


def test_smoothing_is_a_running_mean():
    values = list(np.arange(200.0))  # a window of 4
    np.testing.assert_allclose(axes.running_mean(values)[:6], [0, 0.5, 1, 1.5, 2.5, 3.5])
    assert axes.running_mean([3.0]) == [3.0]


def test_the_scores_of_the_epochs_stand_beside_the_loss():
    steps = [dict(step=step, loss=1 / step) for step in range(1, 41)]
    epochs = [dict(step=20, dev=dict(f1=0.5)), dict(step=40, dev=dict(f1=0.7))]
    figure = plots.finetune_figures(steps, epochs, "f1", {"majority": dict(f1=0.3)})["learning"]
    left, right = figure.axes
    assert left.lines[0].get_ydata()[0] == 1 and right.lines[0].get_ydata().tolist() == [0.5, 0.7]
    assert set(right.lines[1].get_ydata()) == {0.3} and "f1" in right.get_ylabel()
    assert plots.finetune_figures([], epochs, "f1", {}) == {}


def test_an_error_is_drawn_from_zero_and_is_not_in_nats():
    steps = [dict(step=step, loss=1 / step) for step in range(1, 41)]
    epochs = [dict(step=20, dev=dict(error=26_000.0)), dict(step=40, dev=dict(error=25_000.0))]
    figure = plots.finetune_figures(steps, epochs, "error", {"the mean": dict(error=25_900.0)}, higher_is_better=False)[
        "learning"
    ]
    left, right = figure.axes
    assert right.get_ylim()[0] == 0 and "lower is better" in right.get_ylabel()
    assert left.get_ylabel() == "training loss (squared error)"


def test_a_confusion_matrix_shows_its_counts():
    panel = plots.confusion_figure(np.array([[8, 2], [0, 5]]), ["ham", "spam"]).axes[0]
    assert [(text.get_position(), text.get_text()) for text in panel.texts] == [((0, 0), "8"), ((1, 0), "2"), ((1, 1), "5")]
    np.testing.assert_allclose(panel.images[0].get_array(), [[0.8, 0.2], [0, 1]])
    assert [text.get_text() for text in panel.get_yticklabels()] == ["ham", "spam"]


def test_a_failing_figure_is_a_warning(metrics, tmp_path):
    def fails():
        raise RuntimeError("no font")

    with pytest.warns(UserWarning, match=r"the figures in .*figures could not be drawn: no font"):
        assert write_figures(tmp_path / "figures", fails) == []
    (tmp_path / "figures").write_text("a file stands in the way")
    with pytest.warns(UserWarning, match="could not be drawn"):
        assert draw_figures(tmp_path, None, 4000) == []


def test_every_figure_that_can_be_drawn_is_drawn(tmp_path):
    class Broken:
        def savefig(self, *arguments, **options):
            raise MemoryError

    figures = {"first": Broken(), "second": plots.confusion_figure(np.eye(2, dtype=int), ["a", "b"])}
    with pytest.warns(UserWarning, match="out of memory") as caught:
        assert [path.name for path in write_figures(tmp_path, lambda: figures)] == ["second.png"]
    assert len(caught) == 1 and [path.name for path in tmp_path.iterdir()] == ["second.png"]


@pytest.mark.parametrize("C", [41, 77, 400, 1500])
def test_the_size_of_a_confusion_matrix_is_bounded(C, tmp_path):
    counts = np.diag(np.full(C, 9))
    counts[7, 30] = 5  # the one confusion
    counts[C - 1, C - 1] = 20_000
    figure = plots.confusion_figure(counts, [f"class {i}" for i in range(C)])
    width, height = figure.get_size_inches()
    assert width <= 17 and height <= 16
    panel = figure.axes[0]
    names = [text.get_text() for text in panel.get_yticklabels()]
    assert len(names) == 40 and "class 7" in names and "class 30" in names and names[-1] == f"the other {C - 39:,}"
    assert f"the 39 most confused of {C:,} classes" in panel.get_title(loc="left")
    shown = {text.get_text() for text in panel.texts}
    assert "5" in shown and "20k" in shown


def test_confusions_between_classes_that_are_not_shown_are_counted():
    counts = np.diag(np.full(100, 9))
    counts[np.arange(98), np.arange(1, 99)] = 1
    few, names, title = finetune.limit_classes(counts, list(map(str, range(100))))
    assert few.shape == (40, 40) and len(names) == 40
    assert few.sum() == counts.sum() - 58 and "(58 mistakes between the others are not shown)" in title  # pairs of 40 .. 98
    np.testing.assert_array_equal(few[:39, :39], counts[1:40, 1:40])  # 0 is confused once, the others twice
    assert few[39].tolist() == [1, *[0] * 38, 9 * 61] and few[38, 39] == 1


HARD_NAMES = ["$x_1$", "a_b$", "\\frac{1}", "%", "_x", "$", "nul\0", "two\nlines", "", "\ud800", "very long " * 500]


def test_names_are_plain_text(tmp_path):
    figures = {
        "confusion": plots.confusion_figure(np.eye(len(HARD_NAMES), dtype=int), HARD_NAMES),
        "results": plots.experiments_figure(
            {"title": "$a_b$ $\\frac$", "metrics": ["$f_1$"],
             "configurations": [{"name": name, "runs": [{"$f_1$": i}]} for i, name in enumerate(HARD_NAMES)]}
        ),
        **plots.finetune_figures(
            [{"step": 1, "loss": 1.0}], [{"step": 1, "dev": {"_$f$_": 0.5}}], "_$f$_", {"$\\frac$": {"_$f$_": 0.1}}
        ),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(write_figures(tmp_path, lambda: figures)) == 3
    names = [text.get_text() for text in figures["confusion"].axes[0].get_yticklabels()]
    assert names[:4] == HARD_NAMES[:4] and max(map(len, names)) <= 29 and "…" in names[-1]
    assert [text.get_text() for text in figures["learning"].legends[0].get_texts()] == ["training loss", " _$f$_", "$\\frac$"]


def test_long_names_are_cut_in_the_middle():
    assert axes.format_name("a" * 40 + "b" * 40) == "a" * 18 + "…" + "b" * 9
    assert axes.format_name("价" * 40) == "价" * 9 + "…" + "价" * 4  # wide characters
    assert axes.format_name("e\u0301t\u00ad\u200bé") == "e\u0301té"


def test_missing_glyphs_are_one_note(tmp_path):
    def draw():
        figure = plots.confusion_figure(np.eye(3, dtype=int), ["价格", "很高", "价高"])
        return {"first": figure, "second": figure}

    with pytest.warns(UserWarning) as caught:
        assert len(write_figures(tmp_path, draw)) == 2
    (only,) = [str(each.message) for each in caught]
    assert "lacks 4 characters of the names" in only and "价" in only


def test_the_figure_of_a_sweep_of_any_size_is_bounded():
    many = [{"name": f"c{i}", "runs": [{"sop_accuracy": 0.54 + i * 1e-5}]} for i in range(500)]
    figure = plots.experiments_figure({"title": "Many", "metrics": ["sop_accuracy"], "configurations": many})
    assert figure.get_size_inches()[1] < 24 and "the first 60 of 500 configurations" in figure.get_suptitle()
    assert len(figure.axes[0].get_yticks()) == 60


def test_the_tick_labels_of_a_sweep_do_not_overlap():
    close = [{"name": f"c{i}", "runs": [{"sop_accuracy": 0.54 + i * 1e-4}]} for i in range(25)]
    figure = plots.experiments_figure({"title": "Close", "metrics": ["sop_accuracy"] * 3, "configurations": close})
    figure.savefig(io.BytesIO())
    for panel in figure.axes:
        boxes = [label.get_window_extent() for label in panel.get_xticklabels() if label.get_text()]
        assert len(boxes) >= 2
        low, high = panel.get_window_extent().intervalx
        inside = [box for box in boxes if low <= (box.x0 + box.x1) / 2 <= high]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(inside))
