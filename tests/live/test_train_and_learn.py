"""The page of the training run and that of the exercises, as a reader uses them: a headless browser without a network."""

import re
import time

import pytest
from browser import open_browser
from test_live_pages import LIMIT, browser, serve, site  # noqa: F401  (fixtures)

from albert_np import learn
from albert_np.apps.live.training import LIMITS, Sizes
from albert_np.models import AlbertForPreTraining

pytestmark = pytest.mark.slow
WRONG = "    dxhat = dy * p.gamma\n    return rstd * (dxhat - dxhat.mean(-1, keepdims=True))\n"


class Page:
    """A page of the site, its text and its buttons."""

    def __init__(self, window, address):
        self.window = window
        window.get(address)

    def ask(self, code, *arguments):
        return self.window.execute_script(f"return {code}", *arguments)

    def click(self, selector):
        assert self.ask(
            "(b => b && !b.disabled && !b.hidden && (b.click(), true))(document.querySelector(arguments[0]))", selector
        )

    def text(self, selector):
        return self.ask("document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def wait(self, condition):
        end = time.monotonic() + LIMIT
        while not (found := self.ask(condition)):
            assert time.monotonic() < end, f"{condition}: {self.text('body')[-2000:]}"
            time.sleep(0.2)
        return found


@pytest.fixture(scope="module")
def address(site):  # noqa: F811
    folder, _ = site
    if not (folder / "train_live.html").exists():
        pytest.skip("the site was built without these pages")
    with serve(folder) as found:
        yield found


def test_a_model_is_trained_and_asked(browser, address):  # noqa: F811
    page = Page(browser, address + "train_live.html")
    assert page.ask("performance.getEntriesByType('resource').every(e => !/pyodide|whl/.test(e.name))"), "Python came unasked"
    page.ask("trainPage.setSize('steps', 30)")
    page.click("#door-start")
    page.wait("['training', 'finished'].includes(trainPage.state)")
    page.wait("trainPage.step > 2")
    page.click("#door-stop")
    page.wait("trainPage.python.state.state === 'ready'")
    stopped = page.ask("trainPage.step")
    assert 2 < stopped < 30 and page.text("#door-start") == "Train on"
    page.click("#door-start")
    page.wait("trainPage.state === 'finished'")

    losses = page.ask("trainPage.chart.train.map(([step, loss]) => loss)")
    held_out = page.ask("trainPage.chart.heldOut")
    assert len(losses) == 30 and held_out[-1][0] == 30
    assert held_out[-1][1] < held_out[0][1] - 0.1 and sum(losses[-5:]) < sum(losses[:5]) - 0.5, losses
    assert re.search(r"step 30 of 30, [\d,]+ tokens a second\. Held-out sentences: loss \d\.\d\d", page.text("#door-said"))
    count = int(page.text("#door-count").split()[0].replace(",", ""))
    assert count == page.ask("trainPage.facts.parameters") == AlbertForPreTraining(Sizes().config(173)).params.count()

    page.click("#door-check")
    page.wait("document.querySelector('.door-good, .door-bad')")
    assert page.text("#door-checked").startswith("All 32 gradients agree")
    page.ask("trainPage.mistake.value = '0'")
    page.click("#door-check")
    page.wait("document.querySelector('.door-bad')")
    assert "The mistake in layer_norm_backward was found." in page.text("#door-checked")

    page.click("#door-fill")
    page.wait("document.querySelectorAll('.door-answers .door-bar').length === 10")
    page.click("#door-look")
    page.wait("document.querySelector('#door-seen iframe')?.srcdoc.includes('attention heads')")
    page.click("#door-save")
    page.wait("trainPage.saved.innerText.includes('my-albert.zip is in your downloads')")


def test_a_text_that_does_not_do_is_refused(browser, address):  # noqa: F811
    page = Page(browser, address + "train_live.html")
    page.ask("document.querySelector('[name=door-text][value=own]').click()")
    page.click("#door-start")
    page.wait("trainPage.said.classList.contains('live-error')")
    assert page.text("#door-said") == "the text is empty: paste some, open a file, or take the stories"
    assert page.text("#door-start") == "Train"


def test_an_exercise_is_solved(browser, address):  # noqa: F811
    page = Page(browser, address + "learn_live.html")
    assert page.ask("document.querySelectorAll('.learn-list li').length") == len(learn.exercises())
    page.ask("learnPage.open('layer_norm')")
    solution = learn.solution("layer_norm")
    given, _, solved = solution.partition("    dxhat = ")
    assert page.ask("learnPage.editor.text") == learn.stub("layer_norm") and "return" in solved

    def check(text):
        page.ask("(learnPage.editor.text = arguments[0], learnPage.result.replaceChildren())", text)
        page.click("#learn-check")
        page.wait("document.querySelector('.learn-report')")
        return page.text(".learn-result")

    report = check(given + WRONG)
    assert "3 of 4 right" in report and "The variance of a row depends on every element of the row" in report
    page.click("#learn-hint")
    page.wait("document.querySelector('.learn-hinted')")
    page.click("#learn-hint")
    page.wait("document.querySelectorAll('.learn-hinted').length === 2")
    assert page.text(".learn-hinted").startswith("Hint 1 of") and "3 of 4 right" in page.text(".learn-report"), "all stand there"

    endless = given + "    while True:\n        pass\n"
    page.ask("(learnPage.editor.text = arguments[0], true)", endless)
    page.click("#learn-check")
    page.wait("learnPage.python.state.state === 'busy'")
    time.sleep(1)
    page.click("#learn-stop")
    page.wait("learnPage.result.innerText.startsWith('Stopped.')")
    assert page.ask("learnPage.editor.text") == endless

    assert "layer_norm: solved" in check(solution)
    page.click("#learn-all")
    page.wait("learnPage.filed.textContent === 'my-exercises.zip is in your downloads.'")
    browser.refresh()
    assert "layer_norm" in page.text(".learn-solved")
    page.ask("learnPage.open('layer_norm')")
    assert page.ask("learnPage.editor.text") == solution, "the text was not kept"


def test_the_pages_fit_a_telephone_and_say_a_sentence_without_javascript(tmp_path, address):
    with open_browser(tmp_path / "narrow", "400,800") as window:
        for name in ("train_live", "learn_live"):
            page = Page(window, f"{address}{name}.html")
            page.wait("document.querySelector('.door-buttons')")
            page.ask("globalThis.learnPage?.open('attention')")
            wide = page.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} is {wide} pixels too wide"
    with open_browser(tmp_path / "plain", "800,800", "blink-settings=scriptEnabled=false") as window:
        for name, command in (("train_live", "albert-np demo"), ("learn_live", "albert-np learn list")):
            window.get(f"{address}{name}.html")
            assert command in window.page_source.partition("<noscript>")[2].partition("</noscript>")[0]


def test_a_page_that_was_opened_as_a_file_says_how_to_serve_it(tmp_path, site, address):  # noqa: F811
    with open_browser(tmp_path, "800,800") as window:
        for name in ("train", "learn"):
            shown = f"return document.getElementById('live-{name}-failed')?.hidden === false"
            page = Page(window, f"{address}{name}_live.html")
            page.wait("document.querySelector('.door-buttons')")
            assert not window.execute_script(shown)
            window.get((site[0] / f"{name}_live.html").resolve().as_uri())
            assert window.execute_script(shown)


def test_the_counts_of_the_page_are_those_of_the_models(address, tmp_path):
    """The number of parameters beside the sliders is computed in JavaScript."""
    with open_browser(tmp_path, "800,800") as window:
        page = Page(window, f"{address}train_live.html")
        page.wait("globalThis.trainPage")
        for width, vocabulary in ((32, 120), (64, 800), (128, 2000)):
            page.ask(
                "(trainPage.setSize('width', arguments[0]), trainPage.setSize('vocabulary', arguments[1]))", width, vocabulary
            )
            expected = AlbertForPreTraining(Sizes(width=width, vocabulary=vocabulary).config(vocabulary)).params.count()
            assert int(page.text("#door-count").split()[0].replace(",", "")) == expected
        for name, values in page.ask("Object.entries(trainPage.sizes).map(([name]) => [name, trainPage.range(name)])"):
            least, most = LIMITS[name]
            assert least <= min(values) and max(values) <= most
