"""The interactive figures of the notebooks: their form, and that their scripts compute what the functions in Python compute."""

import html as html_module
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))

import sliders  # noqa: E402

sys.path.remove(str(NOTEBOOKS))
MAX_BYTES = 25_000
FIGURES = {"temperature": sliders.temperature, "circle": sliders.layer_norm_circle, "ravine": sliders.ravine}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytest.importorskip("IPython", reason="the figures are IPython's HTML")


@pytest.mark.parametrize("name", FIGURES)
def test_its_form(name):
    figure = FIGURES[name]().data
    assert len(figure.encode()) < MAX_BYTES
    assert figure.startswith(f'<figure class="ab-fig ab-{name}">') and figure.count("<script>") == figure.count("</script>") == 1
    assert re.search(r'<img alt="[^"]{30,}" src="data:image/png;base64,[A-Za-z0-9+/=]+">', figure), (
        "no picture where no script runs"
    )
    assert "@media print" in figure and "://" not in figure, "it must need no network"
    assert figure == FIGURES[name]().data, "it differs from one run to the next"


def test_what_cannot_be_shown():
    for call, message in (
        (lambda: sliders.temperature([1.0]), "scores: expected 2 to 8, with as many names, got 1 and 1"),
        (lambda: sliders.temperature([1.0, 2.0], ["a"]), "got 2 and 1"),
        (lambda: sliders.temperature(tau=0), "tau: expected a number from 0.1 to 10, got 0"),
        (lambda: sliders.layer_norm_circle((1, 2)), r"three numbers each, got \[1, 2\]"),
        (lambda: sliders.layer_norm_circle((1, 1, 1)), "a deviation from 0.4 to 1.8, got 1 and 0"),
        (lambda: sliders.ravine(beta2=1.0), "beta2: expected a number from 0.5 to 0.999, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_layer_norm_of_a_row():
    """The function behind the picture against central differences."""
    x, dy = np.array([0.3, -1.2, 2.0]), np.array([0.7, 0.1, -0.4])
    numeric = [(sliders.layer_norm(x + h, dy)[0] - sliders.layer_norm(x - h, dy)[0]) @ dy / 2e-6 for h in 1e-6 * np.eye(3)]
    assert np.allclose(sliders.layer_norm(x, dy)[1], numeric, atol=1e-8)


def texts(tmp_path: Path, name: str, *values: float) -> list[str]:
    """Open the figure in a browser, move its sliders to these values, and return the texts of its drawing."""
    move = f"""<script>addEventListener("load",()=>{{
        const values={list(map(float, values))};
        document.querySelectorAll(".ab-live input").forEach((input,i)=>{{
            input.value=values[i];input.dispatchEvent(new Event("input"))}})}})</script>"""
    page = tmp_path / f"{name}.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><body>{FIGURES[name]().data}{move}", encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    (drawing,) = re.findall(r"<svg.*?</svg>", re.sub(r"<script.*?</script>", "", dom, flags=re.DOTALL), re.DOTALL)
    found = re.findall(r"<text[^>]*>(.*?)</text>", drawing)
    return [html_module.unescape(text).replace("\N{MINUS SIGN}", "-") for text in found]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: the scripts of the figures do not run")
def test_the_scripts_compute_the_same(tmp_path):
    y = sliders.softmax(np.array([2.0, 1.0, 0.5, -1.0]) / 3)
    found = texts(tmp_path, "temperature", np.log10(3))
    assert [found[3 * i] for i in range(4)] == [f"{p:.2f}" for p in y]

    angle, std, mean = np.radians(30), 1.2, -1.0
    xhat = 3**0.5 * (np.cos(angle) * sliders.ACROSS + np.sin(angle) * sliders.UPWARDS)
    dy = np.array([1.0, 0.0, 0.0])
    expected = [mean + std * xhat, xhat, dy, sliders.layer_norm(mean + std * xhat, dy)[1]]
    found = texts(tmp_path, "circle", 30, np.log10(1.2), -1.0)
    rows = [np.array(re.findall(r"-?\d+\.\d+", text), dtype=float) for text in found if text.startswith("(")]
    assert np.allclose(rows, expected, atol=0.0051 + 0.02)  # two decimals, and the slider of σ has steps

    data = dict(steps=40, steepness=50.0, rate=0.03, momentum_rate=0.1, adam_rate=0.3, beta1=0.7, beta2=0.9)
    logs = [np.log10(data[key]) for key in ("steepness", "rate", "momentum_rate", "adam_rate")]
    found = " ".join(texts(tmp_path, "ravine", logs[0], logs[1], logs[2], 0.7, logs[3], 0.9))
    for name, points in sliders.paths(**data).items():
        loss = float(points[-1] ** 2 @ np.array([1, 50.0]) / 2)
        shown = float(re.search(rf"{name}: (?:below )?([\d.e-]+)", found)[1])
        assert abs(shown - loss) < 0.15 * loss + 0.001, (name, shown, loss)
