"""albert-np fill-mask: predict the tokens at [MASK]."""

from typing import Annotated

import typer

from albert_np.apps.cli.common import (
    BackendOption,
    JsonOption,
    ModelOption,
    QuietOption,
    SeedOption,
    print_doubts,
    print_json,
    use_backend,
)
from albert_np.apps.cli.streams import decode_argument
from albert_np.pretrained import DEFAULT


def fill_mask(
    text: Annotated[str, typer.Argument(help="A text with one or more [MASK].")],
    model: ModelOption = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="Number of tokens to show for each [MASK].")] = 5,
    backend: BackendOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show the most probable tokens for each [MASK] of a text.

    Example: albert-np fill-mask "The doctor told me to [MASK] more water."
    """
    from albert_np.apps.fill_mask import fill_masks, load_masked_model

    use_backend(backend)
    text = decode_argument(text, "TEXT")
    path = DEFAULT if model is None else model
    network, tokenizer = load_masked_model(path, seed)
    masks = fill_masks(network, tokenizer, text, top_k)
    if not (quiet or as_json):
        print_doubts(model, tokenizer, text)
    if as_json:
        print_json({"text": text, "masks": [[{"piece": p, "probability": q} for p, q in mask] for mask in masks]})
        return
    for index, mask in enumerate(masks, start=1):
        if len(masks) > 1 and not quiet:
            print(f"[MASK] {index}")
        for token, probability in mask:
            print(f"{probability:7.1%}  {token}")
