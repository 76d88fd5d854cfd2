"""A multiple-choice task made from text: which of four passages continues this one?

    python tests/benchmarks/continuations.py --out work/continuations fiction.txt.xz encyclopaedia.txt.xz
    albert-np finetune multiple-choice --model runs/first --train work/continuations/train.jsonl \\
        --dev work/continuations/dev.jsonl --out runs/continuations

The files have a paragraph on each line and a blank line between documents (.txt, .gz, .xz). A passage is a sentence of a document
and those that follow until there are `--words` words. The right choice is the passage that follows the given one; of the wrong
ones, `--same` are passages of the same document, at least `--far` passages away, and the rest of other documents of that file.
A document is either for training or for development. The same files and options give the same questions.

The questions are written as the task's plain JSON lines, with the file's name as the group. The last line that is printed is the
accuracy of a rule without learning on the development questions: the choice that shares the rarest words with the given passage.
"""

import argparse
import json
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from albert_np.data.documents import TextFile, paragraphs
from albert_np.data.sentences import split_sentences
from albert_np.io.files import make_folder

CHOICES = 4
MOST = 1.8  # times `words`: the length of a passage that is still used
WORD = re.compile(r"[^\W_]+")
ATTEMPTS = 50  # to find a wrong passage that is not among the choices


@dataclass(frozen=True)
class Document:
    """A document's passages in order, None in the place of one that is too long. group: the name of its file."""

    group: str
    number: int
    passages: list[str | None]


def read_documents(path: Path, words: int) -> list[Document]:
    """Return the documents of a file that have passages."""
    documents: list[list[str]] = [[]]
    for paragraph in paragraphs(TextFile(path)):
        if paragraph is None:
            documents.append([])
        else:
            documents[-1] += split_sentences(paragraph)
    group = path.name.split(".")[0]
    made = (Document(group, i, make_passages(sentences, words)) for i, sentences in enumerate(documents))
    return [document for document in made if document.passages]


def make_passages(sentences: Sequence[str], words: int) -> list[str | None]:
    """Return passages of consecutive sentences, each of `words` words or a few more; None for one that is much longer."""
    passages: list[str | None] = []
    current: list[str] = []
    count = 0
    for sentence in sentences:
        current.append(sentence)
        count += len(sentence.split())
        if count >= words:
            passages.append(" ".join(current) if count <= MOST * words else None)
            current, count = [], 0
    return passages


def make_questions(documents: Sequence[Document], count: int, rng: random.Random, same: int, far: int) -> list[dict[str, object]]:
    """Return questions, each about another place of the documents; fewer than `count` if they are too short."""
    places = [(document, i) for document in documents for i in range(len(document.passages) - 1)]
    rng.shuffle(places)
    by_group: dict[str, list[Document]] = {}
    for document in documents:
        by_group.setdefault(document.group, []).append(document)
    questions: list[dict[str, object]] = []
    for document, i in places:
        if len(questions) == count:
            break
        given, right = document.passages[i : i + 2]
        wrong = draw_wrong(document, i, by_group[document.group], rng, same, far)
        if given is None or right is None or wrong is None:
            continue
        label = rng.randrange(CHOICES)
        choices = [*wrong[:label], right, *wrong[label:]]
        name = f"{document.group}-{document.number}-{i}"
        questions.append({"id": name, "context": given, "choices": choices, "label": label, "group": document.group})
    return questions


def draw_wrong(
    document: Document, i: int, others: Sequence[Document], rng: random.Random, same: int, far: int
) -> list[str] | None:
    """Return wrong continuations of passage i in random order; None if there are not enough."""
    distant = [k for k in range(len(document.passages)) if abs(k - i) >= far and k != i + 1]
    wrong: list[str] = []
    for n in range(CHOICES - 1):
        for _ in range(ATTEMPTS):
            if n < same:
                passage = document.passages[rng.choice(distant)] if distant else None
            else:
                other = rng.choice(others)
                passage = rng.choice(other.passages) if other is not document else None
            if passage is not None and passage not in (*wrong, *document.passages[i : i + 2]):
                wrong.append(passage)
                break
        else:
            return None
    rng.shuffle(wrong)
    return wrong


def split_documents(documents: Sequence[Document], share: float, rng: random.Random) -> tuple[list[Document], list[Document]]:
    """Return the documents for training and for development: of each file, this share of its passages, at random."""
    train: list[Document] = []
    dev: list[Document] = []
    for group in dict.fromkeys(document.group for document in documents):
        own = [document for document in documents if document.group == group]
        rng.shuffle(own)
        wanted = share * sum(len(document.passages) for document in own)
        taken = 0
        for document in own:
            (dev if taken < wanted else train).append(document)
            taken += len(document.passages)
    return train, dev


def overlap_accuracy(train: Sequence[dict[str, object]], dev: Sequence[dict[str, object]]) -> float:
    """Return the accuracy of the choice that shares the rarest words, by their number in the training passages, per word."""
    texts = [set(WORD.findall(str(question["context"]).lower())) for question in train]
    counts = Counter(word for text in texts for word in text)
    right = 0
    for question in dev:
        given = set(WORD.findall(str(question["context"]).lower()))
        scores = []
        for choice in question["choices"]:  # type: ignore[attr-defined]
            own = set(WORD.findall(choice.lower()))
            weights = {word: math.log((1 + len(texts)) / (1 + counts[word])) for word in own}
            scores.append(sum(weights[word] for word in own & given) / math.sqrt(sum(w * w for w in weights.values()) or 1))
        right += scores.index(max(scores)) == question["label"]
    return right / len(dev)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Questions from text: which of four passages continues this one?")
    parser.add_argument("files", nargs="+", type=Path, help="a paragraph on each line, a blank line between documents")
    parser.add_argument("--out", type=Path, required=True, help="the folder for train.jsonl and dev.jsonl")
    parser.add_argument("--questions", type=int, default=20_000, help="of both files together")
    parser.add_argument("--dev", type=int, default=2_000, help="of these, for development")
    parser.add_argument("--words", type=int, default=30, help="of a passage, at least")
    parser.add_argument("--same", type=int, default=1, choices=range(CHOICES), help="wrong passages of the same document")
    parser.add_argument("--far", type=int, default=10, help="passages between the given one and a wrong one of its document")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if not 0 < given.dev < given.questions:
        parser.error(f"--dev must be more than 0 and less than --questions {given.questions}, not {given.dev}")
    documents = [document for path in given.files for document in read_documents(path, given.words)]
    parts = split_documents(documents, given.dev / given.questions, random.Random(f"{given.seed} documents"))
    made = {}
    for name, own, count in zip(("train", "dev"), parts, (given.questions - given.dev, given.dev)):
        made[name] = make_questions(own, count, random.Random(f"{given.seed} {name}"), given.same, given.far)
        if len(made[name]) < count:
            sys.exit(f"the documents are too few or too short: {len(made[name])} {name} questions of {count}")
    make_folder(given.out)
    for name, questions in made.items():
        text = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
        (given.out / f"{name}.jsonl").write_text(text, encoding="utf-8")
        groups = Counter(question["group"] for question in questions)
        shown = ", ".join(f"{group} {count:,}" for group, count in sorted(groups.items(), key=str))
        print(f"{given.out / name}.jsonl: {len(questions):,} questions ({shown})")
    print(f"shared rare words, dev: accuracy {overlap_accuracy(made['train'], made['dev']):.4f}; chance {1 / CHOICES}")


if __name__ == "__main__":
    main()
