"""The repository or Valkey cannot be used for some seconds, in a complete Muster at work: no entry fails, the API answers, and work goes on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from config.system import sockets
from tests.faults.harness import Client, until
from tests.faults.shop import Shop

ENTRIES = 12
AWAY_S = 5.0
ANSWER_S = 3.0  # for any answer of the API meanwhile
GOES_ON_S = 15.0
BRANCH = "muster/integration"


@contextmanager
def away(work: Shop) -> Iterator[None]:
    aside = work.repo.rename(work.repo.with_name("aside"))
    yield
    aside.rename(work.repo)


@contextmanager
def locked(work: Shop) -> Iterator[None]:
    lock = work.repo / ".git/refs/heads" / f"{BRANCH}.lock"
    lock.touch()
    os.utime(lock, (0, 0))  # left behind long ago
    yield
    lock.unlink(missing_ok=True)


@contextmanager
def checked_out(work: Shop) -> Iterator[None]:
    folder = work.repo.with_name("of the user")
    work.git("worktree", "add", "--quiet", str(folder), BRANCH)
    yield
    work.git("worktree", "remove", "--force", str(folder))


@contextmanager
def without_objects(work: Shop) -> Iterator[None]:
    aside = (work.repo / ".git/objects").rename(work.repo / ".git/objects-aside")
    yield
    aside.rename(work.repo / ".git/objects")


@contextmanager
def wrong_types(work: Shop) -> Iterator[None]:
    """And the processes that read them start again, as an owner would try."""
    with _valkey(work) as client:
        for name in ("sessions", "control"):
            client.delete(name)
            client.set(name, "not a list")
    for name in ("sessions", "control"):
        os.kill(work.up.children()[name], signal.SIGKILL)
    yield


@contextmanager
def hung(work: Shop) -> Iterator[None]:
    process = psutil.Process(work.up.children()["valkey"])
    process.suspend()
    yield
    process.resume()


@contextmanager
def flushed(work: Shop) -> Iterator[None]:
    with _valkey(work) as client:
        client.flushall()
    yield


def _valkey(work: Shop) -> "redis.Redis":
    return redis.Redis.from_url(sockets.valkey_url(work.up.data), socket_timeout=2)


@pytest.mark.parametrize("outage", [away, locked, checked_out, without_objects, wrong_types, hung, flushed])
def test_no_entry_fails_and_work_goes_on(
    shop: Callable[..., Shop], muster: tuple[Client, Path], outage: Callable[..., object]
) -> None:
    work = shop(verify=[{"name": "ok", "run": "ls ok-*"}])
    entries = [work.add("sleep 0.3", f"write ok-{n} yes") for n in range(ENTRIES)]
    until(lambda: _count(work, "done") >= 1, 60)
    with outage(work):  # type: ignore[attr-defined]
        slowest = _answers(work, AWAY_S)
    began, before = time.monotonic(), _count(work, "done")
    goes_on = until(lambda: _count(work, "done") > before, GOES_ON_S) if before < ENTRIES else 0.0
    until(lambda: _count(work, "done") == ENTRIES, 90, every=0.2)
    took = time.monotonic() - began
    print(
        f"{outage.__name__.replace('_', ' ')}: 0 of {len(entries)} entries failed; the slowest answer meanwhile took {slowest:.2f} s; "
        f"the next entry was done {goes_on:.1f} s after it was back, all after {took:.1f} s"
    )
    assert slowest < ANSWER_S
    assert subprocess.run(["git", "-C", str(work.repo), "fsck", "--strict"], capture_output=True).returncode == 0


def _answers(work: Shop, seconds: float) -> float:
    """The slowest of the answers during this time, among them writes that send messages."""
    over, slowest = time.monotonic() + seconds, 0.0
    while time.monotonic() < over:
        began = time.monotonic()
        work.call("PATCH", "/config", {"max_workers": 2 + int(began) % 2})
        assert _count(work, "failed") == 0
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.1)
    return slowest


def _count(work: Shop, status: str) -> int:
    return sum(entry["status"] == status for entry in work.call("GET", "/todo")["entries"])
