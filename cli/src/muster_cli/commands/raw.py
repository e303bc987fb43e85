"""`api`: any call, as gh has it."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from muster_cli.errors import LoginNeeded, Problem, Usage
from muster_cli.output import write
from muster_cli.run import Run, command
from muster_cli.server import Request, error_sentence

PathArgument = Annotated[
    str, typer.Argument(metavar="PATH", help="Below the workspace, such as todo; or from /api.", show_default=False)
]
MethodOption = Annotated[str | None, typer.Option("--method", "-X", help="GET, or POST with a body.", show_default=False)]
FieldOption = Annotated[
    list[str] | None, typer.Option("--field", "-F", metavar="KEY=VALUE", help="JSON value, else text. Repeatable.")
]
RawOption = Annotated[list[str] | None, typer.Option("--raw-field", "-f", metavar="KEY=TEXT", help="A text. Repeatable.")]
InputOption = Annotated[str | None, typer.Option("--input", metavar="FILE", help="The body. - reads stdin.")]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def api(
    run: Run,
    path: PathArgument,
    method: MethodOption = None,
    field: FieldOption = None,
    raw_field: RawOption = None,
    body: InputOption = None,
) -> None:
    """Make a call of the API and print its answer. Fields of a GET are its query."""
    fields = {**_pairs(field, as_json=True), **_pairs(raw_field, as_json=False)}
    verb = (method or ("POST" if fields or body else "GET")).upper()
    if verb not in METHODS:
        raise Usage(f"{verb} is none of {', '.join(METHODS)}.")
    request: Request = {"method": verb.lower(), "url": _url(run, path)}
    if body is not None:
        request |= {"content": _content(body), "headers": {"Content-Type": "application/json"}, "params": fields}
    elif verb == "GET":
        request["params"] = fields
    elif fields:
        request["json"] = fields
    response = run.server.answer(request)
    _print(run, response.text)
    if response.status_code == 401:
        raise LoginNeeded(run.profile.refusal)
    if not response.is_success:
        raise Problem(error_sentence(response))


def register(app: typer.Typer) -> None:
    command(app, "api")(api)


def _url(run: Run, path: str) -> str:
    """A path of this server: the token goes nowhere else."""
    if "://" in path or path.startswith("//"):
        raise Usage("A path of this server, not an address.")
    if path.startswith("/api/"):
        return path.replace("{workspaceID}", quote(run.workspace)) if "{workspaceID}" in path else path
    if path.startswith("/"):
        raise Usage("A path below the workspace has no / at its start; any other one begins with /api/.")
    return f"/api/v1/workspaces/{quote(run.workspace)}/orchestration/{path}"


def _pairs(texts: list[str] | None, *, as_json: bool) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Usage(f"{text}: fields are KEY=VALUE.")
        pairs[key] = _value(value) if as_json else value
    return pairs


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _content(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as problem:
        raise Usage(f"{path} cannot be read: {problem}") from None


def _print(run: Run, text: str) -> None:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if document is not None and run.output.is_for_programs:
        run.output.show(document, None, list)
    elif text:
        write(text.removesuffix("\n"), as_it_is=True)
