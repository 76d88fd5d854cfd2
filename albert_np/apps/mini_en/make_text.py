"""The text of a pretrained model: documents chosen by their licence, cleaned by a few rules, and mixed by register.

    ALBERT_NP_DATA=... python -m albert_np.apps.mini_en.make_text --out FOLDER

reads corpus/modern below ALBERT_NP_DATA and the table [text] of recipe.toml, and writes

    FOLDER/train.txt            one paragraph a line, a blank line between documents
    FOLDER/held_out/NAME.txt    documents of each register that are in no other file
    FOLDER/attribution.tsv      every source with its licence, documents and characters
    FOLDER/text.json            the counts of each register

The same data and the same recipe give the same bytes. The rules:

licence      a document is taken if its licence is in LICENCES (share-alike licences of Creative Commons are left out).
copies       a register's documents are written `copies` times, one after the other and without a blank line in between, so that
             all copies of a document fall on the same side of any division; below 1 it is the share of the documents.
paragraphs   are dropped if they have remains of markup, point to a figure or a list that is gone, or (in technical registers)
             if more than a tenth of their words are identifiers.
quotes       are made straight, but in an eighth of the passages, so that the curly ones are known to the vocabulary.
apart        in a quarter of the passages, signs and contractions stand apart ("it 's good , is n't it ?"), as in the data of
             many tasks, from the Penn Treebank's tokenizer.
names        the men and women of Tatoeba's sentences, nearly all called Tom and Mary, get various names.
"""

import argparse
import hashlib
import lzma
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from albert_np.io.files import write_json

HERE = Path(__file__).parent
LICENCES = re.compile(r"(CC0 1\.0|CC BY [0-9.]+|MIT|Apache-2\.0|CDLA-Sharing-1\.0|public domain)\b")
MARKUP = re.compile(r"\]\(|\(includes?/|\[!|\{\{|</|/>|:::|\$\{|&[a-z]+;")
POINTER = re.compile(
    r"\b(following|above|below|previous|next)\b[^.]{0,40}\b(figure|image|illustration|screenshot|diagram|table|code)\b", re.I
)
IDENTIFIER = re.compile(r"\w_\w|::|\w\(\)|[a-z][A-Z]|\w\.\w+\.?\w|[A-Za-z]\d|\d[A-Za-z]{2}|/\w|\w/|^[A-Z_]{4,}$")
PASSAGE = 16  # paragraphs that share a style
CURLY = str.maketrans("“”„‟‘’‚‛", "\"\"\"\"''''")
MEN = """James John Robert Michael William David Richard Joseph Thomas Charles Daniel Matthew Mark Paul Steven Andrew Peter Kevin
    Brian George Edward Jason Jeff Ryan Jack Henry Adam Ben Sam Tom Tim Alex Luke Oliver Harry Max Leo Eric Tony Carlos Ahmed Ali
    Raj Wei Ken Omar Ivan Hans Pierre Marco""".split()
WOMEN = """Mary Linda Susan Sarah Karen Lisa Nancy Emma Anna Laura Julia Emily Alice Kate Jane Helen Maria Sofia Olivia Grace Lucy
    Chloe Amy Rachel Jessica Megan Ruth Rosa Fatima Aisha Mei Yuki Priya Nina Eva Claire""".split()

CONTRACTION = re.compile(r"(?i)(?<=\w)(n't|'s|'m|'d|'re|'ve|'ll)\b")
SIGN = re.compile(r"([,;:?!()\[\]\"“”])(?![0-9])|(\.\.\.|--)|(?<=[\w'])'(?=[\s,.?!]|$)|(?<![\w'])'(?!(?:s|m|d|re|ve|ll)\b)(?=\w)")
STOP = re.compile(r"(?<=[\w)\"”'’%])\.(?=[\"”'’)\s]*$|[\"”'’)]*\s+[\"“'‘(]?[A-Z])")
ABBREVIATION = re.compile(r"(?:\b[A-Za-z]|\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|etc|No|Prof|Gen|Col|Capt|Mt))$")


def draw(*words: Any) -> float:
    """Return a number in [0, 1) that depends on the words alone."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:6], "big") / 2**48


@dataclass
class Document:
    file: str
    number: int
    source: str
    title: str
    licence: str
    paragraphs: list[str]


def read_documents(folder: Path, file: str) -> Iterator[Document]:
    """Yield the documents of FILE.txt.xz with what FILE_documents.tsv says about them."""
    lines = lzma.decompress((folder / f"{file}.txt.xz").read_bytes()).decode("utf-8").split("\n")
    with open(folder / f"{file}_documents.tsv", encoding="utf-8") as table:
        next(table)
        for row in table:
            number, first, count, _, source, title, licence = row.rstrip("\n").split("\t")
            start = int(first) - 1
            paragraphs = lines[start : start + int(count)]
            if not all(paragraphs):
                raise SystemExit(f"{file}_documents.tsv, document {number}: the text has an empty line within it")
            yield Document(file, int(number), source, title, licence, paragraphs)


def is_permissive(licence: str) -> bool:
    return LICENCES.match(licence) is not None and "BY-SA" not in licence


def is_clean(paragraph: str, technical: bool) -> bool:
    """Return whether a paragraph has no remains of markup, no pointer to what is gone, and few identifiers."""
    if MARKUP.search(paragraph):
        return False
    if not technical:
        return True
    if POINTER.search(paragraph) or paragraph.rstrip().endswith(":"):
        return False
    words = paragraph.split()
    return sum(IDENTIFIER.search(word) is not None for word in words) <= 0.1 * len(words)


def rename(sentence: str, *key: Any) -> str:
    """Give Tom and Mary other names, the same within the sentence."""
    man = MEN[int(draw("man", *key) * len(MEN))]
    woman = WOMEN[int(draw("woman", *key) * len(WOMEN))]
    return re.sub(r"\bMary\b", woman, re.sub(r"\bTom\b", man, sentence))


def set_apart(text: str) -> str:
    """Write signs and contractions as words of their own, as the Penn Treebank does: "it 's good , is n't it ?"."""
    text = text.replace("—", " -- ").replace("…", " ... ").replace("’", "'")
    text = CONTRACTION.sub(r" \1", text)
    text = STOP.sub(lambda m: "." if ABBREVIATION.search(text[: m.start()]) and text[m.end() :].strip() else " .", text)
    text = SIGN.sub(lambda m: f" {m[0]} ", text)
    return " ".join(text.split())


def restyle(paragraphs: list[str], *key: Any) -> list[str]:
    """Return the paragraphs, passage by passage in one of the styles of quotes and signs."""
    out = []
    for start in range(0, len(paragraphs), PASSAGE):
        style = draw("style", *key, start)
        for text in paragraphs[start : start + PASSAGE]:
            if style >= 0.125:
                text = text.translate(CURLY)
            out.append(set_apart(text) if style >= 0.75 else text)
    return out


def prepare(document: Document, register: dict[str, Any], copy: int) -> list[str]:
    """Return the paragraphs of one copy of a document."""
    key = document.file, document.number, copy
    technical = register.get("technical", False)
    paragraphs = [" ".join(text.split()) for text in document.paragraphs if is_clean(text, technical)]
    if register.get("rename"):
        paragraphs = [rename(text, *key, i) for i, text in enumerate(paragraphs)]
    return restyle(paragraphs, *key)


def matches(document: Document, register: dict[str, Any]) -> bool:
    return document.file in register["files"] and re.search(register.get("source", ""), document.source) is not None


def make_text(data: Path, recipe: dict[str, Any], out: Path) -> None:
    """Write the training text, the held-out documents and the list of sources."""
    (out / "held_out").mkdir(parents=True, exist_ok=True)
    most_held_out = recipe["held_out_characters"]
    sources: Counter[tuple[str, str, str]] = Counter()
    facts: dict[str, Any] = {}
    with open(out / "train.txt", "w", encoding="utf-8") as train:
        for register in recipe["register"]:
            name, copies = register["name"], register["copies"]
            share_held_out = register.get("held_out", recipe["held_out"])
            held: list[str] = []
            counts = Counter(documents=0, characters=0, written=0, left_out=0, held_out_documents=0, held_out_characters=0)
            for file in register["files"]:
                for document in read_documents(data, file):
                    if not matches(document, register):
                        continue
                    if not is_permissive(document.licence):
                        counts["left_out"] += 1
                        continue
                    identity = file, document.number
                    if draw("held-out", *identity) < share_held_out:
                        text = "\n".join(prepare(document, register, 0))
                        if text and counts["held_out_characters"] < most_held_out:
                            held.append(text[: 4 * most_held_out // 5].rpartition("\n")[0] or text)
                            counts["held_out_documents"] += 1
                            counts["held_out_characters"] += len(held[-1])
                        continue
                    if copies < 1 and draw("share", *identity) >= copies:
                        continue
                    versions = ["\n".join(prepare(document, register, copy)) for copy in range(max(1, int(copies)))]
                    if not versions[0]:
                        continue
                    train.write("\n".join(versions) + "\n\n")
                    counts["documents"] += 1
                    counts["characters"] += len(versions[0])
                    counts["written"] += sum(map(len, versions))
                    source = document.source if register.get("by_source", True) else "standardebooks/* (each title a repository)"
                    sources[source, document.licence, "documents"] += 1
                    sources[source, document.licence, "characters"] += len(versions[0])
            (out / "held_out" / f"{name}.txt").write_text("\n\n".join(held) + "\n", encoding="utf-8")
            facts[name] = dict(counts)
            print(f"{name:14}" + "".join(f"{value:>13,} {key}" for key, value in counts.items()))
    total = sum(fact["written"] for fact in facts.values())
    for fact in facts.values():
        fact["share"] = round(fact["written"] / total, 4)
    print(f"{total:,} characters")
    with open(out / "attribution.tsv", "w", encoding="utf-8") as table:
        table.write("source\tlicence\tdocuments\tcharacters\n")
        for source, licence in sorted({(source, licence) for source, licence, _ in sources}):
            numbers = (sources[source, licence, key] for key in ("documents", "characters"))
            table.write("\t".join([source, licence, *map(str, numbers)]) + "\n")
    digest = hashlib.sha256((out / "train.txt").read_bytes()).hexdigest()
    write_json(out / "text.json", {"sha256": digest, "characters": total, "registers": facts})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.toml")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if "ALBERT_NP_DATA" not in os.environ:
        raise SystemExit("ALBERT_NP_DATA must name the folder of the data, with corpus/modern in it")
    data = Path(os.environ["ALBERT_NP_DATA"]) / "corpus" / "modern"
    make_text(data, tomllib.loads(given.recipe.read_text(encoding="utf-8"))["text"], given.out)


if __name__ == "__main__":
    main()
