"""Readers of the formats in which the tasks' examples are published. Errors name the file and the line.

columns     words with a tag each (CoNLL shared tasks, BIO and its relatives)   Tagged
propbank    predicates and their arguments (PropBank, CoNLL-2005, CoNLL-U)      Propositions, Predicate
relations   sentences with two entities (SemEval-2010 task 8, TACRED)           Related
squad       questions about passages (SQuAD 1.1 and 2.0)                        Question
tables      texts with labels (.tsv, .csv, .jsonl; GLUE's files)                Labelled
parallel    sentences with their translations                                   Translated
choices     questions with choices (RACE, SWAG, COPA, ARC and others)           ChoiceQuestion
rows        cells, comments and sentences of files in columns: the base of columns and propbank; schemes: their tags and brackets

lines, delimited, objects    text files, tables and JSON: the base of all of them; summary: one line on what a file holds
"""

from albert_np.data.formats.choices import ChoiceQuestion, read_choices
from albert_np.data.formats.columns import Tagged, read_tags
from albert_np.data.formats.parallel import Translated, read_parallel
from albert_np.data.formats.propbank import Predicate, Propositions, read_propositions
from albert_np.data.formats.relations import Related, read_relations
from albert_np.data.formats.squad import Question, read_squad
from albert_np.data.formats.tables import Labelled, read_table

__all__ = [
    "ChoiceQuestion", "Labelled", "Predicate", "Propositions", "Question", "Related", "Tagged", "Translated", "read_choices",
    "read_parallel", "read_propositions", "read_relations", "read_squad", "read_table", "read_tags",
]  # fmt: skip
__dir__ = __all__.copy  # for completion
