"""docs/languages.md: every row, command and output of the page, in their order."""

import doctest
import re
import shlex
import sys
import warnings
from pathlib import Path

import pytest

from albert_np.apps.cli import main
from albert_np.text import AlbertTokenizer, train_tokenizer
from albert_np.text.train import TextTooSmall

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "languages.md"
if not PAGE.is_file():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)
TEXT = PAGE.read_text(encoding="utf-8")
SHORT = "--steps 2 --max-length 32 --tokens-per-batch 256 --num-hidden-layers 4 --quiet".split()
FEW = ["--tokens-per-batch", "256"]  # for a command whose lines the page shows


def rows(header):
    """The cells of the rows of the table with this header."""
    table = TEXT.partition(header)[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_table_of_options(tmp_path):
    table = rows("| text | default | `--keep-accents` | `--cased --keep-accents` |")
    assert len(table) == 6
    for column, switches in enumerate([(True, False), (True, True), (False, True)], 1):
        settings = dict(zip(("do_lower_case", "keep_accents"), switches))
        lines = [row[0] for row in table] * 9
        with pytest.raises(TextTooSmall) as error:
            train_tokenizer(lines, tmp_path / "m", 5000, **settings)
        tokenizer = AlbertTokenizer(train_tokenizer(lines, tmp_path / "m", error.value.largest, **settings), **settings)
        for row in table:
            assert tokenizer.decode(tokenizer.encode_text(row[0])) == row[column]


def test_the_page_from_text_to_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    namespace, done = {}, []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        if language == "python":
            example = doctest.DocTestParser().get_doctest(block, namespace, PAGE.name, str(PAGE), 0)
            result = doctest.DocTestRunner().run(example, clear_globs=False)
            assert result.failed == 0 and result.attempted, capsys.readouterr().out
            namespace |= example.globs
            continue
        expected = block.split("$ ")[1:] if language == "console" else [f"{line}\n" for line in block.splitlines()]
        for part in expected:
            command, _, shown = part.partition("\n")
            done.append(run_command(command, shown, capsys))
    assert done.count("pretrain") == 6 and {"tokenizer", "fill-mask", "python"} <= set(done)


def run_command(command, shown, capsys):
    """Run a line of the page, and assert that it prints what is shown below it; return the command's name."""
    program, *arguments = shlex.split(command)
    if program == "python":
        monkeypatched = sys.modules.pop("language_texts", None)
        assert monkeypatched is None
        import language_texts

        assert arguments[0] == "docs/language_texts.py"
        language_texts.main(Path(arguments[1]))
        return program
    if program == "pip" or "voidful/albert_chinese_tiny" in arguments:
        return "left out"  # needs the network
    short = SHORT if arguments[0] == "pretrain" and not shown else FEW if arguments[0] == "pretrain" else []
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main([*arguments, *short]) == 0, command
    printed = capsys.readouterr()
    text = (printed.err + printed.out).replace("max_length 32", "max_length 128")  # as without SHORT
    lines = text.splitlines()
    assert lines[: len(shown.splitlines())] == shown.splitlines()
    return arguments[0]


def test_the_texts_are_what_the_options_say():
    """Every statement of the second table about a letter is true of the texts."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import language_texts
    finally:
        sys.path.remove(str(ROOT / "docs"))
    texts = {language: language_texts.make_text(language) for language in language_texts.PARTS}
    assert all(text.count("\n\n") == 24 for text in texts.values())
    assert "й" in texts["russian"] and "が" in texts["japanese"] and "्" in texts["hindi"] and "ü" in texts["german"]


def test_the_line_of_the_page_on_pretraining():
    """The preset tiny, with the vocabulary of the page's first command."""
    from types import SimpleNamespace
    from typing import Any

    import albert_np as ab
    from albert_np.apps.cli.pretrain_start import describe_start
    from albert_np.training import Settings

    vocabulary: Any = SimpleNamespace(vocab_size=8000)
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=8000))
    page = (ROOT / "docs" / "pretraining.md").read_text(encoding="utf-8")
    assert describe_start(model, "runs/first", vocabulary, {}, Settings()) in page.splitlines()
