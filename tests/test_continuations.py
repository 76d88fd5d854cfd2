"""The questions that tests/benchmarks/continuations.py makes from text."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from albert_np.data.formats import read_choices

FOLDER = Path(__file__).parent / "benchmarks"
OPTIONS = "--questions 60 --dev 12 --words 6 --far 3".split()


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Two files of documents in which every sentence says where it is: "d4 s7"; every fifth one is very long."""
    folder = tmp_path_factory.mktemp("texts")
    for name in ("a", "b"):
        documents = []
        for d in range(12):
            sentences = [f"It is {name} d{d} s{s} here now{' and so on' * (8 if s % 5 == 4 else 0)}." for s in range(20)]
            documents.append("\n".join(" ".join(sentences[i : i + 4]) for i in range(0, 20, 4)))
        (folder / f"{name}.txt").write_text("\n\n".join(documents) + "\n")
    return [str(folder / "a.txt"), str(folder / "b.txt")]


def make(out, texts, *more):
    command = [sys.executable, str(FOLDER / "continuations.py"), "--out", str(out), *OPTIONS, *more, *texts]
    return subprocess.run(command, capture_output=True, text=True)


def place(passage):
    """Return (file, document, sentence) of a passage of one sentence."""
    (found,) = re.findall(r"(\w) d(\d+) s(\d+)", passage)
    return found[0], int(found[1]), int(found[2])


def load(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_right_choice_follows_and_the_others_do_not(tmp_path, texts):
    ran = make(tmp_path / "out", texts)
    assert ran.returncode == 0, ran.stderr
    parts = {name: load(tmp_path / "out" / f"{name}.jsonl") for name in ("train", "dev")}
    assert {name: len(questions) for name, questions in parts.items()} == {"train": 48, "dev": 12}
    for questions in parts.values():
        assert len({question["id"] for question in questions}) == len(questions)
        for question in questions:
            file, document, sentence = place(question["context"])
            right = question["choices"][question["label"]]
            assert place(right) == (file, document, sentence + 1) and question["group"] == file
            wrong = [place(choice) for choice in question["choices"] if choice != right]
            assert len(set(wrong)) == 3 and sum(where[1] == document for where in wrong) == 1
            for other_file, other, other_sentence in wrong:
                assert other_file == file and (other != document or abs(other_sentence - sentence) >= 3)
            assert all(len(text.split()) <= 1.8 * 6 for text in (question["context"], *question["choices"]))
    assert len({question["label"] for question in parts["train"]}) == 4
    documents = [{place(question["context"])[:2] for question in questions} for questions in parts.values()]
    assert not documents[0] & documents[1], "no document is in both"
    within = [{place(choice)[:2] for question in questions for choice in question["choices"]} for questions in parts.values()]
    assert not within[0] & within[1], "nor are the wrong choices"
    assert re.search(r"shared rare words, dev: accuracy 0\.\d+|shared rare words, dev: accuracy 1\.0000", ran.stdout)


def test_the_same_seed_gives_the_same_questions(tmp_path, texts):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert make(tmp_path / name, texts, "--seed", seed).returncode == 0
    contents = [[(tmp_path / name / f"{part}.jsonl").read_bytes() for part in ("train", "dev")] for name in "abc"]
    assert contents[0] == contents[1] != contents[2]


def test_the_task_reads_them(tmp_path, texts):
    make(tmp_path, texts, "--same", "3")
    questions = read_choices(tmp_path / "train.jsonl")
    assert {question.group for question in questions} == {"a", "b"} and questions.summary.unused == []
    assert all(len(set(question.statements())) == 4 for question in questions)
    assert all({place(choice)[1] for choice in question.choices} == {place(question.context)[1]} for question in questions)


def test_too_little_text_is_one_line(tmp_path, texts):
    ran = make(tmp_path / "out", texts, "--questions", "5000")
    assert ran.returncode == 1 and re.match(r"the documents are too few or too short: \d+ train questions of 4988\n$", ran.stderr)
    assert not (tmp_path / "out").exists()
    assert "--dev must be more than 0 and less than --questions 60, not 60" in make(tmp_path / "out", texts, "--dev", "60").stderr
