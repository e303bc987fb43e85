"""`login`, `logout` and `workspaces`: a server, a token, and what it may see."""

import os
import sys
import time
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from muster_cli import addresses, devices, profiles
from muster_cli.commands.whoami import called, known_as
from muster_cli.errors import LoginNeeded, Problem, Refused, Usage
from muster_cli.output import note, table, usd
from muster_cli.run import Run, command
from muster_cli.server import UNKNOWN_CALL, Server
from muster_client.api.workspaces import workspaces_list

UrlArgument = Annotated[str | None, typer.Argument(metavar="URL", help="The server's address.", show_default=False)]
WebOption = Annotated[bool, typer.Option("--web", help="Open the page that confirms the code.")]
StdinOption = Annotated[bool, typer.Option("--with-token", help="Read a token from stdin.")]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def login(run: Run, url: UrlArgument = None, with_token: StdinOption = False, web: WebOption = False) -> None:
    """Log in to a server, and keep it under the name of a profile. A page of the server confirms the code that is shown here."""
    name = run.profile_name or "default"
    try:
        known = profiles.load(run.profile_name)
    except Usage:
        known = profiles.Profile(name)
    address = profiles.checked_url(url or known.url or _ask("Address of the server: "))
    if urlsplit(address).scheme == "http" and urlsplit(address).hostname not in LOOPBACK:
        note(f"{address} is not encrypted: the network between sees your token.")
    address = addresses.root(address, lambda url: _without_token(url, run))
    token = devices.Token(sys.stdin.read().strip(), "") if with_token else _token(address, run, with_browser=web)
    if not token.secret.isascii() or not token.secret.isprintable() or not token.secret or " " in token.secret:
        raise Usage("That is no token.")
    before = _saved_as(name)
    kept = before.workspace if before and before.url == address else ""
    profile = profiles.Profile(name, address, token.secret, run.workspace_name or kept, token.expires)
    server = Server(profile, note, run.transport)
    workspaces = _seen_with(server)
    path = profiles.save(profile)
    if before and before.expires and before.url == address and before.token != token.secret:
        devices.revoke(_without_token(address, run), before.token)  # the login before: else each leaves a token for a month
    document = {"profile": name, "url": address, "workspaces": workspaces}
    seen = ", ".join(row["name"] for row in workspaces) or "no workspace yet"
    end = f"The token ends on {profile.expires[:10]}. " if profile.expires else ""
    lines = [
        f"Logged in to {address}{_person(server)}: {seen}.",
        f"Saved as profile {name} in {path}.",
        f"{end}Next: muster status{profile.option}",
    ]
    run.output.show(document, None, lambda: lines)
    if run.profile_name is None and os.environ.get("MUSTER_TOKEN"):
        note("MUSTER_TOKEN is set: commands use it, and not this login, until you unset it.")


def logout(run: Run) -> None:
    """Revoke the token of a login at its server, and forget the profile."""
    profile = profiles.saved(run.profile_name)
    why = devices.revoke(_without_token(profile.url, run), profile.token) if profile.token else ""
    profiles.forget(profile.name)
    document = {"profile": profile.name, "url": profile.url, "revoked": not why}
    run.output.show(document, None, lambda: [f"Logged out of {profile.url}."])
    if why:
        raise Problem(f"The profile is forgotten, and its token still works: {why}")


def list_workspaces(run: Run) -> None:
    """List the workspaces that you may see."""
    rows = list(run.server.pages(workspaces_list.request(), "workspaces"))
    columns = [
        ("ID", lambda row: row["id"]),
        ("STATE", lambda row: row["state"]),
        ("CAP", lambda row: usd(row["max_project_spend_usd"])),
        ("NAME", lambda row: row["name"]),
    ]
    run.output.show({"workspaces": rows, "next_cursor": None}, rows, lambda: table(rows, columns, empty="No workspace."))


def register(app: typer.Typer) -> None:
    command(app, "login")(login)
    command(app, "logout")(logout)
    command(app, "workspaces", refreshes=True)(list_workspaces)


def _seen_with(server: Server) -> list[dict[str, Any]]:
    """The workspaces that the token may see: nothing is saved before the server has taken it."""
    try:
        rows = list(server.pages(workspaces_list.request(), "workspaces"))
    except LoginNeeded:
        raise LoginNeeded(f"{server.url} does not take this token.") from None
    except Refused as refusal:
        raise addresses.no_muster(server.url) if refusal.status in UNKNOWN_CALL else refusal from None
    return rows


def _person(server: Server) -> str:
    """Empty where the server does not name its caller: the login counts without a name."""
    try:
        me = known_as(server)
    except Problem:
        return ""
    return f" as {called(me)}" if me else ""


def _saved_as(name: str) -> profiles.Profile | None:
    try:
        return profiles.saved(name)
    except Usage:
        return None


def _without_token(address: str, run: Run) -> Server:
    return Server(profiles.Profile(run.profile_name or "default", address), note, run.transport)


def _token(address: str, run: Run, *, with_browser: bool) -> devices.Token:
    server = _without_token(address, run)
    asked = devices.ask(server)
    if asked is None:
        if not server.is_a_muster():
            raise addresses.no_muster(address)
        note(f"{address} is older than logins by code.")
        return devices.Token(_ask_for_token(address), "")
    note(f"Open {asked.page} and type the code {asked.user_code}\nOr open {asked.complete_page}\nWaiting; Ctrl-C ends it.")
    if with_browser:
        import webbrowser  # which nothing else here needs

        webbrowser.open(asked.complete_page)
    return devices.wait(server, asked, time.sleep)


def _ask_for_token(address: str) -> str:
    note(f"Make a token at {address}/account/ and paste it. It is not shown.")
    return _ask("Token: ", hidden=True)


def _ask(question: str, *, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise Usage("Without a terminal: muster login URL --with-token, with the token on stdin.")
    import getpass  # which nothing else needs

    return (getpass.getpass(question) if hidden else input(question)).strip()
