"""The workspace of a command: the one that is named, that of the folder, the default, or the only one."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster_cli.errors import Problem, Usage
from muster_cli.server import Server
from muster_client.api.workspaces import workspaces_list

Row = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    id: str
    reason: str
    """Words about where it comes from."""
    is_default: bool = False
    """Taken from the profile as it is: nobody has asked the server for it."""


def every(server: Server) -> list[Row]:
    """All that the token may see. Raises Problem where it is none."""
    rows = list(server.pages(workspaces_list.request(), "workspaces"))
    if not rows:
        here = "No workspace is here yet: make one with ./muster workspace add PATH. The demo starts at the first login in the browser."
        raise Problem(
            here if server.profile.is_of_this_machine else "This token may see no workspace: ask an admin of one for access."
        )
    return rows


def choose(server: Server, *, named: str) -> Choice:
    """The first that there is: `named`, by --workspace or MUSTER_WORKSPACE; that whose repository has this folder; the default; the only one,
    beside which demos do not count. Raises Usage."""
    if named.startswith("ws_"):
        return Choice(named, "it is named")
    default = server.profile.workspace
    folders = _folders() if server.profile.is_of_this_machine and not named else []
    if default.startswith("ws_") and not named and not folders:
        return Choice(default, "it is the default", is_default=True)
    rows = every(server)
    if named:
        return Choice(matching(rows, named)["id"], "it is named")
    if here := _around(rows, folders):
        kept = [row for row in here if row["id"] == default]
        return Choice(_only(kept or here, rows)["id"], "this folder is in its repository")
    if default:
        known = [row for row in rows if default in (row["id"], row["name"])]
        if not known:
            raise gone(default, rows)
        return Choice(_only(known, rows)["id"], "it is the default")
    real = list(server.pages(workspaces_list.request(demos=False), "workspaces")) if len(rows) > 1 else rows
    return Choice(_only(real or rows, rows)["id"], "it is the only one")


def matching(rows: list[Row], named: str) -> Row:
    """The workspace of this id or name. Raises Usage."""
    chosen = [row for row in rows if named in (row["id"], row["name"])]
    if len(chosen) == 1:
        return chosen[0]
    sentence = f"Several workspaces are named {named}: use the id." if chosen else f"There is no workspace {named}."
    raise Usage(f"{sentence} There are: {_listed(rows)}")


def check(server: Server, choice: Choice) -> None:
    """After a refusal: raises Usage where the default is gone."""
    if choice.is_default:
        rows = every(server)
        if choice.id not in [row["id"] for row in rows]:
            raise gone(choice.id, rows) from None


def gone(default: str, rows: list[Row]) -> Usage:
    return Usage(f"The default workspace {default} is gone. Keep another: muster use NAME. There are: {_listed(rows)}")


def _only(chosen: list[Row], rows: list[Row]) -> Row:
    if len(chosen) == 1:
        return chosen[0]
    raise Usage(
        f"Which workspace? Name one with --workspace, or keep one as the default: muster use NAME. There are: {_listed(rows)}"
    )


def _listed(rows: Iterable[Row]) -> str:
    return ", ".join(f"{row['name']} ({row['id']})" for row in rows)


def _folders() -> list[Path]:
    """This folder and those around it, the nearest first, where one of them is a repository; else none: no server needs to be asked."""
    try:
        here = Path.cwd()
    except OSError:
        return []
    around = [here, *here.parents]
    return around if any(map(_is_repository, around)) else []


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


def _around(rows: list[Row], folders: list[Path]) -> list[Row]:
    """The workspaces of the nearest repository."""
    paths = [Path(row["repo"]).resolve() if row["repo"].startswith("/") else None for row in rows]
    nearest = next((folder for folder in folders if folder in paths), None)
    return [row for row, path in zip(rows, paths, strict=True) if nearest and path == nearest]
