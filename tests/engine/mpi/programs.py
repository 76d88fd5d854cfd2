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
from albert_np.engine.precision import Float32Policy, get_precision_policy
from albert_np.training import Report, Settings, get_run_data
from albert_np.training.objective import loss_denominators

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
    data = get_run_data(Corpus.open(workshop / "corpus", tokenizer), config, settings)
    return ab.AlbertForPreTraining(config, seed=settings.seed, dtype=dtype), data, tokenizer


def gradient(model: Any, data: Any, step: int, accumulate: int, processes: Any, bug: str = "") -> tuple[np.ndarray, float]:
    """The gradient of a global batch and its loss, as the loop computes them."""
    grads = model.params.zeros_like()
    batches = data.train.micro_batches(0, step, accumulate, *processes.rank_and_size)
    whole = loss_denominators(batches, parallel.SINGLE_PROCESS if bug == "own denominators" else processes)
    results = get_precision_policy(model, "float32").compute_gradients(batches, whole, RandomKey(1, step), grads)
    parallel.GradientReducer(processes).all_reduce(grads)
    (loss,) = processes.sum_numbers(float(sum(r.loss for r in results)))
    return grads.flat, loss


def gradients(workshop: Path, out: str, accumulate: int = 1, tokens: int = 256, bug: str = "") -> None:
    """Those of three steps, in float64 and with dropout."""
    settings = Settings(**{**SETTINGS, "tokens_per_batch": tokens})
    model, data, _ = prepared(workshop, settings, "float64", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    processes = parallel.world()
    found = {}
    for step in range(3):
        flat, loss = gradient(model, data, step, accumulate, processes, bug)
        assert len(set(processes.all_gather_objects(flat.tobytes()))) == 1, "the processes have different sums"
        found |= {f"flat{step}": flat, f"loss{step}": np.array(loss)}
    if processes.is_main:
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
    digests = parallel.world().all_gather_objects(model.params.flat.tobytes())
    assert len(set(digests)) == 1, "the processes end with different parameters"
    if parallel.world().is_main:
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
    assert len(set(parallel.world().all_gather_objects(flat.tobytes()))) == 1, "the processes end with different parameters"
    if parallel.world().is_main:
        np.save(Path(out) / "flat.npy", flat)
        print(json.dumps({"stopped_by": done.stopped_by, "best": done.history.best, "scores": done.scores}))


def plant(step: int, what: str, model: Any) -> None:
    """Let this process come to grief in the step after `step` others."""
    compute, count = Float32Policy.compute_gradients, iter(range(10**6))

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

    Float32Policy.compute_gradients = troubled


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
    rank, size = every.rank_and_size
    cuts = [(0, 4), *[(4, 4)] * (size - 2), (4, 11)]
    for put in (np.asarray, device.asarray):
        for dtype in ("float16", "float32", "float64"):
            own, total = np.arange(11, dtype=dtype) * (rank + 1), np.arange(11) * (size * (size + 1) / 2)
            flat = put(own.copy())
            every.all_reduce(flat)
            assert (backend.to_host(flat) == total).all()
            flat = put(own.copy())
            every.reduce_scatter(flat, cuts)
            here = slice(*cuts[rank])
            assert (backend.to_host(flat)[here] == total[here]).all()
            every.all_gather(flat, cuts)
            assert (backend.to_host(flat) == total).all()
            part = every.gather_parts(put(own[here].copy()), cuts)
            assert (part is None) == (rank > 0)
            if part is not None:
                assert (part[:4] == own[:4]).all() and (part[4:] == np.arange(4, 11) * size).all()
            flat = put(own.copy())
            every.broadcast(flat)
            assert (backend.to_host(flat) == np.arange(11)).all()
    assert every.sum_numbers(rank, 1.5) == (size * (size - 1) / 2, 1.5 * size)
    assert (every.sum_table(np.full((2, 3), rank + 1)) == size * (size + 1) / 2).all()
    assert every.all_gather_objects(f"from {rank}") == [f"from {r}" for r in range(size)]
    assert every.broadcast_object(lambda: {"rank": rank}) == {"rank": 0}
    order = []
    with every.main_process_first():
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
    reducer = parallel.get_reducer(every, model.params, sharded)
    grads, state = model.params.zeros_like(), reducer.shard_state(ab.optim.init("lamb", model.params))
    for step in range(3):
        batches = data.train.micro_batches(0, step, 1, *every.rank_and_size)
        get_precision_policy(model, "float32").compute_gradients(batches, loss_denominators(batches, every), None, grads)
        reducer.all_reduce(grads)
        reducer.clip(grads, 0.5)
        reducer.step(model.params, grads, state, 0.01)
    if every.is_main:
        np.save(out, backend.to_host(model.params.flat))


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), **json.loads(sys.argv[3]))
