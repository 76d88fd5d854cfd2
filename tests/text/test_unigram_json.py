"""A tokenizer.json without spiece.model gives the ids of the tokenizer that it was made of, or is refused by name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protobuf_writer import model

from albert_np.text import AlbertTokenizer

PIECES = [("▁", -5), (",", -6), ("2", -4), ("0", -4), ("▁1,", -1), ("1", -4), ("▁the", -2), ("the", -3), ("▁cafe", -3), ("(", 0),
          ("a", -5), ("▁or", -3), ("or", -4), ("o", -6), ("r", -6), ("A", -6), ("é", -6)]  # fmt: skip
ATOMS = ["the", "The", "1,250,", "30,", "é", "½", "İ", "ΟΔΟΣ", "``", "''", "[MASK]", "[SEP]", "<pad>", "(", "–", "漢字",
         "\u200b", "\t", " ", "  ", "\u00a0", ".", "x", "ß"]  # fmt: skip
OPTIONS = [{}, {"do_lower_case": False}, {"keep_accents": True}, {"remove_space": False}]
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


def alone(folder, tokenizer, change=lambda values: None):
    """Save a tokenizer, leave only tokenizer.json of it, changed, and return the folder."""
    tokenizer.save_pretrained(folder)
    (folder / "spiece.model").unlink()
    (folder / "tokenizer_config.json").unlink()
    values = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    change(values)
    (folder / "tokenizer.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.model").write_bytes(model(*PIECES, kinds={"(": 4}))
    return AlbertTokenizer(tmp_path / "small.model")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, model_file):
    """Tokenizers under all options, and what is read from their tokenizer.json alone."""
    given = [AlbertTokenizer(model_file, **options) for options in OPTIONS]
    return [(each, AlbertTokenizer.from_pretrained(alone(tmp_path_factory.mktemp("j") / "m", each))) for each in given]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(ATOMS), max_size=12).map("".join))
def test_the_ids_and_slices_are_those_of_the_model(pairs, text):
    for original, read in pairs:
        expected, found = (each(text, return_offsets_mapping=True) for each in (original, read))
        assert {key: value.tolist() for key, value in found.items()} == {key: value.tolist() for key, value in expected.items()}
        assert read.encode_text(text) == original.encode_text(text) and read.tokenize(text) == original.tokenize(text)


def test_the_switches_and_the_vocabulary_are_read(pairs):
    for original, read in pairs:
        assert {**read.options, "model_max_length": 512} == original.options
        assert read.get_vocab() == original.get_vocab() and read.all_special_ids == original.all_special_ids


def test_it_is_saved_with_spiece_model(tmp_path, model_file):
    read = AlbertTokenizer.from_pretrained(alone(tmp_path / "m", AlbertTokenizer(model_file)))
    read.save_pretrained(tmp_path / "again")
    again = AlbertTokenizer.from_pretrained(tmp_path / "again" / "spiece.model")
    assert again.fingerprint() == read.fingerprint()
    assert again.encode("The café, 1,250") == AlbertTokenizer(model_file).encode("The café, 1,250")


def test_the_file_counts_where_the_settings_contradict_it(tmp_path, small):
    folder = alone(tmp_path / "m", small)
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false, "model_max_length": 1e30}')
    with pytest.warns(UserWarning, match=r"says do_lower_case False, .*tokenizer\.json says True, which counts"):
        read = AlbertTokenizer.from_pretrained(folder)
    assert read.do_lower_case and read.model_max_length == int(1e30)


def as_transformers_5_makes_it(values):
    """The steps of transformers.AlbertTokenizer, release 5: StripAccents, WhitespaceSplit."""
    steps = values["normalizer"]["normalizers"]
    kept = [step for step in steps if step["type"] in ("NFKD", "Lowercase", "Precompiled") or step.get("content") == '"']
    at = next(i for i, step in enumerate(kept) if step["type"] == "NFKD") + 1
    values["normalizer"]["normalizers"] = [*kept[:at], {"type": "StripAccents"}, *kept[at:]]
    values["pre_tokenizer"]["pretokenizers"] = [{"type": "WhitespaceSplit"}, METASPACE]


def test_the_form_of_transformers_5(tmp_path, small):
    read = AlbertTokenizer.from_pretrained(alone(tmp_path / "m", small, as_transformers_5_makes_it))
    assert read.options | {"model_max_length": 512} == small.options
    for text in ("The  café (or 1,200", " the\tA", "[MASK] or the"):
        assert read.encode(text) == small.encode(text)


def made_of_a_bare_model(values):
    """The same of spiece.model without tokenizer.json: user-defined pieces are added tokens, no score is lowered."""
    as_transformers_5_makes_it(values)
    values["model"]["vocab"] = [[text, -1.0 if text == "▁1," else score] for text, score in values["model"]["vocab"]]
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    values["added_tokens"].append({"id": 14, "content": "(", **token})
    values["added_tokens"].append({"id": 22, "content": "<speaker>", **token})  # added by the user, after the last piece


def test_added_tokens_are_cut_out_and_commas_stay(tmp_path, small):
    assert small.tokenize("the(or 1,200") == ["▁the", "(", "or", "▁", "1", ",", "2", "0", "0"]
    read = AlbertTokenizer.from_pretrained(alone(tmp_path / "m", small, made_of_a_bare_model))
    assert read.tokenize("the(or 1,200") == ["▁the", "(", "▁or", "▁1,", "2", "0", "0"]
    assert read.tokenize("The<speaker>or") == ["▁the", "<speaker>", "▁or"] and len(read) == len(small) + 1
    encoded = read("The<speaker>or (", return_offsets_mapping=True)
    assert encoded["offset_mapping"][0].tolist() == [[0, 0], [0, 3], [3, 12], [12, 14], [15, 16], [0, 0]]
    assert read.encode_text("the(or 1,2") == read.encode("the(or 1,2", add_special_tokens=False)
    read.save_pretrained(tmp_path / "again")  # as tokenizer.json alone: spiece.model would lose these rules
    assert not (tmp_path / "again" / "spiece.model").exists()
    again = AlbertTokenizer.from_pretrained(tmp_path / "again")
    assert again.fingerprint() == read.fingerprint() != small.fingerprint()
    with pytest.raises(ValueError, match="cannot be saved with another keep_accents"):
        AlbertTokenizer.from_pretrained(tmp_path / "again", keep_accents=True).save_pretrained(tmp_path / "third")


def replaced(part, value):
    return lambda values: values.update({part: value})


def step(**fields):
    return lambda values: values["normalizer"]["normalizers"].append(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced("normalizer", None), "does not replace `` and '' by a double quote"),
        (step(type="NFC"), "the step 'NFC'"),
        (step(type="Replace", pattern={"Regex": "[0-9]"}, content=" "), "replaces '\\[0-9\\]' by ' '"),
        (step(type="NFKD"), "the steps .*; ALBERT's are in the order"),
        (step(type="Precompiled", precompiled_charsmap="?"), "not base64"),
        (step(type="Precompiled", precompiled_charsmap="AAAA"), "character map"),
        (lambda values: values["normalizer"]["normalizers"].pop(4), "only one of NFKD and the removal of marks"),
        (replaced("pre_tokenizer", None), "no Metaspace"),
        (replaced("pre_tokenizer", {**METASPACE, "prepend_scheme": "never"}), "does not put ▁ before every word"),
        (replaced("pre_tokenizer", {"type": "ByteLevel"}), "the step 'ByteLevel'"),
        (replaced("post_processor", None), r"does not put \[CLS\] and \[SEP\] around"),
        (lambda values: values["model"].update(byte_fallback=True), "byte_fallback"),
        (lambda values: values["model"].update(unk_id=0), "unk_id 0 is not <unk>"),
        (lambda values: values["model"]["vocab"].append(["x"]), "piece 22 must be"),
        (lambda values: values["model"]["vocab"].append(["x", "1"]), r"piece 22 must be a text and its score"),
        (lambda values: values["model"]["vocab"].append(["a", -1.0]), "duplicate piece, 'a'"),
        (lambda values: values["model"]["vocab"].append(["x", 1e300]), "the score of the piece 'x' is too large"),
        (lambda values: values["model"]["vocab"].append(["x", 10**40]), "the score of the piece 'x' is too large"),
        (lambda values: values["model"]["vocab"].__setitem__(4, ["<mask>", 0.0]), r"the added token '\[MASK\]' has the id 4"),
        (lambda values: values["added_tokens"][0].update(id="0"), "damaged"),
        (lambda values: values["model"].pop("vocab"), "damaged"),
        (replaced("added_tokens", [{"id": 22, "content": "x", "single_word": True}]), "single_word"),
    ],
)
def test_other_meanings_and_damage_are_refused_by_name(tmp_path, small, change, message):
    folder = alone(tmp_path / "m", small, change)
    with pytest.raises(ValueError, match=message) as error:
        AlbertTokenizer.from_pretrained(folder)
    assert "tokenizer.json" in str(error.value)
