"""The published English vocabulary: ids that transformers' slow tokenizer gives, for 2491 texts under five settings."""

import json

import pytest

from albert_np.text import AlbertTokenizer

SETTINGS = {
    "default": {},
    "cased": {"do_lower_case": False},
    "keep_accents": {"keep_accents": True},
    "cased_keep_accents": {"do_lower_case": False, "keep_accents": True},
    "no_remove_space": {"remove_space": False},
}


@pytest.fixture(scope="module")
def vectors(vocab_folder):
    return json.loads((vocab_folder / "tokenizer_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_row(vectors, vocab_folder, name):
    tokenizer = AlbertTokenizer.from_pretrained(vocab_folder / "albert_en_spiece.model", **SETTINGS[name])
    expected = [row["ids"] for row in vectors["rows"]]
    for change in vectors["settings"].get(name, []):
        expected[change["row"]] = change["ids"]
    texts = [row["text"] for row in vectors["rows"]]
    batch = tokenizer(texts, add_special_tokens=False, padding=True, return_offsets_mapping=True)
    kept = [ids[mask == 1].tolist() for ids, mask in zip(batch["input_ids"], batch["attention_mask"])]
    assert len(texts) > 2000
    assert [text for text, a, b in zip(texts, kept, expected) if a != b] == []
    corpus = tokenizer.encode_batch(texts)
    differ = [text for text, a, b in zip(texts, corpus, expected) if a != b]
    assert len(differ) == 19 and all("[" in text or "<" in text for text in differ)  # special tokens as plain text


def test_pairs(vectors, vocab_folder):
    tokenizer = AlbertTokenizer.from_pretrained(vocab_folder / "albert_en_spiece.model")
    for pair in vectors["pairs"]:
        batch = tokenizer(pair["a"], pair["b"])
        assert batch["input_ids"][0].tolist() == pair["ids"]
        assert batch["token_type_ids"][0].tolist() == pair["token_type_ids"]


def test_published_examples(vectors, vocab_folder):
    for example in vectors["published"]:
        tokenizer = AlbertTokenizer(vocab_folder / "albert_en_spiece.model", keep_accents=example["keep_accents"])
        ids = tokenizer.encode(example["text"], add_special_tokens=example["special_tokens"])
        assert ids == example["ids"]
