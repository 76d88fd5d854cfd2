"""Small examples of every task, generated from templates: people do something to a thing in a place."""

import numpy as np

from albert_np.data.formats import ChoiceQuestion, Labelled, Predicate, Propositions, Question, Related, Tagged, Translated
from albert_np.tasks import initial_model
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
    """Return different random (who, does, what, where)."""
    rng = np.random.default_rng(seed)
    different: dict[tuple[str, str, str, str], None] = {}
    while len(different) < count:
        different[tuple(str(rng.choice(words)) for words in (PEOPLE, VERBS, THINGS, PLACES))] = None  # type: ignore[index]
    return list(different)


def words(who: str, does: str, what: str, where: str) -> tuple[str, ...]:
    return (who, does, "the", what, "in", where, ".")


def text(*parts: str) -> str:
    return " ".join(words(*parts)[:-1]) + "."


def examples(task: str, count: int = 32, seed: int = 0) -> list:
    """Return examples of the task of this name, or of classification's variants "pairs", "sets" and "numbers"."""
    return [EXAMPLES[task](i, *parts) for i, parts in enumerate(sentences(count, seed))]


def classification(i: int, who: str, does: str, what: str, where: str) -> Labelled:
    return Labelled(text(who, does, what, where), None, "small" if what in THINGS[:4] else "large")


def pair(i: int, who: str, does: str, what: str, where: str) -> Labelled:
    other = what if i % 2 else THINGS[(THINGS.index(what) + 1) % len(THINGS)]
    return Labelled(text(who, does, what, where), f"Somebody {does} the {other}.", "yes" if other == what else "no")


def label_set(i: int, who: str, does: str, what: str, where: str) -> Labelled:
    labels = [name for name, holds in (("a", who < "E"), ("b", what in THINGS[:4])) if holds]
    return Labelled(text(who, does, what, where), None, labels)


def number(i: int, who: str, does: str, what: str, where: str) -> Labelled:
    return Labelled(text(who, does, what, where), None, f"{THINGS.index(what) / 2:.2f}")


def tagged(i: int, *parts: str) -> Tagged:
    return Tagged(words(*parts), ("B-PER", "O", "O", "O", "O", "B-LOC", "O"))


def propositions(i: int, who: str, does: str, what: str, where: str) -> Propositions:
    tags = ("B-ARG0", "B-V", "B-ARG1", "I-ARG1", "B-ARGM-LOC", "I-ARGM-LOC", "O")
    return Propositions(words(who, does, what, where), (Predicate(1, does + ".01", tags),))


def related(i: int, who: str, does: str, what: str, where: str) -> Related:
    sentence = text(who, does, what, where)
    start = sentence.index(what)
    label = "Other" if does == "sees" else f"Act-{does}(e1,e2)" if i % 2 else f"Act-{does}(e2,e1)"
    first, second = (0, len(who)), (start, start + len(what))
    spans = (second, first) if label.endswith("(e2,e1)") else (first, second)
    return Related(str(i), sentence, *spans, label)


def question(i: int, who: str, does: str, what: str, where: str) -> Question:
    passage = text(who, does, what, where)
    asked, answer = (
        (f"Who {does} the {what}?", who),
        (f"What does {who} take?", what),
        (f"Where is {who}?", where),
        (f"When does {who} come?", None),
    )[i % 4]
    return Question(str(i), asked, passage, () if answer is None else ((answer, passage.index(answer)),))


def choice_question(i: int, who: str, does: str, what: str, where: str) -> ChoiceQuestion:
    label, count = i % 3, 3 + i % 2
    choices = [THINGS[(THINGS.index(what) + k) % len(THINGS)] for k in range(count)]
    choices[0], choices[label] = choices[label], choices[0]
    return ChoiceQuestion(f"Somebody {does} the _.", tuple(choices), label, text(who, does, what, where), str(i), "ab"[i % 2])


def translated(i: int, who: str, does: str, what: str, where: str) -> Translated:
    return Translated(text(who, does, what, where), f"{who} {GERMAN[does]} das {GERMAN[what]} in {where}.")


EXAMPLES = {
    "classification": classification, "pairs": pair, "sets": label_set, "numbers": number, "ner": tagged, "srl": propositions,
    "relations": related, "question-answering": question, "multiple-choice": choice_question, "translation": translated,
}  # fmt: skip


def train_vocabulary() -> AlbertTokenizer:
    """Train a vocabulary in which the examples' words are single tokens."""
    statements = [
        Translated(text(who, does, what, where), f"{who} {GERMAN[does]} das {GERMAN[what]}, {where}.")
        for who, does, what, where in sentences(400)
    ]
    questions = [
        Translated(f"Who is in {place}?", f"What does {who} take? Where, when? Somebody.") for who in PEOPLE for place in PLACES
    ]
    return initial_model.train_vocabulary([*statements, *questions], 160)
