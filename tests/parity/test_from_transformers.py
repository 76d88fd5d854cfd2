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
COMPARED = ("pieces", "text", "logits", "hidden", "attentions", "best", "loss", "gradient", "after")
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


@pytest.fixture(scope="module")
def spaces(tmp_path_factory):
    """Run the blocks in their order -> {language: names of its blocks}, {name: its values in both languages when first set}."""
    from albert_np.apps.cli import main

    blocks = re.findall(r"^```(py|python)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 20
    spaces, values = {"py": {}, "python": {}}, {}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.chdir(tmp_path_factory.mktemp("page"))
        for name in ("train.csv", "dev.csv"):
            Path(name).write_text(TABLE, encoding="utf-8")
        assert main("convert albert-np-mini-en mini --to hf --quiet".split()) == 0
        for number, (language, block) in enumerate(blocks):
            if not TRAINER and language == "py" and ("load_dataset" in block or "runs/theirs" in block):
                continue
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), spaces[language])
            for name in COMPARED:
                if name not in values and all(name in space for space in spaces.values()):
                    values[name] = spaces["py"][name], spaces["python"][name]
        yield spaces, values


@pytest.mark.parametrize("name", COMPARED)
def test_both_programs_give_the_same_numbers(spaces, name):
    compare(name, *spaces[1][name])


def test_their_question_answering_gives_our_logits(spaces):
    theirs, ours = spaces[0]["py"], spaces[0]["python"]
    out = ours["done"].trained.model(**{name: value.numpy() for name, value in theirs["row"].items()})
    for name in ("start_logits", "end_logits"):
        assert np.abs(getattr(out, name) - getattr(theirs["out"], name).detach().numpy()).max() < 2e-5


@pytest.mark.skipif(not TRAINER, reason="accelerate or datasets is not installed: their Trainer cannot run")
def test_our_trained_reads_the_folder_of_their_trainer(spaces):
    import albert_np as ab

    text = "A film that I will not forget."
    with pytest.warns(UserWarning, match=r"no task\.json: classification with the labels bad, good"):
        answer = ab.Trained.from_pretrained("runs/theirs/best").predict(text)[0]
    for each in spaces[0]["py"]["classify"]([text])[0]:
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
