"""`login` and `workspaces`: a server, a token, and what it may see."""

import sys
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from muster_cli import profiles
from muster_cli.errors import LoginNeeded, Usage
from muster_cli.output import note, table, usd
from muster_cli.run import Run, command
from muster_cli.server import Server
from muster_client.api.workspaces import workspaces_list

UrlArgument = Annotated[str | None, typer.Argument(metavar="[URL]", help="The server's address.", show_default=False)]
StdinOption = Annotated[bool, typer.Option("--with-token", help="Read a token from stdin.")]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def login(run: Run, url: UrlArgument = None, with_token: StdinOption = False) -> None:
    """Keep a server and a token under the name of a profile. Make a token on your account's page, and paste it."""
    name = run.profile_name or "default"
    try:
        known = profiles.load(run.profile_name)
    except Usage:
        known = profiles.Profile(name)
    address = profiles.checked_url(url or known.url or _ask("Address of the server: "))
    if urlsplit(address).scheme == "http" and urlsplit(address).hostname not in LOOPBACK:
        note(f"{address} is not encrypted: the network between sees your token.")
    token = sys.stdin.read().strip() if with_token else _ask_for_token(address)
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise Usage("That is no token.")
    profile = profiles.Profile(name, address, token, run.workspace_name or "")
    workspaces = _seen_with(profile, run)
    path = profiles.save(profile)
    document = {"profile": name, "url": address, "workspaces": workspaces}
    seen = ", ".join(row["name"] for row in workspaces) or "no workspace yet"
    run.output.show(document, None, lambda: [f"Logged in to {address}: {seen}.", f"Saved as profile {name} in {path}."])


def list_workspaces(run: Run) -> None:
    """List the workspaces that you may see."""
    document = run.server.call(workspaces_list.request())
    rows = document["workspaces"]
    columns = [
        ("ID", lambda row: row["id"]),
        ("STATE", lambda row: row["state"]),
        ("CAP", lambda row: usd(row["max_project_spend_usd"])),
        ("NAME", lambda row: row["name"]),
    ]
    run.output.show(document, rows, lambda: table(rows, columns, empty="No workspace."))


def register(app: typer.Typer) -> None:
    command(app, "login")(login)
    command(app, "workspaces", refreshes=True)(list_workspaces)


def _seen_with(profile: profiles.Profile, run: Run) -> list[dict[str, Any]]:
    """The workspaces that the token may see: nothing is saved before the server has taken it."""
    try:
        rows: list[dict[str, Any]] = Server(profile, note, run.transport).call(workspaces_list.request())["workspaces"]
    except LoginNeeded:
        raise LoginNeeded(f"{profile.url} does not take this token.") from None
    return rows


def _ask_for_token(address: str) -> str:
    note(f"Make a token at {address}/account/ and paste it. It is not shown.")
    return _ask("Token: ", hidden=True)


def _ask(question: str, *, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise Usage("Without a terminal: muster login URL --with-token, with the token on stdin.")
    import getpass  # which nothing else needs

    return (getpass.getpass(question) if hidden else input(question)).strip()
