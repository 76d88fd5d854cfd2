"""BLEU (Papineni et al. 2002) and chrF (Popović 2015) by sacrebleu (Post 2018), so that published scores can be compared."""

from typing import Any


def import_sacrebleu() -> Any:
    """Return the package; ImportError with the command that installs it."""
    try:
        import sacrebleu
    except ImportError:
        raise ImportError("BLEU and chrF need sacrebleu: pip install 'albert_np[translation]'") from None
    return sacrebleu


def bleu(translations: list[str], references: list[str]) -> float:
    """Return the BLEU of a corpus, 0 to 100: 13a tokens, exponential smoothing."""
    return float(import_sacrebleu().corpus_bleu(translations, [references]).score)


def chrf(translations: list[str], references: list[str]) -> float:
    """Return the chrF2 of a corpus, 0 to 100."""
    return float(import_sacrebleu().corpus_chrf(translations, [references]).score)
