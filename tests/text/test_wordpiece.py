"""WordPiece, the Chinese models' way to cut text: the same calls as for SentencePiece."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert_np.data.vocabulary import Vocabulary
from albert_np.text import AlbertTokenizer, WordPieceTokenizer

pytest.importorskip("tokenizers", reason="tokenizers is not installed (the extra chinese)")

WORDS = (
    """[PAD] [unused1] [UNK] [CLS] [SEP] [MASK] 今 天 气 很 好 ，
the mill ##er ##s cafe 3 . ##5 ##天 Mill ` é [ ] mask""".split()
    + ["\u2028"]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chinese")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def chinese(folder):
    return AlbertTokenizer.from_pretrained(folder)


def test_a_folder_with_vocab_txt(folder, chinese):
    assert isinstance(chinese, WordPieceTokenizer)
    assert len(chinese) == chinese.vocab_size == len(WORDS)
    assert [chinese.pad_token_id, chinese.unk_token_id, chinese.cls_token_id, chinese.sep_token_id] == [0, 2, 3, 4]
    assert chinese.mask_token_id == 5 and chinese.mask_token == "[MASK]"
    assert list(chinese.get_vocab()) == WORDS  # U+2028 is a piece, not the end of a line
    for path in (folder / "vocab.txt", str(folder)):
        assert WordPieceTokenizer.from_pretrained(path).fingerprint() == chinese.fingerprint()


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("今天气很好，", ["今", "天", "气", "很", "好", "，"]),
        ("The MILLERS café", ["the", "mill", "##er", "##s", "cafe"]),
        ("3.5天", ["3", ".", "[UNK]", "天"]),
        ("今 [MASK]天", ["今", "[MASK]", "天"]),
        ("[mask]", ["[", "mask", "]"]),  # special tokens are those written as they are
        ("龘 millx", ["[UNK]", "[UNK]"]),
        ("the\u200b\x00\u2028", ["the"]),
        ("", []),
    ],
)
def test_tokenize(chinese, text, pieces):
    assert chinese.tokenize(text) == pieces
    assert chinese.convert_ids_to_tokens(chinese.encode(text, add_special_tokens=False)) == pieces


def test_options(folder):
    assert AlbertTokenizer.from_pretrained(folder, do_lower_case=False).tokenize("Mill é") == ["Mill", "é"]
    assert AlbertTokenizer.from_pretrained(folder, strip_accents=False).tokenize("Mill é") == ["mill", "é"]
    assert AlbertTokenizer.from_pretrained(folder, do_lower_case=False, strip_accents=True).tokenize("CAFÉ é") == [
        "[UNK]",
        "[UNK]",
    ]
    assert AlbertTokenizer.from_pretrained(folder, tokenize_chinese_chars=False).tokenize("今天") == ["今", "##天"]
    for wrong in ({"strip_accents": 3}, {"do_lower_case": None}):
        with pytest.raises(ValueError, match="must be true or false"):
            AlbertTokenizer.from_pretrained(folder, **wrong)
    with pytest.raises(TypeError, match="keep_accents"):
        AlbertTokenizer.from_pretrained(folder, keep_accents=True)


def test_a_batch_of_pairs(chinese):
    texts, seconds = ["今天", "the millers", ""], ["天气很好", "今", "[MASK]"]
    batch = chinese(texts, seconds, padding=True, max_length=8, truncation=True, return_offsets_mapping=True)
    assert batch["input_ids"].tolist() == [
        [3, 6, 7, 4, 7, 8, 9, 4],
        [3, 12, 13, 14, 15, 4, 6, 4],
        [3, 4, 5, 4, 0, 0, 0, 0],
    ]
    assert batch["token_type_ids"].tolist() == [[0] * 4 + [1] * 4, [0] * 6 + [1] * 2, [0, 0, 1, 1, 0, 0, 0, 0]]
    assert batch["attention_mask"].sum(1).tolist() == [8, 8, 4]
    assert batch["offset_mapping"][1].tolist() == [[0, 0], [0, 3], [4, 8], [8, 10], [10, 11], [0, 0], [0, 1], [0, 0]]
    assert chinese("今天", max_length=6, padding="max_length")["input_ids"].tolist() == [[3, 6, 7, 4, 0, 0]]


@given(st.text(alphabet=st.sampled_from("今天the millers  3.5[]MASK\té\u0301Ä\u200b，龘ﬁ"), max_size=30))
def test_slices(chinese, text):
    batch = chinese(text, add_special_tokens=False, return_offsets_mapping=True)
    spans = batch["offset_mapping"][0].tolist()
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    covered = {i for span in spans for i in range(*span)}
    assert all(i in covered for i, c in enumerate(text) if c.isalnum())


def test_a_corpus_cannot_bring_in_special_tokens(chinese):
    rows = chinese.encode_batch(["今[MASK]天", "[PAD]", ""])
    assert rows[0] == chinese.convert_tokens_to_ids(["今", "[", "mask", "]", "天"])
    assert rows == chinese.encode_batch(["今[MASK]天", "[PAD]", ""], num_threads=1)
    assert rows[2] == [] and chinese.encode_text("今") == [6]
    assert chinese.encode_lines(["今"])[0].dtype == np.int32


def test_back_to_text_and_errors(chinese):
    assert chinese.decode(chinese.encode("The millers 今天")) == "[CLS] the millers 今 天 [SEP]"
    assert chinese.decode(chinese.encode("The millers 今天"), skip_special_tokens=True) == "the millers 今 天"
    assert chinese.decode([]) == "" and chinese.decode(5) == "[MASK]"
    with pytest.raises(ValueError, match=f"id {len(WORDS)} is outside the vocabulary"):
        chinese.decode([3, len(WORDS)])
    for text in (None, 3, "the \ud800"):
        for use in (chinese, chinese.encode, chinese.tokenize, chinese.encode_text):
            with pytest.raises(ValueError, match="text"):
                use(text)


def test_words_for_masking(chinese):
    """Each Chinese character is a word; ## continues one (as in data.Vocabulary)."""
    starts = chinese.word_starts()
    assert {word for word, start in zip(WORDS, starts) if not start} == {"##er", "##s", "##5", "##天"}
    vocabulary = Vocabulary.from_tokenizer(chinese)
    assert vocabulary.mask == 5 and vocabulary.special.sum() == 5
    assert np.array_equal(vocabulary.space_starts, vocabulary.word_starts)


def test_saved_and_loaded_again(folder, tmp_path):
    (tmp_path / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes())
    config = {"strip_accents": False, "do_lower_case": False, "never_split": None, "model_max_length": 64, "mask_token": "[MASK]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "vocab.txt").read_bytes() == (folder / "vocab.txt").read_bytes()
    written = json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())
    assert written["tokenizer_class"] == "BertTokenizer" and "never_split" in written and written["model_max_length"] == 64
    (tmp_path / "saved" / "vocab.txt").unlink()  # as transformers 5 saves it
    again = AlbertTokenizer.from_pretrained(tmp_path / "saved")
    assert again.options == tokenizer.options and again.fingerprint() == tokenizer.fingerprint()
    assert again.encode("今天 Mill é [MASK]") == tokenizer.encode("今天 Mill é [MASK]")


def test_googles_name_of_the_file(folder, tmp_path):
    (tmp_path / "vocab_chinese.txt").write_bytes((folder / "vocab.txt").read_bytes())
    assert AlbertTokenizer.from_pretrained(tmp_path).encode("今") == [3, 6, 4]


def test_a_sentencepiece_model_is_refused_by_name(model_file):
    with pytest.raises(ValueError, match=r"is a SentencePiece model, not vocab\.txt: AlbertTokenizer reads it"):
        WordPieceTokenizer.from_pretrained(model_file)


def test_without_the_library(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install 'albert_np\[chinese\]'"):
        AlbertTokenizer.from_pretrained(folder)


def test_the_library_is_imported_when_it_is_needed():
    code = "import sys, albert_np.text; sys.exit('tokenizers' in sys.modules or 'sentencepiece' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
