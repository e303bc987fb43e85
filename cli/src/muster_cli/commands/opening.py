"""`open`: the page in a browser."""

import sys
import webbrowser
from typing import Annotated
from urllib.parse import quote

import typer

from muster_cli.completion.entries import entries_and_runs
from muster_cli.entry_names import entry_id
from muster_cli.run import Run, command

TargetArgument = Annotated[
    str | None,
    typer.Argument(metavar="ENTRY|RUN", help="Else the workspace.", show_default=False, autocompletion=entries_and_runs),
]
PrintOption = Annotated[bool, typer.Option("--print", help="Only print the address.")]


def open_page(run: Run, target: TargetArgument = None, only_print: PrintOption = False) -> None:
    """Open the page of the workspace, an entry or a run. Without a terminal: print its address."""
    address = f"{run.profile.url}/w/{quote(run.workspace)}/"
    if target is not None and target.startswith("run_"):
        address += f"backlog/plans/{quote(target)}/"
    elif target is not None:
        address += f"backlog/{quote(entry_id(run, target))}/"
    is_opened = not only_print and not run.output.is_for_programs and sys.stdout.isatty() and webbrowser.open(address)
    run.output.show({"url": address}, None, lambda: [f"Opened {address}" if is_opened else address])


def register(app: typer.Typer) -> None:
    command(app, "open")(open_page)
