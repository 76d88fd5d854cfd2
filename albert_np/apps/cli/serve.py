"""albert-np serve: answer JSON requests over HTTP, with a page to try the model."""

import socket
from typing import Annotated

import typer

from albert_np.apps.cli.common import BackendOption, QuietOption, print_message, print_products, split_pairs, use_backend
from albert_np.apps.cli.trained import TaskOptions
from albert_np.engine import threads
from albert_np.engine.webassembly import refuse_in_webassembly

BACKLOG = 1024  # connections waiting to be accepted
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def serve(
    model: Annotated[str, typer.Option("--model", help="The folder of a trained, compressed or pretrained model.")],
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Its task [that of its folder]; zero-shot, for a model of inference; embeddings; fill-mask; file.py:Class.",
        ),
    ] = None,
    task_options: TaskOptions = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds allowed for an answer.")] = 10.0,
    characters: Annotated[int, typer.Option("--characters", min=1, help="Characters of the longest text.")] = 20_000,
    waiting: Annotated[int, typer.Option("--waiting", min=1, help="Maximum number of texts in the queue.")] = 2048,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Characters per batch; 1 computes texts one by one.")] = 8192,
    backend: BackendOption = None,
    quiet: QuietOption = False,
) -> None:
    """Answer requests until Ctrl-C: POST /answer, GET /info, GET /queue, and a page at /.

    Example: albert-np serve --model runs/sst2 --port 8000
    """
    refuse_in_webassembly("the service", "sockets and threads", "start it with a Python of your machine")
    try:
        import uvicorn

        from albert_np.apps.serve.app import Limits, answer_example, application
    except ImportError as error:
        raise ImportError(f"the service needs {error.name}: pip install 'albert_np[serve]'") from None
    from albert_np.apps.serve.services import open_service

    use_backend(backend)
    service = open_service(model, task, split_pairs("--option", task_options))
    threads.reserve_processor()
    limits = Limits(timeout=timeout, characters=characters, waiting=waiting, batch=batch, body=max(1 << 20, 8 * characters))
    if host not in LOCAL_HOSTS and not quiet:
        print_message(f"albert-np: note: {host} can be reached from other machines, and there is no authentication")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)  # connections wait here
    except OSError as error:
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    answer_example(service)
    if not quiet:
        print_message(f"{service.name}: http://{host}:{listener.getsockname()[1]}   (Ctrl-C ends it)")
    print_products(quiet)  # after the address, which programs read from the first line
    app = application(service, limits)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=int(timeout) + 1)
    uvicorn.Server(config).run([listener])
