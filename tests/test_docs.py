"""The documentation agrees with the code: quotations, the reading list, examples, links."""

import sys
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab
from albert_np import core

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkpoint(tmp_path):
    """A small ALBERT in Hugging Face's format, instead of albert-base-v2."""
    from albert_np.text import AlbertTokenizer, train_tokenizer

    text = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    train_tokenizer([line for line in text if line.strip()], tmp_path / "spiece.model", 300)
    tokenizer = AlbertTokenizer(tmp_path / "spiece.model")
    tokenizer.save_pretrained(tmp_path)
    ab.AlbertForPreTraining(ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer))).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore:.*afresh", "ignore:.*left out")
def test_the_classic_example(checkpoint):
    model = ab.AlbertForSequenceClassification.from_pretrained(checkpoint, num_labels=3)
    tokenizer = ab.AlbertTokenizer.from_pretrained(checkpoint)
    batch = tokenizer("This is an example of ALBERT.")
    out = model(**batch)
    assert out.logits.shape == (1, 3)
    pooled = out.pooler_output @ model.params.task.w + model.params.task.b
    assert out.logits == pytest.approx(pooled, abs=1e-6)
    loss, grads = model.loss_and_gradients(**batch, labels=[2])
    assert loss.shape == () and grads.task.w.any() and grads.embeddings.word.any()
    T = batch["input_ids"].shape[1]
    with pytest.raises(ValueError, match=rf"attention_mask: expected the shape \(1, {T}\), got \(1, 128\)"):
        model(batch["input_ids"], attention_mask=[[1] * 128])


def test_the_page_shows_the_file_s_own_task():
    page, file = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("tasks.md", "own_task.py"))
    assert file[file.index("class Order") :].strip() in page


def test_the_readme_quotes_the_layer_as_it_stands():
    readme, file = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "albert_np/core/layers/layer_norm.py"))
    assert f"```python\n{file[file.index('@op') :]}```\n" in readme


def test_the_reading_lists_have_the_lines_of_the_files(monkeypatch):
    """The page and the docstring of core list the same files in the same order, with their line counts."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from made import reading_list

    (listed, core) = (reading_list.entries(page) for page in reading_list.PATTERNS)
    assert listed == [(name, reading_list.count_lines(name)) for name, _ in listed]
    assert listed == core and len(listed) == 19 and listed[0][0] == "layers/linear.py" and listed[-1][0] == "train.py"
    assert sum(count for _, count in listed) <= 1000


def test_the_comparison_counts_the_files_of_a_forward_pass():
    from albert_np.core.batch import Batch
    from albert_np.core.config import Config
    from albert_np.core.model.albert import pretraining
    from albert_np.core.model.shapes import body, initialise, pretraining_heads
    from albert_np.core.random import RandomKey

    config = Config(
        vocab_size=9, embedding_size=2, hidden_size=4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8
    )
    params = initialise(body(config) | pretraining_heads(config), config, seed=0)
    files = set()
    ids = np.arange(4)
    with core.reference():
        sys.setprofile(lambda frame, event, argument: files.add(frame.f_code.co_filename))
        try:
            batch = Batch.pack(ids, np.array([4]), 0 * ids, ids, masked_rows=ids[:1], masked_labels=ids[:1], order_labels=ids[:1])
            pretraining(batch, params, config, dropout_key=RandomKey(0, 0))
        finally:
            sys.setprofile(None)
    count = sum(Path(file).is_relative_to(Path(core.__file__).parent) for file in files)
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert 24 <= count <= 26 and "runs through some 25 files of `albert_np/core`" in page
    assert "19 files of its reading list" in page


def test_the_pages_links_lead_somewhere():
    import re

    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_example_files_of_the_tasks_can_be_read(tmp_path):
    from albert_np.data.formats import read_relations, read_squad, read_tags

    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    shown = [block.partition("\n")[2] for block in page.split("```")[1::2] if block.startswith(("text\n", "json\n"))]
    paths = [tmp_path / name for name in ("a.conll", "b.txt", "c.jsonl")]
    for path, text in zip(paths, shown, strict=True):
        path.write_text(text + "\n", encoding="utf-8")
    tagged, related, (questions, _) = read_tags(paths[0]), read_relations(paths[1]), read_squad(paths[2])
    assert tagged[0].tags == ("B-PER", "I-PER", "O", "O", "O", "B-LOC", "O")
    assert related[0].label == "Cause-Effect(e2,e1)" and related[0].text == "The fire was caused by a lamp."
    (answer, first), *_ = questions[0].answers
    assert questions[0].context[first : first + len(answer)] == answer == "Ada"


NOT_READ_THROUGH = {
    "index.md",
    "changelog.md",
    "contributing.md",
    "printed.md",
    "learn_live.md",
    "train_live.md",
}  # doors, copies


def test_each_page_begins_with_what_its_reader_can_do_afterwards():
    pages = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in NOT_READ_THROUGH]
    assert len(pages) > 30
    beginnings = "After this page you ", "After these files you "
    for page in (*pages, ROOT / "CONTRIBUTING.md"):
        title, blank, first, *_ = page.read_text(encoding="utf-8").splitlines()
        assert title.startswith("# ") and not blank and first.startswith(beginnings), page.name


def test_the_design_lists_every_package():
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    packages = [path.parent.name for path in sorted((ROOT / "albert_np").glob("*/__init__.py"))]
    assert len(packages) > 14
    assert [name for name in packages if f"(../albert_np/{name})" not in page] == []
