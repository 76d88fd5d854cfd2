"""The small training run of the live page, without a browser: tiny sizes, and every answer that the page shows."""

import json
import zipfile

import numpy as np
import pytest

from albert_np.apps.live import rows, train_page
from albert_np.apps.live.sample import make_stories
from albert_np.apps.live.training import Sizes, T, Training, breakable
from albert_np.gradcheck.mistakes import planted
from albert_np.models import AlbertForPreTraining
from albert_np.text import AlbertTokenizer

TINY = Sizes(width=32, layers=1, heads=2, vocabulary=150, steps=100)
TEXT = make_stories(300)


@pytest.fixture(scope="module")
def trained():
    """A run that has ended, and what each of its calls returned."""
    training, results = Training(TEXT, TINY), []
    while not training.finished:
        results.append(training.advance(0.2))
    return training, results


def test_the_stories_are_always_the_same():
    assert make_stories(1).startswith("Ruth is a sailor.\nShe mends boats in the harbour before the sun rises.\n")
    assert make_stories(3) == make_stories(5)[: len(make_stories(3))] and make_stories(3) == make_stories(3)


# ---- rows ----


def draw(B=40):
    sentences = [[10 + i] * (1 + i % 14) for i in range(60)]
    return rows.Rows(sentences, T, 100, (2, 3, 4), 5).draw(B, 0, 0), sentences


def test_a_row_is_two_parts_of_the_text_in_order_or_swapped():
    batch, _ = draw()
    restored = batch.ids.copy()
    restored[batch.masked.rows] = batch.masked.labels
    for start, length, swapped in zip(batch.sequences.starts, batch.sequences.lengths, batch.order.labels):
        ids, types = restored[start : start + length].tolist(), batch.token_types[start : start + length]
        assert length <= T and ids[0] == 2 and ids[-1] == 3 and ids.count(3) == 2
        middle = ids.index(3)
        assert types.tolist() == [0] * (middle + 1) + [1] * (length - middle - 1)
        a, b = ids[1:middle], ids[middle + 1 : -1]
        assert a and b
        first, second = (b, a) if swapped else (a, b)
        assert first[-1] + 1 == second[0], "they are not neighbours in the text"
        assert batch.positions[start : start + length].tolist() == list(range(length))


def test_tokens_are_masked_as_in_the_paper():
    batch, _ = draw(2000)
    inputs, labels = batch.ids[batch.masked.rows], batch.masked.labels
    assert (labels >= 5).all(), "a special token is to be predicted"
    eligible = (batch.ids >= 5).sum() + (inputs == 4).sum()
    assert abs(len(labels) / eligible - rows.MASKED) < 0.01
    assert abs((inputs == 4).mean() - 0.8) < 0.02 and abs((inputs == labels).mean() - 0.1) < 0.02
    assert len(np.unique(batch.order.labels)) == 2


def test_batches_depend_on_the_step_alone():
    (one, _), (other, _) = draw(), draw()
    assert np.array_equal(one.ids, other.ids)


# ---- the run ----


def test_the_loss_falls_below_that_of_frequencies(trained):
    training, results = trained
    assert results[-1]["finished"] and results[-1]["step"] == TINY.steps
    steps = [step for result in results for step, _, _ in result["losses"]]
    assert steps == list(range(1, TINY.steps + 1))
    held_out = [result["held_out"]["mlm_loss"] for result in results if result["held_out"]]
    assert len(held_out) == 20 and held_out[-1] < training.unigram_loss - 0.1
    assert all(result["tokens_per_second"] > 0 for result in results)
    assert json.loads(json.dumps(results)) == results


def test_it_can_be_stopped_and_goes_on():
    training = Training(TEXT, TINY)
    assert training.advance(0)["step"] == 1
    training.check_gradients()
    training.fill("Anna is a [MASK].")
    assert training.advance(0)["step"] == 2 and not training.finished


def test_stops_and_answers_between_do_not_change_it(trained):
    training, _ = trained
    again = Training(TEXT, TINY)
    while not again.finished:
        again.advance(0)
        again.evaluate()
    assert np.array_equal(again.model.params.flat, training.model.params.flat)


def test_facts(trained):
    training, _ = trained
    facts = training.facts
    assert facts["parameters"] == training.model.params.count() and facts["pieces"] == 150
    assert facts["tokens"] > 5000 and facts["notes"] == []


def test_a_long_text_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr("albert_np.apps.live.training.MOST_CHARACTERS", 9000)
    notes = Training(TEXT, TINY).facts["notes"]
    assert notes[0] == f"only the first 9,000 of the text's {len(TEXT):,} characters are used"


# ---- gradients ----


def test_the_gradients_of_a_trained_model_are_right(trained):
    result = trained[0].check_gradients()
    assert result["passed"] and result["sentence"].startswith(f"All {len(result['rows'])} gradients agree")
    assert max(row["error"] for row in result["rows"]) < 1e-6
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("mistake", breakable(), ids=lambda mistake: mistake.function)
def test_every_mistake_that_is_offered_is_found(trained, mistake):
    result = trained[0].check_gradients(mistake)
    assert not result["passed"] and any(not row["passed"] for row in result["rows"])
    assert "was found" in result["sentence"] and mistake.explanation in result["sentence"]
    assert trained[0].check_gradients()["passed"], "the mistake is still there"


def test_a_mistake_in_the_code_that_runs_is_found(trained):
    """Without a mistake of its own, the check is of the functions that trained the model, kernels included."""
    from albert_np.gradcheck.mistakes import MISTAKES

    mistake = next(each for each in MISTAKES if each.function == "engine.cpu.layer_norm.layer_norm_backward")
    with planted(mistake):
        result = trained[0].check_gradients()
    assert not result["passed"] and "planted" not in result["sentence"]


# ---- what the page asks for ----


@pytest.fixture
def page(trained, monkeypatch):
    monkeypatch.setattr(train_page, "current", [trained[0]])
    return train_page


def test_masks_are_filled_by_both(page):
    answers = page.fill("Clara is a baker. She [MASK] bread.")
    assert [each["model"] for each in answers.values()] == ["the model just trained", "albert-np-mini-en"]
    assert all(len(each["masks"]) == 1 and len(each["masks"][0]) == 5 for each in answers.values())
    assert page.fill("Clara [MASK] a 日本 ☃.")["trained"]["notes"] == ["it has no piece for 日 本 ☃"]
    assert page.fill("no mask") == {"error": "there is no [MASK] in 'no mask'"}
    assert page.fill("Clara [MASK] " * 40)["error"].endswith(f"and the model takes {T}: shorten the text")


def test_the_packaged_model_answers_before_there_is_another(monkeypatch):
    monkeypatch.setattr(train_page, "current", [])
    assert list(train_page.fill("The river [MASK] was steep.")) == ["packaged"]
    for answer in (train_page.advance(1), train_page.check(), train_page.save(), train_page.inspect_page("a text", trained=True)):
        assert answer == {"error": "there is no trained model yet: start a training run first"}


def test_the_saved_folder_is_one_that_the_commands_take(page, trained, tmp_path):
    saved = page.save()
    with zipfile.ZipFile(saved["path"]) as archive:
        assert all(name.startswith("my-albert/") for name in archive.namelist())
        archive.extractall(tmp_path)
    folder, training = tmp_path / "my-albert", trained[0]
    text = "Anna [MASK] bread."
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    ids = tokenizer(text)["input_ids"]
    loaded = AlbertForPreTraining.from_pretrained(folder, require_heads=True)
    assert np.array_equal(ids, training.tokenizer(text)["input_ids"])
    assert np.allclose(loaded(ids).prediction_logits, training.model(ids).prediction_logits, atol=1e-5)
    assert f"for {TINY.steps} steps" in (folder / "README.md").read_text(encoding="utf-8")


def test_attention_of_both_models(page):
    for trained in (False, True):
        answer = page.inspect_page("The [MASK] was late.", trained)
        assert answer["page"].startswith("<!") and "</html>" in answer["page"] and "attention heads" in answer["page"]
    assert "empty" in page.inspect_page("  ")["error"]


def test_a_run_from_the_page(monkeypatch):
    monkeypatch.setattr(train_page, "current", [])
    facts = train_page.start(TEXT, {"width": 16, "layers": 1, "heads": 2, "vocabulary": 120, "steps": 3})
    assert facts["steps"] == 3 and facts["held_out"]["mlm_loss"] > 0
    assert train_page.advance(0)["step"] == 1 and train_page.get_text("stories")["text"].startswith("Ruth")
    assert len(train_page.get_mistakes()) == len(breakable())


def test_messages(monkeypatch):
    monkeypatch.setattr(train_page, "current", [])
    for text, sizes, message in (
        ("", {}, "the text is empty: paste some, open a file, or take the stories"),
        (" \n\n ", {}, "the text is empty: paste some, open a file, or take the stories"),
        ("Too short. Really.", {}, "the text is too short: it has 17 characters, and a training run needs at least 1,000"),
        (TEXT, {"vocabulary": 2000}, "the text is too small for a vocabulary of 2000 pieces: the largest possible is "),
        (TEXT, {"width": 48, "heads": 5}, "heads: they divide the width among them, and 48 is not a multiple of 5"),
        (TEXT, {"steps": 0}, "steps: expected a whole number from 1 to 5000, got 0"),
        (TEXT, {"width": "wide"}, "width: expected a whole number from 16 to 256, got 'wide'"),
    ):
        assert train_page.start(text, sizes)["error"].startswith(message)
    assert train_page.current == [], "a run that could not be started took the place of another"


def test_a_text_without_spaces():
    text = "".join(chr(0x4E00 + i * i % 53) + "。" * (i % 11 == 10) for i in range(3000))
    training = Training(text, Sizes(width=16, layers=1, heads=2, vocabulary=90, steps=2))
    assert np.isfinite(training.advance(5)["losses"][-1][1])
    assert training.facts["sentences"] > 100


def test_texts_of_which_there_is_nothing_to_learn():
    for text in ("x" * 1500, "one two three four " * 100):
        assert "the text is too small for a vocabulary of 150 pieces" in train_page.start(text, {"vocabulary": 150})["error"]
