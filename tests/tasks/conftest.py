"""A vocabulary in which the examples' words are pieces."""

import pytest
from examples import GERMAN, PEOPLE, PLACES, text

from albert_np.tasks.initial_model import train_vocabulary
from albert_np.tasks.translation import Translation


@pytest.fixture(scope="session")
def tokenizer():
    from examples import sentences

    from albert_np.data.formats import Translated

    said = [
        Translated(text(*parts), f"{parts[0]} {GERMAN[parts[1]]} das {GERMAN[parts[2]]}, {parts[3]}.") for parts in sentences(400)
    ]
    asked = [
        Translated(f"Who is in {place}?", f"What does {who} take? Where, when? Somebody.") for who in PEOPLE for place in PLACES
    ]
    return train_vocabulary(Translation(), [*said, *asked], 160)
