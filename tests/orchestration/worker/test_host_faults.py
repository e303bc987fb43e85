"""A failed session's host is examined where the program of its command did not start."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestration.models import Session
from orchestration.sessions import Ending
from orchestration.worker import host_faults

CRASHED = Session.Outcome.CRASHED


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("mine --fast", "mine"),
        (["mine", "--fast"], "mine"),
        ("KEY=1 OTHER=2 mine KEY=3", "mine"),
        ("/opt/a=b/mine --fast", "/opt/a=b/mine"),
        ("KEY=/opt/x mine", "mine"),
        ("< in mine", ""),
        (">out mine", ""),
        ("(cd src; mine)", ""),
        ("mine 'unclosed", ""),
        ("KEY=1", ""),
        ("", ""),
        ([], ""),
    ],
)
def test_a_command_starts_with_its_first_word_that_sets_no_variable(command: str | list[str], program: str) -> None:
    assert host_faults.program_of(command) == program


@pytest.mark.parametrize(
    ("exit_code", "by_host", "is_asked"),
    [(1, False, False), (0, False, False), (None, False, False), (125, False, False), (126, False, True), (127, False, True), (1, True, True)],
)  # fmt: skip
def test_a_host_is_examined_where_a_program_did_not_start(
    monkeypatch: pytest.MonkeyPatch, exit_code: int | None, by_host: bool, is_asked: bool
) -> None:
    session = cast(Any, SimpleNamespace(workspace="shop"))
    monkeypatch.setattr(host_faults, "problem", lambda workspace: f"No sandbox for {workspace}")
    sentence = host_faults.behind(session, Ending(CRASHED, exit_code=exit_code), by_host=by_host)
    assert sentence == ("No sandbox for shop" if is_asked else "")
