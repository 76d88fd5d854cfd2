"""Translation without a decoder (models/translation.py).

An example is a sentence and its translation. It becomes one row, [CLS] source [SEP] target, in which the model is asked at the
[SEP] and at each target token for the next token; the last of these is another [SEP]. An answer is generated from the source
alone. The scores are BLEU and chrF, computed by sacrebleu; `bleu_signature` says how: BLEU counts words or, if the targets have
no blanks between words, characters.
"""

from collections import Counter
from typing import Any, ClassVar

import numpy as np

from albert_np.data.formats import Translated, read_parallel
from albert_np.data.formats.parallel import EMPTY, get_languages
from albert_np.metrics import bleu, bleu_signature, chrf, infer_bleu_tokens
from albert_np.metrics.translation import BLEU_TOKENS
from albert_np.models import AlbertForTranslation
from albert_np.tasks import batches
from albert_np.tasks.markup import escape
from albert_np.tasks.task import Item, Task, one_line
from albert_np.tasks.words import split_words

FILE_OPTIONS = ("source", "target", "header", "delimiter", "quotes", "empty")
MAX_TOKENS = 2048  # per batch of generation, divided by the number of beams


class Translation(Task):
    """Options: num_beams, length_penalty (see `AlbertForTranslation.generate`); those of `data.formats.read_parallel`;
    languages, set by `learn`: the names of source and target in the training examples; bleu, the tokens that BLEU counts: one of
    `metrics.translation.BLEU_TOKENS`, by default inferred by `learn` from the targets. The source gets half of max_length."""

    name = "translation"
    form = Translated
    model = AlbertForTranslation
    metric = "bleu"
    fallbacks = ("chrf",)
    perfect = 100.0
    defaults: ClassVar[dict[str, Any]] = {
        "max_length": 128, "num_beams": 1, "length_penalty": 1.0, "source": None, "target": None, "header": None,
        "delimiter": None, "quotes": None, "empty": "refuse", "languages": None, "bleu": None,
    }  # fmt: skip
    types: ClassVar[dict[str, Any]] = {
        "source": str, "target": str, "header": bool, "delimiter": str, "quotes": bool, "empty": EMPTY, "languages": list,
        "bleu": tuple(BLEU_TOKENS),
    }  # fmt: skip
    learned = ("languages",)
    reading = (*FILE_OPTIONS, "languages")
    starts_pretrained = False  # the packaged model reads one language; a vocabulary of both is trained
    trains: ClassVar[dict[str, Any]] = {"label_smoothing": 0.1}
    collate = staticmethod(batches.collate_translations)
    _pieces: int | None = None  # of the tokenizer, once there is one

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.options["languages"] is not None and len(self.options["languages"]) != 2:
            raise ValueError(f"the option languages must be the names of source and target, not {self.options['languages']!r}")
        self._languages: list[str] | None = None  # of the first file, so that all are read in the same direction

    def read(self, path: Any) -> list[Translated]:
        """See `data.formats.read_parallel`: "source.txt,target.txt", or one file."""
        given = {name: self.options[name] for name in FILE_OPTIONS}
        examples = read_parallel(path, **given, languages=self.options["languages"] or self._languages)
        self._languages = self._languages or get_languages(examples)
        return examples

    def read_unlabelled(self, path: Any) -> list[Translated]:
        """Return the sources of a file. A column that was named in training may be missing: see `read_parallel`."""
        given = {name: self.options[name] for name in FILE_OPTIONS if name != "target"}
        languages = self.options["languages"]
        if given["source"] is not None and "source" not in self.changed and not given["source"].isdecimal():
            languages, given["source"] = (given["source"], None), None
        return read_parallel(path, **given, languages=languages, labelled=False)

    def learn(self, examples: list[Translated]) -> None:
        if not any(example.target for example in examples):
            raise ValueError(
                'the training examples have no translations: expected two files, "source.txt,target.txt", or one with a column '
                "of translations (option target)"
            )
        self.options["languages"] = get_languages(examples)
        if self.options["bleu"] is None:
            tokens = self.options["bleu"] = infer_bleu_tokens([example.target or "" for example in examples])
            if tokens != "13a":
                self.notes.append(
                    f"BLEU counts characters (sacrebleu's {tokens!r}): the targets have no blanks; option bleu=13a: words"
                )

    def example(self, text: str) -> Translated:
        return Translated(text)

    def items(self, example: Translated, tokenizer: Any) -> list[Item]:
        """Return one row. Its `about` is the length of the source, [CLS] and [SEP] included."""
        half = self.options["max_length"] // 2
        words = tokenizer.encode_text(example.source)
        source, cut = [tokenizer.cls_token_id, *words[: half - 2], tokenizer.sep_token_id], len(words) > half - 2
        if example.target is None:
            return [Item(source, [0] * len(source), about=len(source), cut=cut)]
        words = tokenizer.encode_text(example.target)
        target, cut = words[: half - 1], cut or len(words) > half - 1
        types = [0] * len(source) + [1] * len(target)
        return [Item([*source, *target], types, [*target, tokenizer.sep_token_id], about=len(source), cut=cut)]

    def cut_part(self) -> str:
        return f"a sentence longer than half of max_length {self.options['max_length']} tokens"

    def run(self, model: Any, items: list[Item]) -> list[list[int]]:
        """Return the generated ids for each source, without the [SEP] that ends them."""
        sources = [Item(item.ids[: item.about], [0] * item.about) for item in items]
        max_target = self.options["max_length"] - self.options["max_length"] // 2
        outputs: list[list[int]] = [[]] * len(items)
        for group in batches.group_by_length(sources, MAX_TOKENS // self.options["num_beams"]):
            arrays = batches.pad_items([sources[i] for i in group])
            longest = int(arrays["attention_mask"].sum(1).max())
            generated = model.generate(
                arrays["input_ids"], arrays["attention_mask"], self.options["num_beams"], min(max_target, 2 * longest + 10),
                self.options["length_penalty"], vocab_size=self._pieces and min(self._pieces, model.config.vocab_size),
            )  # fmt: skip
            for ids, i in zip(generated.tolist(), group):
                sep = sources[i].ids[-1]
                outputs[i] = ids[: ids.index(sep)] if sep in ids else ids
        return outputs

    def answers(self, model: Any, tokenizer: Any, examples: list[Translated]) -> list[str]:
        self._tokenizer, self._pieces = tokenizer, len(tokenizer)  # for `answer` and `run`
        return super().answers(model, tokenizer, examples)

    def answer(self, example: Translated, items: list[Item], outputs: list[list[int]]) -> str:
        return self._tokenizer.decode(outputs[0], skip_special_tokens=True)

    def check_scored(self, examples: list[Translated]) -> None:
        """Raise ValueError for examples without a translation."""
        unknown = sum(example.target is None for example in examples)
        if unknown:
            raise ValueError(f"no translation in {unknown} of {len(examples)} examples, so they cannot be scored")

    def score(self, examples: list[Translated], answers: list[str]) -> dict[str, Any]:
        self.check_scored(examples)
        references = [str(example.target) for example in examples]
        tokens = self.options["bleu"] or infer_bleu_tokens(references)  # a model trained by an older version has no such option
        scores = {"bleu": bleu(answers, references, tokens), "chrf": chrf(answers, references)}
        return {**scores, "bleu_signature": bleu_signature(tokens)}

    def baselines(self, train: list[Translated], examples: list[Translated]) -> dict[str, list[str]]:
        """Translate word by word, with a dictionary learned from the training pairs; and copy the source."""
        copied = {"copying": [example.source for example in examples]}
        if not train:
            return copied
        words = dictionary([(example.source, str(example.target)) for example in train])
        by_word = [" ".join(words.get(word.lower(), word) for word, *_ in split_words(example.source)) for example in examples]
        return {"word by word": by_word, **copied}

    def show(self, example: Translated, answer: str) -> str:
        return escape(one_line(answer))

    def as_json(self, example: Translated, answer: str) -> dict[str, Any]:
        return {"source": example.source, "translation": answer}


def dictionary(pairs: list[tuple[str, str]], rounds: int = 5) -> dict[str, str]:
    """Return the most probable translation of each word in IBM's model 1 (Brown et al. 1993): EM over word alignments.

    t(target | source) starts uniform. Each round divides every target word among the source words of its sentence in proportion
    to t (expectation), and estimates t from these fractional counts (maximisation).
    """
    sources: dict[str, int] = {}  # word -> id
    targets: dict[str, int] = {}
    spellings: dict[int, Counter[str]] = {}  # target id -> how often it is spelled how
    links: list[tuple[int, int, int]] = []  # source id, target id, index of the target word's occurrence
    occurrence = 0
    for source, target in pairs:
        source_ids = [sources.setdefault(word.lower(), len(sources)) for word, *_ in split_words(source)]
        for word, *_ in split_words(target):
            target_id = targets.setdefault(word.lower(), len(targets))
            spellings.setdefault(target_id, Counter())[word] += 1
            links += [(source_id, target_id, occurrence) for source_id in source_ids]
            occurrence += 1
    if not links:
        return {}
    link_source, link_target, link_occurrence = np.array(links, np.int64).T  # a key is a product
    keys, pair = np.unique(link_source * len(targets) + link_target, return_inverse=True)  # one key per (source, target)
    pair_source = (keys // len(targets)).astype(np.intp)  # (pairs,)
    link_occurrence = link_occurrence.astype(np.intp)
    t = np.full(len(keys), 1.0)
    for _ in range(rounds):
        share = t[pair]
        share = share / np.bincount(link_occurrence, share)[link_occurrence]
        counts = np.bincount(pair, share)
        t = counts / np.bincount(pair_source, counts)[pair_source]
    best: dict[int, tuple[float, int]] = {}
    for key, probability in zip(keys.tolist(), t.tolist()):
        source_id, target_id = divmod(key, len(targets))
        best[source_id] = max(best.get(source_id, (0.0, 0)), (probability, target_id))
    return {word: spellings[best[i][1]].most_common(1)[0][0] for word, i in sources.items() if i in best}
