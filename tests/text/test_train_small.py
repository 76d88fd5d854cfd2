"""The vocabulary that is trained in plain Python: its pieces, its file, and what it says about texts that do not do."""

import pytest

from albert_np.text import AlbertTokenizer
from albert_np.text.spiece import check
from albert_np.text.train import SIGNS, SMALLEST, TextTooSmall
from albert_np.text.train_small import NormalisedLines, choose_characters, count_parts, join_pair, train_small_tokenizer

LINES = [
    "The baker bakes bread (every day).",
    "Bakers bake, and the Zürich baker's bread-maker is baking bread.",
    "",
    "¡Qué día!",
] * 3


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return train_small_tokenizer(LINES, tmp_path_factory.mktemp("small") / "spiece.model", 50)


def test_the_model_is_one_for_albert(path):
    model = check(path.read_bytes())
    assert len(model.pieces) == 50
    assert [piece.text for piece in model.pieces[: 5 + len(SIGNS)]] == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", *SIGNS]
    scores = [piece.score for piece in model.pieces[SMALLEST:]]
    assert scores == sorted(scores, reverse=True) and max(scores) < 0, "the most frequent pieces come first"
    assert "▁bread" in [piece.text for piece in model.pieces]


def test_the_same_lines_give_the_same_bytes(path, tmp_path):
    again = train_small_tokenizer(iter(LINES), tmp_path / "again.model", 50)
    assert again.read_bytes() == path.read_bytes()


def test_both_processors_cut_alike(path, monkeypatch):
    pytest.importorskip("sentencepiece", reason="sentencepiece is not installed: there is nothing to compare with")
    texts = [*LINES, "an unread text: bakery-breads (and ☃), daily", "[MASK] bread", ""]
    library = AlbertTokenizer(path)
    monkeypatch.setenv("ALBERT_NP_PYTHON_TOKENIZER", "1")
    own = AlbertTokenizer(path)
    assert type(own._processor) is not type(library._processor)
    assert [own.tokenize(text) for text in texts] == [library.tokenize(text) for text in texts]


def test_a_text_comes_back(path):
    tokenizer = AlbertTokenizer(path)
    (ids,) = tokenizer.encode_batch([LINES[0]])
    assert tokenizer.decode(ids) == LINES[0].lower() and tokenizer.unk_token_id not in ids


def test_no_piece_has_a_sign_or_spans_words(path):
    for piece in check(path.read_bytes()).pieces[SMALLEST:]:
        assert "▁" not in piece.text[1:] and (len(piece.text) == 1 or piece.text.strip("▁").isalpha())


def test_most_words_are_whole_where_the_vocabulary_has_room_for_them(tmp_path):
    lines = ["alpha beta gamma delta", "beta gamma", "alpha delta"] * 2
    parts = count_parts(NormalisedLines(lines, True, False))
    least = SMALLEST + len(choose_characters(parts, 0.9995))
    tokenizer = AlbertTokenizer(train_small_tokenizer(lines, tmp_path / "words.model", least + 4))
    assert tokenizer.tokenize("alpha beta gamma delta") == ["▁alpha", "▁beta", "▁gamma", "▁delta"]


def test_pairs_are_joined_from_the_left():
    assert join_pair(list("aaa"), ("a", "a"), "aa") == ["aa", "a"]


def test_rare_characters_are_left_out(tmp_path):
    lines = ["common words all along " * 200 + "☃"]
    tokenizer = AlbertTokenizer(train_small_tokenizer(lines, tmp_path / "rare.model", 30))
    assert tokenizer.unknown_parts("☃ words") == ["☃"]


def test_what_cannot_be_done(tmp_path):
    for lines, size, message in (
        (["ab ab"], 13, r"vocab_size must be over 13"),
        (["", "  "], 60, "there is no text to train a vocabulary on"),
        (["abcdefghij"], 15, "too many different characters for a vocabulary of 15 pieces: vocab_size must be at least 24"),
    ):
        with pytest.raises(ValueError, match=message):
            train_small_tokenizer(lines, tmp_path / "none.model", size)
    with pytest.raises(TextTooSmall, match="too small for a vocabulary of 2000 pieces: the largest possible is"):
        train_small_tokenizer(LINES, tmp_path / "none.model", 2000)
    assert not list(tmp_path.iterdir()), "something was written"
