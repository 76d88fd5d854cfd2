"""The map of texts: all points are there, and texts cover neither each other nor other points."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Annotation

from albert_np.plots import embeddings, map_figure


def points(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2))


def boxes(figure):
    """The texts beside the points, and the pixels that they cover."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    notes = [each for each in figure.axes[0].texts if isinstance(each, Annotation)]
    return [each.get_text() for each in notes], [each.get_window_extent(renderer) for each in notes]


@pytest.mark.parametrize("n", [2, 30, 200])
def test_texts_cover_nothing(n):
    figure = map_figure(points(n), (0.5, 0.25), [f"Text number {i} of the many" for i in range(n)])
    names, covered = boxes(figure)
    assert len(names) >= min(n, 15) and len(names) <= embeddings.MAX_NAMED
    assert not any(a.overlaps(b) for i, a in enumerate(covered) for b in covered[:i])
    dots = figure.axes[0].transData.transform(points(n))
    for name, box in zip(names, covered):
        inside = [i for i, dot in enumerate(dots) if box.contains(*dot)]
        assert inside == [], f"{name} covers {inside}"
        assert figure.axes[0].get_window_extent().containsx(box.x0) and figure.axes[0].get_window_extent().containsx(box.x1)
    (line,) = figure.axes[0].lines
    assert np.array_equal(line.get_xydata(), points(n)) and figure.legends == []
    assert "first principal component (50% of the variance)" in figure.axes[0].get_xlabel()


def test_labels_have_colours_and_counts():
    labels = ["b", "a", None, "a", "b", "a"]
    figure = map_figure(points(6), (0.5, 0.5), list("uvwxyz"), labels, "topic")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a (3)", "b (2)", "no label (1)"]
    assert figure.legends[0].get_title().get_text() == "topic"
    lines = figure.axes[0].lines
    assert len({to_hex(line.get_color()) for line in lines}) == 3
    assert np.array_equal(lines[0].get_xydata(), points(6)[[1, 3, 5]])


def test_many_labels():
    labels = [f"label {i % 15}" for i in range(80)]
    figure = map_figure(points(80), (0.5, 0.5), ["text"] * 80, labels)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (
        len(names) == 10
        and names[-1].startswith("6 others (")
        and sum(len(line.get_xdata()) for line in figure.axes[0].lines) == 80
    )
    colours = [to_rgb(line.get_color()) for line in figure.axes[0].lines]
    assert len(set(colours)) == 10
    assert [max(colour) - min(colour) < 0.05 for colour in colours] == [False] * 9 + [True], "grey is the colour of the others"


def test_numbers_are_a_scale():
    figure = map_figure(points(8), (0.5, 0.5), ["text"] * 8, [*map(str, range(7)), None], "score")
    assert figure.legends == [] and figure.axes[1].get_ylabel() == "score"
    few = map_figure(points(8), (0.5, 0.5), ["text"] * 8, ["0", "1"] * 4)
    assert len(few.legends) == 1  # two classes


def test_texts_as_they_are():
    texts = ["$x_1$ costs 5 $", "_hidden", "two\nlines and a\ttab", "", "a very long text that goes on and on and on"]
    figure = map_figure(points(5) * 100, (0.5, 0.5), texts, texts, "$a_b$")
    names, _ = boxes(figure)
    assert names[0] == "$x_1$ costs 5 $" and "two lines and a tab" in names and "a very long text that goes on a…" in names
    figure.savefig(io.BytesIO(), format="png")


def test_points_at_one_place():
    figure = map_figure(np.zeros((9, 2)), (0.0, 0.0), ["the same"] * 9)
    names, _ = boxes(figure)
    assert 1 <= len(names) <= 4  # one on each side
