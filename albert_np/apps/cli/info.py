"""albert-np info: a model's config, files, tensors and memory; the balance of a run's batches."""

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from albert_np.apps.cli.common import JsonOption, QuietOption, SetOption, parse_config_fields, print_json, print_table
from albert_np.data.formats.summary import count_noun
from albert_np.io import sources
from albert_np.io.sources.packaged import check_name
from albert_np.models.config import FIELDS, PRESETS, AlbertConfig, config_from
from albert_np.pretrained import CARD


def info(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A preset, a config file, or a model: its folder, file, .tar.gz or hub name."),
    ] = "tiny",
    set_: SetOption = None,
    sampler: Annotated[bool, typer.Option("--sampler", help="For a run's folder: balance of its batches.")] = False,
    epoch: Annotated[int, typer.Option("--epoch", min=0, help="With --sampler: the epoch.")] = 0,
    tokens_per_batch: Annotated[
        int | None, typer.Option("--tokens-per-batch", min=1, help="Tokens per step, for the estimate of memory [4096]")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="Tokens of the longest sequence, for the estimate of memory.")
    ] = None,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Number of processes; the memory is that of each.")] = 1,
    shard_optimizer: Annotated[
        bool, typer.Option("--shard-optimizer", help="Divide the optimiser's moments among the processes.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show a model: config, weights, heads and tokenizer of its files; the shape of each tensor, where it is used and how
    often; the number of parameters and the memory of training.

    Example: albert-np info base --num-hidden-layers 24
    """
    if sampler:
        if tokens_per_batch or max_length or set_:
            raise typer.BadParameter("--sampler shows the batches of a run as they were; it can be combined with --epoch only")
        _print_sampler(Path(model), epoch, as_json)
        return
    from albert_np.training.memory import empty_tree, estimate

    bare_tensors = None if sources.is_packaged(model) else read_tensors_without_config(Path(model))
    if bare_tensors is not None:
        _print_bare_tensors(model, bare_tensors, as_json)
        return
    config, files = read_config_and_files(model, parse_config_fields(set_))
    heads = tuple(files["weights"]["heads"]) if "weights" in files else ("pooler", "mlm", "sop")
    tree, uses = empty_tree(config, heads), locate_uses(config, heads)
    rows = [(name, list(a.shape), a.size, len(uses[name]), abbreviate(uses[name])) for name, a in tree.items()]
    tokens_per_batch = tokens_per_batch or 4096
    length = max_length or min(128, config.max_position_embeddings)
    division = dict(processes=processes, sharded=shard_optimizer)
    memory = estimate(config, tokens_per_batch, length, **division)  # type: ignore[arg-type]
    if as_json:
        keys = "name", "shape", "parameters", "uses", "where"
        print_json({"config": config.to_dict(), **files, "parameters": tree.count(), "memory_bytes": memory,
              "tensors": [dict(zip(keys, row)) for row in rows]})  # fmt: skip
        return
    if files:
        _print_files(config, files)
    if not quiet:
        cells = [[name, "×".join(map(str, shape)), f"{size:,}", f"{used}", where] for name, shape, size, used, where in rows]
        print_table(["tensor", "shape", "parameters", "used", "where"], cells)
        print("\nused: how often in one forward pass. A shared tensor is used by every layer that shares it.\n")
    each = f", in each of {processes} processes" if processes > 1 else ""
    print(f"{tree.count():,} parameters; training with {tokens_per_batch:,} tokens per step, T = {length}, float32{each}:")
    print_table(["", "MiB"], [[key, f"{size / 2**20:,.1f}"] for key, size in [*memory.items(), ("total", sum(memory.values()))]])
    if not config.recompute:
        total = sum(estimate(config.replace(recompute=True), tokens_per_batch, length, **division).values())  # type: ignore[arg-type]
        print(f"with --set recompute=true, which computes parts of each layer twice: total {total / 2**20:,.1f} MiB")


def read_config_and_files(model: str, changes: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the config of MODEL and, if it has weights, a description of its files: {"weights": ..., "tokenizer": ...}.

    ValueError if the weights do not fit the config.
    """
    if sources.is_packaged(model):
        return _read_model(model, changes)
    mistyped = not Path(model).exists() and "/" not in model and model not in sources.ALIASES
    only_a_config = model in PRESETS or _is_config_file(model) or _has_config_only(Path(model))
    if only_a_config or (mistyped and not Path(f"{model}.index").exists()):
        check_name(model)
        return config_from(model, changes), {}
    return _read_model(model, changes)


def _read_model(model: str, changes: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    from albert_np.io.fit import fit
    from albert_np.io.load import open_checkpoint, widest_dtype, with_architecture
    from albert_np.training.memory import empty_tree

    with sources.local(model, "model") as local:
        stored = with_architecture(open_checkpoint(local, AlbertConfig, changes=changes))
        fit(stored.config, stored.weights.naming, stored.tensors, empty_tree(stored.config, stored.heads))
        weights = {"file": stored.weights.file.name, "format": stored.weights.format, "dtype": widest_dtype(stored.tensors),
                   "tensors": len(stored.tensors), "heads": list(stored.heads),
                   "packed": stored.config.extra.get("compressed")}  # fmt: skip
        if sources.is_packaged(model):
            sources.packaged.open_folder(model, "card")  # raises if it is damaged
        card = read_card(local)
    return stored.config, {"weights": weights, "tokenizer": _describe_tokenizer(model), **({"card": card} if card else {})}


def read_card(folder: Path) -> dict[str, Any] | None:
    """Return the data of a model card, those of a model of the package; None without one."""
    from albert_np.io.files import read_json

    values = read_json(folder / CARD) if (folder / CARD).is_file() else None
    return values if isinstance(values, dict) else None


def read_tensors_without_config(path: Path) -> dict[str, Any] | None:
    """Return {name: array} of a weights file without a config beside it; None for anything else."""
    from albert_np.io import config_files
    from albert_np.io.locate import locate

    if not path.exists() or sources.kind(path) == "archive" or _is_config_file(str(path)) or _has_config_only(path):
        return None
    weights = locate(path)
    try:
        config_files.find(weights.file.parent)
    except FileNotFoundError:
        return weights.read()
    return None


def _print_bare_tensors(model: str, tensors: dict[str, Any], as_json: bool) -> None:
    rows = [(name, list(array.shape), str(array.dtype)) for name, array in tensors.items()]
    if as_json:
        print_json({"config": None, "tensors": [dict(zip(("name", "shape", "dtype"), row)) for row in rows]})
        return
    print(f"{model} has no config beside it and holds {count_noun(len(rows), 'tensor')}:\n")
    print_table(["tensor", "shape", "dtype"], [[name, "×".join(map(str, shape)), dtype] for name, shape, dtype in rows])


def _is_config_file(name: str) -> bool:
    return name.endswith(".json") and not name.endswith(".index.json")


def _has_config_only(folder: Path) -> bool:
    from albert_np.io.config_files import detect_weights

    return folder.is_dir() and detect_weights(folder) is None


def _describe_tokenizer(model: str) -> dict[str, Any] | None:
    """Return class and size of the tokenizer beside the weights; None if there is none."""
    from albert_np.text import AlbertTokenizer

    folder = str(Path(model).parent) if Path(model).is_file() and not model.endswith((".gz", ".tgz", ".tar")) else model
    try:
        tokenizer = AlbertTokenizer.from_pretrained(folder)
    except FileNotFoundError:
        return None
    return {"class": type(tokenizer).__name__, "vocab_size": len(tokenizer)}


def _print_files(config: Any, files: dict[str, Any]) -> None:
    weights, tokenizer = files["weights"], files["tokenizer"]
    heads = ", ".join(weights["heads"]) or "none"
    stored = f"packed, {weights['packed']}" if weights["packed"] else weights["dtype"]
    print(
        f"weights    {weights['file']}: {weights['format']}, {stored}, {count_noun(weights['tensors'], 'tensor')}; heads: {heads}"
    )
    if tokenizer is None:
        print("tokenizer  none beside the weights")
    else:
        differs = "" if tokenizer["vocab_size"] == config.vocab_size else f", but the model has {config.vocab_size:,}"
        print(f"tokenizer  {tokenizer['class']}, {tokenizer['vocab_size']:,} pieces{differs}")
    fields = {key: value for key, value in config.to_dict().items() if key in FIELDS and value not in (None, [], {})}
    print(
        textwrap.fill(
            "config     " + " · ".join(f"{key} {value}" for key, value in fields.items()), 110, subsequent_indent=" " * 11
        )
    )
    for name, text in files.get("card", {}).get("summary", {}).items():
        print(textwrap.fill(f"{name:10} {text}", 110, subsequent_indent=" " * 11))
    print()


def locate_uses(config: Any, heads: tuple[str, ...] = ("pooler", "mlm", "sop")) -> dict[str, list[int | str]]:
    """Return where each tensor is used in one forward pass with these heads: layers (counted from 1) and parts of the model."""
    from albert_np.training.memory import empty_tree

    tree = empty_tree(config, heads)
    uses: dict[int, list[int | str]] = {id(a): [] if n.startswith("groups.") else [n.split(".")[0]] for n, a in tree.items()}
    if "mlm" in heads:
        uses[id(tree.embeddings.word)].append("mlm decoder")
    for l in range(config.num_hidden_layers):
        for name, array in tree.paths():
            if name.startswith(f"groups.{config.group_of(l)}."):
                uses[id(array)].append(l + 1)
    return {name: uses[id(array)] for name, array in tree.items()}


def abbreviate(uses: list[int | str]) -> str:
    """["mlm"] -> "mlm"; [1, 2, 3] -> "layers 1-3"; layers are consecutive, as groups are."""
    if isinstance(uses[0], int):
        return f"layers {uses[0]}-{uses[-1]}" if len(uses) > 1 else f"layer {uses[0]}"
    return ", ".join(map(str, uses))


def _print_sampler(run: Path, epoch: int, as_json: bool) -> None:
    from albert_np.data.corpus import Corpus
    from albert_np.io.files import read_json
    from albert_np.text import AlbertTokenizer
    from albert_np.training import Settings, get_run_data

    if not (run / "run.json").is_file():
        raise FileNotFoundError(f"--sampler needs the folder of a run; there is no {run / 'run.json'}")
    stored = read_json(run / "run.json", file_names=True)
    corpus = Corpus.open(stored["corpus_folder"] or run / "corpus", AlbertTokenizer.from_pretrained(run))
    data = get_run_data(corpus, AlbertConfig.from_pretrained(run), Settings.from_dict(stored["settings"]))
    report = data.train.report(epoch)
    if as_json:
        print_json({"epoch": epoch, **report})
        return
    rows = [[key.replace("_", " "), f"{v:,}" if type(v) is int else f"{v:.3f}" if type(v) is float else str(v)]
            for key, v in report.items()]  # fmt: skip
    print_table(["epoch", str(epoch)], rows)
