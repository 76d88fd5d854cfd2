"""English prose that is on every machine with Python and NumPy: the manual topics of `help()`, and the docstrings of the
standard library and of NumPy.

Everything is read out of the source files with `ast`; no module is imported, because importing can do anything. What is
kept is paragraphs of sentences: no doctests, code, grammar, tables, headings, signatures, lists of references. Paragraphs
that come back (NumPy says many things many times) are kept once, so that a held-out part of the text is really unseen.
"""

import ast
import importlib.util
import inspect
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

SKIPPED = {"test", "tests", "idle_test", "idlelib", "lib2to3", "site-packages", "dist-packages", "encodings", "turtledemo",
           "pydoc_data", "_pyinstaller", "__pycache__"}  # fmt: skip
SHORTEST = 3  # words of a paragraph
SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s+[\"'(\[]?[A-Z]|\s*$)")

RULE = re.compile(r"([=\-~*^\"'`#+.])\1{2,}")  # ===== under a heading
TABLE = re.compile(r"\S {3,}\S.* {3,}\S|^[|+].*[|+]$|={2,} +={2,}|-{2,} +-{2,}")
BULLET = re.compile(r"(?:[-*+•o]|\(?[0-9a-z]{1,2}[.)])\s+")
DIRECTIVE = re.compile(r"\.\. +(?:\[|_|\|)?([\w-]*)")
WITH_PROSE = {"note", "warning", "caution", "important", "tip", "seealso", "attention"}
NO_PROSE = {"See Also", "References", "Examples", "Example", "Usage", "Methods", "Attributes", "See also", "Related help topics"}
FIELD = re.compile(r"\*{0,2}[\w.,*\[\]{}'\" /-]+ : ?\S?.*|:?@?(?:param|return|type|raise)s?\b.*")
CODE = re.compile(r"[=<>]=|[^\s\"'(]\(|\)\.|\]\(|\w\[|::|->|[{}\\;|@#$%^&]|\w\.\w|_|(?<!\w)=(?!\w)|\w=\w")
WORD = re.compile(r"[\"'(\[*]*[A-Za-z]+(?:['’-][A-Za-z]+)*[\"')\],.;:!?*]*$")
FUNCTION_WORDS = set("a an the of to in is are be for and or if it that this with by as on not from at which will was can".split())


def python_documentation() -> Iterator[list[str]]:
    """The documents, each a list of paragraphs with at least two sentences among them, always in the same order."""
    seen: set[str] = set()
    for source in _sources():
        document = []
        for paragraph in paragraphs(source):
            if paragraph not in seen:
                seen.add(paragraph)
                document.append(paragraph)
        if sum(map(sentences, document)) >= 2:
            yield document


def sentences(paragraph: str) -> int:
    """How many sentences end in a paragraph."""
    return len(SENTENCE_END.findall(paragraph))
