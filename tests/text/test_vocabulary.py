"""Every kind of damage to a vocab.txt ends in one clear error."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from albert_np.text import WordPieceTokenizer, vocabulary
from albert_np.text.wordpiece import SPECIALS

GOOD = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n今\n天\nthe\n##s\n".encode()


@pytest.fixture
def read(tmp_path):
    def read(data, name="vocab.txt"):
        (tmp_path / name).write_bytes(data)
        return vocabulary.read(tmp_path / name, SPECIALS)

    return read


def test_good_ones(read):
    words = GOOD.decode().split()
    assert read(GOOD) == read(GOOD.rstrip()) == read(GOOD.replace(b"\n", b"\r\n")) == read(b"\xef\xbb\xbf" + GOOD) == words
    assert read(GOOD + "\u2028\n\u00a0\n".encode()) == [*words, "\u2028", "\u00a0"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a Git LFS pointer"),
        (b"<html><body>404</body></html>", r"a web page \(HTML\), not a vocabulary"),
        (GOOD + b"\xff\n", "is not UTF-8: byte 0xff at offset 47"),
        (GOOD + b"the\n", "has the piece 'the' twice: as number 7 and 9"),
        (GOOD.replace(b"[MASK]", b"[MASK]>"), r"\[MASK\] not in it"),
        (b"the\nmill\n", r"\[CLS\], \[SEP\], \[UNK\], \[PAD\], \[MASK\] not in it"),
        (GOOD + b"\nmill\n", r"piece 9 \(counted from 0\) .* has 0 characters"),
        (GOOD + b"x" * 2000, "piece 9 .* has 2000 characters; 1 to 1024"),
        (GOOD.decode().encode("utf-16"), "is not UTF-8"),
    ],
)
def test_damage_is_named_with_the_file(read, data, message):
    with pytest.raises(ValueError, match=message) as error:
        read(data)
    assert "vocab.txt" in str(error.value)


def test_limits(read, monkeypatch):
    monkeypatch.setattr(vocabulary, "MAX_PIECES", 8)
    with pytest.raises(ValueError, match="has 9 pieces; at most 8"):
        read(GOOD)
    monkeypatch.setattr(vocabulary, "MAX_FILE_BYTES", 20)
    with pytest.raises(ValueError, match="has 47 bytes; a vocabulary has 20 at most"):
        read(GOOD)


def as_json(vocab, kind="WordPiece"):
    return json.dumps({"model": {"type": kind, "vocab": vocab}}).encode()


def test_a_tokenizer_json(read):
    words = GOOD.decode().split()
    ids = {word: i for i, word in reversed(list(enumerate(words)))}
    assert read(as_json(ids), "tokenizer.json") == words
    for wrong, message in (
        ({**ids, "x": 11}, "10 pieces, but their ids are not 0 to 9"),
        ({**ids, "x": 8}, "10 pieces, but their ids"),
        ({**ids, "x": "9"}, "10 pieces, but their ids"),
        ({**ids, "x": None, "y": "10"}, "11 pieces, but their ids"),
        ([["x", 1]], "holds neither a Unigram nor a WordPiece model"),
        ({"the": 0}, "not in it"),
    ):
        with pytest.raises(ValueError, match=message):
            read(as_json(wrong), "tokenizer.json")
    for data in (b"[]", b"{}", b'{"model": []}', b"{", as_json(ids, "WordLevel")):
        with pytest.raises(ValueError, match=r"tokenizer\.json"):
            read(data, "tokenizer.json")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(GOOD) - 1), st.sampled_from(["change", "cut", "insert"]), st.binary(min_size=1, max_size=3))
def test_any_change_gives_an_error_or_a_tokenizer_that_works(tmp_path, at, kind, some):
    pytest.importorskip("tokenizers", reason="tokenizers is not installed (the extra chinese)")
    bad = {"change": GOOD[:at] + some + GOOD[at + len(some) :], "cut": GOOD[:at], "insert": GOOD[:at] + some + GOOD[at:]}
    path = tmp_path / "vocab.txt"
    path.write_bytes(bad[kind])
    try:
        tokenizer = WordPieceTokenizer(path)
    except ValueError as error:
        assert "vocab.txt" in str(error)
    else:
        assert len(tokenizer) >= 5
        for text in ("今天 thes [MASK]", "\u0301x\x00"):
            assert all(0 <= i < len(tokenizer) for i in tokenizer.encode(text))
