"""A new head and its task need one file of their own, sentence_means.py, and no change of engine or training."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from stopping import StopAfter

import albert_np as ab
from albert_np.tasks import get_task
from albert_np.tasks.trained import Trained

TASK = f"{Path(__file__).parent / 'sentence_means.py'}:Animals"
SMALL = dict(
    hidden_size=24, num_attention_heads=3, intermediate_size=48, embedding_size=16, num_hidden_layers=2,
    max_position_embeddings=32, initializer_range=0.1,
)  # fmt: skip
DROPOUT = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
SETTINGS = dict(epochs=6, learning_rate=1e-2, tokens_per_batch=96, options={"max_length": 32})


def examples():
    """Texts of three words; the label is the animal that two or three of them are."""
    words = {"cat": 1, "kitten": 1, "dog": 0, "puppy": 0}
    texts = itertools.product(words, repeat=3)
    return [(" ".join(each), int(sum(words[word] for word in each) > 1)) for each in texts]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from albert_np.text import AlbertTokenizer, train_tokenizer

    file = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    train_tokenizer([text for text, _ in examples()], file, 30)
    return AlbertTokenizer(file)


def finetune(tokenizer, **arguments):
    given = dict(config="tiny", tokenizer=tokenizer, changes={**SMALL, **DROPOUT})
    return ab.finetune(TASK, examples(), examples(), **{**given, **SETTINGS, **arguments})


def test_it_learns_is_saved_and_answers(tokenizer, tmp_path):
    done = finetune(tokenizer, out=tmp_path)
    assert done.scores[0]["accuracy"] > 0.95 and done.history.steps[-1]["accuracy"] > 0.8
    again = Trained.from_pretrained(tmp_path, TASK)
    assert type(again.model).__name__ == "SentenceMeansModel"
    assert again.evaluate(examples()) == {"accuracy": done.scores[0]["accuracy"]}


def test_it_is_stopped_and_resumed_bit_for_bit(tokenizer, tmp_path):
    whole = finetune(tokenizer, out=tmp_path / "whole", accumulate=2, sparsity=0.5)
    assert finetune(tokenizer, out=tmp_path / "parts", accumulate=2, sparsity=0.5, report=StopAfter(7)).stopped_by == "SIGINT"
    parts = finetune(tokenizer, out=tmp_path / "parts", accumulate=2, sparsity=0.5, resume=True)
    assert parts.trained.model.params.flat.tobytes() == whole.trained.model.params.flat.tobytes()


def test_its_outputs_can_be_named_though_it_does_not_declare_their_rows(tokenizer):
    config = ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **SMALL, **get_task(TASK).config())
    model = get_task(TASK).model(config, seed=0)
    rows = tokenizer(["cat dog cat", "dog"], padding=True)
    ids = rows["input_ids"], rows["attention_mask"]
    everything, logits = model(*ids), model(*ids, outputs="logits")
    assert np.array_equal(logits.logits, everything.logits) and logits.last_hidden_state is None
    assert np.array_equal(model.prepare()(*ids).logits, everything.logits)
    with pytest.raises(
        ValueError, match=r"outputs: SentenceMeansModel has no 'logit'; expected some of last_hidden_state, .*logits"
    ):
        model(*ids, outputs="logit")


def test_its_gradient_is_right_in_one_part_and_in_several(tokenizer, monkeypatch):
    """Against central differences, and computed by several threads."""
    from albert_np.engine import shards, threads

    task = get_task(TASK, max_length=32)
    config = ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **SMALL, **task.config())
    model = task.model(config, seed=1, dtype="float64")
    arrays = task.collate([item for example in examples()[::5] for item in task.items(example, tokenizer)])
    batch = model.pack_batch(**arrays)
    results, grads = model.packed_loss_and_gradients(batch)
    direction = np.random.default_rng(0).normal(size=grads.flat.shape)
    direction /= np.sqrt((direction * direction).sum())
    differences, values = [], model.params.flat.copy()
    for sign in (1, -1):
        model.params.flat[...] = values + sign * 1e-6 * direction
        differences.append(sign * float(model.packed_loss(batch).loss))
    model.params.flat[...] = values
    assert sum(differences) / 2e-6 == pytest.approx(float(grads.flat @ direction), rel=1e-6)

    monkeypatch.setattr(shards, "MIN_NUMBERS", 1)
    monkeypatch.setattr(threads, "count", lambda: 2)
    monkeypatch.setattr(shards, "SERIAL", 0.0)
    divided, again = model.packed_loss_and_gradients(batch)
    assert float(divided.loss) == pytest.approx(float(results.loss), rel=1e-12)
    np.testing.assert_allclose(again.flat, grads.flat, rtol=0, atol=1e-12)
