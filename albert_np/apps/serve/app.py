"""The routes of the service, as an ASGI application.

    GET  /          a page to try the model                  GET  /info     the task, the fields of a request, the limits
    POST /answer    {"text": ...} -> the answer,             GET  /queue    numbers of requests, and times
                    or {"requests": [{...}, ...]} -> {"answers": [...]}

400 not JSON · 408 the body did not arrive in time · 413 too long · 422 not a valid request for this model · 500 the model
failed · 503 the queue is full · 504 no answer in time
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from albert_np.apps.serve.queue import Full, Late, Queue
from albert_np.apps.serve.services import Service
from albert_np.engine.inference import describe_products
from albert_np.io.files import parse_json
from albert_np.tasks.requests import JSON_TYPES, shown_fields
from albert_np.version import __version__

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"


@dataclass(frozen=True)
class Limits:
    """Limits of the service.

    timeout      seconds for an answer
    characters   of one example
    body         bytes of a request
    many         examples in one request
    waiting      examples in the queue
    batch        characters that are computed together
    """

    timeout: float = 10.0
    characters: int = 20_000
    body: int = 1 << 20
    many: int = 256
    waiting: int = 2048
    batch: int = 8192


class Refused(Exception):
    """An invalid request, with the status of the response and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def application(service: Service, limits: Limits | None = None) -> Starlette:
    """Return the ASGI application of a service."""
    limits = limits or Limits()
    page = resources.files("albert_np.apps.serve").joinpath("page.html").read_text(encoding="utf-8")
    queue: Queue

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        nonlocal queue
        app.state.queue = queue = Queue(service.answers, limits.batch, limits.waiting)
        yield
        await asyncio.to_thread(queue.close)

    async def get_page(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    async def get_info(request: Request) -> Response:
        facts = {"limits": asdict(limits), "products": describe_products(), "version": __version__}
        return json_response({**describe_requests(service), **facts})

    async def get_queue_state(request: Request) -> Response:
        return json_response(queue.state())

    async def post_answer(request: Request) -> Response:
        try:
            body = await read_json_body(request, limits)
            if not (isinstance(body, dict) and "requests" in body):
                return json_response(await queue.answer(*parse_request(service, body, limits), limits.timeout))
            examples = [parse_numbered(service, i, each, limits) for i, each in enumerate(split_requests(body, limits))]
            answers = await asyncio.gather(*(answer_numbered(i, *example) for i, example in enumerate(examples)))
            return json_response({"answers": answers})
        except Refused as error:
            return error_response(error.status, str(error))
        except Full as error:
            return error_response(503, str(error), {"Retry-After": "1"})
        except Late as error:
            return error_response(504, str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # raised by the model; `Queue` has logged it
            return error_response(422 if isinstance(error, ValueError) else 500, str(error) or type(error).__name__)

    async def answer_numbered(index: int, example: Any, size: int) -> Any:
        try:
            return await queue.answer(example, size, limits.timeout)
        except ValueError as error:
            raise Refused(422, f"requests[{index}]: {error}") from None

    routes = [
        Route("/", get_page),
        Route("/info", get_info),
        Route("/queue", get_queue_state),
        Route("/answer", post_answer, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: handle_http_error})


def describe_requests(service: Service) -> dict[str, Any]:
    """Return the task, and for each field of a request its description, its type, whether it is required, and an example."""
    fields = shown_fields(service.fields)
    return {
        "task": service.name,
        "fields": {name: field.about for name, field in fields.items()},
        "types": {name: JSON_TYPES[field.type] for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "example": {name: field.example for name, field in fields.items() if field.example is not None},
    }


def answer_example(service: Service) -> None:
    """Answer the example of `describe_requests` once, so that the first request does not take longer than others.

    A service whose example is no request by itself answers none.
    """
    with suppress(ValueError):
        service.answers([service.parse(describe_requests(service)["example"])])


async def handle_http_error(request: Request, error: Any) -> Response:
    """Answer an unknown route or method."""
    return error_response(error.status_code, error.detail, error.headers)


async def read_json_body(request: Request, limits: Limits) -> Any:
    """Parse the body of a request as JSON. Reads no more than the limit; raises Refused."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body:
        raise Refused(413, f"the request has {length} bytes, at most {limits.body} are allowed")
    try:
        body = await asyncio.wait_for(read_body(request, limits.body), limits.timeout)
    except asyncio.TimeoutError:
        raise Refused(408, f"the request's body did not arrive within {limits.timeout:g} seconds") from None
    try:
        return parse_json(body)
    except ValueError as error:
        raise Refused(400, f"the request is not valid JSON: {error}") from None


async def read_body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Refused(413, f"the request has more than {most} bytes")
    return bytes(body)


def split_requests(body: dict[str, Any], limits: Limits) -> list[Any]:
    """Return the single requests of {"requests": [...]}."""
    requests = body["requests"]
    if len(body) > 1 or not isinstance(requests, list):
        raise Refused(422, "'requests' must be a list of objects, and the only field")
    if not requests:
        raise Refused(422, "'requests' is an empty list: expected at least one object")
    if len(requests) > limits.many:
        raise Refused(413, f"{len(requests)} requests in one, at most {limits.many} are allowed")
    return requests


def parse_request(service: Service, request: Any, limits: Limits) -> tuple[Any, int]:
    """Return the example of one request and the characters to be computed: those of a text count for each text of a list."""
    if not isinstance(request, dict):
        raise Refused(422, f"expected an object with {', '.join(shown_fields(service.fields))}, not {type(request).__name__}")
    texts = sum(len(value) for value in request.values() if isinstance(value, str))
    lists = [[text for text in value if isinstance(text, str)] for value in request.values() if isinstance(value, list)]
    listed, most = sum(len(text) for each in lists for text in each), max(map(len, lists), default=1)
    if texts + listed > limits.characters:
        raise Refused(413, f"the text has {texts + listed} characters, at most {limits.characters} are allowed")
    try:
        return service.parse(request), texts * max(1, most) + listed
    except ValueError as error:
        raise Refused(422, str(error)) from None


def parse_numbered(service: Service, index: int, request: Any, limits: Limits) -> tuple[Any, int]:
    """Return `parse_request` of one of several requests; an error names it."""
    try:
        return parse_request(service, request, limits)
    except Refused as error:
        raise Refused(error.status, f"requests[{index}]: {error}") from None


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode(), status, headers, "application/json")


def error_response(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    return json_response({"error": reason}, status, headers)
