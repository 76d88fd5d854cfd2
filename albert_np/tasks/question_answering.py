"""Question answering: the answer is a span of the passage (Rajpurkar et al. 2016), or there is none (2018).

    [CLS] question [SEP] a window of the passage [SEP]        token types 0 and 1

A long passage is read through windows that overlap by half. A window without the answer answers [CLS], which is how the model
says "not here". Answers are cut from the passage by the offsets of their first and last pieces, so nothing is ever made up.
"""

import warnings
from typing import Any, ClassVar, NamedTuple

import numpy as np

from albert_np.data.formats import Question, read_squad
from albert_np.metrics import squad
from albert_np.models import AlbertForQuestionAnswering
from albert_np.tasks import batches
from albert_np.tasks.task import Item, Task, softmax
from albert_np.tasks.words import windows

QUESTION = 64  # tokens of a question that are read


class Window(NamedTuple):
    """context: place of the first token of the window; own: the places whose answers begin here; spans: (T, 2) characters"""

    context: int
    own: range
    spans: np.ndarray


class QuestionAnswering(Task):
    """Options: max_answer_length, in tokens; n_best answers are given; unanswerable: whether there may be none (learned);
    null_threshold: how much better [CLS] must be than the best answer for "there is none"."""

    name = "question-answering"
    form = Question
    model = AlbertForQuestionAnswering
    metric = "f1"
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 384, "max_answer_length": 30, "n_best": 5, "unanswerable": None, "null_threshold": 0.0,
    }  # fmt: skip
    collate = staticmethod(batches.of_spans)

    def read(self, path: Any) -> list[Question]:
        """See `data.formats.read_squad`."""
        return read_squad(path)[0]

    def learn(self, examples: list[Question]) -> None:
        wrong = [question.id for question in examples if question.answers and not in_place(question)]
        if wrong:
            warnings.warn(
                f"{len(wrong)} of {len(examples)} answers do not stand in their passages where they should, so they are not "
                f"trained on; the first is that of {wrong[0]!r}", stacklevel=2,
            )  # fmt: skip
        self.options["unanswerable"] = any(not question.answers for question in examples)

    def config(self) -> dict[str, Any]:
        return {"num_labels": 2, "id2label": None}

    def items(self, example: Question, tokenizer: Any) -> list[Item]:
        question = tokenizer.encode_text(example.text)[:QUESTION]
        ids, spans = self.passage(example.context, tokenizer)
        head = [tokenizer.cls_token_id, *question, tokenizer.sep_token_id]
        room = self.options["max_length"] - len(head) - 1
        if room < 8:
            raise ValueError(f"max_length {self.options['max_length']} leaves {room} tokens for the passage beside this question")
        answer = token_span(example, spans)
        items = []
        for first, stop, own, until in windows([1] * len(ids), room):
            row = [*head, *ids[first:stop], tokenizer.sep_token_id]
            types = [0] * len(head) + [1] * (len(row) - len(head))
            target = None
            if answer is not None:
                within = first <= answer[0] and answer[1] < stop
                target = (answer[0] - first + len(head), answer[1] - first + len(head)) if within else (0, 0)
            elif not example.answers:
                target = (0, 0)
            about = Window(len(head), range(own - first + len(head), until - first + len(head)), spans[first:stop])
            items.append(Item(row, types, target, about=about))
        return items

    def passage(self, context: str, tokenizer: Any) -> tuple[list[int], np.ndarray]:
        """The ids of a passage and the characters (T, 2) of each; the last one is kept, as many questions share a passage."""
        if getattr(self, "_passage", (None,))[0] != (context, id(tokenizer)):
            row = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
            self._passage = ((context, id(tokenizer)), (row["input_ids"][0].tolist(), row["offset_mapping"][0].reshape(-1, 2)))
        return self._passage[1]

    def run(self, model: Any, items: list[Item]) -> list[Any]:
        """(start scores (T,), end scores (T,)) of each row."""
        return batches.logits(model, items, ("start_logits", "end_logits"))

    def answer(self, example: Question, items: list[Item], outputs: list[Any]) -> dict[str, Any]:
        """-> text, start, end (characters of the passage; "" and None where there is no answer), probability among the n_best,
        n_best: the likeliest answers with the same keys"""
        found = [candidate for item, scores in zip(items, outputs) for candidate in self.candidates(item, *scores)]
        null = min(float(start[0] + end[0]) for start, end in outputs)
        best: dict[tuple[int, int], float] = {}
        for score, first, stop in found:
            best[first, stop] = max(score, best.get((first, stop), -np.inf))
        kept = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[: max(20, self.options["n_best"])]
        said: list[tuple[float, Any, Any]] = [(score, *span) for span, score in kept]
        if self.options["unanswerable"] or not said:
            said.append((null - self.options["null_threshold"], None, None))
        said.sort(key=lambda candidate: -candidate[0])
        p = softmax([score for score, *_ in said])
        answers = [
            {"text": "" if first is None else example.context[first:stop], "start": first, "end": stop, "probability": float(q)}
            for (_, first, stop), q in zip(said, p)
        ]
        return {**answers[0], "n_best": answers[: self.options["n_best"]]}

    def candidates(self, item: Item, start: np.ndarray, end: np.ndarray) -> list[tuple[float, int, int]]:
        """(score, first character, one after the last) of the likeliest spans of a window that begin at a place of its own."""
        window, T = item.about, len(item.ids) - 1  # without the last [SEP]
        if not len(window.own):
            return []
        places = np.array(window.own)
        lengths = np.arange(self.options["max_answer_length"])
        ends = places[:, None] + lengths  # (own, longest)
        scores = np.where(ends < T, start[places][:, None] + end[np.minimum(ends, T - 1)], -np.inf)
        order = np.argsort(-scores, axis=None, kind="stable")[:20]
        found = []
        for i, k in zip(*np.unravel_index(order, scores.shape)):
            if scores[i, k] > -np.inf:
                first = int(window.spans[places[i] - window.context][0])
                stop = int(window.spans[places[i] + k - window.context][1])
                if stop > first:
                    found.append((float(scores[i, k]), first, stop))
        return found

    def score(self, examples: list[Question], answers: list[Any]) -> dict[str, Any]:
        """As the official script of SQuAD 2.0 where a question has no answer, else as that of 1.1."""
        gold = {question.id: [text for text, _ in question.answers] for question in examples}
        found = {question.id: answer["text"] for question, answer in zip(examples, answers)}
        return squad(gold, found, 1 if all(gold.values()) else 2)

    def example(self, text: str) -> Question:
        """A question, a tab, and its passage."""
        question, tab, context = text.partition("\t")
        if not tab or not context.strip():
            raise ValueError("expected a question, a tab, and the passage that it is about; `ask` reads passages from files")
        return Question("1", question, context)

    def show(self, example: Question, answer: Any) -> str:
        from rich.markup import escape

        if answer["start"] is None:
            return f"{escape(example.text)}\n  [dim]no answer in this text[/]   {answer['probability']:.0%}"
        first, stop = sentence_around(example.context, answer["start"], answer["end"])
        before, after = example.context[first : answer["start"]], example.context[answer["end"] : stop]
        inside = f"{escape(before)}[bold cyan]{escape(answer['text'])}[/]{escape(after)}"
        return f"{escape(example.text)}\n  {' '.join(inside.split())}   {answer['probability']:.0%}"

    def as_json(self, example: Question, answer: Any) -> dict[str, Any]:
        return {"id": example.id, "question": example.text, **answer}


def in_place(question: Question) -> bool:
    """Whether the first gold answer stands where it should."""
    text, start = question.answers[0]
    return bool(text.strip()) and start >= 0 and question.context[start : start + len(text)] == text


def token_span(question: Question, spans: np.ndarray) -> tuple[int, int] | None:
    """The first and the last token of the first gold answer; None if there is none, or it is not where it should be."""
    if not question.answers or not in_place(question):
        return None
    text, start = question.answers[0]
    touched = np.flatnonzero((spans[:, 0] < start + len(text)) & (spans[:, 1] > start))
    return (int(touched[0]), int(touched[-1])) if len(touched) else None


def sentence_around(text: str, first: int, stop: int) -> tuple[int, int]:
    """The characters of the sentence, or sentences, that a span stands in."""
    ends = ".!?\n"
    begin = max(
        (i + 1 for i in range(first - 1, max(-1, first - 400), -1) if text[i] in ends and text[i + 1] in " \n"), default=None
    )
    close = next(
        (i + 1 for i in range(max(stop - 1, 0), min(len(text), stop + 400)) if text[i] in ends), min(len(text), stop + 400)
    )
    begin = max(0, first - 400) if begin is None else begin
    return min(begin, first), max(close, stop)
