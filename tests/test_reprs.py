"""Every object that a user meets has a short and useful repr, as a notebook shows it."""

import re

import numpy as np
import pytest

import albert_np as ab
from albert_np.data.formats import Labelled
from albert_np.plots import confusion_figure
from albert_np.training import RunData, Settings, Summary
from albert_np.training.finetune_settings import FinetuneSettings

MOST = 650  # characters
REVIEWS = [Labelled(f"{word} film {n}", label=word) for n in range(20) for word in ("good", "bad")]


@pytest.fixture(scope="module")
def done():
    sizes = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32)
    return ab.finetune(
        "classification", REVIEWS, REVIEWS, config="tiny", changes=sizes, vocab_size=40, epochs=40, seeds=2, progress=False,
        tokens_per_batch=128,
    )  # fmt: skip


@pytest.fixture(scope="module")
def things(done):
    trained, model = done.trained, done.trained.model
    many = {i: f"a class with a long name {i}" for i in range(150)}
    return {
        "finetuned": done, "trained": trained, "history": done.history, "model": model, "tokenizer": trained.tokenizer,
        "parameters": model.params, "group": model.params.groups[0], "config": model.config, "task": trained.task,
        "many labels": ab.AlbertConfig.preset("xxlarge", id2label=many, sharing="none", fusion_layers=tuple(range(12))),
        "output": model([[1, 2, 3]] * 2, output_hidden_states=True, output_attentions=True), "settings": Settings(),
        "fine-tuning's settings": FinetuneSettings(), "optimiser": ab.optim.init("lamb", model.params),
        "pretraining": Summary("run", 10, 20, "SIGINT", 40960, 12.3, {"mlm_loss": 3.2, "mlm_accuracy": 0.4}, 10, 4.1),
        "pretraining without evaluation": Summary("run", 20, 20, "", 40960, 12.3, None, 0, None),
        "check": ab.gradcheck.Report("all", list(ab.gradcheck.check(lambda x: (x, x), lambda dy, c: dy, {"x": np.ones((2, 2))}))),
        "batch": ab.gradcheck.batch(ab.AlbertConfig.preset("tiny")),
        "embedder": ab.Embedder(model, trained.tokenizer),
        "data": RunData(object(), object(), "0" * 64, 4.2, dict(documents=1, tokens=2), "folder"),
    }  # fmt: skip


def test_they_are_short(things):
    long = {name: len(repr(thing)) for name, thing in things.items() if len(repr(thing)) > MOST}
    assert long == {} and all(repr(thing).count("\n") < 6 for thing in things.values())
    assert [name for name, thing in things.items() if re.search(r"object at 0x", repr(thing))] == []


def test_they_say_the_essential(things, done):
    text = repr(things["finetuned"])
    assert text.startswith("Finetuned for classification: History(") and ".plot()" in text
    assert "on 40 examples; the majority's class 0.5000" in text and "the mean of 2 seeds" in text
    assert "40 epochs scored" in repr(done.history)
    expected = r"^AlbertForSequenceClassification\(vocab_size=\d+, .*num_hidden_layers=1.*; [\d,]+ parameters, float32, numpy\)$"
    assert re.match(expected, repr(done.trained.model))
    assert repr(done.trained.task).startswith("Classification(kind='classes', labels=['bad', 'good'], usual='bad'")
    assert re.match(r"^AlbertTokenizer\(\d+ pieces, do_lower_case=False, ", repr(done.trained.tokenizer))
    assert repr(things["check"]) == "Report('all': 1 of 1 passed)"
    assert re.match(r"^TaskBatch\(\d+ tokens of \d sequences\)$", repr(things["batch"]))
    assert repr(things["output"]) == (
        "Output(last_hidden_state (2, 3, 32), pooler_output (2, 32), hidden_states 2 × (2, 3, 32), attentions 1 × (2, 4, 3, 3), "
        "logits (2, 2))"
    )
    assert "10 of 20 steps, stopped by SIGINT" in repr(things["pretraining"]) and "mlm_loss 3.2" in repr(things["pretraining"])


WITH_HTML = (
    "finetuned", "trained", "history", "model", "config", "many labels", "output", "pretraining",
    "pretraining without evaluation", "check", "compressed", "examples", "file",
)  # fmt: skip


@pytest.fixture(scope="module")
def results(things, done, tmp_path_factory):
    from albert_np.compress.job import Plan, compress_model

    folder = tmp_path_factory.mktemp("html")
    (folder / "<b>.tsv").write_text("text\tlabel\n<b>x</b> & y\tgood\nz\tbad\nno label\t\n")
    examples = done.trained.task.examples(folder / "<b>.tsv")
    (folder / "metrics.jsonl").write_text("")
    before, after = ({"mlm_loss": loss, "masked": 4000} for loss in (5.4, 3.2))
    return {
        **things, "compressed": compress_model(done.trained.model, Plan(sparsity=0.5)), "examples": examples,
        "file": examples.summary,
        "pretraining": Summary(str(folder), 10, 20, "SIGINT", 40960, 12.3, after, 10, 4.1, before),
    }  # fmt: skip


@pytest.mark.parametrize("name", WITH_HTML)
def test_in_a_notebook_they_are_small_tables(results, name):
    text = results[name]._repr_html_()
    without_figure = re.sub(r"base64,[^\"]+", "", text)
    assert 100 < len(without_figure) < 20_000 and without_figure.count("<tr>") <= 62
    tags = set(re.findall(r"<(\w+)", text))
    assert tags <= {"div", "b", "table", "tr", "td", "th", "img"}, tags  # nothing of a file's contents is markup
    assert "object at 0x" not in text
    for tag in tags - {"img"}:
        assert text.count(f"<{tag}>") + text.count(f"<{tag} ") == text.count(f"</{tag}>")


def test_the_tables_say_the_essential(results, done):
    pages = {name: re.sub(r"<[^>]+>", " ", results[name]._repr_html_()) for name in WITH_HTML}
    shown = {name: " ".join(page.split()) for name, page in pages.items()}
    count = f"{done.trained.model.params.count():,}"
    assert shown["model"].startswith(f"AlbertForSequenceClassification: {count} parameters, float32, numpy")
    assert "groups.0.blocks.0.attention.query.w 32×32 1,024" in shown["model"] and shown["model"].endswith(f"total {count}")
    assert "mean of 2 seeds deviation the majority&#x27;s class" in shown["finetuned"] and "data:image/png" in done._repr_html_()
    assert f"{done.history.best} {done.history.epochs[done.history.best - 1]['step']} " in shown["history"]
    assert " best " in shown["history"] and "hidden_size 32" in shown["config"] and "(2, 3, 32) float32" in shown["output"]
    assert "held-out before after step 10 mlm_loss 5.4 3.2 masked 4,000 4,000 unigram entropy 4.1" in shown["pretraining"]
    assert f"in {results['pretraining'].out}" in shown["pretraining"]
    assert '<td style="text-align: right">3.2</td>' in results["pretraining"]._repr_html_()
    assert '<td style="text-align: right">5.4</td>' in results["pretraining"]._repr_html_()
    assert "nothing to plot" in shown["pretraining"] and "No such file" in shown["pretraining without evaluation"]
    assert shown["check"].startswith("all: 1 of 1 passed tensor shape relative error verdict x 2×2")
    assert "zeros 5" in shown["compressed"] and "1 without a label (first: " in shown["file"]
    assert "&lt;b&gt;x&lt;/b&gt; &amp; y" in shown["examples"] and "&lt;b&gt;.tsv" in shown["file"]


def test_a_config_can_be_built_again_from_its_repr():
    for config in (
        ab.AlbertConfig(),
        ab.AlbertConfig.preset("tiny", sharing="ffn", id2label={0: "no", 1: "yes"}, recompute=True),
    ):
        assert eval(repr(config), {"AlbertConfig": ab.AlbertConfig}) == config


def test_the_learning_curve(done, tmp_path):
    figure = done.plot()
    labels = [" ".join(axes.get_ylabel().split()) for axes in figure.axes]
    assert labels == ["training loss (nats)", "accuracy on the development examples"]
    assert figure._repr_png_().startswith(b"\x89PNG")  # a notebook shows it
    figure.savefig(tmp_path / "curve.png")
    assert confusion_figure(np.eye(2, dtype=int), ["a", "b"])._repr_png_().startswith(b"\x89PNG")


def test_nothing_to_plot():
    from albert_np.tasks.finetune import Finetuned
    from albert_np.training.state import History

    nothing = Finetuned(ab.Trained.__new__(ab.Trained), History(), {}, [])
    nothing.trained.task = type("T", (), {"metric": "accuracy", "name": "t", "higher_is_better": True, "options": {}})
    assert "History(0 steps; 0 epochs scored)" in repr(nothing)
    assert repr(History([{"loss": 0.5}], [{}])) == "History(1 step, loss 0.5 to 0.5; 1 epoch scored)"
    with pytest.raises(ValueError, match="nothing to plot: no step was made"):
        nothing.plot()
