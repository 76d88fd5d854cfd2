"""The page and the figures: complete, small, escaped, without a network, and the weights in them are the weights."""

import base64
import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import open_browser

from albert_np.apps.inspect.fillings import Filling
from albert_np.apps.inspect.measures import find_patterns, measure
from albert_np.apps.inspect.page import make_png, make_sprites
from albert_np.apps.inspect.record import Inspection

NASTY = ["<script>alert(1)</script>", "</script>", '"quoted"', "&amp;", "a<b", "<!-- title -->", "\\u003c", "$x_1$"]


def make(T=12, L=2, A=3, tokens=None, seed=0):
    """An inspection of random attention, with one [MASK]."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(L, A, T, T)) * 2
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    ids, types = np.arange(T), np.zeros(T, int)
    ends = ids == 0, ids == T - 1
    inner = tokens or [f"▁word{i}" for i in range(T - 2)]
    names = ["embeddings", *(f"layer {l + 1}" for l in range(L))]
    answers = [[(f"a{l}", 0.5), ("<b>", 0.25), ("c", 0.01)] for l in range(L + 1)]
    return Inspection(
        text=" ".join(inner), pair=None, model="a model", tokens=["[CLS]", *inner, "[SEP]"], ids=ids, token_types=types,
        starts=np.ones(T, bool), special=ends[0] | ends[1], attentions=weights, hidden_states=rng.normal(size=(L + 1, T, 8)),
        heads=measure(weights, find_patterns(ids, types, *ends), ordinary=~(ends[0] | ends[1])),
        fillings=[Filling(1, names, answers, [0.1] * L + [0.5])], length=T,
    )  # fmt: skip


class Reader(HTMLParser):
    """Collects the tags, the texts, and whether each tag is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.texts.append(data)

    def find(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def read_png(data):
    """Return (pixels, opacities) of a PNG with a palette and unfiltered rows."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, i = {}, 8
    while i < len(data):
        (size,) = struct.unpack(">I", data[i : i + 4])
        name, body = data[i + 4 : i + 8], data[i + 8 : i + 8 + size]
        assert struct.unpack(">I", data[i + 8 + size : i + 12 + size])[0] == zlib.crc32(name + body)
        chunks[name], i = body, i + 12 + size
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:], np.frombuffer(chunks[b"tRNS"], np.uint8)


def picture_in(page):
    (found,) = re.findall(r"url\(data:image/png;base64,([^)]+)\)", page)
    return read_png(base64.b64decode(found))


def test_the_picture_has_every_weight():
    seen = make(T=9, L=2, A=3)
    pixels, opacity = picture_in(seen.page())
    assert pixels.shape == (2 * 9, 3 * 9)
    for l in range(2):
        for a in range(3):
            part = pixels[9 * l : 9 * (l + 1), 9 * a : 9 * (a + 1)]
            np.testing.assert_allclose(part / 255, seen.attentions[l, a], atol=0.5 / 255 + 1e-9)
    assert opacity[0] == 0 and opacity[255] == 255 and (np.diff(opacity.astype(int)) >= 0).all()


def test_other_programs_read_the_picture(tmp_path):
    from matplotlib.image import imread

    (tmp_path / "a.png").write_bytes(make_png(np.array([[0, 255], [128, 3]], np.uint8)))
    image = imread(tmp_path / "a.png")
    assert image.shape == (2, 2, 4) and image[0, 1, 3] == 1 and image[0, 0, 3] == 0 < image[1, 1, 3] < image[1, 0, 3]


def test_the_page_needs_no_network_and_no_script():
    seen = make()
    page = seen.page()
    read = Reader(page)
    assert read.open == [] and page.startswith("<!doctype html>")
    for tag, attrs in read.tags:
        assert not {"src", "action", "background"} & set(attrs), f"{tag} loads something"
        assert attrs.get("href", "data:,") == "data:,"
    assert not re.search(r"https?:|@import|fetch\(|XMLHttpRequest|import\(", page)
    buttons = [attrs for attrs in read.find("button") if attrs.get("class") == "head"]
    assert len(buttons) == 6 and all("distance" in button["aria-label"] for button in buttons)
    text = " ".join(read.texts)
    for shown in ("layer 2", "a0", "a2", "25%", "All heads", "Measures of every head", "logit lens", seen.text):
        assert shown in text
    changed = re.findall(r'<span class="changed">(.*?)</span>', page)
    assert len(changed) == 2  # a0, then a1 and a2


def test_texts_are_shown_as_they_are():
    seen = make(T=len(NASTY) + 2, tokens=NASTY)
    page = seen.page()
    read = Reader(page)
    assert read.find("script") == [{"type": "application/json", "id": "data"}, {}] and "<b> " in read.texts
    assert " ".join(NASTY) in read.texts
    frame = seen._repr_html_()
    outside = Reader(frame)
    assert [tag for tag, _ in outside.tags] == ["iframe", "div"]
    assert outside.find("iframe")[0]["srcdoc"] == page and outside.find("iframe")[0]["sandbox"] == "allow-scripts"


def test_the_page_is_small():
    assert len(make(T=64, L=4, A=6).page().encode()) < 300_000
    assert len(make(T=64, L=4, A=6)._repr_html_().encode()) < 330_000


def test_one_head_and_one_layer():
    style = make_sprites(np.full((1, 1, 2, 2), 0.5))
    assert "background-size: 100% 100%" in style
    assert 'background-position: 0% 0%"' in make(T=3, L=1, A=1, tokens=["▁a"]).page()


def test_reasons_for_no_fillings_are_shown():
    from dataclasses import replace

    seen = replace(make(), fillings=[], no_fillings="there is a <reason>")
    assert "there is a &lt;reason&gt;." in seen.page() and seen.summary().endswith("there is a <reason>")


# ---- figures ----


def test_the_figure_has_a_matrix_for_each_head():
    seen = make(T=7, L=2, A=3)
    figure = seen.figure()
    matrices = [axes for axes in figure.axes if axes.images and axes.images[0].get_array().shape == (7, 7)]
    assert len(matrices) == 6
    for i, axes in enumerate(matrices):
        np.testing.assert_array_equal(axes.images[0].get_array(), seen.attentions[i // 3, i % 3])
        assert axes.get_title(loc="left").startswith(f"{i % 3 + 1}  ")
        left, below = ([label.get_text() for label in labels] for labels in (axes.get_yticklabels(), axes.get_xticklabels()))
        assert left == (seen.labels if i % 3 == 0 else []) and below == (seen.labels if i >= 3 else [])
    assert [axes.get_ylabel() for axes in matrices] == ["layer 1", "", "", "layer 2", "", ""]
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_figure_of_the_hidden_states():
    seen = make(T=7, L=9)
    figure = seen.hidden_figure()
    shapes = [axes.images[0].get_array().shape for axes in figure.axes if axes.images]
    assert shapes == [(10, 7), (9, 7), *[(7, 7)] * 10]
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), seen.norms())
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(("T", "columns"), [(1, 1), (3, 6), (64, 6), (64, 12), (512, 12)])
def test_names_are_readable_and_figures_have_a_limit(T, columns):
    from albert_np.plots.attention import LEAST_POINTS, choose_size

    side, points, step = choose_size(T, columns)
    assert side * columns < 50 and points >= LEAST_POINTS
    assert points <= side / T * step * 72 + 1e-9  # names do not overlap
    assert T * columns > 64 * 6 or step == 1


# ---- in a browser ----


@pytest.fixture
def browser(tmp_path):
    with open_browser(tmp_path, "1200,900") as window:
        yield window


@pytest.mark.slow
def test_the_page_answers_mouse_and_keys(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    seen = make(T=8)
    (tmp_path / "inspect.html").write_text(seen.page(), encoding="utf-8")
    browser.get(f"file://{tmp_path / 'inspect.html'}")
    find = lambda css: browser.find_element("css selector", css)  # noqa: E731
    find("html.ready")
    find('.head[data-row="1"][data-head="2"]').click()
    told = find("#told")
    assert "layer 2, head 3" in told.text and seen.describe_kind(seen.heads[5]) in told.text
    ActionChains(browser).move_to_element(find("#from .token:nth-child(4)")).perform()
    row = seen.attentions[1, 2, 3]
    order = np.argsort(-row)[:3]
    listed = ", ".join(f"“{seen.labels[i]}” {round(100 * round(255 * row[i]) / 255)}%" for i in order)
    assert f"“{seen.labels[3]}” attends to {listed}" in told.text
    shares = [each.text for each in browser.find_elements("css selector", "#to .token i")]
    assert shares[order[0]] == f"{round(100 * round(255 * row[order[0]]) / 255)}%"
    painted = "const c = document.getElementById('lines'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
    assert browser.execute_script(painted + "return d.some(x => x > 0)"), "lines are drawn"
    find("#to .token:nth-child(1)").click()
    assert "is attended to by" in told.text
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    assert find("#from .token:nth-child(2)") == browser.switch_to.active_element
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert "Point at a token" in told.text
    find("#all").click()
    assert "mean of 3 heads" in told.text
    find("#hide").click()
    assert "gone" in find("#from .token:nth-child(1)").get_attribute("class")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    assert browser.get_log("browser") == []
