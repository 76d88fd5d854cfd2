"""The API reference by use: every public name has an entry with an example, and every example runs."""

import doctest
import importlib
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab
from albert_np.core import dispatch

DOCS = Path(__file__).parents[1] / "docs"
if not DOCS.is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)
PACKAGES = (
    "core core.optim gradcheck learn models tasks tasks.benchmarks training text data data.formats metrics plots compress engine "
    "sklearn apps.inspect"
).split()
EXTRAS = {"metrics.bleu": "sacrebleu", "metrics.bleu_signature": "sacrebleu", "metrics.chrf": "sacrebleu", "sklearn": "sklearn",
          "metrics.sts_scores": "scipy"}  # fmt: skip


@pytest.fixture(scope="module")
def made():
    sys.path.insert(0, str(DOCS))
    try:
        from made import api, entries, entry

        yield entries, entry, api
    finally:
        sys.path.remove(str(DOCS))


def read_entries():
    """The entries, for parameters of tests; the modules of docs/ are not importable elsewhere."""
    sys.path.insert(0, str(DOCS))
    try:
        from made import entries

        return entries.read_all()
    finally:
        sys.path.remove(str(DOCS))


ENTRIES = read_entries()
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def skip_without_extra(name):
    for beginning, module in EXTRAS.items():
        if name.startswith(beginning):
            pytest.importorskip(module, reason=f"{module} is not installed: the example of {name} does not run")


def public_names():
    """{name: object} of everything that `__all__` of a package declares, and the operations of core."""
    found = {name: getattr(ab, name) for name in ab.__all__}
    for package in PACKAGES:
        if package == "sklearn" and not importlib.util.find_spec("sklearn"):
            continue
        module = importlib.import_module(f"albert_np.{package}")
        found |= {f"{package}.{name}": getattr(module, name) for name in module.__all__}
    layers = importlib.import_module("albert_np.core.layers")
    found |= {f"core.layers.{name}": each for name, each in vars(layers).items() if callable(each) and not name.startswith("_")}
    return {name: each for name, each in found.items() if not inspect.ismodule(each)}


def missing_names(names, documented):
    """The public names whose objects have no entry, under whatever name."""
    known = {id(each) for each in documented}
    return sorted(name for name, each in names.items() if id(each) not in known)


def test_every_public_name_has_an_entry(made):
    skip_without_extra("sklearn")
    documented = [made[0].find(name)[1] for entry in ENTRIES for name in entry.names]
    names = public_names()
    assert len(names) > 150 and missing_names(names, documented) == []
    assert missing_names({**names, "core.something_new": object()}, documented) == ["core.something_new"]


def test_every_entry_is_whole():
    names = [entry.name for entry in ENTRIES]
    assert len(names) == len(set(names)) > 150
    for entry in ENTRIES:
        assert entry.names and entry.names[0] == entry.name, f"{entry.name}: the heading and <!-- insert: entry ... --> differ"
        assert entry.use.endswith(".") and entry.use[0].isupper() and len(entry.use) <= 120, f"{entry.name}: {entry.use}"


def docstrings(entry):
    """{name: docstring} of what the entry shows."""
    found = {entry.name: entry.obj} | {f"{entry.name}.{name}": inspect.getattr_static(entry.obj, name) for name in entry.members}
    return {name: inspect.getdoc(each) or "" for name, each in found.items() if callable(entry.obj)}


@each_entry
def test_every_entry_has_a_docstring_and_an_example(entry):
    skip_without_extra(entry.name)
    texts = docstrings(entry)
    assert all(texts.values()), f"without a docstring: {', '.join(name for name, text in texts.items() if not text)}"
    assert ">>> " in entry.example or any(">>> " in text for text in texts.values()), f"{entry.name} has no example"


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.example], ids=lambda entry: entry.name)
def test_every_example_runs(entry, tmp_path, monkeypatch):
    skip_without_extra(entry.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dispatch, "operations", dict(dispatch.operations))  # an example adds one
    test = doctest.DocTestParser().get_doctest(entry.example, {"np": np, "ab": ab}, entry.name, entry.page, 0)
    lines: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=lines.append)
    assert result.attempted and not result.failed, "".join(lines)
    assert test.examples[-1].want or len(test.examples) > 1, f"{entry.name}: the example shows nothing"


def test_a_wrong_example_is_found(tmp_path, monkeypatch):
    entry = next(entry for entry in ENTRIES if entry.name == "metrics.chunks")
    wrong = type(entry)(*[getattr(entry, name) for name in ("page", "name", "anchor", "use")], ">>> 1 + 1\n3\n", entry.names, ())
    with pytest.raises(AssertionError, match="Expected"):
        test_every_example_runs(wrong, tmp_path, monkeypatch)


def test_every_page_is_listed_and_lists_its_names(made):
    entries, _, _ = made
    pages = {path.stem for path in (DOCS / "api").glob("*.md")} - {"index"}
    assert pages == set(entries.pages())
    overview = entries.text()
    for page in pages:
        source = (DOCS / "api" / f"{page}.md").read_text(encoding="utf-8")
        assert f"\n<!-- insert: entries {page} -->\n" in source and source.startswith("# ")
        assert source.count("\n### ") == len(entries.read(page)) > 2, f"{page}: a heading is not an entry"
        assert f"(api/{page}.md)" in overview and all(entry.link in overview for entry in entries.read(page))


def test_names_that_differ_in_case_have_anchors_of_their_own():
    """MyST makes the same anchor of compress.Sparsity and compress.sparsity, and appends -1 to the second."""
    links = [entry.link.partition("](")[2] for entry in ENTRIES]
    assert len(set(links)) == len(links)
    assert next(entry for entry in ENTRIES if entry.name == "compress.sparsity").anchor == "compresssparsity-1"


def test_what_is_documented(made):
    entries, entry, _ = made
    assert ".. autofunction:: albert_np.core.optim.step" in entry.text("optim.step")
    assert ":special-members: __call__" in entry.text("AlbertTokenizer", "__call__", "encode")
    assert ".. py:data:: albert_np.core.optim.DEFAULTS" in entry.text("optim.DEFAULTS")
    assert ".. autoexception:: " in entry.text("training.Diverged")
    assert entry.text("training.Report") == "It is the same as [`training.Callback`](api/train.md#trainingcallback)."
    assert ".. autoclass:: albert_np.core.random.RandomKey" in entry.text("Dropout")
    with pytest.raises(AttributeError):
        entries.find("optim.stop")


def test_modules_link_to_what_is_documented_by_use(made):
    _, _, api = made
    section = api.text("albert_np.compress", "zeros")
    assert ":exclude-members: sparsity" in section and "(api/compress.md#compresssparsity-1)" in section
    with pytest.raises(ValueError, match=r"albert_np\.compress has no module ones"):
        api.text("albert_np.compress", "ones")
