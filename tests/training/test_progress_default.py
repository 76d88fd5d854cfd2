"""Runs from Python show their progress, on stderr or in a notebook's cell, unless they are asked not to."""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import albert_np as ab
from albert_np.data.formats import Labelled
from albert_np.training import Callback, Progress, get_run_data, prepare_data, pretrain
from albert_np.training import progress as display

REVIEWS = [Labelled(f"{word} film {n}", label=word) for n in range(8) for word in ("good", "bad")]
TINY = dict(
    config="tiny", vocab_size=40, epochs=2, changes=dict(num_hidden_layers=1, hidden_size=32, intermediate_size=32)
)  # fmt: skip


class Counts(Callback):
    def __init__(self):
        self.steps = 0

    def step(self, record):
        self.steps += 1


def test_fine_tuning_shows_its_progress_on_stderr(capsys):
    ab.finetune("classification", REVIEWS, REVIEWS, **TINY)
    out, err = capsys.readouterr()
    assert out == "" and "\r" not in err
    assert "training a vocabulary" in err and "step 1/" in err and "epoch 2: accuracy" in err and len(err.splitlines()) < 10


def test_it_can_be_silent_or_shown_otherwise(capsys):
    ab.finetune("classification", REVIEWS, REVIEWS, progress=False, **TINY)
    counts = Counts()
    ab.finetune("classification", REVIEWS, REVIEWS, report=counts, **TINY)
    assert counts.steps >= 2 and capsys.readouterr() == ("", "")


def test_pretraining_too(capsys, make, settings, workshop, tokenizer, corpus, config, tmp_path):
    settings = settings.replace(steps=3)
    model, data = make(settings)
    summary = pretrain(model, data, tmp_path / "shown", settings)
    assert summary.plot().axes[0].get_title(loc="left") == "Masked language model"
    out, err = capsys.readouterr()
    assert out == "" and "step 3/3 loss" in err and "held-out after step 3" in err
    pretrain(model, data, tmp_path / "silent", settings, progress=False)
    counts = Counts()
    pretrain(model, data, tmp_path / "counted", settings, report=counts)
    assert counts.steps == 3 and capsys.readouterr() == ("", "")
    files = [workshop / "text.txt"]
    prepare_data(files, tmp_path / "a", config, settings, tokenizer, progress=False)
    assert capsys.readouterr().err == ""
    prepare_data(files, tmp_path / "b", config, settings, tokenizer)
    assert "tokenising" in capsys.readouterr().err
    data = get_run_data(corpus, config, settings)
    assert data.facts and re.match(r"^PretrainingData\([\d,]+ examples\)$", repr(data.train))
    assert re.match(r"^Corpus\(30 documents, .* tokens, .*\)$", repr(corpus))


@pytest.mark.parametrize("task", ["pretraining", "fine-tuning"])
def test_the_class_itself_shows_both(task, capsys, make, settings, tmp_path):
    if task == "fine-tuning":
        ab.finetune("classification", REVIEWS, REVIEWS, report=Progress(), **TINY)
    else:
        settings = settings.replace(steps=3)
        pretrain(*make(settings), tmp_path, settings, report=Progress())
    err = capsys.readouterr().err
    assert "accuracy" in err if task == "fine-tuning" else "mlm 0." in err


def test_without_stderr_it_is_silent(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    ab.finetune("classification", REVIEWS, **TINY)


# ---- notebooks ----


def test_a_notebook_has_one_bar_that_changes(monkeypatch, capsys):
    shown: list[str] = []
    bars: list[re.Match[str] | None] = []

    class Handle:
        def update(self, data, raw):
            assert raw
            shown.append(data["text/plain"])
            bars.append(re.fullmatch(r'<div><progress [^>]* max="1" value="([\d.]+)"></progress>(.*)</div>', data["text/html"]))

    monkeypatch.setenv("FORCE_COLOR", "1")  # as a kernel does
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=lambda *a, **k: Handle()))
    monkeypatch.setattr(display, "REFRESH", 0.0)
    done = ab.finetune("classification", REVIEWS, REVIEWS, **{**TINY, "epochs": 20})
    out, err = capsys.readouterr()
    assert err == "" and len(shown) == len(done.history.steps) and shown[-1].startswith(f"step {len(shown)}/{len(shown)} loss")
    assert [float(bar[1]) for bar in bars] == pytest.approx([n / len(shown) for n in range(1, len(shown) + 1)], abs=1e-3)
    assert [bar[2] for bar in bars] == shown
    assert [line.split(":")[0] for line in out.splitlines() if line.startswith("epoch")] == [f"epoch {n}" for n in range(1, 21)]
    assert len(out.splitlines()) < 20 + 6 and "step 1" not in out


def test_ipython_in_a_terminal_is_not_a_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    assert not display.is_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not display.is_notebook()


@pytest.mark.slow
def test_a_real_notebook(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    code = (
        "import albert_np as ab\nfrom albert_np.data.formats import Labelled\n"
        f"reviews = [Labelled(*each) for each in {[(each.text, None, each.label) for each in REVIEWS]}]\n"
        f"done = ab.finetune('classification', reviews, reviews, **{ {**TINY, 'epochs': 30} })\ndone"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    client.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    updated = [each for each in outputs if each.output_type == "display_data"]
    assert len(updated) == 1 and re.match(r"step (\d\d)/\1 loss", updated[0].data["text/plain"])
    assert re.search(r'value="1.000"></progress>step (\d\d)/\1 loss', updated[0].data["text/html"])
    assert all(each.get("name") != "stderr" for each in outputs)
    result = next(each for each in outputs if each.output_type == "execute_result")
    assert len(result.data["text/plain"]) < 500
    assert np.all([len(each.get("text", "").splitlines()) <= 36 for each in outputs])


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [(Progress, r"<class .*Progress'>: write Progress\(\)"), (print, "<built-in function print>"), (True, "True")],
)
def test_a_report_that_is_not_a_callback(wrong, shown, tmp_path):
    message = rf"^report must be an albert_np\.training\.Callback, not {shown}$"
    with pytest.raises(ValueError, match=message):
        ab.finetune("classification", REVIEWS, report=wrong, **TINY)
    with pytest.raises(ValueError, match=message):
        pretrain(None, None, tmp_path, report=wrong)


def test_settings_of_another_kind(tmp_path):
    with pytest.raises(
        ValueError, match=r"^settings must be albert_np.training.Settings, not \{'steps': 3\}; or give them by name"
    ):
        pretrain(None, None, tmp_path, {"steps": 3})


def test_a_path_in_the_place_of_the_model_or_of_the_data(tmp_path):
    with pytest.raises(ValueError, match=r"^model must be a model such as AlbertForPreTraining\(config\), not 'tiny'$"):
        pretrain("tiny", ["a.txt"], tmp_path / "run")
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=20, hidden_size=8, num_attention_heads=2))
    with pytest.raises(ValueError, match=r"^data must be what albert_np\.training\.prepare_data makes of .*, not \['a\.txt'\]$"):
        pretrain(model, ["a.txt"], tmp_path / "run")
    assert not (tmp_path / "run").exists()
