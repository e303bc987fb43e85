"""With MUSTER_JUDGES a judgement waits for its turn on its host, and for nothing else."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from orchestration.landing import branch
from orchestration.models import Integration, Session
from orchestration.worker.lander.service import Service
from tests.orchestration.worker.sessions.shop import Shop, until
from tests.sandbox.test_network import log_of

Make = Callable[..., Shop]
HOLD = (
    "import fcntl, sys, time; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); time.sleep(600)"
)
WAITS = "The judgement waits for its turn: 1 run on this host (MUSTER_JUDGES)"


@pytest.fixture
def other(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process of this host, with its only turn."""
    settings.JUDGES = 1
    turn = tmp_path / "data/locks/judges/0"
    turn.parent.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(turn)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline()
        yield process
        process.kill()


def in_thread(action: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        action()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_session_and_a_lander_wait_for_a_turn_which_a_kill_frees(shop: Make, other: subprocess.Popen[str]) -> None:
    work = shop()
    session = work.claim()
    threads = [in_thread(lambda: work.supervise(session))]
    until(lambda: WAITS in log_of(session))
    branch.wake(work.workspace.pk)
    threads.append(in_thread(Service(work.heartbeat.worker).run_due))
    until(lambda: Integration.objects.filter(pk=work.workspace.pk, phase=WAITS).exists())
    other.kill()
    for thread in threads:
        thread.join()
    work.land()
    assert (Session.objects.get(pk=session.pk).outcome, work.merged("ok")) == ("passed", "yes\n")


def test_a_stop_ends_the_wait(shop: Make, other: subprocess.Popen[str]) -> None:
    work = shop()
    session = work.claim()
    Session.objects.filter(pk=session.pk).update(stop_wanted_by="ana")
    thread = in_thread(lambda: work.supervise(session))
    until(lambda: WAITS in log_of(session))
    work.flags(session).request_end("stopped")
    thread.join()
    assert (Session.objects.get(pk=session.pk).outcome, other.poll()) == ("stopped", None)
