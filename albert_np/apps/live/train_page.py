"""The calls of the page "Train an ALBERT in your browser, now": plain values in, plain values out, one run at a time."""

import gzip
import tempfile
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

from albert_np.apps.fill_mask import fill_masks, load_masked_model
from albert_np.apps.inspect.forward import run
from albert_np.apps.live import sample
from albert_np.apps.live.training import FOLDER, Sizes, Training, breakable, name_function
from albert_np.pretrained import DEFAULT

BIBLE = Path("data/kjv.txt.gz")  # of the notebooks, on the site
CHAPTERS = 50  # Genesis
TRAINED, PACKAGED = "the model just trained", DEFAULT
current: list[Training] = []  # the run of the page, if there is one


def answers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function return {"error": message} where a value that it was given is at fault."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            return {"error": str(error)}

    return call


@answers
def get_text(name: str) -> dict[str, Any]:
    """Return one of the texts that are there: "stories" or "genesis"."""
    if name == "stories":
        return {"text": sample.make_stories()}
    chapters = gzip.decompress(BIBLE.read_bytes()).decode().split("\n\n")
    return {"text": "\n\n".join(chapters[:CHAPTERS])}


@answers
def start(text: str, sizes: dict[str, Any]) -> dict[str, Any]:
    """Prepare a run, in place of the one that there may be, and return what is known of it."""
    training = Training(text, Sizes(**sizes))
    current[:] = [training]
    return {**training.facts, "steps": training.sizes.steps, "held_out": training.evaluate()}


def get_training() -> Training:
    if not current:
        raise ValueError("there is no trained model yet: start a training run first")
    return current[0]


@answers
def advance(seconds: float) -> dict[str, Any]:
    """Train for about this long; see `Training.advance`."""
    return get_training().advance(seconds)


def get_mistakes() -> list[str]:
    """Return the mistakes that can be planted, in words."""
    return [f"{name_function(mistake)}: {mistake.explanation}" for mistake in breakable()]


@answers
def check(mistake: int | None = None) -> dict[str, Any]:
    """Check the gradients of the model just trained; mistake: the number of one of `get_mistakes`, which is planted."""
    return get_training().check_gradients(None if mistake is None else breakable()[mistake])


@lru_cache(maxsize=1)
def load_packaged() -> tuple[Any, Any]:
    """Return the model in the package, and its tokenizer."""
    return load_masked_model(DEFAULT)


@answers
def fill(text: str) -> dict[str, Any]:
    """Return the answers for each [MASK] of the model just trained, if there is one, and of the one in the package."""
    filled: dict[str, Any] = {}
    if current:
        training = current[0]
        unknown = training.tokenizer.unknown_parts(text.replace(training.tokenizer.mask_token, " "))
        notes = [f"it has no piece for {' '.join(dict.fromkeys(unknown))}"] if unknown else []
        filled["trained"] = {"model": TRAINED, "masks": training.fill(text), "notes": notes}
    filled["packaged"] = {"model": PACKAGED, "masks": fill_masks(*load_packaged(), text, 5), "notes": []}
    return filled


@answers
def save() -> dict[str, Any]:
    """Write the model just trained as a zip file, and return its path."""
    return {"path": str(get_training().save(Path(tempfile.gettempdir(), f"{FOLDER}.zip"))), "name": f"{FOLDER}.zip"}


@answers
def inspect_page(text: str, trained: bool = False) -> dict[str, Any]:
    """Return the page of `albert-np inspect` on a text: of the model just trained, or of the one in the package."""
    if trained:
        training = get_training()
        seen = run(training.model, training.tokenizer, TRAINED, text, None, 5, True)
    else:
        seen = run(*load_packaged(), PACKAGED, text, None, 5, True)
    return {"page": seen.page(), "summary": repr(seen)}
