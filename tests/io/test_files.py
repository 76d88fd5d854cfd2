"""Files: JSON is read strictly, and whatever is wrong is said with the file's name."""

import json
import os
import threading

import pytest

from albert_np.io.files import is_nested_deeper, read_json, write_json

WRONG = {
    "empty": (b"", "is empty: it has 0 bytes"),
    "blank": (b" \n", "is not valid JSON: line 2, column 1"),
    "cut": (b'{\n "a": [1,\n', "is not valid JSON: line 3, column 1"),
    "two values": (b"{} {}", "Extra data"),
    "a trailing comma": (b'{"a": 1,}', "is not valid JSON: line 1"),
    "a comment": (b"// no\n{}", "is not valid JSON: line 1"),
    "a Python dict": (b"{'a': 1}", "is not valid JSON: line 1"),
    "a tab in a string": (b'"a\tb"', "is not valid JSON: line 1"),
    "a key twice": (b'{"a": 1, "b": {"c": 1, "c": 2}}', "is not valid JSON: the key 'c' occurs twice"),
    "NaN": (b'{"a": NaN}', "NaN is not a number in JSON"),
    "infinity": (b"[-Infinity]", "-Infinity is not a number in JSON"),
    "a float beyond float64": (b"[1e999]", "1e999 is too large for float64"),
    "a number of 5000 digits": (b"[" + b"7" * 5000 + b"]", r"777777777777\.\.\. is a number of 5000 digits"),
    "depth": (b"[" * 200_000, "is nested too deeply"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is UTF-16, but must be UTF-8"),
    "Latin-1": ('{"a": "é"}'.encode("latin-1"), "must be UTF-8, and byte 0xe9 at offset 7 is not"),
    "half a surrogate pair": (b'["\\ud800"]', "half of a surrogate pair"),
    "a web page": (b"\n<!DOCTYPE html><html>", "is a web page .HTML., not JSON"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    "gzip": (b"\x1f\x8b\x08\x00", "is a gzip archive"),
    "too long": (b"[" + b"1," * (8 << 20) + b"1]", r"is too long for JSON: it has 16777219 bytes, 16777216 at most"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_json_is_named(tmp_path, case):
    data, message = WRONG[case]
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.json (is not valid JSON: )?(it |it holds |line 1, column 4: )?" + message):
        read_json(tmp_path / "x.json")


def test_the_depth_of_brackets():
    for text, depth in (
        ("3", 0), ("[]", 1), ('["a"', 1), ('{"a": [[]], "b": [{}]}', 3), (r'["[[[", "\"[[", {"}": "{"}]', 2), ("[[[", 3),
    ):  # fmt: skip
        assert not is_nested_deeper(text, depth) and (depth == 0 or is_nested_deeper(text, depth - 1)), text


def test_right_json_is_read(tmp_path):
    values = {"a": [1, 2.5, None, True, "é 漢 \U0001f600", {"b": -(10**300)}], "": {}}
    write_json(tmp_path / "x.json", values)
    assert read_json(tmp_path / "x.json") == values and read_json(str(tmp_path / "x.json")) == values
    (tmp_path / "x.json").write_text(json.dumps(values), encoding="utf-8-sig")  # with a byte order mark, and \u escapes in pairs
    assert read_json(tmp_path / "x.json") == values
    (tmp_path / "x.json").write_text("[1,2]")
    with pytest.raises(ValueError, match="it has 5 bytes, 4 at most"):
        read_json(tmp_path / "x.json", limit=4)
    assert read_json(tmp_path / "x.json", limit=5) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no named pipes")
def test_a_pipe_is_read_to_the_limit(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b'{"a": 1}'))
    writer.start()
    assert read_json(tmp_path / "pipe") == {"a": 1}
    writer.join()


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")
    with pytest.raises(IsADirectoryError):
        read_json(tmp_path)
