"""`schema`: what a program can expect of a command."""

import json
from typing import Annotated

import typer

from muster_cli.completion.names import documented_commands
from muster_cli.documents import DOCUMENTS, schema
from muster_cli.errors import Usage
from muster_cli.run import end

NameArgument = Annotated[
    str | None, typer.Argument(metavar="COMMAND", help="One of them.", show_default=False, autocompletion=documented_commands)
]


def print_schema(name: NameArgument = None) -> None:
    """Print the JSON Schema of what a command prints with -o json. Needs no server. Without a command: list those that have one."""
    end(lambda: print("\n".join(DOCUMENTS) if name is None else json.dumps(schema(_known(name)), indent=2)))


def register(app: typer.Typer) -> None:
    app.command("schema")(print_schema)


def _known(name: str) -> str:
    if name not in DOCUMENTS:
        raise Usage(f"{name} prints no JSON of its own. There are: {', '.join(DOCUMENTS)}")
    return name
