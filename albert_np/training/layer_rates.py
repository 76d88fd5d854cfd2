"""Learning rates of the parts of a model in fine-tuning: layer-wise decay, and frozen tensors.

    lr of a tensor = lr · decay^(L + 1 - depth)      (Howard & Ruder 2018; Clark et al. 2020, ELECTRA, for its deepest form)

The depth of the heads is L + 1, that of the embeddings 0, that of a group of layers the mean over the layers 1 ... L
that it computes. So an ALBERT that shares all its layers has three rates: of its embeddings, its layer, and its heads.
"""

from albert_np.core.params import Tree
from albert_np.models.config import AlbertConfig
from albert_np.training.constraints import Constraint

BODY = ("embeddings", "groups", "fusion")


def get_layer_rates(params: Tree, config: AlbertConfig, decay: float = 1.0, frozen: tuple[str, ...] = ()) -> dict[str, float]:
    """Return {name: factor of the learning rate} for every tensor, as `optim.step` takes it.

    frozen: names of tensors, or prefixes of names ("embeddings", "groups.0.blocks.0.attention"), or "body" for all but the
    heads. ValueError if a name matches no tensor, or if nothing would be left to train.
    """
    if not 0 < decay <= 1:
        raise ValueError(f"layer_decay must be above 0 and at most 1, not {decay}")
    names = [name for name, _ in params.items()]
    for name in frozen:
        if not any(matches(name, other) for other in names):
            tops = dict.fromkeys(other.split(".")[0] for other in names)
            raise ValueError(f"freeze: no tensor is called {name!r}; there are body, {', '.join(tops)}")
    rates = {name: decay ** (config.num_hidden_layers + 1 - get_depth(name, config)) for name in names}
    rates = {name: 0.0 if any(matches(part, name) for part in frozen) else rate for name, rate in rates.items()}
    if not any(rates.values()):
        raise ValueError(f"freeze: {', '.join(frozen)} leaves nothing to train")
    return rates


class FrozenTensors(Constraint):
    """Keeps the gradients of tensors with rate 0 out of the gradient's norm."""

    def __init__(self, rates: dict[str, float]) -> None:
        self.rates = rates

    def on_gradients(self, params: Tree, grads: Tree) -> None:
        for name, array in grads.items():
            if self.rates[name] == 0:
                array[...] = 0


def matches(part: str, name: str) -> bool:
    """Return True if `part` is the tensor's name or a prefix of it, or "body" and the tensor belongs to the body."""
    return name.split(".")[0] in BODY if part == "body" else name == part or name.startswith(part + ".")


def get_depth(name: str, config: AlbertConfig) -> float:
    """Return 0 for the embeddings, 1 ... L for layers, L + 1 for the tensors above them."""
    top, *rest = name.split(".")
    if top == "embeddings":
        return 0
    if top != "groups":
        return config.num_hidden_layers + 1
    layers = [l + 1 for l in range(config.num_hidden_layers) if config.group_of(l) == int(rest[0])]
    return sum(layers) / len(layers)
