"""The keys of questions, choices and answers in the data sets that have choices."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from albert_np.data.formats.lines import FilePath
from albert_np.data.formats.objects import quote_names
from albert_np.io.files import DataError

Objects = Sequence[tuple[str, dict[str, Any]]]  # (position, object)
ROLES = ("context", "question", "choices", "label", "id", "group")


class Form(NamedTuple):
    """The form of a data set's files.

    title   its name, for the summary
    marks   sets of keys, any of which shows it
    others  the usual keys of each role; of choices, a list's key. count_from: of labels that are numbers, where it is certain
    """

    title: str
    marks: tuple[tuple[str, ...], ...]
    context: tuple[str, ...] = ()
    question: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    count_from: int | None = None


LABELS = (
    "label", "answer", "answerKey", "answer_key", "gold_label", "gold", "correct", "correct_option", "correct_answer_id", "cop",
)  # fmt: skip
FORMS = {  # the first whose keys an object has is taken
    "race": Form(
        "RACE", (("article", "questions", "options"), ("article", "question", "options")), ("article",),
        ("questions", "question"), ("options",), ("answers", "answer"), ("id", "example_id"), ("folder",),
    ),
    "hellaswag": Form(
        "HellaSwag", (("ctx_a", "ctx_b", "endings"), ("ctx", "endings")), ("ctx_a", "ctx"), ("ctx_b",), ("endings",), ("label",),
        ("ind", "id"), ("split_type",), 0,
    ),
    "swag": Form(
        "SWAG", (("sent1", "sent2", "ending0", "ending1"), ("sent1", "sent2", "gold-ending", "distractor-0")), ("sent1",),
        ("sent2",), (), ("label",), count_from=0,
    ),
    "copa": Form(
        "COPA", (("premise", "question", "choice1", "choice2"),), ("premise",), ("question",), (), ("label",), ("idx", "id"),
        count_from=0,
    ),
    "arc": Form(
        "ARC (OpenBookQA, CommonsenseQA)",
        (("stem", "choices"), ("question_stem", "choices"), ("question", "choices", "answerKey")), ("para",),
        ("stem", "question_stem", "question"), ("choices",), ("answerKey",), ("id",),
    ),
    "plain": Form(
        "", (), ("context", "article", "passage", "premise", "ctx", "sent1", "story", "background", "support"),
        ("question", "stem", "question_stem", "query", "prompt", "goal", "sentence", "sent2", "problem"),
        ("choices", "options", "endings", "answers", "alternatives", "candidates"), LABELS,
        ("id", "qid", "idx", "ind", "question_id", "example_id", "guid", "uid"), ("group",),
    ),
}  # fmt: skip
NUMBERED = re.compile(
    r"(ending|choice|option|answer|alternative|candidate|solution|sol|opt|op|a|)[ _-]?([0-9]{1,2}|[A-Z])", re.IGNORECASE
)
GOLD = (("gold-ending", "distractor-"), ("correct_answer", "distractor"))  # the right choice's key, and how the others' begin
EXAMPLE = '{"question": ..., "choices": [..., ...], "label": ...}'
EXPECTED = f'expected keys as in {EXAMPLE}, perhaps with "context"'
NOTHING = "none"  # as a given key: there is none


@dataclass(frozen=True)
class KeyRules:
    """The keys that were given by name. choices: the key of a list, or a key for each choice; optional: they may be missing."""

    context: str | None = None
    question: str | None = None
    choices: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Keys:
    """The keys that are used; None: there is none. choices: of a list, or one for each; gold: of the right choice before them."""

    context: str | None
    question: str | None
    choices: tuple[str, ...]
    label: str | None
    id: str | None
    group: str | None
    gold: str | None = None

    def used(self) -> set[str | None]:
        """Return all of them."""
        return {self.context, self.question, *self.choices, self.label, self.id, self.group, self.gold}

    def describe(self) -> dict[str, str]:
        """Return {role: key}, of several choices the first and the last."""
        choices = self.choices if len(self.choices) < 3 else (self.choices[0], "...", self.choices[-1])
        if self.gold:
            choices = (self.gold, *choices)
        roles = (self.context, self.question, ", ".join(choices), self.label, self.id, self.group)
        return {role: key for role, key in zip(ROLES, roles) if key is not None}


# ---- the form of a file and its keys ----


def choose_form(rows: Sequence[tuple[str, Any]], given: str | None, rules: KeyRules) -> tuple[str, Objects]:
    """Return the name of the form and the objects, the question of each opened if it is an object itself, as in ARC.

    DataError that names the position for a value that is not an object, or if the first has not the keys of the given form.
    """
    objects = []
    for position, value in rows:
        if not isinstance(value, dict):
            raise DataError(f"{position}: expected an object such as {EXAMPLE}, got {str(value)[:40]!r}")
        objects.append((position, open_question(value)))
    keys = set(objects[0][1])
    fitting = [name for name, form in FORMS.items() if any(keys.issuperset(marks) for marks in form.marks)]
    if given is None or (rules.optional and given not in fitting):
        return (*fitting, "plain")[0], objects
    form, named = FORMS[given], any((rules.context, rules.question, rules.choices))
    if form.marks and not named and given not in fitting:
        expected = " or ".join(quote_names(marks) for marks in form.marks)
        got = quote_names(objects[0][1])
        raise ValueError(f"{objects[0][0]}: the form {given} (option form) has the keys {expected}; got {got}")
    return given, objects


def open_question(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the keys of its "question" among its own, if that is an object."""
    question = value.get("question")
    return value if not isinstance(question, dict) else {**question, **{k: v for k, v in value.items() if k != "question"}}


def choose_keys(path: FilePath, objects: Objects, form: str, rules: KeyRules) -> Keys:
    """Return the keys that are used: those given, or the first usual ones of the form that an object has.

    ValueError that names the file for a given key that no object has, and if there is no question or no choice.
    """
    names = list(dict.fromkeys(name for _, value in objects for name in value))
    usual = FORMS[form]
    found: dict[str, str | None] = {}
    for role in ("context", "question", "label", "group"):
        found[role] = find_key(path, names, role, getattr(rules, role), getattr(usual, role), rules.optional)
    taken = [key for key in found.values() if key is not None]
    found["id"] = next((key for key in usual.id if key in names and key not in taken), None)
    choices, gold = find_choices(path, objects, names, rules, usual.choices, taken)
    if not choices:
        raise ValueError(f"{objects[0][0]}: it has no choices (option choices): {EXPECTED}; got {quote_names(names)}")
    if found["question"] is None and found["context"] is None:
        raise ValueError(f"{objects[0][0]}: it has no question (option question): {EXPECTED}; got {quote_names(names)}")
    if found["label"] in choices:
        found["label"] = None
    return Keys(found["context"], found["question"], choices, found["label"], found["id"], found["group"], gold)


def find_key(
    path: FilePath, names: Sequence[str], role: str, given: str | None, usual: Sequence[str], optional: bool
) -> str | None:
    """Return the given key, or the first usual one that there is. ValueError if the given one is missing and must not be."""
    if given is not None and given in names:
        return given
    if given == NOTHING and role != "question":
        return None
    if given is not None and not optional:
        raise ValueError(f"{path}: there is no key {given!r} (option {role}); got {quote_names(names)}")
    return next((key for key in usual if key in names), None)


def find_choices(
    path: FilePath, objects: Objects, names: Sequence[str], rules: KeyRules, usual: Sequence[str], taken: Sequence[str]
) -> tuple[tuple[str, ...], str | None]:
    """Return the keys of the choices: of a list, or one for each, and the key of the right one, if it has one of its own."""
    if rules.choices:
        missing = [key for key in rules.choices if key not in names]
        if not missing:
            return rules.choices, None
        if not rules.optional:
            raise ValueError(f"{path}: there is no key {missing[0]!r} (option choices); got {quote_names(names)}")
    listed = [key for key in usual if key in names and key not in taken]
    chosen = next((key for key in listed if any(isinstance(value.get(key), list | dict) for _, value in objects)), None)
    if chosen is not None:
        return (chosen,), None
    for gold, start in GOLD:
        others = [name for name in names if re.fullmatch(re.escape(start) + "[0-9]", name)]
        if gold in names and others:
            return tuple(sorted(others)), gold
    return find_numbered([name for name in names if name not in taken]) or tuple(listed[:1]), None


def find_numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of choices that differ by a number or a letter alone: ending0 to ending3, option1 and option2, A to D."""
    groups: dict[tuple[str, bool], dict[int, str]] = {}
    for name in names:
        match = NUMBERED.fullmatch(name.strip())
        if match is None or (not match[1] and match[2].isdecimal()):
            continue
        is_number = match[2].isdecimal()
        index = int(match[2]) if is_number else ord(match[2].upper()) - ord("A")
        groups.setdefault((match[1].lower(), is_number), {}).setdefault(index, name)
    for (_, is_number), keys in groups.items():
        first = min(keys)
        if first <= int(is_number) and sorted(keys) == list(range(first, first + len(keys))) and len(keys) > 1:
            return tuple(keys[i] for i in sorted(keys))
    return ()
