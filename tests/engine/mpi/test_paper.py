"""The page on many workers: its tables are what the benchmark prints, and what they are made from is so."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import albert_np as ab
from albert_np.core import reference
from albert_np.core.model import encoder

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def network(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import network

    return network


def test_the_page_has_the_table():
    command = [sys.executable, str(BENCHMARKS / "parallel.py"), "--paper"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page = (BENCHMARKS.parents[1] / "docs" / "parallel.md").read_text(encoding="utf-8")
    assert printed.count("\n| ") > 10
    assert [line for line in printed.splitlines() if line not in page] == []


def test_sizes_are_the_published_ones(network):
    """BERT's as transformers counts BertForPreTraining's."""
    found = {name: sum(network.parameters(config).values()) for name, config in network.MODELS.items()}
    assert (found["BERT-base"], found["BERT-large"]) == (110_106_428, 336_226_108)
    assert found["ALBERT-base"] == 11_813_810


def test_sending_is_what_the_formula_says(network):
    net = network.Network("", 1e9, 1e-5)
    assert network.sending(4e9, 2, net) == pytest.approx(4.0 + 2e-5 + 2e-5)
    config = network.MODELS["ALBERT-base"]
    k, size = network.half(config, net), 4 * sum(network.parameters(config).values())
    work = network.operations(config) / network.RATE
    assert network.sending(size, k, net) <= work / k and network.sending(size, k + 1, net) > work / (k + 1)


@pytest.mark.parametrize("form", [{}, {"fusion_layers": (1, 2)}, {"num_hidden_groups": 3}, {"sharing": "none"}])
def test_what_is_final_early(network, monkeypatch, form):
    """What the page calls final before the last layer application is final there, and nothing else is."""
    config = ab.AlbertConfig(
        vocab_size=31, embedding_size=8, hidden_size=12, num_hidden_layers=3, num_attention_heads=3, intermediate_size=20,
        max_position_embeddings=16, **form,
    )  # fmt: skip
    model = ab.AlbertForPreTraining(config, seed=1, dtype="float64")
    grads, before, backward, calls = model.params.zeros_like(), [], encoder.layer_backward, []

    def watched(*args):
        calls.append(1)
        if len(calls) == config.num_hidden_layers:
            before.append(grads.copy())
        return backward(*args)

    monkeypatch.setattr(encoder, "layer_backward", watched)
    batch = model.pack_batch(
        ids=np.array([2, 7, 4, 9, 3]), lengths=np.array([5]), token_types=np.zeros(5, int), positions=np.arange(5),
        masked_rows=np.array([1, 3]), masked_labels=np.array([11, 12]), order_labels=np.array([1]),
    )  # fmt: skip
    with reference():
        model.packed_loss_and_gradients(batch, grads)
    final = {name for (name, now), (_, then) in zip(grads.items(), before[0].items()) if (now == then).all() and now.any()}
    sizes = network.parameters(config)
    assert sum(sizes[name] for name in final) / sum(sizes.values()) == pytest.approx(network.early(config))
