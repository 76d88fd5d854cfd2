"""albert-np fill-mask: what a model would write in the place of [MASK]."""

from typing import Annotated

import typer

from albert_np.apps.cli.common import BackendOption, JsonOption, QuietOption, SeedOption, give, use_backend


def fill_mask(
    text: Annotated[str, typer.Argument(help="A text with one [MASK] or several.")],
    model: Annotated[
        str, typer.Option("--model", help="A model with its tokenizer: a folder, such as a run's, a .tar.gz, or a hub name.")
    ],
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="How many pieces to show for each [MASK].")] = 5,
    backend: BackendOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fill each [MASK] in a text with the likeliest pieces and their probabilities.

    Example: albert-np fill-mask --model runs/first "The [MASK] was opened."
    """
    import warnings

    from albert_np.apps.fill_mask import fill
    from albert_np.models import AlbertForMaskedLM
    from albert_np.text import AlbertTokenizer

    use_backend(backend)
    tokenizer = AlbertTokenizer.from_pretrained(model)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*left out")  # the sentence-order head is not needed here
        network = AlbertForMaskedLM.from_pretrained(model, seed=seed)
    masks = fill(network, tokenizer, text, top_k)
    if as_json:
        give({"text": text, "masks": [[{"piece": p, "probability": q} for p, q in mask] for mask in masks]})
        return
    for number, mask in enumerate(masks, start=1):
        if len(masks) > 1 and not quiet:
            print(f"[MASK] {number}")
        for piece, probability in mask:
            print(f"{probability:7.1%}  {piece}")
