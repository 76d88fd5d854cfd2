"""The sheet (docs/made/sheet): its records agree with the code, and its formulas compute what the code computes."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from backward_functions import backward_functions
from sheet_cases import CASES, HELPERS, SIZES, encoder_case, size_of

from albert_np.core import reference
from albert_np.core.dispatch import untagged
from albert_np.learn.exercises import LADDER, get

ROOT = Path(__file__).parents[1]
if not (ROOT / "docs").is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)
sys.path.insert(0, str(ROOT / "docs"))
from made.sheet.layers import LAYERS  # noqa: E402
from made.sheet.model import AROUND, MODEL, TRAINING  # noqa: E402
from made.sheet.notation import LETTERS, SYMBOLS  # noqa: E402

sys.path.remove(str(ROOT / "docs"))

OPERATIONS = {operation.name: operation for operation in (*LAYERS, *MODEL, *TRAINING, *AROUND)}
each = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
each_backward = pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS.values() if operation.backward], ids=lambda operation: operation.name
)


def real(operation, ending=""):
    """Return the function that an operation is about, or its backward pass."""
    module, _, name = (operation.function + ending).rpartition(".")
    return getattr(import_module(f"albert_np.{module}"), name)


# ---- the records ----


def test_every_backward_function_of_core_is_there_once():
    names = [f"{operation.function}_backward" for operation in (*LAYERS, *MODEL)]
    assert sorted(names) == sorted(name for name in backward_functions() if name.startswith("core."))
    assert len(OPERATIONS) == len((*LAYERS, *MODEL, *TRAINING, *AROUND))


def test_every_exercise_of_the_ladder_is_there():
    assert {operation.exercise for operation in OPERATIONS.values()} - {""} == set(LADDER)


@each
def test_notebook_file_and_exercise_are_those_of_the_operation(operation):
    (path,) = (ROOT / "notebooks").glob(f"{operation.notebook:02}_*.ipynb")
    derives = json.loads(path.read_text(encoding="utf-8"))["metadata"]["albert_np"]["derives"]
    if operation.function.startswith("core.") and operation.backward:
        assert f"{operation.function}_backward" in derives
    assert (ROOT / "albert_np" / operation.file).is_file() and callable(real(operation))
    if operation.exercise:
        solve = get(operation.exercise).solve
        assert {operation.function, f"{operation.function}_backward"} & set(solve)
        if not operation.backward:
            assert get(operation.exercise).notebook == path.stem


# ---- what they say is what the code does ----


class Evaluation:
    """The real functions run on a case, and the formulas beside them."""

    def __init__(self, operation, forward=None, backward=None, case=None):
        self.operation, case = operation, case or CASES[operation.name]()
        self.names = case.names  # the formulas and the operations inside work in one namespace
        self.names |= {name: value for name, value in HELPERS.items() if name not in self.names}
        code, self.locals = real(operation).__wrapped__ if hasattr(real(operation), "__wrapped__") else real(operation), {}

        def record(frame, event, argument):
            if event == "return" and frame.f_code is code.__code__:
                self.locals.update(frame.f_locals)

        with reference():
            before, _ = sys.getprofile(), sys.setprofile(record)
            try:
                self.results, cache = case.forward()
            finally:
                sys.setprofile(before)
            self.cache = untagged(cache)
            start = None if case.g is None else case.g.flat.copy()
            self.compute(operation.forward if forward is None else forward)
            self.gradients = {} if case.backward is None else case.backward(cache)
            if operation.backward:
                self.compute(operation.backward if backward is None else backward)
        self.added = None if start is None else (case.g.flat - start, case.g_formulas.flat - start)

    def compute(self, lines):
        for _, code in lines:
            exec(code, self.names)

    def differences(self):
        """Return the results of which the formulas give other numbers, to 1e-10."""
        wrong = [name for name, value in self.results.items() if not alike(self.names.get(name), value)]
        if self.operation.backward:
            wrong += [
                name for name, value in self.gradients.items() if value is not None and not alike(self.names.get(name), value)
            ]
            if self.added is not None and not alike(*self.added):
                wrong.append("g")
        return wrong


def alike(a, b):
    if isinstance(b, list):
        return isinstance(a, list) and len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b))
    return a is not None and np.shape(a) == np.shape(b) and np.abs(np.subtract(a, b, dtype=float)).max() <= 1e-10


@each
def test_the_formulas_compute_what_the_code_computes(operation):
    evaluation = Evaluation(operation)
    assert evaluation.results and evaluation.differences() == []
    if operation.backward:
        gradients = [value for value in evaluation.gradients.values() if value is not None]
        assert gradients or evaluation.added is not None


def broken(code):
    """Return a formula with a slightly larger value."""
    if code.startswith("np.add.at("):
        return code[:-1] + " * 1.001)"
    loop, colon, statement = code.partition(": ") if code.startswith("for ") else ("", "", code)
    assignment = re.fullmatch(r"(.*?) (\+?=) (.*)", statement)
    if not assignment:  # a call alone: embedding_back(de_1)
        return re.sub(r"\((\w+)\)$", r"(1.001 * \1)", code)
    left, sign, right = assignment.groups()
    return f"{loop}{colon}{left} {sign} larger({right})"


def larger(value):
    if isinstance(value, tuple):
        return tuple(larger(each) for each in value)
    if isinstance(value, list):
        return [None if each is None else larger(each) for each in value]
    value = np.asarray(value)
    if value.dtype == bool:
        return ~value
    return value * np.linspace(1.001, 1.002, value.size).reshape(value.shape) + (0 if value.any() else 0.5)


@each
def test_no_formula_can_be_wrong(operation, monkeypatch):
    """Each line of each operation, slightly changed, gives other numbers."""
    monkeypatch.setitem(HELPERS, "larger", larger)
    for which in ("forward", "backward"):
        lines = getattr(operation, which)
        for i, (latex, code) in enumerate(lines):
            changed = (*lines[:i], (latex, broken(code)), *lines[i + 1 :])
            assert changed[i][1] != code
            assert Evaluation(operation, **{which: changed}).differences(), code


@each
def test_the_shapes_are_those_of_the_arrays(operation):
    names = Evaluation(operation).names
    letters = {axis for axes in (operation.takes | operation.gives).values() for axis in re.findall("[A-Z]", axes)}
    assert len({SIZES.get(letter, letter) for letter in letters}) == len(letters)
    for name, axes in (operation.takes | operation.gives).items():
        number, _, shape = axes.rpartition(" x ")
        value = names[name]
        if number:
            assert len(value) == size_of(number)
            value = value[0]
        assert np.shape(value) == tuple(size_of(axis) for axis in shape.split()), name


@each_backward
def test_dz_has_the_shape_of_z(operation):
    names = Evaluation(operation).names
    checked = [name for name in names if name.startswith("d") and name[1:] in names and isinstance(names[name], np.ndarray)]
    assert checked
    for name in checked:
        assert np.shape(names[name]) == np.shape(names[name[1:]]), name


@each_backward
def test_what_is_kept_is_what_the_cache_has(operation):
    evaluation = Evaluation(operation)
    cache, kept = evaluation.cache, operation.kept
    if hasattr(cache, "_fields"):
        assert kept == cache._fields
        assert [
            name for name in kept if name in evaluation.names and not alike_or_other(evaluation.names[name], getattr(cache, name))
        ] == []
        return
    values = cache if isinstance(cache, tuple) else (cache,)
    assert len(values) == len(kept)
    for name, value in zip(kept, values):
        known = evaluation.locals.get(name, evaluation.names.get(name))
        assert known is value or alike(known, value) or (operation.name == "activation" and name == "c_act"), name


def alike_or_other(a, b):
    """Whether two values are alike, or no arrays."""
    return alike(a, b) if isinstance(b, np.ndarray) and b.dtype.kind == "f" else True


def test_recomputing_keeps_the_hidden_states_alone_and_changes_nothing():
    """The remark of `encoder`."""
    plain, again = (Evaluation(OPERATIONS["encoder"], case=encoder_case(recompute=recompute)) for recompute in (False, True))
    assert again.cache.c_layers == [None] * SIZES["L"] and None not in plain.cache.c_layers
    assert again.differences() == [] and (again.gradients["dx"] == plain.gradients["dx"]).all()


# ---- LaTeX and NumPy say the same ----

SIGNS = r"\d+\.\d+|\d+|[-+/⊤]"  # numbers, and what is done
TOKEN = re.compile(rf"[A-Za-z_][A-Za-z_0-9]*|{SIGNS}")
UNWRITTEN = {
    "np",
    "column",
    "flat",
    "join",
    "split",
    "where_visible",
}


def code_tokens(operation, code):
    """Return the LaTeX of the names, the numbers, signs, divisions and transposes of a formula in NumPy, in their order."""
    code = re.sub(r"^for .*?: ", "", code)
    code = re.sub(r"np\.add\.at\((\w+), (\w+), (.*)\)$", r"\1[\2] += \3", code)
    code = re.sub(r"(h|dh)\[[l0+ 1]+\]", r"\1", re.sub(r", l\)", ")", code))
    code = re.sub(r"\.m?T\b", "⊤", code)
    tokens = [token for token in TOKEN.findall(code) if token not in UNWRITTEN]
    return [token if re.fullmatch(SIGNS, token) else operation.symbol(token) for token in tokens]


def latex_tokens(operation, latex, symbols):
    """Return the same of a formula in LaTeX. Indices, and conditions in words, are left out."""
    latex = re.sub(r"\\note\{((?:[^{}]|\{[^{}]*\})*)\}", "", latex).replace(r"\pluseq", "+").replace(r"^\top", "⊤")
    ordered = sorted(symbols, key=len, reverse=True)
    at, tokens = 0, []
    while at < len(latex):
        rest = latex[at:]
        symbol = next((each for each in ordered if rest.startswith(each) and not runs_on(each, rest)), None)
        skipped = re.match(r"_\{(?:[^{}]|\{[^{}]*\})*\}|_.|\\text\{[^{}]*\}|\\[A-Za-z]+|\\.|[\s{}()\[\]^=<>,;.|]", rest)
        sign = re.match(SIGNS, rest)
        if symbol:
            tokens.append(symbol)
        assert symbol or sign or skipped, f"{operation.name}: {rest!r} is no symbol of it"
        if not symbol and sign:
            tokens.append(sign[0])
        at += len(symbol or (sign or skipped)[0])
    return tokens


def runs_on(symbol, rest):
    """Whether a LaTeX command goes on behind a symbol: \\beta is not in \\betax."""
    return symbol.startswith("\\") and symbol[-1].isalpha() and rest[len(symbol) :][:1].isalpha()


@each
def test_latex_and_numpy_have_the_same_symbols_and_signs(operation):
    lines = (*operation.forward, *operation.backward)
    tokens = [code_tokens(operation, code) for _, code in lines]
    symbols = {token for line in tokens for token in line if not re.fullmatch(SIGNS, token)}
    for (latex, code), expected in zip(lines, tokens):
        assert latex_tokens(operation, latex, symbols) == expected, code


def test_every_letter_is_explained():
    from made.sheet.notation import MORE_LETTERS

    explained = set(LETTERS) | set(re.findall("[A-Z]", " ".join(MORE_LETTERS)))
    used = {
        axis for operation in OPERATIONS.values() for axes in (operation.takes | operation.gives).values()
        for axis in re.findall("[A-Z]", axes)
    }  # fmt: skip
    assert used - explained == set()
    assert SYMBOLS


# ---- the pages ----


@pytest.fixture
def printed(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made.sheet import printed

    return printed


def test_both_pages_have_every_operation_and_no_text_below_the_legible_size(printed, monkeypatch):
    monkeypatch.setattr(printed, "find_mathjax", lambda: ROOT)
    document = printed.document()
    first, second = re.findall(r"<section>.*?</section>", document, re.DOTALL)
    names = re.findall(r'<td class="operation"><code>(\w+)</code>', first + second)
    assert names == list(OPERATIONS)
    assert first.count('<td class="operation">') == len(LAYERS) and "<svg" in second
    sizes = [float(size) for size in re.findall(r"([\d.]+)pt", document)]
    assert sizes and min(sizes) >= 7.5
    width, unit = re.search(r'viewBox="0 0 (\d+) .*?font: ([\d.]+)px', document, re.DOTALL).groups()
    assert float(unit) * 72 / 25.4 >= 7.5 and float(width) == 192  # a unit of the drawing is a millimetre of the page


def test_the_page_of_the_site_has_every_operation(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import made

    text = made.expand_inserts((ROOT / "docs" / "sheet.md").read_text(encoding="utf-8"))
    rows = [line for line in text.splitlines() if line.startswith("| [`")]
    assert [re.match(r"\| \[`(\w+)`\]\(source:albert_np/", row)[1] for row in rows] == list(OPERATIONS)
    for operation, row in zip(OPERATIONS.values(), rows):
        cells = re.split(r"(?<!\\) \| ", row.strip("| "))
        assert len(cells) in (2, 4) and row.count("|") == 5, operation.name  # no formula has a bar of its own
        assert row.count("$") % 2 == 0 and "](" not in "".join(re.findall(r"\$(.*?)\$", row))
        for latex, _ in (*operation.forward, *operation.backward):
            assert re.sub(r",? *\\q?quad$", "", latex) in row


MEASURE = """<script>addEventListener("load", () => MathJax.startup.promise.then(() => {
  const right = Math.max(...[...document.querySelectorAll("td > *, .rules p, svg")].map(e => e.getBoundingClientRect().right))
  const errors = document.querySelectorAll("[data-mjx-error], [data-mml-node=merror]").length
  const formulas = document.querySelectorAll("mjx-container").length
  document.title = JSON.stringify({right, errors, formulas, page: document.body.getBoundingClientRect().right})
}))</script></head>"""


@pytest.mark.slow
def test_the_sheet_is_two_pages_of_paper(printed, tmp_path):
    chromium = printed.find_chromium()
    if chromium is None:
        pytest.skip("no Chromium is installed: the sheet is not printed")
    pytest.importorskip("mathjax", reason="MathJax is not installed: pip install 'albert_np[docs]'")
    printed.print_pdf(tmp_path / "made" / "sheet.pdf")
    pdf = (tmp_path / "made" / "sheet.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 2
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert boxes and all(abs(float(w) - 595) < 1 and abs(float(h) - 842) < 1 for w, h in boxes)  # A4
    page = tmp_path / "sheet.html"
    page.write_text(
        printed.document().replace("</head>", MEASURE).replace("<body>", "<body style='width: 192mm'>"), encoding="utf-8"
    )
    dom = printed.run_chromium(chromium, tmp_path, "--window-size=900,1200", "--dump-dom", page.as_uri())
    found = json.loads(re.search(r"<title>(.*?)</title>", dom)[1])
    assert found["errors"] == 0 and found["formulas"] > 150
    assert found["right"] <= found["page"] + 1  # a line that is too wide would make Chromium shrink both pages


def test_a_printer_that_is_not_there_is_named(printed, monkeypatch, tmp_path):
    monkeypatch.setattr(printed, "find_mathjax", lambda: ROOT)
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(FileNotFoundError, match="/nowhere/chromium was not found; set CHROMIUM"):
        printed.print_pdf(tmp_path / "sheet.pdf")
    monkeypatch.setenv("CHROMIUM", "false")
    with pytest.raises(RuntimeError, match="false failed"):
        printed.print_pdf(tmp_path / "sheet.pdf")
    assert not (tmp_path / "sheet.pdf").exists()
