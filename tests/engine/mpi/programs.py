"""What the tests run under mpiexec: python programs.py FUNCTION WORKSHOP JSON. Every process calls the function."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

import albert_np as ab
from albert_np.apps import cli
from albert_np.core import backend
from albert_np.core.random import RandomKey
from albert_np.data.corpus import Corpus
from albert_np.engine import mpi as parallel
from albert_np.engine.precision import InFloat32, computing
from albert_np.training import Report, Settings, data_of, loop

SIZES = dict(
    embedding_size=16, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48,
    max_position_embeddings=32,
)  # fmt: skip
SETTINGS = dict(
    steps=14, max_length=32, tokens_per_batch=256, held_out=0.1, log_every=3, eval_every=5, checkpoint_every=4, keep=2
)


def prepared(workshop: Path, settings: Settings, dtype: str = "float32", **changes: Any) -> tuple[Any, Any, Any]:
    """-> model, data, tokenizer"""
    tokenizer = ab.AlbertTokenizer.from_pretrained(workshop / "tokenizer")
    config = ab.AlbertConfig(**{**SIZES, "vocab_size": tokenizer.vocab_size, **changes})
    data = data_of(Corpus.open(workshop / "corpus", tokenizer), config, settings)
    return ab.AlbertForPreTraining(config, seed=settings.seed, dtype=dtype), data, tokenizer


def gradient(model: Any, data: Any, step: int, accumulate: int, processes: Any, bug: str = "") -> tuple[np.ndarray, float]:
    """The gradient of a global batch and its loss, as the loop computes them."""
    grads = model.params.zeros_like()
    batches = data.train.micro_batches(0, step, accumulate, *processes.mine)
    whole = loop.denominators(batches, parallel.ALONE if bug == "own denominators" else processes)
    results = computing(model, "float32").gradients(batches, whole, RandomKey(1, step), grads)
    parallel.Update(processes).sum(grads)
    (loss,) = processes.total(float(sum(r.loss for r in results)))
    return grads.flat, loss


def gradients(workshop: Path, out: str, accumulate: int = 1, tokens: int = 256, bug: str = "") -> None:
    """Those of three steps, in float64 and with dropout."""
    settings = Settings(**{**SETTINGS, "tokens_per_batch": tokens})
    model, data, _ = prepared(workshop, settings, "float64", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    processes = parallel.world()
    found = {}
    for step in range(3):
        flat, loss = gradient(model, data, step, accumulate, processes, bug)
        assert len(set(processes.gather(flat.tobytes()))) == 1, "the processes have different sums"
        found |= {f"flat{step}": flat, f"loss{step}": np.array(loss)}
    if processes.first:
        np.savez(out, **found)


class Trouble(Report):
    """Something happens in one process once the losses of a step are read."""

    def __init__(self, rank: int = -1, step: int = 0, what: str = "") -> None:
        self.rank, self.at, self.what, self.notes = rank, step, what, []

    def note(self, text: str) -> None:
        self.notes.append(text)


def train(workshop: Path, out: str, resume: bool = False, changes: Any = None, trouble: Any = None, **options: Any) -> None:
    """`pretrain`; trouble: {"rank", "step", "what"}."""
    settings = Settings(**{**SETTINGS, **options})
    model, data, tokenizer = prepared(workshop, settings, **(changes or {}))
    if trouble and trouble["rank"] == parallel.world().rank:
        plant(trouble["step"], trouble["what"], model)
    report = Trouble()
    summary = ab.pretrain(model, data, out, settings, tokenizer, resume=resume, report=report)
    digests = parallel.world().gather(model.params.flat.tobytes())
    assert len(set(digests)) == 1, "the processes end with different parameters"
    if parallel.world().first:
        np.save(Path(out) / "flat.npy", model.params.flat)
        print(json.dumps({"step": summary.step, "stopped_by": summary.stopped_by, "notes": report.notes}))


def finetune(workshop: Path, out: str, resume: bool = False, trouble: Any = None, **options: Any) -> None:
    """`ab.finetune` on the sentences of the workshop; trouble as in `train`."""
    if trouble and trouble["rank"] == parallel.world().rank:
        plant(trouble["step"], trouble["what"], None)
    changes = {**SIZES, "initializer_range": 0.1, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    given = dict(config="tiny", tokenizer=workshop / "tokenizer", changes=changes, options={"max_length": 32})
    chosen = {**dict(epochs=10, tokens_per_batch=96, learning_rate=3e-3), **options}
    files = workshop / "train.tsv", workshop / "dev.tsv"
    done = ab.finetune("classification", *files, out=out, resume=resume, **given, **chosen)
    flat = done.trained.model.params.flat
    assert len(set(parallel.world().gather(flat.tobytes()))) == 1, "the processes end with different parameters"
    if parallel.world().first:
        np.save(Path(out) / "flat.npy", flat)
        print(json.dumps({"stopped_by": done.stopped_by, "best": done.history.best, "scores": done.scores}))


def plant(step: int, what: str, model: Any) -> None:
    """Let this process come to grief in the step after `step` others."""
    compute, count = InFloat32.gradients, iter(range(10**6))

    def troubled(*args: Any) -> Any:
        if next(count) == step:
            if what == "raise":
                raise RuntimeError("the roof has come down")
            if what == "signal":
                os.kill(os.getpid(), signal.SIGINT)
            if what == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if what == "drift":
                model.params.flat[0] += 1e-7
            if what == "nan":
                model.params.flat[:] = np.nan
        return compute(*args)

    InFloat32.gradients = troubled


def commands(workshop: Path, arguments: list[str], fail: Any = None) -> None:
    """The command line; fail: a process whose first gradient raises."""
    if fail is not None and parallel.world().rank == fail:
        plant(0, "raise", None)
    sys.exit(cli.main(arguments))


def with_strict_arrays() -> Any:
    """Make the stand-in for CuPy one of the backends."""
    sys.path.append(str(Path(__file__).parents[2]))
    import strict_backend

    strict_backend.register()
    return backend.named("strict")


def exchanges(workshop: Path) -> None:
    """All that processes can do together, on arrays of NumPy and on those that refuse what CuPy's refuse."""
    device = with_strict_arrays()
    every = parallel.world()
    rank, size = every.mine
    cuts = [(0, 4), *[(4, 4)] * (size - 2), (4, 11)]
    for put in (np.asarray, device.asarray):
        for dtype in ("float16", "float32", "float64"):
            own, total = np.arange(11, dtype=dtype) * (rank + 1), np.arange(11) * (size * (size + 1) / 2)
            flat = put(own.copy())
            every.sum(flat)
            assert (backend.to_host(flat) == total).all()
            flat = put(own.copy())
            every.sum_parts(flat, cuts)
            here = slice(*cuts[rank])
            assert (backend.to_host(flat)[here] == total[here]).all()
            every.collect(flat, cuts)
            assert (backend.to_host(flat) == total).all()
            part = every.assemble(put(own[here].copy()), cuts)
            assert (part is None) == (rank > 0)
            if part is not None:
                assert (part[:4] == own[:4]).all() and (part[4:] == np.arange(4, 11) * size).all()
            flat = put(own.copy())
            every.spread(flat)
            assert (backend.to_host(flat) == np.arange(11)).all()
    assert every.total(rank, 1.5) == (size * (size - 1) / 2, 1.5 * size)
    assert (every.totals(np.full((2, 3), rank + 1)) == size * (size + 1) / 2).all()
    assert every.gather(f"from {rank}") == [f"from {r}" for r in range(size)]
    assert every.from_first(lambda: {"rank": rank}) == {"rank": 0}
    order = []
    with every.first_ahead():
        order.append(rank)
    sys.stdout.write(f"rank {rank} of {size}\n")  # in one piece, so that lines of several processes do not mix
    sys.stdout.flush()


def strict(workshop: Path, out: str, sharded: bool) -> None:
    """Three LAMB steps whose arrays refuse what CuPy's refuse."""
    with_strict_arrays()
    settings = Settings(**SETTINGS)
    model, data, _ = prepared(workshop, settings, "float64")
    model.to("strict")
    every = parallel.world()
    update = parallel.update_of(every, model.params, sharded)
    grads, state = model.params.zeros_like(), update.init("lamb", model.params)
    for step in range(3):
        batches = data.train.micro_batches(0, step, 1, *every.mine)
        computing(model, "float32").gradients(batches, loop.denominators(batches, every), None, grads)
        update.sum(grads)
        update.clip(grads, 0.5)
        update.step(model.params, grads, state, 0.01)
    if every.first:
        np.save(out, backend.to_host(model.params.flat))


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), **json.loads(sys.argv[3]))
