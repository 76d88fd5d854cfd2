"""The service of sentence vectors: {"text": ...} -> {"text", "vector"}, or {"texts": [...]} -> {"vectors": [...]}."""

from typing import Any

from albert_np.apps.embed import as_numbers
from albert_np.io.similar_names import suggest
from albert_np.tasks.embedder import Embedder
from albert_np.tasks.options import read_option
from albert_np.tasks.requests import Field, check_request

OPTIONS = {"pooling": str, "layer": int, "normalize": bool, "max_length": int}  # arguments of `Embedder` with their types
MAX_TEXTS = 256  # of a request


class EmbeddingService:
    """Vectors of texts by a model of any kind."""

    name = "embeddings"

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        embedder.model.prepare()
        self.fields = {
            "text": Field("a text", "The river runs through the old town.", required=False),
            "texts": Field("several texts instead", type=list, required=False, limits=(1, MAX_TEXTS)),
        }

    @classmethod
    def from_pretrained(cls, model: str, options: dict[str, str]) -> "EmbeddingService":
        """Load a model. options: of `Embedder`, as they are typed; ValueError for others, and for invalid values."""
        for name in options:
            if name not in OPTIONS:
                raise ValueError(
                    f"embeddings have no option {name!r}; expected one of {', '.join(OPTIONS)}{suggest(name, list(OPTIONS))}"
                )
        values = {name: read_option(f"the option {name}", OPTIONS[name], text, typed=True) for name, text in options.items()}
        return cls(Embedder.from_pretrained(model, **values, progress=False))

    def parse(self, given: dict[str, Any]) -> list[str] | str:
        """Return the text of a request, or its list of texts."""
        request = check_request(given, self.fields)
        if len(request) != 1:
            raise ValueError("expected either 'text' or 'texts'" + (", not both" if request else ""))
        (texts,) = request.values()
        if isinstance(texts, str) and not texts.strip():
            raise ValueError("'text' is empty")
        return texts

    def answers(self, examples: list[list[str] | str]) -> list[dict[str, Any]]:
        lists = [[example] if isinstance(example, str) else example for example in examples]
        vectors = iter(self.embedder.encode([text for texts in lists for text in texts]))
        answers: list[dict[str, Any]] = []
        for example, texts in zip(examples, lists):
            numbers = [as_numbers(next(vectors)) for _ in texts]
            answers.append({"text": example, "vector": numbers[0]} if isinstance(example, str) else {"vectors": numbers})
        return answers
