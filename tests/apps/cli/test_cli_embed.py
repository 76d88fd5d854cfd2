"""albert-np embed: files of texts in, files of vectors, neighbours, matrices, maps and scores out."""

import io
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab
from albert_np.apps.cli import main

PEOPLE, PLACES = "Anna Bela Carl Dora Emil".split(), "Paris Rome Oslo Lima".split()
TEXTS = [f"{who} is in {where} now." for who in PEOPLE for where in PLACES]
SIZES = dict(
    embedding_size=8, hidden_size=12, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
    max_position_embeddings=32, initializer_range=0.1,
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from albert_np.text import AlbertTokenizer, train_tokenizer

    folder = tmp_path_factory.mktemp("model")
    train_tokenizer(TEXTS * 5, folder / "spiece.model", 30)
    tokenizer = AlbertTokenizer(folder / "spiece.model")
    tokenizer.save_pretrained(folder)
    ab.AlbertForPreTraining(ab.AlbertConfig(vocab_size=len(tokenizer), **SIZES), seed=1).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def expected(model):
    return ab.Embedder.from_pretrained(model, progress=False).encode(TEXTS)


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def run(model, capsys):
    def embed(*arguments, code=0):
        assert main(["embed", "--model", str(model), *map(str, arguments)]) == code
        return capsys.readouterr()

    return embed


def test_vectors_as_npy(run, lines, tmp_path, expected):
    done = run(lines, "--out", tmp_path / "new" / "v.npy")
    np.testing.assert_allclose(np.load(tmp_path / "new" / "v.npy"), expected, rtol=0, atol=1e-6)
    assert done.out == f"{tmp_path / 'new' / 'v.npy'}: 20 vectors of 12 numbers\n"
    assert done.err == f"{lines}: plain text; 20 texts\n"
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["v.npy"]  # no temporary file
    assert run(lines, "--out", tmp_path / "v.npy", "--quiet") == ("", "")


def test_vectors_as_jsonl_are_exact(run, lines, tmp_path):
    run(lines, "--out", tmp_path / "v.jsonl")
    run(lines, "--out", tmp_path / "v.npy")
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == TEXTS
    assert np.array_equal(np.array([row["vector"] for row in rows], np.float32), np.load(tmp_path / "v.npy"))


CUT = pytest.mark.filterwarnings("always:.*longer than max_length")  # printed as a note


@CUT
def test_options_of_the_vectors(run, lines, tmp_path, model):
    run(lines, "--out", tmp_path / "v.npy", "--pooling", "cls", "--layer", "1", "--normalize", "--max-length", "4")
    with pytest.warns(UserWarning, match="cut"):
        texts = ab.Embedder.from_pretrained(model, pooling="cls", layer=1, normalize=True, max_length=4).encode(TEXTS)
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), texts, rtol=0, atol=1e-6)


@CUT
def test_texts_that_are_cut_are_one_note(run, lines, tmp_path):
    notes = [line for line in run(lines, "--out", tmp_path / "v.npy", "--max-length", "4").err.splitlines() if "note" in line]
    assert notes == ["albert-np: note: 20 of 20 texts are longer than max_length 4 tokens: cut; set --max-length for more"]


def test_neighbours(run, lines, expected):
    done = run(lines, "--nearest", TEXTS[6], "--nearest", "Oslo", "--top", "3")
    printed = done.out.splitlines()
    assert printed[0] == f"nearest to {TEXTS[6]!r}" and printed[4] == "nearest to 'Oslo'" and len(printed) == 8
    assert printed[1] == f"  1.000  line 7       {TEXTS[6]}"
    found = json.loads(run(lines, "--nearest", TEXTS[6], "--top", "30", "--json").out)["nearest"][0]
    assert found["query"] == TEXTS[6] and len(found["neighbours"]) == 20
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    cosines = unit @ unit[6]
    assert [each["similarity"] for each in found["neighbours"]] == pytest.approx(sorted(cosines, reverse=True), abs=1e-5)
    for each in found["neighbours"]:
        assert each["text"] == TEXTS[each["index"]] and each["line"] == each["index"] + 1
        assert each["similarity"] == pytest.approx(cosines[each["index"]], abs=1e-5)


def test_a_blank_line_has_a_vector_but_is_not_found(run, tmp_path, expected):
    (tmp_path / "t.txt").write_text(f"{TEXTS[0]}\n\n{TEXTS[1]}\n", encoding="utf-8")
    done = run(
        tmp_path / "t.txt", "--out", tmp_path / "v.npy", "--nearest", "Anna", "--top", "5", "--project", tmp_path / "p.png"
    )
    assert np.allclose(np.load(tmp_path / "v.npy")[[0, 2]], expected[:2], atol=1e-6)
    assert "3 texts; 1 blank, taken for empty texts (first: line 2)" in done.err
    assert len(re.findall(r"^ +[-.\d]+  line \d", done.out, re.MULTILINE)) == 2 and "a map of 2 texts" in done.out


def test_the_matrix(run, tmp_path, expected):
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    (tmp_path / "t.txt").write_text("\n".join(TEXTS[:3]), encoding="utf-8")
    printed = run(tmp_path / "t.txt", "--similarity").out.splitlines()
    assert printed[0].split() == ["line", "1", "2", "3"] and printed[2].endswith(TEXTS[1])
    shown = [[float(x) for x in line.split()[1:4]] for line in printed[1:]]
    np.testing.assert_allclose(shown, unit[:3] @ unit[:3].T, rtol=0, atol=0.0051)
    for name, delimiter in (("m.csv", ","), ("m.tsv", "\t")):
        run(tmp_path / "t.txt", "--similarity-out", tmp_path / name)
        np.testing.assert_allclose(np.loadtxt(tmp_path / name, delimiter=delimiter), unit[:3] @ unit[:3].T, rtol=0, atol=1e-5)
    run(tmp_path / "t.txt", "--similarity-out", tmp_path / "m.npy")
    np.testing.assert_allclose(np.load(tmp_path / "m.npy"), unit[:3] @ unit[:3].T, rtol=0, atol=1e-5)
    found = json.loads(run(tmp_path / "t.txt", "--similarity", "--json").out)
    np.testing.assert_allclose(found["similarity"], unit[:3] @ unit[:3].T, rtol=0, atol=1e-5)


def test_a_column_of_a_table(run, tmp_path, expected):
    rows = [f"{i}\t{text}\t{text.split()[-2]}" for i, text in enumerate(TEXTS)]
    (tmp_path / "t.tsv").write_text("\n".join(["number\tsentence\ttown", *rows]), encoding="utf-8")
    done = run(tmp_path / "t.tsv", "--nearest", TEXTS[3], "--top", "1")
    assert done.out.splitlines()[1] == f"  1.000  line 5       {TEXTS[3]}" and "text = sentence" in done.err
    run(tmp_path / "t.tsv", "--out", tmp_path / "v.npy", "-o", "text=2")
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), expected, rtol=0, atol=1e-6)
    done = run(tmp_path / "t.tsv", "--project", tmp_path / "p.png", "-o", "label=town")
    assert "label = town" in done.err and (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    objects = [json.dumps({"id": f"x{i}", "text": text}) for i, text in enumerate(TEXTS)]
    (tmp_path / "t.jsonl").write_text("\n".join(objects), encoding="utf-8")
    assert "row 4 " in run(tmp_path / "t.jsonl", "--nearest", TEXTS[3], "--top", "1").out  # the ids are texts of the file's own


def test_standard_input(run, monkeypatch, expected):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(TEXTS[:2]).encode())))
    result = json.loads(run("-", "--json").out)
    assert result["texts"] == 2 and result["width"] == 12 and result["pooling"] == "mean" and result["layer"] == -1
    np.testing.assert_allclose([each["vector"] for each in result["vectors"]], expected[:2], rtol=0, atol=1e-6)
    assert [each["text"] for each in result["vectors"]] == TEXTS[:2]


def test_the_map_as_json(run, lines, tmp_path):
    found = json.loads(run(lines, "--project", tmp_path / "p.png", "--json").out)["project"]
    assert found["file"] == str(tmp_path / "p.png") and [each["index"] for each in found["points"]] == list(range(20))
    assert 0 < found["shares"][1] <= found["shares"][0] < 1 and "vectors" not in found


def test_a_map_of_equal_vectors_is_one_point(run, tmp_path):
    (tmp_path / "same.txt").write_text("Anna is in Oslo now.\n" * 3)
    done = run(tmp_path / "same.txt", "--project", tmp_path / "map.png", "--json")
    assert "note: all 3 texts of the map have the same vector" in done.err
    result = json.loads(done.out)["project"]
    assert result["shares"] == [0, 0] and all(point["x"] == point["y"] == 0 for point in result["points"])


def test_the_file_that_is_read_is_not_overwritten(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text, option in (
        ("a.jsonl", json.dumps({"text": "Anna", "id": 7}) + "\n", "--out"),
        ("a.csv", "text,label\nAnna,1\n", "--similarity-out"),
    ):
        Path(name).write_text(text)
        assert (
            f"{option}: {tmp_path / name} is the file that is read; choose another name"
            in run(name, option, tmp_path / name, code=2).err
        )
        assert Path(name).read_text() == text
    run("a.jsonl", "--out", "b.jsonl")


def test_human_scores(run, tmp_path, model):
    rows = [f"{TEXTS[i]}\t{TEXTS[i * 3 % 20]}\t{i % 5}.0" for i in range(20)]
    (tmp_path / "sts.tsv").write_text("\n".join(["sentence1\tsentence2\tscore", *rows]), encoding="utf-8")
    embedder = ab.Embedder.from_pretrained(model, progress=False)
    expected = embedder.score_sts([(TEXTS[i], TEXTS[i * 3 % 20]) for i in range(20)], [i % 5 for i in range(20)])
    done = run(tmp_path / "sts.tsv", "--sts")
    assert done.out == f"spearman  {expected['spearman']:.4f}\npearson   {expected['pearson']:.4f}\n"
    assert "pair = sentence2, label = score; 20 pairs" in done.err
    assert json.loads(run(tmp_path / "sts.tsv", "--sts", "--json").out)["sts"] == {"pairs": 20, **expected}


def test_what_cannot_be_read_or_written(fails, lines, tmp_path, model):
    def line(file, *arguments, code=2):
        return fails("embed", "--model", model, file, *arguments, code=code)

    (tmp_path / "empty.txt").touch()
    (tmp_path / "blank.txt").write_text("\n \n")
    (tmp_path / "table.tsv").write_text("a\tb\tc\n1\t2\t3\n")
    (tmp_path / "scores.tsv").write_text("sentence1\tsentence2\tscore\na\tb\t1\nc\td\tgood\n")
    (tmp_path / "one.tsv").write_text("sentence1\tsentence2\tscore\na\tb\t1\n")
    (tmp_path / "latin.txt").write_bytes("Köln\n".encode("latin-1"))
    assert "say what to do with the vectors: store them (--out" in line(lines)
    assert "empty.txt: there is no text in it" in line(tmp_path / "empty.txt", "--json", code=1)
    assert "blank.txt: there is no text in it, only blank lines" in line(tmp_path / "blank.txt", "--json", code=1)
    assert "latin.txt:1: it must be UTF-8" in line(tmp_path / "latin.txt", "--json", code=1)
    assert "No such file" in line(tmp_path / "missing.txt", "--json")
    assert "Is a directory" in line(tmp_path, "--json")
    assert "has a usual name for a text: name it (-o text=...)" in line(tmp_path / "table.tsv", "--json", "-o", "header=true")
    assert "--out: expected the name of a file that ends in .npy or .jsonl" in line(lines, "--out", tmp_path / "v.txt")
    (tmp_path / "folder.npy").mkdir()
    assert "folder.npy is a folder" in line(lines, "--out", tmp_path / "folder.npy")
    same = tmp_path / "v.npy"
    assert "are the same file" in line(lines, "--out", same, "--similarity-out", same)
    assert "embed has no option 'texte'" in line(lines, "--json", "-o", "texte=1")
    assert "columns are options of tables" in line(lines, "--json", "-o", "text=1")
    assert "labels are used by --project and --sts alone" in line(lines, "--json", "-o", "label=1")
    assert "goes with none of the other results" in line(lines, "--sts", "--out", same)
    assert "has no column that is recognised as a second text" in line(lines, "--sts", code=1)
    assert "'score' of the row 3 must be a number, not 'good'" in line(tmp_path / "scores.tsv", "--sts", code=1)
    assert "it has one pair with a score" in line(tmp_path / "one.tsv", "--sts", code=1)
    assert "from a file, not from standard input" in line("-", "--sts")
    with_no_model = fails("embed", "--model", tmp_path / "nothing", lines, "--quiet", "--json")
    assert "there is no file or folder" in with_no_model and "nothing" in with_no_model
    assert "--nearest: the text is empty" in line(lines, "--nearest", " ")
    assert not same.exists()


def test_what_does_not_fit_the_model(run, lines, tmp_path):
    many = tmp_path / "many.txt"
    many.write_text("\n".join(TEXTS * 2))
    for arguments, message in (
        ((lines, "--json", "--pooling", "max"), "pooling: expected one of mean, cls, pooler, got 'max'"),
        ((lines, "--json", "--layer", "4"), "layer: expected 0 (the embeddings) to 3, or -1 to -4 from the end, got 4"),
        ((lines, "--json", "--max-length", "33"), "max_length: the model has 32 positions, got 33"),
        ((many, "--similarity"), "the similarities of 40 texts are too many to print (20 at most): store them with --sim"),
    ):
        done = run(*arguments, code=2)
        assert done.out == "" and done.err.splitlines()[-1].startswith(f"albert-np: {message}")
    (tmp_path / "one.txt").write_text("one\n")
    assert "--project needs two texts or more" in run(tmp_path / "one.txt", "--project", tmp_path / "p.png", code=2).err


def test_control_characters_do_not_reach_the_terminal(run, tmp_path):
    (tmp_path / "t.txt").write_text("Anna \x1b[31mis red\n" + TEXTS[1], encoding="utf-8")
    out = run(tmp_path / "t.txt", "--nearest", "Anna", "--similarity").out
    assert "\x1b" not in out and "\\x1b[31mis red" in out


PAGE = Path(__file__).parents[3] / "docs" / "embeddings.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="there is no docs/ beside the tests: they run from a copy")
@pytest.mark.filterwarnings("always:the font of the figures")
def test_the_commands_of_the_page_run(model, tmp_path, monkeypatch, capsys):
    """Each with the files that it names: `cat FILE |` is standard input."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model, tmp_path / "runs" / "first")
    (tmp_path / "sentences.txt").write_text("\n".join(TEXTS[:9]), encoding="utf-8")
    (tmp_path / "reviews.tsv").write_text("\n".join(["text\tlabel", *(f"{t}\t{t[:4]}" for t in TEXTS)]), encoding="utf-8")
    rows = [f"{a}\t{b}\t{i % 5}" for i, (a, b) in enumerate(zip(TEXTS, TEXTS[3:]))]
    (tmp_path / "sts-dev.tsv").write_text("\n".join(["sentence1\tsentence2\tscore", *rows]), encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for language, block in blocks if not language for line in block.splitlines()]
    commands = [line.split(" | ") for line in lines if "albert-np embed" in line]
    assert len(commands) == 8
    for *before, command in commands:
        given = (tmp_path / before[0].split()[1]).read_bytes() if before else b""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        assert main(shlex.split(command)[1:]) == 0, (command, capsys.readouterr().err)
    assert {"vectors.npy", "vectors.jsonl", "similarity.csv", "map.png"} <= {path.name for path in tmp_path.iterdir()}
