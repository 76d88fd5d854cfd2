"""The places on which the scripts of docs/live build their pages: `<!-- insert: live_pages train -->` and `learn`.

They hold what the pages show before Python has started, and the sentence that stands there without JavaScript.
"""

import html
import json

from made.live import version

TRAIN = "This page needs JavaScript and WebAssembly; at the command line <code>albert-np demo</code> trains such a model"
LEARN = (
    "This page needs JavaScript and WebAssembly; at the command line <code>albert-np learn list</code> and "
    "<code>albert-np learn start linear</code> are the same exercises"
)

FAILED = (
    "The scripts of this page could not be loaded. If you opened it as a file: browsers load such scripts from a server only. "
    "Run <code>python -m http.server --bind 127.0.0.1</code> in the folder of the site, and open <code>http://127.0.0.1:8000</code>."
)


def text(name: str) -> str:
    """Return the HTML of a page."""
    if name == "train":
        from albert_np.apps.live.sample import make_stories
        from albert_np.apps.live.train_page import get_mistakes

        mistakes, story = json.dumps(get_mistakes(), ensure_ascii=False), " ".join(make_stories(1).split("\n")[:2])
        data = f' data-mistakes="{html.escape(mistakes)}" data-story="{html.escape(story)}"'
        return page("train", "train.js", TRAIN, "quickstart.html", data)
    from albert_np.apps.live.exercises import get_exercises

    values = json.dumps(get_exercises(), ensure_ascii=False).replace("<", "\\u003c")
    data = f'<script type="application/json" id="live-exercises">{values}</script>\n'
    return page("learn", "exercises.js", LEARN, "learn.html") + data


def page(name: str, script: str, sentence: str, link: str, attributes: str = "") -> str:
    """Return the place of a page, and the tags that load its styles and its script, whose failure is said."""
    v = version()
    styles = "".join(f'<link rel="stylesheet" href="_static/live/{each}?v={v}">\n' for each in ("page.css", "door.css"))
    without = f'<noscript><p>{sentence} (<a href="{link}">how</a>).</p></noscript>'
    show = f"document.getElementById('live-{name}-failed').hidden = false"
    return (
        f'{styles}<div id="live-{name}"{attributes}>{without}<p id="live-{name}-failed" hidden>{FAILED}</p></div>\n'
        f'<script type="module" src="_static/live/{script}?v={v}" onerror="{show}"></script>\n'
    )
