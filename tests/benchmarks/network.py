"""What a step of data-parallel training costs on paper: computing from the model's operations, sending from the gradient's bytes.

    step(k) = C / (k R)  +  2 (k - 1)/k · S / β  +  2 (k - 1) α  +  2 ⌈log₂ k⌉ α
              computing     the ring all-reduce of the gradient     the two meetings before it

C  operations of the global batch · R operations a second of one worker · S bytes of the flat gradient buffer · β bandwidth of a
worker · α latency. Nothing is overlapped: what could be is said by `early`.
"""

import math
from dataclasses import dataclass
from typing import Any

from products import flops, of_batch

import albert_np as ab
from albert_np.training.memory import empty_tree

SEQUENCES, T, MASKED = 4096, 512, 77  # the paper's batch; 15 % of 512 are 77
RATE = 50e12  # operations a second that a worker sustains: a GPU's order of magnitude, stated, not measured
WORKERS = (8, 64, 512)


@dataclass(frozen=True)
class Network:
    name: str
    bandwidth: float  # bytes a second
    latency: float  # seconds


NETWORKS = (Network("10 Gbit/s, 20 µs", 10e9 / 8, 20e-6), Network("100 Gbit/s, 3 µs", 100e9 / 8, 3e-6))


def bert(preset: str) -> ab.AlbertConfig:
    """BERT of these sizes: a table as wide as the layers, nothing shared, its own vocabulary."""
    config = ab.AlbertConfig.preset(preset)
    return config.replace(embedding_size=config.hidden_size, sharing="none", vocab_size=30522)


MODELS = {
    "ALBERT-base": ab.AlbertConfig.preset("base"), "BERT-base": bert("base"),
    "BERT-large": bert("large"), "ALBERT-xxlarge": ab.AlbertConfig.preset("xxlarge"),
}  # fmt: skip


def parameters(config: ab.AlbertConfig) -> dict[str, int]:
    """{name: numbers} of all tensors. BERT's embeddings are as wide as its layers: it has no projection between them."""
    sizes = {name: array.size for name, array in empty_tree(config).items()}
    square = config.embedding_size == config.hidden_size
    return {name: size for name, size in sizes.items() if not (square and name.startswith("embeddings.projection."))}


def operations(config: ab.AlbertConfig) -> float:
    """Of a step of SEQUENCES sequences."""
    found = flops(of_batch(config, [T] * 8, MASKED * 8, "pretraining", True)) * SEQUENCES / 8
    if config.embedding_size == config.hidden_size:
        found -= 3 * 2 * SEQUENCES * T * config.hidden_size**2
    return found


def early(config: ab.AlbertConfig) -> float:
    """The share of the gradient that is final before the backward pass comes to its last layer application: only that could be
    sent while something is still computed. The heads, fusion, and groups of layers that the first layer does not use."""
    sizes = parameters(config)
    last = ("embeddings.", f"groups.{config.group_of(0)}.")
    return sum(size for name, size in sizes.items() if not name.startswith(last)) / sum(sizes.values())


def sending(size: float, k: int, network: Network) -> float:
    """Seconds for the ring all-reduce of `size` bytes among k workers, and the meetings before it."""
    ring = 2 * (k - 1) / k * size / network.bandwidth + 2 * (k - 1) * network.latency
    return ring + 2 * math.ceil(math.log2(k)) * network.latency


def half(config: ab.AlbertConfig, network: Network) -> int:
    """The number of workers from which on a step is more sending than computing."""
    size, work = 4 * sum(parameters(config).values()), operations(config)
    low, high = 1, 1 << 30
    while high - low > 1:
        k = (low + high) // 2
        low, high = (k, high) if sending(size, k, network) <= work / k / RATE else (low, k)
    return low


def rows() -> list[list[str]]:
    found = []
    for name, config in MODELS.items():
        size, work = 4 * sum(parameters(config).values()), operations(config)
        for network in NETWORKS:
            cells = [name, f"{size / 1e6:,.0f} MB", network.name, f"{work / RATE:.1f} s"]
            for k in WORKERS:
                compute, send = work / k / RATE, sending(size, k, network)
                cells.append(f"{1000 * compute:,.0f} + {1000 * send:,.0f} ms, {compute / (compute + send):.0%}")
            found.append([*cells, f"{half(config, network):,}"])
    return found


def table() -> str:
    """Both tables as Markdown."""
    head = ["model", "gradient", "network", "computing, 1 worker", *(f"{k} workers" for k in WORKERS), "half is sending from"]
    lines = [line(head), "|---|---:|---|---:|---:|---:|---:|---:|", *map(line, rows()), ""]
    lines += [
        line(["model", "parameters", "gradient, float32", "final before the last layer's backward pass"]),
        "|---|---:|---:|---:|",
    ]
    for name, config in MODELS.items():
        n = sum(parameters(config).values())
        lines.append(line([name, f"{n:,}", f"{4 * n / 1e6:,.1f} MB", f"{early(config):.1%}"]))
    return "\n".join(lines)


def line(cells: list[Any]) -> str:
    return "| " + " | ".join(cells) + " |"
