"""Every kind of damage to a model file ends in one clear error, before SentencePiece's native code sees the file."""

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protobuf_writer import field, piece, specs

from albert_np.io.protobuf import fields
from albert_np.text import charsmap, spiece
from albert_np.text.specials import SPECIALS

START = piece("<unk>", 0, 2) + piece("a")


@pytest.fixture
def load(tmp_path):
    def load(data, specials=()):
        path = tmp_path / "given.model"
        path.write_bytes(data)
        return spiece.load(path, specials)

    return load


def test_a_good_model_loads(model_file, load):
    processor, model = load(model_file.read_bytes(), SPECIALS)
    assert model.data == model_file.read_bytes()
    assert [piece.text for piece in model.pieces] == [processor.id_to_piece(i) for i in range(len(processor))]
    assert model.pieces[5] == ("(", 0, spiece.USER_DEFINED)
    assert model.specs.vocab_size == 180 and model.specs.normalizer == b"nmt_nfkc" and len(model.specs.charsmap) > 100_000
    assert processor.encode("the miller", out_type=str)[0] == "▁the"


def test_fields_are_read_as_written():
    data = field(1, 0, 300) + field(2, 1, b"12345678") + field(15, 2, b"abc") + field(16, 5, b"1234")
    read = [(n, k, v if isinstance(v, int) else bytes(v)) for n, k, v in fields(data)]
    assert read == [(1, 0, 300), (2, 1, b"12345678"), (15, 2, b"abc"), (16, 5, b"1234")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty: it has 0 bytes"),
        ("not a model, café".encode(), "is a text file, not a SentencePiece model: name the folder of a model"),
        ("not a model, café".encode("latin-1"), "wire type|bytes long|field number"),
        (b"\x00" * 50, "field number 0"),
        (b"\x80" * 11, "longer than 64 bits"),
        (b"\x80", "end inside a number"),
        (START + field(1, 0, 7), "field 1 of the model has the wire type 0"),
        (START[:-3], "bytes long"),
        (START + piece("x" * 1025), "piece 2 is too long: it has 1025 bytes; at most 1024"),
        (START + piece("x" * 200_000), "200000 bytes; at most 1024"),
        (START + piece(b"\xff\xfe"), "piece 2, .* is not valid UTF-8"),
        (START + piece("b", float("nan")), "score of piece 2, 'b', is not finite: nan"),
        (START + piece("b", float("inf")), "score of piece 2, 'b', is not finite: inf"),
        (START + piece("b", -1, 9), "piece 2, 'b', has the unknown type 9"),
        (START + piece("<0x00>", -1, 6), "byte_fallback is not supported"),
        (START + piece("a"), "a duplicate piece, 'a'"),
        (START + piece(""), "piece 2 is empty"),
        (START + piece("a\0b"), "zero byte"),
        (START + piece("<unk2>", 0, 2), "2 unknown pieces"),
        (piece("a"), "no unknown pieces"),
        (field(2, 2, b""), "no pieces"),
        (START + field(1, 2, field(1, 0, 3)), "field 1 of piece 2 has the wire type 0"),
        (START + specs(normalizer=field(2, 2, b"1234")), "precompiled_charsmap is damaged: .* has 4 bytes"),
        (START + field(3, 2, field(2, 2, b"x" * (1 << 20))), "field 3 of the model has 1048580 bytes"),
        (START + field(3, 2, b"") + field(2, 2, b"\x0f"), "wire type 7"),
        (START, "no trainer_spec and no normalizer_spec"),
        (START + field(2, 2, b""), "no normalizer_spec"),
        (START + specs(field(3, 0, 2)), "model type BPE is not supported"),
        (START + specs(field(3, 0, 3)), "model type WORD is not supported"),
        (START + specs(field(3, 0, 9)), "model type 9 is not supported"),
        (START + specs(field(3, 2, b"1")), "model_type in its trainer_spec has the wire type 2"),
        (START + specs(field(35, 0, 1)), "byte_fallback is not supported"),
        (START + specs(field(24, 0, 1)), "space before a word"),
        (START + specs(normalizer=field(5, 0, 0)), "space before a word"),
        (START + specs(field(40, 0, 5000)), "unk_id 5000 is not a piece"),
        (START + specs(field(40, 0, (1 << 64) - 1)), "unk_id -1 is not a piece"),
        (START + specs() + field(5, 2, field(2, 2, b"1234")), "precompiled_charsmap is damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", r"a web page \(HTML\), not a SentencePiece model"),
        ("<unk>\t0\n▁the\t-3.5\n".encode(), "the text .vocab, not the .model"),
    ],
)
def test_damage_is_named_with_the_file(load, data, message):
    with pytest.raises(ValueError, match=message) as error:
        load(data)
    assert "given.model" in str(error.value)


def test_too_many_pieces_and_too_large_a_file(load, monkeypatch):
    monkeypatch.setattr(spiece, "MAX_PIECES", 2)
    with pytest.raises(ValueError, match="more than 2 pieces"):
        load(START + piece("b"))
    monkeypatch.setattr(spiece, "MAX_FILE_BYTES", 10)
    with pytest.raises(ValueError, match="bytes; a SentencePiece model has 10 at most"):
        load(START)


def test_special_pieces_have_to_be_there(load):
    with pytest.raises(ValueError, match=r"\[CLS\] is not in the model"):
        load(START, SPECIALS)
    with pytest.raises(ValueError, match=r"\[CLS\] is an ordinary piece of the model"):
        load(START + piece("[CLS]"), SPECIALS)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.model"):
        spiece.load(tmp_path / "none.model")


def test_settings_that_contradict_the_pieces_are_said(load):
    for trainer, normalizer, message in (
        (field(4, 0, 30_000), b"", "vocab_size is 30000, but it has 2 pieces"),
        (field(40, 0, 1), b"", "unk_id is 1, but the unknown piece is number 0"),
        (b"", field(1, 2, b"my_rules"), "normalizer 'my_rules' has no character map"),
    ):
        with pytest.warns(UserWarning, match=message) as caught:
            processor, _ = load(START + specs(trainer, normalizer))
        assert "given.model" in str(caught[0].message)
        assert processor.encode("a") == [0, 1]


def test_what_a_protobuf_may_be_like(load):
    """Fields in any order, messages in parts (the last word counts), fields of newer versions."""
    parts = specs(field(40, 0, 7)) + START + specs(field(40, 0, 0)) + field(99, 0, 5) + field(98, 2, b"new")
    processor, model = load(parts)
    assert model.specs.unk_id == 0
    assert [piece.text for piece in model.pieces] == ["<unk>", "a"]
    assert processor.encode("a", out_type=str) == ["▁", "a"]


def trie_map(units, texts=b"ab\0"):
    return struct.pack(f"<{len(units) + 1}I", 4 * len(units), *units) + texts


def good_units():
    """The trie of the single key "A" with the value 0: unit 0 leads to unit 256 ^ A, that one to its leaf, unit 128."""
    units = np.zeros(512, np.uint32)
    a = 256 ^ ord("A")
    units[0] = 256 << 10
    units[a] = ord("A") | 1 << 8 | (a ^ 128) << 10
    units[128] = 1 << 31
    return units


def test_charsmap_that_stays_inside():
    charsmap.check(b"")
    charsmap.check(trie_map(good_units()))


def change(place, value):
    units = good_units()
    units[place] = value
    return units


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (trie_map(change(0, 1_000_000 << 10)), "leads to unit"),
        (trie_map(change(0, (1 << 20) << 10 | 1 << 9)), "leads to unit"),
        (trie_map(change(128, 1 << 31 | 3)), "points at byte 3 of 3"),
        (trie_map(change(128, 1 << 31 | 1), "é\0".encode()), "middle of a character"),
        (trie_map(good_units(), b"ab"), "no end"),
        (trie_map(good_units(), b"\xff\0"), "not UTF-8"),
        (trie_map(good_units())[:2052], "trie has 2048 bytes"),
        (struct.pack("<I", 7) + b"x" * 20, "trie has 7 bytes"),
        (trie_map(good_units()[:1]), "leads to unit"),
    ],
)
def test_charsmap_that_leads_outside(data, message):
    with pytest.raises(ValueError, match=message):
        charsmap.check(data)


def test_a_trie_that_leads_back_to_itself_is_left():
    units = good_units()
    units[256 ^ ord("A")] = ord("A") | ord("A") << 10  # its children: unit 256 ^ c, and there stands "A" itself
    charsmap.check(trie_map(units))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_gives_an_error_or_a_model_that_works(model_file, load, data):
    good = model_file.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    kind = data.draw(st.sampled_from(["change", "cut", "insert"]))
    some = data.draw(st.binary(min_size=1, max_size=4))
    bad = {"change": good[:at] + some + good[at + len(some) :], "cut": good[:at], "insert": good[:at] + some + good[at:]}
    try:
        processor, _ = load(bad[kind])
    except ValueError as error:
        assert "given.model" in str(error)
    else:
        for text in ("The miller’s café, 1,250 ½ ﬁ", "ｶﾞ ㌔ ﷺ e\u0301"):
            assert len(processor.encode(text)) > 0
