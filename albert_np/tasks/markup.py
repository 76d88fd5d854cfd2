"""Markup of lines for the terminal."""


def escape(text: str) -> str:
    """Return the text so that rich sees no markup in it."""
    from rich import markup  # here, since the tasks need it only in a terminal

    return markup.escape(text)
