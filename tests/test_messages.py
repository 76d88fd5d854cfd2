"""Messages below `apps` name arguments as Python has them, in backquotes; the command line writes them as options."""

import ast
import re
from pathlib import Path

import pytest

import albert_np
from albert_np.apps.cli.wording import ARGUMENTS, OTHERS, as_options

PACKAGE = Path(albert_np.__file__).parent
PROGRAMS = ("apps", "one_page.py")  # these have options of their own
BELOW = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in PROGRAMS]
OPTION = re.compile(r"(^|[\s(`'])(--[a-z]|-[a-z] \w)")
OTHER_PROGRAMS = ("--std=c++17", "pip install --no-binary", "python -m ", "iconv -f ")
NOT_ARGUMENTS = {"read_table", "ask"}  # in backquotes, but neither arguments nor options


def texts(source: str):
    """Yield (line, text) of every string that is not a docstring."""
    tree = ast.parse(source)
    nodes = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    documentation = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, nodes) and ast.get_docstring(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def options_in(text: str) -> bool:
    return bool(OPTION.search(text)) and not any(each in text for each in OTHER_PROGRAMS)


def test_no_message_below_apps_names_an_option():
    assert len(BELOW) > 200
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in BELOW
        if "mistakes" not in path.parts  # pieces of source text
        for line, text in texts(path.read_text(encoding="utf-8"))
        if options_in(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["add --resume to continue", "--out needs a folder", "a lower --lr", "(--backend cupy)", "name it, -o label=NAME"]
)
def test_an_option_is_found(text):
    assert options_in(text)


@pytest.mark.parametrize("text", ["pip install --no-binary mpi4py mpi4py", "a - b", "two--three", "non-empty", "from -1 to 1"])
def test_other_text_is_not_an_option(text):
    assert not options_in(text)


def test_every_argument_in_a_message_becomes_an_option():
    """A word in backquotes in a message is an argument that the command line knows, or listed above."""
    for path in BELOW:
        for line, text in texts(path.read_text(encoding="utf-8")):
            for name in re.findall(r"`([a-z_]+)(?:=True)?`", text):
                assert name in ARGUMENTS | NOT_ARGUMENTS, f"{path.relative_to(PACKAGE)}:{line}: `{name}`"


def test_the_options_exist(capsys):
    from albert_np.apps.cli import main

    commands = "pretrain", "finetune", "predict", "compress", "gradcheck"
    shown = ""
    for command in commands:
        main([command, "--help"])
        shown += capsys.readouterr().out
    options = {OTHERS.get(name, f"--{name.replace('_', '-')}") for name in ARGUMENTS - {"changes", "options"}}
    assert {option for option in options if option not in shown} == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("choose another `out`", "choose another --out"),
        ("`resume=True` continues it", "--resume continues it"),
        ("a lower `learning_rate`", "a lower --lr"),
        ("needs a GPU: `ab.use('cupy')`; it", "needs a GPU: --backend cupy; it"),
        ("`options={'label': NAME}`", "-o label=NAME"),
        ("`changes={'hidden_size': 64}`", "--hidden-size 64"),
        ("has a usual name for a text: name it (option text)", "has a usual name for a text: name it (-o text=...)"),
        ("in columns, see option delimiter)", "in columns, see -o delimiter=...)"),
        ("(option kind=number, or option kind=classes)", "(-o kind=number, or -o kind=classes)"),
        ("; if they are names, option kind=classes", "; if they are names, -o kind=classes"),
        ("the option form must be one of a, b", "the option form must be one of a, b"),
        ("the word `cat` in your file", "the word `cat` in your file"),
    ],
)
def test_as_options(text, expected):
    assert as_options(text) == expected


def test_at_the_command_line_and_in_python(fails, tmp_path):
    from types import SimpleNamespace

    import albert_np as ab
    from albert_np.training import pretrain

    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "t.tsv").write_text("text\tlabel\na film\tgood\n", encoding="utf-8")
    given = "classification", "--train", tmp_path / "t.tsv", "--config", "tiny"
    line = fails("finetune", *given, "--out", tmp_path)
    assert line.endswith("is not empty: it holds a run; --resume continues it, or choose another --out")
    with pytest.raises(FileExistsError, match="it holds a run; `resume=True` continues it, or choose another `out`"):
        ab.finetune("classification", tmp_path / "t.tsv", config="tiny", out=tmp_path)
    with pytest.raises(FileExistsError, match="is a file; `out` needs a folder"):
        pretrain(SimpleNamespace(params=None), SimpleNamespace(train=None), tmp_path / "t.tsv")
