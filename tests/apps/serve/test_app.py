"""The routes: what is answered is what `predict` says; what is refused is refused with the right status and a clear word."""

import dataclasses
import json

import pytest

pytest.importorskip("starlette", reason="starlette is not installed: the service cannot be tested")
pytest.importorskip("httpx", reason="httpx is not installed: the service cannot be tested")

from starlette.testclient import TestClient

from albert_np.apps.serve.app import Limits, answer_example, application
from albert_np.apps.serve.services import open_service
from albert_np.tasks.trained import Trained

TEXT = "Anna takes the book in Paris."


def client_of(folder, **limits):
    return TestClient(application(open_service(str(folder)), Limits(**limits)))


CHOICES = {"context": TEXT, "question": "Somebody\ttakes the _.", "choices": ["book", "lamp", "stone"]}
REQUESTS = {
    "classification": ({"text": TEXT}, TEXT),
    "pairs": ({"text": TEXT, "pair": "Somebody takes the lamp."}, f"{TEXT}\tSomebody takes the lamp."),
    "sets": ({"text": TEXT}, TEXT),
    "numbers": ({"text": TEXT}, TEXT),
    "topics": ({"text": TEXT}, TEXT),
    "ner": ({"text": TEXT}, TEXT),
    "srl": ({"text": TEXT}, TEXT),
    "relations": ({"text": "<e1>Anna</e1> takes the <e2>book</e2>."}, "<e1>Anna</e1> takes the <e2>book</e2>."),
    "question-answering": ({"question": "Who takes\tit?", "context": TEXT}, f"Who takes it?\t{TEXT}"),
    "multiple-choice": (CHOICES, json.dumps(CHOICES)),
    "translation": ({"text": TEXT}, TEXT),
}


def same(found, expected):
    """Equal, numbers up to float32's rounding: the service computes on another number of BLAS threads."""
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == (pytest.approx(expected, rel=1e-5) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("name", REQUESTS)
def test_every_task_answers_as_predict_does(folder, name):
    given, text = REQUESTS[name]
    if name == "translation":
        pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: translations cannot be scored")
    (expected,) = Trained.from_pretrained(folder(name)).predict(text)
    with client_of(folder(name)) as client:
        response = client.post("/answer", json=given)
        assert response.status_code == 200, response.text
        assert same(response.json(), json.loads(json.dumps(expected)))
        several = client.post("/answer", json={"requests": [given, given]}).json()["answers"]
        assert [sorted(answer) for answer in several] == [sorted(expected)] * 2
        about = client.get("/info").json()
        assert set(given) <= set(about["fields"]) and client.post("/answer", json=about["example"]).status_code == 200
        assert list(about["types"]) == list(about["fields"]) and set(about["required"]) <= set(given)


def test_a_tab_within_a_text_makes_no_pair(folder):
    with client_of(folder("pairs")) as client:
        answer = client.post("/answer", json={"text": "Anna takes\tthe lamp.", "pair": "So\tit is."}).json()
    assert (answer["text"], answer["pair"]) == ("Anna takes the lamp.", "So it is.")


def test_the_second_text_is_for_models_of_pairs_alone(folder):
    with client_of(folder("classification")) as client:
        assert client.get("/info").json()["fields"] == {"text": "the text"}
        response = client.post("/answer", json={"text": "Anna", "pair": "Carl"})
        assert response.status_code == 422 and "the model was trained on single texts" in response.json()["error"]
    with client_of(folder("pairs")) as client:
        assert list(client.get("/info").json()["fields"]) == ["text", "pair"]
        response = client.post("/answer", json={"requests": [{"text": "Anna", "pair": "Carl"}, {"text": "Anna"}]})
        assert response.status_code == 422 and response.json()["error"] == "requests[1]: the field 'pair' is missing"


def test_labels_are_chosen_by_the_request(folder):
    nli = Trained.from_pretrained(folder("nli"))
    labels, template = ["book", "lamp, or chair", "Paris"], "It is about {}."
    with TestClient(application(open_service(str(folder("nli")), "zero-shot"))) as client:
        about = client.get("/info").json()
        assert about["task"] == "zero-shot" and about["required"] == ["text", "labels"]
        assert about["types"]["labels"] == "array of strings" and about["types"]["multi_label"] == "boolean"
        assert client.post("/answer", json=about["example"]).json()["label"] in about["example"]["labels"]
        for more in ({}, {"multi_label": True}, {"template": template}, {"multi_label": False, "template": template}):
            found = client.post("/answer", json={"text": TEXT, "labels": labels, **more}).json()
            assert same(found, nli.zero_shot(TEXT, labels, **more)[0])
        requests = [{"text": TEXT, "labels": ["book"]}, {"text": TEXT, "labels": labels}]  # of different labels in one batch
        answers = client.post("/answer", json={"requests": requests}).json()["answers"]
        assert [len(answer["probabilities"]) for answer in answers] == [1, 3] and answers[0]["label"] in ([], ["book"])
        for request, said in (
            ({"text": TEXT}, "the field 'labels' is missing"),
            ({"text": TEXT, "labels": "a,b"}, "'labels' must be a list of strings"),
            ({"text": TEXT, "labels": []}, "'labels' has 0 texts, expected from 1 to 100"),
            ({"text": TEXT, "labels": ["a", " "]}, "labels[1] is empty"),
            ({"text": TEXT, "labels": ["a", "a"]}, "'a' is given twice"), ({"text": " ", "labels": ["a"]}, "'text' is empty"),
            ({"text": TEXT, "labels": ["a"], "template": "b"}, "a sentence with one {}"),
            ({"text": TEXT, "labels": ["a"], "multi_label": "yes"}, "'multi_label' must be true or false, not str"),
            ({"text": TEXT, "labels": [str(i) for i in range(101)]}, "'labels' has 101 texts"),
            ({"text": TEXT, "labels": ["Paris " * 80]}, "too many for max_length 64"),
        ):  # fmt: skip
            response = client.post("/answer", json=request)
            assert response.status_code == 422 and said in response.json()["error"], (request, response.json())
        long = {"text": "a" * 10_000, "labels": ["b" * 10_001]}
        assert client.post("/answer", json=long).status_code == 413, "the characters of labels count"


def test_options_of_the_task_when_the_service_starts(folder):
    labels = ["book", "Paris"]
    service = open_service(str(folder("nli")), "zero-shot", {"labels": "book,Paris", "multi_label": "true"})
    with TestClient(application(service)) as client:
        expected = Trained.from_pretrained(folder("nli")).zero_shot(TEXT, labels, multi_label=True)
        assert [client.post("/answer", json={"text": TEXT}).json()] == json.loads(json.dumps(expected))
        assert client.get("/info").json()["example"]["labels"] == labels
        assert set(client.post("/answer", json={"text": TEXT, "labels": ["lamp"]}).json()["probabilities"]) == {"lamp"}
    service = open_service(str(folder("question-answering")), options={"n_best": "2"})
    with TestClient(application(service)) as client:
        assert len(client.post("/answer", json={"question": "Who?", "context": TEXT}).json()["n_best"]) == 2
    for name, task, options, said in (
        ("ner", None, {"colour": "red"}, "ner has no option 'colour'"), ("mask", None, {"n_best": "2"}, "a pretrained model, so"),
        ("nli", "zero-shot", {"entailment": "x"}, "must be one of the model's labels"),
        ("ner", "zero-shot", {}, "trained for the task 'ner'"), ("mask", "fill-mask", {"top_k": "2"}, "no options of a task"),
        ("mask", "embedding", {}, "unknown task .*; serve has embeddings and fill-mask, too; did you mean 'embeddings'"),
        ("nli", "zeroshot", {}, "did you mean 'zero-shot'"), ("nli", "fill-mask", {}, "no weights for the masked-language"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            open_service(str(folder(name)), task, options)


def test_what_the_model_refuses_names_the_request(folder):
    """An error that is raised only when the answers are computed."""
    with client_of(folder("question-answering")) as client:
        fits, long = ({"question": word * 80, "context": "Anna."} for word in ("a ", "Paris "))
        response = client.post("/answer", json={"requests": [{"question": "Who?", "context": "Anna."}, fits, long]})
        assert response.status_code == 422 and "requests[1]: max_length" in response.json()["error"]


def test_a_question_with_choices_may_have_no_passage_and_needs_choices(folder):
    with client_of(folder("multiple-choice"), characters=300) as client:
        for given in ({"question": "Who?"}, {"question": "Who?", "context": ""}, {"context": "Anna."}):
            answer = client.post("/answer", json={**given, "choices": ["a", "b"]}).json()
            assert [choice["text"] for choice in answer["choices"]] == ["a", "b"] and "id" not in answer
        for given, message in (
            ({"question": "Who?"}, "the field 'choices' is missing"),
            ({"question": "Who?", "choices": ["a"]}, "'choices' has 1 text, expected from 2 to 100"),
            ({"question": "Who?", "choices": ["a", " "]}, "choices[1] is empty"),
            ({"question": "Who?", "choices": "a\nb"}, "'choices' must be a list of strings, not str"),
            ({"question": 3, "choices": ["a", "b"]}, "'question' must be a string, not int"),
            (
                {"question": "Who?", "choices": ["a", "b"], "label": "a"},
                "unknown field 'label'; the fields are context, question",
            ),
            ({"choices": ["a", "b"]}, "'question' is empty, and so is 'context'"),
        ):
            response = client.post("/answer", json=given)
            assert response.status_code == 422 and message in response.json()["error"], response.text
        assert client.post("/answer", json={"question": "Who?", "choices": ["a" * 200, "b" * 200]}).status_code == 413


def test_masks_are_filled_as_fill_mask_does(folder):
    from albert_np.apps.fill_mask import fill_masks
    from albert_np.apps.serve.services import MaskService

    service = MaskService.from_pretrained(str(folder("mask")))
    text = "Anna [MASK] the [MASK] in Paris."
    with client_of(folder("mask")) as client:
        answers = client.post("/answer", json={"requests": [{"text": text, "top_k": 3}, {"text": "[MASK]"}]}).json()["answers"]
    expected = fill_masks(service.model, service.tokenizer, text, 3)
    assert [[each["piece"] for each in mask] for mask in answers[0]["masks"]] == [[p for p, _ in mask] for mask in expected]
    for mask, other in zip(answers[0]["masks"], expected):
        assert [each["probability"] for each in mask] == pytest.approx([q for _, q in other], abs=1e-5)
    assert len(answers[1]["masks"][0]) == 5
    named = open_service(str(folder("mask")), "fill-mask")
    assert named.name == "fill-mask" and list(named.fields) == ["text", "top_k"]


def test_vectors_are_those_of_the_embedder(folder):
    import albert_np as ab

    texts = [TEXT, "Carl", "Dora paints the lamp in Rome, and Emil sees it."]
    with TestClient(application(open_service(str(folder("mask")), "embeddings"))) as client:
        expected = ab.Embedder.from_pretrained(folder("mask")).encode(texts)
        (one, several), info = (
            client.post("/answer", json={"requests": [{"text": TEXT}, {"texts": texts}]}).json()["answers"],
            client.get("/info").json(),
        )
        assert one["text"] == TEXT and one["vector"] == pytest.approx(expected[0], abs=1e-6)
        assert list(several) == ["vectors"] and [len(vector) for vector in several["vectors"]] == [32] * 3
        for vector, other in zip(several["vectors"], expected):
            assert vector == pytest.approx(other, abs=1e-6)
        assert (
            info["task"] == "embeddings"
            and client.post("/answer", json=info["example"]).json()["text"] == info["example"]["text"]
        )
        for request, said in (
            ({}, "expected either 'text' or 'texts'"), ({"text": "a", "texts": ["b"]}, "either 'text' or 'texts', not both"),
            ({"text": " "}, "'text' is empty"), ({"texts": ["a", ""]}, "texts[1] is empty"),
            ({"texts": []}, "'texts' has 0 texts"),
            ({"texts": "a"}, "'texts' must be a list of strings, not str"),
            ({"text": ["a"]}, "'text' must be a string, not list"),
        ):  # fmt: skip
            response = client.post("/answer", json=request)
            assert response.status_code == 422 and said in response.json()["error"], response.text


def test_vectors_of_another_layer_by_a_model_of_a_task(folder):
    import albert_np as ab

    options = {"pooling": "cls", "layer": "1", "normalize": "true", "max_length": "60"}
    with TestClient(application(open_service(str(folder("ner")), "embeddings", options))) as client:
        vector = client.post("/answer", json={"text": TEXT}).json()["vector"]
    embedder = ab.Embedder.from_pretrained(folder("ner"), pooling="cls", layer=1, normalize=True, max_length=60)
    assert vector == pytest.approx(embedder.encode(TEXT)[0], abs=1e-6) and sum(x * x for x in vector) == pytest.approx(
        1, abs=1e-5
    )
    for name, text, said in (
        ("poolign", "cls", "embeddings have no option 'poolign'.*did you mean 'pooling'"),
        ("layer", "x", "layer must be an integer"),
        ("pooling", "max", "pooling: expected one of"), ("layer", "9", "layer: expected 0"), ("normalize", "2", "true or false"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            open_service(str(folder("ner")), "embeddings", {name: text})


def test_a_compressed_folder_is_served(folder, tmp_path):
    from albert_np.compress.job import Plan
    from albert_np.compress.models import compress

    compress(folder("ner"), tmp_path / "small", Plan(weights="int8", sparsity=0.5))
    with client_of(tmp_path / "small") as client:
        assert client.post("/answer", json={"text": TEXT}).json() == Trained.from_pretrained(tmp_path / "small").predict(TEXT)[0]


BAD = {
    "no JSON": (b"{", 400, "not valid JSON"),
    "NaN": (b'{"text": NaN}', 400, "NaN is not a number"),
    "half a pair": (b'{"text": "\\ud800"}', 400, "half of a surrogate pair"),
    "Latin-1": (b'{"text": "\xe9"}', 400, "must be UTF-8"),
    "nothing": (b"", 400, "not valid JSON"),
    "deep": (b"[" * 3900, 400, "not valid JSON"),
    "a list": (b"[1]", 422, "expected an object with text"),
    "another field": (b'{"text": "a", "txt": "b"}', 422, "unknown field 'txt'; the fields are text"),
    "no field": (b"{}", 422, "the field 'text' is missing"),
    "a number": (b'{"text": 3}', 422, "'text' must be a string, not int"),
    "empty": (b'{"text": "  "}', 422, "'text' is empty"),
    "too long": (json.dumps({"text": "a" * 301}).encode(), 413, "301 characters, at most 300 are allowed"),
    "a huge body": (b" " * 5000, 413, "5000 bytes, at most 4000"),
    "no list": (b'{"requests": 3}', 422, "'requests' must be a list"),
    "an empty list": (b'{"requests": []}', 422, "'requests' is an empty list"),
    "mixed": (b'{"requests": [{"text": "a"}], "text": "b"}', 422, "and the only field"),
    "too many": (json.dumps({"requests": [{"text": "a"}] * 5}).encode(), 413, "5 requests in one, at most 4 are allowed"),
    "one of several": (b'{"requests": [{"text": "a"}, 3]}', 422, "requests[1]: expected an object"),
    "an empty one of several": (b'{"requests": [{"text": "a"}, {"text": ""}]}', 422, "requests[1]: 'text' is empty"),
    "a long one of several": (json.dumps({"requests": [{"text": "a" * 301}]}).encode(), 413, "requests[0]: the text has 301"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(folder, name):
    body, status, said = BAD[name]
    with client_of(folder("ner"), characters=300, body=4000, many=4) as client:
        response = client.post("/answer", content=body)
        assert response.status_code == status and said in response.json()["error"]
        assert client.post("/answer", json={"text": TEXT}).status_code == 200, "it goes on"


def test_what_tasks_refuse(folder):
    with client_of(folder("relations")) as client:
        response = client.post("/answer", json={"text": "no entities here"})
        assert response.status_code == 422 and "e1" in response.json()["error"]
    with client_of(folder("mask")) as client:
        for given, said in (({"text": "nothing"}, "no [MASK]"), ({"text": "[MASK] " * 200}, "the model takes"),
                            ({"text": "[MASK]", "top_k": 0}, "'top_k' must be an integer")):  # fmt: skip
            response = client.post("/answer", json=given)
            assert response.status_code == 422 and said in response.json()["error"]


def test_odd_texts_are_answered(folder):
    with client_of(folder("ner")) as client:
        for text in ("🙂", "שלום עולם", "a" * 5000, "\x00", "1 " * 3000, "\t", "x\ty"):
            response = client.post("/answer", json={"text": text})
            assert response.status_code == (422 if not text.strip() else 200), (text[:20], response.text)


def test_other_routes(folder):
    with client_of(folder("ner")) as client:
        missing = client.get("/nowhere")
        assert missing.status_code == 404 and missing.json() == {"error": "Not Found"}
        assert client.get("/answer").status_code == 405
        page = client.get("/")
        assert (
            page.status_code == 200
            and "<!doctype html>" in page.text
            and "default-src 'none'" in page.headers["content-security-policy"]
        )
        client.post("/answer", json={"text": TEXT})
        state = client.get("/queue").json()
        assert state["served"] == 1 and state["waiting"] == 0 and state["p95_ms"] > 0


def test_too_many_and_too_late(folder):
    import threading

    service, gate = open_service(str(folder("ner"))), threading.Event()
    whole = service.answers
    service.answers = lambda examples: gate.wait(10) and whole(examples)
    with TestClient(application(service, Limits(timeout=0.3, waiting=1))) as client:
        late = client.post("/answer", json={"text": TEXT})
        assert late.status_code == 504 and "within 0.3 seconds" in late.json()["error"]
        full = client.post("/answer", json={"requests": [{"text": TEXT}] * 4})
        assert full.status_code == 503 and full.headers["retry-after"] == "1"
        gate.set()
        assert client.get("/queue").json()["refused"] >= 1


def test_a_failing_model_is_500(folder, caplog):
    service = open_service(str(folder("ner")))

    def broken(examples):
        raise ZeroDivisionError("division by zero")

    service.answers = broken
    with TestClient(application(service)) as client:
        response = client.post("/answer", json={"text": TEXT})
        assert response.status_code == 500 and response.json() == {"error": "division by zero"}


def test_the_example_is_answered_before_the_first_request(folder, monkeypatch):
    """With it the products of inference are measured; of a service whose example is no request nothing is computed."""
    service, asked = open_service(str(folder("classification"))), []
    original = service.answers
    monkeypatch.setattr(service, "answers", lambda examples: (asked.append(len(examples)), original(examples))[1])
    answer_example(service)
    assert asked == [1]
    monkeypatch.setattr(service, "fields", {"text": dataclasses.replace(service.fields["text"], example=None)})
    answer_example(service)
    assert asked == [1]


def test_how_inference_multiplies_is_among_the_facts(folder, monkeypatch):
    monkeypatch.setenv("ALBERT_NP_INFERENCE_PRODUCTS", "plain")
    with client_of(folder("classification")) as client:
        assert client.get("/info").json()["products"] == "plain (ALBERT_NP_INFERENCE_PRODUCTS)"
