"""The folders of RACE, and the XML in which COPA was published."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from albert_np.data.formats.lines import FilePath, get_suffix, parse_json_or_lines, read_text
from albert_np.data.formats.summary import FileSummary, count_noun
from albert_np.io.files import DataError

LEVELS = ("middle", "high")  # RACE's folders, in Google's order
PARTS = ("train", "dev", "test")
COPA_LABEL = "most-plausible-alternative"

Rows = list[tuple[str, Any]]


def read_race_files(folder: Path, summary: FileSummary) -> Rows:
    """Return (position, object) of each .txt in a folder, or in its folders middle and high.

    Raises ValueError that names the folder if it has none, or if it is RACE's own, with a folder for each part.
    """
    levels = [folder / level for level in LEVELS if (folder / level).is_dir()]
    paths = [path for place in levels or [folder] for path in list_texts(place)]
    if not paths:
        parts = [part for part in PARTS if (folder / part).is_dir()]
        if parts:
            raise ValueError(f"{folder} has the parts {', '.join(parts)}: name one of them, such as {folder / parts[0]}")
        raise DataError(f"{folder}: expected .txt files in it, or in its folders middle and high, as RACE has them")
    rows = [row for path in paths for row in read_race_file(path, path.relative_to(folder))]
    summary.format = f"RACE, {count_noun(len(paths), 'file')}" + (f" in {' and '.join(p.name for p in levels)}" if levels else "")
    return [(f"{folder}: {place}", value) for place, value in rows]


def list_texts(folder: Path) -> list[Path]:
    """Return the .txt files of a folder in the order of their numbers, without hidden ones."""
    paths = [path for path in folder.iterdir() if path.suffix == ".txt" and not path.name.startswith(".") and path.is_file()]
    return sorted(paths, key=lambda path: split_digits(path.name))


def split_digits(name: str) -> list[tuple[int, str]]:
    """Return the parts of a name, numbers and the texts between them, so that 10 is behind 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"[0-9]{1,15}|[^0-9]+", name)]


def read_race_file(path: Path, place: Path) -> Rows:
    """Return (position in the folder, object) of a file that has one object, or one on each line."""
    text = read_text(path)
    if text.lstrip()[:1] != "{":
        raise DataError(f"{path}: expected a JSON object, as RACE has them, got {text.strip()[:40]!r}")
    level = path.parent.name
    values = [value for _, value in parse_json_or_lines(path, text)]
    if level in LEVELS:  # which the id may lack
        values = [{**value, "folder": level} if isinstance(value, dict) else value for value in values]
    return [(str(place), value) for value in values]


def is_xml(path: FilePath, start: str) -> bool:
    """Return whether a file is XML, by its suffix or its first character."""
    return get_suffix(path) == ".xml" or start == "<"


def read_copa_xml(path: FilePath, text: str, summary: FileSummary) -> Rows:
    """Return (position, object as in COPA's JSON) of each item.

    Entities are not read: DataError that names the file for a document that declares any, and for one that is not COPA's.
    """
    if "<!ENTITY" in text:
        raise DataError(f"{path}: it declares entities, which are not read")
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff \t\r\n"))
    except ElementTree.ParseError as error:
        raise DataError(f"{path}:{error.position[0]}: it is not valid XML: {str(error).partition(':')[0]}") from None
    except (ValueError, LookupError, RecursionError) as error:  # an unknown encoding
        raise DataError(f"{path}: it is not valid XML: {' '.join(str(error).split())}") from None
    items = root.findall("item")
    if not items:
        raise DataError(f"{path}: expected <item> elements with <p>, <a1> and <a2>, as COPA has them, below <{root.tag[:40]}>")
    summary.format, summary.position = "XML as in COPA", "item"
    return [(f"{path}: item {i}", parse_item(item, f"{path}: item {i}")) for i, item in enumerate(items, start=1)]


def parse_item(item: ElementTree.Element, position: str) -> dict[str, Any]:
    """Return the object of an item. DataError that names the position if it lacks a part."""
    texts = {}
    for tag, key in (("p", "premise"), ("a1", "choice1"), ("a2", "choice2")):
        element = item.find(tag)
        if element is None:
            raise DataError(f"{position}: <{tag}> is missing; got {', '.join(f'<{each.tag[:40]}>' for each in item)}")
        texts[key] = " ".join("".join(element.itertext()).split())
    label = item.get(COPA_LABEL)
    number = {"1": 0, "2": 1}.get(str(label).strip())  # counted from 1 here, and from 0 in JSON
    if label is not None and number is None and label.strip():
        raise DataError(f"{position}: {COPA_LABEL!r} must be 1 or 2, not {label[:40]!r}")
    asked = item.get("asks-for")
    return {**texts, "question": asked, "label": number, **({"id": item.get("id")} if item.get("id") else {})}
