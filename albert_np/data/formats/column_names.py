"""The usual names of columns, in lower case, and which of a table's columns are taken for the text, the pair and the label.

The names are those of GLUE and SuperGLUE, SNLI, SICK, PAWS, IMDB, AG News, Yelp, Amazon, TREC, banking77, CLINC150, tweet_eval,
the SMS spam collection, WikiQA and others; docs/classifier.md lists them by dataset.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# Two texts; the first two names that a table has are used.
PAIRS = (
    ("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
    ("question", "passage"), ("#1 string", "#2 string"), ("text", "text_pair"), ("text", "pair"), ("text_a", "text_b"),
    ("text1", "text2"), ("s1", "s2"), ("sent1", "sent2"), ("sentence_a", "sentence_b"), ("query", "passage"),
    ("query", "document"), ("question", "context"), ("question", "answer"), ("context", "hypothesis"), ("context", "response"),
    ("claim", "evidence"), ("headline", "body"), ("title", "description"), ("title", "body"), ("title", "content"),
    ("subject", "body"),
)  # fmt: skip
TEXT = (
    "text", "sentence", "review", "content", "utterance", "tweet", "message", "comment", "comment_text", "document", "passage",
    "body", "review_body", "reviewtext", "review_text", "clean_text", "full_text", "title", "headline", "sms", "question",
    "query", "description", "abstract", "premise", "sentence1", "question1", "v2",
)  # fmt: skip
LABEL = (
    "label", "labels", "gold_label", "class", "category", "sentiment", "intent", "target", "score", "stars", "star_rating",
    "rating", "emotion", "emotions", "polarity", "topic", "topics", "is_duplicate", "quality", "class index", "coarse_label",
    "label-coarse", "entailment_judgment", "entailment_label", "relatedness_score", "similarity", "categories", "classes", "tags",
    "stance", "toxic", "spam", "answer", "airline_sentiment", "v1",
)  # fmt: skip
ID = ("id", "idx", "index", "guid", "uid", "pairid", "pair_id", "qid")
SHOWN = 20  # names of columns in a message
MAIN = ("text", "sentence", "review", "utterance", "tweet", "message", "comment", "comment_text", "document", "review_body")
HEADINGS = ("title", "subject", "headline")  # a pair's first text, where no column has a name in `MAIN`
UNLABELLED = ("none", "")  # as the name of the pair's or the label's column: there is none


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are used, by name; None: there is none."""

    text: str
    pair: str | None = None
    label: str | None = None
    id: str | None = None


def is_usual(name: str) -> bool:
    """Return whether a column of this name would be recognised."""
    name = name.strip().lower()
    return name in TEXT + LABEL + ID or any(name in pair for pair in PAIRS)


def choose_columns(
    columns: Sequence[str], text: str | None, pair: str | None, label: str | None, optional: Sequence[str] = ()
) -> Columns:
    """Return the columns that are used.

    text, pair, label   names, or numbers from 1; None: the usual names decide; "none" as the pair or the label: there is none
    optional            roles whose given column may be missing: the usual names decide then. A pair must be found, though

    ValueError that names the columns there are.
    """
    given = [
        None if name is None or (role != "text" and name in UNLABELLED and name not in columns)
        else find_column(columns, name, role, required=role not in optional)
        for role, name in (("text", text), ("pair", pair), ("label", label))
    ]  # fmt: skip
    usual: dict[str, str] = {}
    for column in columns:
        usual.setdefault(column.strip().lower(), column)
    names = [name for name in usual if usual[name] not in given]
    chosen_label = given[2]
    if label is None or (chosen_label is None and label not in UNLABELLED):
        chosen_label = next((usual[name] for name in LABEL if name in names), None)
    names = [name for name in names if usual[name] != chosen_label]
    chosen_text, chosen_pair = given[:2]
    if chosen_text is None and chosen_pair is None and (pair is None or pair not in UNLABELLED):
        both = next((both for both in PAIRS if set(both) <= set(names) and not is_beside_text(both, names)), None)
        if both is not None:
            chosen_text, chosen_pair = usual[both[0]], usual[both[1]]
    elif chosen_pair is None and chosen_text is not None and (pair is None or pair not in UNLABELLED):
        partners = [b for a, b in PAIRS if a == chosen_text.strip().lower()]
        chosen_pair = next((usual[name] for name in partners if name in names), None)
    if chosen_text is None:
        firsts = [a for a, b in PAIRS if chosen_pair is not None and b == chosen_pair.strip().lower()]
        chosen_text = next((usual[name] for name in (*firsts, *TEXT) if name in names), None)
    if chosen_text is None:
        raise ValueError(f"none of its columns {quote_columns(columns)} has a usual name for a text: name it (option text)")
    if chosen_pair is None and pair is not None and pair not in UNLABELLED:
        find_column(columns, pair, "pair")
    chosen = [chosen_text, chosen_pair, chosen_label]
    for i, (role, name) in enumerate(zip(("text", "pair", "label"), chosen)):
        if name is not None and name in chosen[:i]:
            raise ValueError(f"the column {name!r} cannot be both {('text', 'pair')[chosen.index(name)]} and {role}")
    return Columns(chosen_text, chosen_pair, chosen_label, next((usual[name] for name in ID if name in names), None))


def is_beside_text(pair: tuple[str, str], names: Sequence[str]) -> bool:
    """Return whether another column holds the text: "text", or any of `MAIN` if the pair begins with a heading."""
    others = [name for name in names if name in MAIN and name not in pair]
    return "text" in others or (pair[0] in HEADINGS and bool(others))


def find_column(columns: Sequence[str], name: str, role: str, required: bool = True) -> str | None:
    """Return the column with this name, or number from 1. If there is none: ValueError, or None if it is not required."""
    if name in columns:
        return name
    if name.isascii() and name.isdecimal() and 1 <= int(name) <= len(columns):
        return columns[int(name) - 1]
    same = [column for column in columns if column.strip().lower() == name.strip().lower()]
    if len(same) == 1:
        return same[0]
    if not required:
        return None
    raise ValueError(f"there is no column {name!r} (option {role}); there are {quote_columns(columns)}")


def quote_columns(columns: Sequence[str]) -> str:
    """Return the names in quotes, separated by commas; of many, the first and how many more there are."""
    rest = f" and {len(columns) - SHOWN:,} more" if len(columns) > SHOWN else ""
    return ", ".join(map(repr, columns[:SHOWN])) + rest
