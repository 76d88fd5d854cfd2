"""docs/glue.md: its tables are those of the records, and its commands run one after the other, on small files."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

import albert_np as ab
from albert_np.apps.cli import main

sys.path.insert(0, str(Path(__file__).parent / "tasks"))
import benchmark_files

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "glue.md"
if not (ROOT / "docs").is_dir():
    pytest.skip("there is no docs/ beside the tests: they run from a copy", allow_module_level=True)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the data of the page and a small model in place of the published one."""
    from albert_np.text import AlbertTokenizer, train_tokenizer

    benchmark_files.write_superglue(benchmark_files.write_glue(tmp_path / "glue_data").parent / "superglue")
    benchmark_files.write_squad(tmp_path / "SQuAD")
    benchmark_files.write_race(tmp_path / "RACE")
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.strip()]
    train_tokenizer(lines, tmp_path / "spiece.model", 200)
    tokenizer = AlbertTokenizer(tmp_path / "spiece.model")
    sizes = dict(embedding_size=8, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24)
    model = ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **sizes))
    model.save_pretrained(tmp_path / "albert-base-v2")
    tokenizer.save_pretrained(tmp_path / "albert-base-v2")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:all answers are", "ignore:.*afresh", "ignore:.*left out")
def test_the_commands_run(place, capsys):
    blocks = re.findall(r"^```\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) > 10
    for _, *words in commands:
        assert main([*words, *(["--epochs", "1"] if words[0] == "finetune" else [])]) == 0, (words, capsys.readouterr().err)
    assert (place / "runs/mrpc/submission/MRPC.tsv").is_file() and len(list((place / "submission").glob("*.tsv"))) == 11
    shutil.rmtree(place / "runs" / "mrpc")
    assert main("finetune glue:mrpc --data glue_data --model albert-base-v2 -o metric=f1 --epochs 1 --out runs/mrpc".split()) == 0
    assert main("finetune glue:mrpc --resume --out runs/mrpc".split()) == 0
    assert "f1" in capsys.readouterr().out


def test_the_tables_are_those_of_the_records(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made import glue

    text = PAGE.read_text(encoding="utf-8")
    assert glue.update(text) == text, "python docs/made/glue.py writes them again"
    assert len(glue.data_sets().splitlines()) == 2 + len(glue.BENCHMARKS)
    assert "| `glue:mrpc` | 2e-05 | 32 | 0 | 0.1 | 800 | 200 | 512 | 7 |" in glue.settings()
    assert glue.update(text.replace("| 800 | 200 |", "| 801 | 200 |", 1)) == text
