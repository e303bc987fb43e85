"""Entries as people name them: by number, or by id."""

import re
from typing import Annotated, Any

import typer

from muster_cli.completion.entries import entries
from muster_cli.errors import Problem, Usage
from muster_cli.run import Run
from muster_client.api.todo import todo_entry_get, todo_get

EntryArgument = Annotated[
    str, typer.Argument(metavar="ENTRY", help="Its number or its id.", show_default=False, autocompletion=entries)
]


def entry(run: Run, name: str) -> dict[str, Any]:
    """The entry as the server has it now."""
    row: dict[str, Any]
    if name.startswith("entry_"):
        row = run.server.call(todo_entry_get.request(run.workspace, name))
        return row
    if not re.fullmatch(r"#?\d{1,9}", name):
        raise Usage(f"{name} is neither the number nor the id of an entry.")
    number = int(name.removeprefix("#"))
    for row in run.server.pages(todo_get.request(run.workspace), "entries"):
        if row["seq"] == number:
            return row
    raise Problem(f"There is no entry {number} in this workspace.")


def entry_id(run: Run, name: str) -> str:
    return name if name.startswith("entry_") else str(entry(run, name)["id"])


def title(row: dict[str, Any]) -> str:
    """The first line of an entry's text."""
    return next((line.strip() for line in str(row["content"]).splitlines() if line.strip()), "")
