"""The whole service from outside: the command as a process, its page in a headless browser."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from browser import open_browser

pytest.importorskip("starlette", reason="starlette is not installed: the service cannot be tested")

TEXT = "Anna takes the book in Paris."


@pytest.fixture
def served(folder):
    """Of a task's name: the address of a running `albert-np serve`."""
    running = []

    def start(name, *options):
        command = [sys.executable, "-m", "albert_np", "serve", "--model", str(folder(name)), "--port", "0", *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        running.append(process)
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        return found[0], process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stderr.close()


def ask(address, given):
    request = urllib.request.Request(f"{address}/answer", json.dumps(given).encode())
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(served, how):
    address, process = served("ner")
    assert ask(address, {"text": TEXT})["text"] == TEXT
    process.send_signal(how)
    process.wait(20)
    assert "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_one_line(served, folder):
    address, _ = served("ner")
    ask(address, {"text": TEXT})
    port = address.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "albert_np", "serve", "--model", str(folder("ner")), "--port", port, "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (
        done.returncode == 1
        and "Address already in use" in done.stderr
        and done.stderr.count("\n") == 1
        and "Traceback" not in done.stderr
    )


@pytest.fixture
def browser(tmp_path):
    with open_browser(tmp_path, "900,1000") as window:
        yield window


def tried(window, address, **texts):
    """Fill in the page's fields, press the button, and wait -> the answer's element."""
    window.get(address)
    for name, text in texts.items():
        area = window.find_element("id", name)
        area.clear()
        area.send_keys(text)
    window.find_element("id", "send").click()
    window.find_element("css selector", "#answer > *")
    return window.find_element("id", "answer")


@pytest.mark.slow
def test_the_page_in_a_browser(served, browser, tmp_path):
    address, _ = served("ner")
    answer = tried(browser, address, text="Anna takes the book in Paris <b>now</b>.")
    assert "<b>now</b>" in answer.text, "what came as text is shown as text"
    entities = ask(address, {"text": "Anna takes the book in Paris <b>now</b>."})["entities"]
    assert [mark.text for mark in answer.find_elements("tag name", "mark")] == [e["text"] + e["type"] for e in entities] != []
    picture = tmp_path / "page.png"
    browser.save_screenshot(str(picture))
    assert picture.stat().st_size > 10_000
    assert "served in" in browser.find_element("id", "queue").text
    answer = tried(browser, address, text=" ")
    assert answer.find_element("class name", "error").text == "'text' is empty"

    address, _ = served("classification")
    answer = tried(browser, address, text=TEXT)
    assert len(answer.find_elements("class name", "bar")) == 2 and "%" in answer.text
    assert browser.find_elements("id", "pair") == [], "a model of single texts has no second box"
    address, _ = served("pairs")
    answer = tried(browser, address, text=TEXT, pair="Somebody takes the lamp.")
    assert len(answer.find_elements("class name", "bar")) == 2

    address, _ = served("numbers")
    assert re.fullmatch(r"-?[\d.]+", tried(browser, address, text=TEXT).find_element("tag name", "p").text)
    address, _ = served("topics")
    answer = tried(browser, address, text=TEXT, labels="book\n\nlamp, or chair\nwheel\n")
    bars = [bar.text.split("\n")[0] for bar in answer.find_elements("class name", "bar")]
    assert sorted(bars) == ["book", "lamp, or chair", "wheel"], "a label per line"
    browser.execute_script("document.getElementById('answer').replaceChildren()")
    browser.find_element("id", "multi_label").click()
    browser.find_element("id", "send").click()
    expected = ask(address, {"text": TEXT, "labels": ["book", "lamp, or chair", "wheel"], "multi_label": True})
    shown = json.loads(browser.find_element("css selector", "#answer pre").get_attribute("textContent"))
    assert isinstance(shown["label"], list) and shown["label"] == expected["label"]

    address, _ = served("srl")
    answer = tried(browser, address, text=TEXT)
    predicates = ask(address, {"text": TEXT})["predicates"]
    assert len(answer.find_elements("tag name", "mark")) == sum(len(each["arguments"]) for each in predicates)

    address, _ = served("question-answering")
    answer = tried(browser, address, question="Where is Anna?", context=TEXT)
    assert answer.find_elements("tag name", "mark") or "There is no answer" in answer.text

    address, _ = served("multiple-choice")
    answer = tried(browser, address, question="Somebody takes the _.", context="", choices="book\nlamp\n\nstone")
    assert len(answer.find_elements("class name", "bar")) == 3 and "There is no answer" not in answer.text

    address, _ = served("mask")
    answer = tried(browser, address, text="Anna [MASK] the book.")
    assert len(answer.find_elements("class name", "bar")) == 5
    address, _ = served("mask", "--task", "embeddings", "-o", "pooling=cls")
    assert tried(browser, address, text="Anna").find_element("tag name", "p").text.startswith("32 numbers: ")
    answer = tried(browser, address, text="", texts="Anna\nCarl\n")
    assert len(answer.find_elements("tag name", "p")) == 2
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE" and "422" not in entry["message"]]
    assert errors == []


@pytest.mark.slow
def test_two_hundred_clients_for_some_seconds(served):
    """No error, every answer its own, no growth. The minute is tests/benchmarks/serve.py's."""
    import asyncio
    import time
    from pathlib import Path

    sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
    from serve import connected, request

    address, process = served("ner")
    port, wrong, count = int(address.rsplit(":", 1)[1]), [], []

    async def client(number, until):
        streams = await connected(port)
        while time.perf_counter() < until:
            text = f"Anna takes book {number} in Paris, {len(count)} times."
            status, body = await request(streams, "POST", "/answer", json.dumps({"text": text}).encode())
            if status != 200 or json.loads(body)["text"] != text:
                wrong.append((status, body[:100]))
            count.append(1)
        streams[1].close()

    async def run(seconds):
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(number, until) for number in range(200)))

    def memory():
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024

    asyncio.run(run(4))
    before = memory()
    asyncio.run(run(6))
    assert wrong == [] and len(count) > 400
    assert memory() < before + 20
