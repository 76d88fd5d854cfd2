"""The sample text of the live page: little stories, made by a grammar, so regular that a minute of training shows."""

from collections.abc import Sequence
from typing import Any

from albert_np.core.random import generator

STORIES = 1500
# work, where it is done, what is done, and to what
WORK = (
    ("baker", "bakery", "bakes", ("bread", "rolls", "cakes", "pies")),
    ("gardener", "garden", "waters", ("flowers", "roses", "beans", "trees")),
    ("farmer", "stable", "feeds", ("cows", "pigs", "horses", "sheep")),
    ("teacher", "school", "teaches", ("children", "girls", "boys", "pupils")),
    ("doctor", "hospital", "helps", ("patients", "people", "families", "mothers")),
    ("sailor", "harbour", "mends", ("nets", "sails", "ropes", "boats")),
    ("cook", "kitchen", "cooks", ("soup", "rice", "fish", "potatoes")),
    ("writer", "library", "writes", ("letters", "poems", "books", "stories")),
    ("painter", "studio", "paints", ("pictures", "walls", "chairs", "portraits")),
    ("tailor", "workshop", "sews", ("coats", "shirts", "dresses", "trousers")),
)
PEOPLE = {
    "she": ("Anna", "Clara", "Emma", "Ida", "Mary", "Nora", "Ruth", "Vera"),
    "he": ("Ben", "David", "Felix", "Henry", "Jack", "Otto", "Paul", "Tom"),
}
OWN = {"she": "her", "he": "his"}
TIMES = ("in the morning", "at noon", "every day", "all day long", "before the sun rises")
ANIMALS = ("dog", "cat", "horse", "bird")
WEATHER = (("it rains", "stays at home"), ("the sun shines", "walks by the river"), ("it snows", "sits by the fire"))


def make_stories(count: int = STORIES, seed: int = 0) -> str:
    """Return stories of four or five sentences, one sentence a line and an empty line after each story: the same each time.

    >>> print(make_stories(1))
    Ruth is a sailor.
    She mends boats in the harbour before the sun rises.
    When it snows, she sits by the fire with her dog.
    Every friend of Ruth knows the sailor and her boats.
    The dog sleeps while the sailor mends boats.
    <BLANKLINE>
    """
    return "\n".join(make_story(seed, index) for index in range(count))


def make_story(seed: int, index: int) -> str:
    """Return one story."""
    rng = generator(seed, "live sample", index)

    def choose(options: Sequence[Any]) -> Any:
        return options[int(rng.integers(len(options)))]

    pronoun = choose(("she", "he"))
    name, own = choose(PEOPLE[pronoun]), OWN[pronoun]
    worker, place, does, things = choose(WORK)
    friend, animal = choose(PEOPLE[choose(("she", "he"))]), choose(ANIMALS)
    weather, then = choose(WEATHER)
    thing = choose(things)
    outdoors = f"When {weather}, {pronoun} {then} with {own} {animal}."
    visit = f"{friend} comes to the {place} and looks at the {thing}."
    known = f"Every friend of {name} knows the {worker} and {own} {choose(things)}."
    lines = [
        choose((f"{name} is a {worker}.", f"{name} works as a {worker}.")),
        f"{pronoun.capitalize()} {does} {thing} in the {place} {choose(TIMES)}.",
        choose((outdoors, visit)),
        choose((known, f"In the evening {name} leaves the {place}.")),
    ]
    if rng.integers(2):
        lines.append(f"The {animal} sleeps while the {worker} {does} {thing}.")
    return "\n".join(lines) + "\n"
