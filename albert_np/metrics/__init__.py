"""The scores of the tasks, each by the rules of its field's official scorer. Fractions from 0 to 1, but for BLEU and chrF."""

from albert_np.metrics.classification import classes, confusion, numbers, sets
from albert_np.metrics.relations import semeval
from albert_np.metrics.roles import arguments, conll2005
from albert_np.metrics.squad import squad
from albert_np.metrics.tags import chunks, conlleval
from albert_np.metrics.translation import bleu, chrf

__all__ = [
    "arguments", "bleu", "chrf", "chunks", "classes", "confusion", "conll2005", "conlleval", "numbers", "semeval", "sets",
    "squad",
]  # fmt: skip
