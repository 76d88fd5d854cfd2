"""Without a name on the hub nothing asks the network for anything: the commands run where every connection fails."""

import os

import pytest
from processes import ENVIRONMENT

# Python imports this by itself at its start.
FORBIDDEN = """
import socket
def forbidden(*arguments, **options):
    raise AssertionError(f"the network was asked: {arguments[1:]}")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, forbidden)
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, forbidden)
"""


@pytest.fixture
def forbidden(tmp_path):
    """The environment of a process that has no network."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FORBIDDEN)
    paths = [str(tmp_path / "site"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def test_the_guard_guards(commands, forbidden):
    done = commands.start("--version", code="import socket; socket.create_connection(('localhost', 1))", env=forbidden)
    assert "the network was asked" in done.communicate()[1] and done.returncode == 1


@pytest.mark.slow
def test_from_a_text_to_answers(commands, text, rows, tmp_path, forbidden):
    def run(*arguments):
        return commands.run(*arguments, env=forbidden)

    model, tuned = tmp_path / "model", tmp_path / "tuned"
    run("--help")
    run("tokenizer", "train", text, "--out", tmp_path / "words", "--vocab-size", 60)
    run(*commands.pretraining(text, model, 4))
    run("pretrain", "--resume", "--out", model, "--steps", 6)
    run("fill-mask", "--model", model, "The [MASK] sleeps.")
    run("info", model)
    run("finetune", "classification", "--model", model, "--train", rows, "--dev", rows, "--out", tuned, "--epochs", 1)
    run("evaluate", "classification", rows, "--model", tuned)
    run("predict", "classification", "--model", tuned, "The cat sleeps.")
    run("compress", "--model", tuned, "--weights", "int8", "--out", tmp_path / "small")
    run("convert", model, tmp_path / "tf", "--to", "tf")
    assert (tmp_path / "small" / "model.safetensors").is_file()
