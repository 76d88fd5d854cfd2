"""How fast each part of a model learns while it is fine-tuned: layer-wise decay of the learning rate, and freezing.

    lr of a tensor = lr · decay^(L + 1 - depth)      (Howard & Ruder 2018; Clark et al. 2020, ELECTRA, for its deepest form)

The depth of the heads is L + 1, that of the embeddings 0, that of a group of layers the mean of the numbers 1 ... L of the layers
that it computes. So an ALBERT that shares all its layers has three rates: of its embeddings, its layer, and its heads.
"""

from albert_np.core.params import Tree
from albert_np.models.config import AlbertConfig

BODY = ("embeddings", "groups", "fusion")


def rates(params: Tree, config: AlbertConfig, decay: float = 1.0, frozen: tuple[str, ...] = ()) -> dict[str, float]:
    """{name: factor of the learning rate} of every tensor, for `optim.step`.

    frozen: names of tensors, or beginnings of names ("embeddings", "groups.0.blocks.0.attention"), or "body" for all but the
    heads. ValueError if a name fits nothing, or if nothing would be left to train.
    """
    if not 0 < decay <= 1:
        raise ValueError(f"layer_decay must be above 0 and at most 1, not {decay}")
    names = [name for name, _ in params.items()]
    for name in frozen:
        if not any(fits(name, other) for other in names):
            tops = dict.fromkeys(other.split(".")[0] for other in names)
            raise ValueError(f"freeze: no tensor is called {name!r}; there are body, {', '.join(tops)}")
    found = {name: decay ** (config.num_hidden_layers + 1 - depth(name, config)) for name in names}
    found = {name: 0.0 if any(fits(part, name) for part in frozen) else rate for name, rate in found.items()}
    if not any(found.values()):
        raise ValueError(f"freeze: {', '.join(frozen)} leaves nothing to train")
    return found


def fits(part: str, name: str) -> bool:
    """Whether a tensor is meant by a name or a beginning of names."""
    return name.split(".")[0] in BODY if part == "body" else name == part or name.startswith(part + ".")


def depth(name: str, config: AlbertConfig) -> float:
    """0 for the embeddings, 1 ... L for layers, L + 1 for what is above them."""
    top, *rest = name.split(".")
    if top == "embeddings":
        return 0
    if top != "groups":
        return config.num_hidden_layers + 1
    own = [l + 1 for l in range(config.num_hidden_layers) if config.group_of(l) == int(rest[0])]
    return sum(own) / len(own)
