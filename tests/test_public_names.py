"""Completion shows the public names and nothing else, and a misspelt name is answered with the nearest ones."""

import importlib

import pytest

import albert_np as ab

PACKAGES = """core.optim gradcheck learn models tasks training text data data.formats metrics plots compress engine""".split()


@pytest.mark.parametrize("name", ["", *PACKAGES])
def test_completion_shows_exactly_the_public_names(name):
    module = importlib.import_module(f"albert_np.{name}".rstrip("."))
    assert dir(module) == sorted(module.__all__)
    assert not {"Any", "annotations", "np", "sys", "TYPE_CHECKING"} & set(dir(module))
    for each in module.__all__:
        assert getattr(module, each) is not None


def test_the_whole_interface_is_shown():
    assert {"AlbertTokenizer", "Trained", "finetune", "gradcheck", "optim", "pretrain", "to_hf", "use"} <= set(dir(ab))
    assert dir(ab.optim) == sorted(ab.optim.__all__) and "step" in dir(ab.optim)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fintune", "finetune"), ("fine_tune", "finetune"), ("Tokenizer", "AlbertTokenizer"), ("pretrian", "pretrain"),
        ("gradchek", "gradcheck"), ("AlbertForPretraining", "AlbertForPreTraining"), ("trained", "Trained"),
    ],
)  # fmt: skip
def test_a_misspelt_name_is_answered_with_the_nearest(name, hint):
    with pytest.raises(AttributeError, match=rf"^module 'albert_np' has no attribute '{name}'; did you mean .*\b{hint}\b.*\?$"):
        getattr(ab, name)


@pytest.mark.parametrize("name", ["qwertyuiop", "_repr_html_", "__custom_documentations__"])
def test_other_names_get_no_hint(name):
    with pytest.raises(AttributeError, match=rf"^module 'albert_np' has no attribute '{name}'$"):
        getattr(ab, name)


@pytest.mark.parametrize(
    ("name", "hint"), [("pipeline", r"predict\(texts\)"), ("Trainer", "ab.finetune"), ("TrainingArguments", "lr=")]
)
def test_names_of_transformers_are_answered(name, hint):
    with pytest.raises(AttributeError, match=rf"^module 'albert_np' has no attribute '{name}': .*{hint}"):
        getattr(ab, name)
