"""`profiles`: the servers that were logged in to."""

from dataclasses import asdict

import typer

from muster_cli import profiles
from muster_cli.output import Column, table, time_of
from muster_cli.profiles import Profile
from muster_cli.run import Run, command

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


def register(app: typer.Typer) -> None:
    command(app, "profiles")(list_profiles)


def _end(profile: Profile) -> str:
    if profile.is_over:
        return f"expired: {profile.login}"
    try:
        return time_of(profile.expires) if profile.expires else ""
    except ValueError:  # written by hand
        return profile.expires
