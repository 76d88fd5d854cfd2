"""One line for each thing that Python in WebAssembly cannot do: the reason and the way out, and nothing is left behind.

In WebAssembly (tests/wasm) these are the messages themselves; elsewhere the platform is pretended.
"""

import sys
import time

import numpy as np
import pytest

import albert_np as ab
from albert_np.engine import threads, webassembly
from albert_np.engine.inference import products
from albert_np.engine.mpi import launcher
from albert_np.engine.mpi.start import world

THERE = sys.platform == "emscripten"
NOT_THERE = "which Python in WebAssembly (a browser) does not have: "


@pytest.fixture(autouse=True)
def _in_webassembly(monkeypatch):
    if not THERE:
        monkeypatch.setattr(webassembly, "in_webassembly", lambda: True)
        for name in ("sentencepiece", "huggingface_hub", "huggingface_hub.constants"):
            monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.skipif(THERE, reason="this is WebAssembly")
def test_elsewhere_nothing_is_refused(monkeypatch):
    monkeypatch.undo()
    assert not webassembly.in_webassembly()
    webassembly.refuse_in_webassembly("a test", "nothing", "no need")


def test_the_platform():
    assert webassembly.in_webassembly()
    with pytest.raises(RuntimeError, match=r"^a test needs luck, which Python .* does not have: try again$"):
        webassembly.refuse_in_webassembly("a test", "luck", "try again")


def test_gpu():
    with pytest.raises(RuntimeError, match=r"the cupy backend needs a GPU, .*: the numpy backend computes the same"):
        ab.use("cupy")


def test_one_thread_is_what_there_is():
    assert not THERE or threads.count() == 1
    assert threads.run(lambda x: x + 1, [1]) == [2]


def test_several_processes(monkeypatch):
    monkeypatch.setattr(launcher, "size", lambda: 2)
    world.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=r"training in several processes needs processes, .*: train in one"):
            world()
    finally:
        world.cache_clear()


def test_a_vocabulary(fails, tmp_path):
    pytest.importorskip("typer")
    text = tmp_path / "text.txt"
    text.write_text("The miller walks to the river.\n\n" * 60, encoding="utf-8")
    for command in (
        ["tokenizer", "train", text, "--out", tmp_path / "out"], ["pretrain", text, "--out", tmp_path / "out"],
        ["demo", "--out", tmp_path / "out"],
    ):  # fmt: skip
        assert "There is none for browsers: make the vocabulary elsewhere, or use that of a model" in fails(*command, code=1)
        assert list(tmp_path.iterdir()) == [text]


def test_commands(fails, tmp_path, monkeypatch):
    pytest.importorskip("typer")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layer_norm.py").write_text(ab.learn.solution("layer_norm"), encoding="utf-8")
    before = list(tmp_path.iterdir())
    for command, needs, instead in (
        (["serve", "--model", "albert-np-mini-en"], "the service needs sockets and threads, ", "with a Python of your machine"),
        (["sweep", "ablations", "--out", "out"], "a sweep needs processes, ", "start its runs one by one"),
        (["learn", "check", "layer_norm.py"], "a process of its own needs processes, ", "call albert_np.learn.check in this one"),
        (["fill-mask", "--backend", "cupy", "a [MASK]"], "the cupy backend needs a GPU, ", "the numpy backend"),
    ):
        line = fails(*command, code=1)
        assert needs + NOT_THERE in line and instead in line
    assert list(tmp_path.iterdir()) == before


def test_the_hub(monkeypatch):
    monkeypatch.setattr("albert_np.io.sources.hub.sys.platform", "emscripten")
    with pytest.raises(ImportError, match=r"cannot reach the Hugging Face hub: put the model's files into a folder"):
        ab.AlbertModel.from_pretrained("someone/some-model")


def test_products_of_a_prepared_model_are_measured(monkeypatch):
    monkeypatch.setattr(products, "_decided", {})
    monkeypatch.delenv("ALBERT_NP_INFERENCE_PRODUCTS", raising=False)
    assert products.clock is (time.perf_counter if THERE else time.thread_time)
    config = ab.AlbertConfig.preset("tiny").replace(hidden_size=256, num_hidden_layers=1, intermediate_size=256)
    model, ids = ab.AlbertModel(config, seed=0), np.array([[2, 15, 16, 3]])
    expected = model(ids).last_hidden_state
    found = model.prepare()(ids, outputs="last_hidden_state").last_hidden_state
    assert products._decided
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
