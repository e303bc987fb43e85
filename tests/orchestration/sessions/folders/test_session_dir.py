"""A session's folders, and the whole environment of its processes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestration.git import command as git
from orchestration.sessions.folders import session_dir
from orchestration.sessions.folders.session_dir import AGENT_BIN
from tests.factories import a_session, a_workspace, an_entry
from tests.orchestration.proposals import made
from workspaces.machine import authorities

NAMES = (
    "MUSTER_TOKEN",
    "MUSTER_BUDGET_USD",
    "MUSTER_ENTRY_ID",
    "MUSTER_ROUND",
    "MUSTER_SPEC_FILE",
    "MUSTER_API_URL",
    "MUSTER_QUESTIONS",
)


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.DATA_DIR, settings.AGENT_URL = tmp_path / "data", "http://muster.example:8766"
    for name in (*session_dir.ALLOWED_VARIABLES, *authorities.FILES, *authorities.FOLDERS):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "PATH": "/usr/bin",
        "HOME": "/home/me",
        "LANG": "C",
        "DATABASE_URL": "secret",
        "MUSTER_TOKEN": "no",
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "data"


@pytest.mark.django_db
def test_an_agent_gets_its_own_variables_over_those_of_the_config_over_the_hosts() -> None:
    session = a_session(an_entry(a_workspace()))
    directory = session_dir.prepare(session, session.entry)
    extra = {"LANG": "de", "MINE": "1", "MUSTER_TOKEN": "of the config", "GIT_AUTHOR_NAME": "Ana", "PATH": "/opt/bin"}
    variables = session_dir.environment(
        session,
        directory,
        phase="implementation",
        extra=extra,
        token="own",
        limit=1_500_000,
        home=Path("/h"),
        questions=Path("/q"),
    )
    assert variables == git.IDENTITY | {
        "GIT_AUTHOR_NAME": "Ana",
        "LANG": "de",
        "MINE": "1",
        "HOME": "/h",
        "PATH": f"{AGENT_BIN}{os.pathsep}/opt/bin",
        "MUSTER_WORKSPACE_ID": session.workspace_id,
        "MUSTER_SESSION_ID": session.pk,
        "MUSTER_PHASE": "implementation",
        "MUSTER_PROMPT_FILE": str(directory.prompt),
        "MUSTER_ENTRY_ID": session.entry_id,
        "MUSTER_ROUND": "1",
        "MUSTER_SPEC_FILE": str(directory.spec),
        "MUSTER_API_URL": "http://muster.example:8766/api/v1",
        "MUSTER_TOKEN": "own",
        "MUSTER_BUDGET_USD": "1.500000",
        "MUSTER_QUESTIONS": "/q",
    }
    check = session_dir.environment(session, directory, phase="verification", extra={}, prompt=Path("/p"))
    assert (check["HOME"], check["PATH"], check["MUSTER_PROMPT_FILE"]) == ("/home/me", "/usr/bin", "/p")
    assert [name for name in NAMES if name in check] == ["MUSTER_ENTRY_ID", "MUSTER_ROUND", "MUSTER_SPEC_FILE", "MUSTER_API_URL"]
    assert session_dir.inherited() == git.IDENTITY | {"PATH": "/usr/bin", "HOME": "/home/me", "LANG": "C"}


@pytest.mark.django_db
def test_an_agent_of_a_run_has_its_budget_and_no_entry() -> None:
    run = made.a_running_run(a_workspace(planner=made.PLANNER))
    directory = session_dir.prepare_run(run)
    variables = session_dir.environment(run, directory, phase="starting", extra={}, limit=100_000)
    assert [name for name in NAMES if name in variables] == ["MUSTER_BUDGET_USD"]
    assert variables["MUSTER_BUDGET_USD"] == "0.100000" and directory.folder.is_dir()


@pytest.mark.django_db
def test_the_folder_of_a_session_is_its_owners_alone_and_has_the_entry_and_the_prompts() -> None:
    session = a_session(an_entry(a_workspace(), content="Parse caf\u00e9"))
    for _ in range(2):
        directory = session_dir.prepare(session, session.entry)
    assert [oct(folder.stat().st_mode & 0o777) for folder in (directory.folder, directory.questions)] == ["0o700"] * 2
    assert json.loads(directory.spec.read_text()) == {
        "id": session.entry_id,
        "content": "Parse caf\u00e9",
        "spec": session.entry.spec,
    }
    for role, name in (("implement", "prompt.md"), ("review", "review.md")):
        directory.prompt_for(role).write_text("Do it")
        assert directory.prompt_for(role).name == name
    assert sorted(file.name for file in directory.files) == ["entry.json", "prompt.md", "review.md"]
    records = [directory.record_for(role) for role in ("implement", "review")]
    assert [record.journal.name for record in records] == ["journal", "review-journal"]
    assert [record.status.name for record in records] == ["status.json", "review-status.json"]


def test_each_role_has_a_home_of_its_own_and_its_use_keeps_the_entrys_folder(data: Path) -> None:
    homes = [session_dir.home("entry_1", "codex", role) for role in ("implement", "review", "verify")]
    assert [home.name for home in homes] == ["codex", "codex-review", "codex-verify"]
    assert {home.parent for home in homes} == {data / "homes/entry_1"} and homes[0].stat().st_mode & 0o077 == 0
    os.utime(homes[0].parent, (1, 1))
    assert session_dir.home("entry_1", "codex", "review") == homes[1]
    assert homes[0].parent.stat().st_mtime > 1000, "housekeeping removes by this time"


def test_the_name_of_a_private_home_is_new_with_it(data: Path) -> None:
    first = session_dir.setup_home("entry_1")
    assert first == session_dir.setup_home("entry_1") != session_dir.setup_home("entry_2") and len(first) == 16
    (data / "homes/entry_1/private/name").unlink()
    assert session_dir.setup_home("entry_1") != first


def test_a_login_of_the_user_is_linked_where_the_cli_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    (tmp_path / "user/.cli").mkdir(parents=True)
    (tmp_path / "user/.cli/login").write_text("of the user")
    home = tmp_path / "home"
    home.mkdir()
    logins = [(".cli/login", "deep/auth.json"), (".cli/none", "none.json")]
    for _ in range(2):
        session_dir.link_logins(home, logins)
        assert os.readlink(home / "deep/auth.json") == str(tmp_path / "user/.cli/login")
        assert not os.path.lexists(home / "none.json")
    (home / "deep/auth.json").unlink()
    (home / "deep/auth.json").write_text("its own")
    session_dir.link_logins(home, logins)
    assert (home / "deep/auth.json").read_text() == "its own"
    (home / "deep/auth.json").unlink()
    (home / "deep/auth.json").symlink_to(tmp_path / "gone")
    session_dir.link_logins(home, logins)
    assert (home / "deep/auth.json").read_text() == "of the user"


def test_a_linked_login_is_taken_away_and_a_login_of_its_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    home, logins = tmp_path / "home", [(".cli", "deep/auth.json"), (".other", "other.json")]
    home.mkdir()
    (tmp_path / ".cli").write_text("of the user")
    (home / "other.json").write_text("its own")
    session_dir.link_logins(home, logins)
    for _ in range(2):
        session_dir.unlink_logins(home, logins)
        assert not os.path.lexists(home / "deep/auth.json") and (home / "other.json").read_text() == "its own"
    assert (tmp_path / ".cli").read_text() == "of the user"


def test_login_shells_find_the_agents_programs_once(tmp_path: Path) -> None:
    line = f"PATH={AGENT_BIN}:$PATH\n"
    for _ in range(2):
        session_dir.show_programs(tmp_path)
        assert (tmp_path / ".profile").read_text() == line
    (tmp_path / ".profile").write_text("export A=1\n\n")
    for _ in range(2):
        session_dir.show_programs(tmp_path)
        assert (tmp_path / ".profile").read_text() == f"export A=1\n{line}"
    (tmp_path / "victim").write_text("as before")
    (tmp_path / ".profile").unlink()
    (tmp_path / ".profile").symlink_to("victim")
    session_dir.show_programs(tmp_path)
    assert (tmp_path / "victim").read_text() == "as before" and (tmp_path / ".profile").read_text() == line
