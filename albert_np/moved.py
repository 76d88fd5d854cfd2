"""Names of modules before 0.2.0 and where they are now. Importing an old name raises an ImportError that gives the new one.

For one release. `albert_np/__init__.py` installs the finder that calls `check`.
"""

import sys

RELEASE = "0.2.0"

# old package: (new package, modules that kept their names)
_PACKAGES = {
    "layers": ("core.layers", "activations attention cross_entropy dropout embedding feed_forward fusion gather layer_norm "
                              "linear pooler softmax"),
    "model": ("core.model", "albert block embeddings encoder heads"),
    "optim": ("core.optim", "clip schedule"),
    "sources": ("io.sources", "archive hub"),
    "weights": ("io", "fit formats load locate names save"),
    "weights.formats": ("io.formats", "bfloat16 bundle crc32c npz_file packed safetensors_file shards table tensorflow "
                                      "torch_file torch_legacy torch_values torch_zip unpickle"),
}  # fmt: skip

# old module: new module, or the package that contains its parts now, which ends in a dot
_MODULES = {
    "backend": "core.backend", "config": "models.config", "config_files": "io.config_files", "demo": "apps.",
    "demo_text": "apps.", "files": "io.files", "fill_mask": "apps.", "impostors": "io.file_types", "machine": "engine.",
    "params": "core.params", "philox": "core.", "protobuf": "io.protobuf", "randomness": "core.random", "threads": "engine.",
    "cli": "apps.cli", "experiments": "apps.experiments", "kernels": "core.dispatch", "kernels.cpu": "engine.cpu",
    "kernels.gpu": "engine.gpu", "layers": "core.layers", "model": "core.model", "optim": "core.optim", "parallel": "engine.mpi",
    "serve": "apps.serve", "sources": "io.sources", "weights": "io",
    "compress.files": "io.packed_checkpoint", "compress.tensors": "io.matrices", "data.pieces": "data.vocabulary",
    "gradcheck.of_layers": "gradcheck.layer_checks", "gradcheck.of_models": "gradcheck.model_checks",
    "gradcheck.of_tasks": "gradcheck.task_checks", "plots.finetuning": "plots.finetune",
    "layers.binary_cross_entropy": "models.layers.", "layers.fake_quantise": "compress.layers.fake_quantise",
    "layers.masked": "compress.layers.masked", "layers.past": "models.layers.", "layers.residual": "core.layers.add_norm",
    "layers.sequences": "core.sequences", "layers.soft_cross_entropy": "models.layers.", "layers.spread": "models.layers.",
    "layers.squared_error": "models.layers.",
    "model.fusion": "core.layers.fusion",
    "model.base": "models.", "model.batch": "core.batch", "model.distillation": "models.", "model.fine_tuning": "models.",
    "model.generation": "models.", "model.labels": "models.", "model.models": "models.", "model.output": "models.",
    "model.packing": "models.", "model.parts": "engine.", "model.recorded": "engine.", "model.task_heads": "models.",
    "model.task_models": "models.", "model.translation": "models.",
    "optim.adam": "core.optim.", "optim.constraint": "training.", "optim.layers": "training.", "optim.loss_scale": "engine.",
    "tasks.compressing": "compress.models", "tasks.finetuning": "tasks.finetune", "tasks.run_folder": "training.",
    "tasks.start": "tasks.", "tasks.sweep": "compress.sweep",
    "training.finetune_state": "training.state", "training.loop": "training.",
    "training.precision": "engine.", "training.report": "training.", "training.run": "training.", "training.start": "training.",
    "training.stop": "engine.", "training.watch": "training.",
    "weights.convert": "apps.convert", "weights.dense": "compress.dense", "weights.onnx_file": "io.onnx",
}  # fmt: skip

# packages whose modules are now in one package, under the same or other names
_CONTENTS = {
    "cli": ("apps.cli.", "ask common compress convert demo fill_mask finetune gradcheck info pretrain serve sweep tokenizer"),
    "experiments": ("apps.experiments.", "commands file folder jobs measure prepare results side"),
    "kernels.cpu": ("engine.cpu.", "activations adam attention blocks cross_entropy dropout embedding feed_forward layer_norm "
                                   "linear philox residual softmax tiles"),
    "kernels.gpu": ("engine.gpu.", "activations adam attention cross_entropy cuda dropout dropping embedding feed_forward fusion "
                                   "gather launch layer_norm linear pooler products residual softmax tiles"),
    "parallel": ("engine.mpi.", "cores launcher links mpi processes start update"),
    "serve": ("apps.serve.", "app queue services"),
}  # fmt: skip

MOVED: dict[str, str] = {
    f"albert_np.{old}": f"albert_np.{new}"
    for old, new in (
        *_MODULES.items(),
        *((f"{old}.{name}", f"{new}.{name}") for old, (new, names) in _PACKAGES.items() for name in names.split()),
        *((f"{old}.{name}", new) for old, (new, names) in _CONTENTS.items() for name in names.split()),
    )
}


def describe(name: str) -> str:
    """Return where a module of an old name is now; "" for all other names."""
    new = MOVED.get(name, "")
    if not new:
        return ""
    where = f"in {new[:-1]}" if new.endswith(".") else new
    return f"{name} is now {where} (moved in {RELEASE})"


def check(name: str) -> None:
    """Raise ImportError if `name` is an old name. If a submodule of it is being imported, the message is about the submodule."""
    if name in MOVED:
        raise ImportError(describe(_full_name(name)) or describe(name), name=name)


def _full_name(name: str) -> str:
    """Return the dotted name in the import statement: Python imports a.b before a.b.c, so `name` may be only its beginning."""
    full, frame = name, sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "_find_and_load" and str(frame.f_locals.get("name")).startswith(f"{name}."):
            full = str(frame.f_locals["name"])
        frame = frame.f_back  # type: ignore[assignment]
    return full
