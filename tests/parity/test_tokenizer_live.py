"""Tokenizers saved here are read by an installed transformers, with equal ids; and what it saves is read here."""

import json
import os
import shutil
from pathlib import Path

import pytest

from albert_np.text import AlbertTokenizer, WordPieceTokenizer, train_tokenizer

transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

RELEASE = int(transformers.__version__.split(".")[0])
TEXTS = """\
The mill by the river turns slowly; in 1,250 years it has been repaired 37, perhaps 38, times.
"Is the café (the old one) open?" asked Ann. ``Not before 9:30,'' said the waiter – and smiled.
A loaf costs £2.50 or 3 €, half of it 1½ €.   Nobody\tpaid.
She counted 2,004, 2,005, and stopped at 92501, or so.
The [MASK] of the lake, [SEP] was it? The MÜLLER family's Straße, ΟΔΟΣ, İzmir, naïve e\u0301clair.
漢字とひらがな, 가나다, ｶﾞ, ①, ﬁn, \u0435\u0308, 👩\u200d🔬, \u200b, a\u00a0b, a\x1cb, 1\ufe0f\u20e3, x\u0345.
Winter came early and the lake was frozen before the end of November.
[MASK] the key lies under the third stone [MASK]. <pad> <unk> x[MASK]y""".split("\n")
SETTINGS = [{}, {"do_lower_case": False}, {"keep_accents": True}, {"remove_space": False}]


def saved(tokenizer, folder):
    """The folder that a model's tokenizer is saved in, with a config as models have it."""
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text('{"model_type": "albert"}')
    return folder


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    return train_tokenizer(TEXTS[:5] + TEXTS[6:], tmp_path_factory.mktemp("trained") / "spiece.model", 110)


@pytest.fixture(scope="module")
def vocab_folder():
    if "ALBERT_NP_DATA" not in os.environ:
        pytest.skip("ALBERT_NP_DATA is not set")
    return Path(os.environ["ALBERT_NP_DATA"]) / "vocab"


def texts_that_differ(ours, theirs, texts):
    mine = ours(texts, padding=True)
    other = theirs(texts, padding=True, return_token_type_ids=True)
    rows = zip(texts, mine["input_ids"].tolist(), mine["attention_mask"].tolist(), other["input_ids"], other["attention_mask"])
    return [text for text, a, mask, b, theirs_mask in rows if (a, mask) != (b, theirs_mask)]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_trained_vocabulary(tmp_path, model_file, settings):
    ours = AlbertTokenizer(model_file, **settings)
    theirs = transformers.AutoTokenizer.from_pretrained(saved(ours, tmp_path))
    assert texts_that_differ(ours, theirs, TEXTS) == []
    pair = theirs(TEXTS[0], TEXTS[1])
    assert {name: rows[0].tolist() for name, rows in ours(TEXTS[0], TEXTS[1]).items()} == dict(pair)
    assert theirs.model_max_length == 512 and theirs.pad_token_id == 0 and theirs.mask_token_id == 4


def test_transformers_own_class(tmp_path, model_file):
    """Release 5 builds it anew from the pieces in tokenizer.json; release 4 runs SentencePiece."""
    ours = AlbertTokenizer(model_file)
    theirs = transformers.AlbertTokenizer.from_pretrained(saved(ours, tmp_path))
    assert texts_that_differ(ours, theirs, TEXTS) == ([TEXTS[5]] if RELEASE >= 5 else [])  # U+001C and U+20E3


@pytest.mark.parametrize("text", TEXTS)
def test_offsets(tmp_path, model_file, text):
    """Where two characters became one, the library keeps the last of them, and loses marks; ours covers them."""
    ours = AlbertTokenizer(model_file)
    theirs = transformers.AutoTokenizer.from_pretrained(saved(ours, tmp_path))
    mine = ours(text, return_offsets_mapping=True)["offset_mapping"][0].tolist()
    for (start, end), (first, last) in zip(mine, theirs(text, return_offsets_mapping=True)["offset_mapping"]):
        lost = text[start:first] + text[last:end]
        assert start <= first <= last <= end
        assert lost in ("", "`", "'", "\u0301", "\u0308", "\u0345", "\uff9e")


# ---- the published vocabulary

TIES = ["Mayday Parade &amp; The Maine in like 16 days , excitedddd . All time low next year , maybe ."]
UNLIKE_PYTHON = ["#\ufe0f\u20e3", "1\ufe0f\u20e3,", "a\x1cb"]  # and one long row of marks


def test_every_vector(tmp_path, vocab_folder):
    ours = AlbertTokenizer(vocab_folder / "albert_en_spiece.model")
    folder = saved(ours, tmp_path)
    rows = json.loads((vocab_folder / "tokenizer_vectors.json").read_text(encoding="utf-8"))["rows"]
    texts = [row["text"] for row in rows]
    assert texts_that_differ(ours, transformers.AutoTokenizer.from_pretrained(folder), texts) == TIES
    differ = texts_that_differ(ours, transformers.AlbertTokenizer.from_pretrained(folder), texts)
    if RELEASE < 5:
        assert differ == []
    else:
        assert len(differ) == 5 and {*TIES, *UNLIKE_PYTHON} <= set(differ)


# ---- back again


def test_saved_by_transformers(tmp_path, model_file):
    """Release 4 writes spiece.model, release 5 tokenizer.json alone."""
    ours = AlbertTokenizer(model_file, do_lower_case=False)
    theirs = transformers.AlbertTokenizer.from_pretrained(saved(ours, tmp_path / "ours"))
    theirs.save_pretrained(tmp_path / "theirs")
    again = AlbertTokenizer.from_pretrained(tmp_path / "theirs")
    assert again.options == ours.options and again.get_vocab() == ours.get_vocab()
    assert again(TEXTS, padding=True)["input_ids"].tolist() == ours(TEXTS, padding=True)["input_ids"].tolist()


@pytest.mark.parametrize("settings", [{}, {"do_lower_case": False, "keep_accents": True}], ids=str)
def test_tokenizer_json_that_transformers_made_of_a_bare_model(tmp_path, vocab_folder, settings):
    """Release 5 cuts at ( ) " - . and so on first, and has no rule for digits and commas: its ids, not those of spiece.model."""
    (tmp_path / "bare").mkdir()
    shutil.copy(vocab_folder / "albert_en_spiece.model", tmp_path / "bare" / "spiece.model")
    theirs = transformers.AlbertTokenizer.from_pretrained(tmp_path / "bare", **settings)
    theirs.save_pretrained(tmp_path / "saved")
    if (tmp_path / "saved" / "spiece.model").exists():
        pytest.skip("this release of transformers writes spiece.model: there is no tokenizer.json alone")
    ours = AlbertTokenizer.from_pretrained(tmp_path / "saved")
    texts = [text for text in TEXTS if "\x1c" not in text]
    assert texts_that_differ(ours, theirs, texts) == []
    rows = json.loads((vocab_folder / "tokenizer_vectors.json").read_text(encoding="utf-8"))["rows"]
    differ = texts_that_differ(ours, theirs, [row["text"] for row in rows])
    assert len(differ) <= 5 and set(differ) <= {*TIES, *UNLIKE_PYTHON, *(text for text in differ if "\u0351" in text)}
    ours.save_pretrained(tmp_path / "again")  # the rules are kept, so there is no spiece.model
    assert not (tmp_path / "again" / "spiece.model").exists()
    assert texts_that_differ(AlbertTokenizer.from_pretrained(tmp_path / "again"), theirs, texts) == []


# ---- WordPiece

WORDS = "[PAD] [unused1] [UNK] [CLS] [SEP] [MASK] 今 天 气 很 好 , 。 the mill ##er ##s cafe 3 . ##5 ##天 ÄGe ` á".split()
CHINESE = ["今天天气很好, the millers café 3.5。", "[MASK]天 [mask] Ä\u0308 THE\tmiller\u2028天x", "", "今" * 30]


@pytest.fixture
def chinese(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("settings", [{}, {"do_lower_case": False}, {"strip_accents": False, "tokenize_chinese_chars": False}])
@pytest.mark.parametrize("name", ["AutoTokenizer", "BertTokenizer", "BertTokenizerFast"])
def test_wordpiece(chinese, settings, name):
    ours = AlbertTokenizer.from_pretrained(chinese, **settings)
    assert isinstance(ours, WordPieceTokenizer)
    theirs = getattr(transformers, name).from_pretrained(saved(ours, chinese / "saved"))
    assert texts_that_differ(ours, theirs, CHINESE) == []
    if theirs.is_fast:
        mine = ours(CHINESE[:2], CHINESE[1::-1], padding=True, return_offsets_mapping=True)
        other = theirs(CHINESE[:2], CHINESE[1::-1], padding=True, return_offsets_mapping=True)
        assert {key: value.tolist() for key, value in mine.items()} == {
            key: [list(map(list, row)) if key == "offset_mapping" else row for row in value] for key, value in other.items()
        }
    theirs.save_pretrained(chinese / "theirs")
    again = AlbertTokenizer.from_pretrained(chinese / "theirs")  # of release 5: a tokenizer.json without vocab.txt
    assert again.fingerprint() == ours.fingerprint()


def test_the_chinese_vocabulary(tmp_path, vocab_folder):
    shutil.copy(vocab_folder / "albert_zh_vocab.txt", tmp_path / "vocab.txt")
    ours = AlbertTokenizer.from_pretrained(tmp_path)
    assert ours.all_special_ids == (101, 102, 100, 0, 103)
    theirs = transformers.BertTokenizer.from_pretrained(saved(ours, tmp_path / "saved"))
    rows = json.loads((vocab_folder / "tokenizer_vectors.json").read_text(encoding="utf-8"))["rows"]
    data = json.loads((vocab_folder.parent / "tasks" / "xquad" / "zh.json").read_text(encoding="utf-8"))["data"]
    texts = [row["text"] for row in rows] + [part["context"] for text in data for part in text["paragraphs"]]
    assert len(texts) > 2700
    assert texts_that_differ(ours, theirs, texts) == ([] if theirs.is_fast else ["\ufffe"])  # kept by BERT's Python code only
