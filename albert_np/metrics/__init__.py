"""Scores of the tasks, each by the rules of its field's official scorer. Fractions from 0 to 1; BLEU and chrF from 0 to 100.

classification   accuracy, F1, Matthews correlation; multi-label F1; Pearson, Spearman (as in GLUE and scikit-learn)
choices          accuracy of questions with choices, of all and of each group (RACE)
tags             spans of B-, I-, E-, S- tags and their F1 (conlleval, of the CoNLL shared tasks)
roles            arguments of predicates (srl-eval.pl, CoNLL-2005)
relations        relations between two entities (SemEval-2010 task 8)
squad            extractive answers (SQuAD 1.1 and 2.0), also by characters
scripts          languages without blanks between words
translation      BLEU and chrF (sacrebleu)
vectors          cosine similarity, nearest neighbours, projection onto two dimensions (PCA), STS scores
fractions        precision, recall and F1 from counts
"""

from albert_np.metrics.choices import choice_scores
from albert_np.metrics.classification import classification_scores, confusion, multilabel_scores, regression_scores
from albert_np.metrics.relations import semeval
from albert_np.metrics.roles import conll2005, group_arguments
from albert_np.metrics.squad import squad, squad_characters
from albert_np.metrics.tags import chunks, conlleval, to_bio
from albert_np.metrics.translation import bleu, bleu_signature, chrf, infer_bleu_tokens
from albert_np.metrics.vectors import cosine_similarity, nearest, principal_components, sts_scores

__all__ = [
    "bleu", "bleu_signature", "choice_scores", "chrf", "chunks", "classification_scores", "confusion", "conll2005",
    "conlleval", "cosine_similarity", "group_arguments", "infer_bleu_tokens", "multilabel_scores", "nearest",
    "principal_components", "regression_scores", "semeval", "squad", "squad_characters", "sts_scores", "to_bio",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
