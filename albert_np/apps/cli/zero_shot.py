"""Options of zero-shot, for `predict` and `evaluate`."""

import json
from typing import Annotated

import typer

from albert_np.apps.cli.common import option

AnsweringTask = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="The task of the model (see finetune); or zero-shot, if it is one of natural language inference."
    ),
]
LabelsOption = Annotated[
    list[str] | None,
    option(
        "--labels", 'For zero-shot: the labels to choose from, "a,b"; with commas in them, as JSON: \'["a, b"]\'', "Zero-shot"
    ),
]
TemplateOption = Annotated[
    str | None,
    option("--template", "For zero-shot: a sentence with {} in the place of the label [This example is {}.]", "Zero-shot"),
]
MultiLabelOption = Annotated[bool, option("--multi-label", "For zero-shot: several labels may hold for a text.", "Zero-shot")]


def as_task_options(labels: list[str] | None, template: str | None, multi_label: bool) -> list[str]:
    """Return the options that are given, as --option takes them. Labels of a repeated --labels are all meant."""
    from albert_np.tasks.options import read_option

    joined = labels[0] if labels else None
    if labels and len(labels) > 1:
        joined = json.dumps([label for each in labels for label in read_option("--labels", list, each, typed=True)])
    given = {"labels": joined, "template": template, "multi_label": "true" if multi_label else None}
    return [f"{name}={value}" for name, value in given.items() if value is not None]
