"""The sandboxes of a workspace show what it needs of the host, and never what is hidden; without a process."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration import configuration
from orchestration.processes.sandbox import Mount
from orchestration.sessions.sandbox import system, visible_paths
from tests.factories import a_workspace
from workspaces.machine import authorities
from workspaces.models import Workspace


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in (*authorities.FILES, *authorities.FOLDERS):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def a_file(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return str(path)


def by_config(*programs: str, **config: Any) -> dict[str, bool]:
    """The targets, and whether each may be written."""
    loaded = configuration.load({"agent": {"command": "true"}, **config})
    return {mount.target: mount.writable for mount in visible_paths.by_config(loaded, programs)}


@pytest.mark.django_db
def test_the_data_of_muster_and_the_repositories_of_other_workspaces_are_hidden(tmp_path: Path, settings: Any) -> None:
    places = {name: tmp_path / name for name in ("data", "mine", "theirs", "of-deleted")}
    for place in places.values():
        place.mkdir()
    (tmp_path / "link").symlink_to(places["theirs"])
    settings.DATA_DIR, settings.REDIS_URL = places["data"], f"unix://:p@{a_file(tmp_path / 'valkey.sock')}"
    workspace = a_workspace(repo=str(places["mine"]))
    a_workspace(name="Other", repo=str(tmp_path / "link"))
    a_workspace(name="Same", repo=str(places["mine"]))
    a_workspace(name="Gone", repo=str(tmp_path / "gone"))
    deleted = a_workspace(name="Deleted", repo=str(places["of-deleted"]))
    Workspace.objects.filter(pk=deleted.pk).update(deleted_at=now())
    hidden = {path for path in visible_paths.hidden(workspace) if path.startswith(str(tmp_path))}
    assert hidden == {str(places["data"]), str(places["theirs"]), str(tmp_path / "valkey.sock")}


def test_a_database_file_is_hidden_with_its_logs_and_a_server_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def files(**database: str) -> list[str]:
        monkeypatch.setattr(visible_paths.settings, "DATABASES", {"default": database}, raising=False)
        return visible_paths._database_files()

    assert files(ENGINE="django.db.backends.sqlite3", NAME="/d/m.sqlite3") == [
        f"/d/m.sqlite3{end}" for end in ("", "-wal", "-shm", "-journal")
    ]
    assert files(ENGINE="django.db.backends.sqlite3", NAME=":memory:") == []
    assert files(ENGINE="django.db.backends.postgresql", NAME="/d/m") == []


def test_a_folder_is_shown_once_with_what_its_link_leads_to_and_the_system_is_there_anyway(tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    real, link = str(tmp_path / "real"), str(tmp_path / "link")
    paths = [tmp_path / "real", tmp_path / "real/inner", tmp_path / "link", tmp_path / "missing", Path("/usr/bin")]
    assert visible_paths.mounts(paths, writable=False) == [Mount(real, link), Mount(real, real)]
    assert visible_paths.mounts([tmp_path / "link"], writable=True) == [Mount(real, link, True), Mount(real, real, True)]
    assert system.is_shown("/usr/bin/env") and not system.is_shown(str(tmp_path))


def test_the_config_names_what_may_be_read_and_what_may_be_written(home: Path, tmp_path: Path) -> None:
    for folder in ("home/data", "home/cache", "srv"):
        (tmp_path / folder).mkdir(parents=True)
    targets = by_config(sandbox={"read": ["~/data", f"{tmp_path}/srv"], "write": ["~/cache"]})
    assert targets == {str(home / "data"): False, str(tmp_path / "srv"): False, str(home / "cache"): True}


def test_files_that_commands_and_variables_name_are_read_only(home: Path, tmp_path: Path) -> None:
    files = {name: a_file(tmp_path / "srv" / name) for name in ("agent.py", "setup.sh", "verify.sh", "cert.pem", "args.toml")}
    (tmp_path / "srv/folder").mkdir()
    targets = by_config(
        agent={
            "command": f"python3 {files['agent.py']}",
            "args": [files["args.toml"]],
            "env": {"CERT": files["cert.pem"], "DIR": f"{tmp_path}/srv/folder", "X": "cert.pem"},
        },
        setup=[f"sh {files['setup.sh']}"],
        verify=[{"name": "v", "run": f"sh {files['verify.sh']}"}],
    )
    assert targets == dict.fromkeys(files.values(), False)


@pytest.mark.parametrize("name", [*authorities.FILES, *authorities.FOLDERS])
def test_certificates_of_the_worker_are_shown(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    place = Path(a_file(tmp_path / "certs" / "ca.pem"))
    place = place if name in authorities.FILES else place.parent
    monkeypatch.setenv(name, str(place))
    assert by_config() == {str(place): False}


def test_below_a_folder_that_may_be_written_the_agents_own_files_can_be_replaced(home: Path, tmp_path: Path) -> None:
    own, judge = a_file(tmp_path / "tools/agent.py"), a_file(tmp_path / "tools/verify.sh")
    targets = by_config(
        agent={"command": f"python3 {own}"},
        verify=[{"name": "v", "run": "true"}],
        sandbox={"write": [str(tmp_path / "tools")], "read": [judge]},
    )
    assert targets == {str(tmp_path / "tools"): True, judge: False}


def test_the_place_of_the_work_itself_is_never_one_of_the_hosts(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(visible_paths, "WORK", str(tmp_path / "work"))
    assert by_config(sandbox={"read": [str(tmp_path / "work")]}) == {}


def test_programs_that_the_kind_of_an_agent_needs_are_shown_with_their_installation(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = a_file(tmp_path / "opt/tool/bin/tool")
    os.chmod(program, 0o755)
    (tmp_path / "opt/tool/lib").mkdir()
    assert by_config(program)[str(tmp_path / "opt/tool")] is False
