"""Parity of zero-shot classification with transformers' pipeline: the same scores, the labels in the same order."""

import pytest

from albert_np.tasks.trained import Trained
from albert_np.text import AlbertTokenizer, train_tokenizer

torch = pytest.importorskip("torch", reason="torch is not installed: no live parity")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

TEXTS = [
    "the river runs through the old town", "a poor film (with a bad plot)", "who wrote the first program?",
    "a fine film with a great cast, and the river runs through the old town " * 6,  # which is cut
]  # fmt: skip
LABELS = ["film", "geography", "a river, or a town", "programming"]
SIZES = dict(
    embedding_size=10, hidden_size=24, num_hidden_layers=3, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=64, initializer_range=0.4,
)  # fmt: skip
MODELS = {
    "sorted": ["contradiction", "entailment", "neutral"],
    "entailment first": ["entailment", "neutral", "contradiction"],
    "entailment last, in capitals": ["CONTRADICTION", "NEUTRAL", "ENTAILMENT"],
    "two": ["entailment", "not_entailment"],
    "two, entailment last": ["not_entailment", "entailment"],
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    AlbertTokenizer(train_tokenizer(TEXTS * 9, folder / "given.model", 45), model_max_length=64).save_pretrained(folder / "ours")
    (folder / "ours" / "config.json").write_text('{"model_type": "albert"}')
    return transformers.AutoTokenizer.from_pretrained(folder / "ours")


@pytest.fixture
def fine_tuned(tmp_path, tokenizer):
    """A function: the labels of a model of inference -> its folder, as transformers saves it."""

    def save(labels):
        torch.manual_seed(1)
        config = transformers.AlbertConfig(
            **SIZES, vocab_size=len(tokenizer), id2label=dict(enumerate(labels)), label2id={k: i for i, k in enumerate(labels)}
        )
        model = transformers.AlbertForSequenceClassification(config)
        torch.nn.init.normal_(model.classifier.bias)
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return tmp_path

    return save


@pytest.mark.parametrize("name", MODELS)
def test_the_scores_are_those_of_their_pipeline(fine_tuned, name):
    folder = fine_tuned(MODELS[name])
    template = "It is about {}, isn't it?" if name == "two" else "This example is {}."  # the latter is the default of both
    trained = Trained.from_pretrained(folder, dtype="float64")
    pipeline = transformers.pipeline("zero-shot-classification", model=str(folder), dtype=torch.float64)
    for labels in (LABELS, LABELS[:1]):
        for several in (False, True):
            expected = pipeline(TEXTS, candidate_labels=labels, hypothesis_template=template, multi_label=several)
            found = trained.zero_shot(TEXTS, labels, template=template, multi_label=several)
            for theirs, ours in zip(expected, found, strict=True):
                assert list(ours["probabilities"]) == theirs["labels"]
                assert list(ours["probabilities"].values()) == pytest.approx(theirs["scores"], abs=1e-6)


def test_a_label_of_contradiction_that_is_neither_first_nor_last(fine_tuned):
    """Their pipeline takes the first label for contradiction here; ours takes the one that is named so."""
    folder = fine_tuned(["neutral", "contradiction", "entailment"])
    trained = Trained.from_pretrained(folder, dtype="float64")
    pipeline = transformers.pipeline("zero-shot-classification", model=str(folder), dtype=torch.float64)
    theirs = pipeline(TEXTS[0], candidate_labels=LABELS, multi_label=True)
    scores = dict(zip(theirs["labels"], theirs["scores"]))
    (ours,) = trained.zero_shot(TEXTS[0], LABELS, multi_label=True)
    (neutral,) = trained.zero_shot(TEXTS[0], LABELS, multi_label=True, contradiction="neutral")
    assert neutral["probabilities"] == pytest.approx(scores, abs=1e-6)
    assert ours["probabilities"] != pytest.approx(scores, abs=1e-3)
