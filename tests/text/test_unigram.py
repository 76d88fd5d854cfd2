"""The unigram encoder in plain Python: ids, pieces, offsets and decoded texts equal to the sentencepiece library's."""

import json
import lzma
import os
import random
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protobuf_writer import field, model, piece, specs

from albert_np.text import AlbertTokenizer, spiece
from albert_np.text.normalise import lower_each, normalise_text
from albert_np.text.unigram import LARGEST, Unigram

RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Characters on which rules of the map, symbols or spaces depend, beside any others.
AWKWARD = st.sampled_from(
    list("abeinst e\u0301\u0308ﬁ½ﾞｶ\u3000\u200b\u00ad\u2581\t\n'\"()-.–£€0123,①㍿Åﷺ\U0001f600\x00\x01\ufeff")
)
TEXT = st.text(AWKWARD | st.characters(exclude_categories=["Cs"]), max_size=60)


def library(data):
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(data)
    return processor


def both(data):
    return library(data), Unigram(spiece.check(data))


def results(processor, text):
    """Everything that the package asks a processor for."""
    pieces = processor.encode(text, out_type=str)
    normal, starts = processor.normalize(text, with_offsets=True)
    return {
        "ids": processor.encode(text), "pieces": pieces, "normal": normal, "starts": list(starts),
        "alone": processor.normalize(text), "decoded": processor.decode_pieces(pieces),
        "found": [processor.piece_to_id(p) for p in pieces],
    }  # fmt: skip


def assert_equal(data, texts):
    theirs, ours = both(data)
    for text in texts:
        assert results(ours, text) == results(theirs, text), repr(text)


@pytest.fixture(scope="module")
def english(vocab_folder):
    return (vocab_folder / "albert_en_spiece.model").read_bytes()


def test_every_text_of_the_vectors(english, vocab_folder):
    rows = json.loads((vocab_folder / "tokenizer_vectors.json").read_text(encoding="utf-8"))["rows"]
    texts = [row["text"] for row in rows]
    assert len(texts) > 2000
    assert_equal(english, texts + [normalise_text(lower_each(text)) for text in texts])


def test_lines_of_a_corpus_and_all_of_them_as_one_text(english):
    path = Path(os.environ["ALBERT_NP_DATA"]) / "corpus" / "bible_kjv.txt.xz"
    with lzma.open(path, "rt", encoding="utf-8") as file:
        lines = [normalise_text(lower_each(line)) for _, line in zip(range(4000), file)]
    theirs, ours = both(english)
    assert ours.encode(lines) == theirs.encode(lines)
    together = " ".join(lines)
    ids = ours.encode(together)
    assert ids == theirs.encode(together)
    assert sum(ours._scores[i] for i in ids) < -2 * LARGEST  # SentencePiece has begun at 0 again, twice at least


@RELAXED
@given(text=TEXT)
def test_any_text(model_file, text):
    assert_equal(model_file.read_bytes(), [text, normalise_text(text)])


@pytest.fixture(scope="module")
def english_processors(english):
    return both(english)


@RELAXED
@given(text=TEXT)
def test_any_text_with_the_published_vocabulary(english_processors, text):
    theirs, ours = english_processors
    for each in (text, normalise_text(text)):
        assert results(ours, each) == results(theirs, each)


@RELAXED
@given(data=st.data())
def test_any_pieces(model_file, data):
    """Any pieces, scores and kinds, with equal scores and close ones, and any treatment of spaces."""
    letters = "ab▁é漢"
    texts = data.draw(st.lists(st.text(letters, min_size=1, max_size=5), min_size=1, max_size=25, unique=True))
    scores = st.sampled_from([-1.0, -2.0, -1.1, -2.2, -3.3, 0.0, 1.5]) | st.floats(-12, 2, width=32)
    kinds = st.sampled_from([spiece.NORMAL] * 6 + [spiece.USER_DEFINED, spiece.UNUSED, spiece.CONTROL])
    normaliser = field(2, 2, spiece.check(model_file.read_bytes()).specs.charsmap) if data.draw(st.booleans()) else b""
    for number in (3, 4):
        normaliser += field(number, 0, data.draw(st.integers(0, 1)))
    made = model(
        ("c", -3.0), *((text, data.draw(scores)) for text in texts), normalizer=normaliser,
        kinds={text: data.draw(kinds) for text in texts}, trainer=data.draw(st.sampled_from([b"", field(44, 2, b" ? ")])),
    )  # fmt: skip
    theirs, ours = both(made)
    for text in data.draw(st.lists(st.text(letters + " cx", max_size=40), max_size=4)):
        assert results(ours, text) == results(theirs, text), repr(text)
    decoded = data.draw(st.lists(st.sampled_from([*texts, "<unk>", "[CLS]", "x", "▁x"]), max_size=6))
    assert ours.decode_pieces(decoded) == theirs.decode_pieces(decoded)


def test_ties_are_broken_as_in_32_bits_wherever_a_word_stands():
    """ddd is d dd or dd d, with equal scores, or nearly: the sum of all before it decides. 64 bits would decide otherwise."""
    made = model(("▁", -0.37), ("d", -1.1), ("dd", -2.3), ("ddd", -3.3), ("c", -0.1))
    theirs, ours = both(made)
    for count in (1, 3, 30, 300, 3000):
        text = " ".join(["ddddd", "cdddddd"] * count)
        assert ours.encode(text) == theirs.encode(text)
    ways = {tuple(word.pieces) for word in ours._find_words(ours.normalize(text))}
    assert len(ways) > 2  # the same word is cut in different ways


@pytest.mark.parametrize("sign", [-1, 1])
def test_sums_beyond_the_largest_begin_anew(sign):
    draw = random.Random(0)
    texts = {"▁", *"abc"}
    while len(texts) < 40:
        texts.add("▁" * (draw.random() < 0.3) + "".join(draw.choice("abc") for _ in range(draw.randint(1, 5))))
    scores = {text: sign * draw.choice([1.1, 2.3, 3.7, 0.7]) * len(text) ** 0.5 for text in sorted(texts)}
    theirs, ours = both(model(*scores.items()))
    words = ["".join(draw.choice("abc") for _ in range(draw.randint(1, 30))) for _ in range(8000)]
    for text in (" ".join(words), "".join(words)):  # one word of 120,000 characters, too
        assert ours.encode(text) == theirs.encode(text)


def test_symbols_with_spaces_stand_as_they_are():
    normaliser = field(2, 2, b"")
    for kinds in ({"a b": 4, "▁▁": 4}, {"a  b": 4}, {"a": 4, "ab": 4, "ba": 4}, {"é": 4, "abb": 5}):
        pieces = [("▁", -2.0), ("a", -3.0), ("b", -3.5), ("▁a", -4.0), *((text, -1.0) for text in kinds if text != "a")]
        made = model(*pieces, kinds=kinds, normalizer=normaliser)
        assert_equal(made, ["a b", " a  b ", "a  b  a b", "▁▁a", "b▁▁", "éa b", "aba abb", "x▁ y", "  ", "\n a"])


@RELAXED
@given(data=st.data())
def test_a_damaged_character_map_that_is_accepted_means_the_same(model_file, data):
    """The bytes of the map are changed: rules can then end inside a character."""
    good = model_file.read_bytes()
    charsmap = spiece.check(good).specs.charsmap
    at = data.draw(st.integers(0, len(charsmap) - 1))
    damaged = charsmap[:at] + data.draw(st.binary(min_size=1, max_size=4)) + charsmap[at + 4 :]
    changed = piece("<unk>", 0, 2) + piece("a") + piece("▁a", -2.0) + specs(normalizer=field(2, 2, damaged))
    try:
        spiece.check(changed)
        library(changed)
    except (ValueError, RuntimeError):  # each refuses some maps
        return
    assert_equal(changed, ["The miller’s café, 1,250 ½ ﬁ", "ｶﾞ ㌔ ﷺ e\u0301 \u3000 a", data.draw(TEXT)])


def test_a_model_without_pieces_for_text_is_refused():
    with pytest.raises(ValueError, match="has no pieces for text"):
        Unigram(spiece.check(model()))


def test_a_map_for_decoded_texts_is_refused(model_file):
    data = model_file.read_bytes()
    charsmap = spiece.check(data).specs.charsmap
    with pytest.raises(ValueError, match="denormalizer_spec changes decoded texts"):
        Unigram(spiece.check(data + field(5, 2, field(2, 2, charsmap))))


def test_the_library_is_used_unless_the_environment_says_otherwise(model_file, monkeypatch):
    monkeypatch.delenv("ALBERT_NP_PYTHON_TOKENIZER", raising=False)
    assert isinstance(spiece.load(model_file)[0], sentencepiece.SentencePieceProcessor)
    monkeypatch.setenv("ALBERT_NP_PYTHON_TOKENIZER", "1")
    processor, _ = spiece.load(model_file)
    assert isinstance(processor, Unigram) and "plain Python" in AlbertTokenizer(model_file).encoding_note


def test_without_the_library_the_python_encoder_is_used(model_file, monkeypatch):
    monkeypatch.delenv("ALBERT_NP_PYTHON_TOKENIZER", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)
    tokenizer = AlbertTokenizer(model_file)
    assert isinstance(tokenizer._processor, Unigram)
    assert tokenizer.decode(tokenizer.encode("the miller", add_special_tokens=False)) == "the miller"


def test_caches_are_bounded(model_file, monkeypatch):
    monkeypatch.setattr("albert_np.text.unigram.CACHE", 10)
    theirs, ours = both(model_file.read_bytes())
    texts = [f"word{i} the" for i in range(40)]
    assert ours.encode(texts) == theirs.encode(texts)
    assert len(ours._words) <= 10 and len(ours._normaliser._rewritten) <= 10
