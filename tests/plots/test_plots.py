"""The figures exist, are legible pictures, and show what they should."""

import json
import math
import shutil

import numpy as np
import pytest

from albert_np import plots
from albert_np.io.files import write_figures
from albert_np.plots import axes
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


def test_the_unigram_entropy_is_a_dashed_line(metrics):
    steps, evaluations = read_metrics(metrics)
    panel = plots.pretraining_figures(steps, evaluations, 5.5, 4000)["loss"].axes[0]
    (dashed,) = [line for line in panel.lines if line.get_linestyle() == "--"]
    assert set(dashed.get_ydata()) == {5.5}
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
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
