"""docs/from_transformers.md: its lines of transformers (```py) and ours (```python), run in turn, give the same numbers."""

import importlib.util
import re
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "from_transformers.md"
if not PAGE.is_file():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)
torch = pytest.importorskip("torch", reason="torch is not installed: no live parity")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
if not transformers.__version__.startswith("5."):
    pytest.skip("the page shows lines of transformers 5", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

TABLE = "text,label\n" + "A film that I will not forget.,good\nTwo hours that I want back.,bad\n" * 4
TRAINER = all(importlib.util.find_spec(name) for name in ("datasets", "accelerate"))


def as_array(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def compare(name, theirs, ours):
    """Compare one variable of both programs."""
    if name == "best":
        assert [word for word, _ in theirs] == [word.strip("▁") for word, _ in ours]
        theirs, ours = ([score for _, score in each] for each in (theirs, ours))
    elif name in ("pieces", "text"):
        assert theirs == ours
        return
    elif name == "gradient":
        theirs = theirs.T
    elif name == "hidden" or name == "attentions":
        assert len(theirs) == len(ours) > 1
        theirs, ours = theirs[-1][:1], ours[-1][:1]  # the first text, which has no padding
    elif name == "logits":
        theirs, ours = theirs[:1], ours[:1]
    theirs, ours = as_array(theirs), as_array(ours)
    assert theirs.shape == ours.shape, name
    assert np.abs(theirs - ours).max() <= 2e-5 * max(1.0, np.abs(theirs).max()), name


def test_both_programs_give_the_same_numbers(tmp_path, monkeypatch):
    from albert_np.apps.cli import main

    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "dev.csv"):
        Path(name).write_text(TABLE, encoding="utf-8")
    assert main("convert albert-np-mini-en mini --to hf --quiet".split()) == 0
    spaces, compared = {"py": {}, "python": {}}, {}
    blocks = re.findall(r"^```(py|python)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 20
    for number, (language, block) in enumerate(blocks):
        if not TRAINER and ("datasets" in block or "runs/theirs" in block):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), spaces[language])
        for name in ("pieces", "text", "logits", "hidden", "attentions", "best", "loss", "gradient", "after"):
            values = [space.get(name) for space in spaces.values()]
            if name not in compared and all(value is not None for value in values):
                compare(name, *values)
                compared[name] = number
    assert len(compared) == 9
    check_the_folders(spaces)


def check_the_folders(spaces):
    """Their question answering gives our logits; our `Trained` reads their Trainer's folder, and agrees with their pipeline."""
    import albert_np as ab

    trained = spaces["python"]["done"].trained
    row = {name: value.numpy() for name, value in spaces["py"]["row"].items()}
    ours, theirs = trained.model(**row), spaces["py"]["out"]
    for name in ("start_logits", "end_logits"):
        assert np.abs(getattr(ours, name) - getattr(theirs, name).detach().numpy()).max() < 2e-5
    if TRAINER:
        text = "A film that I will not forget."
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = ab.Trained.from_pretrained("runs/theirs/best").predict(text)[0]
        for each in spaces["py"]["classify"]([text])[0]:
            assert each["score"] == pytest.approx(answer["probabilities"][each["label"]], abs=1e-5)


def test_each_argument_of_theirs_exists_with_its_default():
    section = PAGE.read_text(encoding="utf-8").partition("\n## Arguments of the Trainer\n")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    named = [found for cell in cells for found in re.findall(r"`(\w+)(?:=([^`]*))?`", cell)]
    known = {field.name: field.default for field in fields(transformers.TrainingArguments)}
    elsewhere = {
        "EarlyStoppingCallback": transformers,
        "TrainerCallback": transformers,
        "hyperparameter_search": transformers.Trainer,
    }
    assert len(named) > 30
    for name, default in named:
        if name in elsewhere:
            assert hasattr(elsewhere[name], name)
            continue
        assert name in known, f"TrainingArguments has no {name}"
        if re.fullmatch(r"[\d.e-]+", default):
            assert float(default) == known[name], (name, known[name])
        elif default == '"linear"':
            assert known[name] == "linear"


def test_the_number_of_services():
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    assert f"{len(INTEGRATION_TO_CALLBACK)} services there" in PAGE.read_text(encoding="utf-8")
