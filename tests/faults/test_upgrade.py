"""From an earlier release to this one, with sessions at work: at once, and with a session worker that stays behind; and the next release
beside this one. The release before 0.2.0 wrote no number: it is the one that is too old."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.harness import GRACE, ROOT, Client, Running, until
from tests.faults.shop import Shop
from tests.plugins import throwaway
from workspaces.machine import release

EARLIER = "b336b096b1a7dc23f72a64554dc2a545b6b09a98"
WITHOUT_NUMBER = "71989011f7a3139ec7c4f3dcc6b3366d40bcbb9d"
PAGE = """
from html import unescape
from django.contrib.auth.models import User
from django.test import Client
user, _ = User.objects.get_or_create(username="looks", is_superuser=True)
client = Client(headers={{"host": "127.0.0.1"}})
client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
print(unescape(client.get({path!r}).content.decode()))
"""
TOOK = """
from orchestration.models import Session
for version in Session.objects.values_list("worker__version", flat=True): print(version or "none")
"""
QUICK = {"MUSTER_LEASE_S": "5", "MUSTER_LEASE_GRACE_S": "1", "MUSTER_TICK_S": "1", "MUSTER_SESSION_SLOTS": "4"}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier version's code."""
    return code_of(EARLIER, tmp_path_factory.mktemp("earlier") / "muster")


@pytest.fixture(scope="module")
def without_number(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before the one that got a number."""
    return code_of(WITHOUT_NUMBER, tmp_path_factory.mktemp("without_number") / "muster")


@pytest.fixture(scope="module")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This code with the next number."""
    folder = tmp_path_factory.mktemp("next") / "muster"
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in names.stdout.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / "VERSION").write_text(release.COMPATIBLE[-1])
    return folder


def code_of(commit: str, folder: Path) -> Path:
    """It needs the history of this repository."""
    subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "-q", "--detach", commit], check=True)
    return folder


@pytest.fixture
def servers() -> Iterator[dict[str, str]]:
    with throwaway.servers("postgresql") as urls:
        yield {name: urls[name] for name in ("DATABASE_URL", "REDIS_URL")}


class Upgraded:
    """Entries of which some wait in their agent until the new version has started."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.opened = folder / "opened"
        (folder / "work").mkdir()
        self.shop = Shop(client, folder / "work", max_workers=4, verify=[{"name": "ok", "run": "true"}], round_ceiling_usd=1)
        self.ids: list[str] = []

    def add(self, *, waits: bool) -> str:
        n = len(self.ids)
        gate = f"do until test -e {self.opened}; do sleep 0.1; done" if waits else "spend 0.25"
        files = {"files_to_create": [f"file-{n}"]}
        self.ids.append(self.shop.add(gate, f"write file-{n} yes", "spend 0.25", spec=files, budget_usd=4))
        return self.ids[-1]

    def all_implement(self, ids: list[str]) -> None:
        """Returns once the agents of these entries are at work."""

        def phases() -> set[str]:
            return {self.shop.session(id_)["phase"] if self.shop.entry(id_)["session_ids"] else "" for id_ in ids}

        until(lambda: phases() == {"implementation"}, 90, every=0.5)

    def all_land(self, seconds: float = 120) -> None:
        until(lambda: {self.shop.entry(id_)["status"] for id_ in self.ids} == {"done"}, seconds, every=0.2)
        assert [self.shop.merged(f"file-{n}") for n in range(len(self.ids))] == ["yes"] * len(self.ids)
        outcomes = {session["status"] for id_ in self.ids for session in self.shop.sessions(id_)}
        assert outcomes <= {"passed", "interrupted", "lost"}
        assert "everything adds up" in self.shop.up.muster("ledger", "check")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_sessions_at_work_go_on_after_an_upgrade(tmp_path: Path, earlier: Path, end: str) -> None:
    data = tmp_path / "muster" / "data"
    with running(data, tmp_path, earlier) as old:
        work = Upgraded(Client(old), tmp_path)
        done = work.add(waits=False)
        work.shop.becomes(done, "done", 60)
        waiting = [work.add(waits=True) for _ in range(3)]
        work.all_implement(waiting)
        getattr(old.process, end)()
        old.process.wait(60)
    work.opened.touch()
    with running(data, tmp_path, ROOT) as new:
        work.shop.client = Client(new)
        work.all_land()


@contextmanager
def running(data: Path, repositories: Path, code: Path) -> Iterator[Running]:
    up = Running(data, code=code, MUSTER_REPO_ROOTS=str(repositories), **QUICK)
    try:
        until(up.is_ready, 90)
        yield up
    finally:
        if up.process.poll() is None:
            up.process.terminate()
            up.process.wait(60)


class Team(Running):
    """Web server, control worker and session worker as processes of their own, each of one of the two versions."""

    def __init__(self, folder: Path, earlier: Path, servers: dict[str, str]) -> None:
        self.data, self.code, self._folder = folder / "data", earlier, folder
        self.data.mkdir(mode=0o700)
        kept = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
        self.env = {**kept, **servers, **QUICK, "MUSTER_DATA_DIR": str(self.data), "MUSTER_STOP_GRACE_S": str(GRACE)}
        self.env |= {
            "MUSTER_SECRET_KEY": "one key of more than fifty characters on both sides of it",
            "MUSTER_REPO_ROOTS": str(folder),
        }
        self._port = free_port()

    @property
    def port(self) -> int:
        return self._port

    @contextmanager
    def started(self, code: Path, *command: str) -> Iterator[Callable[[], None]]:
        """Yields what ends it."""
        with open(self._folder / "out", "ab") as out:
            process = subprocess.Popen([sys.executable, "-m", *command], cwd=code, env=self.env, stdout=out, stderr=out)

        def end() -> None:
            process.terminate()
            process.wait(60)

        try:
            yield end
        finally:
            end()

    def answers(self) -> bool:
        try:
            return self.get("/healthz") == 200
        except OSError:
            return False


def free_port() -> int:
    with closing(socket.socket()) as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        port: int = any_socket.getsockname()[1]
        return port


def page_of_hosts(team: Team, workspace_id: str) -> str:
    """The page of hosts as an admin sees it."""
    code = PAGE.format(path=f"/w/{workspace_id}/sessions/hosts/")
    return team.muster("shell", "-v0", "-c", code)


@pytest.mark.timeout(400)
def test_a_backlog_goes_through_with_the_next_release_and_a_worker_without_a_number_gets_nothing(
    tmp_path: Path, without_number: Path, next_release: Path, servers: dict[str, str]
) -> None:
    """The upgrade of a team. Its old session worker ends what it has, lands nothing, and stays behind."""
    team = Team(tmp_path, without_number, servers)
    team.muster("migrate", "-v0")
    web, control, sessions = ["config.web", "--port", str(team.port)], ["config.work", "--queue", "control"], ["config.work"]
    with ExitStack() as ends:
        end_web, end_control, _ = (
            ends.enter_context(team.started(without_number, *command)) for command in (web, control, sessions)
        )
        until(team.answers, 60)
        work = Upgraded(Client(team), tmp_path)
        at_work = [work.add(waits=True) for _ in range(2)]
        work.all_implement(at_work)
        team.code = ROOT
        assert "2 at work" in team.muster("upgrade", "--check")
        team.muster("upgrade")
        end_web()
        end_control()
        for command in (web, control):
            ends.enter_context(team.started(ROOT, *command))
        until(team.answers, 60)
        old_gate, work.opened = work.opened, tmp_path / "opened-late"
        work.shop.call("PATCH", "/config", {"max_workers": 8})
        late = [work.add(waits=n < 8) for n in range(12)]  # eight need the slots of both releases
        workspace_id = work.shop.path.split("/")[2]
        too_old = release.why_incompatible("")
        until(lambda: any(too_old in reason["message"] for reason in work.shop.entry(late[0])["reasons"]), 60, every=0.5)
        assert {status for id_ in late for status in [work.shop.entry(id_)["status"]]} == {"pending"}
        assert too_old in page_of_hosts(team, workspace_id) and too_old in team.muster("doctor")
        assert (
            'muster_host_version_refused{host="' in (metrics := work.shop.client.metrics()) and 'version="none"} 1.0' in metrics
        )
        old_gate.touch()
        until(lambda: {work.shop.session(id_)["status"] for id_ in at_work} == {"passed"}, 90, every=0.5)
        for code in (ROOT, next_release):
            ends.enter_context(team.started(code, *sessions))
        work.all_implement(late[:8])
        work.opened.touch()
        work.all_land(180)
        took = team.muster("shell", "-v0", "-c", TOOK).split()
        assert took.count("none") == len(at_work), "the old one has taken nothing since"
        assert {release.NUMBER, release.COMPATIBLE[-1]} == set(took) - {"none"}
