"""A small fresh model can memorise 32 examples of every task, so no part of it is disconnected."""

import pytest
from examples import examples

import albert_np as ab

PERFECT = {
    "classification": dict(accuracy=1),
    "pairs": dict(accuracy=1),
    "sets": dict(exact_match=1),
    "numbers": dict(spearman=0.98),
    "ner": dict(f1=1),
    "srl": dict(f1=1, predicates_f1=1),
    "relations": dict(macro_f1=1),
    "question-answering": dict(exact_match=1, no_answer_exact_match=1),
    "multiple-choice": dict(accuracy=1),
    "translation": dict(bleu=99.9),
}
EPOCHS = {"translation": 90, "pairs": 60, "question-answering": 80, "multiple-choice": 60}
SMALL = dict(num_hidden_layers=2)


@pytest.mark.parametrize("name", PERFECT)
def test_32_examples_are_memorised(name, tokenizer):
    if name == "translation":
        pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: translations cannot be scored")
    task = "classification" if name in ("pairs", "sets", "numbers") else name
    given = examples(name)
    done = ab.finetune(
        task, given, given, config="tiny", tokenizer=tokenizer, changes=SMALL, options={"max_length": 64}, tokens_per_batch=256,
        epochs=EPOCHS.get(name, 40), learning_rate=1e-3, label_smoothing=0.0, seed=1,
    )  # fmt: skip
    for score, least in PERFECT[name].items():
        assert done.scores[0][score] >= least, done.scores[0]
    assert done.trained.evaluate(given)[done.trained.task.metric] == pytest.approx(done.history.scores[done.trained.task.metric])
