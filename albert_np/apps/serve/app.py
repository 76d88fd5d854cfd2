"""The routes of the service, as an ASGI application.

    GET  /          a page to try the model                  GET  /info     the task, the fields of a request, the limits
    POST /answer    {"text": ...} -> the answer,             GET  /queue    what waits, what was served, and how fast
                    or {"requests": [{...}, ...]} -> {"answers": [...]}

400 no JSON · 408 the body did not come · 413 too long · 422 not what the model takes · 500 it failed · 503 too many wait ·
504 too late
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from albert_np.io.files import parse_json
from albert_np.version import __version__

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"


@dataclass(frozen=True)
class Limits:
    """timeout: seconds for an answer · characters: of one example · body: bytes of a request · many: examples in one request
    waiting: examples in the queue · batch: characters that are computed together"""

    timeout: float = 10.0
    characters: int = 20_000
    body: int = 1 << 20
    many: int = 256
    waiting: int = 2048
    batch: int = 8192


class Refused(Exception):
    """A request that gets no answer: the status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def application(service: Service, limits: Limits | None = None) -> Starlette:
    """The ASGI application of a service."""
    limits = limits or Limits()
    page = resources.files("albert_np.apps.serve").joinpath("page.html").read_text(encoding="utf-8")
    queue: Queue

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        nonlocal queue
        app.state.queue = queue = Queue(service.answers, limits.batch, limits.waiting)
        yield
        await asyncio.to_thread(queue.close)

    async def home(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    async def info(request: Request) -> Response:
        about = {"task": service.name, "fields": service.fields, "example": service.example}
        return as_json({**about, "limits": asdict(limits), "version": __version__})

    async def state(request: Request) -> Response:
        return as_json(queue.state())

    async def answer(request: Request) -> Response:
        try:
            given = await read(request, limits)
            if not (isinstance(given, dict) and "requests" in given):
                return as_json(await queue.answer(*parsed(service, given, limits), limits.timeout))
            examples = [parsed(service, each, limits) for each in listed(given, limits)]
            found = await asyncio.gather(*(queue.answer(*example, limits.timeout) for example in examples))
            return as_json({"answers": found})
        except Refused as error:
            return refusal(error.status, str(error))
        except Full as error:
            return refusal(503, str(error), {"Retry-After": "1"})
        except Late as error:
            return refusal(504, str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # what the model made of it: `Queue` has written it down
            return refusal(422 if isinstance(error, ValueError) else 500, str(error) or type(error).__name__)

    routes = [
        Route("/", home), Route("/info", info), Route("/queue", state), Route("/answer", answer, methods=["POST"]),
    ]  # fmt: skip
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: not_served})


async def not_served(request: Request, error: Any) -> Response:
    """No such route, or no such method there."""
    return refusal(error.status_code, error.detail, error.headers)


async def read(request: Request, limits: Limits) -> Any:
    """The JSON of a request's body, which is read no further than it may be long. Refused."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.body:
        raise Refused(413, f"the request has {announced} bytes, {limits.body} at most are read")
    try:
        body = await asyncio.wait_for(whole(request, limits.body), limits.timeout)
    except asyncio.TimeoutError:
        raise Refused(408, f"the request's body did not come within {limits.timeout:g} seconds") from None
    try:
        return parse_json(body)
    except ValueError as error:
        raise Refused(400, f"the request is not valid JSON: {error}") from None


async def whole(request: Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Refused(413, f"the request has more than {most} bytes")
    return bytes(body)


def listed(given: dict[str, Any], limits: Limits) -> list[Any]:
    """The requests in a request."""
    several = given["requests"]
    if len(given) > 1 or not isinstance(several, list) or not several:
        raise Refused(422, "'requests' must be a list of objects, and stand alone")
    if len(several) > limits.many:
        raise Refused(413, f"{len(several)} requests came together, {limits.many} are allowed")
    return several


def parsed(service: Service, given: Any, limits: Limits) -> tuple[Any, int]:
    """-> the example and its size in characters"""
    if not isinstance(given, dict):
        raise Refused(422, f"expected an object with {', '.join(service.fields)}, not {type(given).__name__}")
    size = sum(len(value) for value in given.values() if isinstance(value, str))
    if size > limits.characters:
        raise Refused(413, f"the text has {size} characters, {limits.characters} are allowed")
    try:
        return service.parse(given), size
    except ValueError as error:
        raise Refused(422, str(error)) from None


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode(), status, headers, "application/json")


def refusal(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return as_json({"error": why}, status, headers)
