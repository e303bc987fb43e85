"""The faults of `./muster chaos` in a Muster at work. Each fault is healed by itself: after it, everything must go on."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import redis

from config.system import sockets
from tests.chaos.place import BRANCH, Place
from tests.faults.harness import until

Fault = Callable[[Place, random.Random], str]
"""Does it and heals it. Returns a line for the report; empty: there was nothing to do it to."""

FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__] = function
    return function


def _service(place: Place, dice: random.Random) -> tuple[str, int] | None:
    children = [(name, pid) for name, pid in sorted(place.up.children().items()) if psutil.pid_exists(pid)]
    return dice.choice(children) if children else None


def _frozen(pid: int, seconds: float) -> None:
    """SIGSTOP for a time. The process may die meanwhile, and its number then belongs to nobody."""
    process = psutil.Process(pid)
    process.suspend()
    try:
        time.sleep(seconds)
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@fault
def a_service_is_killed(place: Place, dice: random.Random) -> str:
    service = _service(place, dice)
    if service is None:
        return ""
    with suppress(ProcessLookupError):
        os.kill(service[1], signal.SIGKILL)
    return service[0]


@fault
def a_service_is_frozen(place: Place, dice: random.Random) -> str:
    service, seconds = _service(place, dice), dice.choice([0.5, 2.0, 7.0])
    if service is None:
        return ""
    with suppress(psutil.NoSuchProcess):
        _frozen(service[1], seconds)
    return f"{service[0]} for {seconds:g} s"


@fault
def an_agent_is_killed(place: Place, dice: random.Random) -> str:
    return _killed(place, place.agents(), dice)


@fault
def a_shim_is_killed(place: Place, dice: random.Random) -> str:
    return _killed(place, place.shims(), dice)


@fault
def a_fork_server_is_killed(place: Place, dice: random.Random) -> str:
    return _killed(place, place.fork_servers(), dice)


def _killed(place: Place, processes: list[psutil.Process], dice: random.Random) -> str:
    if not processes:
        return ""
    victim = dice.choice(processes)
    place.note_hit(victim)
    with suppress(psutil.NoSuchProcess):
        victim.kill()
    return f"process {victim.pid}"


@fault
def a_shim_is_frozen(place: Place, dice: random.Random) -> str:
    return _stopped(place, place.shims(), dice)


@fault
def an_agent_is_frozen(place: Place, dice: random.Random) -> str:
    return _stopped(place, place.agents(), dice)


def _stopped(place: Place, processes: list[psutil.Process], dice: random.Random) -> str:
    """For a moment, or longer than the worker trusts a silent shim."""
    if not processes:
        return ""
    victim, seconds = dice.choice(processes), dice.choice([0.5, 3.0, 14.0])
    place.note_hit(victim)
    with suppress(psutil.NoSuchProcess):
        _frozen(victim.pid, seconds)
    return f"process {victim.pid} for {seconds:g} s"


@fault
def everything_is_killed_and_started_again(place: Place, dice: random.Random) -> str:
    place.up.process.kill()
    time.sleep(dice.uniform(0, 1.5))
    place.restart()
    return ""


@fault
def a_host_vanishes_and_comes_back(place: Place, dice: random.Random) -> str:
    """Before its lease is over, or after its entries went on elsewhere, or after its money was settled without it."""
    with suppress(AssertionError):
        until(lambda: len(place.second.processes()) > 1, 30)  # it has a session
    seconds, lost = dice.choice([1.0, 8.0, 30.0]), place.second.processes()
    for process in lost:
        place.note_hit(process)
    place.second.vanish()
    time.sleep(seconds)
    place.start_second()
    return f"{len(lost)} processes, for {seconds:g} s"


@fault
def the_messages_are_flushed(place: Place, dice: random.Random) -> str:
    return _with_valkey(place, lambda client: client.flushall())


@fault
def a_message_queue_has_the_wrong_type(place: Place, dice: random.Random) -> str:
    """And the process that reads it starts again, as an owner would try."""

    def poison(client: "redis.Redis") -> None:
        for name in ("sessions", "control"):
            client.delete(name)
            client.set(name, "not a list")

    done = _with_valkey(place, poison)
    for name in ("sessions", "control"):
        with suppress(ProcessLookupError, KeyError):
            os.kill(place.up.children()[name], signal.SIGKILL)
    return done


def _with_valkey(place: Place, action: Callable[["redis.Redis"], object]) -> str:
    url = sockets.valkey_url(place.data)
    try:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            action(client)
    except redis.RedisError:
        return "it was down"
    return "done"


@fault
def the_disk_is_full(place: Place, dice: random.Random) -> str:
    if not os.path.ismount(place.disk):
        return ""
    filler, seconds = place.disk / "filler", dice.choice([1.0, 4.0])
    try:
        with open(filler, "wb") as file, suppress(OSError):
            while True:
                file.write(bytes(2**20))
        time.sleep(seconds)
    finally:
        filler.unlink(missing_ok=True)
    return f"for {seconds:g} s"


@fault
def the_repository_is_away(place: Place, dice: random.Random) -> str:
    aside, seconds = place.repo.with_name("repo.away"), dice.choice([0.5, 3.0, 8.0])
    place.repo.rename(aside)
    try:
        time.sleep(seconds)
    finally:
        if place.repo.exists():  # somebody made a folder at its place
            place.repo.rename(place.repo.with_name(f"repo.made-{time.time_ns()}"))
        aside.rename(place.repo)
    return f"for {seconds:g} s"


@fault
def the_repository_is_read_only(place: Place, dice: random.Random) -> str:
    """For every process of this run's namespace, root's too."""
    if not os.path.ismount(place.disk):
        return ""
    repo, seconds = str(place.repo), dice.choice([0.5, 3.0, 8.0])
    subprocess.run(["mount", "--bind", repo, repo], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", repo], check=True)
        time.sleep(seconds)
    finally:
        subprocess.run(["umount", "--lazy", repo], check=True)
    return f"for {seconds:g} s"


@fault
def the_branch_is_checked_out(place: Place, dice: random.Random) -> str:
    """In a working copy of the user's own."""
    folder = place.folder / f"checkout-{time.time_ns()}"
    subprocess.run(["git", "-C", str(place.repo), "worktree", "add", "-q", str(folder), BRANCH], capture_output=True)
    time.sleep(dice.choice([0.5, 3.0]))
    subprocess.run(["git", "-C", str(place.repo), "worktree", "remove", "--force", str(folder)], capture_output=True)
    return ""


@fault
def a_git_lock_is_left(place: Place, dice: random.Random) -> str:
    lock = Path(place.git("rev-parse", "--absolute-git-dir")) / "refs/heads" / f"{BRANCH}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), open(lock, "x"):
        time.sleep(dice.uniform(0.2, 2))
        lock.unlink(missing_ok=True)
    return ""
