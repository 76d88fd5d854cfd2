"""Extractive question answering.

An example is a question about a passage, and its answer: a span of the passage (Rajpurkar et al. 2016), or none (2018). It
becomes one row for each window of the passage; the windows of a long passage overlap by half:

    [CLS] question [SEP] window [SEP]        token type 0 up to the first [SEP], then 1

The model is asked for the first and the last token of the answer, which are both [CLS] if the window does not contain it. Answers
are cut from the passage by the character offsets of these tokens. The scores are exact match and F1 of words, as SQuAD's official
scripts count them, and in languages without blanks between words also F1 of characters.
"""

import warnings
from typing import Any, ClassVar, NamedTuple

import numpy as np

from albert_np.core.layers import softmax
from albert_np.data.formats import Question, read_squad
from albert_np.data.formats.lines import get_suffix
from albert_np.data.formats.squad import get_valid_answer
from albert_np.data.formats.summary import Examples
from albert_np.metrics import squad, squad_characters
from albert_np.metrics.scripts import has_no_blanks
from albert_np.models import AlbertForQuestionAnswering
from albert_np.tasks import batches
from albert_np.tasks.markup import escape
from albert_np.tasks.requests import Field
from albert_np.tasks.task import Item, Task, one_line
from albert_np.tasks.words import sliding_windows

KEYS = ("question", "context", "answers")  # options: the keys of a file
MAX_QUESTION_TOKENS = 64  # a longer question is cut
MIN_PASSAGE_TOKENS = 8  # per window
CANDIDATES = 20  # spans that a window contributes at most
BEGINNING = 200  # characters of a passage from which its language is inferred
SENTENCE_CHARACTERS = 400  # shown at most on each side of an answer

Span = tuple[int, int]  # first, one after the last
Candidate = tuple[float, int, int]  # score, first character, one after the last


class PassageWindow(NamedTuple):
    """The part of a passage in a row.

    offset      position of its first token
    own         positions at which answers may begin that belong to this window
    characters  (T, 2): first and one after the last of each of its tokens, in the passage
    """

    offset: int
    own: range
    characters: np.ndarray


class QuestionAnswering(Task):
    """Options:

    max_answer_length   in tokens
    n_best              number of answers to return
    unanswerable        whether there may be no answer; set by `learn`
    characters          whether the main score is the F1 of characters rather than of words; by default set by `learn`: whether
                        the passages are in a language without blanks between words
    question, context, answers   keys of the files, see `read_squad`
    null_threshold      by how much [CLS] must score above the best span for "there is no answer"
    """

    name = "question-answering"
    form = Question
    model = AlbertForQuestionAnswering
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 384, "max_answer_length": 30, "n_best": 5, "unanswerable": None, "null_threshold": 0.0, "characters": None,
        "question": None, "context": None, "answers": None,
    }  # fmt: skip
    types: ClassVar[dict[str, Any]] = {
        "unanswerable": bool, "question": str, "context": str, "answers": str, "characters": bool,
    }  # fmt: skip
    learned = ("unanswerable",)
    reading = KEYS
    collate = staticmethod(batches.collate_spans)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._passage: tuple[Any, tuple[list[int], np.ndarray]] | None = None

    @property
    def metric(self) -> str:  # type: ignore[override]
        """SQuAD's F1 of words, or that of characters."""
        return "char_f1" if self.options["characters"] else "f1"

    def read(self, path: Any) -> list[Question]:
        """See `data.formats.read_squad`."""
        return read_squad(path, **{name: self.options[name] for name in KEYS})[0]

    def read_unlabelled(self, path: Any) -> list[Question]:
        """Return the questions of a file, in which a key that was named in training may be missing."""
        optional = not self.changed.intersection(KEYS)
        return read_squad(path, **{name: self.options[name] for name in KEYS}, optional=optional)[0]

    def example(self, text: str) -> Question:
        """Return an example of a question, a tab, and its passage."""
        question, tab, context = text.partition("\t")
        if not tab or not context.strip():
            raise ValueError("expected a question, a tab, and the passage that it is about (ask reads passages from files)")
        return Question("1", question, context)

    def fields(self) -> dict[str, Field]:
        """Return the fields of a request."""
        return {
            "question": Field("the question", "Who was the first?"),
            "context": Field("the document that it is about", "Ada Lovelace wrote the first program in 1843."),
        }

    def example_from_request(self, request: dict[str, Any]) -> Question:
        """Return the example of a request; tabs within the question become spaces."""
        return self.example(request["question"].replace("\t", " ") + "\t" + request["context"])

    def is_plain_text(self, path: Any) -> bool:
        return get_suffix(path) == ".txt"

    def learn(self, examples: list[Question]) -> None:
        answered = [question for question in examples if question.answers]
        wrong = [question.id for question in answered if get_valid_answer(question) is None]
        if len(wrong) == len(answered):
            raise ValueError("none of the training questions has an answer that is in its passage at the given offset")
        if wrong and not isinstance(examples, Examples):  # of a file, the summary says so
            warnings.warn(
                f"{len(wrong)} of {len(examples)} answers do not stand in their passages at the given offset and are left out of "
                f"training; the first is that of {wrong[0]!r}", stacklevel=2,
            )  # fmt: skip
        self.options["unanswerable"] = any(question.labelled and not question.answers for question in examples)
        if self.options["characters"] is None:
            self.options["characters"] = passages_have_no_blanks(examples)
            if self.options["characters"]:
                self.notes.append(
                    "the passages have no blanks between words: the best epoch is that of char_f1; option characters=false: of f1"
                )

    def config(self) -> dict[str, Any]:
        return {"num_labels": 2, "id2label": None}

    def items(self, example: Question, tokenizer: Any) -> list[Item]:
        words = tokenizer.encode_text(example.text)
        question, cut = words[:MAX_QUESTION_TOKENS], len(words) > MAX_QUESTION_TOKENS
        ids, characters = self.encode_passage(example.context, tokenizer)
        head = [tokenizer.cls_token_id, *question, tokenizer.sep_token_id]
        offset = len(head)
        room = self.options["max_length"] - offset - 1
        if room < MIN_PASSAGE_TOKENS:
            raise ValueError(
                f"max_length {self.options['max_length']} leaves {room} tokens for the passage beside this question, expected at "
                f"least {MIN_PASSAGE_TOKENS}"
            )
        answer = answer_tokens(example, characters)
        items = []
        for start, stop, own_start, own_stop in sliding_windows([1] * len(ids), room):
            row = [*head, *ids[start:stop], tokenizer.sep_token_id]
            types = [0] * offset + [1] * (len(row) - offset)
            target = None
            if answer is not None and start <= answer[0] and answer[1] < stop:
                target = (answer[0] - start + offset, answer[1] - start + offset)
            elif answer is not None or (example.labelled and not example.answers):
                target = (0, 0)  # [CLS]: not in this window
            own = range(own_start - start + offset, own_stop - start + offset)
            items.append(Item(row, types, target, about=PassageWindow(offset, own, characters[start:stop]), cut=cut))
        return items

    def cut_part(self) -> str:
        return f"a question longer than {MAX_QUESTION_TOKENS} tokens"

    def encode_passage(self, context: str, tokenizer: Any) -> tuple[list[int], np.ndarray]:
        """Return the ids of a passage and the characters (T, 2) of each. The last one is cached, as many questions share it."""
        key = (context, id(tokenizer))
        if self._passage is None or self._passage[0] != key:
            row = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
            self._passage = (key, (row["input_ids"][0].tolist(), row["offset_mapping"][0].reshape(-1, 2)))
        return self._passage[1]

    def run(self, model: Any, items: list[Item]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the start and end logits (T,) of each row."""
        return batches.predict_logits(model, items, ("start_logits", "end_logits"))

    def answer(self, example: Question, items: list[Item], outputs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
        """Return text, start, end (characters of the passage; "" and None for no answer), probability among the candidates, and
        n_best: the most probable answers with the same keys."""
        scores: dict[Span, float] = {}  # overlapping windows may contain the same span
        for item, (start_logits, end_logits) in zip(items, outputs):
            for score, first, stop in self.candidates(item, start_logits, end_logits):
                scores[first, stop] = max(score, scores.get((first, stop), -np.inf))
        ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[: max(CANDIDATES, self.options["n_best"])]
        choices: list[tuple[float, Span | None]] = [(score, span) for span, score in ranked]
        if self.options["unanswerable"] or not choices:
            null = min(float(start_logits[0] + end_logits[0]) for start_logits, end_logits in outputs)
            choices.append((null - self.options["null_threshold"], None))
        choices.sort(key=lambda choice: -choice[0])
        p, _ = softmax(np.array([score for score, _ in choices]))
        answers = []
        for (_, span), q in zip(choices, p):
            begin, end = span or (None, None)
            text = example.context[begin:end] if span else ""
            answers.append({"text": text, "start": begin, "end": end, "probability": float(q)})
        return {**answers[0], "n_best": answers[: self.options["n_best"]]}

    def candidates(self, item: Item, start_logits: np.ndarray, end_logits: np.ndarray) -> list[Candidate]:
        """Return the spans of a window with the highest sums of start and end logits (T,), among those that begin at one of its
        own positions."""
        window: PassageWindow = item.about
        last = len(item.ids) - 1  # the final [SEP] is not a part of the passage
        if not len(window.own):
            return []
        starts = np.array(window.own)
        ends = starts[:, None] + np.arange(self.options["max_answer_length"])  # (own, lengths)
        scores = np.where(ends < last, start_logits[starts][:, None] + end_logits[np.minimum(ends, last - 1)], -np.inf)
        best = np.argsort(-scores, axis=None, kind="stable")[:CANDIDATES]
        candidates = []
        for i, k in zip(*np.unravel_index(best, scores.shape)):
            if scores[i, k] > -np.inf:
                first = int(window.characters[starts[i] - window.offset][0])
                stop = int(window.characters[starts[i] + k - window.offset][1])
                if stop > first:
                    candidates.append((float(scores[i, k]), first, stop))
        return candidates

    def score(self, examples: list[Question], answers: list[dict[str, Any]]) -> dict[str, Any]:
        """Score as the script of SQuAD 2.0 does if some question has no answer, else as that of 1.1. For passages without blanks
        between words char_f1 is added.

        Raises ValueError for a question of which the answer is not known.
        """
        self.check_scored(examples)
        gold = {question.id: [text for text, _ in question.answers] for question in examples}
        predicted = {question.id: answer["text"] for question, answer in zip(examples, answers)}
        version = 1 if all(gold.values()) else 2
        scores = squad(gold, predicted, version)
        if self.options["characters"] or passages_have_no_blanks(examples):
            scores |= {"char_f1": squad_characters(gold, predicted, version), "total": scores.pop("total")}
        return scores

    def check_scored(self, examples: list[Question]) -> None:
        """Raise ValueError for questions of which the answers are not known."""
        unknown = [question.id for question in examples if not question.labelled]
        if unknown:
            raise ValueError(
                f"no answers in {len(unknown)} of {len(examples)} questions, which cannot be scored; the first is {unknown[0]!r} "
                "(of an unanswerable one they are [])"
            )

    def show(self, example: Question, answer: dict[str, Any]) -> str:
        """Return the question, the answer with its probability, and the sentence in which it stands, the answer in «»."""
        question = escape(one_line(example.text))
        if answer["start"] is None:
            return f"{question}\n  [dim]no answer in this text[/]   {answer['probability']:.0%}"
        first, stop = sentence_around(example.context, answer["start"], answer["end"])
        before, after = example.context[first : answer["start"]], example.context[answer["end"] : stop]
        found = escape(one_line(" ".join(answer["text"].split())))
        inside = " ".join(f"{escape(before)}«[bold cyan]{found}[/]»{escape(after)}".split())
        return f"{question}\n  {found}   {answer['probability']:.0%}\n    {one_line(inside)}"

    def as_json(self, example: Question, answer: dict[str, Any]) -> dict[str, Any]:
        return {"id": example.id, "question": example.text, **answer}


def passages_have_no_blanks(questions: list[Question]) -> bool:
    """Return whether the passages are in a language without blanks between words, by the beginning of each."""
    return has_no_blanks({question.context[:BEGINNING] for question in questions})


def answer_tokens(question: Question, characters: np.ndarray) -> Span | None:
    """Return the indices of the first and the last token of the first gold answer that is in the passage, or None."""
    answer = get_valid_answer(question)
    if answer is None:
        return None
    text, start = answer
    touched = np.flatnonzero((characters[:, 0] < start + len(text)) & (characters[:, 1] > start))
    return (int(touched[0]), int(touched[-1])) if len(touched) else None


def sentence_around(text: str, start: int, stop: int) -> Span:
    """Return the characters of the sentence, or sentences, that contain a span; at most `SENTENCE_CHARACTERS` on each side."""
    earliest, latest = max(0, start - SENTENCE_CHARACTERS), min(len(text), stop + SENTENCE_CHARACTERS)
    first = max((i + 1 for i in range(earliest, start) if text[i] in ".!?\n" and text[i + 1] in " \n"), default=earliest)
    last = next((i + 1 for i in range(max(stop - 1, 0), latest) if text[i] in ".!?\n"), latest)
    return min(first, start), max(last, stop)
