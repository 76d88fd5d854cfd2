"""Distillation: the loss of a student with a larger teacher, and the ordinary model of its own size that results."""

import numpy as np
import pytest
from examples import examples

import albert_np as ab
from albert_np.models.distillation import DistillConfig, attach_teacher, detach_teacher
from albert_np.tasks.trained import Trained

SIZES = dict(
    vocab_size=29, embedding_size=6, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=14,
    max_position_embeddings=11, num_labels=3, classifier_dropout_prob=0.0,
)  # fmt: skip
LARGE = dict(hidden_size=48, intermediate_size=64, embedding_size=16, num_attention_heads=4, num_hidden_layers=2)
SMALL = dict(LARGE, hidden_size=16, intermediate_size=16, num_attention_heads=2)
IDS = np.array([[2, 7, 4, 9, 3], [2, 8, 3, 0, 0]])
ARGUMENTS = dict(input_ids=IDS, attention_mask=IDS != 0, labels=np.array([2, 0]))


def model_of(seed=0, **changes):
    return ab.AlbertForSequenceClassification(ab.AlbertConfig(**{**SIZES, **changes}), seed=seed, dtype="float64")


def loss_by(lesson, model):
    attach_teacher(model, lesson)
    loss, _ = model.loss_and_gradients(**ARGUMENTS)
    detach_teacher(model)
    return float(loss)


def test_the_loss_is_the_sum_of_its_parts():
    teacher, model = model_of(1, hidden_size=24, num_hidden_layers=4), model_of(0)
    labels = float(model.loss_and_gradients(**ARGUMENTS)[0])
    assert loss_by(DistillConfig(teacher, alpha=1.0), model) == pytest.approx(labels, rel=1e-12)
    soft = loss_by(DistillConfig(teacher, alpha=0.0, temperature=3.0), model)
    p, q = (np.exp(m(IDS, IDS != 0).logits / 3) for m in (teacher, model))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    assert soft == pytest.approx(9 * (p * np.log(p / q)).sum(1).mean(), rel=1e-9)
    both = loss_by(DistillConfig(teacher, alpha=0.3, temperature=3.0), model)
    assert both == pytest.approx(0.3 * labels + 0.7 * soft, rel=1e-12)


def test_a_student_equal_to_its_teacher_has_no_loss_and_no_gradient():
    teacher = model_of(1)
    model = ab.AlbertForSequenceClassification.of(teacher.config, teacher.params.copy())
    attach_teacher(model, DistillConfig(teacher, alpha=0.0, hidden=1.0))
    loss, grads = model.loss_and_gradients(**ARGUMENTS)
    assert float(loss) == pytest.approx(0, abs=1e-15) and np.abs(grads.flat).max() < 1e-12


def test_parts_of_a_batch_add_up_to_it():
    teacher, model = model_of(1, hidden_size=24), model_of(0)
    attach_teacher(model, DistillConfig(teacher, hidden=0.5))
    whole = model.loss_and_gradients(**ARGUMENTS)
    denominators = {"task": 2.0, "tokens": float((IDS != 0).sum())}
    grads, loss = model.params.zeros_like(), 0.0
    for row in (0, 1):
        one = {name: array[row : row + 1] for name, array in ARGUMENTS.items()}
        loss += float(model.loss_and_gradients(**one, grads=grads, denominators=denominators)[0])
    assert loss == pytest.approx(float(whole[0]), rel=1e-12)
    np.testing.assert_allclose(grads.flat, whole[1].flat, atol=1e-14)


def test_the_teacher_is_unchanged_and_the_hint_is_removed():
    teacher, model = model_of(1, hidden_size=24), model_of(0)
    before, form = teacher.params.flat.copy(), list(model.params.form)
    attach_teacher(model, DistillConfig(teacher, hidden=0.5))
    assert model.params.hint.w.shape == (12, 24)
    _, grads = model.loss_and_gradients(**ARGUMENTS)
    model.params.flat[...] -= 0.1 * grads.flat
    body = model.params.groups[0].blocks[0].ffn.output.w.copy()
    detach_teacher(model)
    assert list(model.params.form) == form and (model.params.groups[0].blocks[0].ffn.output.w == body).all()
    assert (teacher.params.flat == before).all() and "objective" not in vars(model)


@pytest.mark.parametrize(
    "name", ["classification", "sets", "numbers", "ner", "question-answering", "multiple-choice", "relations", "srl"]
)
def test_every_task_with_a_head_can_be_distilled(name, tokenizer, tmp_path):
    task = "classification" if name in ("sets", "numbers") else name
    given = examples(name, 40)
    common = dict(dev=given[:10], config="tiny", tokenizer=tokenizer, options={"max_length": 64}, tokens_per_batch=256)
    ab.finetune(task, given, **common, changes=LARGE, epochs=8, learning_rate=2e-3, out=tmp_path / "teacher")
    done = ab.finetune(
        task,
        given,
        **common,
        changes=SMALL,
        epochs=2,
        teacher=tmp_path / "teacher",
        hidden=0.1,
        hard=0.3,
        out=tmp_path / "student",
    )
    again = Trained.from_pretrained(tmp_path / "student")
    assert again.model.config.hidden_size == 16 and "hint" not in again.model.params.form
    assert again.evaluate(given[:10]) == done.trained.evaluate(given[:10])


def test_a_student_of_a_good_teacher_comes_close_to_it(tokenizer, tmp_path):
    """The loss on the labels has no weight: the student learns from the teacher's outputs alone."""
    given = examples("ner", 200)
    common = dict(config="tiny", tokenizer=tokenizer, options={"max_length": 64}, tokens_per_batch=256)
    ab.finetune("ner", given, given[:60], **common, changes=LARGE, epochs=8, learning_rate=3e-3, out=tmp_path / "teacher")
    done = ab.finetune(
        "ner", given, given[:60], **common, changes=SMALL, epochs=8, learning_rate=5e-3, hard=0.0, teacher=tmp_path / "teacher"
    )
    assert done.scores[0]["f1"] > 0.9


def test_a_teacher_with_a_padded_vocabulary(tokenizer, tmp_path):
    given = examples("ner", 10)
    common = dict(tokenizer=tokenizer, options={"max_length": 64}, epochs=1)
    padded = ab.AlbertConfig.preset("tiny", **SMALL, vocab_size=len(tokenizer) + 9)
    ab.finetune("ner", given, config=padded, **common, out=tmp_path / "teacher")
    done = ab.finetune("ner", given, config="tiny", changes=SMALL, **common, teacher=tmp_path / "teacher")
    assert done.trained.model.config.vocab_size == len(tokenizer)


def test_unsuitable_teachers_are_rejected(tokenizer, tmp_path):
    given = examples("ner", 10)
    common = dict(config="tiny", tokenizer=tokenizer, options={"max_length": 64}, changes=SMALL, epochs=1)
    ab.finetune("ner", given, **common, out=tmp_path / "teacher")
    with pytest.raises(ValueError, match="was trained for the task 'ner', not for 'relations'"):
        ab.finetune("relations", examples("relations", 10), **common, teacher=tmp_path / "teacher")
    others = [type(e)(e.words, tuple(tag.replace("PER", "WHO") for tag in e.tags)) for e in given]
    with pytest.raises(ValueError, match="the teacher was trained for other labels"):
        ab.finetune("ner", others, **common, teacher=tmp_path / "teacher")
    with pytest.raises(ValueError, match="the teacher has another vocabulary"):
        ab.finetune("ner", given, **{**common, "tokenizer": None}, vocab_size=60, teacher=tmp_path / "teacher")
    with pytest.raises(ValueError, match="expected an AlbertForTokenClassification, like the student, got an "):
        attach_teacher(ab.AlbertForTokenClassification(model_of().config), DistillConfig(model_of()))
    with pytest.raises(ValueError, match="must have the same labels: the teacher has 4, the student "):
        attach_teacher(model_of(), DistillConfig(model_of(num_labels=4)))


@pytest.mark.parametrize("given", [dict(temperature=0), dict(alpha=1.5), dict(hidden=-1)])
def test_invalid_settings_of_distillation_are_rejected(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        DistillConfig(None, **given)


def test_the_loss_of_extreme_logits_is_finite():
    from albert_np.models.layers import soft_cross_entropy, soft_cross_entropy_backward

    m = np.finfo(np.float32).min
    x, t = np.array([[1e4, -1e4, m]], np.float32), np.array([[-1e4, 1e4, m]], np.float32)
    loss, cache = soft_cross_entropy(x, t, np.ones(1, np.float32), 1.0, 2.0)
    assert np.isfinite(loss) and np.isfinite(soft_cross_entropy_backward(1.0, cache)).all()
