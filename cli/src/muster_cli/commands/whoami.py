"""`whoami`: the person whom the server sees behind this token."""

from typing import Any

import typer

from muster_cli.errors import Refused
from muster_cli.output import note, time_of
from muster_cli.run import Run, command
from muster_cli.server import UNKNOWN_CALL, Server
from muster_client.api.people import me_get
from muster_client.api.workspaces import workspaces_list

KINDS = {
    "login": "a login, which may do what you may",
    "personal": "a personal token",
    "service": "a token without an owner",
    "session": "an agent's token",
}


def whoami(run: Run) -> None:
    """Name the person or token that the server sees, with roles and the end of the token."""
    document = known_as(run.server)
    if document is not None:
        run.output.show(document, None, lambda: _lines(run, document))
        return
    workspaces = list(run.server.pages(workspaces_list.request(), "workspaces"))
    known = {"profile": run.profile.name, "url": run.profile.url, "workspaces": workspaces}
    run.output.show(known, None, lambda: _lines_of_older(run, workspaces))


def known_as(server: Server) -> dict[str, Any] | None:
    """The server's answer, with all workspaces. None: it is older than this call."""
    try:
        document: dict[str, Any] = server.call(me_get.request())
    except Refused as refusal:
        if refusal.status in UNKNOWN_CALL:
            return None
        raise
    while document["next_cursor"]:
        page = server.call(me_get.request(cursor=document["next_cursor"]))
        document = {**page, "workspaces": [*document["workspaces"], *page["workspaces"]]}
    return document


def called(document: dict[str, Any]) -> str:
    """`ana`, or `the token ci` where nobody owns it."""
    token = document["token"]
    return str(document["name"] or f"the token {token['name']}")


def register(app: typer.Typer) -> None:
    command(app, "whoami")(whoami)


def _lines(run: Run, document: dict[str, Any]) -> list[str]:
    token = document["token"]
    email = f" ({document['email']})" if document["email"] else ""
    lines = [f"{called(document)}{email} at {run.profile.url}"]
    if document["role"]:
        lines.append(f"{document['role']} in every workspace")
    lines += [f"{row['role']} in {row['name']} ({row['id']})" for row in document["workspaces"]]
    if not document["role"] and not document["workspaces"]:
        lines.append("No role in any workspace.")
    if token:
        end = f"ends {time_of(token['expires_at'])}" if token["expires_at"] else "without an end"
        lines.append(f"Token: {KINDS.get(token['kind'], token['kind'])}, {end}")
    return lines


def _lines_of_older(run: Run, workspaces: list[dict[str, Any]]) -> list[str]:
    note(f"{run.profile.url} is older than this command: it does not name its caller.")
    return [f"Profile {run.profile.name} at {run.profile.url}", *(f"May see {row['name']} ({row['id']})" for row in workspaces)]
