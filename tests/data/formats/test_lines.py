"""Files that are not plain text, and the names of packed ones."""

import bz2
import gzip
import lzma
import re

import pytest

from albert_np.data.formats.tables import read_table

TABLE = b"text,label\na b,x\nc d,y\n"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", gzip.compress(TABLE), "a.csv: it is packed by gzip: its name must end in .gz"),
        ("a.csv", lzma.compress(TABLE), "a.csv: it is packed by xz: its name must end in .xz"),
        ("a.csv.bz2", bz2.compress(TABLE), "it is packed by bzip2: unpack it"),
        ("a.xlsx", b"PK\x03\x04...", "it is a .zip or .xlsx file, not text: unpack it, or save the table as .csv"),
        ("a.parquet", b"PAR1\x15\x04", "it is a Parquet file, not text: save the table as .csv or .jsonl"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1", "it is an old Office file, not text: save the table as .csv"),
        (
            "a.tsv",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n",
            "a.tsv: it is a pointer of Git LFS, not the file",
        ),
        ("a.csv", b"<!DOCTYPE html>\n<html></html>\n", "a.csv: it is a web page, not the file itself"),
        (
            "a.tsv",
            b'{"text": "a, b", "label": "x"}\n',
            "a.tsv: its first line is a JSON object, so it is no table: its name must end in",
        ),
        ("a.csv", b'\n {"text": "a, b", "label": "x"}\n', "a.csv: its first line is a JSON object"),
        ("a.pdf", b"%PDF-1.4\n", "it is a PDF, not text"),
    ],
)
def test_files_that_are_not_text(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_table(tmp_path / name)


def test_braces_are_text(tmp_path):
    (tmp_path / "a.tsv").write_text("{a} b {c}\tx\n{}\ty\n")
    assert read_table(tmp_path / "a.tsv")[0].text == "{a} b {c}"


@pytest.mark.parametrize(("name", "pack"), [("A.CSV.GZ", gzip.compress), ("a.csv.XZ", lzma.compress)])
def test_suffixes_in_capitals(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(TABLE))
    assert [example.label for example in read_table(tmp_path / name)] == ["x", "y"]
