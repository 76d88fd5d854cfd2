"""Small examples of every task, made by rules: sentences about people who do things to things in places."""

import numpy as np

from albert_np.data.formats import Labelled, Predicate, Propositions, Question, Related, Tagged, Translated
from albert_np.tasks.finetune import vocabulary
from albert_np.tasks.translation import Translation
from albert_np.text import AlbertTokenizer

PEOPLE = "Anna Bela Carl Dora Emil Fritz Greta Hugo Ida Jonas".split()
PLACES = "Paris Rome Oslo Lima Cairo Delhi Quito Turin".split()
THINGS = "apple book lamp chair letter stone wheel rope".split()
VERBS = "sees takes paints finds breaks carries".split()
GERMAN = dict(
    zip(
        [*THINGS, *VERBS, "the", "in"],
        "Apfel Buch Lampe Stuhl Brief Stein Rad Seil sieht nimmt malt findet bricht trägt das in".split(),
    )
)


def sentences(count: int, seed: int = 0) -> list[tuple[str, str, str, str]]:
    """(who, does, what, where), all different."""
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, str, str, str], None] = {}
    while len(found) < count:
        found[tuple(str(rng.choice(words)) for words in (PEOPLE, VERBS, THINGS, PLACES))] = None  # type: ignore[index]
    return list(found)


def words(who: str, does: str, what: str, where: str) -> tuple[str, ...]:
    return (who, does, "the", what, "in", where, ".")


def text(*parts: str) -> str:
    return " ".join(words(*parts)[:-1]) + "."


def examples(task: str, count: int = 32, seed: int = 0) -> list:
    """Examples of the task of this name (classification: also "pairs", "sets" and "numbers")."""
    made = []
    for number, parts in enumerate(sentences(count, seed)):
        who, does, what, where = parts
        if task == "classification":
            made.append(Labelled(text(*parts), None, "small" if what in THINGS[:4] else "large"))
        elif task == "pairs":
            other = what if number % 2 else THINGS[(THINGS.index(what) + 1) % len(THINGS)]
            made.append(Labelled(text(*parts), f"Somebody {does} the {other}.", "yes" if other == what else "no"))
        elif task == "sets":
            made.append(Labelled(text(*parts), None, [name for name, ok in (("a", who < "E"), ("b", what in THINGS[:4])) if ok]))
        elif task == "numbers":
            made.append(Labelled(text(*parts), None, f"{THINGS.index(what) / 2:.2f}"))
        elif task == "ner":
            made.append(Tagged(words(*parts), ("B-PER", "O", "O", "O", "O", "B-LOC", "O")))
        elif task == "srl":
            tags = ("B-ARG0", "B-V", "B-ARG1", "I-ARG1", "B-ARGM-LOC", "I-ARGM-LOC", "O")
            made.append(Propositions(words(*parts), (Predicate(1, does + ".01", tags),)))
        elif task == "relations":
            said, start = text(*parts), text(*parts).index(what)
            label = "Other" if does == "sees" else f"Act-{does}(e1,e2)" if number % 2 else f"Act-{does}(e2,e1)"
            first, second = (0, len(who)), (start, start + len(what))
            spans = (second, first) if label.endswith("(e2,e1)") else (first, second)
            made.append(Related(str(number), said, *spans, label))
        elif task == "question-answering":
            said = text(*parts)
            kind = number % 4
            if kind == 3:
                made.append(Question(str(number), f"When does {who} come?", said))
            else:
                asked, answer = [(f"Who {does} the {what}?", who), (f"What does {who} take?", what), (f"Where is {who}?", where)][
                    kind
                ]
                made.append(Question(str(number), asked, said, ((answer, said.index(answer)),)))
        else:
            target = f"{who} {GERMAN[does]} das {GERMAN[what]} in {where}."
            made.append(Translated(text(*parts), target))
    return made


def train_vocabulary() -> AlbertTokenizer:
    """Train a vocabulary in which the examples' words are pieces."""
    said = [
        Translated(text(*parts), f"{parts[0]} {GERMAN[parts[1]]} das {GERMAN[parts[2]]}, {parts[3]}.") for parts in sentences(400)
    ]
    asked = [
        Translated(f"Who is in {place}?", f"What does {who} take? Where, when? Somebody.") for who in PEOPLE for place in PLACES
    ]
    return vocabulary(Translation(), [*said, *asked], 160)
