"""English prose that is on every machine with Python and NumPy: the manual topics of `help()`, and the docstrings of the
standard library and of NumPy.

Everything is read out of the source files with `ast`; no module is imported, because importing can do anything. What is
kept is paragraphs of words: no doctests, code, grammar, tables, headings, signatures. A docstring that comes again is kept
once, so that a held-out document is really unseen; single paragraphs of it may be known from others (NumPy says many things
many times).
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
NAME = re.compile(
    r"[^.!?]* : .*|[^.!?]*:$|[^ ]*$|[\w., ]+\(.*\)$|@|:\w+"
)  # a name that is explained by what is indented below it

ROLE = re.compile(r":[\w:+-]+:`([^`]*)`")
QUOTED = re.compile(r"(`+)([^`']+)\1_{0,2}")  # ``code``, `name`, `link`_
STARS = re.compile(r"(?<![\w*])\*{1,2}(?=[\w\"])|(?<=[\w\".)])\*{1,2}(?![\w*])")  # *name*, **loud**
FOOTNOTE = re.compile(r" ?\[\w+\]_")
SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s+[\"'(\[]*[A-Z0-9_]|\s*$)")
WORD = re.compile(r"[\"'(\[]*[A-Za-z]+(?:['’/-][A-Za-z]+)*[\"'’)\],.;:!?]*$")


def python_documentation() -> Iterator[list[str]]:
    """The documents (a section of the manual, or a docstring), each a list of paragraphs that has at least two sentences.

    A pure function of the installed Python and NumPy: the same documents in the same order every time.
    """
    seen: set[tuple[str, ...]] = set()
    for source in sources():
        document = list(paragraphs(source))
        if sum(map(sentences, document)) >= 2 and tuple(document) not in seen:
            seen.add(tuple(document))
            yield document


def sentences(paragraph: str) -> int:
    """How many sentences end in a paragraph."""
    return len(SENTENCE_END.findall(paragraph))


# ---- where the text is


def sources() -> Iterator[str]:
    """The raw texts: sections of the manual topics, then docstrings in the order of the files and their lines."""
    library = Path(inspect.__file__).parent
    numpy = importlib.util.find_spec("numpy")
    yield from _topics(library / "pydoc_data" / "topics.py")
    for root in [library, *map(Path, numpy.submodule_search_locations or ())] if numpy else [library]:
        for path in sorted(root.rglob("*.py")):
            if not SKIPPED.intersection(path.relative_to(root).parts):
                yield from _docstrings(path)


def _topics(path: Path) -> Iterator[str]:
    """The sections of the manual's topics. They are one dictionary of strings, and end in underlined headings."""
    tree = _parsed(path)
    dictionaries = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)] if tree else []
    for value in (value for dictionary in dictionaries for value in dictionary.values):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from re.split(r"\n.+\n(?:\*{4,}|={4,}|-{4,})\n", value.value)


def _docstrings(path: Path) -> Iterator[str]:
    tree = _parsed(path)
    if tree is None:
        return
    newdocs = "newdocs" in path.name  # where NumPy keeps the docstrings of what is written in C, as arguments of a call
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if text := ast.get_docstring(node):
                found[node.body[0].lineno] = text  # the line of the docstring itself
        elif newdocs and isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            found[node.lineno] = inspect.cleandoc(node.value)
    for line in sorted(found):
        yield found[line]


def _parsed(path: Path) -> ast.Module | None:
    """The syntax tree of a file; None if there is no such file or it is not for this Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


# ---- which of it is prose


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of prose in a docstring, each on one line."""
    for block in blocks(text.expandtabs()):
        paragraph = unmarked(block)
        if is_prose(paragraph):
            yield paragraph


def blocks(text: str) -> Iterator[str]:
    """Lines that belong together, joined: up to a blank line, a bullet, or a change of indentation.

    A paragraph may have its first line further out than the others (a hanging indent); a name with its explanation
    below it looks the same and is cut, so that the explanation stands alone.
    """
    block = ""
    indent, lines = 0, 0
    for at, line in [*visible(text), (0, "")]:
        bullet = BULLET.match(line)
        hangs = at > indent and lines == 1 and not NAME.fullmatch(block)
        if line and block and not bullet and (at == indent or hangs):
            broken = re.search(r"\w-$", block)  # built-\nin
            block += line if broken else " " + line
            indent, lines = at, lines + 1
            continue
        if block:
            yield block
        offset = bullet.end() if bullet else 0
        block, indent, lines = line[offset:], at + offset, 1


def visible(text: str) -> Iterator[tuple[int, str]]:
    """(indentation, line) without headings, doctests, literal blocks and directives."""
    doctest = False
    skip: int | None = None  # lines further in than this are left out
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


def unmarked(block: str) -> str:
    """The text without reStructuredText's marks, and without what introduces something that was left out."""
    text = ROLE.sub(lambda match: match[1].split(" <")[0].lstrip("~.!").rpartition(".")[2] or match[1], block)
    text = STARS.sub("", QUOTED.sub(r"\2", FOOTNOTE.sub("", text)))
    text = text.replace("`", "'").replace("\\ ", "").replace("\\", "")  # `name' is quoted too
    text = " ".join(text.split())
    if text.endswith(":"):  # "For example:"
        ends = list(SENTENCE_END.finditer(text[:-1]))
        text = text[: ends[-1].end()] if ends else ""
    return text


def is_prose(text: str) -> bool:
    """Whether this is English rather than code or a table: three words or more, and most of them made of letters."""
    words = text.split()
    return len(words) >= 3 and not TABLE.search(text) and sum(bool(WORD.match(word)) for word in words) > 0.6 * len(words)
