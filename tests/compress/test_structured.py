"""Smaller models: what is worth nothing can be cut away without loss, and what is left is an ordinary model."""

import numpy as np
import pytest
from small_models import batch_of, shaken

import albert_np as ab
from albert_np.compress.dense import densify
from albert_np.compress.importance import importance
from albert_np.compress.low_rank import choose_ranks, factor
from albert_np.compress.structured import cut

FORMS = {
    "shared": {},
    "groups": dict(num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2),
    "attention": dict(sharing="attention"),
    "ffn": dict(sharing="ffn"),
    "none": dict(sharing="none"),
    "factors": dict(ranks={"attention.output": 9, "ffn.intermediate": 7}),
}


def made(config, seed=3, dtype="float32"):
    return shaken(ab.AlbertForSequenceClassification(config, seed=seed, dtype=dtype))


def one_by_one(config, count=6):
    return [batch_of(config, seed, (3 + seed,)) for seed in range(count)]


def outputs_of(model, part):
    """The different output maps of the blocks' attention or ffn."""
    return list({id(getattr(b, part)): getattr(b, part).output for g in model.params.groups for b in g.blocks}.values())


@pytest.mark.parametrize("form", FORMS)
def test_importance_is_the_derivative_by_a_factor(config, form):
    """Scale a head's rows of the output matrix by 1 ± h: the loss of an example changes by its importance."""
    model = made(config.replace(**FORMS[form]), dtype="float64")
    (batch,) = one_by_one(model.config, 1)
    heads, neurons = importance(model, [batch])
    h, D = 1e-5, model.config.head_width
    assert len(heads) == len(outputs_of(model, "attention")) and len(neurons) == len(outputs_of(model, "ffn"))
    for found, part, width in ((heads, "attention", D), (neurons, "ffn", 1)):
        for (name, worth), output in zip(found.items(), outputs_of(model, part)):
            for place in (0, len(worth) - 1):
                rows = slice(place * width, (place + 1) * width)
                w = output.u if hasattr(output, "u") else output.w
                kept, losses = w[rows].copy(), []
                for factor_ in (1 + h, 1 - h):
                    w[rows] = kept * factor_
                    losses.append(float(model.packed_loss(batch).loss))
                w[rows] = kept
                assert worth[place] == pytest.approx(abs(losses[0] - losses[1]) / (2 * h), rel=1e-5, abs=1e-9), name


def test_importance_is_a_mean_of_absolute_values(model):
    batches = one_by_one(model.config)
    whole, _ = importance(model, batches)
    each = [importance(model, [batch])[0] for batch in batches]
    for name, worth in whole.items():
        np.testing.assert_allclose(worth, np.mean([one[name] for one in each], axis=0), rtol=1e-12)


def test_importance_needs_examples(model):
    with pytest.raises(ValueError, match="there are none"):
        importance(model, [])


@pytest.mark.parametrize("form", FORMS)
def test_what_contributes_nothing_is_cut_without_loss(config, ids, form):
    """Heads and neurons whose rows of the output matrix are 0 are worth 0, and the smaller model computes the same."""
    model = made(config.replace(**FORMS[form]))
    for block in [b for g in model.params.groups for b in g.blocks]:
        for output, rows in ((block.attention.output, slice(8, 24)), (block.ffn.output, slice(5, 29))):
            (output.u if hasattr(output, "u") else output.w)[rows] = 0
    heads, neurons = importance(model, one_by_one(model.config))
    config, params = cut(model.config, model.params, (2, heads), (24, neurons))
    small = ab.AlbertForSequenceClassification.of(config, params)
    assert (config.num_attention_heads, config.head_width, config.intermediate_size) == (2, 8, 24)
    assert params.count() < model.params.count()
    np.testing.assert_allclose(small(ids).logits, model(ids).logits, atol=2e-6)
    loss, grads = small.packed_loss_and_gradients(batch_of(config))
    assert np.isfinite(float(loss.loss)) and grads.count() == params.count()


def test_each_block_keeps_its_own_best(config):
    model = made(config.replace(sharing="none"))
    worth = {f"groups.{g}.blocks.0.attention": np.eye(4)[g] + [0, 0, 0, 0.5] for g in range(3)}
    _, params = cut(model.config, model.params, (1, worth), None)
    for g in range(3):
        np.testing.assert_array_equal(
            params.groups[g].blocks[0].attention.query.w, model.params.groups[g].blocks[0].attention.query.w[:, 8 * g : 8 * g + 8]
        )


@pytest.mark.parametrize("form", FORMS)
def test_a_smaller_model_is_saved_loaded_and_made_dense(config, ids, tmp_path, form):
    model = made(config.replace(**FORMS[form]))
    heads, neurons = importance(model, one_by_one(model.config, 2))
    small = ab.AlbertForSequenceClassification.of(*cut(model.config, model.params, (3, heads), (20, neurons)))
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is saved as")
        small.save_pretrained(tmp_path)
    again = ab.AlbertForSequenceClassification.from_pretrained(tmp_path)
    assert (again(ids).logits == small(ids).logits).all() and again.config.num_attention_heads == 3
    assert small.config.to_dict()["model_type"] == "albert_np"
    plain, params = densify(small.config, small.params)
    assert plain.is_albert and plain.num_attention_heads == 4 and plain.intermediate_size == 20
    np.testing.assert_allclose(ab.AlbertForSequenceClassification.of(plain, params)(ids).logits, small(ids).logits, atol=2e-6)


def test_an_ordinary_model_is_dense_already(model):
    config, params = densify(model.config, model.params)
    assert config is model.config and params is model.params


def test_heads_that_no_other_program_has_cannot_be_made_dense(config):
    odd = config.replace(num_attention_heads=3, attention_head_size=7)
    with pytest.raises(ValueError, match="which 7 cannot be of 32"):
        densify(odd, ab.AlbertModel(odd).params)


@pytest.mark.parametrize(("heads", "said"), [(0, "heads: expected 1 to 4 that stay, got 0"), (5, "got 5")])
def test_as_many_must_stay_as_there_are(model, heads, said):
    with pytest.raises(ValueError, match=said):
        cut(model.config, model.params, (heads, {}), None)


# ---- low rank ----


def test_the_rank_keeps_the_energy_asked_for(config):
    model = made(config)
    for energy in (0.5, 0.8):
        chosen = choose_ranks(model.params, energy)
        for name, rank in chosen.items():
            part, which = name.split(".")
            w = getattr(getattr(model.params.groups[0].blocks[0], part), which).w
            squares = np.linalg.svd(w.astype(np.float64), compute_uv=False) ** 2
            assert squares[:rank].sum() >= energy * squares.sum() > squares[: rank - 1].sum()
            assert rank * sum(w.shape) < w.size


def test_factors_of_a_weight_of_low_rank_lose_nothing(config, ids):
    model = made(config)
    rng = np.random.default_rng(5)
    for part in ("intermediate", "output"):
        w = getattr(model.params.groups[0].blocks[0].ffn, part).w
        w[...] = rng.standard_normal((len(w), 4)) @ rng.standard_normal((4, w.shape[1])) / 8
    chosen = {name: rank for name, rank in choose_ranks(model.params, 0.999999).items() if name.startswith("ffn")}
    assert chosen == {"ffn.intermediate": 4, "ffn.output": 4}
    config, params = factor(model.config, model.params, chosen)
    small = ab.AlbertForSequenceClassification.of(config, params)
    np.testing.assert_allclose(small(ids).logits, model(ids).logits, atol=1e-5)
    assert params.count() == model.params.count() - 2 * (32 * 48 - 4 * (32 + 48))


def test_a_rank_that_saves_nothing_is_not_taken(model):
    assert choose_ranks(model.params, 0.9999) == {}


@pytest.mark.parametrize("energy", [0, 1, 1.5])
def test_energy_is_a_share(model, energy):
    with pytest.raises(ValueError, match="energy: expected a share"):
        choose_ranks(model.params, energy)


@pytest.mark.parametrize("change", [dict(ranks={"ffn.middle": 3}), dict(ranks={"ffn.output": 0}), dict(ranks={"ffn.output": 33}),
                                    dict(ranks=[1]), dict(attention_head_size=0), dict(attention_head_size=2.5)])  # fmt: skip
def test_configs_that_make_no_sense_are_refused(config, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        config.replace(**change)
