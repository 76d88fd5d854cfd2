"""Multiple choice: which of several answers to a question, or continuations of a text, is the right one.

An example is a question with its choices, perhaps about a passage (RACE, SWAG, COPA, ARC). It becomes a row for each choice:

    [CLS] passage [SEP] question choice [SEP]      token type 0 up to the first [SEP], then 1
    [CLS] question [SEP] choice [SEP]              without a passage
    [CLS] question [SEP]                           without a passage, if the choice fills a blank, "_", in the question

The model's head on [CLS] gives each row one score, and the softmax over the rows of a question is the probability of each choice.
Rows, blanks and cuts are those of Google's code for RACE (race_utils.py): the last 128 tokens of question and choice are used,
and the passage is cut at its end. The score is the accuracy, also of each group of the data, such as RACE-M and RACE-H.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from albert_np.core.layers import softmax
from albert_np.data.formats import ChoiceQuestion, read_choices
from albert_np.data.formats.choice_forms import FORMS, NOTHING, KeyRules
from albert_np.data.formats.choice_labels import KINDS, LabelRules
from albert_np.data.formats.choices import Questions, question_from_object, questions_from_rows
from albert_np.data.formats.lines import get_suffix, read_text
from albert_np.metrics import choice_scores
from albert_np.models import AlbertForMultipleChoice
from albert_np.tasks import batches
from albert_np.tasks.markup import escape
from albert_np.tasks.requests import Field
from albert_np.tasks.task import Item, Task, one_line

KEYS = ("context", "question", "choices", "label", "group")  # options: the keys of a file
READING = ("form", *KEYS, "label_kind", "count_from", "blanks", "delimiter", "quotes")
EXPECTED = 'expected a question and its choices, separated by tabs, or an object {"question": ..., "choices": [..., ...]}'
MAX_CHOICES = 100  # of a request to the service
LETTERS = 26  # choices that have a letter; of more, all have numbers


class Row(NamedTuple):
    """The parts of a row, without special tokens; second: None if there is one part. cut: a part lacks some of its tokens."""

    first: list[int]
    second: list[int] | None
    cut: bool


class MultipleChoice(Task):
    """Options:

    form, context, question, choices, label, group, label_kind, count_from, blanks, delimiter, quotes     of the files, see
                         `data.formats.read_choices`
    max_question_length  tokens of the question and a choice together, or of a choice, that are used at most beside a passage
    usual                set by `learn`: the index of the choice that is most often right, the baseline's answer
    """

    name = "multiple-choice"
    form = ChoiceQuestion
    model = AlbertForMultipleChoice
    metric = "accuracy"
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 512, "max_question_length": 128, "form": None, "context": None, "question": None, "choices": None,
        "label": None, "group": None, "label_kind": None, "count_from": None, "blanks": None, "delimiter": None, "quotes": None,
        "usual": None,
    }  # fmt: skip
    types: ClassVar[dict[str, Any]] = {
        "form": tuple(FORMS), "context": str, "question": str, "choices": list, "label": str, "group": str, "label_kind": KINDS,
        "count_from": int, "blanks": bool, "delimiter": str, "quotes": bool, "usual": int,
    }  # fmt: skip
    learned = ("usual",)
    reading = READING
    trains: ClassVar[dict[str, Any]] = {"tokens_per_batch": 4096}  # a question has as many rows as choices
    keeps_rows_together = True
    collate = staticmethod(batches.collate_choices)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.options["count_from"] not in (None, 0, 1):
            raise ValueError(f"the option count_from must be 0 or 1, not {self.options['count_from']!r}")
        length = self.options["max_question_length"]
        if length < 1:
            raise ValueError(f"the option max_question_length must be a number of tokens, 1 or more, not {length}")
        self._passage: tuple[Any, list[int]] | None = None

    # ---- files and examples ----

    def read(self, path: Any) -> Questions:
        """See `data.formats.read_choices`."""
        return read_choices(path, **{name: self.options[name] for name in READING})

    def read_unlabelled(self, path: Any) -> Questions:
        """Return the questions of a file without their labels. Keys that were named in training may be missing."""
        optional = not self.changed.intersection(("form", *KEYS))
        options = {name: self.options[name] for name in READING} | {"label": NOTHING}
        return read_choices(path, **options, optional=optional)

    def examples_from_rows(self, rows: list[dict[str, Any]], name: str) -> Questions:
        """Return the questions of a data frame, or of dicts."""
        return questions_from_rows(rows, name, self.options["form"], *self.reading_rules(self.options["usual"] is not None))

    def reading_rules(self, optional: bool) -> tuple[KeyRules, LabelRules, bool | None]:
        """Return the options by which objects are read."""
        context, question, choices, label, group = (self.options[name] for name in KEYS)
        keys = KeyRules(context, question, tuple(choices or ()), label, group, optional)
        return keys, LabelRules(self.options["label_kind"], self.options["count_from"]), self.options["blanks"]

    def example(self, text: str) -> ChoiceQuestion:
        """Return an example of a question, a tab, and its choices, separated by tabs; or of an object, as on a line of JSON,
        whose label is not read."""
        if text.lstrip().startswith("{"):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{EXPECTED}; it is not valid JSON: {error}") from None
            keys, labels, blanks = self.reading_rules(True)
            return question_from_object(value, self.options["form"], replace(keys, label=NOTHING), labels, blanks)
        question, *choices = text.rstrip("\t").split("\t")
        if len(choices) < 2:
            raise ValueError(EXPECTED)
        return ChoiceQuestion(question, tuple(choices), blank=self.options["blanks"])

    def fields(self) -> dict[str, Field]:
        """Return the fields of a request: the choices, and a question, a passage, or both."""
        return {
            "context": Field("a passage, which may be missing", "Ada took the boat to the island.", required=False),
            "question": Field("the question", "Where is she?", required=False),
            "choices": Field("the choices", ["on an island", "in town", "at home"], list, limits=(2, MAX_CHOICES)),
        }

    def example_from_request(self, request: dict[str, Any]) -> ChoiceQuestion:
        """Return the question of a request. ValueError if it has neither a question nor a passage."""
        question, context = (request.get(name, "") for name in ("question", "context"))
        if not question.strip() and not context.strip():
            raise ValueError("'question' is empty, and so is 'context'")
        return ChoiceQuestion(question, tuple(request["choices"]), context=context, blank=self.options["blanks"])

    def is_plain_text(self, path: Any) -> bool:
        """Return whether a .txt has a question and choices on each line, rather than JSON as RACE has it."""
        return get_suffix(path) == ".txt" and read_text(path).lstrip("\ufeff \t\r\n")[:1] not in ("{", "[", "<")

    def describe_labels(self, examples: list[ChoiceQuestion]) -> dict[str, Any]:
        counts = Counter(example.label for example in examples if example.label is not None)
        return {"kind": "answers", "counts": {choice_name(i): counts[i] for i in sorted(counts)}} if counts else {}

    def summarize(self, given: dict[str, tuple[Any, list[Any]]], note: Callable[[str], None]) -> list[dict[str, Any]]:
        """See `Task.summarize`; the labels of all files should count from the same number."""
        train, dev = (given.get(name, (None, []))[1] for name in ("train", "dev"))
        if isinstance(train, Questions) and isinstance(dev, Questions):
            first, other = train.count_from, dev.count_from
            if first is not None and other is not None and first != other:
                dev.summary.warn(
                    f"its labels are taken as counted from {other}, and those of the training examples from {first} (option "
                    "count_from)"
                )
        return super().summarize(given, note)

    def learn(self, examples: list[ChoiceQuestion]) -> None:
        counts = Counter(example.label for example in examples if example.label is not None)
        if not counts:
            raise ValueError("the training examples have no labels: name their key (option label)")
        self.options["usual"] = min(counts, key=lambda i: (-counts[i], i))
        if self.options["count_from"] is None and isinstance(examples, Questions):
            self.options["count_from"] = examples.count_from

    # ---- examples -> rows -> answers -> scores ----

    def items(self, example: ChoiceQuestion, tokenizer: Any) -> list[Item]:
        """Return a row for each choice; see the beginning of the file."""
        if example.context.strip():
            rows = self.rows_of_passage(example, tokenizer)
        elif example.has_blank:
            rows = self.rows_of_statements(example, tokenizer)
        else:
            rows = self.rows_of_question(example, tokenizer)
        cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
        items = []  # of arrays: lists would take several times the memory, and RACE has 350,000 rows
        for i, (first, second, cut) in enumerate(rows):
            ids, types = [cls, *first, sep], [0] * (len(first) + 2)
            if second is not None:
                ids, types = [*ids, *second, sep], types + [1] * (len(second) + 1)
            target = None if example.label is None else i == example.label
            items.append(Item(np.array(ids, np.int32), np.array(types, np.int8), target, cut=cut))
        return items

    def rows_of_passage(self, example: ChoiceQuestion, tokenizer: Any) -> list[Row]:
        """Return rows of the passage, and the question with a choice.

        The question loses its beginning, the passage its end, as in Google's code; a choice without a question loses its end.
        """
        passage, room = self.encode_passage(example.context, tokenizer), self.options["max_length"] - 3
        most = min(self.options["max_question_length"], max(room // 2, room - len(passage)))
        rows = []
        for whole in encode(tokenizer, example.statements()):
            second = keep_end(whole, most) if example.question.strip() else whole[:most]
            rows.append(Row(passage[: room - len(second)], second, len(second) < len(whole) or len(passage) + len(second) > room))
        return rows

    def rows_of_statements(self, example: ChoiceQuestion, tokenizer: Any) -> list[Row]:
        """Return rows of the question with the choice in its blank. It loses its beginning."""
        room = self.options["max_length"] - 2
        return [Row(keep_end(ids, room), None, len(ids) > room) for ids in encode(tokenizer, example.statements())]

    def rows_of_question(self, example: ChoiceQuestion, tokenizer: Any) -> list[Row]:
        """Return rows of the question and a choice. The question loses its beginning, the choice its end."""
        room = self.options["max_length"] - 3
        question, *choices = encode(tokenizer, [example.question, *example.choices])
        most = min(self.options["max_question_length"], max(room // 2, room - len(question)))
        rows = []
        for whole in choices:
            first, second = keep_end(question, room - min(most, len(whole))), whole[:most]
            rows.append(Row(first, second, len(second) < len(whole) or len(first) < len(question)))
        return rows

    def encode_passage(self, passage: str, tokenizer: Any) -> list[int]:
        """Return the ids of a passage. The last one is cached, as several questions share it."""
        key = (passage, id(tokenizer))
        if self._passage is None or self._passage[0] != key:
            self._passage = (key, encode(tokenizer, [passage])[0])
        return self._passage[1]

    def cut_part(self) -> str:
        length, most = self.options["max_length"], self.options["max_question_length"]
        return f"a row longer than max_length {length} tokens, or more than {most} tokens in a question with a choice"

    def answer(self, example: ChoiceQuestion, items: list[Item], outputs: list[np.ndarray]) -> dict[str, Any]:
        """Return answer (the text of the most probable choice), index, and choices: each with its text and probability."""
        p, _ = softmax(np.concatenate(outputs).astype(np.float64))  # (choices,)
        best = int(p.argmax())
        choices = [{"text": text, "probability": float(q)} for text, q in zip(example.choices, p)]
        return {"answer": example.choices[best], "index": best, "choices": choices}

    def check_scored(self, examples: list[ChoiceQuestion]) -> None:
        """Raise ValueError if no example has a label."""
        if all(example.label is None for example in examples):
            raise ValueError("none of the questions has a label, so they cannot be scored (option label)")

    def score(self, examples: list[ChoiceQuestion], answers: list[dict[str, Any]]) -> dict[str, Any]:
        self.check_scored(examples)
        scored = [(e.label, answer["index"], e.group) for e, answer in zip(examples, answers) if e.label is not None]
        gold, predicted, groups = zip(*scored)
        return choice_scores(gold, predicted, groups)

    def baselines(self, train: list[ChoiceQuestion], examples: list[ChoiceQuestion]) -> dict[str, list[dict[str, Any]]]:
        """Choose the position that is most often right in training, and the longest choice."""
        usual = self.options["usual"]
        lengths = [[len(choice) for choice in example.choices] for example in examples]
        longest = [{"index": each.index(max(each))} for each in lengths]
        if usual is None:  # a model that was trained elsewhere
            return {"the longest choice": longest}
        fixed = [{"index": min(usual, len(e.choices) - 1)} for e in examples]
        return {"the commonest position": fixed, "the longest choice": longest}

    # ---- output ----

    def show(self, example: ChoiceQuestion, answer: dict[str, Any]) -> str:
        """Return the question and a line for each choice with its probability; a star marks the most probable one."""
        lines = [escape(one_line(example.question or example.context))]
        for i, choice in enumerate(answer["choices"]):
            text = f"{choice_name(i, len(answer['choices']))}  {choice['probability']:.2f}  {escape(one_line(choice['text']))}"
            lines.append(f"* [bold]{text}[/]" if i == answer["index"] else f"  {text}")
        return "\n".join(lines)

    def as_json(self, example: ChoiceQuestion, answer: dict[str, Any]) -> dict[str, Any]:
        return {**({"id": example.id} if example.id else {}), "question": example.question, **answer}


def encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Return the ids of each text, without special tokens."""
    return [list(ids) for ids in tokenizer.encode_batch(texts, num_threads=1)]


def keep_end(ids: list[int], most: int) -> list[int]:
    """Return the last `most` of the ids."""
    return ids[max(0, len(ids) - max(0, most)) :]


def choice_name(index: int, count: int = LETTERS) -> str:
    """Return the letter of a choice, or of many choices its number from 1."""
    return chr(ord("A") + index) if max(index, count - 1) < LETTERS else str(index + 1)
