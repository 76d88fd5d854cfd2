"""The programs that measure several models: results are stored after each, and errors are one line."""

import json
import sys

import pytest

from albert_np.apps.mini_en import fill_blanks, held_out_loss
from albert_np.apps.mini_en.measured import measure_each, run


def test_results_are_stored_after_each_model_and_earlier_ones_stay(tmp_path):
    out = tmp_path / "results.json"
    out.write_text('{"old": 1}', encoding="utf-8")

    def measure(model):
        if model == "broken":
            raise ValueError("broken is no model")
        return len(model)

    found = []
    with pytest.raises(ValueError, match="broken is no model"):
        found.extend(measure_each(["one", "three", "broken"], out, measure))
    assert json.loads(out.read_text(encoding="utf-8")) == {"old": 1, "one": 3, "three": 5}
    assert list(measure_each(["one"], None, measure)) == [("one", 3)]


@pytest.mark.parametrize("program", [fill_blanks, held_out_loss], ids=lambda program: program.__name__.rpartition(".")[2])
def test_a_missing_folder_ends_the_program_with_one_line(program, tmp_path, monkeypatch):
    text = ["--text", str(tmp_path)] if program is held_out_loss else []
    monkeypatch.setattr(sys, "argv", ["program", *text, str(tmp_path / "nothing")])
    with pytest.raises(SystemExit) as exit:
        run(program.main)
    assert str(tmp_path) in str(exit.value) and "\n" not in str(exit.value)
