"""BLEU (Papineni et al. 2002) and chrF (Popović 2015), by sacrebleu (Post 2018), so that published scores can be compared."""

from typing import Any


def sacrebleu() -> Any:
    """The package; ImportError that says how to get it."""
    try:
        import sacrebleu as package
    except ImportError:
        raise ImportError("BLEU and chrF need sacrebleu: pip install 'albert_np[translation]'") from None
    return package


def bleu(found: list[str], references: list[str]) -> float:
    """BLEU of a corpus, 0 to 100: 13a tokens, exponential smoothing."""
    return float(sacrebleu().corpus_bleu(found, [references]).score)


def chrf(found: list[str], references: list[str]) -> float:
    """chrF2 of a corpus, 0 to 100."""
    return float(sacrebleu().corpus_chrf(found, [references]).score)
