"""The service under load: 200 clients for a minute, texts of 16 tokens, batches against one by one; results/serve.json.

    python tests/benchmarks/serve.py [--seconds 60] [--clients 200] [--sizes tiny base] [--model FOLDER]
    python tests/benchmarks/serve.py --table

The models are pretrained ones' sizes with random weights (tiny ones, and ALBERT-base's), or a folder. Clients and server
share this machine, so what is measured is less than the server alone could do. `one by one` is the same server with --batch 1.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tiny import VOCAB_SIZE, config_of

import albert_np as ab
from albert_np.text import AlbertTokenizer, train_tokenizer

HERE = Path(__file__).parent
WORDS = "the of a to in is it and that this for as with if".split()


def folder_of(size: str, place: Path) -> Path:
    """A pretrained model's folder with random weights: of tiny sizes, or a preset's."""
    from albert_np.apps.demo_text import python_documentation

    lines = [line for document in python_documentation() for line in document][: 20_000 if size == "tiny" else None]
    train_tokenizer(lines, place / "spiece.model", VOCAB_SIZE)
    tokenizer = AlbertTokenizer(place / "spiece.model")
    config = config_of(tokenizer) if size == "tiny" else ab.AlbertConfig.preset(size)
    ab.AlbertForPreTraining(config, seed=0).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def text_of(tokenizer: AlbertTokenizer, number: int) -> str:
    """A text of 16 tokens, [CLS], [SEP] and a [MASK] among them; one for each number."""
    words = [WORDS[(number * 7 + 3 * i) % len(WORDS)] for i in range(16)]
    words[number % 8 + 2] = "[MASK]"
    for count in range(4, 16):
        text = " ".join(words[:count])
        if len(tokenizer(text)["input_ids"][0]) == 16:
            return text
    raise AssertionError("no text of 16 tokens could be made")


class Server:
    """`albert-np serve` as a process of its own."""

    def __init__(self, folder: Path, batch: int) -> None:
        command = [sys.executable, "-m", "albert_np", "serve", "--model", str(folder), "--port", "0", "--batch", str(batch)]
        command += ["--timeout", "120"]  # one by one, 200 clients wait long for a large model
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        found = re.search(r"http://127.0.0.1:(\d+)", self.process.stderr.readline())
        assert found, "the server did not start"
        self.port = int(found[1])
        threading.Thread(target=self.process.stderr.read, daemon=True).start()  # a full pipe would hold the server up

    def memory(self) -> float:
        """Resident MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


async def request(streams: Any, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One exchange over a connection that stays open: the least that HTTP needs, so that clients cost little."""
    reader, writer = streams
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
    return int(head[9:12]), await reader.readexactly(length)


async def connected(port: int) -> Any:
    return await asyncio.open_connection("127.0.0.1", port)


async def client(port: int, bodies: list[bytes], until: float, times: list[float], wrong: list[str]) -> None:
    """Ask one text after the other until the time is over."""
    streams = await connected(port)
    number = 0
    while time.perf_counter() < until:
        began = time.perf_counter()
        status, answer = await request(streams, "POST", "/answer", bodies[number % len(bodies)])
        if status == 200 and b'"masks"' in answer:
            times.append(time.perf_counter() - began)
        else:
            wrong.append(f"{status}: {answer[:100]!r}")
        number += 1
    streams[1].close()


async def load(server: Server, texts: list[str], clients: int, seconds: float) -> dict[str, Any]:
    """So many clients for so long -> texts per second, times, errors, memory."""
    bodies = [json.dumps({"text": text, "top_k": 1}).encode() for text in texts]
    warm: list[float] = []
    await asyncio.gather(*(client(server.port, bodies, time.perf_counter() + 3, warm, []) for _ in range(clients)))
    times: list[float] = []
    wrong: list[str] = []
    memory, began = server.memory(), time.perf_counter()
    turned = [bodies[i % len(bodies) :] + bodies[: i % len(bodies)] for i in range(clients)]
    await asyncio.gather(*(client(server.port, own, began + seconds, times, wrong) for own in turned))
    taken = time.perf_counter() - began
    _, state = await request(await connected(server.port), "GET", "/queue")
    times.sort()
    return {
        "clients": clients, "seconds": round(taken, 1), "texts": len(times), "texts_per_second": round(len(times) / taken, 1),
        "p50_ms": round(1000 * times[len(times) // 2], 1), "p95_ms": round(1000 * times[int(0.95 * len(times))], 1),
        "errors": len(wrong), "first_error": wrong[:1], "memory_mib": [round(memory, 1), round(server.memory(), 1)],
        "mean_batch": json.loads(state)["mean_batch"],
    }  # fmt: skip


def measure(folder: Path, clients: int, seconds: float) -> dict[str, Any]:
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    texts = [text_of(tokenizer, number) for number in range(64)]
    found = {}
    for name, batch, how_many, how_long in (("batches", 8192, clients, seconds), ("one by one", 1, clients, seconds / 3)):
        server = Server(folder, batch)
        try:
            found[name] = asyncio.run(load(server, texts, how_many, how_long))
        finally:
            server.stop()
    ratio = found["batches"]["texts_per_second"] / found["one by one"]["texts_per_second"]
    return {**found, "ratio": round(ratio, 2)}


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "| model | texts / s | one by one | ratio | p50, ms | p95, ms | errors | memory, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, found in results["models"].items():
        many, single = found["batches"], found["one by one"]
        cells = [name, f"{many['texts_per_second']:,.0f}", f"{single['texts_per_second']:,.0f}", f"{found['ratio']:.2f}",
                 f"{many['p50_ms']:.0f}", f"{many['p95_ms']:.0f}", f"{many['errors'] + single['errors']}",
                 " to ".join(f"{size:.0f}" for size in many["memory_mib"])]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--sizes", nargs="*", default=["tiny", "base"])
    parser.add_argument("--model", type=Path, help="a folder to measure besides")
    parser.add_argument("--table", action="store_true", help="print the table of the results that there are")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "serve.json")
    given = parser.parse_args()
    if not given.table:
        before = json.loads(given.out.read_text(encoding="utf-8"))["models"] if given.out.exists() else {}
        results: dict[str, Any] = {"processors": os.cpu_count(), "clients": given.clients, "models": before}
        for size in given.sizes:
            with tempfile.TemporaryDirectory() as place:
                results["models"][size] = measure(folder_of(size, Path(place)), given.clients, given.seconds)
        if given.model:
            results["models"][given.model.name] = measure(given.model, given.clients, given.seconds)
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(json.loads(given.out.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
