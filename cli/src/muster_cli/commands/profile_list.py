"""`profiles` and `use`: the servers that were logged in to, and the workspace that commands use there."""

from dataclasses import asdict
from typing import Annotated

import typer

from muster_cli import profiles
from muster_cli.completion.names import workspaces
from muster_cli.errors import Usage
from muster_cli.output import Column, note, table, time_of
from muster_cli.profiles import Profile
from muster_cli.run import Run, command
from muster_cli.workspaces import choosing

NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="The id or the name of a workspace.", show_default=False, autocompletion=workspaces),
]
COLUMNS: list[Column] = [
    ("PROFILE", lambda row: row["name"]),
    ("ENDS", lambda row: _end(Profile(**row))),
    ("WORKSPACE", lambda row: row["workspace"]),
    ("SERVER", lambda row: row["url"]),
]


def list_profiles(run: Run) -> None:
    """List the profiles of the config file, without their tokens. Needs no server."""
    rows = [{name: asdict(each)[name] for name in ("name", "url", "workspace", "expires")} for each in profiles.every()]
    run.output.show({"profiles": rows}, rows, lambda: table(rows, COLUMNS, empty="No profiles yet: muster login URL"))


def use(run: Run, name: NameArgument = None) -> None:
    """Keep a workspace as the default of commands; without NAME, say which one they use here. Commands use the first that there is:
    -w or --workspace; the variable MUSTER_WORKSPACE; the workspace whose repository the current folder lies in, where the server is on
    this machine; the default that this command keeps (also ./muster workspace add does); the only workspace, beside which demos do not
    count."""
    rows = choosing.every(run.server)
    if name is not None:
        if run.workspace_name:
            raise Usage("Name the workspace once, without --workspace.")
        profiles.keep_workspace(run.profile, choosing.matching(rows, name)["id"])
        run.server.profile = run.profile = profiles.load(run.profile_name)
    choice = run.choice
    row = choosing.matching(rows, choice.id)
    document = {"workspace": row, "reason": choice.reason}
    run.output.show(document, None, lambda: [f"Commands use {row['name']} ({row['id']}) here: {choice.reason}."])
    if name is not None and row["id"] != run.profile.workspace:
        note("The default is kept for other places.")


def register(app: typer.Typer) -> None:
    command(app, "profiles")(list_profiles)
    command(app, "use")(use)


def _end(profile: Profile) -> str:
    if profile.is_over:
        return f"expired: {profile.login}"
    try:
        return time_of(profile.expires) if profile.expires else ""
    except ValueError:  # written by hand
        return profile.expires
