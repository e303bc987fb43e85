"""`files`: list the files that git ignores and clones get, put one, and remove one."""

import base64
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from muster_cli.errors import Problem, Usage
from muster_cli.output import Column, table, time_of
from muster_cli.run import Run, command
from muster_client.api.config import files_delete, files_list, files_set
from muster_client.models import FileIn

MAX_BYTES = 256 * 1024  # the server's bound: a larger one is not even read
VerbArgument = Annotated[
    Literal["list", "put", "remove"],
    typer.Argument(metavar="list|put|remove", help="put PATH, or remove PATH.", show_default=False),
]
PathArgument = Annotated[
    str | None, typer.Argument(metavar="PATH", help="put: a file here. remove: its path in a clone.", show_default=False)
]
AsOption = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="put: its path in a clone. Without it: PATH.", show_default=False),
]

FILES: list[Column] = [
    ("PATH", lambda row: row["path"]),
    ("BYTES", lambda row: row["size"]),
    ("CHANGED", lambda row: time_of(row["changed_at"])),
    ("BY", lambda row: row["changed_by"]),
    ("NOT WRITTEN INTO CLONES", lambda row: row["unused"] or ""),
]


def files(run: Run, verb: VerbArgument = "list", path: PathArgument = None, name: AsOption = None) -> None:
    """List the files that git ignores and clones get, put one there, or remove one: files put .env."""
    if (path is None) != (verb == "list") or (name is not None and verb != "put"):
        raise Usage("Write files list, files put PATH, files put PATH --as NAME, or files remove PATH.")
    if path is None:
        document = run.server.call(files_list.request(run.workspace))
        run.output.show(document, document["files"], lambda: _lines(document))
    elif verb == "put":
        row = run.server.call(files_set.request(run.workspace, name or path, body=FileIn(content=_content(path))))
        run.output.show(row, None, lambda: [f"{row['path']} is saved.", *_unused(row)])
    else:
        document = run.server.call(files_delete.request(run.workspace, path))
        run.output.show(document, None, lambda: [f"{path} is removed."])


def register(app: typer.Typer) -> None:
    command(app, "files")(files)


def _content(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:
        raise Problem(f"{path} cannot be read: {getattr(problem, 'strerror', None) or problem}.") from None
    if len(content) > MAX_BYTES:
        raise Problem(f"{path} has more than {MAX_BYTES // 1024} KiB.")
    return base64.b64encode(content).decode()


def _lines(document: dict[str, Any]) -> list[str]:
    missing = (f"{name} is named in .worktreeinclude and missing: muster files put {name}" for name in document["missing"])
    return [*table(document["files"], FILES, empty="No files."), *missing]


def _unused(row: dict[str, Any]) -> list[str]:
    return [f"It is not written into clones: {row['unused']}."] if row["unused"] else []
