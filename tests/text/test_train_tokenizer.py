import re
import subprocess
import sys

import pytest
import sentencepiece

from albert_np.text import AlbertTokenizer, train_tokenizer
from albert_np.text.train import LONGEST_LINE, SIGNS, TextTooSmall, _split_line


def test_layout_of_the_vocabulary(tokenizer):
    pieces = tokenizer.convert_ids_to_tokens(range(13))
    assert pieces == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", *SIGNS]
    assert len(tokenizer) == tokenizer.vocab_size == 180
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer.vocab_file))
    assert [i for i in range(180) if processor.is_control(i)] == [0, 2, 3, 4]
    assert processor.is_unknown(1)
    assert processor.bos_id() == processor.eos_id() == -1


def test_lines_are_normalised_first(tokenizer):
    letters = "".join(tokenizer.get_vocab())
    assert "é" not in letters
    assert not any(c.isupper() for piece in list(tokenizer.get_vocab())[5:] for c in piece)


def test_same_lines_same_bytes(tmp_path, sentences, model_file):
    again = train_tokenizer(iter(sentences * 3), tmp_path / "again.model", 180)
    assert again.read_bytes() == model_file.read_bytes()


def test_a_sample_is_the_same_every_time(tmp_path, sentences):
    a, b = (train_tokenizer(sentences * 20, tmp_path / name, 120, max_lines=110).read_bytes() for name in "ab")
    assert a == b


def test_it_is_quiet(tmp_path, sentences, capfd):
    train_tokenizer(sentences * 3, tmp_path / "m", 120)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("lines", "size", "message"),
    [
        (["a small text"], 500, r"too small for a vocabulary of 500 pieces: the largest possible is \d+$"),
        (["abcdefghijklmnopqrstuvwxyz"], 20, r"too many different characters .* must be at least \d+"),
        ([], 100, "no text"),
        (["", " \n"], 100, "no text"),
        (["a"], 13, "over 13"),
        (["fine", "half \udc80"], 100, "not Unicode"),
        (["fine", b"bytes"], 100, "must be a str"),
    ],
)
def test_errors(tmp_path, lines, size, message):
    with pytest.raises(ValueError, match=message):
        train_tokenizer(lines, tmp_path / "m.model", size)
    assert list(tmp_path.iterdir()) == []


def test_a_sample_too_small(tmp_path):
    with pytest.raises(ValueError, match="max_lines must be over 100, not 60"):
        train_tokenizer(["a"], tmp_path / "m", 100, max_lines=60)


def test_the_largest_size_named_is_possible(tmp_path):
    lines = ["some words, and more words, and other words"] * 3
    with pytest.raises(ValueError) as error:
        train_tokenizer(lines, tmp_path / "m", 400)
    largest = int(str(error.value).split()[-1])
    assert len(AlbertTokenizer(train_tokenizer(lines, tmp_path / "m", largest))) == largest


def test_an_error_of_the_source_comes_through(tmp_path):
    def lines():
        yield "one line"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        train_tokenizer(lines(), tmp_path / "m", 100)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        train_tokenizer(["a"], tmp_path / "nowhere" / "m", 100)


def test_long_lines_are_cut_not_lost(tmp_path):
    line = "word éé 漢字 " * 2000 + "x" * 9000
    parts = list(_split_line(line))
    assert all(0 < len(part.encode()) <= LONGEST_LINE for part in parts)
    assert "".join(parts).replace(" ", "") == line.replace(" ", "")
    assert {word for part in parts for word in part.split() if "x" not in word} == {"word", "éé", "漢字"}
    assert list(_split_line("short")) == ["short"]
    model = train_tokenizer([" ".join(["zebra"] * 3000)], tmp_path / "m", 20)
    assert "z" in "".join(AlbertTokenizer(model).get_vocab())


def test_an_interrupt_while_the_text_is_read_is_one(tmp_path):
    """SentencePiece turns whatever its iterator raises into an error of its own."""

    def lines():
        yield "The cat sat on the mat."
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_tokenizer(lines(), tmp_path / "spiece.model", 30)


ODD = "▅ ▁ ⁇ \x00 \t \r \x0b \x15 \x1c \x7f \x85 \xad \u200b \u2028 \ufeff \ufffd \uffff \ufdd0 \ue000 \U0010ffff".split(" ")
NAMES = ["<unk>", "<pad>", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "▁▁▁", "▅▆▇", "a▅b", "ﷺ" * 130, "▅" * 5000]


@pytest.mark.parametrize("odd", ODD + NAMES, ids=lambda text: ascii(text[:7]))
def test_a_line_with_odd_characters_is_not_left_out(tmp_path, odd):
    lines = ["the cat sat on the mat"] * 40 + [f"quiz jazz {odd}", f"{odd} vex"] * 10
    with pytest.raises(TextTooSmall) as error:
        train_tokenizer(lines, tmp_path / "m", 1000)
    vocabulary = AlbertTokenizer(train_tokenizer(lines, tmp_path / "m", error.value.largest)).get_vocab()
    assert {"q", "z", "j", "v", "x"} <= set("".join(list(vocabulary)[5:]))


@pytest.mark.parametrize("name", ["<pad>", "<unk>", "[CLS]", "[MASK]"])
def test_the_characters_of_a_special_token_in_the_text_are_known(tmp_path, name):
    lines = ["the cat sat on the mat"] * 40 + [f"a {name}b{name}"] * 10
    with pytest.raises(TextTooSmall) as error:
        train_tokenizer(lines, tmp_path / "m", 1000, do_lower_case=False)
    path = train_tokenizer(lines, tmp_path / "m", error.value.largest, do_lower_case=False)
    assert 1 not in AlbertTokenizer(path, do_lower_case=False).encode_text(f"the {name} mat")


def test_sentencepiece_skips_no_line(tmp_path):
    """Its own log says so, for all characters there are, in lines of 3,000."""
    program = (
        "import sentencepiece, sys\n"
        "from albert_np.text.train import NormalisedLines\n"
        "text = ''.join(chr(i) for i in range(0x30000) if not 0xd800 <= i < 0xe000)\n"
        "lines = NormalisedLines([text[i : i + 3000] for i in range(0, len(text), 3000)], True, True)\n"
        "sentencepiece.SentencePieceTrainer.train(\n"
        "    sentence_iterator=iter(lines), vocab_size=10**6, hard_vocab_limit=False, model_prefix=sys.argv[1], minloglevel=0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "m"], capture_output=True, encoding="utf-8", errors="replace"
    )
    assert "Loaded all" in done.stderr and not re.findall(r"^.*[Ss]kipped.*$", done.stderr, re.MULTILINE)


def test_a_text_of_reserved_characters_alone(tmp_path):
    with pytest.raises(ValueError, match=r"no text .* every line is empty, or has no characters that are kept"):
        train_tokenizer(["▅▅ ▅", "\u200b"], tmp_path / "m", 60)
