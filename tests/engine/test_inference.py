"""The forward pass for inference: equal to that of core, with rows left out, blocks, threads, and parameters that are locked."""

import copy
import pickle
import threading

import numpy as np
import pytest

import albert_np as ab
from albert_np import core
from albert_np.core import layers
from albert_np.core.model.albert import encode as core_encode
from albert_np.engine import inference
from albert_np.engine.inference import attention, encoder, products
from albert_np.engine.inference.products import Product, Room, Rows, multiply
from albert_np.engine.inference.team import Alone, Job, borrow_team
from albert_np.models.batch import TaskBatch

CONFIG = ab.AlbertConfig(
    vocab_size=61, embedding_size=16, hidden_size=256, num_hidden_layers=3, num_attention_heads=4, intermediate_size=512,
    max_position_embeddings=512, num_labels=3, initializer_range=0.05,
)  # fmt: skip
CONFIGS = {
    "plain": CONFIG,
    "fusion": CONFIG.replace(fusion_layers=(0, 1, 3)),
    "fusion below the last layer": CONFIG.replace(fusion_layers=(1, 2)),
    "groups of two blocks": CONFIG.replace(num_hidden_groups=2, num_hidden_layers=2, inner_group_num=2),
    "nothing shared": CONFIG.replace(sharing="none", hidden_act="gelu"),
    "relu": CONFIG.replace(hidden_act="relu"),
    "low rank": CONFIG.replace(ranks={"ffn.intermediate": 8, "attention.query": 5}),
}
LENGTHS = {"1": [1], "2": [2], "17": [17], "several": [5, 1, 9, 2], "nearly equal": [30, 31, 29, 7], "512": [512, 40]}
TOLERANCE = {"float32": 4e-6, "float64": 1e-13}


@pytest.fixture(params=["plain", "blocks", "measure"])
def choice(request, monkeypatch):
    """Each way of choosing products, without what other tests have decided."""
    monkeypatch.setenv("ALBERT_NP_INFERENCE_PRODUCTS", request.param)
    monkeypatch.setattr(products, "_decided", {})
    return request.param


def model_of(config, dtype="float32", cls=ab.AlbertForSequenceClassification):
    """A model whose biases and layer norms are not 0 and 1."""
    model = cls(config, seed=1, dtype=dtype)
    model.params.flat[...] += 0.05 * np.random.default_rng(0).standard_normal(model.params.flat.size)
    return model


def batch_of(lengths, rows=None, seed=3):
    lengths = np.array(lengths)
    N, starts = lengths.sum(), np.cumsum(lengths) - lengths
    ids = np.random.default_rng(seed).integers(5, 61, N)
    return TaskBatch.pack(ids, lengths, np.zeros(N, int), np.arange(N) - np.repeat(starts, lengths), output_rows=rows)


def rows_of(lengths, kind):
    starts = np.cumsum(lengths) - lengths
    few = np.unique([0, sum(lengths) // 2, sum(lengths) - 1])
    return {"all": None, "cls": starts, "few": few, "most": np.arange(0, sum(lengths), 1)[1:] if sum(lengths) > 1 else few}[kind]


def check_encode(config, dtype, lengths):
    model = model_of(config, dtype).prepare()
    (expected, _), _ = core_encode(batch_of(lengths), model.params, model.config)
    for kind, workers in (("all", 2), ("cls", 1), ("few", 3), ("most", 2)):
        rows = rows_of(lengths, kind)
        found = inference.encode(batch_of(lengths, rows), model.params, model.config, workers=workers)
        chosen = slice(None) if rows is None else rows
        error = np.abs(found[chosen] - expected[chosen]).max() / np.abs(expected).max()
        assert error < TOLERANCE[dtype], (kind, workers)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_it_gives_what_core_gives(lengths, choice):
    check_encode(CONFIG, "float32", LENGTHS[lengths])


@pytest.mark.parametrize("name", CONFIGS)
def test_it_gives_what_core_gives_of_every_kind_of_model(name, monkeypatch):
    monkeypatch.setenv("ALBERT_NP_INFERENCE_PRODUCTS", "blocks")
    monkeypatch.setattr(products, "_decided", {})
    check_encode(CONFIGS[name], "float64", LENGTHS["several"])


def test_hidden_states_of_lower_layers():
    model = model_of(CONFIG, "float64")
    (_, hidden), _ = core_encode(batch_of([5, 9]), model.params, model.config)
    for layer, expected in enumerate(hidden):
        found = inference.encode(batch_of([5, 9]), model.params, model.config, layer)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_last_layer_is_computed_only_for_the_rows_that_are_read(monkeypatch):
    model, seen = model_of(CONFIG), []
    monkeypatch.setattr(encoder, "MIN_WORK", np.inf)  # one thread
    original = encoder.feed_forward
    monkeypatch.setattr(
        encoder, "feed_forward", lambda part, x, rows, *more: (seen.append(rows.N), original(part, x, rows, *more))
    )
    mask = np.arange(20) < np.array([[20], [12]])
    ids = np.full((2, 20), 7)
    model(ids, mask, outputs="logits")
    assert seen == [32, 32, 2]
    seen.clear()
    model(ids, mask, outputs=("logits", "last_hidden_state"))
    assert seen == [32, 32, 32]


@pytest.mark.parametrize("I, O", [(256, 256), (768, 320), (1536, 256), (2304, 1024), (256, 64), (255, 256)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_products_shared_by_threads(I, O, size, choice):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((2, I, O))
    room = Room(w.size)
    first, second = Product(w[0], room), Product(w[1], room)
    with borrow_team(size) as team:
        for N in (1, 2, 15, 16, 17, 25, 33, 100, 127, 128, 200):
            rows = Rows.of(N)
            if N <= 128:
                assert rows.padded >= N and rows.padded % rows.groups == 0 and rows.padded // rows.groups <= products.GROUP
            x, found = rng.standard_normal((rows.padded, I)), np.full((2, rows.padded, O), np.nan)
            multiply(team, (first, x, rows, found[0]), (second, x, rows, found[1]))
            np.testing.assert_allclose(found[:, :N], x[:N] @ w, rtol=0, atol=1e-10)
    if choice != "measure":
        assert (first.blocks is not None) == (choice == "blocks" and min(I, O) >= 256 and I % 2 == 0)


def test_the_choice_is_measured_once_and_kept(monkeypatch):
    measured = []
    monkeypatch.setattr(products, "_decided", {})
    monkeypatch.setattr(products, "measured", lambda product, N: bool(measured.append(N)) or len(measured) % 2 == 1)
    product = Product(np.ones((256, 256), np.float32), Room(256 * 256))
    x, out = np.ones((16, 256), np.float32), np.empty((16, 256), np.float32)
    for _ in range(3):
        for N in (16, 9, 3):
            multiply(Alone(), (product, x[:N], Rows.of(N), out[:N]))
    assert measured == [16, 4]  # 9 and 16 rows are one decision
    assert products.describe_products() == "blocks of 64 columns (256 × 256: 16 rows)"


def test_the_user_reads_of_blocks_where_they_were_chosen_by_measurement(monkeypatch):
    monkeypatch.setattr(products, "_decided", {})
    monkeypatch.setattr(products, "measured", lambda product, N: N == 16)
    product = Product(np.ones((256, 256), np.float32), Room(256 * 256))
    assert not products.prefers_blocks(product, 3) and inference.describe_measured_blocks() == ""  # nothing unusual
    assert products.prefers_blocks(product, 9)
    words = inference.describe_measured_blocks()
    assert words.startswith("products of up to 16 rows use copies of the weights in blocks of 64 columns")
    assert "(measured in 0 ms; ALBERT_NP_INFERENCE_PRODUCTS=plain " in words
    monkeypatch.setenv("ALBERT_NP_INFERENCE_PRODUCTS", "blocks")
    assert inference.describe_measured_blocks() == ""  # not inferred


def test_the_choice_can_be_made_by_hand_and_a_wrong_one_is_refused(monkeypatch):
    monkeypatch.setattr(products, "_decided", {})
    product = Product(np.ones((256, 256), np.float32), Room(256 * 256))
    monkeypatch.setenv("ALBERT_NP_INFERENCE_PRODUCTS", "blocks")
    assert products.prefers_blocks(product, 4) and products.describe_products() == "blocks (ALBERT_NP_INFERENCE_PRODUCTS)"
    monkeypatch.setenv("ALBERT_NP_INFERENCE_PRODUCTS", "block")
    with pytest.raises(ValueError, match="ALBERT_NP_INFERENCE_PRODUCTS: expected one of measure, plain, blocks, got 'block'"):
        products.prefers_blocks(product, 99)


def test_equal_calls_give_equal_bits_whatever_was_computed_in_between(choice):
    model = model_of(CONFIG).prepare()
    shapes = [(1, 16), (3, 5), (2, 130), (1, 1), (1, 17)]
    ids = [np.random.default_rng(i).integers(5, 61, shape) for i, shape in enumerate(shapes)]
    first = [model(each).logits for each in ids]
    for each, expected in [*zip(ids, first)][::-1]:
        assert np.array_equal(model(each).logits, expected)


def test_threads_of_a_program_do_not_disturb_each_other():
    model = model_of(CONFIG).prepare()
    ids = [np.random.default_rng(i).integers(5, 61, (2, 9 + i)) for i in range(4)]
    expected, found = [model(each).logits for each in ids], {}

    def work(i):
        found[i] = [model(ids[i]).logits for _ in range(5)]

    running = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    assert all(np.array_equal(logits, expected[i]) for i in range(4) for logits in found[i])


def scores_top(q, k):
    return float((q @ k.swapaxes(-1, -2)).max())


def test_scores_for_which_exp_overflows_or_vanishes():
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((1, 2, 5, 8)).astype(np.float32) for _ in range(3))
    k[:, :, 1:] = k[:, :, :1]  # equal scores
    for shift in (0.0, 88.5 - scores_top(q, k), 400.0, -400.0):  # the second: only the sum overflows
        scores = q @ k.swapaxes(-1, -2) + np.float32(shift)
        expected = layers.softmax(scores)[0] @ v
        out = np.empty_like(q)
        attention.weighted_mean(q, k, v, np.full((1, 1, 1, 5), shift, np.float32), out)
        np.testing.assert_allclose(out, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("shift", [0.0, -20.0, -60.0, 60.0])
def test_sharp_attention_has_no_subnormal_numbers(shift):
    """Products with them take many times as long. `v` picks the weight of each key."""
    scores = (shift - np.linspace(0, 120, 400)).astype(np.float32)
    q, k, v = np.ones((1, 1, 1, 1), np.float32), scores.reshape(1, 1, -1, 1), np.eye(len(scores), dtype=np.float32)[None, None]
    out = np.empty((1, 1, 1, len(scores)), np.float32)
    attention.weighted_mean(q, k, v, None, out)
    with core.reference():
        expected = layers.softmax(scores[None])[0]
    assert ((expected > 0) & (expected < np.finfo(np.float32).tiny)).any()
    assert not ((out > 0) & (out < np.finfo(np.float32).tiny)).any()
    np.testing.assert_allclose(out[0, 0], expected, rtol=1e-5, atol=1e-18)


def test_parameters_of_a_prepared_model_cannot_be_written_to():
    model = model_of(CONFIG)
    held = model.params.pooler.w
    model.prepare().prepare()
    p = model.params
    writes = [
        lambda: p.flat.__setitem__(..., 0), lambda: p.task.b.__setitem__(0, 1), lambda: held.__iadd__(1),
        lambda: ab.optim.step(p, p.zeros_like(), ab.optim.init("adamw", p), 0.1),
    ]  # fmt: skip
    for write in writes:
        with pytest.raises(ValueError, match="read-only"):
            write()
    model.prepare(False)
    for write in writes:
        write()


@pytest.mark.parametrize("prepared", [False, True])
def test_changed_weights_are_seen(prepared, choice):
    model, ids = model_of(CONFIG), np.array([[2, 7, 8, 3]])
    before = (model.prepare(prepared))(ids, outputs="logits").logits
    _, grads = model.loss_and_gradients(ids, labels=[1])  # ends the preparation
    ab.optim.step(model.params, grads, ab.optim.init("adamw", model.params), 0.01)
    fresh = ab.AlbertForSequenceClassification.of(model.config, model.params.copy())
    expected = fresh(ids).logits
    assert not model.prepared and np.abs(expected - before).max() > 1e-2
    np.testing.assert_allclose(model.prepare(prepared)(ids, outputs="logits").logits, expected, rtol=0, atol=2e-5)
    if not prepared:
        model.params.groups[0].blocks[0].ffn.output.w[...] *= 0.5
        fresh.params.groups[0].blocks[0].ffn.output.w[...] *= 0.5
        np.testing.assert_allclose(model(ids, outputs="logits").logits, fresh(ids).logits, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "make_copy", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
def test_a_copy_is_not_prepared(make_copy, choice):
    model, ids = model_of(CONFIG), np.array([[2, 7, 8, 3]])
    expected = model.prepare()(ids).logits
    copied = make_copy(model)
    assert model.prepared and not copied.prepared and copied(ids).last_hidden_state is not None
    np.testing.assert_allclose(copied(ids).logits, expected, rtol=0, atol=2e-5)
    copied.params.flat[...] = 0
    assert np.array_equal(model(ids).logits, expected)


def test_the_reference_and_replaced_operations_are_obeyed():
    model, ids = model_of(CONFIG, "float64").prepare(), np.array([[2, 7, 8, 3]])
    expected = model(ids).logits
    with core.reference():
        np.testing.assert_allclose(model(ids).logits, expected, rtol=0, atol=1e-12)
    zeros = lambda x, p, act: (np.zeros_like(x), None)  # noqa: E731
    with core.override(layers.feed_forward, zeros, lambda *arguments: None):
        assert np.abs(model(ids).logits - expected).max() > 1e-3


def test_the_first_error_of_a_team_is_raised_and_the_team_goes_on():
    def fail(k):
        if k == 1:
            raise KeyError("of thread 1")

    with borrow_team(2) as team:
        with pytest.raises(KeyError, match="of thread 1"):
            team.share(fail, [(0,), (1,), (2,)])
        done = []
        team.share(done.append, [(0,), (1,), (2,)])
        assert sorted(done) == [0, 1, 2]


def test_a_team_does_not_wait_for_a_thread_that_is_late():
    busy = threading.Lock()
    busy.acquire()
    with borrow_team(2) as team:
        team.jobs.put(Job(busy.acquire, [()]))  # keeps the other thread
        done = []
        team.share(done.append, [(0,), (1,), (2,)])
        assert done == [0, 1, 2]
        busy.release()
        team.share(done.append, [])


def test_few_rows_are_shared_by_a_team_where_blocks_are_faster_and_else_by_blas(monkeypatch):
    monkeypatch.setattr(encoder.threads, "count_here", lambda: 2)
    monkeypatch.setattr(encoder, "MIN_WORK", 0)
    monkeypatch.delenv("ALBERT_NP_INFERENCE_PRODUCTS", raising=False)
    monkeypatch.setattr(products, "_decided", {})
    monkeypatch.setattr(products, "measured", lambda product, N: N <= 16)
    p = model_of(CONFIG).prepare().params
    found = [encoder.number_of_workers(np.array(lengths), p, CONFIG, 1) for lengths in ([16], [9, 8], [128], [129], [60, 70])]
    assert found == [2, 1, 1, 2, 2]
    assert encoder.number_of_workers(np.array([16, 16]), p, CONFIG, 2) == 1
    unprepared = model_of(CONFIG).params
    assert [encoder.number_of_workers(np.array([N]), unprepared, CONFIG, 1) for N in (16, 129)] == [1, 2]
    factors = model_of(CONFIGS["low rank"]).params
    assert encoder.number_of_workers(np.array([129]), factors, CONFIGS["low rank"], 1) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_in_huge_pages(dtype):
    found = products.allocate_huge(1000, np.dtype(dtype))
    found[...] = np.arange(1000)
    assert found.dtype == dtype and np.array_equal(found, np.arange(1000))
    if hasattr(products.mmap, "MADV_HUGEPAGE"):
        assert found.ctypes.data % products.HUGE_PAGE == 0
