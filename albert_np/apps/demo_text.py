"""English prose that comes with Python and NumPy: the manual topics of `help()`, and the docstrings of both libraries.

The source files are read with `ast`; no module is imported, because an import may have side effects. Only paragraphs of prose
are used: no doctests, code, grammar, tables, headings or signatures. Repeated docstrings are used once, so that held-out
documents do not occur in training; single paragraphs may still occur in several documents.
"""

import ast
import importlib.util
import inspect
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

SKIPPED = set("test tests idle_test idlelib lib2to3 site-packages dist-packages encodings turtledemo pydoc_data".split())

RULE = re.compile(r"([^\w\s])\1{2,}")  # ===== under (or over) a heading
TABLE = re.compile(r"::=|={4}|-{5}|\S {3,}\S.* {3,}\S|^[|+].*[|+]$|[=-]{3,} +[=-]{3,}")
BULLET = re.compile(r"(?:[-*+•]|\(?[0-9]{1,2}[.)]|\([a-z]\)|[a-z]\))\s+")
DIRECTIVE = re.compile(r"\.\. +(\[|[\w-]*)")
WITH_PROSE = {"note", "warning", "caution", "important", "tip", "seealso", "attention", "admonition"}
NAME = re.compile(r"[^.!?]* : .*|[^.!?]*:$|[^ ]*$|[\w., ]+\(.*\)$|@|:\w+")  # a name whose explanation is indented below it

ROLE = re.compile(r":[\w:+-]+:`([^`]*)`")
QUOTED = re.compile(r"(`+)([^`']+)\1_{0,2}")  # ``code``, `name`, `link`_
STARS = re.compile(r"(?<![\w*])\*{1,2}(?=[\w\"])|(?<=[\w\".)])\*{1,2}(?![\w*])")  # *name*, **loud**
FOOTNOTE = re.compile(r" ?\[\w+\]_")
SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s+[\"'(\[]*[A-Z0-9_]|\s*$)")
WORD = re.compile(r"[\"'(\[]*[A-Za-z]+(?:['’/-][A-Za-z]+)*[\"'’)\],.;:!?]*$")


def python_documentation() -> Iterator[list[str]]:
    """Yield the documents (a section of the manual, or a docstring), each a list of paragraphs with at least two sentences.

    The documents and their order depend only on the installed Python and NumPy.
    """
    earlier: set[tuple[str, ...]] = set()
    for source in raw_texts():
        document = list(prose_paragraphs(source))
        if sum(map(count_sentences, document)) >= 2 and tuple(document) not in earlier:
            earlier.add(tuple(document))
            yield document


def count_sentences(paragraph: str) -> int:
    """Count the sentences that end in a paragraph."""
    return len(SENTENCE_END.findall(paragraph))


# ---- sources


def raw_texts() -> Iterator[str]:
    """Yield the raw texts: sections of the manual topics, then docstrings in the order of the files and their lines."""
    library = Path(inspect.__file__).parent
    numpy = importlib.util.find_spec("numpy")
    yield from _manual_sections(library / "pydoc_data" / "topics.py")
    for root in [library, *map(Path, numpy.submodule_search_locations or ())] if numpy else [library]:
        for path in sorted(root.rglob("*.py")):
            if not SKIPPED.intersection(path.relative_to(root).parts):
                yield from _docstrings(path)


def _manual_sections(path: Path) -> Iterator[str]:
    """Yield the sections of the manual's topics: the values of one dictionary, split at underlined headings."""
    tree = _parse(path)
    dictionaries = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)] if tree else []
    for value in (value for dictionary in dictionaries for value in dictionary.values):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from re.split(r"\n.+\n(?:\*{4,}|={4,}|-{4,})\n", value.value)


def _docstrings(path: Path) -> Iterator[str]:
    tree = _parse(path)
    if tree is None:
        return
    newdocs = "newdocs" in path.name  # NumPy's docstrings of functions written in C, as arguments of a call
    docstrings: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if text := ast.get_docstring(node):
                docstrings[node.body[0].lineno] = text  # the line of the docstring itself
        elif newdocs and isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            docstrings[node.lineno] = inspect.cleandoc(node.value)
    for line in sorted(docstrings):
        yield docstrings[line]


def _parse(path: Path) -> ast.Module | None:
    """Return the syntax tree of a file; None if it is missing or written for another version of Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escape sequences in other packages
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


# ---- prose


def prose_paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of prose in a docstring, each as one line."""
    for block in join_lines(text.expandtabs()):
        paragraph = remove_markup(block)
        if is_prose(paragraph):
            yield paragraph


def join_lines(text: str) -> Iterator[str]:
    """Join the lines of each block: up to a blank line, a bullet, or a change of indentation.

    The first line of a paragraph may be indented less than the others (a hanging indent). A name with its explanation below it
    has the same form; it is cut, so that the explanation becomes a block of its own.
    """
    block = ""
    indent, lines = 0, 0
    for column, line in [*text_lines(text), (0, "")]:
        bullet = BULLET.match(line)
        hangs = column > indent and lines == 1 and not NAME.fullmatch(block)
        if line and block and not bullet and (column == indent or hangs):
            broken = re.search(r"\w-$", block)  # built-\nin
            block += line if broken else " " + line
            indent, lines = column, lines + 1
            continue
        if block:
            yield block
        offset = bullet.end() if bullet else 0
        block, indent, lines = line[offset:], column + offset, 1


def text_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (indentation, line) without headings, doctests, literal blocks and directives."""
    doctest = False
    skip: int | None = None  # lines indented more than this are left out
    lines = text.splitlines()
    for raw, following in zip(lines, [*lines[1:], ""]):
        line = raw.strip()
        indent = len(raw) - len(raw.lstrip())
        if not line or RULE.fullmatch(line) or RULE.fullmatch(following.strip()):
            doctest = False
            yield 0, ""
            continue
        if skip is not None and indent > skip:
            continue
        skip = None
        doctest = doctest or line.startswith((">>>", "In ["))
        directive = DIRECTIVE.match(line)
        if directive and directive[1].lower() not in WITH_PROSE:
            skip = indent
        if doctest or directive:
            yield 0, ""
            continue
        yield indent, line
        if line.endswith("::"):
            skip = indent


def remove_markup(block: str) -> str:
    """Remove reStructuredText's markup, and a last sentence that introduces something left out (such as `For example:`)."""
    text = ROLE.sub(lambda match: match[1].split(" <")[0].lstrip("~.!").rpartition(".")[2] or match[1], block)
    text = STARS.sub("", QUOTED.sub(r"\2", FOOTNOTE.sub("", text)))
    text = text.replace("`", "'").replace("\\ ", "").replace("\\", "")  # `name' is also a quotation
    text = " ".join(text.split())
    if text.endswith(":"):  # "For example:"
        ends = list(SENTENCE_END.finditer(text[:-1]))
        text = text[: ends[-1].end()] if ends else ""
    return text


def is_prose(text: str) -> bool:
    """Return True for prose rather than code or a table: at least three words, most of them made of letters."""
    words = text.split()
    return len(words) >= 3 and not TABLE.search(text) and sum(bool(WORD.match(word)) for word in words) > 0.6 * len(words)
