"""What two hundred open pages cost one web process: memory, CPU while nothing happens, from a change notification to each of them, and what a page takes
meanwhile, against the same page with no stream open."""

import asyncio
import http.client
import time

import psutil
from django.contrib.auth.models import User
from django.test import Client

from bench.answers import _server
from bench.backlogs import a_workspace, fill, median
from orchestration.messaging import wake_ups
from workspaces.models import Workspace
from workspaces.people import tokens

OPEN, CALLERS = 200, 20
HINTS, IDLE_S, PAGES = 60, 20.0, 60


def main() -> None:
    workspace = a_workspace()
    fill(workspace, 500)
    cookie = _cookie()
    server, port = _server()
    try:
        seen = psutil.Process(server.pid)
        alone = _page(port, workspace, cookie)
        before = seen.memory_info().rss
        asyncio.run(_with_streams(port, workspace, cookie, seen, before, alone))
    finally:
        server.terminate()
        server.wait(10)


async def _with_streams(
    port: int, workspace: Workspace, cookie: str, seen: psutil.Process, before: int, alone: list[float]
) -> None:
    secrets = [await asyncio.to_thread(tokens.create, f"bench {n}", role="viewer") for n in range(CALLERS)]
    lines = [await _open(port, workspace.pk, secrets[n % CALLERS]) for n in range(OPEN)]
    arrived: list[float] = []
    readers = [asyncio.create_task(_read(reader, arrived)) for reader, _ in lines]
    await asyncio.sleep(2)
    memory = seen.memory_info().rss - before
    print(
        f"memory: {memory / 2**20:.1f} MB for {OPEN} streams, {memory / OPEN / 1024:.0f} KB each; {before / 2**20:.0f} MB without"
    )
    used = sum(seen.cpu_times()[:2])
    await asyncio.sleep(IDLE_S)
    print(f"CPU while nothing happens: {100 * (sum(seen.cpu_times()[:2]) - used) / IDLE_S:.1f} % of a core (heartbeats, ticks)")
    took: list[float] = []
    for _ in range(HINTS):
        arrived.clear()
        began = time.monotonic()
        await asyncio.to_thread(wake_ups.publish_change, workspace.pk, "workers")
        await asyncio.sleep(0.65)
        took += [at - began for at in arrived]
    ranked = sorted(took)
    print(
        f"hint to stream: {len(took)} of {HINTS * OPEN} arrived; p50 {ranked[len(ranked) // 2] * 1000:.1f} ms, "
        f"p95 {ranked[int(len(ranked) * 0.95)] * 1000:.1f} ms, last {ranked[-1] * 1000:.0f} ms"
    )
    busy = asyncio.create_task(_keep_hinting(workspace.pk))
    parallel = await asyncio.to_thread(_page, port, workspace, cookie)
    busy.cancel()
    for reader in readers:
        reader.cancel()
    print(
        f"a page next to them, notified twice a second: median {median(parallel):.1f} ms, p99 {max(parallel):.1f} ms; with none open: "
        f"{median(alone):.1f} ms, {max(alone):.1f} ms; ratio of the medians {median(parallel) / median(alone):.2f}x (A5, goal <= 3x at p99: "
        f"{max(parallel) / max(alone):.2f}x)"
    )


async def _keep_hinting(workspace_id: str) -> None:
    while True:
        await asyncio.to_thread(wake_ups.publish_change, workspace_id, "workers", "budget")
        await asyncio.sleep(0.5)


async def _open(port: int, workspace_id: str, secret: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The writer is kept as well: without it the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"/api/v1/workspaces/{workspace_id}/orchestration/events"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n\r\n".encode())
    await writer.drain()
    status = await reader.readline()
    assert b"200" in status, status
    return reader, writer


async def _read(reader: asyncio.StreamReader, arrived: list[float]) -> None:
    while line := await reader.readline():
        if line.startswith(b"event: workers"):
            arrived.append(time.monotonic())


def _cookie() -> str:
    client = Client()
    client.force_login(User.objects.create(username="bench", is_superuser=True, is_staff=True))
    return f"sessionid={client.cookies['sessionid'].value}"


def _page(port: int, workspace: Workspace, cookie: str) -> list[float]:
    """Milliseconds of the first page of a workspace, one after the other."""
    line, took = http.client.HTTPConnection("127.0.0.1", port), []
    for n in range(PAGES + 10):
        began = time.perf_counter()
        line.request("GET", f"/w/{workspace.pk}/", headers={"Cookie": cookie})
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        if n >= 10:
            took.append((time.perf_counter() - began) * 1000)
    return took
