"""albert-np convert: convert a checkpoint to another file format."""

from pathlib import Path
from typing import Annotated

import typer

from albert_np.apps.cli.common import JsonOption, QuietOption, print_json


def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A folder, a file of weights, a .tar.gz, or a hub name.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write; it must be new or empty.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="hf|tf|npz|onnx",
            help="A folder for transformers, Google's TensorFlow checkpoint, NumPy's .npz, an ONNX graph.",
        ),
    ] = "hf",
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype", metavar="float16|float32|float64", help="Number format of the new file [that of SRC]", show_default=False
        ),
    ] = "",
    revision: Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit of a hub name.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Read an ALBERT checkpoint of any published format and write it in another, with its tokenizer.

    Example: albert-np convert albert_base_v2.tar.gz albert-base --to hf
    """
    from albert_np.apps.convert import convert as run

    done = run(source, target, to, dtype, revision=revision)
    if as_json:
        print_json(done)
    elif not quiet:
        heads = ", ".join(done["heads"]) or "no heads"
        print(f"{done['parameters']:,} parameters ({heads}) from {done['from']} to {done['to']}, {done['dtype']}: {target}")
        if done["scale"]:
            from albert_np.tasks.scale import Scale

            print(f"the labels' scale ({Scale(*done['scale']).describe()}) is in the head now: outputs are in their units")
        print(f"tokenizer: {', '.join(done['tokenizer']) or 'none found'}")
