"""Names of PyTorch's modules and transformers' models, and of our trees, that a model does not have, and what stands for them."""

_DROPOUT = "a call never has dropout, and loss_and_gradients has it only with rng=ab.Dropout(seed, step)"
_NAMES = "model.params.items() has every parameter with its name"
_TREE = "model.params is the tree of parameters, which ab.optim and ab.to_hf take"
_GRADIENTS = "loss, grads = model.loss_and_gradients(...) returns a new tree of gradients each time"

INSTEAD = {
    "eval": _DROPOUT,
    "train": _DROPOUT,
    "forward": "call the model itself: model(input_ids, ...)",
    "backward": _GRADIENTS,
    "zero_grad": _GRADIENTS,
    "parameters": _NAMES,
    "named_parameters": _NAMES,
    "albert": _TREE,
    "flat": _TREE,
    "items": _TREE,
    "zeros_like": _TREE,
    "num_parameters": "model.params.count() counts them",
    "state_dict": f"{_NAMES}, and ab.to_hf(model.config, model.params) has their names and layout in transformers",
    "load_state_dict": "from_pretrained reads folders and files of both",
    "cuda": "model.to('cupy') moves it to a GPU",
    "cpu": "model.to('numpy') moves it to the CPU",
    "half": "from_pretrained(..., dtype='float16')",
    "gradient_checkpointing_enable": "from_pretrained(..., recompute=True)",
    "push_to_hub": "save_pretrained writes the folder, and hf upload, a command of huggingface_hub, publishes it",
}
