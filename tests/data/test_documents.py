import gzip
import lzma

import pytest

from albert_np.data.documents import TextFile, paragraphs


def read(path, content, layout="paragraph", separator=None):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    documents, current = [], []
    for paragraph in paragraphs(TextFile(path), layout, separator):
        if paragraph is None:
            documents.append(current)
            current = []
        else:
            current.append(paragraph)
    assert not current, "the last document was not ended"
    return documents


def test_blank_lines_end_documents(tmp_path):
    assert read(tmp_path / "a.txt", "\n\none\ntwo\n\n  \n\nthree") == [["one", "two"], ["three"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path, end):
    assert read(tmp_path / "a.txt", f"one{end}two{end}{end}three{end}".encode()) == [["one", "two"], ["three"]]


def test_line_ends_of_two_kinds(tmp_path):
    assert read(tmp_path / "a.txt", b"one\r\r\ntwo\r\r\n\r\r\nthree\r\r\n") == [["one", "two"], ["three"]]


def test_byte_order_marks_are_dropped_at_the_start_of_lines(tmp_path):
    assert read(tmp_path / "a.txt", "\ufeffone\n\ufefftwo \ufeff\n\ufeff\n\ufeffthree\n") == [["one", "two \ufeff"], ["three"]]


@pytest.mark.parametrize("blank", ["", " ", "\u00a0", "\u3000", "\u200b", "\ufeff\ufeff", "\x0c", "\u2060 \u200b"])
def test_a_line_that_shows_nothing_is_empty(tmp_path, blank):
    assert read(tmp_path / "a.txt", f"one\n{blank}\ntwo\n") == [["one"], ["two"]]


@pytest.mark.parametrize("layout", ["sentence", "paragraph"])
def test_separator_replaces_blank_lines(tmp_path, layout):
    assert read(tmp_path / "a.txt", "one\n\ntwo\n***\n***\nthree\n", layout, "***") == [["one", "two"], ["three"]]


def test_wrapped_joins_lines_and_two_blanks_end_the_document(tmp_path):
    content = "It was a\nlong day.\n\nThe next\nwas short.\n\n\nA new chap-\nter - and\nanother -\nline.\n"
    assert read(tmp_path / "a.txt", content, "wrapped") == [
        ["It was a long day.", "The next was short."],
        ["A new chap-ter - and another - line."],
    ]


def test_wrapped_with_separator(tmp_path):
    content = "one\ntwo\n\n\n\nthree\n%%\nfour\n%%\n"
    assert read(tmp_path / "a.txt", content, "wrapped", "%%") == [["one two", "three"], ["four"]]


@pytest.mark.parametrize(("name", "pack"), [("a.txt.gz", gzip.compress), ("a.txt.xz", lzma.compress)])
def test_packed_files(tmp_path, name, pack):
    assert read(tmp_path / name, pack("eins\n\nzwei — drei\n".encode())) == [["eins"], ["zwei — drei"]]


def test_hash_and_bytes_read_are_of_the_file_on_disk(tmp_path):
    import hashlib

    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"some text\n" * 1000) + gzip.compress(b"a second member\n"))
    file = TextFile(path)
    assert len(list(file.lines())) == 1001
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.bytes_read == path.stat().st_size


def test_not_utf8_names_file_line_and_byte(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt is not UTF-8: byte 0xe9 in line 2 \(byte 8 of the text\)"):
        read(tmp_path / "a.txt", b"first\nca\xe9f\n")


def test_the_byte_order_mark_counts_as_bytes(tmp_path):
    with pytest.raises(ValueError, match=r"line 1 \(byte 4 of"):
        read(tmp_path / "a.txt", b"\xef\xbb\xbfa\xff\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("name", "pack"), [("a.txt", bytes), ("a.txt.gz", gzip.compress), ("a.txt.xz", lzma.compress)])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding, end, name, pack):
    content = f"eins{end}zwei – ਊ 😀{end}{end}drei".encode(encoding)
    content = content if encoding == "utf-8-sig" else "\ufeff".encode(encoding) + content
    assert read(tmp_path / name, pack(content)) == [["eins", "zwei – ਊ 😀"], ["drei"]]


@pytest.mark.parametrize("content", ["some text".encode("utf-16-le"), b"a\x00b\x00", bytes(100)])
def test_utf16_without_a_mark_is_refused(tmp_path, content):
    with pytest.raises(
        ValueError,
        match=r"a\.txt has \d+ NUL bytes among its first \d+: it is not a text file, or .* UTF-16 without",
    ):
        read(tmp_path / "a.txt", content)


def test_damaged_utf16_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt begins like UTF-16 and is not: truncated data"):
        read(tmp_path / "a.txt", "hello".encode("utf-16")[:-1])


@pytest.mark.parametrize("name", ["a.gz", "a.xz"])
@pytest.mark.parametrize("cut", [False, True])
def test_damaged_packed_file(tmp_path, name, cut):
    pack = gzip.compress if name.endswith("gz") else lzma.compress
    content = pack(b"some text that is long enough\n" * 50)
    with pytest.raises(ValueError, match=rf"{name} is damaged"):
        read(tmp_path / name, content[:-12] if cut else b"no packed file at all")


def test_missing_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such text file"):
        TextFile(tmp_path / "nowhere.txt")
    with pytest.raises(ValueError, match="is a folder"):
        TextFile(tmp_path)
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ValueError, match="is empty"):
        TextFile(tmp_path / "empty.txt")


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("albert_np.data.documents.LONGEST_LINE", 1 << 20)
    with pytest.raises(ValueError, match="line 2 is longer than 1 MiB"):
        read(tmp_path / "a.txt", "x\n" + "y" * (1 << 20) + "z\n")
    with pytest.raises(ValueError, match=r"line 1 is longer than 1 MiB; it has CR alone: .* tr '\\r' '\\n'$"):
        read(tmp_path / "a.txt", "a line\r" * (1 << 18))


def test_a_wrapped_paragraph_without_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("albert_np.data.documents.LONGEST_PARAGRAPH", 100)
    lines = [f"line {i}" for i in range(100)]
    [document] = read(tmp_path / "a.txt", "\n".join(lines), "wrapped")
    assert " ".join(document) == " ".join(lines)
    assert max(map(len, document)) < 120


def test_unknown_layout(tmp_path):
    with pytest.raises(ValueError, match="lines must be one of paragraph, sentence, wrapped, not 'poem'"):
        read(tmp_path / "a.txt", "one\n", "poem")
