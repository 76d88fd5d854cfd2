"""Translation: the source and, behind it, the target, which the model writes itself (models/translation.py)."""

from collections import Counter
from typing import Any, ClassVar

import numpy as np

from albert_np.data.formats import Translated, read_parallel
from albert_np.metrics import bleu, chrf
from albert_np.models import AlbertForTranslation
from albert_np.tasks import batches
from albert_np.tasks.task import Item, Task
from albert_np.tasks.words import split_words


class Translation(Task):
    """Options: num_beams, length_penalty (see `AlbertForTranslation.generate`); half of max_length is the source's."""

    name = "translation"
    form = Translated
    model = AlbertForTranslation
    metric = "bleu"
    defaults: ClassVar[dict[str, Any]] = {"max_length": 128, "num_beams": 1, "length_penalty": 1.0}
    trains: ClassVar[dict[str, Any]] = {"label_smoothing": 0.1}
    collate = staticmethod(batches.of_translations)

    def read(self, path: Any) -> list[Translated]:
        """See `data.formats.read_parallel`: "source.txt,target.txt", or one file."""
        return read_parallel(path)

    def items(self, example: Translated, tokenizer: Any) -> list[Item]:
        half = self.options["max_length"] // 2
        source = [tokenizer.cls_token_id, *tokenizer.encode_text(example.source)[: half - 2], tokenizer.sep_token_id]
        if example.target is None:
            return [Item(source, [0] * len(source), about=len(source))]
        target = tokenizer.encode_text(example.target)[: half - 1]
        types = [0] * len(source) + [1] * len(target)
        return [Item([*source, *target], types, [*target, tokenizer.sep_token_id], about=len(source))]

    def run(self, model: Any, items: list[Item]) -> list[list[int]]:
        """The ids that the model writes for each source, without the [SEP] that ends them."""
        sources = [Item(item.ids[: item.about], [0] * item.about) for item in items]
        found: list[Any] = [None] * len(items)
        for group in batches.by_length(sources, 2048 // self.options["num_beams"]):
            arrays = batches.padded([sources[i] for i in group])
            longest = int(arrays["attention_mask"].sum(1).max())
            room = min(self.options["max_length"] - self.options["max_length"] // 2, 2 * longest + 10)
            written = model.generate(
                arrays["input_ids"], arrays["attention_mask"], self.options["num_beams"], room, self.options["length_penalty"]
            )
            for row, i in zip(written.tolist(), group):
                end = sources[i].ids[-1]
                found[i] = row[: row.index(end)] if end in row else row
        return found

    def answers(self, model: Any, tokenizer: Any, examples: list[Translated]) -> list[str]:
        self._tokenizer = tokenizer
        return super().answers(model, tokenizer, examples)

    def answer(self, example: Translated, items: list[Item], outputs: list[Any]) -> str:
        return self._tokenizer.decode(outputs[0], skip_special_tokens=True)

    def score(self, examples: list[Translated], answers: list[Any]) -> dict[str, Any]:
        if any(example.target is None for example in examples):
            raise ValueError("sentences without a translation cannot be scored")
        references = [str(example.target) for example in examples]
        return {"bleu": bleu(answers, references), "chrf": chrf(answers, references)}

    def baselines(self, train: list[Translated], examples: list[Translated]) -> dict[str, list[Any]]:
        """A dictionary that the training pairs tell, word by word; and the source as it is."""
        copied = {"copying": [example.source for example in examples]}
        if not train:
            return copied
        words = dictionary([(example.source, str(example.target)) for example in train])
        by_word = [" ".join(words.get(word.lower(), word) for word, *_ in split_words(example.source)) for example in examples]
        return {"word by word": by_word, **copied}

    def example(self, text: str) -> Translated:
        return Translated(text)

    def show(self, example: Translated, answer: Any) -> str:
        from rich.markup import escape

        return escape(answer)

    def as_json(self, example: Translated, answer: Any) -> dict[str, Any]:
        return {"source": example.source, "translation": answer}


def dictionary(pairs: list[tuple[str, str]], rounds: int = 5) -> dict[str, str]:
    """The likeliest translation of each word by IBM's first model (Brown et al. 1993): EM over which word made which.

    t(target | source) starts even; in each round every target word is shared out among the source words of its sentence by t, and
    t is counted anew.
    """
    sources: dict[str, int] = {}
    targets: dict[str, int] = {}
    forms: dict[int, Counter[str]] = {}
    left: list[int] = []
    right: list[int] = []
    places: list[int] = []
    place = 0
    for source, target in pairs:
        a = [sources.setdefault(word.lower(), len(sources)) for word, *_ in split_words(source)]
        for word, *_ in split_words(target):
            b = targets.setdefault(word.lower(), len(targets))
            forms.setdefault(b, Counter())[word] += 1
            left += a
            right += [b] * len(a)
            places += [place] * len(a)  # one for each target word of each sentence
            place += 1
    if not left:
        return {}
    s, at = np.array(left), np.array(places)
    keys, pair_of = np.unique(np.asarray(s * len(targets) + np.array(right)), return_inverse=True)
    source_of = keys // len(targets)  # (pairs,)
    t = np.full(len(keys), 1.0)
    for _ in range(rounds):
        share = t[pair_of]
        share = share / np.bincount(at, share)[at]
        counts = np.bincount(pair_of, share)
        t = counts / np.bincount(source_of, counts)[source_of]
    best: dict[int, tuple[float, int]] = {}
    for key, probability in zip(keys.tolist(), t.tolist()):
        source_id, target_id = divmod(key, len(targets))
        best[source_id] = max(best.get(source_id, (0.0, 0)), (probability, target_id))
    return {word: forms[best[i][1]].most_common(1)[0][0] for word, i in sources.items() if i in best}
