import re
import subprocess
import sys
import textwrap
from itertools import islice

import pytest

from albert_np.apps import demo_text
from albert_np.apps.demo_text import count_sentences, is_prose, prose_paragraphs, python_documentation


def prose_of(text):
    return list(prose_paragraphs(textwrap.dedent(text)))


@pytest.fixture(scope="module")
def documents():
    return list(python_documentation())


@pytest.fixture(scope="module")
def first_documents():
    """The manual and some modules: all of it takes some seconds."""
    return list(islice(python_documentation(), 1000))


def run(code):
    code = "import sys\nfrom albert_np.apps.demo_text import python_documentation\n" + code
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_hard_wrapped_lines_become_one_paragraph():
    text = """\
    Open the gate, and close it
    again before the built-
    in bell rings.

    The bell is loud.
    """
    assert prose_of(text) == ["Open the gate, and close it again before the built-in bell rings.", "The bell is loud."]


def test_code_and_doctests_go():
    text = """\
    Count the boats on the river.

    >>> count(boats)
    Here is the output of it.

    The code that follows is left out::

        The code is indented, and it stays away.

        It has two paragraphs, as can be seen.

    Back to the river.
    """
    assert prose_of(text) == ["Count the boats on the river.", "Back to the river."]


def test_headings_and_parameters():
    text = """\
    Measure the field again.

    Parameters
    ----------
    paces : int
        The number of paces that are counted.
    out : ndarray, optional
        The place where the result is put.

    See Also
    --------
    count : Counts the boats on the river.

    Notes
    -----
    The field is not a square [1]_.

    References
    ----------
    .. [1] A. Miller, "The field and the river", in a journal.
    """
    assert prose_of(text) == [
        "Measure the field again.",
        "paces : int",
        "The number of paces that are counted.",
        "out : ndarray, optional",
        "The place where the result is put.",
        "count : Counts the boats on the river.",
        "The field is not a square.",
    ]


def test_marks_go_and_words_stay():
    text = "The ``name`` of *this* is :class:`~field.Field`, `as` it **was** said in `letter'."
    assert prose_of(text) == ["The name of this is Field, as it was said in 'letter'."]


def test_lists_directives_and_tables():
    text = """\
    The gate has two sides:

    * The first side is made
      of wood and of iron.
    * The second is made of stone.

    .. note::
        A note is part of the text.

    .. versionadded:: 1.2
        The gate was not there before.

    .. math:: The formula is not in English.

    =====  =====  =====
    The    three  columns of a table.
    =====  =====  =====
    """
    assert prose_of(text) == [
        "The first side is made of wood and of iron.",
        "The second is made of stone.",
        "A note is part of the text.",
    ]


@pytest.mark.parametrize("text", [
    "count(boats, rivers=None) -> int.", "Too short.", "x = [f(y) for y in z] + {1: 2}.", "0 1 2 3 of these",
])  # fmt: skip
def test_what_is_no_prose(text):
    assert not is_prose(text)


def test_sentences_are_counted():
    assert count_sentences('One ends here. Another (it is short!) ends here? "Yes."') == 3
    assert count_sentences("The file e.g. spam.txt is read, and 3.5 is not an end.") == 1


@pytest.mark.slow
def test_there_is_enough_of_it(documents):
    size = sum(len(paragraph.encode()) + 1 for document in documents for paragraph in document)
    assert 1_500_000 < size < 5_000_000
    assert len(documents) > 3000
    check(documents)


def test_documents_are_clean(first_documents):
    assert len(first_documents) == 1000
    check(first_documents)


def check(documents):
    text = [paragraph for document in documents for paragraph in document]
    assert all(sum(map(count_sentences, document)) >= 2 for document in documents)
    assert len(set(map(tuple, documents))) == len(documents)  # nothing is there twice
    for paragraph in text:
        assert paragraph == " ".join(paragraph.split())
        assert not re.search(r">>>|::=|``|:\w+:`|^\.\. |={4}|-{5}", paragraph), paragraph


def test_same_documents_in_another_process(first_documents):
    code = "from itertools import islice; print(ascii(list(islice(python_documentation(), 200))))"
    assert run(code) == ascii(first_documents[:200])


def test_nothing_is_imported():
    assert run("before = set(sys.modules); next(python_documentation()); print(set(sys.modules) - before)") == "set()"


def test_files_that_cannot_be_read_are_left_out(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_bytes(b"def (:\n")
    assert list(demo_text._docstrings(bad)) == []
    assert list(demo_text._manual_sections(tmp_path / "missing.py")) == []
