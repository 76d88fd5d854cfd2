"""Folders of small models: each task's, and a pretrained one."""

import sys
from pathlib import Path

import pytest

import albert_np as ab

sys.path.append(str(Path(__file__).parents[2] / "tasks"))

SMALL = dict(num_hidden_layers=2, hidden_size=32, intermediate_size=64, embedding_size=16, num_attention_heads=4)
CLASSIFICATIONS = dict.fromkeys(("pairs", "sets", "numbers"), "classification")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Of a task's name: the folder of a trained model; of "nli" that of a model of inference, untrained, of "topics" the same for
    zero-shot, of "mask" a pretrained one. Each is made once."""
    from examples import examples

    from albert_np.data.formats import Translated
    from albert_np.tasks.classification import Classification
    from albert_np.tasks.initial_model import train_vocabulary
    from albert_np.tasks.zero_shot import ZeroShot

    texts = [Translated(e.text, "Who is in what? Where is Anna? When does she come?") for e in examples("classification", 200)]
    tokenizer = train_vocabulary(texts, 150)
    made = {}

    def of(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("models") / name
            if name == "mask":
                config = ab.AlbertConfig.preset("tiny", vocab_size=len(tokenizer), **SMALL)
                ab.AlbertForPreTraining(config, seed=0).save_pretrained(made[name])
                tokenizer.save_pretrained(made[name])
            elif name in ("nli", "topics"):
                labels = ["contradiction", "entailment", "neutral"]
                task = Classification(kind="classes", labels=labels, pairs=True, max_length=64)
                config = ab.AlbertConfig.preset(
                    "tiny", vocab_size=len(tokenizer), **SMALL, **task.config(), initializer_range=0.4
                )
                trained = ab.Trained(task, ab.AlbertForSequenceClassification(config, seed=1), tokenizer)
                if name == "topics":
                    trained.task = ZeroShot(labels=["book", "lamp"], template="Somebody takes the {}.").adopt(task)
                trained.save_pretrained(made[name])
            else:
                ab.finetune(
                    CLASSIFICATIONS.get(name, name), examples(name, 32), config="tiny", tokenizer=tokenizer,
                    changes=SMALL, options={"max_length": 64}, epochs=3, learning_rate=3e-3, tokens_per_batch=256, out=made[name],
                )  # fmt: skip
        return made[name]

    return of
