"""ALBERT on one page: its losses, gradients and updates are the library's, its check finds mistakes, and it learns."""

import ast
import io
import json
import subprocess
import sys
import tokenize
from itertools import pairwise, product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import albert_np as ab
from albert_np import one_page
from albert_np.core import optim
from albert_np.core.batch import Batch
from albert_np.core.config import Config
from albert_np.core.model.albert import pretraining, pretraining_backward
from albert_np.core.model.shapes import body, initialise, pretraining_heads

PATH = Path(one_page.__file__)
SOURCE = PATH.read_text(encoding="utf-8")
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SMALL = dict(V=60, E=6, H=12, A=3, F=20, L=3, S=6)
PREFIX = "groups.0.blocks.0."  # the page has one block, and no groups


def page(source=SOURCE, **sizes):
    """The file, or a variant of it, as a module with these sizes."""
    module = ModuleType("one_page_variant")
    exec(compile(source, "one_page.py", "exec"), vars(module))
    vars(module).update({**SMALL, **sizes})
    return module


def point(module, seed=0):
    """Parameters away from 0 and 1, and a batch with sequences of different lengths and repeated words, in float64."""
    rng = np.random.default_rng(seed)
    p = {name: w + rng.normal(0, 0.3, w.shape) for name, w in module.initialise(rng, np.float64).items()}
    lines = [rng.integers(module.WORDS, 20, n) for n in (1, 6, 4, 5, 2)]
    return p, module.make_batch(lines, rng, B=8)


def library(p, batch):
    """The same parameters and the same batch as the library's."""
    config = Config(
        vocab_size=SMALL["V"], embedding_size=SMALL["E"], hidden_size=SMALL["H"], num_hidden_layers=SMALL["L"],
        num_attention_heads=SMALL["A"], intermediate_size=SMALL["F"], max_position_embeddings=2 * SMALL["S"] + 3,
    )  # fmt: skip
    params = initialise(body(config) | pretraining_heads(config), config, 0, "float64")
    assert {name.removeprefix(PREFIX) for name, _ in params.items()} == set(p)
    for name, array in params.items():
        array[...] = p[name.removeprefix(PREFIX)]
    lengths = [len(rows) for rows in batch.sequences]
    packed = Batch.pack(
        batch.ids, lengths, batch.token_types, batch.positions,
        masked_rows=batch.masked_rows, masked_labels=batch.masked_labels, order_labels=batch.order_labels,
    )  # fmt: skip
    return config, params, packed


def assert_equal(ours, tree, tolerance=1e-12):
    for name, theirs in tree.items():
        error = np.abs(ours[name.removeprefix(PREFIX)] - theirs).max()
        assert error <= tolerance * max(np.abs(theirs).max(), 1e-3), (name, error)


@pytest.mark.parametrize("seed", [0, 1])
def test_its_losses_and_gradients_are_the_librarys(seed):
    module = page()
    p, batch = point(module, seed)
    mlm_loss, sop_loss, g = module.losses_and_gradients(batch, p)
    config, params, packed = library(p, batch)
    results, cache = pretraining(packed, params, config)
    grads = params.zeros_like()
    pretraining_backward(1.0, cache, params, grads, config, packed)
    assert np.allclose([mlm_loss, sop_loss], [results.mlm_loss, results.sop_loss], rtol=1e-12, atol=0)
    assert_equal(g, grads)


def test_its_updates_are_the_librarys():
    """Three steps of LAMB with corrected moments, as in the paper; the gradients are those of each step."""
    module = page()
    p, batch = point(module)
    _, params, _ = library(p, batch)
    state, grads = optim.init("lamb", params, bias_correction=True), params.zeros_like()
    m, v = {}, {}
    for t in (1, 2, 3):
        g = module.losses_and_gradients(batch, p)[2]
        g["attention.key.b"][...] = 0  # it is 0 but for rounding, which LAMB would enlarge to a whole step
        module.lamb_step(p, g, m, v, t, lr=0.01 * t)
        for name, array in grads.items():
            array[...] = g[name.removeprefix(PREFIX)]
        optim.step(params, grads, state, 0.01 * t)
        assert_equal(p, params)


def test_its_forward_pass_takes_the_arrays_of_a_model():
    sizes = {"vocab_size": 60, "embedding_size": 6, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 3}
    config = ab.AlbertConfig(intermediate_size=20, max_position_embeddings=15, initializer_range=0.3, **sizes)
    model = ab.AlbertForPreTraining(config, seed=0, dtype="float64")
    module = page()
    p = {name.removeprefix(PREFIX): array for name, array in model.params.items()}
    ids = np.array([2, 7, 4, 9, 3])
    batch = module.Batch(ids, np.arange(5), np.zeros(5, int), [slice(0, 5)], [0], [2], None, None)
    mlm_logits, sop_logits, _ = module.albert(batch, p)
    out = model(ids[None])
    assert np.allclose(mlm_logits, out.prediction_logits[0, [2]], rtol=1e-12, atol=1e-12)
    assert np.allclose(sop_logits, out.sop_logits, rtol=1e-12, atol=1e-12)


def test_its_check_passes(capsys):
    module = page()
    module.check()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(module.initialise(np.random.default_rng(0), np.float64)) == 32


MISTAKES = [
    ('g[name + ".w"] += x.T @ dy', 'g[name + ".w"] += 2 * x.T @ dy'),
    ('g[name + ".b"] += dy.sum(0)', 'g[name + ".b"] = dy.sum(0)'),
    ("(dxhat - dxhat.mean(-1, keepdims=True) - xhat", "(dxhat - xhat"),
    (" - xhat * (dxhat * xhat).mean(-1, keepdims=True))", ")"),
    ("(1 - t * t)", "(1 + t * t)"),
    ("(dy - (dy * y).sum(-1, keepdims=True))", "dy"),
    ("(probs - onehot) / len(labels)", "(probs - onehot)"),
    ("v[:, rows].mT, a) / q.shape[2] ** 0.5", "v[:, rows].mT, a)"),
    ("d.mT @ q[:, rows]", "d @ q[:, rows]"),
    ("a.mT @ dc[:, rows]", "a @ dc[:, rows]"),
    ("dh = df + linear_backward(", "dh = linear_backward("),
    ("return da + attention_backward(", "return attention_backward("),
    (" * (1 - s * s), h[batch.starts]", ", h[batch.starts]"),
    ('g["embeddings.word"] += dmlm.T @ t', 'g["embeddings.word"] += 0 * (dmlm.T @ t)'),
    ('np.add.at(g["embeddings." + table], rows, de)', 'g["embeddings." + table][rows] += de'),
    ("for cache in reversed(c_blocks)", "for cache in c_blocks"),
    ('layer_norm_backward(dmlm @ p["embeddings.word"], *c_norm_u', 'layer_norm_backward(dmlm @ p["embeddings.word"], *c_norm'),
]


@pytest.mark.parametrize(("line", "wrong"), MISTAKES)
def test_its_check_finds_a_mistake(line, wrong, capsys):
    assert SOURCE.count(line) == 1, "the line is no longer in the file"
    with pytest.raises((AssertionError, ValueError)):  # ValueError: shapes that do not fit
        page(SOURCE.replace(line, wrong)).check()


def test_it_learns(capsys):
    """The loss begins at the unigram entropy, and falls in a text in which every word tells the next."""
    rng, cycle = np.random.default_rng(0), ["w" + letter for letter in "abcdefghijklmnopqrst"]
    text = "\n".join(" ".join(np.roll(cycle, -rng.integers(20))[:6]) for _ in range(400))
    page(V=24, E=16, H=32, A=2, F=64, L=2).train(text, steps=400)
    steps = [line for line in capsys.readouterr().out.splitlines() if "loss" in line]
    losses = [float(line.split("[MASK] ")[1].split()[0]) for line in steps]
    assert len(losses) == 11 and losses[-1] < 2 < 2.9 < losses[0] < 3.3


def test_each_word_of_a_long_line_is_used(capsys):
    """A text may be one line; it is cut into pieces of S words."""
    text = " ".join(["".join(letters) for letters in product("abcdefghij", repeat=2)] * 20)
    page(V=104).train(text, steps=10)
    assert "step   10" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "words"), [("two words", 2), ("", 0)])
def test_a_text_with_too_few_words_is_reported(text, words):
    with pytest.raises(AssertionError, match=f"the text has {words} different words, expected at least 56"):
        page().train(text)


def run(folder, *arguments):
    """Run the copy in this folder, without the package."""
    command = [sys.executable, "-I", "one_page.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_file_alone_runs(tmp_path):
    """A copy elsewhere; `--check` is the sizes' own check, and names the array whose gradient is wrong."""
    (tmp_path / "one_page.py").write_bytes(PATH.read_bytes())
    done = run(tmp_path, "--check")
    assert done.returncode == 0 and not done.stderr and "embeddings.word (1000, 32)" in done.stdout
    (tmp_path / "one_page.py").write_text(SOURCE.replace("dy.sum(0)  # (O,)", "dy.mean(0)  # (O,)"), encoding="utf-8")
    done = run(tmp_path, "--check")
    assert done.returncode == 1 and done.stderr == "AssertionError: embeddings.projection.b\n"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "one_page.py").write_bytes(PATH.read_bytes())
    done = run(tmp_path, "missing.txt")
    assert done.returncode == 1 and done.stderr.splitlines() == [
        "FileNotFoundError: [Errno 2] No such file or directory: 'missing.txt'"
    ]


def test_it_is_a_page_of_numpy():
    imported = {alias.name for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names) == {"numpy"}
    assert max(map(len, SOURCE.splitlines())) <= 130
    operators = [token.string for token in tokenize.generate_tokens(io.StringIO(SOURCE).readline) if token.type == tokenize.OP]
    assert ";" not in operators  # one statement a line


def test_each_backward_function_stands_below_its_forward_function():
    functions = [node for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef)]
    pairs = [(a, b) for a, b in pairwise(functions) if b.name.endswith("_backward")]
    assert len(pairs) == 6 and all(b.name == a.name + "_backward" and b.lineno == a.end_lineno + 1 for a, b in pairs)


def test_the_notebook_has_exactly_this_code():
    """The cells tagged `page`, in their order, are the file without blank lines, up to the last ones, which run it."""
    notebook = json.loads((NOTEBOOKS / "00_albert_on_one_page.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if "page" in cell["metadata"].get("tags", [])]
    code = SOURCE.partition("\nif __name__")[0].splitlines()
    assert len(cells) > 10
    assert [line for line in "\n".join(cells).splitlines() if line] == [line for line in code if line]


def test_it_is_short():
    """At most 150 lines, with the docstring and blank lines."""
    assert len(SOURCE.splitlines()) <= 150
