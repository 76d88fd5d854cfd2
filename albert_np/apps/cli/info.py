"""albert-np info: what a model consists of, what it costs, and how balanced a run's batches are."""

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli.common import JsonOption, QuietOption, SetOption, give, settings_of, table
from albert_np.models.config import FIELDS, PRESETS, config_of


def info(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A preset, a config file, or a model: its folder, file, .tar.gz or hub name."),
    ] = "tiny",
    set_: SetOption = None,
    sampler: Annotated[bool, typer.Option("--sampler", help="Of a run's folder: coverage and balance of its batches.")] = False,
    epoch: Annotated[int, typer.Option("--epoch", min=0, help="With --sampler: the epoch.")] = 0,
    tokens_per_batch: Annotated[
        int | None, typer.Option("--tokens-per-batch", min=1, help="Tokens per step, for the estimate of memory [4096]")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="Tokens of the longest sequence, for the estimate of memory.")
    ] = None,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Number of processes: the memory of each.")] = 1,
    shard_optimizer: Annotated[
        bool, typer.Option("--shard-optimizer", help="The processes share the optimiser's moments.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show a model: config, weights and heads in its files, tokenizer; every tensor once: its shape, where it is used and how
    often; parameters and the memory of training.

    Example: albert-np info base --num-hidden-layers 24
    """
    if sampler:
        if tokens_per_batch or max_length or set_:
            raise typer.BadParameter("--sampler shows a run as it was made: of the other options it takes only --epoch")
        _sampler(Path(model), epoch, as_json)
        return
    from albert_np.training.memory import empty_tree, estimate

    alone = tensors_alone(Path(model))
    if alone is not None:
        _print_tensors(model, alone, as_json)
        return
    config, found = config_and_files(model, settings_of(set_))
    parts = tuple(found["weights"]["heads"]) if "weights" in found else ("pooler", "mlm", "sop")
    tree, places = empty_tree(config, parts), uses(config, parts)
    rows = [(name, list(a.shape), a.size, len(places[name]), in_short(places[name])) for name, a in tree.items()]
    tokens_per_batch = tokens_per_batch or 4096
    length = max_length or min(128, config.max_position_embeddings)
    together = dict(processes=processes, sharded=shard_optimizer)
    memory = estimate(config, tokens_per_batch, length, **together)  # type: ignore[arg-type]
    if as_json:
        keys = "name", "shape", "parameters", "uses", "where"
        give({"config": config.to_dict(), **found, "parameters": tree.count(), "memory_bytes": memory,
              "tensors": [dict(zip(keys, row)) for row in rows]})  # fmt: skip
        return
    if found:
        _print_files(config, found)
    if not quiet:
        cells = [[name, "×".join(map(str, shape)), f"{size:,}", f"{used}", where] for name, shape, size, used, where in rows]
        table("", ["tensor", "shape", "parameters", "used", "where"], cells)
        print("\nused: how often in one forward pass. A shared tensor serves in every layer that shares it.\n")
    each = f", in each of {processes} processes" if processes > 1 else ""
    print(f"{tree.count():,} parameters; training at {tokens_per_batch:,} tokens a step, sequences of {length} (float32){each}:")
    table("", ["", "MiB"], [[key, f"{size / 2**20:,.1f}"] for key, size in [*memory.items(), ("together", sum(memory.values()))]])
    if not config.recompute:
        less = sum(estimate(config.replace(recompute=True), tokens_per_batch, length, **together).values())  # type: ignore[arg-type]
        print(f"with --set recompute=true, which computes each layer twice: together {less / 2**20:,.1f} MiB")


def config_and_files(model: str, changes: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The config that MODEL means, and, if it has weights, what its files hold: {"weights": ..., "tokenizer": ...}.

    ValueError if the weights do not fit the config.
    """
    from albert_np.io import sources

    mistyped = not Path(model).exists() and "/" not in model and model not in sources.ALIASES
    only_a_config = model in PRESETS or _is_config_file(model) or _holds_a_config_only(Path(model))
    if only_a_config or (mistyped and not Path(f"{model}.index").exists()):
        return config_of(model, changes), {}
    from albert_np.apps.convert import widest_dtype
    from albert_np.io.fit import fit
    from albert_np.io.load import named_by_its_task, opened
    from albert_np.training.memory import empty_tree

    with sources.local(model, "model") as local:
        found = named_by_its_task(opened(local, changes=changes))
        fit(found.config, found.weights.form, found.tensors, empty_tree(found.config, found.heads))
        weights = {"file": found.weights.file.name, "format": found.weights.format, "dtype": widest_dtype(found.tensors),
                   "tensors": len(found.tensors), "heads": list(found.heads),
                   "packed": found.config.extra.get("compressed")}  # fmt: skip
    return found.config, {"weights": weights, "tokenizer": _tokenizer(model)}


def tensors_alone(path: Path) -> dict[str, Any] | None:
    """{name: array} of weights that have no config beside them; None for anything else."""
    from albert_np.io import config_files, sources
    from albert_np.io.locate import locate

    if not path.exists() or sources.kind(path) == "archive" or _is_config_file(str(path)) or _holds_a_config_only(path):
        return None
    weights = locate(path)
    try:
        config_files.find(weights.file.parent)
    except FileNotFoundError:
        return weights.read()
    return None


def _print_tensors(model: str, tensors: dict[str, Any], as_json: bool) -> None:
    rows = [(name, list(array.shape), str(array.dtype)) for name, array in tensors.items()]
    if as_json:
        give({"config": None, "tensors": [dict(zip(("name", "shape", "dtype"), row)) for row in rows]})
        return
    print(f"{model} has no config beside it; it holds {len(rows)} tensors:\n")
    table("", ["tensor", "shape", "dtype"], [[name, "×".join(map(str, shape)), dtype] for name, shape, dtype in rows])


def _is_config_file(name: str) -> bool:
    return name.endswith(".json") and not name.endswith(".index.json")


def _holds_a_config_only(folder: Path) -> bool:
    from albert_np.io.config_files import kind_of_weights

    return folder.is_dir() and kind_of_weights(folder) is None


def _tokenizer(model: str) -> dict[str, Any] | None:
    """What there is of a tokenizer beside the weights; None if there is none."""
    from albert_np.text import AlbertTokenizer

    folder = str(Path(model).parent) if Path(model).is_file() and not model.endswith((".gz", ".tgz", ".tar")) else model
    try:
        tokenizer = AlbertTokenizer.from_pretrained(folder)
    except FileNotFoundError:
        return None
    return {"class": type(tokenizer).__name__, "vocab_size": len(tokenizer)}


def _print_files(config: Any, found: dict[str, Any]) -> None:
    weights, tokenizer = found["weights"], found["tokenizer"]
    heads = ", ".join(weights["heads"]) or "none"
    stored = f"packed, {weights['packed']}" if weights["packed"] else weights["dtype"]
    print(f"weights    {weights['file']}: {weights['format']}, {stored}, {weights['tensors']} tensors; heads: {heads}")
    if tokenizer is None:
        print("tokenizer  none beside the weights")
    else:
        differs = "" if tokenizer["vocab_size"] == config.vocab_size else f", but the model has {config.vocab_size:,}"
        print(f"tokenizer  {tokenizer['class']}, {tokenizer['vocab_size']:,} pieces{differs}")
    shown = {key: value for key, value in config.to_dict().items() if key in FIELDS and value not in (None, [], {})}
    print(
        textwrap.fill(
            "config     " + " · ".join(f"{key} {value}" for key, value in shown.items()), 110, subsequent_indent=" " * 11
        )
    )
    print()


def uses(config: Any, parts: tuple[str, ...] = ("pooler", "mlm", "sop")) -> dict[str, list[int | str]]:
    """Where each tensor is used in one forward pass with all heads: layers (numbers from 1) and parts of the model."""
    from albert_np.training.memory import empty_tree

    tree = empty_tree(config, parts)
    places: dict[int, list[int | str]] = {id(a): [] if n.startswith("groups.") else [n.split(".")[0]] for n, a in tree.items()}
    if "mlm" in parts:
        places[id(tree.embeddings.word)].append("mlm decoder")
    for l in range(config.num_hidden_layers):
        for name, array in tree.paths():
            if name.startswith(f"groups.{config.group_of(l)}."):
                places[id(array)].append(l + 1)
    return {name: places[id(array)] for name, array in tree.items()}


def in_short(places: list[int | str]) -> str:
    """["mlm"] -> "mlm"; [1, 2, 3] -> "layers 1-3"; layers are consecutive, as groups are."""
    if isinstance(places[0], int):
        return f"layers {places[0]}-{places[-1]}" if len(places) > 1 else f"layer {places[0]}"
    return ", ".join(map(str, places))


def _sampler(run: Path, epoch: int, as_json: bool) -> None:
    from albert_np.data.corpus import Corpus
    from albert_np.models.config import AlbertConfig
    from albert_np.text import AlbertTokenizer
    from albert_np.training import Settings, get_run_data

    if not (run / "run.json").is_file():
        raise FileNotFoundError(f"--sampler needs the folder of a run; there is no {run / 'run.json'}")
    known = json.loads((run / "run.json").read_text())
    corpus = Corpus.open(known["corpus_folder"] or run / "corpus", AlbertTokenizer.from_pretrained(run))
    data = get_run_data(corpus, AlbertConfig.from_pretrained(run), Settings.from_dict(known["settings"]))
    report = data.train.report(epoch)
    if as_json:
        give({"epoch": epoch, **report})
        return
    rows = [[key.replace("_", " "), f"{v:,}" if type(v) is int else f"{v:.3f}" if type(v) is float else str(v)]
            for key, v in report.items()]  # fmt: skip
    table("", ["epoch", str(epoch)], rows)
