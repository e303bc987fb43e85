"""Names that all commands share: profiles, workspaces, fields of JSON."""

import re
from collections.abc import Iterator

import typer

from muster_cli import documents, profiles
from muster_cli.completion.quiet import Candidate, quiet, server
from muster_client.api.workspaces import workspaces_list


@quiet
def profile_names(context: typer.Context, incomplete: str) -> Iterator[Candidate]:
    for profile in profiles.every():
        yield profile.name, profile.url


@quiet
def workspaces(context: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """By name, or by id where the name has spaces or is the name of several."""
    rows = list(server(context).pages(workspaces_list.request(), "workspaces"))
    names = [row["name"] for row in rows]
    for row in rows:
        is_clear = re.fullmatch(r"[\w.-]+", row["name"]) and names.count(row["name"]) == 1
        yield (row["name"], row["id"]) if is_clear and not incomplete.startswith("ws_") else (row["id"], row["name"])


@quiet
def fields(context: typer.Context, incomplete: str) -> Iterator[Candidate]:
    """The last of several with commas between."""
    chosen = incomplete.split(",")[:-1]
    for name in sorted(documents.fields(context.info_name or "") - set(chosen)):
        yield ",".join([*chosen, name]), ""


@quiet
def documented_commands(context: typer.Context, incomplete: str) -> Iterator[Candidate]:
    for name in documents.DOCUMENTS:
        yield name, ""
