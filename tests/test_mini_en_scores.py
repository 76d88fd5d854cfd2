"""The scores of the small English model: resumable runs on small stand-ins of the data, the tables, and the page with them."""

import json
import re
import sys
from pathlib import Path

import pytest

import albert_np as ab
from albert_np.apps.mini_en import fill_blanks
from albert_np.training.callbacks import Callback

sys.path.insert(0, str(Path(__file__).parent / "training"))
from stopping import StopAfter

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mini_en.md"
FILMS = [("a fine , warm film", 1), ("a poor , cold film", 0), ("what a fine cast", 1), ("what a poor plot", 0)] * 3
WORDS = "He\tO\nlives\tO\nin\tO\n{}\tB-location\n.\tO\n\n"


@pytest.fixture
def modules(monkeypatch):
    """The programs, whose runs are made in this process, one after the other."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    import mini_en
    import task_runs
    import tasks

    started = []

    def run_here(jobs, workers, threads, stop, print_line, lock=None):
        for job in jobs:
            if stop.signal:
                break
            started.append(job.name)
            monkeypatch.setattr(sys, "argv", [str(word) for word in job.commands[0]])
            if task_runs.main() == 0:
                print_line(job.finish())
        return {}

    monkeypatch.setattr(task_runs, "run_jobs", run_here)
    monkeypatch.setattr(task_runs, "Progress", Callback)
    for name in ("sst2", "wnut17"):
        monkeypatch.setattr(tasks.CASES[name], "settings", dict(epochs=2))
        monkeypatch.setattr(tasks.CASES[name], "seeds", 2)
    return tasks, task_runs, mini_en, started


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """A folder with data for two cases, and a small model that can fill blanks."""
    from albert_np.text import AlbertTokenizer, train_tokenizer

    folder = tmp_path_factory.mktemp("scores")
    films, entities = folder / "data/tasks/sst2", folder / "data/tasks/wnut17"
    films.mkdir(parents=True)
    entities.mkdir()
    for name in ("train", "train_rest", "dev"):
        rows = [f"{text} {'indeed ' * (name == 'dev')}\t{label}" for text, label in FILMS]
        (films / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *rows]) + "\n", encoding="utf-8")
    for name, places in (("train", "Rome Oslo Bonn Lima Rome Oslo"), ("dev", "Rome Lima"), ("test", "Oslo Bonn Lima")):
        (entities / f"{name}.conll").write_text("".join(WORDS.format(each) for each in places.split()), encoding="utf-8")
    text = folder / "text" / "held_out"
    text.mkdir(parents=True)
    for name in ("news", "fiction"):
        (text / f"{name}.txt").write_text("the man who lives in rome saw a fine film with a poor plot\n\n" * 5, encoding="utf-8")
    sentences = [sentence for sentence, _ in fill_blanks.read_blanks(fill_blanks.HERE / "blanks.tsv")]
    train_tokenizer([text for text, _ in FILMS] + sentences, folder / "spiece.model", 200)
    tokenizer = AlbertTokenizer(folder / "spiece.model")
    sizes = dict(embedding_size=8, hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **sizes), seed=0)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return folder


def measure(tasks, stand_in, tmp_path, monkeypatch, *more):
    monkeypatch.setenv("ALBERT_NP_DATA", str(stand_in / "data"))
    given = ["--model", stand_in / "model", "--work", tmp_path / "work", "--out", tmp_path / "out.json", *more]
    return tasks.main([*map(str, given)])


def read(tmp_path):
    return json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))


def test_a_measurement_makes_what_is_missing(modules, stand_in, tmp_path, monkeypatch, capsys):
    tasks, _, _, started = modules
    assert measure(tasks, stand_in, tmp_path, monkeypatch, "--cases", "sst2", "--sides", "pretrained", "--seeds", "1") == 0
    assert started == ["sst2-pretrained-0"]
    first = read(tmp_path)["cases"]["sst2"]["pretrained"]
    run = first["runs"]["0"]
    assert 0 <= run["dev"] <= 1 and 0 <= run["int8"] <= 1 and len(run["curve"]) == 2 and "test" not in run
    assert run["environment"]["blas"] and run["tokens"] > 0
    assert first["examples"]["train"] == 2 * len(FILMS), "both files of phrases are trained on"
    assert measure(tasks, stand_in, tmp_path, monkeypatch, "--cases", "sst2", "wnut17") == 0
    sides = ("pretrained", "scratch", "int8")
    expected = [f"{case}-{side}-{seed}" for side in sides for case in ("sst2", "wnut17") for seed in (0, 1)]
    assert started == expected
    found = read(tmp_path)["cases"]
    assert found["sst2"]["pretrained"]["runs"]["0"] == run, "it was made once"
    assert "test" in found["wnut17"]["scratch"]["runs"]["1"]
    assert list(found["wnut17"]) == list(sides)
    assert "± " in tasks.table(read(tmp_path)) and tasks.table(read(tmp_path)) in capsys.readouterr().out
    assert measure(tasks, stand_in, tmp_path, monkeypatch, "--cases", "sst2", "wnut17") == 0 and started == expected
    assert not [path for path in (tmp_path / "work/runs").iterdir() if path.is_dir()]


def test_scores_that_no_result_has_are_taken(modules, stand_in, tmp_path, monkeypatch):
    tasks, _, _, started = modules
    options = ["--cases", "sst2", "--sides", "pretrained", "--seeds", "1"]
    measure(tasks, stand_in, tmp_path, monkeypatch, *options)
    before = read(tmp_path)
    (tmp_path / "out.json").unlink()  # as if the program had been killed while the run ended
    measure(tasks, stand_in, tmp_path, monkeypatch, *options)
    assert started == ["sst2-pretrained-0"] and read(tmp_path) == before
    monkeypatch.setattr(tasks.CASES["sst2"], "settings", dict(epochs=1))
    measure(tasks, stand_in, tmp_path, monkeypatch, *options)
    assert started == 2 * ["sst2-pretrained-0"], "the settings are others"
    after = read(tmp_path)["cases"]["sst2"]["pretrained"]
    assert after["settings"]["epochs"] == 1 and len(after["runs"]["0"]["curve"]) == 1


def test_a_run_goes_on_where_it_was_stopped(modules, stand_in, tmp_path, monkeypatch):
    tasks, runs, _, _ = modules
    monkeypatch.setattr(tasks.CASES["sst2"], "settings", dict(epochs=2, batch_size=4))
    options = ["--cases", "sst2", "--sides", "pretrained", "--seeds", "1"]
    measure(tasks, stand_in, tmp_path / "whole", monkeypatch, *options)
    monkeypatch.setattr(runs, "Progress", lambda: StopAfter(8))
    measure(tasks, stand_in, tmp_path / "stopped", monkeypatch, *options)
    assert read(tmp_path / "stopped")["cases"] == {}
    seen = []
    callback = Callback()
    callback.step = lambda record: seen.append(record["step"])
    monkeypatch.setattr(runs, "Progress", lambda: callback)
    measure(tasks, stand_in, tmp_path / "stopped", monkeypatch, *options)
    assert seen == list(range(9, 13)), "the steps before it was stopped are not made again"
    ours, whole = (read(tmp_path / name)["cases"]["sst2"]["pretrained"]["runs"]["0"] for name in ("stopped", "whole"))
    assert [ours[key] for key in ("dev", "int8", "curve", "tokens")] == [whole[key] for key in ("dev", "int8", "curve", "tokens")]


def test_another_model_is_refused(modules, stand_in, tmp_path, monkeypatch):
    tasks, *_ = modules
    (tmp_path / "out.json").write_text(json.dumps({"model": {"sha256": "0"}, "cases": {}}), encoding="utf-8")
    with pytest.raises(SystemExit, match="the scores of another model"):
        measure(tasks, stand_in, tmp_path, monkeypatch, "--cases", "sst2")


def test_long_runs_have_three_seeds(modules, tmp_path):
    _, runs, _, _ = modules
    for seed in range(3):
        (tmp_path / "runs").mkdir(exist_ok=True)
        (tmp_path / "runs" / f"xquad-scratch-{seed}.json").write_text(
            json.dumps({"run": {"minutes": 30 + seed}}), encoding="utf-8"
        )
    assert runs.reason_to_skip("xquad", "scratch", 2, tmp_path) == ""
    assert "31 minutes" in runs.reason_to_skip("xquad", "scratch", 3, tmp_path)
    assert runs.reason_to_skip("xquad", "pretrained", 3, tmp_path) == ""


def test_int8_weights_are_not_rounded_again(modules, stand_in, tmp_path):
    _, runs, _, _ = modules
    assert runs.prepare_int8(stand_in / "model", tmp_path / "int8")
    assert not runs.prepare_int8(tmp_path / "int8", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    exact, rounded = (
        ab.AlbertForPreTraining.from_pretrained(folder).params.flat for folder in (stand_in / "model", tmp_path / "int8")
    )
    assert 0 < abs(exact - rounded).max() < 0.01


def test_the_divisions(modules, tmp_path):
    """No example is in two parts, and none is lost."""
    tasks, *_ = modules
    folder = tmp_path / "semeval2010_task8"
    folder.mkdir()
    blocks = [f'{i}\t"A <e1>b</e1> <e2>c</e2>."\nOther\nComment:' for i in range(1, 18)]
    (folder / "train.txt").write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")
    parts = tasks.divide_relations(tmp_path)
    numbers = {name: re.findall(r"^\d+", text, re.MULTILINE) for name, text in parts.items()}
    assert numbers["semeval.dev.txt"] == ["1", "9", "17"] and len(numbers["semeval.train.txt"]) == 14
    assert not {*numbers["semeval.dev.txt"]} & {*numbers["semeval.train.txt"]}


def make_side(scores, int8=None, metric="accuracy", **settings):
    int8 = scores if int8 is None else int8
    environment = {"blas": "openblas 0.3 X", "threads": 1}
    runs = {
        str(i): {"dev": a, "int8": b, "minutes": 2.0, "environment": environment} for i, (a, b) in enumerate(zip(scores, int8))
    }
    about = {"metric": metric, "examples": {"train": 1000, "dev": 10}, "baselines": {"a coin": 0.5}}
    return {**about, "settings": {"epochs": 3, "dropout": 0.1, "learning_rate": 3e-4, **settings}, "runs": runs}


def test_the_tables(modules):
    _, _, mini_en, _ = modules
    sides = {"pretrained": make_side([0.86, 0.88], [0.858, 0.874]), "scratch": make_side([0.8, 0.82], learning_rate=6e-4)}
    results = {"cases": {"sst2": {**sides, "int8": make_side([0.86, 0.87])}, "semeval": {"scratch": make_side([0.7])}}}
    older = {"cases": {"sst2": {"pretrained": {"metric": "accuracy", "dev": [0.83, 0.84]}}}}
    lines = mini_en.scores_table(results, older).splitlines()
    scores = "| 0.810 ± 0.014 (2) | 0.870 ± 0.014 (2) | 4.2 | 0.850 | 0.835 ± 0.007 (2) | 0.832 | 0.859 |"
    assert lines[2] == f"| sst2 | accuracy, dev | a coin 0.500 {scores}"
    assert lines[3].startswith("| semeval | accuracy, dev | a coin 0.500 | 0.700 | – | – | 0.760 | – |")
    rounding = mini_en.rounding_table(results).splitlines()
    assert rounding[2:] == ["| sst2 | 0.870 ± 0.014 (2) | -0.40 ± 0.20 | no | 0.865 ± 0.007 (2) | -0.50 ± 1.12 |"]
    assert mini_en.settings_table(results).splitlines()[2].endswith("| 3 | 2,048 tokens | 0.0003 / 0.0006 | 0.1 | 2 |")
    assert mini_en.environment_line(results) == "Made with openblas 0.3 X, 1 thread(s)."
    missing = mini_en.missing_line(results)
    assert missing.startswith("Seeds measured so far, where some are missing; pretrained: semeval (0 of 5), wnut17 (0 of 2), ")
    assert "; from scratch: semeval (1 of 5), " in missing
    text = mini_en.section(None, results, older)
    assert missing in text
    assert "multi30k (translation" in text and "### Blanks" not in text
    assert mini_en.section(None, None, older) == mini_en.NOT_MEASURED


def test_text_and_blanks_are_stored(modules, stand_in, tmp_path, monkeypatch, capsys):
    _, _, mini_en, _ = modules
    monkeypatch.setenv("ALBERT_NP_DATA", str(stand_in / "data"))
    out, tasks_out = tmp_path / "out.json", tmp_path / "tasks.json"
    given = ["--model", stand_in / "model", "--text", stand_in / "text", "--work", tmp_path / "work", "--out", out]
    more = ["--tasks-out", tasks_out, "--cases", "sst2", "--sides", "pretrained", "--seeds", "1"]
    assert mini_en.main([*map(str, given), *map(str, more)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(out.read_text(encoding="utf-8"))
    assert {*found["held_out"]} == {"news", "fiction", "mean"} and len(found["blanks"]["sentences"]) == 50
    assert found["held_out"]["news"]["loss"] > 1 and found["model"]["parameters"] > 1000
    assert found["blanks"]["right_at_1"] <= found["blanks"]["right_at_5"]
    section = mini_en.read_results(out, tasks_out)
    assert section in printed and "| mean |  |" in section and section.count(" … ") + section.count("… ") > 30
    start, end = "<!-- scores -->\n", "<!-- end of scores -->\n"
    page = mini_en.update(f"before\n{start}old\n{end}after\n", section)
    assert page == f"before\n{start}\n{section}\n{end}after\n" and mini_en.update(page, section) == page
    monkeypatch.setattr(fill_blanks, "fill", lambda *given: pytest.fail("it was measured before"))
    assert mini_en.main([*map(str, given), *map(str, more)]) == 0


def test_the_page_has_the_stored_results(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    import mini_en

    if not PAGE.is_file():
        pytest.skip("there is no docs/ beside the tests: they run from a copy")
    results = mini_en.HERE / "results"
    page = PAGE.read_text(encoding="utf-8")
    section = mini_en.read_results(results / "mini_en.json", results / "tasks-mini-en.json")
    assert mini_en.write_page(page, section) == page, "python tests/benchmarks/mini_en.py --write writes it"


def test_every_case_is_one_that_finetune_takes(modules):
    tasks, *_ = modules
    from albert_np.tasks import get_task
    from albert_np.tasks.benchmarks import find_benchmark
    from albert_np.training.finetune_settings import FinetuneSettings

    for name, case in tasks.CASES.items():
        if not case.data:
            get_task(case.task, **case.options)
        assert bool(case.data) == (find_benchmark(case.task) is not None), name
        for side in tasks.SIDES:
            FinetuneSettings.from_dict({key: value for key, value in case.get_settings(side).items() if key != "dropout"})


def test_settings_are_compared_once(modules, stand_in, tmp_path, monkeypatch, capsys):
    """A variant that the results have is not measured again; the table has all of them."""
    import finetuning

    monkeypatch.setenv("ALBERT_NP_DATA", str(stand_in / "data"))
    monkeypatch.setattr(finetuning, "Progress", Callback)
    monkeypatch.setitem(finetuning.VARIANTS, "sst2", [dict(epochs=1), dict(epochs=1, scratch=True, learning_rate=1e-3)])
    given = ["finetuning.py", "--model", stand_in / "model", "--work", tmp_path / "work", "--out", tmp_path / "out.json"]
    monkeypatch.setattr(sys, "argv", [*map(str, given), "--examples", "4", "--note", "A stand-in."])
    finetuning.main()
    printed = capsys.readouterr().out
    assert "A stand-in." in printed and "| from scratch, epochs 1, learning rate 0.001 | 0." in printed
    runs = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["cases"]["sst2"]["runs"]
    assert [run["steps"] for run in runs] == [1, 1] and all(0 <= run["more"] <= 1 for run in runs)
    monkeypatch.setattr(finetuning, "measure", lambda *given: pytest.fail("it was measured before"))
    finetuning.main()
    assert capsys.readouterr().out == printed
    monkeypatch.setattr(sys, "argv", [*map(str, given), "--examples", "7"])
    with pytest.raises(SystemExit, match="has 4 examples"):
        finetuning.main()


def test_settings_are_compared_on_all_examples(modules, stand_in, tmp_path, monkeypatch, capsys):
    import finetuning

    monkeypatch.setenv("ALBERT_NP_DATA", str(stand_in / "data"))
    monkeypatch.setattr(finetuning, "Progress", Callback)
    monkeypatch.setitem(finetuning.VARIANTS, "sst2-all", [dict(epochs=1)])
    given = ["finetuning.py", "--model", stand_in / "model", "--work", tmp_path / "work", "--out", tmp_path / "out.json"]
    monkeypatch.setattr(sys, "argv", [*map(str, given), "--case", "sst2-all"])
    finetuning.main()
    printed = capsys.readouterr().out
    assert "sst2, all examples:" in printed and "| epochs 1 | 0." in printed
    (run,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["cases"]["sst2-all"]["runs"]
    assert "more" not in run  # there are no phrases that it has not seen
