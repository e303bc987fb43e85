"""Entries as people name them: by number, or by id."""

import re
from typing import Annotated, Any

import typer

from muster_cli.completion.entries import entries
from muster_cli.errors import Problem, Usage
from muster_cli.run import Run
from muster_client.api.todo import todo_entry_get, todo_get
from muster_client.types import UNSET

EntryArgument = Annotated[
    str, typer.Argument(metavar="ENTRY", help="Its number or its id.", show_default=False, autocompletion=entries)
]


def entry(run: Run, name: str) -> dict[str, Any]:
    """The entry as the server has it now."""
    row: dict[str, Any]
    if name.startswith("entry_"):
        row = run.server.call(todo_entry_get.request(run.workspace, name))
        return row
    number = int(checked(name))
    before = str(number - 1) if number > 1 else UNSET  # the cursor of this list is the number of the last entry of a page
    for row in run.server.call(todo_get.request(run.workspace, limit=1, cursor=before))["entries"]:
        if row["seq"] == number:
            return dict(row)
    raise absent(number)


def checked(name: str) -> str:
    """The number without its sign, or the id. Raises Usage for anything else."""
    if not name.startswith("entry_") and not re.fullmatch(r"#?\d{1,9}", name):
        raise Usage(f"{name} is neither the number nor the id of an entry.")
    return name.removeprefix("#")


def absent(number: int | str) -> Problem:
    return Problem(f"There is no entry {number} in this workspace.")


def entry_id(run: Run, name: str) -> str:
    return name if name.startswith("entry_") else str(entry(run, name)["id"])


def title(row: dict[str, Any]) -> str:
    """The first line of an entry's text."""
    return next((line.strip() for line in str(row["content"]).splitlines() if line.strip()), "")
