"""Samples of text files."""

import gzip

import pytest

from albert_np.data.text_sample import find_separator, sample_text


def test_small_files_are_read_whole(tmp_path):
    (tmp_path / "a.txt").write_text("\ufeffone\n\nzwei ä\r\n", "utf-8")
    (tmp_path / "b.txt").write_text("three", "utf-16")
    (tmp_path / "c.gz").write_bytes(gzip.compress("vier ü\n".encode()))
    files = [tmp_path / name for name in ("a.txt", "b.txt", "c.gz")]
    assert sample_text(files) == (["one", "", "zwei ä", "three", "vier ü"], False)


@pytest.mark.parametrize("layout", ["lines", "one line"])
def test_a_sample_is_from_everywhere(tmp_path, layout):
    words = [f"{i:06}é" for i in range(100_000)]
    (tmp_path / "a.txt").write_text(("\n" if layout == "lines" else " ").join(words), "utf-8")
    (tmp_path / "b.txt").write_text("é" * 200_000, "utf-8")
    lines, is_sample = sample_text([tmp_path / "a.txt", tmp_path / "b.txt"], 1 << 17)
    text = " ".join(lines)
    assert is_sample and 0.9 < len(text.encode()) / (1 << 17) < 1.1 and "\ufffd" not in text
    assert all(f" {tens}" in text.replace("\n", " ") for tens in ("00", "03", "05", "07", "09"))
    assert 0.2 < len(("ééé" * text.count("ééé")).encode()) / (1 << 17) < 0.4


def test_of_packed_files_it_is_the_beginning(tmp_path):
    for name, pack in (("a.gz", gzip.compress), ("b.txt", lambda data: data.decode().encode("utf-16"))):
        (tmp_path / name).write_bytes(pack(b"".join(f"line {i} {i * i * i}\n".encode() for i in range(90_000))))
        lines, is_sample = sample_text([tmp_path / name], 1 << 15)
        assert is_sample and lines[0] == "line 0 0" and 1 << 15 <= sum(map(len, lines)) < (1 << 15) + 100


def test_many_small_files(tmp_path):
    files = [tmp_path / f"{i}.txt" for i in range(300)]
    for file in files:
        file.write_text(f"{file.stem} " * 40)
    lines, is_sample = sample_text(files, 1 << 14)
    assert is_sample and len(lines) == 1
    assert len(sample_text(files, 1 << 15)[0]) == 2


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["one", "", "two"], ("", 0, 0)),
        (["one", "<|endoftext|>", "two <|x|>", "<|endoftext|> "], ("<|endoftext|>", 2, 0)),
        (["one<|endoftext|>two"], ("<|endoftext|>", 0, 1)),
        (["a block\n</s>\nb </s>"], ("</s>", 1, 1)),
        (["x < y |> z <b>", "[MASK] <s"], ("", 0, 0)),
    ],
)
def test_separators_of_documents(lines, expected):
    assert find_separator(lines) == expected
