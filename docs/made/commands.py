"""All commands of albert-np with their options, from their definitions. `python docs/made/commands.py` prints it."""

import re
from collections.abc import Iterator
from typing import Any

OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*)")
NO_PANEL = "Options"  # heading of the options without a panel


def text() -> str:
    """Return all commands in Markdown, in the order of `albert-np --help`."""
    import typer

    from albert_np.apps.cli import app

    return "\n\n".join(section(name, command) for name, command in list_commands(typer.main.get_command(app()), ""))


def list_commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield ("tokenizer train", command) for each command that is not a group."""
    if hasattr(command, "commands"):
        for part, inner in command.commands.items():
            yield from list_commands(inner, f"{name} {part}".strip())
    else:
        yield name, command


def section(name: str, command: Any) -> str:
    """Return one command in Markdown: description, usage, options by panel."""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([f"albert-np {name}", *(placeholder(each) for each in arguments), "[OPTIONS]"])
    paragraphs, example = split_help(command.help or "")
    parts = [f"## {name}", *paragraphs, f"```\n{usage}\n```", *(["For example:", f"```\n{example}\n```"] if example else [])]
    if arguments:
        parts.append(table("Argument", [(f"`{argument_name(each)}`", describe(each)) for each in arguments]))
    panels: dict[str, list[tuple[str, str]]] = {}
    for each in command.params:
        if each.param_type_name == "option" and not each.hidden:
            row = (format_option(each), describe(each))
            panels.setdefault(getattr(each, "rich_help_panel", None) or NO_PANEL, []).append(row)
    parts += [table(panel, rows) for panel, rows in panels.items()]
    return "\n\n".join(parts)


def split_help(help: str) -> tuple[list[str], str]:
    """Split a docstring into its paragraphs and the command after "Example:"."""
    lines = [" ".join(paragraph.split()) for paragraph in help.split("\n\n")]
    example = next((line.removeprefix("Example: ") for line in lines if line.startswith("Example: ")), "")
    return [escape(line) for line in lines if line and not line.startswith("Example: ")], example


def argument_name(argument: Any) -> str:
    return (argument.metavar or argument.name or "").strip("[]").upper()


def placeholder(argument: Any) -> str:
    return argument_name(argument) if argument.required else f"[{argument_name(argument)}]"


def format_option(option: Any) -> str:
    """`-o`, `--option` KEY=VALUE"""
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    return f"{names} {escape((option.metavar or value_name(option)).replace('|', ' | '))}"


def value_name(option: Any) -> str:
    """Return a name for the value of an option without metavar. Newer typer has the annotation, older typer the type."""
    descriptor = getattr(option, "type_descriptor", None)
    text = str(descriptor.annotation) if descriptor else option.type.name
    signs = {"int": "N", "float": "X", "path": "PATH"}
    return next((sign for name, sign in signs.items() if name in text.lower()), "TEXT")


def describe(parameter: Any) -> str:
    """Return the help of a parameter, whether it is required, and its default unless the help has it in [ ]."""
    text = escape(getattr(parameter, "help", None) or "")
    value = parameter.default
    if parameter.required:
        return f"{text} *Required.*"
    shown = getattr(parameter, "show_default", True) is not False and not getattr(parameter, "is_flag", False)
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
    return f"{text} Default: `{value}`." if shown and plain else text


def escape(text: str) -> str:
    """Escape plain text for a Markdown table."""
    for sign in ("|", "<", "[", "]", "*", "_"):
        text = text.replace(sign, "\\" + sign)
    return OPTION.sub(r"`\1`", text)


def table(head: str, rows: list[tuple[str, str]]) -> str:
    return "\n".join([f"| {head} | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


if __name__ == "__main__":
    print(text())
