"""BLEU (Papineni et al. 2002) and chrF (Popović 2015) by sacrebleu (Post 2018), so that published scores can be compared."""

from collections.abc import Sequence
from typing import Any

from albert_np.metrics.scripts import has_no_blanks, is_chinese

BLEU_TOKENS = ("13a", "intl", "zh", "char", "none", "ja-mecab", "ko-mecab")  # sacrebleu's tokenisers that need no model
SAMPLE = 10_000  # references from which the language is inferred


def import_sacrebleu() -> Any:
    """Return the package; ImportError with the command that installs it."""
    try:
        import sacrebleu
    except ImportError:
        raise ImportError("BLEU and chrF need sacrebleu: pip install 'albert_np[translation]'") from None
    return sacrebleu


def bleu(translations: list[str], references: list[str], tokens: str = "13a") -> float:
    """Return the BLEU of a corpus, 0 to 100, with exponential smoothing.

    translations, references   n texts each, one reference for each translation
    tokens                     "13a" (words), "char", "zh", "intl", "none", "ja-mecab" or "ko-mecab", see `infer_bleu_tokens`

    ImportError without sacrebleu, or MeCab where `tokens` needs it.
    """
    try:
        return float(import_sacrebleu().corpus_bleu(translations, [references], tokenize=tokens).score)
    except RuntimeError as error:  # MeCab is not installed
        raise ImportError(" ".join(str(error).split())) from None


def bleu_signature(tokens: str) -> str:
    """Return sacrebleu's signature of `bleu` with these tokens, to be published with a score. ImportError without sacrebleu."""
    metric = import_sacrebleu().BLEU(tokenize=tokens)
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


def infer_bleu_tokens(references: Sequence[str]) -> str:
    """Return the tokens that BLEU should count in a language: "13a" (words) or, where it has no blanks between words, "zh" for
    Chinese (characters, and words in other scripts) and "char" otherwise."""
    sample = references[:: max(1, len(references) // SAMPLE)]
    if not has_no_blanks(sample):
        return "13a"
    return "zh" if is_chinese(sample) else "char"


def chrf(translations: list[str], references: list[str]) -> float:
    """Return the chrF2 of a corpus, 0 to 100: F2 of n-grams of characters.   n texts each. ImportError without sacrebleu."""
    return float(import_sacrebleu().corpus_chrf(translations, [references]).score)
