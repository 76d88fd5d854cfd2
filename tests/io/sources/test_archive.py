"""Archives: what is wanted is unpacked and nothing else, and no archive leads out of the folder, fills the disk or lies."""

import gzip
import io
import json
import tarfile
import tracemalloc
import zlib
from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albert_np.io.sources import archive, local

# Google's release, member by member, with what macOS and others add
RELEASE = {
    "albert_base/model.ckpt-best.meta": b"graph " * 1000,
    "albert_base/albert_config.json": b'{"hidden_act": "gelu"}',
    "albert_base/._albert_config.json": b"what macOS keeps",
    "albert_base/model.ckpt-best.index": b"the index",
    "albert_base/model.ckpt-best.data-00000-of-00001": bytes(range(256)) * 64,
    "albert_base/checkpoint": b'model_checkpoint_path: "model.ckpt-best"',
    "albert_base/30k-clean.model": b"pieces",
    "albert_base/30k-clean.vocab": b"pieces as text",
    "albert_base/tokenizer_config.json": b"{}",
}
NEEDED = {
    "config": ["albert_config.json", "model.ckpt-best.index"],
    "tokenizer": ["30k-clean.model", "tokenizer_config.json"],
    "model": ["albert_config.json", "checkpoint", "model.ckpt-best.data-00000-of-00001", "model.ckpt-best.index"],
}


def packed(path, files, mode="w:gz", form=tarfile.GNU_FORMAT):
    """Write an archive; a value is the member's bytes, or a function that changes its header."""
    with tarfile.open(path, mode, format=form) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            if callable(data):
                data(member)
                tar.addfile(member)
            else:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


def wanted(path, what="model"):
    with local(path, what) as folder:
        return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("name, mode", [("a.tar.gz", "w:gz"), ("a.TGZ", "w:gz"), ("a.tar", "w"), ("a.tar.gz", "w")])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("what", NEEDED)
def test_what_is_needed_and_no_more(tmp_path, name, mode, form, what):
    found = wanted(packed(tmp_path / name, RELEASE, mode, form), what)
    assert sorted(found) == NEEDED[what]
    assert all(RELEASE[f"albert_base/{name}"] == data for name, data in found.items())


def test_the_folder_is_gone_afterwards(tmp_path):
    path = packed(tmp_path / "albert_base.tar.gz", RELEASE)
    with local(path, "model") as folder:
        assert folder.is_dir() and folder.name.startswith("albert_base.tar.gz.")
    assert not folder.exists()
    with pytest.raises(RuntimeError), local(path, "model") as folder:
        raise RuntimeError
    assert not folder.exists()


def test_names_that_lead_elsewhere(tmp_path, monkeypatch):
    """Only the last part of a name counts, so that nothing can be written elsewhere."""
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(inside))
    names = ["../../config.json", "/tmp/../model.safetensors", "..\\..\\x.bin", "a/../../y.pth"]
    found = wanted(packed(tmp_path / "a.tar", {name: b"{}" for name in names}, "w"))
    assert sorted(found) == ["config.json", "model.safetensors", "x.bin", "y.pth"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "inside"]


def link(kind, target="/etc/passwd"):
    def change(member):
        member.type, member.linkname = kind, target

    return change


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_what_is_wanted_must_be_a_plain_file(tmp_path, kind):
    path = packed(tmp_path / "a.tar.gz", {"a/albert_config.json": link(kind), "a/model.ckpt.index": b"x"})
    with pytest.raises(ValueError, match=r"a\.tar\.gz: its member 'a/albert_config.json' is not a plain file"):
        wanted(path)


def test_what_is_not_wanted_may_be_anything(tmp_path):
    files = {"README": link(tarfile.SYMTYPE), "checkpoint": link(tarfile.DIRTYPE), **RELEASE}
    del files["albert_base/checkpoint"]
    assert "checkpoint" not in wanted(packed(tmp_path / "a.tar.gz", files))


def test_sparse_members_are_refused(tmp_path):
    """A header of 512 bytes may claim a file of gigabytes full of holes."""
    header = bytearray(tarfile.TarInfo("config.json").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[483:495] = b"77777777777\0"  # the size that it would have: 8 GiB
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(bytes(header) + bytes(1024))
    with pytest.raises(ValueError, match="is not a plain file"):
        wanted(tmp_path / "a.tar", "config")


def test_two_files_of_one_name(tmp_path):
    path = packed(tmp_path / "a.tar.gz", {"base/albert_config.json": b"{}", "large/albert_config.json": b"{}"})
    with pytest.raises(ValueError, match=r"a\.tar\.gz: it has two files named albert_config.json, so it is unclear which one"):
        wanted(path, "config")


@pytest.mark.parametrize(
    "what, message", [("config", "no config, such as albert_config.json"), ("tokenizer", "no tokenizer"), ("model", "no config")]
)
def test_what_an_archive_lacks_is_said(tmp_path, what, message):
    with pytest.raises(FileNotFoundError, match=rf"a\.tar\.gz holds {message}.*its files are README, x\.meta$"):
        wanted(packed(tmp_path / "a.tar.gz", {"README": b"", "x.meta": b""}), what)
    with pytest.raises(FileNotFoundError, match=r"holds no weights: its files are albert_config\.json, x\.meta"):
        wanted(packed(tmp_path / "b.tar.gz", {"albert_config.json": b"{}", "x.meta": b""}), "model")
    with pytest.raises(FileNotFoundError, match=r"holds no weights: its files are config\.json, task\.json"):
        wanted(packed(tmp_path / "c.tar.gz", {"config.json": b"{}", "task.json": b"{}"}), "model")


def test_the_task_of_a_trained_model_comes_with_its_weights(tmp_path):
    path = packed(tmp_path / "a.tar.gz", {"a/config.json": b"{}", "a/model.safetensors": b"w", "a/task.json": b"{}"})
    assert sorted(wanted(path)) == ["config.json", "model.safetensors", "task.json"]
    assert sorted(wanted(path, "config")) == ["config.json"]


@pytest.mark.parametrize("wants", ["model.ckpt.data-00000-of-00001", "junk.meta"])
def test_bombs_are_refused_whether_wanted_or_passed_over(tmp_path, wants, monkeypatch):
    """Zeros that shrink a thousandfold: 30 MB from 30 kB. The floor is lowered so that the test is quick."""
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED", 1 << 20)
    path = packed(tmp_path / "bomb.tar.gz", {wants: bytes(30 << 20), **RELEASE})
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"bomb.tar.gz unpacks to more than 1 MiB, 20 times its size: refused"):
        wanted(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_sizes_that_are_only_claimed(tmp_path):
    """A member of 8 GiB, of an archive of a kilobyte; and one that is claimed to be a little longer than it is."""
    for size, message in ((8 << 30, "unpacks to more than 64 MiB"), (5000, "damaged or cut short: unexpected end of data")):
        member = tarfile.TarInfo("config.json")
        member.size = size
        (tmp_path / "a.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
        with pytest.raises(ValueError, match=rf"a\.tar.* {message}"):
            wanted(tmp_path / "a.tar", "config")


def test_a_negative_size_does_not_go_round_for_ever(tmp_path):
    """Python's tarfile went back to the same header again and again (CVE-2025-8194)."""
    member = tarfile.TarInfo("README")
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1024 in base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(bytes(header) + bytes(2048))
    with pytest.raises(ValueError, match=r"a\.tar is not a tar archive, or damaged"):
        wanted(tmp_path / "a.tar", "config")


def test_a_full_disk_is_said_before_anything_is_written(tmp_path, monkeypatch):
    path = packed(tmp_path / "a.tar.gz", RELEASE)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda folder: namedtuple("Usage", "free")(10))
    with pytest.raises(OSError, match=r"a\.tar\.gz needs 22 bytes for albert_config.json, and .* has 10: set TMPDIR"):
        wanted(path)


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 20)
    with pytest.raises(ValueError, match="more than 20 members"):
        wanted(packed(tmp_path / "a.tar.gz", {str(i): link(tarfile.DIRTYPE) for i in range(21)}))


def test_other_files_under_the_name_of_an_archive(tmp_path):
    cases = {
        b"": "is empty",
        b"<html>404</html>": "is a web page .HTML., not an archive",
        b"version https://git-lfs.github.com/spec/v1": "is a Git LFS pointer",
        b"PK\x03\x04": "is a zip archive",
        b"no archive" * 100: "is not a tar archive, or damaged",
        gzip.compress(b"no tar" * 1000): "is not a tar archive, or damaged",
        gzip.compress(b""): "is not a tar archive, or damaged",
    }
    for data, message in cases.items():
        (tmp_path / "x.tar.gz").write_bytes(data)
        with pytest.raises(ValueError, match=rf"x\.tar\.gz {message}"):
            wanted(tmp_path / "x.tar.gz")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_every_cut_is_noticed(tmp_path, mode):
    whole = packed(tmp_path / "whole.tar", RELEASE, mode).read_bytes()
    last = len(whole) - 1
    if mode == "w":  # an archive that lacks some of the padding after its end mark, one block of zeros, is still whole
        last = -(-len(whole.rstrip(b"\0")) // 512) * 512 + 511
    for cut in {*range(0, last, 997), *range(0, last, 512), last}:
        (tmp_path / "cut.tar").write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"cut\.tar"):
            wanted(tmp_path / "cut.tar")


@settings(max_examples=200)
@given(data=st.data())
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_any_damage_gives_an_error_or_the_right_files(tmp_path_factory, mode, data):
    """gzip has a checksum: whatever passes it is whole. A bare tar protects its headers alone, so its files may differ."""
    folder = tmp_path_factory.getbasetemp()
    good = bytearray(packed(folder / "good.tar", {name: RELEASE[name] for name in [*RELEASE][1:6]}, mode).read_bytes())
    at = data.draw(st.integers(0, len(good) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "insert", "lose"]))
    if change == "flip":
        good[at] ^= data.draw(st.integers(1, 255))
    elif change == "insert":
        good[at:at] = data.draw(st.binary(min_size=1, max_size=3))
    else:
        del good[at : at + 1 if change == "lose" else None]
    (folder / "damaged.tar").write_bytes(good)
    try:
        found = wanted(folder / "damaged.tar")
    except (ValueError, FileNotFoundError) as error:
        assert "damaged.tar" in str(error) and len(str(error)) < 1000
    else:
        assert all(archive.is_wanted(name, "model") for name in found)
        if mode == "w:gz":
            assert found == {name: RELEASE[f"albert_base/{name}"] for name in NEEDED["model"]}


def test_damage_behind_the_last_member_is_noticed(tmp_path):
    """The checksum stands at the end of the file, behind all that is wanted."""
    path = packed(tmp_path / "a.tar.gz", RELEASE)
    data = bytearray(path.read_bytes())
    assert int.from_bytes(data[-8:-4], "little") == zlib.crc32(gzip.decompress(data))
    data[-6] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged or cut short: CRC check failed"):
        wanted(path)


def test_a_real_config_in_an_archive(tmp_path):
    path = packed(
        tmp_path / "a.tgz", {"x/albert_config_tiny.json": json.dumps({"a": 1}).encode(), "x/vocab_chinese.txt": b"[PAD]"}
    )
    assert wanted(path, "config") == {"albert_config_tiny.json": b'{"a": 1}'}
    assert wanted(path, "tokenizer") == {"vocab_chinese.txt": b"[PAD]"}
