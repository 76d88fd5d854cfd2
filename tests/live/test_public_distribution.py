"""The built site as it is, whose runtime comes from elsewhere: a server of these tests answers for the public distribution."""

import contextlib
import gzip
import http.server
import shutil
import ssl
import subprocess
import threading
from urllib.parse import urlsplit

import pytest
from browser import open_browser
from test_live_pages import LIMIT, PAGE, SITE, LivePage, live_module, serve

pytestmark = pytest.mark.slow
TYPES = {"mjs": "application/javascript", "js": "application/javascript", "json": "application/json", "wasm": "application/wasm"}


class Distribution(http.server.BaseHTTPRequestHandler):
    """Answers as jsDelivr does: pages of other sites may read the files, and text and WebAssembly are packed."""

    files, asked = {}, []

    def do_GET(self):
        path = urlsplit(self.path).path
        self.asked.append(path)
        data, kind = self.files.get(path), TYPES.get(path.rpartition(".")[2])
        self.send_response(200 if data else 404)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.send_header("Content-Type", kind or "application/octet-stream")
        if kind and data:
            data = gzip.compress(data, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def runtime_files():
    """The host of the distribution, and the files by their paths; skipped where there is no site, or no runtime can be had."""
    if not (SITE / "_static" / "live" / "live.json").exists():
        pytest.skip("there is no site in build/docs/html: make docs")
    fetch = live_module("fetch")
    core, packages = (urlsplit(each) for each in (fetch.RUNTIME["npm"]["at"], fetch.RUNTIME["distribution"]))
    assert core.scheme == packages.scheme == "https" and core.netloc == packages.netloc
    try:
        files = {core.path + name: data for name, data in fetch.core_files().items()}
        files |= {packages.path + name: data for name, data in fetch.package_files("numpy").items()}
    except fetch.Missing as reason:
        pytest.skip(f"the runtime of the live pages is missing: {reason}")
    return core.netloc, files


@contextlib.contextmanager
def distribute(host, files, folder):
    """Serve the files over TLS -> (an argument of Chromium that leads the host's address there, the paths that are asked for)."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: it makes the certificate of the server")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={host}",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run([openssl, *make], check=True, capture_output=True)
    handler = type("ThisDistribution", (Distribution,), {"files": files, "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield (
        f"host-resolver-rules=MAP {host}:443 127.0.0.1:{server.server_address[1]} , MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        handler.asked,
    )
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def page_with(host, files, folder):
    """Open a notebook's page of the built site -> (the page, the paths that the distribution was asked for)."""
    with (
        distribute(host, files, folder) as (rules, asked),
        serve(SITE) as address,
        open_browser(folder, "1200,1000", rules, "ignore-certificate-errors") as window,
    ):
        window.set_script_timeout(LIMIT)
        yield LivePage(window, address + PAGE), asked


def test_a_cell_runs_with_the_runtime_from_its_public_distribution(runtime_files, tmp_path):
    host, files = runtime_files
    with page_with(host, files, tmp_path) as (page, asked):
        page.browser.execute_script("document.querySelector('.cell .cell_input pre').click()")
        page.wait_for(lambda: page.browser.execute_script("return document.querySelector('.cm-content')"))
        page.write(0, "import sys, numpy; print(sys.platform, numpy.add(1, 1))")
        page.click(0, "Run")
        page.wait()
        assert page.output(0) == "emscripten 2\n"
        assert set(asked) == set(files)


def test_a_changed_file_is_refused(runtime_files, tmp_path):
    host, files = runtime_files
    served = dict(files)
    with page_with(host, served, tmp_path) as (page, _):
        ask = page.browser.execute_script
        page.click(0, "Run")
        page.wait()
        for path in files:
            served[path] = files[path] + b" "
            ask("[...document.querySelectorAll('#live-panel button')].find(b => b.textContent === 'Restart').click()")
            page.wait_for(lambda: ask("return document.querySelector('#live-panel').dataset.state") == "failed")
            name = path.rpartition("/")[2]
            reason = (
                "expected the sha256"
                if name.endswith(".whl")
                else "cannot be loaded, or is not the file that this site was made for"
            )
            assert reason in page.panel() and name in page.panel()
            served[path] = files[path]
