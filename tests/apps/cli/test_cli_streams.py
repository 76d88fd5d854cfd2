"""Output in encodings that lack some characters, texts from outside in others, closed streams, and the exit codes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import stories

from albert_np.apps import cli
from albert_np.apps.cli import main
from albert_np.io.files import DataError, read_json, write_json

pytestmark = pytest.mark.filterwarnings("ignore:the font of the figures", "always:.*could not be drawn")

TINY = (
    "--config tiny --num-hidden-layers 1 --hidden-size 8 --embedding-size 8 --intermediate-size 8 --num-attention-heads 2".split()
)
SMALL = [*TINY, "--epochs", "1", "--vocab-size", "60"]
PRETRAIN = [*TINY, "--steps", "1", "--vocab-size", "60", "--held-out", "0.2", "--max-length", "32"]
WORDS = "价格 naïve ½€ Ünï".split()
ENCODINGS = ["ascii", "cp1252", "cp932", "latin-1", "utf-16", "utf-8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files, models and names of files with characters that most encodings lack."""
    folder = tmp_path_factory.mktemp("streams") / "模型 ½"
    folder.mkdir()
    said = [(WORDS[i % 4], WORDS[i % 3]) for i in range(12)]
    write = {
        "text.tsv": "text\tlabel\n" + "".join(f"{a} is in {b} .\t{'价' if i % 2 else 'ø'}\n" for i, (a, b) in enumerate(said)),
        "words.conll": "".join(f"{a}\tB-人\nis\tO\n\n" for a, _ in said),
        "pairs.tsv": "".join(f"{a} is {b}\t{b} ist {a}\n" for a, b in said),
        "book.txt": stories.TEXT.replace("cat", "价格"),
        "questions.jsonl": "".join(
            json.dumps({"id": str(i), "question": f"Where is {a}?", "context": f"{a} is in {b}.",
                        "answers": {"text": [b], "answer_start": [len(a) + 7]}}) + "\n" for i, (a, b) in enumerate(said)
        ),
        "sweep.toml": "title = \"$x_价$\"\nseeds = [0]\n[pretrain]\nsteps = 1\n[grid]\nsharing = ['all', 'none']\n",
    }  # fmt: skip
    for name, text in write.items():
        (folder / name).write_text(text, encoding="utf-8")
    for task, file, out in (
        ("classification", "text.tsv", "c"), ("ner", "words.conll", "n"), ("question-answering", "questions.jsonl", "q"),
    ):  # fmt: skip
        given = ["--train", str(folder / file), "--dev", str(folder / file), "--out", str(folder / out)]
        assert main(["finetune", task, *given, *SMALL, "--quiet"]) == 0
    assert main(["finetune", "translation", "--train", str(folder / "pairs.tsv"), "--out", str(folder / "t"), *SMALL, "-q"]) == 0
    assert main(["pretrain", str(folder / "book.txt"), "--out", str(folder / "p"), *PRETRAIN, "--quiet"]) == 0
    return folder


COMMANDS = {
    "predict, JSON": "predict classification --json --model {f}/c|价 is here|x",
    "predict": "predict ner --model {f}/n|价格 is in ½€",
    "predict a file": "predict classification --model {f}/c --file|{f}/text.tsv",
    "evaluate": "evaluate classification --model {f}/c|{f}/text.tsv",
    "evaluate, JSON": "evaluate classification --json --model {f}/c|{f}/text.tsv",
    "ask": "ask --model {f}/q --n-best 2 --context|{f}/book.txt|Where is 价格?",
    "ask, JSON": "ask --json --model {f}/q --context|{f}/book.txt|Where is 价格?",
    "translate": "translate --model {f}/t --beams 2|价格 is ½€",
    "translate, JSON": "translate --json --model {f}/t|价格 is ½€",
    "fill-mask": "fill-mask --model {f}/p|The [MASK] is 价格.",
    "fill-mask, JSON": "fill-mask --json --model {f}/p|The [MASK] is 价格.",
    "info": "info|{f}/c",
    "info, JSON": "info --json|{f}/c",
    "sampler": "info --sampler|{f}/p",
    "gradcheck": "gradcheck --only pooler",
    "convert": "convert|{f}/c|{o}/价",
    "compress": "compress --weights int8 --model {f}/c --out|{o}/价",
    "tokenizer": "tokenizer train --vocab-size 60 --out {o}/价|{f}/book.txt",
    "finetune": "finetune classification --train {f}/text.tsv --dev {f}/text.tsv --out {o}/价|" + "|".join(SMALL),
    "finetune, JSON": "finetune classification --json --train {f}/text.tsv --dev {f}/text.tsv --out {o}/价|" + "|".join(SMALL),
    "pretrain": "pretrain --out {o}/价|{f}/book.txt|" + "|".join(PRETRAIN),
    "sweep --show": "sweep --show|{f}/sweep.toml",
    "sweep --dry-run": "sweep --dry-run|{f}/sweep.toml",
    "sweep --list": "sweep --list",
    "help": "pretrain --help",
    "an error": "info|{f}/nothing 价",
    "an error in a file": "predict classification --model|{f}",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", COMMANDS)
def test_no_encoding_stops_a_command(folder, tmp_path, monkeypatch, name, encoding):
    """Arguments are separated by "|" where one may have blanks. (Help in ASCII is click's, which takes it for UTF-8.)"""
    start, *rest = COMMANDS[name].split("|")
    arguments = [each.format(f=folder, o=tmp_path) for each in [*start.split(" "), *rest]]
    streams = {which: io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for which in ("stdout", "stderr")}
    for which, stream in streams.items():
        monkeypatch.setattr(sys, which, stream)
    expected = {"an error": 2, "an error in a file": 1}.get(name, 0)
    code = main(arguments)
    monkeypatch.undo()
    out, err = (
        stream.buffer.getvalue().decode(encoding, "replace" if name == "help" else "strict") for stream in streams.values()
    )
    assert code == expected, err
    assert "this is a bug" not in err and "codec" not in err
    if "JSON" in name:
        values = [json.loads(line) for line in out.splitlines()]
        assert values and ("价" in json.dumps(values, ensure_ascii=False) or name in ("evaluate, JSON",))
        assert encoding.startswith("utf") or out.isascii()
    if encoding == "utf-8":
        assert "\\u" not in out + err and "\\x" not in out + err


def start(*arguments: object, **options) -> subprocess.CompletedProcess:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    return subprocess.run([sys.executable, "-m", "albert_np", *arguments], capture_output=True, env=environment, **options)


def test_texts_are_utf_8_whatever_the_locale(folder):
    copy = folder.parent / "c"  # the locale has no name for the folder itself
    if not copy.exists():
        copy.symlink_to(folder / "c")
    done = start("predict", "classification", "--json", "--model", copy, "价 is here".encode())
    assert json.loads(done.stdout)["text"] == "价 is here" and b"\\u4ef7" in done.stdout
    done = start("predict", "classification", "--json", "--model", copy, b"caf\xe9")
    assert done.returncode == 2 and done.stderr == b"albert-np: TEXT must be UTF-8, not 'caf\\udce9'\n"
    done = start("predict", "classification", "--json", "--model", copy, input="\ufeff价 one\r\ntwo\n".encode())
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["价 one", "two"]
    done = start("predict", "classification", "--model", copy, input=b"one\ncaf\xe9\n")
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr == b"albert-np: standard input, line 2: it must be UTF-8, and byte 0xe9 is not\n"


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX systems only")
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names of files")
def test_names_of_files_that_are_not_utf_8(folder, tmp_path, capsys):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    (odd / "text.tsv").write_bytes((folder / "text.tsv").read_bytes())
    given = ["--train", str(odd / "text.tsv"), "--dev", str(odd / "text.tsv"), "--out", str(odd / "m")]
    assert main(["finetune", "classification", *given, *SMALL]) == 0
    assert main(["finetune", "classification", "--resume", "--out", str(odd / "m"), "--quiet"]) == 0
    assert main(["info", str(odd / "m"), "--json"]) == 0
    capsys.readouterr()
    write_json(tmp_path / "names.json", [str(odd)])
    assert read_json(tmp_path / "names.json", file_names=True) == [str(odd)]
    with pytest.raises(DataError, match="half of a surrogate pair"):
        read_json(tmp_path / "names.json")


@pytest.mark.parametrize("closed", [("stdout",), ("stderr",), ("stdin", "stdout", "stderr")])
def test_streams_that_were_never_open(folder, monkeypatch, closed):
    for which in closed:
        monkeypatch.setattr(sys, which, None)
    codes = [
        main(["info", "tiny"]),
        main(["info", "nothing"]),
        main(["predict", "ner", "--model", str(folder / "n"), "--json", "x"]),
    ]
    if "stdin" in closed:
        codes.append(main(["predict", "ner", "--model", str(folder / "n")]))
    monkeypatch.undo()
    assert codes[:3] == [0, 2, 0] and codes[3:] in ([], [2])  # there is no text


def test_the_contents_of_a_file_are_no_wrong_usage(folder, tmp_path, fails):
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("config.json", "task.json", "sweep.toml", "data.jsonl"):
        (broken / name).write_text("{")
    train = ["finetune", "classification", "--out", tmp_path / "out", *SMALL, "--train"]
    assert "not valid JSON" in fails(*train, broken / "data.jsonl", code=1)
    assert "no-file.jsonl" in fails(*train, broken / "no-file.jsonl", code=2)
    assert "not valid JSON" in fails("predict", "ner", "--model", broken, "x", code=1)
    assert "there is no folder" in fails("predict", "ner", "--model", tmp_path / "no-folder", "x", code=2)
    assert "trained for the task" in fails("predict", "ner", "--model", folder / "c", "x", code=2)
    assert "not valid JSON" in fails("info", broken / "config.json", code=1)
    assert "not valid TOML" in fails("sweep", broken / "sweep.toml", code=1)
    assert "there is no file" in fails("sweep", broken / "no-sweep.toml", code=2)
    assert "no weights in" in fails("fill-mask", "--model", with_only_a_config(folder, tmp_path), "[MASK]", code=1)


def with_only_a_config(folder: Path, tmp_path: Path) -> Path:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "spiece.model", "tokenizer_config.json"):
        (bare / name).write_bytes((folder / "p" / name).read_bytes())
    return bare


def test_too_little_memory(folder, tmp_path, monkeypatch, fails):
    """The advice is given where it helps: in a step of training."""
    from albert_np.engine import precision

    def fail(*arguments, **options):
        raise MemoryError("Unable to allocate 17.9 GiB")

    assert cli.explain_error(MemoryError("Unable to allocate 17.9 GiB")) == ("out of memory: Unable to allocate 17.9 GiB", 1)
    assert cli.explain_error(MemoryError()) == ("out of memory", 1)
    monkeypatch.setattr(precision.Float32Policy, "compute_gradients", fail)
    given = ["--train", folder / "text.tsv", "--out", tmp_path / "m", *SMALL, "--quiet"]
    line = fails("finetune", "classification", *given, code=1)
    assert "step 1 computes" in line and "tokens at a time (Unable to allocate 17.9 GiB)" in line
    assert "smaller --tokens-per-batch" in line


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device"), ValueError("cannot draw")])
def test_scores_come_before_the_figures(folder, tmp_path, monkeypatch, capsys, error):
    """A figure that fails is one line, after the scores were printed and saved."""
    from albert_np.plots import finetune

    def fail(*arguments, **options):
        raise error

    drawn = []

    def fail_later(*arguments, **options):
        drawn.append(True)
        raise error

    monkeypatch.setattr("albert_np.plots.confusion_figure", fail)
    monkeypatch.setattr("albert_np.plots.finetune_figures", fail_later)
    given = ["--train", str(folder / "text.tsv"), "--dev", str(folder / "text.tsv"), "--out", str(tmp_path / "m"), *SMALL]
    assert main(["finetune", "classification", *given]) == 0
    captured = capsys.readouterr()
    assert "accuracy" in captured.out and captured.err.count("could not be drawn") == 1  # the same sentence, once
    assert drawn, "the figure after the one that failed was not tried"
    assert read_json(tmp_path / "m" / "run.json")["done"] == [0]
    assert finetune.confusion_figure is not fail
