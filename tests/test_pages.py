"""The commands and the Python of README, CONTRIBUTING and docs/: each command exists, each block runs.

Blocks run in their order, page by page, in a folder with everything the pages use: small models instead of published ones, a few
examples instead of a data set.
"""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import tarfile
from pathlib import Path

import pytest

import albert_np as ab
from albert_np.apps.cli import app

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
if not (ROOT / "Makefile").is_file():
    pytest.skip("there is no Makefile beside the tests: they run from a copy", allow_module_level=True)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:albert-np|make|python|pip|pytest) [^`]+)`")
ELSEWHERE = {
    "gpu.md": "needs a GPU",
    "CONTRIBUTING.md": "tests/test_contributing.py runs it",
}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def shell_lines(page):
    """Every command line of a page: of its plain blocks, and between backticks within the text."""
    text = page.read_text(encoding="utf-8")
    lines = [line for language, block in FENCED.findall(text) if language in ("", "sh", "bash") for line in block.splitlines()]
    lines += INLINE.findall(FENCED.sub("", text))
    for line in lines:
        with contextlib.suppress(ValueError):  # not a command: a formula, with a quote
            if words := shlex.split(line, comments=True):
                yield line, words


def command_of(words):
    """The words after albert-np -> (the command, its arguments); AssertionError if no command has this name."""
    import typer

    found, rest = typer.main.get_command(app()), list(words)
    while hasattr(found, "commands"):
        assert rest and rest[0] in found.commands, f"there is no command {' '.join(words)!r}"
        found = found.commands[rest.pop(0)]
    return found, rest


def check_albert_np(words):
    """Assert that the command has every option that is given."""
    if words[:1] in (["COMMAND"], ["demo"]) or not words or "|" in words or words[0].startswith("--"):
        return
    command, rest = command_of(words)
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    if type(command).__name__ == "ConfigCommand":
        from albert_np.apps.cli.common import FIELD_OPTIONS

        known |= set(FIELD_OPTIONS)
    for word in rest:
        if re.fullmatch(r"--?[a-z][\w-]*", word):
            assert word in known, f"albert-np {words[0]} has no option {word}"


@each_page
def test_every_command_exists(page):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for line, words in shell_lines(page):
        program, rest = words[0], words[1:]
        if program == "albert-np":
            check_albert_np(rest)
        elif program == "make":
            assert rest[0] in targets or rest[0].startswith("."), line
        elif program == "python" and rest[0].endswith(".py"):
            assert (ROOT / rest[0]).is_file(), line
        elif program == "pytest":
            written = page.read_text(encoding="utf-8")  # CONTRIBUTING shows the file itself
            assert all((ROOT / word).exists() or f"\n# {word}\n" in written for word in rest if word.startswith("tests")), line
        elif program == "pip":
            for names in re.findall(r"\[([\w,]+)\]", line):
                assert set(names.split(",")) <= set(extras), line


def test_the_commands_are_found():
    """The test above is not empty, and it fails for an unknown command and for an unknown option."""
    lines = [words for page in PAGES for _, words in shell_lines(page)]
    assert sum(words[0] == "albert-np" for words in lines) > 60 and sum(words[0] == "make" for words in lines) > 10
    with pytest.raises(AssertionError, match="has no option --beam"):
        check_albert_np(["translate", "--beam", "4"])
    with pytest.raises(AssertionError, match="there is no command"):
        check_albert_np(["transmogrify"])


# ---- Python ----


SENTENCES = [
    "The method returns a list.", "It is empty if nothing was found.", "Then it returns None.", "A film that I will not forget.",
    "This is an example of ALBERT.", "The fire was caused by a lamp.", "Two hours that I want back.", "The ship was lost at sea.",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with everything the pages use."""
    from albert_np.text import AlbertTokenizer, train_tokenizer

    folder = tmp_path_factory.mktemp("pages")
    text = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    words = [line for line in text if line.strip()] + SENTENCES * 10 + ["it returns", "it is empty"] * 40
    (folder / "demo").mkdir()
    train_tokenizer(words, folder / "demo" / "spiece.model", 400)
    tokenizer = AlbertTokenizer(folder / "demo" / "spiece.model")
    tokenizer.save_pretrained(folder / "demo")
    sizes = dict(embedding_size=8, hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
    config = ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **sizes)
    ab.AlbertForPreTraining(config, seed=0).save_pretrained(folder / "demo")
    for name in ("runs/first", "albert/albert-base-v2", "my-folder"):
        shutil.copytree(folder / "demo", folder / name)
    google(folder)
    write_examples(folder)
    ab.finetune(
        "classification", folder / "train.tsv", model=folder / "runs" / "first", out=folder / "runs" / "classifier", epochs=1
    )
    return folder


def google(folder):
    """albert_base_v2.tar.gz, as Google packs it."""
    from albert_np.apps.cli import main

    assert main(["convert", str(folder / "demo"), str(folder / "albert_base"), "--to", "tf", "--quiet"]) == 0
    with tarfile.open(folder / "albert_base_v2.tar.gz", "w:gz") as packed:
        packed.add(folder / "albert_base", "albert_base")


def write_examples(folder):
    pair = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n" + "0\t1\t2\tIt is.\tIt was.\n1\t3\t4\tA film.\tOne film.\n" * 4
    (folder / "glue_data" / "MRPC").mkdir(parents=True)
    for name in ("train.tsv", "dev.tsv"):
        (folder / "glue_data" / "MRPC" / name).write_text(pair, encoding="utf-8")
    pair = "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tIt is.\tIt was.\n"
    (folder / "glue_data" / "MRPC" / "test.tsv").write_text(pair, encoding="utf-8")
    relation = '{0}\t"The <e1>fire{0}</e1> was caused by a <e2>lamp</e2>."\n{1}\nComment:\n\n'
    for name in ("train.txt", "dev.txt", "test.txt"):
        (folder / name).write_text(
            "".join(relation.format(n, ("Cause-Effect(e2,e1)", "Other")[n % 2]) for n in range(1, 9)), encoding="utf-8"
        )
    table = "text\tlabel\n" + "A film that I will not forget.\tgood\nTwo hours that I want back.\tbad\n" * 4
    for name in ("train.tsv", "dev.tsv"):
        (folder / name).write_text(table, encoding="utf-8")
        (folder / name).with_suffix(".csv").write_text(table.replace("\t", ","), encoding="utf-8")
    documents = "\n\n".join(" ".join(SENTENCES[i:] + SENTENCES[:i]) for i in range(8)) + "\n"
    (folder / "corpus.txt").write_text(documents * 4, encoding="utf-8")


def python_blocks(page):
    return [block for language, block in FENCED.findall(page.read_text(encoding="utf-8")) if language == "python"]


WITH_PYTHON = [page for page in PAGES if python_blocks(page) and page.name not in ELSEWHERE]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore:.*afresh", "ignore:.*left out", "ignore:.*tanh")
def test_the_python_of_a_page_runs(page, place, monkeypatch, tmp_path):
    if page.name == "watching.md":
        pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'albert_np[tensorboard]'")
    for path in place.iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    namespace = {"ab": ab, "__name__": page.stem}
    if page.name == "tasks.md":  # shows the file without its imports (test_docs.py compares the two)
        exec((ROOT / "docs" / "own_task.py").read_text(encoding="utf-8"), namespace)
    for number, block in enumerate(python_blocks(page), 1):
        if block.startswith("@op\n"):
            continue  # quoted from core; test_docs.py compares it with the file, and running it would register it again
        if ">>>" in block:
            run_dialogue(block, namespace, page)
        else:
            exec(compile(block, f"{page.name}, block {number}", "exec"), namespace)


def run_dialogue(block, namespace, page):
    """Run an interactive example: it raises the errors that it shows, up to numbers that depend on the vocabulary."""
    for source, expected in re.findall(r">>> (.*)\n(\w+: .*)\n", block):
        name, _, message = expected.partition(": ")
        with pytest.raises(Exception) as raised:
            exec(compile(source, page.name, "exec"), namespace)
        assert type(raised.value).__name__ == name
        assert re.sub(r"\d+", "N", str(raised.value)) == re.sub(r"\d+", "N", message)


# ---- the commands of the first pages, one after the other ----

TINY = "--embedding-size 8 --hidden-size 12 --num-hidden-layers 2 --num-attention-heads 2 --intermediate-size 24".split()
SMALLER = {  # added options, so that a command takes seconds
    "pretrain": [*TINY, *"--vocab-size 50 --steps 4 --max-length 32 --tokens-per-batch 256 --held-out 0.2".split()],
    "finetune": ["--epochs", "1"],
}
WAITS = ("demo", "serve", "gradcheck")  # they run for minutes, or until they are stopped; they have tests of their own


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*afresh", "ignore:.*left out")
def test_the_commands_of_the_first_pages_run(place, monkeypatch, tmp_path, capsys):
    from albert_np.apps.cli import main

    shutil.copytree(place / "demo", tmp_path / "demo")
    for path in place.glob("*.t*"):
        shutil.copy(path, tmp_path)
    shutil.copy(tmp_path / "dev.tsv", tmp_path / "test.tsv")
    monkeypatch.chdir(tmp_path)
    ran = []
    for name in ("quickstart.md", "pretraining.md", "classifier.md"):
        for line, words in shell_lines(ROOT / "docs" / name):
            if words[0] != "albert-np" or len(words) < 3 or words[1] in WAITS or words[-1] == "--resume":
                continue
            out = words[words.index("--out") + 1] if "--out" in words else ""
            if words[1] == "finetune" and os.path.exists(out):
                shutil.rmtree(out)  # two pages make the same classifier
            more = [] if "--resume" in words else SMALLER.get(words[1], [])
            if words[1] == "pretrain" and "--model" in words:
                more = more[len(TINY) + 2 :]  # the model has its sizes, and its vocabulary
            if "--schedule" in words:
                more = ["--steps", "6"]  # of both runs; the settings are those of the first
            assert main([*words[1:], *more]) == 0, (name, line, capsys.readouterr().err)
            ran.append(words[1])
    assert {"fill-mask", "info", "pretrain", "finetune", "evaluate", "predict"} <= set(ran) and ran.count("pretrain") == 5


# ---- each task: the files that a page shows, and its commands, one section after the other ----

SHOWN_FILE = re.compile(r"`([\w.-]+)`:\n\n```(?:text|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TASK_PAGES = ("task_commands.md", "zero_shot.md")
SECTIONS = [
    pytest.param(name, section, id=f"{name}, {section.partition(chr(10))[0].lstrip('# ')}")
    for name in TASK_PAGES
    for section in ("\n" + (ROOT / "docs" / name).read_text(encoding="utf-8")).split("\n## " if name == TASK_PAGES[0] else "\n# ")
    if "\nalbert-np serve" in section
]


@pytest.mark.parametrize(("name", "section"), SECTIONS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_files_and_commands_of_a_task_work(place, monkeypatch, tmp_path, capsys, name, section):
    """The commands run on the files as the page shows them, and the service answers the request that it shows."""
    pytest.importorskip("starlette", reason="starlette is not installed: the service cannot be tested")
    pytest.importorskip("httpx", reason="httpx is not installed: the service cannot be tested")
    if "translation" in section:
        pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: translations cannot be scored")
    from albert_np.apps.cli import main

    monkeypatch.chdir(tmp_path)
    shutil.copytree(place / "demo", "albert-base-v2")
    shutil.copytree(place / "demo", "runs/first")
    files = dict(SHOWN_FILE.findall(section))
    for file, text in files.items():
        Path(file).write_text(text, encoding="utf-8")
        Path(file.replace("train", "dev") if "train" in file else file.replace(".", "-dev.")).write_text(text, encoding="utf-8")
    Path("texts.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    ran, serving = [], None
    for language, block in FENCED.findall(section):
        for line in block.splitlines() if not language else ():
            words = shlex.split(line)
            if words[0] == "curl":
                assert serving is not None and answer(serving, json.loads(words[2])), line
            elif words[1] == "serve":
                serving = dict(zip(words[2::2], words[3::2]))
            else:
                more = [*TINY, *"--epochs 1 --vocab-size 45".split()] if "--config" in words else SMALLER.get(words[1], [])
                assert main([*words[1:], *more]) == 0, (line, capsys.readouterr().err)
            ran.append(words[1] if words[0] == "albert-np" else "curl")
    trained = {"finetune", "evaluate", "predict"} if "finetune" in ran else {"fill-mask"} & set(ran)
    assert set(ran) == {*trained, "serve", "curl"}


def answer(serving, request):
    """What the service that these options of `serve` start answers."""
    from starlette.testclient import TestClient

    from albert_np.apps.serve.app import application
    from albert_np.apps.serve.services import open_service

    with TestClient(application(open_service(serving["--model"], serving.get("--task")))) as client:
        response = client.post("/answer", json=request)
        assert response.status_code == 200, response.text
        return response.json()


# ---- the programs that generate parts of the site ----


def test_the_reference_of_commands_has_every_option(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import typer
    from made import commands

    text = commands.text()
    for name, command in commands.list_commands(typer.main.get_command(app()), ""):
        assert f"## {name}\n" in text and "Example: albert-np " in command.help, name
        for each in command.params:
            if each.param_type_name == "option":
                assert f"`{each.opts[0]}`" in text, (name, each.opts)


def test_the_api_pages_have_every_package_and_module(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made import api

    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api" / "modules").glob("*.md")}
    toctree = re.search(r"```{toctree}\n(.*?)```", pages.pop("index"), re.DOTALL)[1].split()
    assert toctree[:2] == [":maxdepth:", "1"] and sorted(toctree[2:]) == sorted(pages)
    documented: dict[str, list[str]] = {}
    for package, only in re.findall(r"<!-- insert: api (\S+)(.*?) -->", "\n".join(pages.values())):
        documented.setdefault(package, []).extend(re.findall(r"automodule:: (\S+)", api.text(package, *only.split())))
    assert {"albert_np.core", "albert_np.core.layers", "albert_np.models", "albert_np.training", "albert_np.tasks"} <= set(
        documented
    )
    for package, found in documented.items():
        folder = ROOT / package.replace(".", "/")
        modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        assert sorted(found) == sorted(f"{package}.{name}" for name in modules), package


def test_the_benchmarks_page_has_every_result(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made import benchmarks

    for path in (ROOT / "tests" / "benchmarks" / "results").glob("*.json"):
        program = benchmarks.find_program(path)[1][0]
        assert (ROOT / "tests" / "benchmarks" / program).is_file(), path.name


def test_the_drawing_of_speeds_has_every_case_and_ratio(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made import speed

    drawn = speed.text()
    marks = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"[^>]*><title>', drawn)]
    files = sorted(speed.RESULTS.glob("cpu-*.json"))
    assert sorted(name for names in speed.KERNELS.values() for name in names) == [path.name for path in files]
    ratios = {}
    for kernel, name in ((kernel, name) for kernel, names in speed.KERNELS.items() for name in reversed(names)):
        for case, found in json.loads((speed.RESULTS / name).read_text(encoding="utf-8"))["cases"].items():
            ratios[kernel, case] = [middle for middle, *_ in found["ratios"].values()]
    assert sorted(marks) == sorted(round(speed.position(ratio), 1) for each in ratios.values() for ratio in each)
    assert min(marks) > speed.LEFT and max(marks) < speed.RIGHT
    assert speed.position(0.9) < speed.position(1) < speed.position(1.1)
    monkeypatch.setattr(speed, "LABELS", {"latency": ""})
    with pytest.raises(ValueError, match="has no label for"):
        speed.text()


def test_broken_links_are_found(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made import links

    (tmp_path / "index.html").write_text('<h1 id="top"></h1><a href="a.html#there">a</a><a href="#top">b</a>', encoding="utf-8")
    (tmp_path / "a.html").write_text('<p id="there"><a href="https://example.org/">c</a></p>', encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        assert links.main(tmp_path) == 0
    (tmp_path / "a.html").write_text('<p id="here"><a href="b.html">c</a></p>', encoding="utf-8")
    assert links.find_broken_links(tmp_path) == ["a.html: b.html", "index.html: a.html#there"]


def test_large_pages_are_found_and_pictures_do_not_count(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made import links

    monkeypatch.setattr(links, "LIMIT", 200)
    pictures = (
        f'<img src="data:image/png;base64,{"A" * 500}"><svg id="a"><path d="{"M 0 0 " * 90}"/></svg><iframe srcdoc="{"b" * 500}">'
    )
    (tmp_path / "index.html").write_text(pictures, encoding="utf-8")
    assert links.main(tmp_path) == 0
    (tmp_path / "index.html").write_text(pictures + "<p>words</p>" * 20, encoding="utf-8")
    assert links.main(tmp_path) == 1
    assert re.fullmatch(
        r"index.html: 2\d\d bytes without its pictures, of which at most 200 are allowed\n", capsys.readouterr().err
    )
