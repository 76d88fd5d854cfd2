"""The characters of a text that a tokenizer does not keep: accents that it removes, and those that are not in its vocabulary."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from albert_np.text.base import Tokenizer

EXAMPLES = 5  # in a message
DOTTED_CIRCLE = "\u25cc"  # carries a combining mark that is shown by itself


@dataclass(frozen=True)
class Coverage:
    """Counts of a text's characters.

    characters   all of them, without white space
    removed      {character: count}: those that have, or are, a combining mark which the tokenizer's normaliser removes
    unknown      {character: count}: those that become the unknown token (of a WordPiece vocabulary: {word: count})
    unk_token    the tokenizer's unknown token
    is_sample    True if the counts are of a sample of the text
    """

    characters: int
    removed: Counter[str]
    unknown: Counter[str]
    unk_token: str
    is_sample: bool = False

    @classmethod
    def measure(cls, tokenizer: Tokenizer, texts: Iterable[str], is_sample: bool = False) -> "Coverage":
        """Count the characters of texts."""
        characters: Counter[str] = Counter()
        words: Counter[str] = Counter()
        for text in texts:
            parts = text.split()
            words.update(parts)
            characters.update("".join(parts))
        removed = Counter({c: count for c, count in characters.items() if tokenizer.removed_marks(c)})
        unknown: Counter[str] = Counter()
        for word, ids in zip(words, tokenizer.encode_batch(list(words))):
            if tokenizer.unk_token_id in ids:
                for part in tokenizer.unknown_parts(word):
                    unknown[part] += words[word]
        return cls(characters.total(), removed, unknown, tokenizer.unk_token, is_sample)

    def describe(self, advice: str = "") -> list[str]:
        """Return a line on the accents that are removed and one on the unknown characters, as far as there are any.

        advice: the end of the first line, such as "keep them with --keep-accents".
        """
        lines = []
        if self.removed:
            examples = ", ".join(_describe_removal(c) for c, _ in self.removed.most_common(EXAMPLES))
            count = self._describe_count(self.removed.total())
            lines.append(
                f"accents and other marks were removed from {count}, such as {examples}" + (f"; {advice}" * bool(advice))
            )
        if self.unknown:
            examples = ", ".join(f"{_show(text)} ({count:,})" for text, count in self.unknown.most_common(EXAMPLES))
            count = self._describe_count(sum(len(text) * count for text, count in self.unknown.items()))
            lines.append(f"the vocabulary lacks {count}, which become {self.unk_token}: {examples}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, ready for JSON."""
        return {
            "characters": self.characters, "is_sample": self.is_sample,
            "removed_accents": dict(self.removed.most_common()), "unknown": dict(self.unknown.most_common()),
        }  # fmt: skip

    def _describe_count(self, count: int) -> str:
        share = 100 * count / self.characters
        percent = f"{share:.1f}%" if share >= 0.1 else "less than 0.1%"
        return f"{count:,} of {self.characters:,} characters ({percent})" + " in a sample of the text" * self.is_sample


def _describe_removal(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    rest = "".join(c for c in decomposed if not _is_mark(c)).strip()
    return f"{character} -> {unicodedata.normalize('NFC', rest)}" if rest else f"{_show(character)} dropped"


def _show(text: str) -> str:
    """Return the text for a message: a combining mark on a dotted circle, what cannot be printed as U+... ."""
    if len(text) == 1 and _is_mark(text):
        return DOTTED_CIRCLE + text
    shown = "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in text)
    return shown if len(shown) <= 20 else shown[:20] + "..."


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) != 0 or unicodedata.category(character) == "Mn"


def describe_normaliser(lower_case: bool, keep_accents: bool) -> str:
    """Return the words for a vocabulary's treatment of capitals and accents."""
    return f"{'lower-cased' if lower_case else 'cased'}, accents {'kept' if keep_accents else 'removed'}"


def check_normaliser(tokenizer: Tokenizer, source: str, lower_case: bool | None, keep_accents: bool | None) -> None:
    """Raise ValueError if capitals or accents are asked for and the tokenizer of `source` treats them otherwise."""
    if lower_case is None and keep_accents is None:
        return
    own = bool(getattr(tokenizer, "do_lower_case", False)), not tokenizer.strips_accents
    asked = own[0] if lower_case is None else lower_case, own[1] if keep_accents is None else keep_accents
    if asked != own:
        raise ValueError(
            f"the vocabulary of {source} is {describe_normaliser(*own)}: it cannot become {describe_normaliser(*asked)}, "
            "which is a choice for a vocabulary that is trained now"
        )
