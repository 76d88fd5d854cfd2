"""Every command of albert-np with its options, asked of the command line itself. `python docs/made/commands.py` prints it."""

import re
from collections.abc import Iterator
from typing import Any

OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*)")
EVERYWHERE = "Options"  # the heading of those that have no panel of their own


def text() -> str:
    """All commands in Markdown, in the order in which `albert-np --help` has them."""
    import typer

    from albert_np.apps.cli import app

    return "\n\n".join(section(name, command) for name, command in commands(typer.main.get_command(app()), ""))


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """("tokenizer train", the command) of every command that does something."""
    if hasattr(command, "commands"):
        for part, inner in command.commands.items():
            yield from commands(inner, f"{name} {part}".strip())
    else:
        yield name, command


def section(name: str, command: Any) -> str:
    """One command: what it does, how it is called, its options by panel."""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([f"albert-np {name}", *(placeholder(each) for each in arguments), "[OPTIONS]"])
    said, example = described(command.help or "")
    parts = [f"## {name}", *said, f"```\n{usage}\n```", *(["For example:", f"```\n{example}\n```"] if example else [])]
    if arguments:
        parts.append(table("Argument", [(f"`{shape(each)}`", meaning(each)) for each in arguments]))
    panels: dict[str, list[tuple[str, str]]] = {}
    for each in command.params:
        if each.param_type_name == "option" and not each.hidden:
            row = (spelled(each), meaning(each))
            panels.setdefault(getattr(each, "rich_help_panel", None) or EVERYWHERE, []).append(row)
    parts += [table(panel, rows) for panel, rows in panels.items()]
    return "\n\n".join(parts)


def described(help: str) -> tuple[list[str], str]:
    """The docstring -> its paragraphs, and what follows "Example:"."""
    lines = [" ".join(paragraph.split()) for paragraph in help.split("\n\n")]
    example = next((line.removeprefix("Example: ") for line in lines if line.startswith("Example: ")), "")
    return [escaped(line) for line in lines if line and not line.startswith("Example: ")], example


def shape(argument: Any) -> str:
    return (argument.metavar or argument.name or "").strip("[]").upper()


def placeholder(argument: Any) -> str:
    return shape(argument) if argument.required else f"[{shape(argument)}]"


def spelled(option: Any) -> str:
    """`-o`, `--option` KEY=VALUE"""
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    return f"{names} {escaped((option.metavar or kind(option)).replace('|', ' | '))}"


def kind(option: Any) -> str:
    """What must follow an option that does not say it: newer versions of typer keep the annotation, older ones click's type."""
    described = getattr(option, "type_descriptor", None)
    text = str(described.annotation) if described else option.type.name
    signs = {"int": "N", "float": "X", "path": "PATH"}
    return next((sign for name, sign in signs.items() if name in text.lower()), "TEXT")


def meaning(parameter: Any) -> str:
    """What it does, whether it must be given, and its default where that is said by no [ ] in the help."""
    said = escaped(getattr(parameter, "help", None) or "")
    value = parameter.default
    if parameter.required:
        return f"{said} *Required.*"
    shown = getattr(parameter, "show_default", True) is not False and not getattr(parameter, "is_flag", False)
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
    return f"{said} Default: `{value}`." if shown and plain else said


def escaped(text: str) -> str:
    """Plain text in a Markdown table."""
    for sign in ("|", "<", "[", "]", "*", "_"):
        text = text.replace(sign, "\\" + sign)
    return OPTION.sub(r"`\1`", text)


def table(head: str, rows: list[tuple[str, str]]) -> str:
    return "\n".join([f"| {head} | |", "|---|---|", *(f"| {name} | {said} |" for name, said in rows)])


if __name__ == "__main__":
    print(text())
