"""Ctrl-C in a command that has nothing to save ends with one line and the exit code 130."""

from albert_np.apps.cli import gradcheck, main


def test_an_interrupted_command_says_so(monkeypatch, capsys):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gradcheck, "gradcheck", interrupted)
    assert main(["gradcheck"]) == 130
    assert capsys.readouterr() == ("", "albert-np: interrupted\n")
