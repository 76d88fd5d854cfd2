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
    """Return the BLEU of a corpus, 0 to 100, with exponential smoothing. tokens: one of `BLEU_TOKENS`."""
    try:
        return float(import_sacrebleu().corpus_bleu(translations, [references], tokenize=tokens).score)
    except RuntimeError as error:  # MeCab is not installed
        raise ImportError(" ".join(str(error).split())) from None


def bleu_signature(tokens: str) -> str:
    """Return sacrebleu's signature of `bleu`, to be published with a score."""
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
    """Return the chrF2 of a corpus, 0 to 100."""
    return float(import_sacrebleu().corpus_chrf(translations, [references]).score)
