"""What many sessions at work cost beside their agents, and many idle workspaces.

`python -m bench working [--sessions 100] [--every 2] [--seconds 30] [--workspaces 0] [--db postgresql|sqlite]`

The agents write a usage line every 2 s, and wait. One run on a quiet machine; the figures are of Muster with its database and message broker.
"""

import argparse
import http.cookiejar
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psycopg

from bench.landed.place import Place
from bench.working.measuring import Household, latencies, p50_p99
from tests.faults.harness import Client, Running, until

AGENT = """n=0
while :; do
    n=$((n + 1))
    printf '{"type": "usage", "id": "%s", "cost_usd": 0.0001}\\n' $n
    sleep "$1"
done
"""
PAGES = ("/", "/backlog/", "/sessions/", "/money/")
REQUESTS, PAUSE_S = 200, 0.02


def main(arguments: list[str]) -> int:
    chosen = _chosen(arguments)
    with tempfile.TemporaryDirectory(prefix="working-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        (folder / "agent").write_text(AGENT)
        servers, urls = _servers(chosen.db)
        try:
            up = _started(folder, chosen, urls)
            try:
                household = Household([up.process.pid, servers.pid], str(folder / "agent"))
                client = Client(up)
                if chosen.sessions:
                    _sessions(chosen, folder, client, household, urls)
                if chosen.workspaces:
                    _idle(chosen, folder, client, household)
            finally:
                up.process.terminate()
                up.process.wait(60)
        finally:
            assert servers.stdin
            servers.stdin.close()
            servers.wait(60)
    return 0


def _chosen(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench working", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--every", type=float, default=2, help="seconds between two usage lines of an agent")
    parser.add_argument("--seconds", type=float, default=30, help="how long each share of a core is measured")
    parser.add_argument("--workspaces", type=int, default=0, help="idle ones, measured after the sessions")
    parser.add_argument("--db", choices=["postgresql", "sqlite"], default="postgresql")
    return parser.parse_args(arguments)


def _servers(db: str) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    wanted = ["valkey", *(["postgresql", "durable"] if db == "postgresql" else [])]
    command = [sys.executable, "-m", "tests.plugins.throwaway", *wanted]
    servers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert servers.stdout
    answer = json.loads(servers.stdout.readline())
    return servers, {name: answer[name] for name in ("DATABASE_URL", "REDIS_URL") if name in answer}


def _started(folder: Path, chosen: argparse.Namespace, urls: dict[str, str]) -> Running:
    up = Running(
        folder / "muster" / "data",
        MUSTER_REPO_ROOTS=str(folder),
        MUSTER_SESSION_SLOTS=str(max(chosen.sessions, 1)),
        MUSTER_LOG_LEVEL="WARNING",
        **urls,
    )
    until(up.is_ready, 120, every=0.2)
    return up


def _sessions(chosen: argparse.Namespace, folder: Path, client: Client, household: Household, urls: dict[str, str]) -> None:
    agent = {"command": ["sh", str(folder / "agent"), str(chosen.every)]}
    place = Place(client, folder, argparse.Namespace(files=50, slots=chosen.sessions), agent)
    place.line_up(chosen.sessions)
    time.sleep(5)
    ask = _pages(client, place)
    idle_pages, idle_mb = latencies(ask, REQUESTS, pause=PAUSE_S), household.pss_mb()
    idle_cpu = household.share_of_a_core(chosen.seconds / 2)
    began = time.monotonic()
    place.call("POST", "/executor/resume")
    until(lambda: household.at_work() == chosen.sessions, 600, every=0.5)
    print(f"      {chosen.sessions} sessions are at work after {time.monotonic() - began:.1f} s ({chosen.db})")
    time.sleep(5)
    share = household.share_of_a_core(chosen.seconds)
    print(f"P7    {share:.1%} of one core, idle {idle_cpu:.1%} (goal 25 %, at 100 sessions and 2 s)")
    for used, line in household.shares(chosen.seconds)[:5]:
        print(f"      {used:.1%} {line}")
    each = (household.pss_mb() - idle_mb) / chosen.sessions
    print(f"P8    {each:.2f} MB a session beside its agent; idle {idle_mb:.0f} MB (goal 4)")
    if "DATABASE_URL" in urls:
        print(f"P9    {_connections(urls['DATABASE_URL'])} database connections (goal 20)")
    busy_pages = latencies(ask, REQUESTS, pause=PAUSE_S)
    (p50, p99), (q50, q99) = p50_p99(idle_pages), p50_p99(busy_pages)
    print(f"P12   page p50 {p50:.0f} -> {q50:.0f} ms, p99 {p99:.0f} -> {q99:.0f} ms: {q99 / p99:.1f}x (goal 3x)")
    _stop(place, household)


def _stop(place: Place, household: Household) -> None:
    """The request itself answers once each session is proven to have ended, which is later than the death of its processes."""
    alive, began = {process.pid for process in household.agents()}, time.monotonic()
    before = len(alive)
    request = threading.Thread(target=place.call, args=("POST", "/executor/stop-all"))
    request.start()
    while alive and time.monotonic() - began < 120:
        alive = {pid for pid in alive if Path(f"/proc/{pid}").exists()}
        time.sleep(0.02)
    gone = time.monotonic() - began
    request.join()
    print(
        f"P10   {before} processes of agents, gone {gone:.2f} s after stop-all (goal 1.5); answered after {time.monotonic() - began:.2f} s"
    )


def _pages(client: Client, place: Place) -> Any:
    """Each call asks for the next page of the workspace, logged in."""
    workspace = place.path.split("/")[2]
    link = client.up.muster("login_link").split()[-1]
    session = _Session(client.up.port)
    session.get(link[link.index("/", 8) :], follow=True)
    number = iter(range(10**9))
    return lambda: session.get(f"/w/{workspace}{PAGES[next(number) % len(PAGES)]}")


class _Session:
    """A logged-in browser without one: keeps cookies."""

    def __init__(self, port: int) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener, self._base = urllib.request.build_opener(jar), f"http://127.0.0.1:{port}"

    def get(self, path: str, *, follow: bool = False) -> bytes:
        with self._opener.open(self._base + path, timeout=60) as answer:
            body: bytes = answer.read()
            assert follow or "/login" not in answer.geturl(), answer.geturl()
            return body


def _connections(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row
    return int(row[0])


def _idle(chosen: argparse.Namespace, folder: Path, client: Client, household: Household) -> None:
    alone = household.share_of_a_core(chosen.seconds)
    place = Place(client, folder / "idle", argparse.Namespace(files=5, slots=1), {"command": ["true"]})
    code = (
        "from orchestration.models import Executor; from workspaces.models import Workspace\n"
        f"w = Workspace.objects.get(pk={place.path.split('/')[2]!r}); e = Executor.objects.get(pk=w.pk)\n"
        "from budget.limits import caps\n"
        f"for n in range({chosen.workspaces}):\n"
        "    o = Workspace.objects.create(name=f'Idle {n}', repo=w.repo, base_branch='main', host_id=w.host_id)\n"
        "    caps.open_project(o.pk, total_budget=10**6, max_project_spend=10**6)\n"
        "    Executor.objects.create(workspace=o, state='running', config=e.config)\n"
    )
    client.up.muster("shell", "-v0", "-c", code)
    settled = "from budget.models import ForecastRecord; print(ForecastRecord.objects.count())"
    until(lambda: int(client.up.muster("shell", "-v0", "-c", settled).split()[-1]) > chosen.workspaces, 900, every=5)
    time.sleep(15)
    share = household.share_of_a_core(chosen.seconds)
    for used, line in household.shares(chosen.seconds)[:5]:
        print(f"      {used:.1%} {line}")
    print(f"P14   {chosen.workspaces} running idle workspaces: {share:.1%} of one core, without them {alone:.1%} (goal 5 %)")
