"""`./muster` on the server has the commands of the package."""

from types import ModuleType

import pytest

from muster_cli.main import app, register
from tests.config.test_launcher import muster

__all__ = ["muster"]


def test_every_command_of_the_package_is_one_of_the_servers_too(muster: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    register([])
    theirs = {command.name or "" for command in app.registered_commands}
    elsewhere = {"login", "logout", "profiles"}  # they are about other servers
    assert set(muster.OF_CLI) == theirs - elsewhere - set(muster.COMMANDS)
    calls: list[list[str]] = []
    monkeypatch.setattr(muster, "ensure", lambda kind: None)
    monkeypatch.setattr(muster, "terminal", calls.append)
    monkeypatch.setattr(muster, "entries", lambda words: calls.append(["manage", "entries", *words]))
    monkeypatch.setattr(muster, "COMMANDS", muster.COMMANDS | {"entries": muster.entries})
    for words in (["status", "--json", "budget"], ["entries", "--status", "done"], ["entries", "add", "plan.md"]):
        monkeypatch.setattr(muster.sys, "argv", ["muster", *words])
        muster.main()
    assert calls == [["status", "--json", "budget"], ["entries", "--status", "done"], ["manage", "entries", "add", "plan.md"]]
