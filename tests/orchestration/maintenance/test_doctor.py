"""Doctor names the problems of this host, and of the others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from orchestration.configuration import secrets
from orchestration.git.command import GitError
from orchestration.maintenance import doctor
from orchestration.maintenance.doctor import Finding
from orchestration.models import Worker
from orchestration.processes.stage_probe import StageProbe
from tests.factories import ANA, a_worker, a_workspace
from workspaces.machine import hosts
from workspaces.models import Workspace


@contextmanager
def answering(status: int, version: str = "") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if version:
                self.send_header("Muster-Version", version)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


pytestmark = pytest.mark.django_db


def test_an_agents_address_that_other_hosts_cannot_reach_is_an_error(settings: Any) -> None:
    with answering(404) as settings.AGENT_URL:
        assert not doctor._agents_address().problem
        a_worker(host="build-7")
        finding = doctor._agents_address()
        assert finding.is_needed and "MUSTER_AGENT_LISTEN" in finding.problem


@pytest.mark.parametrize(
    ("status", "words"), [(200, "set MUSTER_AGENT_URL to the web server's second port"), (404, ""), (502, "It answers 502")]
)
def test_what_is_at_the_agents_address_is_named(settings: Any, status: int, words: str) -> None:
    with answering(status) as settings.AGENT_URL:
        problem = doctor._agents_address().problem
    assert words in problem if words else not problem


def test_it_names_an_agents_address_that_does_not_answer(settings: Any) -> None:
    with answering(200) as settings.AGENT_URL:
        pass
    assert "It does not answer there" in doctor._agents_address().problem


def test_it_names_the_gateway_or_that_there_is_none(settings: Any) -> None:
    assert doctor._gateway().is_.startswith("none here") and not doctor._gateway().problem
    with answering(200) as settings.GATEWAY_URL:
        assert doctor._gateway() == Finding("gateway", settings.GATEWAY_URL)
    assert "It does not answer there" in doctor._gateway().problem


def test_agents_that_go_past_the_gateway_are_named_with_the_reason(settings: Any) -> None:
    workspace = a_workspace(agent={"kind": "claude_code"}, agents={"own": {"kind": "command", "command": "./agent"}})
    own = "own goes past it (A command agent talks to its provider itself)"
    finding = doctor._past_the_gateway(workspace)
    assert finding == Finding("gateway for Shop", f"default goes past it (Claude Code has no key here: it uses a login); {own}")
    secrets.put(workspace.pk, "ANTHROPIC_API_KEY", "sk-1", by=ANA)
    assert doctor._past_the_gateway(workspace).is_ == own
    workspace.executor.config = {"agent": {"kind": "claude_code"}}
    assert doctor._past_the_gateway(workspace).is_ == "all its agents send their requests through it"
    workspace.executor.config = {"gateway": "off"}
    assert doctor._past_the_gateway(workspace).is_ == "off in the workspace's config"


def test_a_key_that_checks_have_by_name_is_a_note() -> None:
    env = {"CI": "1", "OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"}
    finding = doctor._past_the_gateway(a_workspace(agent={"command": "agent"}, env=env))
    assert finding.problem.startswith("Setup and checks have ANTHROPIC_API_KEY, OPENAI_API_KEY by env in the config")
    assert not finding.is_needed


def test_a_host_that_went_away_is_named_until_it_is_forgotten() -> None:
    for host, hours in (("well", 0), ("lost", 2), ("forgotten", 30), ("again", 3), ("again", 0)):
        worker = a_worker(slots=2, host=host, version=doctor.release.NUMBER)
        worker.seen_at = timezone.now() - timedelta(hours=hours)
        worker.save()
    states = {finding.subject: (finding.is_, finding.problem[:15]) for finding in doctor._hosts()}
    at_work = f"{doctor.release.NUMBER}, 2 slots", ""
    assert states == {
        "session worker of again": at_work,
        "session worker of lost": ("away", "Not seen since "),
        "session worker of well": at_work,
    }


def test_what_is_missing_is_marked_apart_from_what_could_be_better() -> None:
    lines = [str(Finding("git", "2.40", *problem)) for problem in ((), ("Do this", False), ("Do that", True))]
    assert lines == ["ok      git: 2.40", "note    git: 2.40\n        Do this.", "MISSING git: 2.40\n        Do that."]


@pytest.mark.parametrize(
    ("version", "is_needed"), [("2.39.0", False), ("2.38.9", True), ("2.100.1", False), ("3.0", False), ("1.99.windows.1", True)]
)
def test_a_git_older_than_2_39_is_too_old(monkeypatch: pytest.MonkeyPatch, version: str, is_needed: bool) -> None:
    monkeypatch.setattr(doctor.git, "run", lambda *_: f"git version {version}")
    finding = doctor._git()
    assert (finding.is_, finding.is_needed, bool(finding.problem)) == (version, is_needed, is_needed)


def test_a_git_that_is_missing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise GitError("git", "git is not there")

    monkeypatch.setattr(doctor.git, "run", fail)
    assert doctor._git() == Finding("git", "missing", "Install git: git is not there", is_needed=True)


def test_a_database_that_lacks_a_migration_names_the_command() -> None:
    assert doctor._database() == Finding("database", connection.vendor)
    MigrationRecorder(connection).migration_qs.filter(app="workspaces", name="0024_without_like_indexes").delete()
    finding = doctor._database()
    assert finding.problem == "1 migrations are missing: run ./muster manage migrate" and finding.is_needed


def test_a_broker_that_does_not_answer_delays_work_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for ticks, is_well in (([], True), (None, False)):
        monkeypatch.setattr(doctor.stats, "ticks", lambda ticks=ticks: ticks)
        finding = doctor._broker()
        assert (not finding.problem, finding.is_needed) == (is_well, False)


def test_a_web_server_is_looked_for_at_its_own_address(settings: Any) -> None:
    number = doctor.release.NUMBER
    with answering(200, number) as settings.BASE_URL:
        assert doctor._web() == Finding("web server", f"{settings.BASE_URL}, {number}")
    assert "It does not answer there" in doctor._web().problem


@pytest.mark.parametrize("other", ["9.9.9", ""])
def test_a_web_server_of_an_incompatible_release_is_named(settings: Any, other: str) -> None:
    with answering(200, other) as settings.BASE_URL:
        finding = doctor._web()
    assert finding.is_.endswith(f", {other or 'no version'}") and "may not run side by side" in finding.problem


@pytest.mark.parametrize("is_low", [True, False])
def test_a_disk_that_is_low_is_needed(monkeypatch: pytest.MonkeyPatch, is_low: bool) -> None:
    monkeypatch.setattr(doctor.disk, "is_low", lambda: is_low)
    finding = doctor._disk()
    assert (bool(finding.problem), finding.is_needed) == (is_low, is_low)


@pytest.mark.parametrize(("state", "is_well"), [("bubblewrap 0.8", True), ("none, without namespaces", False)])
def test_without_a_sandbox_it_names_what_agents_reach(monkeypatch: pytest.MonkeyPatch, state: str, is_well: bool) -> None:
    monkeypatch.setattr(doctor.sandbox, "on_host", lambda *_: state)
    monkeypatch.setattr(doctor.stage_probe, "probe", StageProbe)
    finding = doctor._sandbox()
    assert (finding.is_, not finding.problem) == (state, is_well)


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_kind_of_memory_limit_in_force_is_named(monkeypatch: pytest.MonkeyPatch, is_kept: bool) -> None:
    monkeypatch.setattr(doctor.cgroups, "keeps_memory", lambda _: is_kept)
    finding = doctor._memory()
    assert (finding.is_, not finding.problem) == ("kept by the kernel" if is_kept else "checked each second", is_kept)


def test_the_agents_that_are_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.cli_versions, "installed", lambda: {"claude_code": "2.1", "codex": "0.5"})
    assert doctor._agents() == Finding("agents", "claude_code 2.1, codex 0.5")
    monkeypatch.setattr(doctor.cli_versions, "installed", dict)
    assert doctor._agents().is_ == "none" and "Only commands of your own can run" in doctor._agents().problem


@pytest.mark.parametrize(("skew", "is_well"), [(5.0, True), (-5.0, True), (5.1, False), (-5.1, False)])
def test_a_clock_that_differs_from_the_databases_is_named(monkeypatch: pytest.MonkeyPatch, skew: float, is_well: bool) -> None:
    monkeypatch.setattr(doctor.problems, "MAX_SKEW_S", 5.0)
    monkeypatch.setattr(doctor.problems, "clock_skew", lambda: skew)
    assert (not doctor._clock().problem) == is_well


def test_a_worker_in_trouble_is_named_after_the_other_of_its_host() -> None:
    number = doctor.release.NUMBER
    troubled = a_worker(slots=1, host="build", version=number, problem="The disk is nearly full")
    a_worker(slots=3, host="build", version="")
    a_worker(slots=9, host="build", queue="control")
    Worker.objects.filter(pk=troubled.pk).update(seen_at=timezone.now() - timedelta(seconds=5))
    (first, old), (second, full) = ((finding.is_, finding.problem) for finding in doctor._hosts())
    assert (first, second, full) == ("no version, 3 slots", f"{number}, 1 slot", "The disk is nearly full")
    assert "too old" in old


def test_a_repository_that_is_missing_is_to_be_put_back(tmp_path: Path) -> None:
    there, gone = (a_workspace(name=name, repo=str(tmp_path / name)) for name in ("there", "gone"))
    (tmp_path / "there").mkdir()
    assert doctor._repository(there) == Finding("repository of there", str(tmp_path / "there"))
    assert doctor._repository(gone).problem == f"{tmp_path / 'gone'} is missing: put it back"


def test_a_shared_repository_that_does_not_answer_is_named(tmp_path: Path) -> None:
    workspace = a_workspace(repo=str(tmp_path))
    Workspace.objects.filter(pk=workspace.pk).update(origin=str(tmp_path / "away"), host_id=hosts.host_id())
    a_worker(host="host_elsewhere")
    workspace.refresh_from_db()
    assert doctor._repository(workspace).is_ == "unreachable"


def test_workspaces_and_hosts_are_looked_at_only_in_a_database_that_is_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("_git", "_broker", "_web", "_agents_address", "_gateway", "_disk", "_sandbox", "_memory", "_agents"):
        monkeypatch.setattr(doctor, name, lambda: Finding("looked at", "well"))
    for name in ("B", "A", "Deleted"):
        a_workspace(name=name, repo=str(tmp_path))
    Workspace.objects.filter(name="Deleted").update(deleted_at=timezone.now())
    a_worker(host="build")
    subjects = [finding.subject for finding in doctor.examine() if finding.subject != "looked at"]
    assert subjects == ["version", "database", "clock", "session worker of build", "repository of A", "repository of B"]
    monkeypatch.setattr(doctor, "_database", lambda: Finding("database", "away", "Look", is_needed=True))
    assert [finding.subject for finding in doctor.examine() if finding.subject != "looked at"] == ["version", "database"]
