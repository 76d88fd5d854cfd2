"""A tokenizer with a vocabulary in which the examples' words are single tokens."""

import pytest
from examples import GERMAN, PEOPLE, PLACES, sentences, text

from albert_np.data.formats import Translated
from albert_np.tasks.initial_model import train_vocabulary
from albert_np.tasks.translation import Translation


@pytest.fixture(scope="session")
def tokenizer():
    statements = [
        Translated(text(who, does, what, where), f"{who} {GERMAN[does]} das {GERMAN[what]}, {where}.")
        for who, does, what, where in sentences(400)
    ]
    questions = [
        Translated(f"Who is in {place}?", f"What does {who} take? Where, when? Somebody.") for who in PEOPLE for place in PLACES
    ]
    return train_vocabulary(Translation(), [*statements, *questions], 160)
