import json

import numpy as np
import pytest
from protobuf_writer import model

from albert_np.text import AlbertTokenizer

NUMBERS = [("▁", -5), (",", -6), ("2", -4), ("0", -4), ("▁9", -3), ("▁90,", -1), ("2000,", -1), ("20", -2), ("00", -2), ("a", -3)]


@pytest.fixture
def numbers(tmp_path):
    """A vocabulary with pieces that hold a comma behind digits."""
    (tmp_path / "spiece.model").write_bytes(model(*NUMBERS))
    return AlbertTokenizer.from_pretrained(tmp_path)


def pieces_of(tokenizer, text):
    return tokenizer.convert_ids_to_tokens(tokenizer.encode(text, add_special_tokens=False))


# ---- the rule for digits and commas


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("90,", ["▁9", "0", ","]),
        ("92000,", ["▁9", "20", "00", ","]),
        ("2000,", ["▁", "20", "00", ","]),
        ("90,2000,a", ["▁9", "0", ",", "20", "00", ",", "a"]),
        ("90", ["▁9", "0"]),
        ("a,", ["▁", "a", ","]),
    ],
)
def test_a_comma_behind_digits_is_a_piece_of_its_own(numbers, text, pieces):
    assert numbers.tokenize(text) == pieces
    assert pieces_of(numbers, text) == pieces
    assert numbers.convert_ids_to_tokens(numbers.encode_text(text)) == pieces
    offsets = numbers(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"][0]
    assert [text[a:b] for a, b in offsets if b > a][-1] == pieces[-1]


def test_the_rule_is_needed_for_these_pieces(numbers):
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(numbers.vocab_file))
    assert processor.encode("92000,", out_type=str) == ["▁9", "2000,"]


def test_a_comma_inside_an_unknown_piece(tmp_path):
    path = tmp_path / "no_comma.model"
    path.write_bytes(model(("▁", -1), ("a", -1)))
    tokenizer = AlbertTokenizer(path)
    assert tokenizer.tokenize("3,") == ["▁", "3", ","]
    assert tokenizer.encode_text("3,") == tokenizer.encode("3,", add_special_tokens=False) == [5, 1, 1]


# ---- special tokens


def test_special_tokens_have_googles_ids(tokenizer):
    names = ("pad", "unk", "cls", "sep", "mask")
    assert [getattr(tokenizer, f"{name}_token_id") for name in names] == [0, 1, 2, 3, 4]
    assert [getattr(tokenizer, f"{name}_token") for name in names] == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("the [MASK] the", ["▁the", "[MASK]", "▁the"]),
        ("the[MASK]the", ["▁the", "[MASK]", "▁the"]),
        ("[MASK] \t [MASK]", ["[MASK]", "[MASK]"]),
        ("[CLS] the [SEP]", ["[CLS]", "▁the", "[SEP]"]),
        ("the <pad><unk>", ["▁the", "<pad>", "<unk>"]),
        ("the <PAD>", ["▁the", "<pad>"]),  # transformers lower-cases before it looks
        ("", []),
        ("  ", []),
    ],
)
def test_special_tokens_in_a_text(tokenizer, text, pieces):
    assert tokenizer.tokenize(text) == pieces
    assert pieces_of(tokenizer, text) == pieces
    assert tokenizer([text, "[MASK]"], padding=True)["input_ids"][0, 1 : len(pieces) + 1].tolist() == (
        tokenizer.convert_tokens_to_ids(pieces)
    )


def test_without_lower_case_only_the_exact_name_is_special(model_file):
    cased = AlbertTokenizer.from_pretrained(model_file, do_lower_case=False)
    assert cased.mask_token_id in cased.encode("the [MASK]")
    assert cased.pad_token_id not in cased.encode("the <PAD>")


def test_a_corpus_cannot_bring_in_special_tokens(tokenizer):
    rows = tokenizer.encode_batch(["the [MASK] and <pad> and [SEP]", "[CLS]", "", "the"])
    assert all(i not in row for row in rows for i in (0, 2, 3, 4))
    assert rows[2] == []
    assert rows[3] == tokenizer.encode("the", add_special_tokens=False)


# ---- a corpus


def test_a_batch_is_its_texts_one_by_one(tokenizer, sentences, monkeypatch):
    monkeypatch.setattr("albert_np.text.tokenizer.BATCH", 3)
    rows = tokenizer.encode_batch(iter(sentences))
    assert rows == [tokenizer.encode(text, add_special_tokens=False) for text in sentences]
    assert rows == [tokenizer.encode_text(text) for text in sentences]
    lines = tokenizer.encode_lines(sentences, num_threads=1)
    assert all(line.dtype == np.int32 and line.tolist() == row for line, row in zip(lines, rows))
    assert tokenizer.encode_batch([]) == []


def test_normalisation_comes_first(tokenizer):
    assert tokenizer.encode_text(" The  CAFÉ\n") == tokenizer.encode_text("the cafe")


@pytest.mark.parametrize("text", [None, 3, b"the", "the \ud800"])
def test_what_is_no_text_is_refused(tokenizer, text):
    for use in (tokenizer, tokenizer.encode, tokenizer.tokenize, tokenizer.encode_text, lambda t: tokenizer(["a", t])):
        with pytest.raises(ValueError, match="text"):
            use(text)


def test_a_zero_byte_is_a_character_like_others(tokenizer):
    assert tokenizer.encode_text("the\0 and")[-1] == tokenizer.encode_text("and")[-1]


# ---- the vocabulary


def test_pieces_and_ids(tokenizer):
    vocabulary = tokenizer.get_vocab()
    assert len(vocabulary) == len(tokenizer)
    assert all(tokenizer.convert_tokens_to_ids(piece) == i for piece, i in vocabulary.items())
    assert tokenizer.convert_ids_to_tokens([2, 5]) == ["[CLS]", "("]
    assert tokenizer.convert_ids_to_tokens(np.array([2, 5]), skip_special_tokens=True) == ["("]
    assert tokenizer.convert_ids_to_tokens(np.int64(5)) == "("
    assert tokenizer.convert_tokens_to_ids(["(", "no such piece"]) == [5, 1]


@pytest.mark.parametrize("i", [-1, 180])
def test_an_id_outside_the_vocabulary(tokenizer, i):
    with pytest.raises(ValueError, match=f"id {i} is outside the vocabulary: it has ids from 0 to 179"):
        tokenizer.decode([2, i])


def test_word_starts_by_googles_rule(tmp_path):
    path = tmp_path / "m"
    expected = {"▁a": True, "a": False, "b'": True, "'": True, ".": True, "..": False, "a.": False, "<x": True, "é": True,
                "7": True, "▁": True, "€": True, "x-y": False}  # fmt: skip
    path.write_bytes(model(*((text, -1) for text in expected)))
    starts = AlbertTokenizer(path).word_starts()
    assert starts.dtype == bool and starts.shape == (5 + len(expected),)
    assert dict(zip(expected, starts[5:].tolist())) == expected


# ---- back to text


def test_decode(tokenizer):
    text = 'the miller reads (two of them) "where is the key?"'
    assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True) == text
    assert tokenizer.decode(tokenizer.encode("the dog", "a lake")) == "[CLS] the dog[SEP] a lake[SEP]"
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode(3) == "[SEP]"
    batch = tokenizer(["the dog", "a small lake"], padding=True)["input_ids"]
    assert tokenizer.batch_decode(batch, skip_special_tokens=True) == ["the dog", "a small lake"]


# ---- files


def test_saved_and_loaded_again(tmp_path, model_file):
    tokenizer = AlbertTokenizer.from_pretrained(model_file, keep_accents=True, model_max_length=64)
    tokenizer.save_pretrained(tmp_path / "new" / "folder")
    again = AlbertTokenizer.from_pretrained(tmp_path / "new" / "folder")
    assert again.options == tokenizer.options
    assert again.keep_accents and again.model_max_length == 64 and again.do_lower_case
    assert again.fingerprint() == tokenizer.fingerprint()
    assert (tmp_path / "new" / "folder" / "spiece.model").read_bytes() == model_file.read_bytes()
    again.save_pretrained(tmp_path / "new" / "folder")  # over itself
    assert AlbertTokenizer.from_pretrained(str(tmp_path / "new" / "folder"), keep_accents=False).keep_accents is False


def test_the_file_is_what_transformers_reads(tmp_path, tokenizer):
    tokenizer.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert written["tokenizer_class"] == "PreTrainedTokenizerFast"  # what it says is in tokenizer.json
    assert (written["do_lower_case"], written["keep_accents"], written["remove_space"]) == (True, False, True)
    assert (written["pad_token"], written["mask_token"]) == ("<pad>", "[MASK]")


def test_fingerprint_tells_models_and_switches_apart(tokenizer, model_file, numbers):
    others = [numbers, *(AlbertTokenizer(model_file, **{name: not getattr(tokenizer, name)}) for name in
                         ("do_lower_case", "keep_accents", "remove_space"))]  # fmt: skip
    assert len({tokenizer.fingerprint(), *(other.fingerprint() for other in others)}) == 5
    assert AlbertTokenizer(model_file, model_max_length=9).fingerprint() == tokenizer.fingerprint()


def test_transformers_own_files_load(tmp_path, model_file):
    (tmp_path / "spiece.model").write_bytes(model_file.read_bytes())
    mask = {"__type": "AddedToken", "content": "[MASK]", "lstrip": True}
    config = {"do_lower_case": False, "mask_token": mask, "model_max_length": 1e30, "tokenizer_class": "AlbertTokenizer"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    assert tokenizer.do_lower_case is False
    assert tokenizer.model_max_length == int(1e30)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "holds a list"),
        ('{"do_lower_case": "yes"}', "do_lower_case of .* must be true or false, not 'yes'"),
        ('{"model_max_length": -3}', "positive integer, not -3"),
        ('{"mask_token": "<mask>"}', "mask_token .* is '<mask>'"),
    ],
)
def test_a_settings_file_that_is_wrong(tmp_path, model_file, config, message):
    (tmp_path / "spiece.model").write_bytes(model_file.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(config)
    with pytest.raises(ValueError, match=message) as error:
        AlbertTokenizer.from_pretrained(tmp_path)
    assert "tokenizer_config.json" in str(error.value)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"spiece\.model"):
        AlbertTokenizer.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="no/such"):
        AlbertTokenizer.from_pretrained(tmp_path / "no" / "such")
    (tmp_path / "spiece.model").write_bytes(model().replace(b"[MASK]", b"<mask>"))
    with pytest.raises(ValueError, match=r"\[MASK\] is not in the model"):
        AlbertTokenizer.from_pretrained(tmp_path)


def test_a_setting_that_does_not_exist(model_file):
    with pytest.raises(TypeError, match="strip_accents"):
        AlbertTokenizer.from_pretrained(model_file, strip_accents=True)
