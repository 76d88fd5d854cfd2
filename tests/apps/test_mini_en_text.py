"""The text of a pretrained model: licences, cleaning, styles, copies and held-out documents, on a corpus of a few lines."""

import lzma

import pytest

from albert_np.apps.mini_en import make_text as make


@pytest.mark.parametrize(
    ("licence", "taken"),
    [
        ("CC0 1.0", True), ("CC BY 4.0", True), ("CC BY 2.5 (Wikinews)", True), ("MIT or Apache-2.0", True), ("Apache-2.0", True),
        ("CDLA-Sharing-1.0", True), ("public domain (Unlicense)", True), ("CC BY-SA 4.0", False),
        ("CC BY-SA 3.0 (Wikipedia)", False),
        ("CC BY-NC 4.0", False), ("GPL-3.0", False), ("", False),
    ],
)  # fmt: skip
def test_licences(licence, taken):
    assert make.is_permissive(licence) == taken


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("It's good, isn't it?", "It 's good , is n't it ?"),
        ("“I’ll go,” said Mr. Smith.", "“ I 'll go , ” said Mr. Smith ."),
        ("It cost 1,000.50 dollars (or more). We left.", "It cost 1,000.50 dollars ( or more ) . We left ."),
        ("He came—late, at 5 p.m. or so.", "He came -- late , at 5 p.m. or so ."),
        ('"Stop." He ran.', '" Stop . " He ran .'),
        ("The boys' dog.", "The boys ' dog ."),
    ],
)
def test_signs_apart(text, apart):
    assert make.set_apart(text) == apart


def test_paragraphs_with_remains_are_dropped():
    assert make.is_clean("She opened the window and looked out.", technical=True)
    assert not make.is_clean("If you're new to (includes/prod_short.md)], choose it.", technical=False)
    assert not make.is_clean("This is shown in the following illustration of the parts.", technical=True)
    assert not make.is_clean("Call IUnknown::Release and m_mapDoc then.", technical=True)
    assert not make.is_clean("The steps are these:", technical=True)


def write_corpus(folder, file, documents):
    text, rows, line = [], ["number\tfirst_line\tparagraphs\tcharacters\tsource\tpath_or_title\tlicence"], 1
    for number, (paragraphs, licence) in enumerate(documents, 1):
        rows.append(f"{number}\t{line}\t{len(paragraphs)}\t0\tsomebody/{file}\ttitle {number}\t{licence}")
        text += [*paragraphs, ""]
        line += len(paragraphs) + 1
    (folder / f"{file}.txt.xz").write_bytes(lzma.compress("\n".join(text).encode()))
    (folder / f"{file}_documents.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_the_text_is_filtered_copied_and_divided(tmp_path):
    free = [([f"Document {i} tells of Tom.", f"He is here {i} times."], "CC BY 4.0") for i in range(200)]
    write_corpus(tmp_path, "some", [*free, (["Nobody may take this."], "CC BY-SA 4.0")])
    recipe = {
        "held_out": 0.1, "held_out_characters": 10**6,
        "register": [dict(name="a", files=["some"], copies=2, rename=True), dict(name="b", files=["some"], copies=0.5)],
    }  # fmt: skip
    make.make_text(tmp_path, recipe, tmp_path / "out")
    train = (tmp_path / "out" / "train.txt").read_text(encoding="utf-8")
    held = {name: (tmp_path / "out" / "held_out" / f"{name}.txt").read_text(encoding="utf-8") for name in "ab"}
    assert "Nobody" not in train + held["a"]
    documents = [document.split("\n") for document in train.strip().split("\n\n")]
    twice = [document for document in documents if len(document) == 4]
    once = [document for document in documents if len(document) == 2]
    assert 150 < len(twice) < 200 and 0.3 < len(once) / len(twice) < 0.7
    assert not any(f"{line}\n" in train for line in held["b"].splitlines() if line)
    assert 5 < len(held["b"].split("\n\n")) < 50 and "Tom" in held["b"]
    assert "CC BY 4.0" in (tmp_path / "out" / "attribution.tsv").read_text(encoding="utf-8")

    before = (tmp_path / "out" / "train.txt").read_bytes()
    make.make_text(tmp_path, recipe, tmp_path / "again")
    assert (tmp_path / "again" / "train.txt").read_bytes() == before
