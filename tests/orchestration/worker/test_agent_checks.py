"""Before the first cent: whether the agents' programs and keys are there, on the host of a session worker."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils.timezone import now

from orchestration.configuration import agent_checks as requests
from orchestration.configuration import secrets
from orchestration.models import AgentCheck, Executor, Worker
from orchestration.worker import agent_checks
from tests.factories import ANA, a_workspace
from workspaces.models import Workspace

Put = Callable[[str, str], None]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a program on a PATH that has only a shell besides; HOME is empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


def checked(**config: object) -> tuple[bool, str]:
    return agent_checks.check(a_workspace(**config).pk)


def test_a_program_that_is_not_there_is_named_with_its_installation(db: None, put: Put) -> None:
    ok, message = checked(agent={"kind": "claude_code"})
    assert not ok and "Claude Code is not on the PATH" in message and "npm install -g @anthropic-ai/claude-code" in message


def test_a_program_without_a_key_names_the_one_it_needs(db: None, put: Put) -> None:
    put("claude", "echo 2.1.0")
    workspace = a_workspace(agent={"kind": "claude_code"})
    ok, message = agent_checks.check(workspace.pk)
    assert not ok and "has no key: save ANTHROPIC_API_KEY" in message
    secrets.put(workspace.pk, "ANTHROPIC_API_KEY", "sk-something", by=ANA)
    ok, message = agent_checks.check(workspace.pk)
    assert ok and message.startswith("Claude Code 2.1.0 is installed, and ANTHROPIC_API_KEY is set. ")


def test_an_empty_key_is_no_key(db: None, put: Put) -> None:
    put("claude", "echo 2.1.0")
    ok, message = checked(agent={"kind": "claude_code", "env": {"ANTHROPIC_API_KEY": ""}})
    assert not ok and "has no key: save ANTHROPIC_API_KEY" in message


def test_what_each_workspace_asked_for_is_kept_with_its_host_and_without_its_secrets(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, gone, quiet = (a_workspace(name=name) for name in ("Good", "Bad", "Gone", "Quiet"))
    for workspace in (good, bad, gone):
        requests.request(workspace.pk)
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    secrets.put(bad.pk, "KEY", "sk-0123456789", by=ANA)
    monkeypatch.setattr(agent_checks, "check", lambda id_: (id_ == good.pk, "It prints sk-0123456789"))
    assert agent_checks.run_due(Worker.objects.create(queue="sessions", host="east", pid=1, started_ticks=1, slots=1)) == 2
    rows = {row.workspace_id: (row.due, row.ok, row.message, row.host, row.at is not None) for row in AgentCheck.objects.all()}
    assert rows[good.pk] == (False, True, "It prints sk-0123456789", "east", True)
    due, ok, message, host, _ = rows[bad.pk]
    assert (due, ok, host) == (False, False, "east") and "sk-0123456789" not in message and message.startswith("It prints ")
    assert rows[gone.pk][0] and quiet.pk not in rows


def test_the_check_reports_that_there_is_no_sandbox(db: None, put: Put) -> None:
    put("mine", "exit 0")
    assert "Processes start without a sandbox: MUSTER_SANDBOX is none on this host." in checked(agent={"command": "mine"})[1]


@pytest.mark.parametrize(("exit_code", "ok"), [(0, True), (1, False)])
def test_a_login_counts_when_the_program_accepts_it(db: None, put: Put, tmp_path: Path, exit_code: int, ok: bool) -> None:
    put("codex", f'[ "$1" = login ] && exit {exit_code}; echo 0.30.1')
    login = tmp_path / "home/.codex/auth.json"
    login.parent.mkdir(parents=True)
    login.write_text("{}")
    result, message = checked(agent={"kind": "codex"})
    assert result == ok and ("logged in" in message if ok else "codex login status ends with exit code 1" in message)


@pytest.mark.parametrize(
    ("command", "ok"),
    [
        ("mine --fast", True),
        ("KEY=1 mine", True),
        ("cd src && mine", True),  # a built-in
        ("./agent.sh", True),  # in the repository, perhaps
        (["mine", "--fast"], True),
        ("theirs", False),
        (["/nowhere/theirs"], False),
    ],
)
def test_a_command_is_looked_for_by_its_first_word(db: None, put: Put, command: object, ok: bool) -> None:
    put("mine", "exit 0")
    assert checked(agent={"kind": "command", "command": command})[0] == ok


@pytest.mark.parametrize("command", ["~nobody-here/agent", "a" * 3900 + "/x", "mine 'unclosed", "<(", ""])
def test_no_command_keeps_the_other_workspaces_from_being_checked(db: None, put: Put, command: object) -> None:
    strange, plain = a_workspace(), a_workspace(agent={"kind": "command", "command": "cd ."})
    Executor.objects.filter(pk=strange.pk).update(config={"agent": {"kind": "command", "command": command}})
    for workspace in (strange, plain):
        requests.request(workspace.pk)
    agent_checks.run_due(Worker.objects.create(queue="sessions", host="here", pid=1, started_ticks=1, slots=1))
    assert AgentCheck.objects.get(pk=plain.pk).ok and not AgentCheck.objects.filter(due=True).exists()


def test_what_each_agent_lacks_is_named_and_nothing_of_those_that_can_work(db: None, put: Put) -> None:
    put("mine", "exit 0")
    agents = {
        "agent": {"command": "mine"},
        "verifier": {"agent": {"command": "theirs"}},
        "planner": {"agent": {"command": "ours"}},
    }
    ok, message = checked(**agents)
    assert not ok and message.startswith(
        "The agent's command begins with theirs, which the session workers do not find. "
        "The agent's command begins with ours, which the session workers do not find."
    )


def test_reviewers_are_checked_too(db: None, put: Put) -> None:
    ok, message = checked(verifier={"agent": {"kind": "gemini"}})
    assert not ok and "Gemini CLI is not on the PATH" in message


def test_what_was_asked_for_meanwhile_is_checked_again(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = a_workspace()
    requests.request(workspace.pk)
    worker = Worker.objects.create(queue="sessions", host="here", pid=1, started_ticks=1, slots=1)

    def check(workspace_id: str) -> tuple[bool, str]:
        requests.request(workspace_id)
        return True, "of the agent before"

    monkeypatch.setattr(agent_checks, "check", check)
    agent_checks.run_due(worker)
    assert AgentCheck.objects.get().due
