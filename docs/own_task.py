"""A complete task of your own: which of two sentences comes first? (albert-np finetune docs/own_task.py:Order ...)"""

from albert_np.metrics import classification_scores
from albert_np.models import AlbertForSequenceClassification
from albert_np.tasks import Item, Task


class Order(Task):
    name = "order"
    model = AlbertForSequenceClassification
    metric = "accuracy"

    def read(self, path):  # each line: two consecutive sentences, separated by a tab; every other pair is swapped
        with open(path, encoding="utf-8") as lines:
            pairs = [line.rstrip("\n").split("\t") for line in lines]
        return [(b, a, 1) if i % 2 else (a, b, 0) for i, (a, b) in enumerate(pairs)]

    def items(self, example, tokenizer):
        row = tokenizer(*example[:2], max_length=self.options["max_length"], truncation=True)
        return [Item(row["input_ids"][0].tolist(), row["token_type_ids"][0].tolist(), example[2])]

    def answer(self, example, items, outputs):
        return int(outputs[0].argmax())

    def score(self, examples, answers):
        return classification_scores([label for *_, label in examples], answers, 2)

    def example(self, text):
        return (*text.split("\t"), None)
