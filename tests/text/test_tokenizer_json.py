"""tokenizer.json: what it says, and that the `tokenizers` library cuts texts with it as we do."""

import base64
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protobuf_writer import field, model

from albert_np.text import AlbertTokenizer, train_tokenizer
from albert_np.text.train import TextTooSmall

needs_library = "tokenizers is not installed (the extra chinese)"
PIECES = [("▁", -5), (",", -6), ("2", -4), ("0", -4), ("▁9", -3), ("▁90,", -1), ("2000,", -1), ("20", -2), ("00", -2), ("a", -3),
          ("p", -4), ("d", -4), (">", -5), ("<", -5), ("pad", -5), ("-", 0)]  # fmt: skip


def made(folder, data, **options):
    folder.mkdir()
    (folder / "given.model").write_bytes(data)
    tokenizer = AlbertTokenizer.from_pretrained(folder, **options)
    tokenizer.save_pretrained(folder)
    return tokenizer, json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))


def library(values):
    tokenizers = pytest.importorskip("tokenizers", reason=needs_library)
    return tokenizers.Tokenizer.from_str(json.dumps(values))


def test_what_it_says(tmp_path):
    tokenizer, values = made(tmp_path / "m", model(*PIECES, kinds={"-": 4}))
    assert [token["content"] for token in values["added_tokens"]] == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    assert [token["lstrip"] for token in values["added_tokens"]] == [False] * 4 + [True]
    assert values["truncation"] is None and values["padding"] is None
    scores = dict(values["model"]["vocab"])
    assert list(scores) == list(tokenizer.get_vocab())
    assert values["model"]["unk_id"] == 1
    assert scores["2000,"] == scores["▁90,"] == -101 and scores[","] == -6 and scores["20"] == -2
    assert scores["-"] == -0.1  # user-defined: a piece like others, no added token
    assert "Precompiled" not in str(values["normalizer"])  # the model has no character map


def test_the_character_map_goes_with_it(tmp_path, model_file):
    _, values = made(tmp_path / "m", model_file.read_bytes())
    *_, last = values["normalizer"]["normalizers"]
    assert base64.b64decode(last["precompiled_charsmap"]) in model_file.read_bytes()


@pytest.mark.parametrize(
    "text", ["90,", "92000,", "2000,", "90,2000,a", "a,", "pad", "<pad>", "x<pad>\t[MASK]p", "-a-", "＜pad＞"]
)
def test_digits_commas_and_special_tokens(tmp_path, text):
    tokenizer, values = made(tmp_path / "m", model(*PIECES, kinds={"-": 4}))
    assert library(values).encode(text).ids == tokenizer.encode(text)


@pytest.mark.parametrize("text", ["＜pad＞", "[ＭＡＳＫ]", "［CLS］", "＜unk＞ [ＳＥＰ]"])
def test_text_does_not_become_a_special_token_by_normalisation(tmp_path, model_file, text):
    tokenizer, values = made(tmp_path / "m", model_file.read_bytes(), do_lower_case=False)
    ids = library(values).encode(text, add_special_tokens=False).ids
    assert not {0, 2, 3, 4} & {*ids, *tokenizer.encode(text, add_special_tokens=False)}


ATOMS = ["the", "Miller", "1,250,", "30,", "é", "e\u0301", "½", "ﬁ", "İ", "ΟΔΟΣ", "``", "''", "'", "[MASK]", "[SEP]", "<pad>",
         "[mask]", "(", "€", "–", "-", "漢字", "👩\u200d🔬", "\u200b", "\t", "\n", " ", "  ", "\u00a0", ".", "x", "\x1c",
         "\x85", "가", "ｶﾞ", "1\ufe0f\u20e3", "ёй", "ß", "K"]  # fmt: skip
texts = st.lists(st.sampled_from(ATOMS), max_size=12).map("".join)
OPTIONS = [{}, {"do_lower_case": False}, {"keep_accents": True}, {"remove_space": False}]


@pytest.fixture(scope="module")
def both(tmp_path_factory, model_file):
    """A function: text -> what we and the library make of it, under each option."""
    made_pairs = [made(tmp_path_factory.mktemp("json") / "m", model_file.read_bytes(), **options) for options in OPTIONS]
    pairs = [(ours, library(values)) for ours, values in made_pairs]
    return lambda text: [(ours(text, return_offsets_mapping=True), theirs.encode(text)) for ours, theirs in pairs]


@settings(max_examples=300)
@given(texts)
def test_the_library_cuts_as_we_do(both, text):
    for mine, other in both(text):
        assert other.ids == mine["input_ids"][0].tolist()
        for (start, end), (first, last) in zip(mine["offset_mapping"][0].tolist(), other.offsets):
            if "\x1c" not in text:  # which the map drops; at the start of a text the library's slices are then one off
                assert start <= first <= last <= end


LANGUAGES = ["Das Mädchen, Überschuhe ß", "Ёлка и йод ещё", "ガイドはがぎパピ", "हिन्दी अनुस्वार क़ है।", "北京的。", "한국어 값이",
             "ที่นี่", "Tiếng Việt", "தொகை", "ভালো", "صَلَّى", "İstanbul"]  # fmt: skip


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("keep_accents", [True, False])
def test_languages(tmp_path, lower_case, keep_accents):
    """Composed and decomposed texts of a vocabulary that has all their characters."""
    switches = {"do_lower_case": lower_case, "keep_accents": keep_accents}
    with pytest.raises(TextTooSmall) as error:
        train_tokenizer(LANGUAGES * 9, tmp_path / "m", 5000, **switches)
    path = train_tokenizer(LANGUAGES * 9, tmp_path / "m", error.value.largest, **switches)
    ours, values = made(tmp_path / "saved", path.read_bytes(), **switches)
    theirs = library(values)
    for text in [*LANGUAGES, *map(str.upper, LANGUAGES), "ｶﾞｲﾄﾞ ﾊﾟ ｶ ～ ＡＢ ﬁ"]:
        for form in (text, unicodedata.normalize("NFD", text), unicodedata.normalize("NFKC", text)):
            ids = ours(form)["input_ids"][0].tolist()
            assert theirs.encode(form).ids == ids, form
            assert text != LANGUAGES[5] or ours.unk_token_id not in ids


def test_pairs_of_texts(tmp_path, model_file):
    ours, values = made(tmp_path / "m", model_file.read_bytes())
    theirs = library(values)
    mine, other = ours("the mill", "a river"), theirs.encode("the mill", "a river")
    assert (other.ids, other.type_ids) == (mine["input_ids"][0].tolist(), mine["token_type_ids"][0].tolist())
    assert theirs.decode(other.ids) == "the mill a river"


@pytest.mark.parametrize(
    ("pieces", "normalizer", "kinds", "message"),
    [
        ([("a", -1)], field(3, 0, 0), {}, "keeps the spaces"),
        ([("a", -1)], field(4, 0, 0), {}, "keeps the spaces"),
        ([("a▁b", -1)], b"", {}, "pieces of several words"),
        ([("a", -1), ("b", -1)], b"", {"b": 5}, "unused"),
        ([("a", -1), ("s", -1)], b"", {"s": 3}, "less than three characters"),
    ],
)
def test_a_model_that_the_form_cannot_express(tmp_path, pieces, normalizer, kinds, message):
    """It is saved without tokenizer.json, with a warning; an older one does not stay to contradict it."""
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "odd.model").write_bytes(model(*pieces, normalizer=normalizer, kinds=kinds))
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    with pytest.warns(UserWarning, match=message):
        tokenizer.save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
    assert AlbertTokenizer.from_pretrained(tmp_path).fingerprint() == tokenizer.fingerprint()
