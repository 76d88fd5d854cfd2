"""Detect files of the wrong type, so that an error names what the file really is instead of calling it damaged."""

from pathlib import Path


def describe_type(head: bytes, wanted: str = "weights") -> str:
    """Return what a file that begins with these bytes (a few hundred) is; "" if it may be a file of the wanted type."""
    start = head.lstrip()[:64].lower()
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself: fetch it with git lfs pull"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return f"a web page (HTML), not {wanted}: the download went wrong"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive, such as torch.save writes: its name should end in .bin or .pth"
    if head.startswith(b"\x1f\x8b"):
        return "a gzip archive: unpack it, or name it .tar.gz"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "a safetensors file: its name should end in .safetensors"
    return ""


def check_type(path: Path, head: bytes, expected: str = "", wanted: str = "weights") -> None:
    """Raise ValueError if the file is empty or of another type. expected: the beginning of a description to accept."""
    if not head:
        raise ValueError(f"{path} is empty: it has 0 bytes")
    description = describe_type(head, wanted)
    if description and not (expected and description.startswith(expected)):
        raise ValueError(f"{path} is {description}")
