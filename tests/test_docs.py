"""What the documentation shows is what there is: the classic example, and the task of one's own."""

from pathlib import Path

import pytest

import albert_np as ab

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkpoint(tmp_path):
    """A small ALBERT in HF's form, in the place of albert-base-v2."""
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


def test_the_readme_shows_the_layer_s_own_lines():
    readme, file = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "albert_np/core/layers/layer_norm.py"))
    shown = readme[readme.index("def layer_norm(") : readme.index("```\n", readme.index("def layer_norm("))].splitlines()
    lines = [line for line in shown if line.startswith(" ")]  # the two signatures are shorter than the file's
    assert len(lines) == 9 and all(f"{line}\n" in file for line in lines)


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
