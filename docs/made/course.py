"""The ladder of the course: a row for each notebook. `python docs/made/course.py` prints it."""

import json
import re
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
QUESTIONS = {
    0: "Can all of ALBERT, from a text to an update of its weights, stand in one file?",
    1: "What does a trained model do with a sentence, and how does it learn?",
    2: "How does a text become integers, if no word may be unknown?",
    3: "How does an integer enter a network that learns by derivatives?",
    4: "How does each number affect the loss, and how do we know that we are right?",
    5: "Why normalise, and what does the derivative do to a gradient?",
    6: "What is the curve for, and what are the zeros for?",
    7: "How does a token collect what it needs, and how does the gradient find its way back?",
    8: "What is the gradient of a parameter that is used twelve times?",
    9: "Is a model that reads several of its layers any better?",
    10: "Raw text has no labels: what can a model be asked about it?",
    11: "How are millions of derivatives checked, and would the check notice a mistake?",
    12: "How far should each number move?",
    13: "How is work divided equally, if no two sentences have the same length?",
    14: "What do the curves of a training run say, and what do they look like when it does not learn?",
    15: "Which number of a published file goes where, and how do we know?",
    16: "How does a pretrained model learn to sort texts and to find answers?",
    17: "Who is named in a sentence, and who does what to whom?",
    18: "How can an encoder write a sentence, one word after another?",
    19: "What is lost when a model is made smaller, and where?",
    20: "Which operation takes the time, and what could a better program gain?",
    21: "ALBERT has a ninth of BERT's parameters: is it nine times smaller, or faster?",
}
TIME = re.compile(r"\*It takes\*\s[^*]*?(\d+)(?:\s+to\s+(\d+))?\s+minutes")


def text() -> str:
    """Return a table in Markdown: number and title, question, minutes, what is derived."""
    lines = ["| notebook | question | minutes | derives the backward pass of |", "|---|---|--:|---|"]
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        first = "".join(notebook["cells"][0]["source"])
        number, title = first.partition("\n")[0].lstrip("# ").split(". ", 1)
        names = (name.rpartition(".")[2].removesuffix("_backward") for name in derives(notebook))
        cells = (
            f"{number} [{title}](../notebooks/{path.name})", QUESTIONS[int(number)], minutes(first),
            ", ".join(f"`{name}`" for name in dict.fromkeys(names)),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def minutes(first: str) -> str:
    """Return the minutes that the first cell of a notebook states, such as 40 or 20–30; an empty string if it states none."""
    found = TIME.search(first)
    return "–".join(filter(None, found.groups())) if found else ""


def derives(notebook: dict) -> list[str]:
    """Return the backward functions that a notebook derives, from its metadata."""
    return notebook["metadata"].get("albert_np", {}).get("derives", [])


if __name__ == "__main__":
    print(text())
