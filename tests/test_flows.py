"""The data-flow drawings of the notebooks: nothing overlaps, and all text is large enough.

test_flow_labels.py compares them with the code.
"""

import itertools
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
MAX_BYTES, MIN_POINTS = 60_000, 8
sys.path.insert(0, str(NOTEBOOKS))

import flow_drawing  # noqa: E402
import flows  # noqa: E402

sys.path.remove(str(NOTEBOOKS))
each = pytest.mark.parametrize("name", flows.FLOWS)


def shrunk(box: Any, by: float) -> tuple[float, float, float, float]:
    return box.x0 + by, box.y0 + by, box.x1 - by, box.y1 - by


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def inside(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


class Layout:
    """The texts, boxes and lines of a figure, in pixels."""

    def __init__(self, figure: Any) -> None:
        figure.canvas.draw()
        (ax,) = figure.axes
        self.page = (0.0, 0.0, *figure.canvas.get_width_height())
        self.sizes = [text.get_fontsize() for text in ax.texts if text.get_text()]
        self.texts = [(text.get_text(), shrunk(text.get_window_extent(), 1)) for text in ax.texts if text.get_text()]
        self.edges: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        self.lines = []
        for patch in ax.patches:
            if patch.get_gid() == "arrow":
                self.lines += patch.get_transform().transform_path(patch.get_path()).to_polygons(closed_only=False)
            elif patch.get_gid():
                self.edges[patch.get_gid()].append(shrunk(patch.get_window_extent(), 1))

    def points(self) -> np.ndarray:
        """(K, 2) points on the lines, one for each pixel of their lengths."""
        pieces = [piece for line in self.lines for piece in itertools.pairwise(line)]
        return np.concatenate([np.linspace(a, b, 2 + int(np.hypot(*(b - a)))) for a, b in pieces])

    def faults(self) -> list[str]:
        """What a reader would see overlap."""
        texts, boxes, frames = self.texts, self.edges["box"], self.edges["frame"]
        found = [f"{a} / {b}" for (a, at), (b, bt) in itertools.combinations(texts, 2) if overlap(at, bt)]
        found += [f"{text} leaves the page" for text, at in texts if not inside(at, self.page)]
        for kind, edges in self.edges.items():
            found += [
                f"{text} crosses the edge of a {kind}"
                for text, at in texts
                for e in edges
                if overlap(at, e) and not inside(at, e)
            ]
        for a, b in itertools.combinations(boxes, 2):
            found += [f"boxes overlap at {a} and {b}"] if overlap(a, b) else []
        for box in (*boxes, *self.edges["pill"]):
            found += [f"the box at {box} crosses the edge of a ground" for f in frames if overlap(box, f) and not inside(box, f)]
        points = self.points() if self.lines else np.zeros((0, 2))
        found += [f"an arrow crosses {text}" for text, at in texts if hits(points, at)]
        return found + [f"an arrow crosses the box at {box}" for box in boxes if hits(points, shrunk_further(box))]


def hits(points: np.ndarray, edges: tuple[float, ...]) -> bool:
    return bool(((points > edges[:2]) & (points < edges[2:])).all(1).any())


def shrunk_further(edges: tuple[float, ...]) -> tuple[float, ...]:
    """An arrow may touch the edge of its box."""
    return edges[0] + 2, edges[1] + 2, edges[2] - 2, edges[3] - 2


@each
def test_nothing_overlaps(name):
    layout = Layout(flows.draw(name).figure())
    assert layout.faults() == []
    assert min(layout.sizes) >= MIN_POINTS


def test_an_overlap_is_seen():
    drawing = flows.draw("linear")
    near = flow_drawing.Box(flow_drawing.FORWARD + 0.2, 0.14, "x (N, I)", "value")
    low = flow_drawing.Box(flow_drawing.FORWARD, 0.6, "in the way")
    wide = flow_drawing.Box(flow_drawing.BACKWARD + 1, 0.6, "over the edge")
    for box, fault in ((near, "(N, I) / x"), (low, "an arrow crosses in the way"), (wide, "over the edge")):
        flow = drawing.flow
        crowded = flow_drawing.Flow(flow.height, flow.frames, {**flow.boxes, "more": box}, flow.arrows)
        assert any(fault in found for found in Layout(flow_drawing.paint(crowded)).faults()), fault


@each
def test_its_picture(name):
    picture = flows.draw(name)._repr_png_()
    assert picture.startswith(b"\x89PNG") and len(picture) < MAX_BYTES
    assert int.from_bytes(picture[16:20], "big") == round(flow_drawing.WIDTH * flow_drawing.DPI)


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"expected one of linear, .* got 'lstm'"):
        flows.draw("lstm")


def test_the_page_with_all_drawings(tmp_path, monkeypatch):
    docs = NOTEBOOKS.parent / "docs"
    if not docs.is_dir():
        pytest.skip("there is no docs/ beside the tests: they run from a copy")
    page = (docs / "pictures.md").read_text(encoding="utf-8")
    shown = [name for names in re.findall(r"<!-- insert: flows (.+) -->", page) for name in names.split()]
    assert sorted(shown) == sorted(set(flows.FLOWS) - {"one_page"})
    monkeypatch.syspath_prepend(str(docs))
    from made import flows as made

    monkeypatch.setattr(made, "FOLDER", tmp_path / "flows")
    assert re.fullmatch(r"!\[Drawing of linear: [^\]]+\]\(flows/linear\.png\)\n", made.text("linear"))
    assert (tmp_path / "flows" / "linear.png").read_bytes() == flows.draw("linear")._repr_png_()


def test_the_drawings_in_the_notebooks_are_up_to_date():
    """The steps that were stored with a picture are those that it has now: run notebooks/run.py where they differ."""
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code" and (
                last := re.search(r'^draw\("(\w+)"\)$', "".join(cell["source"]).rpartition("\n")[2])
            ):
                (output,) = [each for each in cell["outputs"] if "image/png" in each.get("data", {})]
                assert "".join(output["data"]["text/plain"]) == repr(flows.draw(last[1])), f"{path.name}: {last[0]}"


def test_a_drawing_as_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flows.main(["softmax"])
    assert capsys.readouterr().out == "softmax.png\n"
    assert (tmp_path / "softmax.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit, match=r"name: expected one of .*, got 'softmaxx'"):
        flows.main(["linear", "softmaxx"])
    with pytest.raises(SystemExit, match=r"name one or more of linear, softmax"):
        flows.main([])
    assert [path.name for path in tmp_path.iterdir()] == ["softmax.png"]
