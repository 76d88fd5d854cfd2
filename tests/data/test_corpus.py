import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_tools import LetterTokenizer, make_corpus

from albert_np.data import Corpus

TEXT = "The dog ran. A cat sat.\nThen it was dark.\n\nA new day. It was late.\n"


def prepare(tmp_path, tokenizer=None, files=None, **options):
    messages = []
    path = tmp_path / "text.txt"
    if not path.exists():
        path.write_text(TEXT)
    settings = {"max_length": 64, "log": messages.append} | options
    corpus = Corpus.prepare(files or [path], tokenizer or LetterTokenizer(), tmp_path / "cache", **settings)
    assert len(messages) == 1
    return corpus, messages[0]


def contents(corpus):
    decode = LetterTokenizer().decode
    return [
        [decode(corpus.segment_ids(s, s + 1)) for s in range(first, stop)]
        for first, stop in zip(corpus.document_starts[:-1], corpus.document_starts[1:])
    ]


def test_contents(tmp_path):
    corpus, _ = prepare(tmp_path)
    expected = [["the dog ran.", "a cat sat.", "then it was dark."], ["a new day.", "it was late."]]
    assert contents(corpus) == expected
    tokens = sum(len("".join(s.split())) for d in expected for s in d)
    assert corpus.counts == {"documents": 2, "sentences": 5, "segments": 5, "tokens": tokens, "unknown": 0}
    assert corpus.tokens.dtype == np.uint16
    assert corpus.document_tokens().tolist() == [sum(len("".join(s.split())) for s in d) for d in expected]


def test_layout_sentence_does_not_cut_lines(tmp_path):
    corpus, _ = prepare(tmp_path, lines="sentence")
    assert contents(corpus)[0] == ["the dog ran. a cat sat.", "then it was dark."]


def test_files_are_separate_documents_and_unknown_characters_are_counted(tmp_path):
    for name, content in (("a.txt", "One. Two."), ("b.txt", "Ünder. Four.")):
        (tmp_path / name).write_text(content)
    corpus, message = prepare(tmp_path, files=[tmp_path / "a.txt", tmp_path / "b.txt"])
    assert contents(corpus) == [["one.", "two."], ["<unk>nder.", "four."]]
    assert corpus.counts["unknown"] == 1
    assert "tokenising 2 files" in message


def test_batches_of_text_change_nothing(tmp_path, monkeypatch):
    whole = make_corpus(tmp_path)
    monkeypatch.setattr("albert_np.data.tokenise.CHARACTERS_PER_BATCH", 100)
    (tmp_path / "again").mkdir()
    pieces = make_corpus(tmp_path / "again")
    for name in ("tokens", "segment_starts", "document_starts"):
        assert np.array_equal(getattr(whole, name), getattr(pieces, name))


def test_large_vocabulary_uses_four_bytes(tmp_path):
    tokenizer = LetterTokenizer()
    tokenizer.vocabulary += [f"x{i}" for i in range(1 << 16)]
    corpus, _ = prepare(tmp_path, tokenizer)
    assert corpus.tokens.dtype == np.uint32
    assert contents(corpus)[1][0] == "a new day."


# -- reuse -------------------------------------------------------------------------------------------------------------


def test_second_run_reuses(tmp_path):
    first, message = prepare(tmp_path)
    assert message.startswith("tokenising ") and ":" not in message and first.rebuild_reason == "it is not tokenised yet"
    tokenizer = LetterTokenizer()
    second, message = prepare(tmp_path, tokenizer)
    assert "is reused" in message and second.rebuild_reason is None
    assert tokenizer.texts_seen == 0
    assert contents(second) == contents(first)


def test_a_touched_or_moved_file_is_reused(tmp_path):
    prepare(tmp_path)
    os.utime(tmp_path / "text.txt", (1, 1))
    assert "reused" in prepare(tmp_path)[1]
    (tmp_path / "text.txt").rename(tmp_path / "moved.txt")
    assert "reused" in prepare(tmp_path, files=[tmp_path / "moved.txt"])[1]


@pytest.mark.parametrize("same_size", [True, False])
def test_a_changed_file_is_noticed(tmp_path, same_size):
    prepare(tmp_path)
    changed = TEXT.replace("dog", "fox" if same_size else "horse")
    (tmp_path / "text.txt").write_text(changed)
    os.utime(tmp_path / "text.txt", (2, 2))
    corpus, message = prepare(tmp_path)
    assert "text.txt has changed" in message
    assert contents(corpus)[0][0] == changed.split(".")[0].lower() + "."
    assert len(list((tmp_path / "cache").glob("*.bin"))) == 3, "the older files were left"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_length": 32}, "longest_segment was 32 and is now 16"),
        ({"lines": "wrapped"}, "lines was 'paragraph' and is now 'wrapped'"),
        ({"document_separator": "%"}, "document_separator was None and is now '%'"),
    ],
)
def test_changed_settings_are_noticed(tmp_path, options, reason):
    prepare(tmp_path)
    assert reason in prepare(tmp_path, **options)[1]


def test_a_changed_tokenizer_and_more_files_are_noticed(tmp_path):
    prepare(tmp_path)
    assert "the tokenizer has changed" in prepare(tmp_path, LetterTokenizer("others"))[1]
    assert (
        "there were 1 text files, now there are 2"
        in prepare(tmp_path, LetterTokenizer("others"), [tmp_path / "text.txt", tmp_path / "text.txt"])[1]
    )


@pytest.mark.parametrize("damage", ["cut", "delete", "manifest", "format"])
def test_damage_is_noticed(tmp_path, damage):
    before, _ = prepare(tmp_path)
    manifest = tmp_path / "cache" / "manifest.json"
    tokens = tmp_path / "cache" / before.manifest["parts"]["tokens"]["file"]
    if damage == "cut":
        os.truncate(tokens, 4)
    elif damage == "delete":
        tokens.unlink()
    elif damage == "manifest":
        manifest.write_text(manifest.read_text()[:50])
    else:
        manifest.write_text(json.dumps({"format": 0}))
    with pytest.raises(ValueError, match="holds no prepared corpus"):
        Corpus.open(tmp_path / "cache", LetterTokenizer())
    corpus, message = prepare(tmp_path)
    assert corpus.rebuild_reason and "tokenising" in message
    assert contents(corpus)[1][0] == "a new day."


def test_open(tmp_path):
    before, _ = prepare(tmp_path)
    (tmp_path / "text.txt").unlink()
    assert contents(Corpus.open(tmp_path / "cache", LetterTokenizer())) == contents(before)
    with pytest.raises(ValueError, match="another tokenizer"):
        Corpus.open(tmp_path / "cache", LetterTokenizer("others"))
    with pytest.raises(ValueError, match="holds no prepared corpus"):
        Corpus.open(tmp_path / "nowhere", LetterTokenizer())


# -- what goes wrong ------------------------------------------------------------------------------------------------------


class Failing(LetterTokenizer):
    def encode_batch(self, texts):
        raise KeyboardInterrupt


def test_an_interrupted_build_leaves_the_older_corpus(tmp_path):
    prepare(tmp_path)
    before = sorted(p.name for p in (tmp_path / "cache").iterdir())
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path, Failing("failing"))
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == before
    assert "reused" in prepare(tmp_path)[1]


def test_a_file_that_is_not_utf8_leaves_the_older_corpus(tmp_path):
    prepare(tmp_path)
    (tmp_path / "bad.txt").write_bytes(b"fine\n\xff\n")
    with pytest.raises(ValueError, match=r"bad\.txt is not UTF-8.*line 2"):
        prepare(tmp_path, files=[tmp_path / "text.txt", tmp_path / "bad.txt"])
    assert not list((tmp_path / "cache").glob("*.partial"))
    assert "reused" in prepare(tmp_path)[1]


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from data_tools import LetterTokenizer
import albert_np.data.tokenise as t
from albert_np.data import Corpus
t.CHARACTERS_PER_BATCH = 50
def wait(done, total):
    print("started", flush=True)
    time.sleep(60)
folder = Path(sys.argv[1])
Corpus.prepare([folder / "text.txt"], LetterTokenizer("killed"), folder / "cache", max_length=64, progress=wait)
"""


def test_a_killed_build_leaves_nothing_that_counts(tmp_path):
    prepare(tmp_path)
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        assert list((tmp_path / "cache").glob("*.partial"))
        process.send_signal(signal.SIGKILL)
    assert "reused" in prepare(tmp_path)[1], "the lock or the older corpus did not survive"
    corpus, message = prepare(tmp_path, LetterTokenizer("killed"))
    assert "tokenizer has changed" in message
    assert contents(corpus)[0][0] == "the dog ran."
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_two_builders_at_once(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    script = KILLED.replace("time.sleep(60)", "time.sleep(0.05)").replace('"killed"', "").replace("50\n", "50\n", 1)
    arguments = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted(bool(out) for out, _ in outputs) == [False, True], "one builds, the other finds it ready"


def test_progress(tmp_path, monkeypatch):
    monkeypatch.setattr("albert_np.data.tokenise.CHARACTERS_PER_BATCH", 10)
    calls = []
    prepare(tmp_path, progress=lambda done, total: calls.append((done, total)))
    size = (tmp_path / "text.txt").stat().st_size
    assert {total for _, total in calls} == {size}
    done = [done for done, _ in calls]
    assert done == sorted(done) and done[-1] == size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lines": "poem"}, "lines must be one of"),
        ({"max_length": 4}, "max_length must be at least 8, not 4"),
        ({"document_separator": "  "}, "document_separator must be a line"),
    ],
)
def test_wrong_settings(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, **options)


def test_no_text(tmp_path):
    (tmp_path / "blank.txt").write_text("\n  \n\n")
    with pytest.raises(ValueError, match=r"there is no text in .*blank\.txt"):
        prepare(tmp_path, files=[tmp_path / "blank.txt"])
    with pytest.raises(ValueError, match="no text files were named"):
        Corpus.prepare([], LetterTokenizer(), tmp_path / "cache", max_length=64)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        prepare(tmp_path, files=[tmp_path / "nowhere.txt"])


MEASURED = """
import resource, sys
sys.path.insert(0, sys.argv[3])
from data_tools import LetterTokenizer
from albert_np.data import Corpus
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
corpus = Corpus.prepare([sys.argv[1]], LetterTokenizer(), sys.argv[2], max_length=64)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) / 1024, corpus.counts["documents"])
"""


@pytest.mark.slow
def test_a_real_corpus_in_bounded_memory(tmp_path):
    data = os.environ.get("ALBERT_NP_DATA")
    if not data:
        pytest.skip("ALBERT_NP_DATA is not set")
    arguments = [str(Path(data) / "corpus" / "sotu.txt.xz"), str(tmp_path / "cache"), str(Path(__file__).parent)]
    out = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True).stdout
    mebibytes, documents = map(float, out.split())
    corpus = Corpus.open(tmp_path / "cache", LetterTokenizer())
    assert documents == corpus.counts["documents"] == 233
    assert corpus.counts["segments"] > corpus.counts["sentences"] > 50_000
    assert np.diff(corpus.segment_starts).max() == 32
    assert corpus.counts["tokens"] > 8_000_000
    assert mebibytes < 200  # as Python lists the tokens alone would take over 300; xz needs up to 65 by itself


# -- layout ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a paragraph of 150,001 characters: a line is a paragraph, .*paragraph' says, and an empty line ends a document"),
        (
            {"lines": "sentence", "document_separator": "%"},
            "a sentence of 150,001 characters: a line is a sentence, .*, and '%' ends",
        ),
        ({"lines": "wrapped"}, "a paragraph of 150,001 characters: lines are joined until an empty one, as lines='wrapped' says"),
    ],
)
def test_a_very_long_line_is_reported(tmp_path, options, message):
    notes = []
    (tmp_path / "a.txt").write_text("a day. " * 50 + "\n\n" + "ab " * 50_000 + "c\n\n")
    Corpus.prepare([tmp_path / "a.txt"], LetterTokenizer(), tmp_path / "corpus", max_length=32, log=notes.append, **options)
    reported = [note for note in notes if "a.txt has" in note]
    assert len(reported) == 1 and re.search(message, reported[0])
