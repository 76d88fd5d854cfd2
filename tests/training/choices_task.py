"""A task of multiple choice for tests: which of several things somebody in a story has."""

from typing import Any

import albert_np as ab
from albert_np.tasks import Item, Task, batches

THINGS = "apple book lamp chair letter stone wheel rope".split()
PEOPLE = "Anna Bela Carl Dora Emil Fritz Greta Hugo".split()


class Which(Task):
    """An example is a dict of a question, its choices and the index of the right one, or None."""

    name, form, model, metric = "which", dict, ab.AlbertForMultipleChoice, "accuracy"
    keeps_rows_together = True
    collate = staticmethod(batches.collate_choices)

    def items(self, example: dict[str, Any], tokenizer: Any) -> list[Item]:
        items = []
        for index, choice in enumerate(example["choices"]):
            row = tokenizer(example["question"], choice, max_length=self.options["max_length"], truncation=True)
            target = None if example["label"] is None else index == example["label"]
            items.append(Item(row["input_ids"][0].tolist(), row["token_type_ids"][0].tolist(), target))
        return items

    def answer(self, example: Any, items: list[Item], outputs: list[Any]) -> int:
        assert all(output.shape == (1,) for output in outputs)
        return max(range(len(outputs)), key=lambda i: outputs[i][0])

    def score(self, examples: list[Any], answers: list[int]) -> dict[str, Any]:
        return {"accuracy": sum(a == each["label"] for each, a in zip(examples, answers)) / len(examples)}

    def baselines(self, train: list[Any], examples: list[Any]) -> dict[str, list[Any]]:
        return {"the first": [0] * len(examples)}


def questions(count: int = 8) -> list[dict[str, Any]]:
    """Return questions with two to five choices of one to three words."""
    made = []
    for i in range(count):
        K = 2 + i % 4
        choices = [" ".join(THINGS[(3 * i + k + 2 * n) % 8] for n in range(1 + (i + k) % 3)) for k in range(K)]
        made.append({"question": f"what has {PEOPLE[i % 8]} now ?", "choices": choices, "label": (3 * i + 1) % K})
    return made
