"""What stands under the name of a file and is something else: said by name, since "damaged" would send people the wrong way."""

from pathlib import Path


def looks_like(head: bytes, wanted: str = "weights") -> str:
    """What a file that begins with these bytes (some hundred of them) is; "" if it may be what is wanted, or a damaged file."""
    start = head.lstrip()[:64].lower()
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself: fetch it with `git lfs pull`"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return f"a web page (HTML), not {wanted}: the download went wrong"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive, such as torch.save writes: its name should end in .bin or .pth"
    if head.startswith(b"\x1f\x8b"):
        return "a gzip archive: unpack it, or name it .tar.gz"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "a safetensors file: its name should end in .safetensors"
    return ""


def check(path: Path, head: bytes, own: str = "", wanted: str = "weights") -> None:
    """ValueError if the file is empty or looks like another kind of file. own: the beginning of a message to let pass."""
    if not head:
        raise ValueError(f"{path} is empty: it has 0 bytes")
    found = looks_like(head, wanted)
    if found and not (own and found.startswith(own)):
        raise ValueError(f"{path} is {found}")
