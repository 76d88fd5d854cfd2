"""The language of code and documents: the field's terms and plain statements, without a private vocabulary or riddles."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "Makefile").is_file():
    pytest.skip("there is no Makefile beside the tests: they run from a copy", allow_module_level=True)
CODE = [path for pattern in ("*.py", "*.cu", "*.cuh") for path in sorted((ROOT / "albert_np").rglob(pattern))]
DOCS = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "api").rglob("*.md"))]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]  # CHANGELOG.md quotes old names

WORDS = {  # expression -> what to write instead
    r"nobody": "a statement in the passive voice or with a subject: 'no process waits', 'is not used'",
    r"twins?": "kernel",
    r"textbook": "reference",
    r"untaught": "padding_idx",
    r"doors?": "dispatch",
    r"(is|are) told": "'receives', 'is passed', 'is set'",
    r"begun": "'started', or a function named new_...",
    r"it is believed": "a statement of what is tested",
    r"(?<!there )is no (number|multiple|list|text|integer|name)": "is not a ...",
}
OPENING = re.compile(r"what\b", re.IGNORECASE)  # of docstrings and comments
FUNCTION_OF = re.compile(r"\b\w+_of(?=\()")
ANSWERS = re.compile(r"^### Blanks$.*?(?=^<!-- end of scores -->$)", re.MULTILINE | re.DOTALL)  # those of a model
ALLOWED = {
    "group_of",  # core.config.Config: the group of a layer, as in the paper and in Google's code
}


def comments(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text without its mark) of every comment."""
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("# ")
    elif path.suffix != ".md":
        for number, line in enumerate(text.splitlines(), 1):
            if "//" in line:
                yield number, line.partition("//")[2].lstrip("/ ")


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of every docstring of a Python source."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            yield node.body[0].lineno, ast.get_docstring(node) or ""


def functions(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of every function that is defined; outside of Python also of those that are called."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.lineno, node.name
    else:
        for number, line in enumerate(text.splitlines(), 1):
            yield from ((number, name) for name in FUNCTION_OF.findall(line))


def findings(path: Path, text: str) -> list[str]:
    """Return 'line: what is wrong' for each word, opening and name that may not occur."""
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        for expression, instead in WORDS.items():
            matches = re.finditer(rf"\b{expression}\b", line, re.IGNORECASE)
            wrong += [f"{number}: {match.group()!r}; write instead: {instead}" for match in matches]
    for number, comment in comments(path, text):
        if OPENING.match(comment):
            wrong.append(f"{number}: a comment that begins with {comment[:20]!r}")
    for number, docstring in docstrings(text) if path.suffix == ".py" else ():
        if OPENING.match(docstring):
            wrong.append(f"{number}: a docstring that begins with {docstring[:20]!r}")
    for number, name in functions(path, text):
        if name.endswith("_of") and name not in ALLOWED:
            wrong.append(f"{number}: the function {name}; name it with a verb (get_x) or its source (x_from)")
    return wrong


def without_answers(text: str) -> str:
    """Return a page without the words of everyday sentences and of the model that fills them; the lines keep their numbers."""
    return ANSWERS.sub(lambda match: "\n" * match[0].count("\n"), text)


def test_code_and_pages():
    assert len(CODE) > 200 and len(PAGES) > 5
    wrong = {path: findings(path, without_answers(path.read_text(encoding="utf-8"))) for path in [*CODE, *PAGES]}
    lines = [f"{path.relative_to(ROOT)}:{finding}" for path, found in wrong.items() for finding in found]
    assert not lines, "\n".join(["", *lines])


def test_only_the_answers_of_a_model_are_left_out():
    page = "a door\n### Blanks\n\n| … | **door** |\n<!-- end of scores -->\na door\n"
    assert [found.partition(":")[0] for found in findings(Path("page.md"), without_answers(page))] == ["1", "6"]


def test_every_allowed_name_exists():
    defined = {name for path in CODE for _, name in functions(path, path.read_text(encoding="utf-8"))}
    assert defined >= ALLOWED


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "The kernels are the Twins of the layers."),
        ("a.md", "Nobody waits."),
        ("a.md", "the textbook version"),
        ("a.md", "The run is told where to stop."),
        ("a.md", "Call `threads_of(3)`."),
        ("a.py", "raise ValueError('lr is no number')"),
        ("a.py", 'def threads(n):\n    """What a block has."""'),
        ("a.py", '"""What this file has."""'),
        ("a.py", "def threads_of(n): ..."),
        ("a.py", "x = 1  # what is kept"),
        ("a.py", "# What is kept\n"),
        ("a.cu", "int row; // what one query asks"),
        ("a.cu", "int row_of(int i) { return i; }"),
        ("a.cu", "// Twin of the layer"),
    ],
)
def test_what_may_not_occur_is_reported(name, text):
    assert len(findings(Path(name), text)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "There is no text in the file."),
        ("a.py", 'name = os.environ.get("ALBERT_NP_TEXTBOOK")  # the old name of ALBERT_NP_REFERENCE'),
        ("a.py", 'def group_of(layer):\n    """Return whatever group the layer has."""'),
        ("a.py", "rows = backend.of(x).asarray(somewhat_of)  # whatever the device"),
        ("a.cu", "i64 n = sizeof(int); // number of bytes"),
    ],
)
def test_ordinary_language_is_not(name, text):
    assert findings(Path(name), text) == []
