"""Parity of the fine-tuning classes with an installed transformers: logits, loss and every gradient, in float64.

What our model saves, theirs loads, and a folder that they saved answers here as their pipelines do. Their question answering
sees padding (a finite score at every hidden place), ours does not: so spans are compared on rows without padding.
"""

import numpy as np
import pytest

import albert_np as ab
from albert_np.metrics import to_bio
from albert_np.tasks.words import split_words
from albert_np.text import AlbertTokenizer, train_tokenizer

torch = pytest.importorskip("torch", reason="torch is not installed: no live parity")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: no live parity")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to fail on

SIZES = dict(
    vocab_size=97, embedding_size=10, hidden_size=24, num_hidden_layers=4, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=32, initializer_range=0.2, num_hidden_groups=2, inner_group_num=2, pad_token_id=0,
)  # fmt: skip
B, T, C = 3, 11, 5
RNG = np.random.default_rng(0)
IDS = RNG.integers(5, 97, (B, T))
MASK = (np.arange(T) < np.array([[11], [7], [9]])).astype(int)
TYPES = (np.arange(T) >= 5).astype(int) * MASK
NUMBERS = RNG.standard_normal((B, C))
SETS = RNG.integers(0, 2, (B, C)).astype(float)
TAGS = np.where((RNG.random((B, T)) < 0.6) & (MASK == 1), RNG.integers(0, C, (B, T)), -100)

SEQUENCES, TOKENS, SPANS = "AlbertForSequenceClassification", "AlbertForTokenClassification", "AlbertForQuestionAnswering"
PROBLEMS = {
    "classes": (SEQUENCES, dict(num_labels=C), dict(labels=np.array([4, 0, 2]))),
    "classes, one ignored": (SEQUENCES, dict(num_labels=C), dict(labels=np.array([4, -100, 2]))),
    "classes, said": (
        SEQUENCES, dict(num_labels=C, problem_type="single_label_classification"), dict(labels=np.array([1, 0, 2])),
    ),
    "one number": (SEQUENCES, dict(num_labels=1), dict(labels=NUMBERS[:, 0])),
    "several numbers": (SEQUENCES, dict(num_labels=C, problem_type="regression"), dict(labels=NUMBERS)),
    "sets": (SEQUENCES, dict(num_labels=C), dict(labels=SETS)),
    "sets, said": (SEQUENCES, dict(num_labels=C, problem_type="multi_label_classification"), dict(labels=SETS)),
    "tokens": (TOKENS, dict(num_labels=C), dict(labels=TAGS)),
    "spans": (SPANS, {}, dict(start_positions=np.array([1, 6, 0]), end_positions=np.array([4, 6, 10]))),
    "spans, some outside": (SPANS, {}, dict(start_positions=np.array([1, 40, 0]), end_positions=np.array([4, 11, 12]))),
}  # fmt: skip


@pytest.mark.parametrize("problem", PROBLEMS)
def test_same_logits_loss_and_gradients(tmp_path, problem):
    name, changes, labels = PROBLEMS[problem]
    ours = getattr(ab, name)(ab.AlbertConfig(**SIZES, **changes), seed=1, dtype="float64")
    ours.params.task.b[...] = np.linspace(-0.5, 0.5, ours.config.num_labels)
    ours.save_pretrained(tmp_path)
    theirs, loading = getattr(transformers, name).from_pretrained(
        tmp_path, dtype=torch.float64, attn_implementation="eager", output_loading_info=True
    )
    assert not loading["missing_keys"] and not loading["unexpected_keys"] and not loading["mismatched_keys"]
    arguments = dict(input_ids=IDS, token_type_ids=TYPES)
    if name != SPANS:
        arguments["attention_mask"] = MASK
    expected = theirs.eval()(**{key: torch.tensor(value) for key, value in {**arguments, **labels}.items()})
    expected.loss.backward()
    loss, grads = ours.loss_and_gradients(**arguments, **labels)
    np.testing.assert_allclose(loss, expected.loss.item(), rtol=1e-12)

    out = ours(**arguments)
    for key in ("start_logits", "end_logits") if name == SPANS else ("logits",):
        visible = MASK == 1 if name == TOKENS else slice(None)
        np.testing.assert_allclose(
            getattr(out, key)[visible], getattr(expected, key).detach().numpy()[visible], rtol=0, atol=1e-11
        )
    reference = {key: p.grad.numpy() for key, p in theirs.named_parameters()}
    found = ab.to_hf(ours.config, grads)
    assert found.keys() == reference.keys()
    for key, gradient in found.items():
        np.testing.assert_allclose(gradient, reference[key], rtol=0, atol=1e-11, err_msg=key)


K = 4  # choices of a question
CHOICES = RNG.integers(5, 97, (B, K, T))
SEEN = (np.arange(T) < RNG.integers(5, T + 1, (B, K, 1))).astype(int)
SECOND = (np.arange(T) >= 4).astype(int) * SEEN


@pytest.mark.parametrize("labels", [[3, 0, 2], [1, -100, -100]], ids=["all", "one"])
def test_multiple_choice(tmp_path, labels):
    ours = ab.AlbertForMultipleChoice(ab.AlbertConfig(**SIZES), seed=1, dtype="float64")
    ours.params.choice.b[...] = 0.3
    ours.save_pretrained(tmp_path)
    theirs, loading = transformers.AlbertForMultipleChoice.from_pretrained(
        tmp_path, dtype=torch.float64, attn_implementation="eager", output_loading_info=True
    )
    assert not loading["missing_keys"] and not loading["unexpected_keys"] and not loading["mismatched_keys"]
    arguments = dict(input_ids=CHOICES, attention_mask=SEEN, token_type_ids=SECOND)
    given = {key: torch.tensor(value) for key, value in arguments.items()}
    expected = theirs.eval()(**given, labels=torch.tensor(labels), output_hidden_states=True)
    expected.loss.backward()
    loss, grads = ours.loss_and_gradients(**arguments, labels=labels)
    np.testing.assert_allclose(loss, expected.loss.item(), rtol=1e-12)
    out = ours(**arguments, output_hidden_states=True)
    np.testing.assert_allclose(out.logits, expected.logits.detach().numpy(), rtol=0, atol=1e-11)
    seen = SEEN.reshape(B * K, T) == 1
    assert out.hidden_states[-1].shape == expected.hidden_states[-1].shape
    last = expected.hidden_states[-1].detach().numpy()
    np.testing.assert_allclose(out.hidden_states[-1][seen], last[seen], rtol=0, atol=1e-11)
    reference = {key: p.grad.numpy() for key, p in theirs.named_parameters()}
    found = ab.to_hf(ours.config, grads)
    assert found.keys() == reference.keys()
    for key, gradient in found.items():
        np.testing.assert_allclose(gradient, reference[key], rtol=0, atol=1e-11, err_msg=key)


def test_questions_with_fewer_choices_are_those_questions_in_transformers(tmp_path):
    """transformers takes one number of choices in a call: so it gets the questions one by one."""
    ours = ab.AlbertForMultipleChoice(ab.AlbertConfig(**SIZES), seed=1, dtype="float64")
    ours.save_pretrained(tmp_path)
    theirs = transformers.AlbertForMultipleChoice.from_pretrained(tmp_path, dtype=torch.float64).eval()
    sizes, labels = (4, 2, 3), [3, 1, 0]
    mask = SEEN * (np.arange(K) < np.array(sizes)[:, None])[:, :, None]
    loss, grads = ours.loss_and_gradients(CHOICES, mask, SECOND, labels)
    out, total = ours(CHOICES, mask, SECOND), torch.zeros((), dtype=torch.float64)
    for b, k in enumerate(sizes):
        arguments = dict(input_ids=CHOICES, attention_mask=SEEN, token_type_ids=SECOND)
        question = {key: torch.tensor(value[b : b + 1, :k]) for key, value in arguments.items()}
        alone = theirs(**question, labels=torch.tensor(labels[b : b + 1]))
        np.testing.assert_allclose(out.logits[b, :k], alone.logits[0].detach().numpy(), rtol=0, atol=1e-11)
        total = total + alone.loss / len(sizes)
    total.backward()
    np.testing.assert_allclose(loss, total.item(), rtol=1e-12)
    reference = {key: p.grad.numpy() for key, p in theirs.named_parameters()}
    for key, gradient in ab.to_hf(ours.config, grads).items():
        np.testing.assert_allclose(gradient, reference[key], rtol=0, atol=1e-11, err_msg=key)


@pytest.mark.parametrize("problem", ["classes", "tokens", "spans"])
def test_saved_by_transformers_loads_here(tmp_path, problem):
    name, changes, _ = PROBLEMS[problem]
    torch.manual_seed(0)
    theirs = getattr(transformers, name)(transformers.AlbertConfig(**SIZES, **changes)).eval()
    theirs.save_pretrained(tmp_path)
    ours = getattr(ab, name).from_pretrained(tmp_path)
    expected, out = theirs(torch.tensor(IDS)), ours(IDS)
    for key in ("start_logits", "end_logits") if name == SPANS else ("logits",):
        np.testing.assert_allclose(getattr(out, key), getattr(expected, key).detach().numpy(), rtol=0, atol=1e-4)


def test_choices_saved_by_transformers_load_here(tmp_path):
    torch.manual_seed(0)
    theirs = transformers.AlbertForMultipleChoice(transformers.AlbertConfig(**SIZES)).eval()
    theirs.save_pretrained(tmp_path)
    ours = ab.AlbertForMultipleChoice.from_pretrained(tmp_path, require_heads=True)
    np.testing.assert_allclose(ours(CHOICES).logits, theirs(torch.tensor(CHOICES)).logits.detach().numpy(), rtol=0, atol=1e-4)


def test_padding_moves_their_span_loss_and_not_ours(tmp_path):
    ours = ab.AlbertForQuestionAnswering(ab.AlbertConfig(**SIZES), seed=1, dtype="float64")
    ours.save_pretrained(tmp_path)
    theirs = transformers.AlbertForQuestionAnswering.from_pretrained(tmp_path, dtype=torch.float64).eval()
    labels = dict(start_positions=np.array([1]), end_positions=np.array([4]))
    losses = []
    for width in (7, 11):  # the second row has seven tokens
        arguments = dict(input_ids=IDS[1:2, :width], attention_mask=MASK[1:2, :width], **labels)
        their_loss = theirs(**{key: torch.tensor(value) for key, value in arguments.items()}).loss.item()
        losses.append((float(ours.loss_and_gradients(**arguments)[0]), their_loss))
    (short, their_short), (padded, their_padded) = losses
    np.testing.assert_allclose([short, padded], their_short, rtol=1e-12)
    assert their_padded > their_short + 0.01


@pytest.mark.parametrize("inner", [1, 2])
def test_the_hidden_states_and_attentions_are_theirs(tmp_path, inner):
    ours = ab.AlbertModel(ab.AlbertConfig(**{**SIZES, "inner_group_num": inner}), seed=1, dtype="float64")
    ours.save_pretrained(tmp_path)
    theirs = transformers.AlbertModel.from_pretrained(tmp_path, dtype=torch.float64, attn_implementation="eager").eval()
    asked = dict(output_hidden_states=True, output_attentions=True)
    expected = theirs(torch.tensor(IDS), attention_mask=torch.tensor(MASK), **asked)
    out = ours(IDS, MASK, **asked)
    seen = MASK == 1
    assert len(out.hidden_states) == 5 and len(out.attentions) == len(expected.attentions) == 4 * inner
    for mine, other in zip(out.hidden_states, expected.hidden_states[::inner], strict=True):  # theirs are one a block
        np.testing.assert_allclose(mine[seen], other.detach().numpy()[seen], rtol=0, atol=1e-11)
    for mine, other in zip(out.attentions, expected.attentions):
        both = (seen[:, None, :, None] & seen[:, None, None, :]) * np.ones((1, 3, 1, 1), bool)
        np.testing.assert_allclose(mine[both], other.detach().numpy()[both], rtol=0, atol=1e-11)
    np.testing.assert_allclose(out.pooler_output, expected.pooler_output.detach().numpy(), rtol=0, atol=1e-11)


# ---- folders that transformers fine-tuned

SENTENCES = [
    "the river runs through the old town", "Ada Lovelace was born in London", "a fine film with a great cast",
    "a poor film (with a bad plot)", "who wrote the first program",
]  # fmt: skip
KINDS = {
    "classes": dict(id2label={0: "negative", 1: "neutral", 2: "positive"}),
    "classes without names": dict(num_labels=3),
    "sets": dict(id2label={0: "a", 1: "b", 2: "c"}, problem_type="multi_label_classification"),
    "a number": dict(num_labels=1, problem_type="regression"),
}
LONGER = dict(max_position_embeddings=80, initializer_range=0.4)
SCHEMES = {
    "BIO": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "IO": ["O", "PER", "LOC"],
    "BIOES": ["B-X", "I-X", "E-X", "S-X", "O"],
}


@pytest.fixture(scope="module")
def their_tokenizer(tmp_path_factory):
    """transformers' tokenizer of a small vocabulary; it is saved as tokenizer.json alone by release 5."""
    folder = tmp_path_factory.mktemp("tokenizer")
    AlbertTokenizer(train_tokenizer(SENTENCES * 9, folder / "given.model", 55)).save_pretrained(folder / "ours")
    (folder / "ours" / "config.json").write_text('{"model_type": "albert"}')
    return transformers.AutoTokenizer.from_pretrained(folder / "ours")


@pytest.fixture
def fine_tuned(tmp_path, their_tokenizer):
    """A function: a class of transformers and fields of its config -> the folder of a model and its tokenizer."""

    def save(name, **fields):
        torch.manual_seed(0)
        config = transformers.AlbertConfig(**{**SIZES, "vocab_size": len(their_tokenizer), **LONGER, **fields})
        model = getattr(transformers, name)(config)
        torch.nn.init.normal_(getattr(model, "classifier", torch.nn.Linear(1, 1)).bias)
        model.save_pretrained(tmp_path)
        their_tokenizer.save_pretrained(tmp_path)
        return str(tmp_path)

    return save


@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_answers_as_their_pipeline(fine_tuned, kind):
    folder = fine_tuned(SEQUENCES, **KINDS[kind])
    with pytest.warns(UserWarning, match=r"no task\.json: classification"):
        trained = ab.Trained.from_pretrained(folder)
    pipeline = transformers.pipeline("text-classification", model=folder, top_k=None)
    pairs = [(SENTENCES[0], None), (SENTENCES[3], None), (SENTENCES[1], SENTENCES[4])]
    for text, pair in pairs:
        (answer,) = trained.predict(text if pair is None else f"{text}\t{pair}")
        (expected,) = pipeline([{"text": text} if pair is None else {"text": text, "text_pair": pair}])
        if kind == "a number":
            assert answer["label"] == pytest.approx(expected[0]["score"], abs=1e-5)
            continue
        assert answer["probabilities"] == pytest.approx({each["label"]: each["score"] for each in expected}, abs=1e-5)
        if kind == "sets":
            assert set(answer["label"]) == {each["label"] for each in expected if each["score"] > 0.5}
        else:
            assert answer["label"] == expected[0]["label"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_are_those_of_their_pipeline(fine_tuned, scheme):
    """At the first token of each word; entities here are runs of tags, as with their aggregation_strategy."""
    folder = fine_tuned(TOKENS, id2label=dict(enumerate(SCHEMES[scheme])))
    with pytest.warns(UserWarning, match=r"no task\.json: ner with the labels"):
        trained = ab.Trained.from_pretrained(folder)
    pipeline = transformers.pipeline("token-classification", model=folder, ignore_labels=[])
    for text in SENTENCES[:3]:
        tokens = pipeline(text)
        first = [min((t for t in tokens if t["start"] == start), key=lambda t: t["index"]) for _, start, _ in split_words(text)]
        tags = [t["entity"] if "-" in t["entity"] or t["entity"] == "O" else "I-" + t["entity"] for t in first]
        answers = trained.task.answers(trained.model, trained.tokenizer, [trained.task.example(text)])
        assert answers == [to_bio(tags)]


def test_answers_are_the_best_spans_of_their_scores(fine_tuned, their_tokenizer):
    folder = fine_tuned(SPANS)
    with pytest.warns(UserWarning, match=r"no task\.json: question-answering"):
        trained = ab.Trained.from_pretrained(folder)
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    for question, context in zip(SENTENCES[4:] * 3, SENTENCES):
        (answer,) = trained.predict([trained.task.example(f"{question}\t{context}")])
        row = their_tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True, return_token_type_ids=True)
        spans = row.pop("offset_mapping")[0].tolist()
        out = theirs(**row)
        inside = [i for i, (kind, span) in enumerate(zip(row["token_type_ids"][0], spans)) if kind == 1 and span != [0, 0]]
        start_logits, end_logits = out.start_logits[0].tolist(), out.end_logits[0].tolist()
        scores = {(i, k): start_logits[i] + end_logits[k] for i in inside for k in inside if i <= k}
        first, last = max(scores, key=scores.get)
        assert (answer["start"], answer["end"]) == (spans[first][0], spans[last][1])


@pytest.mark.parametrize("name", ["AlbertForMaskedLM", "AlbertForPreTraining"])
@pytest.mark.parametrize("rows", [0, 9])
def test_masks_are_filled_as_by_their_pipeline(fine_tuned, their_tokenizer, name, rows):
    """Special tokens, and rows beyond the tokenizer's pieces, are left out here."""
    from albert_np.apps.fill_mask import fill_masks, load_masked_model

    folder = fine_tuned(name, vocab_size=len(their_tokenizer) + rows)
    model, tokenizer = load_masked_model(folder)
    (found,) = fill_masks(model, tokenizer, "the [MASK] runs", 10)
    theirs = transformers.AutoModelForPreTraining.from_pretrained(folder).eval()
    row = their_tokenizer("the [MASK] runs", return_tensors="pt")
    logits = theirs(**row)
    logits = (logits.logits if hasattr(logits, "logits") else logits.prediction_logits)[0, row["input_ids"][0].tolist().index(4)]
    best = [i for i in logits[: len(their_tokenizer)].argsort(descending=True).tolist() if i > 4][:10]
    assert [piece for piece, _ in found] == [tokenizer.decode([i]) or tokenizer.convert_ids_to_tokens(i) for i in best]
