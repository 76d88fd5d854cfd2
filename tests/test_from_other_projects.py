"""docs/from_llmc_and_picogpt.md and docs/from_transformers.md: every name of ours exists where the page says, with its shape."""

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "Makefile").is_file():
    pytest.skip("there is no Makefile beside the tests: they run from a copy", allow_module_level=True)
LLMC = (ROOT / "docs" / "from_llmc_and_picogpt.md").read_text(encoding="utf-8")
TRANSFORMERS = (ROOT / "docs" / "from_transformers.md").read_text(encoding="utf-8")
NAMED = re.compile(r"((?:`\w+`(?:, )?)+) in \[`[\w/.]+`\]\(\.\./([\w/.]+)\)")  # `a`, `b` in [`file`](../file)


def read_rows(page, heading):
    """Return the cells of each row of the first table under a heading, without its head."""
    section = page[page.index(f"\n## {heading}\n") + 1 :].partition("\n## ")[0]
    rows = [line.strip()[1:-1].split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_each_function_is_in_its_file_and_derived_in_its_notebook():
    rows = read_rows(LLMC, "Functions")
    assert len(rows) == 21
    for _, _, ours, notebook, *_ in rows:
        found = NAMED.findall(ours)
        assert found, ours
        path = (ROOT / "docs" / re.search(r"\((.*)\)", notebook)[1]).resolve()
        derives = json.loads(path.read_text(encoding="utf-8"))["metadata"]["albert_np"]["derives"]
        derived = {each.rpartition(".")[2] for each in derives}
        for names, file in found:
            source = (ROOT / file).read_text(encoding="utf-8")
            for name in re.findall(r"`(\w+)`", names):
                assert re.search(rf"^(def|class) {name}\b", source, re.MULTILINE), f"{file} has no {name}"
                if file.startswith("albert_np/core/") and re.search(rf"^def {name}_backward\b", source, re.MULTILINE):
                    assert f"{name}_backward" in derived, f"{path.name} does not derive {name}_backward"


def test_each_parameter_is_in_the_tree_with_its_shape():
    from albert_np.core.config import Config
    from albert_np.core.model.shapes import body, initialise, pretraining_heads

    sizes = {"V": 19, "E": 3, "H": 8, "F": 20, "P": 7, "S": 2}
    config = Config(
        vocab_size=19, embedding_size=3, hidden_size=8, num_hidden_layers=5, num_attention_heads=2, intermediate_size=20,
        max_position_embeddings=7, type_vocab_size=2,
    )  # fmt: skip
    params = initialise(body(config) | pretraining_heads(config), config, seed=0)
    shapes = {name: array.shape for name, array in params.items()}
    rows, seen = read_rows(LLMC, "Parameters"), set()
    for *_, ours, _, shape in rows:
        letters = [each.replace(" ", "").strip(",").split(",") for each in re.findall(r"\(([^)]*)\)", shape)]
        given = [tuple(int(sizes.get(letter, letter)) for letter in each) for each in letters]
        for name in re.findall(r"`([\w.[\]]+)`", ours):
            dotted = name.replace("[", ".").replace("]", "")
            below = {each: shapes[each] for each in shapes if each == dotted or each.startswith(f"{dotted}.")}
            assert below, f"there is no parameter {name}"
            assert given == [] or any(each in below.values() for each in given), f"{name}: {below} and {given}"
            seen |= set(below)
    assert set(shapes) == seen  # each parameter of the model has a place in the table


def test_each_argument_of_the_trainer_has_ours():
    import albert_np as ab
    from albert_np.training.finetune_settings import FinetuneSettings

    known = {*inspect.signature(ab.finetune).parameters, *(field.name for field in fields(FinetuneSettings)), "lr"}
    rows = read_rows(TRANSFORMERS, "Arguments of the Trainer")
    assert len(rows) > 25
    names = [name for _, ours, *_ in rows for name in re.findall(r"`(\w+)(?:=[^`]*)?`", ours)]
    assert len(names) > 20 and [name for name in names if name not in known] == []
    defaults = {field.name: field.default for field in fields(FinetuneSettings)}
    stated = {name: value for _, ours, *_ in rows for name, value in re.findall(r"`(\w+)=([\d.e-]+)`", ours)}
    changed = {name for name, value in stated.items() if name in defaults and defaults[name] != float(value)}
    assert len(stated) > 8 and changed == set(), changed
