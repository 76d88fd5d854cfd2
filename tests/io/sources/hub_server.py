"""A hub of a few repositories on loopback: what huggingface_hub asks of /NAME/resolve/REVISION/FILE, and no more."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAIN, OLD = "a" * 40, "b" * 40


class Hub:
    """repositories: {name: {commit: {file: bytes}}}; `asked` lists the requests, `cut` makes downloads end half way."""

    def __init__(self, repositories):
        self.repositories = repositories
        self.revisions = {"main": MAIN, "v1": OLD, MAIN: MAIN, OLD: OLD}
        self.asked, self.gated, self.cut, self.elsewhere = [], set(), False, None
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                hub.answer(self, body=False)

            def do_GET(self):
                hub.answer(self, body=True)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request, body):
        self.asked.append(f"{request.command} {request.path}")
        name, _, rest = request.path[1:].partition("/resolve/")
        revision, _, file = rest.partition("/")
        if name in self.gated and request.headers.get("Authorization") != "Bearer open sesame":
            return self._error(request, 403, "GatedRepo")
        if name not in self.repositories:
            return self._error(request, 404, "RepoNotFound")
        commit = self.revisions.get(revision)
        if commit not in self.repositories[name]:
            return self._error(request, 404, "RevisionNotFound")
        if file not in self.repositories[name][commit]:
            return self._error(request, 404, "EntryNotFound", commit)
        if body and self.cut and sum(line == f"GET {request.path}" for line in self.asked) > 1:
            return self._error(request, 500, "Broken", commit)  # it tries to go on from where it was cut
        data = self.repositories[name][commit][file]
        request.send_response(200)
        request.send_header("X-Repo-Commit", commit)
        request.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if body:
            request.wfile.write(data[: len(data) // 2] if self.cut else data)
        return None

    @staticmethod
    def _error(request, status, code, commit=None):
        request.send_response(status)
        request.send_header("X-Error-Code", code)
        request.send_header("X-Error-Message", "said by the server")
        if commit:
            request.send_header("X-Repo-Commit", commit)
        request.send_header("Content-Length", "0")
        request.end_headers()
