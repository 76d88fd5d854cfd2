"""Text that is tokenised in several processes gives the same corpus, and whatever goes wrong in one of them is an error here."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_tools import LetterTokenizer, text

from albert_np.data import Corpus
from albert_np.data.encode import encode_all


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr("albert_np.data.tokenise.CHARACTERS_PER_BATCH", 2000)


def prepare(tmp_path, processes, tokenizer=None, **options):
    """The corpus of two files, in a folder of its own for each number of processes."""
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for seed, file in enumerate(files):
        if not file.exists():
            file.write_text(text(seed=seed) + "\n\n,\n\nno end, ñ")
    notes, folder = [], tmp_path / f"cache {processes}"
    tokenizer = tokenizer or LetterTokenizer()
    return Corpus.prepare(files, tokenizer, folder, max_length=64, processes=processes, log=notes.append, **options), notes


@pytest.mark.parametrize("lines", ["paragraph", "sentence"])
def test_the_corpus_is_the_same_for_any_number_of_processes(tmp_path, lines, monkeypatch):
    tokenizer = LetterTokenizer()
    alone, _ = prepare(tmp_path, 1, lines=lines)
    for processes, characters in ((2, 2000), (3, 1 << 20)):  # the latter are more than there are batches: one for each file
        monkeypatch.setattr("albert_np.data.tokenise.CHARACTERS_PER_BATCH", characters)
        together, notes = prepare(tmp_path, processes, tokenizer, lines=lines)
        assert notes == [f"tokenising 2 files into {tmp_path / f'cache {processes}'}, in {processes} processes"]
        for name in ("tokens", "segment_starts", "document_starts"):
            assert np.array_equal(getattr(alone, name), getattr(together, name))
        assert alone.counts == together.counts and alone.counts["unknown"] == 2
        assert {**alone.manifest, "parts": 0} == {**together.manifest, "parts": 0}
    assert tokenizer.texts_seen == 0, "it was tokenised here"


def test_the_real_tokenizer_in_other_processes(tmp_path):
    pytest.importorskip("sentencepiece", reason="sentencepiece is not installed: no vocabulary can be trained")
    from albert_np.text import AlbertTokenizer
    from albert_np.text.train import train_tokenizer

    train_tokenizer(iter(text(400).split("\n\n")), tmp_path / "spiece.model", 70)
    tokenizer = AlbertTokenizer(tmp_path / "spiece.model")
    corpora = [prepare(tmp_path, processes, tokenizer)[0] for processes in (1, 2)]
    assert np.array_equal(corpora[0].tokens, corpora[1].tokens) and len(corpora[0].tokens) > 5000


def test_the_tokens_are_counted_as_they_are_written(tmp_path):
    counted, bytes_read = [], []
    corpus, _ = prepare(tmp_path, 2, count=counted.append, progress=lambda done, total: bytes_read.append((done, total)))
    assert counted == sorted(counted) and counted[-1] == corpus.counts["tokens"] and len(counted) > 10
    done = [each for each, _ in bytes_read]
    assert done == sorted(done) and bytes_read[-1][0] == bytes_read[-1][1] == sum(
        p.stat().st_size for p in tmp_path.glob("*.txt")
    )


class Refusing(LetterTokenizer):
    def encode_batch(self, texts):
        raise ValueError(f"{len(texts) > 0}: not these texts")


class Exiting(LetterTokenizer):
    def encode_batch(self, texts):
        os._exit(3)


class Printing(LetterTokenizer):
    def encode_batch(self, texts):
        print("a library's words", flush=True)
        return super().encode_batch(texts)


@pytest.mark.parametrize(
    ("tokenizer", "error", "message"),
    [(Refusing, ValueError, "True: not these texts"), (Exiting, RuntimeError, "tokenises text has ended with code 3")],
)
def test_what_goes_wrong_in_a_process_is_an_error_and_leaves_nothing(tmp_path, tokenizer, error, message):
    with pytest.raises(error, match=message):
        prepare(tmp_path, 2, tokenizer())
    assert not [path for path in (tmp_path / "cache 2").iterdir() if path.name != "lock"]


def test_what_a_library_prints_is_not_taken_for_an_answer(tmp_path, capfd):
    together, _ = prepare(tmp_path, 2, Printing())
    assert np.array_equal(together.tokens, prepare(tmp_path, 1)[0].tokens)
    assert "a library's words" in capfd.readouterr().err


def test_a_tokenizer_that_cannot_be_copied_stays_in_this_process(tmp_path):
    tokenizer = LetterTokenizer()
    tokenizer.of_no_use = lambda: 0
    corpus, notes = prepare(tmp_path, 2, tokenizer)
    assert len(notes) == 2 and notes[1].startswith(
        "the text is tokenised in one process: the tokenizer cannot be copied to others ("
    )
    assert np.array_equal(corpus.tokens, prepare(tmp_path, 1)[0].tokens)


def test_the_processes_end_with_the_work(tmp_path):
    settings = {"lines": "sentence", "longest_segment": 32}
    batches = ((i, ["a line"]) for i in range(100))
    stream = encode_all(batches, LetterTokenizer(), settings, "uint16", 2, print)
    assert next(stream)[0] == 0 and len(children()) == 2
    stream.close()
    assert children() == []


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from data_tools import LetterTokenizer
from albert_np.data.encode import encode_all
settings = {"lines": "sentence", "longest_segment": 32}
stream = encode_all(((i, ["a line"]) for i in range(100)), LetterTokenizer(), settings, "uint16", 2, print)
next(stream)
print("started", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc, which is Linux's")
def test_they_end_with_this_process_even_if_it_is_killed(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        others = children(process.pid)
        assert len(others) == 2
        process.send_signal(signal.SIGKILL)
    for pid in others:
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
                break
            signal.sigtimedwait([], 0.1)
        else:
            pytest.fail(f"process {pid} is still there")


def children(pid="self"):
    """The processes that a process has started, on Linux."""
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        pytest.skip("processes are found in /proc, which is Linux's")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def test_wrong_numbers_of_processes(tmp_path):
    with pytest.raises(ValueError, match="processes must be at least 1, not 0"):
        prepare(tmp_path, 0)
