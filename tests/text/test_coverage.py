"""Counting what a tokenizer does not keep of a text."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.text import AlbertTokenizer, WordPieceTokenizer, train_tokenizer
from albert_np.text.coverage import Coverage, check_normaliser, describe_normaliser
from albert_np.text.train import TextTooSmall

LINES = {
    "German": "Das Mädchen trägt Überschuhe und heißt Jürgen.",
    "Russian": "Ёлка и йод, твой чай ещё горячий.",
    "Japanese": "ガイドはがぎぐげごを話す。カイト",
    "Hindi": "हिन्दी भाषा में विराम और अनुस्वार हैं।",
    "Chinese": "北京是中国的首都。",
    "Korean": "한국어 값이 없다",
    "Thai": "ภาษาไทยที่นี่",
    "Vietnamese": "Tiếng Việt",
}


def make_tokenizer(line, path, **switches):
    """A vocabulary of all the characters of a line."""
    with pytest.raises(TextTooSmall) as error:
        train_tokenizer([line] * 9, path, 5000, **switches)
    train_tokenizer([line] * 9, path, error.value.largest, **switches)
    return AlbertTokenizer(path, **switches)


@pytest.mark.parametrize("language", LINES)
@pytest.mark.parametrize("lower_case", [True, False])
def test_what_is_kept_comes_back(tmp_path, language, lower_case):
    line = LINES[language]
    tokenizer = make_tokenizer(line, tmp_path / "m", do_lower_case=lower_case, keep_accents=True)
    assert tokenizer.decode(tokenizer.encode_text(line)) == (line.lower() if lower_case else line)
    decomposed = unicodedata.normalize("NFD", line)
    assert tokenizer.encode_text(decomposed) == tokenizer.encode_text(line)
    assert Coverage.measure(tokenizer, [line, decomposed]).describe() == []


@pytest.mark.parametrize(
    ("language", "kept", "removed"),
    [
        ("German", "das madchen tragt uberschuhe und heißt jurgen.", {"ä": 2, "Ü": 1, "ü": 1}),
        ("Russian", "елка и иод, твои чаи еще горячии.", {"й": 4, "Ё": 1, "ё": 1}),
        ("Japanese", "カイトはかきくけこを話す。カイト", {"ガ": 1, "ド": 1, "が": 1, "ぎ": 1, "ぐ": 1, "げ": 1, "ご": 1}),
        ("Hindi", "हिनदी भाषा में विराम और अनुसवार हैं।", {"्": 2}),
        ("Chinese", "北京是中国的首都。", {}),
        ("Korean", "한국어 값이 없다", {}),
        ("Thai", "ภาษาไทยทีนี", {"่": 2}),
        ("Vietnamese", "tieng viet", {"ế": 1, "ệ": 1}),
    ],
)
def test_what_is_removed_is_counted(tmp_path, language, kept, removed):
    tokenizer = make_tokenizer(LINES[language], tmp_path / "m")
    assert tokenizer.decode(tokenizer.encode_text(LINES[language])) == kept
    coverage = Coverage.measure(tokenizer, [LINES[language]] * 3)
    assert coverage.removed == {c: 3 * count for c, count in removed.items()}
    assert coverage.characters == 3 * len(LINES[language].replace(" ", "")) and not coverage.unknown


def test_accents_stay_without_capitals(tmp_path):
    tokenizer = make_tokenizer("Mädchen", tmp_path / "m", keep_accents=True)
    assert tokenizer.decode(tokenizer.encode_text("MÄDCHEN")) == "mädchen"


def test_the_lines(tmp_path):
    tokenizer = make_tokenizer("die ode ", tmp_path / "m")
    coverage = Coverage.measure(tokenizer, ["Die Öde ☃☃ 価 हि्\u0007", "de " * 100])
    assert coverage.describe("keep them with --keep-accents") == [
        "accents and other marks were removed from 2 of 213 characters (0.9%), such as Ö -> O, ◌् dropped; "
        "keep them with --keep-accents",
        "the vocabulary lacks 5 of 213 characters (2.3%), which become <unk>: ☃ (2), 価 (1), ह (1), ि (1)",
    ]
    assert "(less than 0.1%) in a sample of the text" in Coverage.measure(tokenizer, ["é" + "d" * 5000], True).describe()[0]
    assert coverage.to_dict()["unknown"]["☃"] == 2


def test_reserved_characters_are_unknown(tmp_path):
    tokenizer = make_tokenizer("load ▅▆ [mask] <unk>", tmp_path / "m")
    coverage = Coverage.measure(tokenizer, ["load ▅▆ [MASK] <unk> \x00"])
    assert coverage.unknown == {"▅": 1, "\x00": 1} and "U+0000 (1)" in coverage.describe()[0]


texts = st.lists(st.text(st.sampled_from("aäÄé\u0301ガ\u3099हि्z☃ \n▁İß")), max_size=6)


@given(texts, st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_counts_agree_with_the_ids(tmp_path_factory, texts, lower_case, keep_accents):
    """There are unknown characters if and only if there are unknown ids."""
    path = tmp_path_factory.getbasetemp() / f"{lower_case}{keep_accents}.model"
    switches = {"do_lower_case": lower_case, "keep_accents": keep_accents}
    tokenizer = AlbertTokenizer(path, **switches) if path.exists() else make_tokenizer("aäÄéガz हि्", path, **switches)
    coverage = Coverage.measure(tokenizer, texts)
    assert bool(coverage.unknown) == any(tokenizer.unk_token_id in ids for ids in tokenizer.encode_batch(texts))
    assert coverage.characters == sum(not c.isspace() for text in texts for c in text)
    assert not (keep_accents and coverage.removed)


@pytest.mark.parametrize("lower_case", [True, False])
def test_wordpiece(tmp_path, lower_case):
    pytest.importorskip("tokenizers")
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "北", "京", "é", "e", "a"]), "utf-8"
    )
    coverage = Coverage.measure(WordPieceTokenizer(tmp_path / "vocab.txt", do_lower_case=lower_case), ["北京 éे Zebra 䨻"])
    assert coverage.removed == ({"é": 1, "े": 1} if lower_case else {})
    assert not lower_case or "é -> e, ◌े dropped" in coverage.describe()[0]
    assert coverage.unknown == {"Zebra": 1, "䨻": 1} | ({} if lower_case else {"éे": 1})
    lost = "6 of 10 characters (60.0%), which become [UNK]: Zebra (1), 䨻 (1)"
    assert not lower_case or f"the vocabulary lacks {lost}" in coverage.describe()


def test_what_a_vocabulary_is_cannot_be_changed(tmp_path):
    tokenizer = make_tokenizer("ein Satz", tmp_path / "m", do_lower_case=False)
    check_normaliser(tokenizer, "v", None, None)
    check_normaliser(tokenizer, "v", False, False)
    assert describe_normaliser(True, True) == "lower-cased, accents kept"
    with pytest.raises(ValueError, match="of v is cased, accents removed: it cannot become cased, accents kept"):
        check_normaliser(tokenizer, "v", None, True)
    with pytest.raises(ValueError, match="it cannot become lower-cased, accents removed"):
        check_normaliser(tokenizer, "v", True, None)
