"""The commands, options and public names of 0.1.0 are still there, as CHANGELOG.md promises."""

from pathlib import Path

import typer.main

import albert_np as ab
from albert_np.apps import cli

OPTIONS = Path(__file__).parent / "data" / "options-0.1.0.txt"  # a line each: the command, and the forms of the option
NAMES = """AlbertConfig AlbertForMaskedLM AlbertForPreTraining AlbertForQuestionAnswering AlbertForRelationClassification
AlbertForSequenceClassification AlbertForTokenClassification AlbertForTranslation AlbertModel AlbertTokenizer Dropout Trained
__version__ finetune gradcheck optim pretrain to_hf use""".split()


def list_options(command, name=""):
    """The command, and each form of its options and arguments, of a command and of those below it."""
    for parameter in command.params:
        yield from (f"{name} {form}".strip() for form in parameter.opts)
    for word, below in getattr(command, "commands", {}).items():
        yield from list_options(below, f"{name} {word}".strip())


def test_every_option_of_the_last_release_is_there():
    now = set(list_options(typer.main.get_command(cli.app())))
    for line in OPTIONS.read_text(encoding="utf-8").splitlines():
        forms = [word for word in line.split() if word.startswith("-")]
        command = " ".join(word for word in line.split() if not word.startswith("-"))
        for form in forms or [None]:
            wanted = command if form is None else f"{command} {form}".strip()
            assert wanted in now, f"{wanted} was an option of 0.1.0"
    assert "ask --model" in now and "ask --typo" not in now


def test_every_public_name_of_the_last_release_is_there():
    assert set(NAMES) <= set(ab.__all__)
    assert all(getattr(ab, name) is not None for name in NAMES)
