"""Objects that a cell shows, and `display`, as in IPython.display; pages of the site need no more of it."""

import base64
import io
import pprint
import sys
import uuid
from typing import Any

METHODS = {
    "_repr_html_": "text/html", "_repr_markdown_": "text/markdown", "_repr_svg_": "image/svg+xml", "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg", "_repr_latex_": "text/latex", "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}  # fmt: skip


def bundle(value: Any) -> dict[str, Any]:
    """Return a value in all the forms that it has: {mime type: text, or JSON}; pictures in base64."""
    found: dict[str, Any] = {}
    method = getattr(type(value), "_repr_mimebundle_", None)
    if method is not None:
        data = method(value)
        found |= data[0] if isinstance(data, tuple) else data or {}
    for name, mime in METHODS.items():
        if mime not in found and hasattr(type(value), name):
            data = getattr(value, name)()
            if data is not None:
                found[mime] = data[0] if isinstance(data, tuple) else data
    if is_figure(value):
        found["image/png"] = draw(value)
    found.setdefault("text/plain", plain_text(value))
    return {mime: base64.b64encode(data).decode() if isinstance(data, bytes) else data for mime, data in found.items()}


def plain_text(value: Any) -> str:
    """Return the repr of a value, of a long list, tuple, set or dict over several lines."""
    if type(value) in (list, tuple, set, dict):
        return pprint.pformat(value, width=79, compact=True, sort_dicts=False)
    return repr(value)


class DisplayHandle:
    """An output that can be replaced."""

    def __init__(self, display_id: str) -> None:
        self.display_id = display_id

    def display(self, value: Any, **options: Any) -> None:
        display(value, display_id=self.display_id, **options)

    def update(self, value: Any, **options: Any) -> None:
        update_display(value, display_id=self.display_id, **options)


def display(*values: Any, raw: bool = False, display_id: Any = None, metadata: Any = None, **options: Any) -> Any:
    """Show values below the cell; raw: they are bundles {mime type: text}. With a display_id, return a handle of the output."""
    from live_kernel import send

    name = uuid.uuid4().hex if display_id is True else display_id
    for value in values:
        output = {"output_type": "display_data", "data": value if raw else bundle(value), "metadata": metadata or {}}
        send(output | ({"transient": {"display_id": name}} if name else {}))
    return DisplayHandle(name) if name else None


def update_display(value: Any, *, display_id: str, raw: bool = False, metadata: Any = None, **options: Any) -> None:
    """Replace the output that was shown with this display_id."""
    from live_kernel import send

    data = value if raw else bundle(value)
    send({"output_type": "update_display_data", "display_id": display_id, "data": data, "metadata": metadata or {}})


def clear_output(wait: bool = False) -> None:
    """Remove what the cell has shown; wait: when the next output comes."""
    from live_kernel import send

    send({"output_type": "clear_output", "wait": bool(wait)})


# ---- figures of matplotlib ----


def is_figure(value: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def draw(figure: Any) -> bytes:
    """Return a figure as a PNG."""
    png = io.BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight", dpi=figure.dpi)
    return png.getvalue()


def flush_figures() -> None:
    """Show the open figures of pyplot, and close them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        for number in pyplot.get_fignums():
            display(pyplot.figure(number))
        pyplot.close("all")


def close_figures() -> None:
    """Close the open figures of pyplot."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


# ---- objects ----


class _Shown:
    """Data in one form, from a text, a file, or an address."""

    method = mime = ""

    def __init__(self, data: Any = None, filename: str | None = None, **options: Any) -> None:
        if data is None and filename is not None:
            with open(filename, "rb") as file:
                data = file.read()
        self.data = data

    def __repr__(self) -> str:
        return f"<IPython.core.display.{type(self).__name__} object>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {self.mime: self.data, "text/plain": repr(self)}


class HTML(_Shown):
    mime = "text/html"


class Markdown(_Shown):
    mime = "text/markdown"


class SVG(_Shown):
    mime = "image/svg+xml"


class JSON(_Shown):
    mime = "application/json"


class Javascript(_Shown):
    mime = "application/javascript"


class Latex(_Shown):
    mime = "text/latex"


class Math(Latex):
    def __init__(self, data: str) -> None:
        super().__init__(f"$\\displaystyle {data.strip('$')}$")


class Image(_Shown):
    """A picture, as bytes, or from a file."""

    def __init__(self, data: Any = None, filename: str | None = None, format: str = "png", **options: Any) -> None:
        if isinstance(data, str):
            data, filename = None, data
        super().__init__(data, filename)
        self.mime = "image/" + format
