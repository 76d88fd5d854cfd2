"""Readers of the formats in which the tasks' examples are published. What is wrong is named with file and line."""

from albert_np.data.formats.columns import Tagged, read_tags
from albert_np.data.formats.parallel import Translated, read_parallel
from albert_np.data.formats.propbank import Predicate, Propositions, read_propositions
from albert_np.data.formats.relations import Related, read_relations
from albert_np.data.formats.squad import Question, read_squad
from albert_np.data.formats.tables import Labelled, read_table

__all__ = [
    "Labelled", "Predicate", "Propositions", "Question", "Related", "Tagged", "Translated", "read_parallel", "read_propositions",
    "read_relations", "read_squad", "read_table", "read_tags",
]  # fmt: skip
