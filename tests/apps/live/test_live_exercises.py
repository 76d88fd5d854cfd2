"""The calls of the page of the exercises, without a browser."""

import json
import zipfile

import pytest

from albert_np import learn
from albert_np.apps.live import exercises
from albert_np.learn import FileStore

WRONG = """
def softmax_backward(dy, y):
    return y * dy
"""


def test_the_list_is_the_ladder():
    listed = exercises.get_exercises()
    assert [each["name"] for each in listed] == [each.name for each in learn.exercises()]
    assert all(each["stub"] == learn.stub(each["name"]) for each in listed)
    json.dumps(listed)


def test_a_wrong_answer_and_a_right_one():
    wrong = exercises.check(WRONG, "softmax", {})
    assert not wrong["passed"] and "WRONG" in wrong["html"] and "It looks like this." in wrong["html"]
    assert "albert-np learn" not in wrong["html"], "the page has buttons, and no command line"
    assert wrong["progress"] == {"softmax": {"passed": False, "tries": 1, "hints": 0}}
    right = exercises.check(learn.solution("softmax"), "softmax", wrong["progress"])
    assert right["passed"] and "solved" in right["html"] and "albert-np learn" not in right["html"]
    assert right["progress"] == {"softmax": {"passed": True, "tries": 2, "hints": 0}}


def test_text_that_is_no_code():
    for source in ("", "def softmax_backward(:", "import os\nos.abort"):
        answer = exercises.check(source, "softmax", {})
        assert not answer["passed"] and "error" not in answer and "not graded" in answer["verdict"]


def test_hints_are_counted():
    first = exercises.hint("softmax", {})
    second = exercises.hint("softmax", first["progress"])
    assert (first["number"], second["number"]) == (1, 2) and first["text"] == learn.hints("softmax")[0]
    assert second["progress"]["softmax"]["hints"] == 2
    assert "error" in exercises.hint("sofmax", {})


def test_texts():
    assert exercises.solution("clip")["text"] == learn.solution("clip")
    assert exercises.derivation("clip")["text"] == learn.derivation("clip")


def test_a_bug_is_hunted_and_not_counted():
    bug = exercises.bug(3)
    answer = exercises.check(bug["text"], bug["exercise"], {})
    assert not answer["passed"] and answer["progress"] == {} and "bug 3 is still there" in answer["html"]
    assert "error" in exercises.bug(-1)


def test_files_and_progress_go_to_the_command_line_and_back(tmp_path):
    progress = exercises.check(learn.solution("softmax"), "softmax", {})["progress"]
    path = exercises.pack({"softmax.py": learn.solution("softmax")}, progress)["path"]
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    assert FileStore(tmp_path).get("softmax")["passed"]
    assert learn.check(tmp_path / "softmax.py").passed
    text = (tmp_path / ".albert-np-learn.json").read_text(encoding="utf-8")
    assert exercises.read_progress(text) == {"progress": progress}
    opened = exercises.read_file("softmax.py", (tmp_path / "softmax.py").read_text(encoding="utf-8"))
    assert (opened["exercise"], opened["bug"]) == ("softmax", None)


def test_notebooks_and_bugs_can_be_opened():
    opened = exercises.read_file("softmax.ipynb", learn.notebook("softmax"))
    assert opened["exercise"] == "softmax" and "def softmax_backward" in opened["text"]
    assert exercises.read_file("bug.py", learn.bug(3))["bug"] == 3


@pytest.mark.parametrize("text", ["", "[]", "{", '{"softmax": 3}'])
def test_progress_of_another_kind(text):
    assert exercises.read_progress(text)["error"].startswith("it is not a file of progress")


def test_files_of_another_kind():
    for name, text in (("a.py", "x = 1"), ("a.ipynb", "{}"), ("a.py", "# albert-np learn: nothing\n")):
        assert exercises.read_file(name, text)["error"].startswith(name)
