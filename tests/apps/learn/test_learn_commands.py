"""albert-np learn: files, progress, limits of time and memory, a class, and training with a student's functions."""

import csv
import json
import re
import time

import pytest

from albert_np import learn
from albert_np.apps.cli import main
from albert_np.apps.learn.isolated import check_file
from albert_np.apps.learn.train import conclude, side_by_side

GOOD = learn.solution("layer_norm")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments, code=0):
    assert main(["learn", *map(str, arguments)]) == code
    return capsys.readouterr().out


def test_a_student_s_evening(capsys, folder, fails):
    assert "layer_norm" in run(capsys, "list") and "solved" not in run(capsys, "list")
    run(capsys, "start", "layer_norm")
    assert (folder / "layer_norm.py").read_text(encoding="utf-8") == learn.stub("layer_norm")
    assert "is there already" in fails("learn", "start", "layer_norm")
    assert "not finished" in run(capsys, "check", code=1)
    assert "Hint 1 of 4" in run(capsys, "hint") and "Hint 2 of 4" in run(capsys, "hint", "layer_norm")
    assert "∂x̂_j/∂x_i" in run(capsys, "derivation")
    assert run(capsys, "solution") == GOOD
    (folder / "layer_norm.py").write_text(GOOD, encoding="utf-8")
    start = time.perf_counter()
    out = run(capsys, "check")
    assert "layer_norm: solved" in out and "learn start embedding" in out
    assert time.perf_counter() - start < 5
    assert "solved" in run(capsys, "list")
    assert json.loads(run(capsys, "check", "layer_norm.py", "--json"))["passed"]
    assert [each["name"] for each in json.loads(run(capsys, "list", "--json")) if each["solved"]] == ["layer_norm"]
    run(capsys, "start", "layer_norm", "--again", "--out", "deeper/down")
    assert (folder / "deeper" / "down" / "layer_norm.py").exists()


def test_wrong_usage(fails, folder):
    assert "did you mean layer_norm" in fails("learn", "start", "layernorm")
    assert "there is no such file" in fails("learn", "check", "missing.py")
    assert "no exercise was started in this folder" in fails("learn", "check")
    assert "no exercise was started in this folder" in fails("learn", "hint")
    assert "is a folder" in fails("learn", "check", folder)
    assert "there is no such folder" in fails("learn", "grade", folder / "missing")
    (folder / "class").mkdir()
    assert "there is no .py file" in fails("learn", "grade", folder / "class")
    (folder / ".albert-np-learn.json").write_text("no json", encoding="utf-8")
    assert "is damaged" in fails("learn", "list")


def test_an_endless_loop_is_stopped(folder):
    (folder / "a.py").write_text(GOOD.replace("    xhat, rstd = cache\n", "    while True: pass\n"), encoding="utf-8")
    start = time.perf_counter()
    report = check_file(folder / "a.py", seconds=2)
    assert re.match(r"Your code was stopped after 2 seconds, in line \d+: while True", report.error), report.error
    assert report.exercise == "layer_norm" and time.perf_counter() - start < 15
    (folder / "a.py").write_text("# albert-np learn: linear\nimport time\ntime.sleep(99)\n", encoding="utf-8")
    assert "stopped after 1 seconds" in check_file(folder / "a.py", seconds=1).error


def test_too_much_memory(folder):
    more = "    xhat, rstd = cache\n    x = np.ones((20000, 20000))\n"
    (folder / "a.py").write_text(GOOD.replace("    xhat, rstd = cache\n", more), encoding="utf-8")
    report = check_file(folder / "a.py", megabytes=500)
    assert "memory" in report.error.lower() or any("MemoryError" in item.note for item in report.items)


def test_the_end_of_the_process_is_reported(folder):
    (folder / "a.py").write_text("# albert-np learn: linear\nimport os\nos._exit(3)\n", encoding="utf-8")
    assert "ended without a result" in check_file(folder / "a.py").error


HARM = {
    "imports": "import os\nos.remove('good.py')",
    "through_numpy": "np.lib.npyio.os.remove('good.py')",
    "writes": "np.memmap('stolen', dtype='u1', mode='w+', shape=4)",
    "reads": "np.genfromtxt('good.py', dtype=str)",
    "random_file": "np.random._pickle.os.system('touch stolen')",
}


def test_a_class(capsys, folder):
    (folder / "class").mkdir()
    files = {
        "good": GOOD, "wrong": GOOD.replace("dy * p.gamma", "dy * 1"), "empty": "",
        "syntax": "# albert-np learn: linear\ndef f(:",
        "endless": GOOD.replace("    xhat, rstd = cache\n", "    while True: pass\n"), "=1+1": learn.stub("linear"),
        **{name: GOOD.replace("import numpy as np\n", f"import numpy as np\n{line}\n") for name, line in HARM.items()},
    }  # fmt: skip
    for name, text in files.items():
        (folder / "class" / name).mkdir()
        (folder / "class" / name / "layer_norm.py").write_text(text, encoding="utf-8")
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    out = run(capsys, "grade", "class", "--out", "results.csv", "--seconds", "2")
    assert "1 of 11 solved" in out
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        rows = {row["file"].split("/")[0]: row for row in csv.DictReader(file)}
    assert rows["good"]["passed"] == "yes" and rows["wrong"]["passed"] == "no"
    assert "scaled by gamma" in rows["wrong"]["diagnosis"]
    assert "empty" in rows["empty"]["error"] and "cannot read line 2" in rows["syntax"]["error"]
    assert "stopped after 2 seconds" in rows["endless"]["error"] and rows["'=1+1"]["exercise"] == "linear"
    for name in HARM:
        assert rows[name]["passed"] == "no" and rows[name]["error"], rows[name]
    (folder / "results.csv").unlink()
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


def test_a_bug(capsys, folder):
    run(capsys, "bug", "--seed", 5)
    assert "still there" in run(capsys, "check", "bug_5.py", code=1)
    assert not (folder / ".albert-np-learn.json").exists()  # it is not an exercise of the ladder


def test_training_side_by_side(capsys, folder):
    (folder / "good.py").write_text(GOOD, encoding="utf-8")
    out = run(capsys, "train", "--with", "good.py", "--steps", 4)
    assert "layer_norm: solved" in out and "The losses agree in all 4 steps" in out
    wrong = GOOD.replace("return rstd * (", "return -rstd * (")
    rows = list(side_by_side(wrong, "layer_norm", 8))
    assert rows[0].yours == rows[0].reference and rows[-1].yours != rows[-1].reference
    assert "losses part at step" in conclude(rows)
    lamb = list(side_by_side(learn.solution("lamb"), "lamb", 3))
    assert all(row.yours == row.reference for row in lamb)


def test_training_with_a_file_that_fails(folder, fails):
    (folder / "a.py").write_text(learn.stub("layer_norm"), encoding="utf-8")
    assert main(["learn", "train", "--with", "a.py"]) == 2
    with pytest.raises(ValueError, match=r"step 1: line \d+: .*ZeroDivisionError"):
        list(side_by_side(GOOD.replace("    xhat, rstd = cache\n", "    1 / 0\n"), "layer_norm", 2))
