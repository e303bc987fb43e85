"""Completion in a shell. The tests are a fish, the shell that is given the help too."""

import pytest

from orchestration.models import Entry
from tests.cli.terminal import URL, InProcess, Terminal
from tests.factories import a_session, a_token, a_workspace, an_entry, ended
from tests.orchestration.proposals.made import PLANNER, a_running_run
from workspaces.models import Workspace


def completed(muster: Terminal, typed: str) -> list[tuple[str, str]]:
    """The values with their help."""
    muster.set("_MUSTER_COMPLETE", "complete_fish")
    muster.set("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    muster.set("_TYPER_COMPLETE_ARGS", f"muster {typed}")
    outcome = muster()
    assert (outcome.code, outcome.err) == (0, "")
    pairs = (line.partition("\t") for line in outcome.out.split("\n") if line)
    return [(value, words) for value, _, words in pairs]


pytestmark = pytest.mark.shop(planner=PLANNER)


def test_entries_have_their_titles(muster: Terminal, workspace: Workspace) -> None:
    for number in range(1, 13):
        an_entry(workspace, content=f"Task {number}\nwith care")
    assert ("7", "Task 7") in completed(muster, "why ")
    assert completed(muster, "logs 1") == [(str(n), f"Task {n}") for n in (1, 10, 11, 12)]
    assert completed(muster, "add More --after 2") == [("2", "Task 2")]
    assert completed(muster, "edit 1 --after 12") == [("12", "Task 12")]
    assert [value for value, _ in completed(muster, "diff entry_")] == list(
        Entry.objects.order_by("seq").values_list("pk", flat=True)
    )


def test_sessions_and_runs_are_named_where_a_command_takes_them(muster: Terminal, workspace: Workspace) -> None:
    old = ended(a_session(an_entry(workspace)), outcome="passed")
    session, run = a_session(an_entry(workspace, content="More")), a_running_run(workspace)
    assert completed(muster, "logs sess_") == [(old.pk, "1 Do it"), (session.pk, "2 More")]
    assert [value for value, _ in completed(muster, "stop ")] == ["1", "2", session.pk]
    assert [value for value, _ in completed(muster, "ask s")] == [session.pk]
    assert [value for value, _ in completed(muster, "runs ")] == [run.pk]
    assert [value for value, _ in completed(muster, "open r")] == [run.pk]


def test_workspaces_are_named_or_numbered(muster: Terminal, workspace: Workspace) -> None:
    spaced = a_workspace(name="Two words")
    assert sorted(completed(muster, "status --workspace ")) == sorted([("Shop", workspace.pk), (spaced.pk, "Two words")])
    an_entry(spaced, content="Elsewhere")
    assert completed(muster, f"why -w {spaced.pk} ") == completed(muster, f"-w {spaced.pk} why ") == [("1", "Elsewhere")]


def test_fields_follow_a_comma(muster: Terminal) -> None:
    assert ("seq", "") in completed(muster, "entries --json s")
    assert completed(muster, "entries --json seq,stat") == [("seq,status", "")]
    assert completed(muster, "logs --json se") == [("seq", "")]
    assert completed(muster, "schema ad") == [("add", "")]


def test_profiles_need_no_server(stranger: Terminal, workspace: Workspace) -> None:
    stranger("login", URL, "--with-token", "--profile", "work", stdin=a_token())
    assert isinstance(stranger.transport, InProcess)
    before = len(stranger.transport.requests)
    assert completed(stranger, "status --profile ") == [("work", URL)]
    assert len(stranger.transport.requests) == before
    an_entry(workspace)
    assert completed(stranger, "--profile work why ") == completed(stranger, "why --profile work ") == [("1", "Do it")]


def test_without_a_login_or_a_server_there_is_nothing_and_no_word(
    stranger: Terminal, muster: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    token = muster.monkeypatch
    monkeypatch.setattr(InProcess, "handle_request", broken)
    assert completed(muster, "why ") == completed(muster, "status -w ") == completed(muster, "stop ") == []
    token.delenv("MUSTER_TOKEN")
    assert completed(stranger, "why ") == []
    stranger.config.parent.mkdir(exist_ok=True)
    stranger.config.write_text("no toml")
    assert completed(stranger, "why --profile ") == []


def test_a_newer_server_is_no_reason_for_a_word(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace)
    assert isinstance(muster.transport, InProcess)
    muster.transport.version = "99.0.0"
    assert completed(muster, "why ") == [("1", "Do it")]


def test_a_title_is_no_command_of_the_shell(muster: Terminal, workspace: Workspace) -> None:
    an_entry(workspace, content="Pay \\$(touch x) `y` [/red] \"now\" 'or' later; it's {a}")
    assert completed(muster, "why ") == [("1", "Pay (touch x) y /red now or later its a")]
