"""The two worker processes that the stop benchmark compares: Muster's own, and a minimal one.

Each line on stdin starts an agent; its process id is answered on stdout, and a second line once the worker knows that it is over.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

CHANNEL = "bench:stop"
SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
AGENTS = {"sleeps": [sys.executable, "-S", "-c", SLEEPS], "deaf": [sys.executable, "-S", "-c", DEAF]}


def muster() -> None:
    """Lines are `SESSION ATTEMPT AGENT GRACE`. Heartbeat, watch, shim: what a session worker has around an agent."""
    import django  # only now: the bare worker must not pay for it

    django.setup()
    from orchestration import sessions
    from orchestration.processes import agent_process
    from orchestration.processes.shim import procfs
    from orchestration.worker import heartbeat

    mine = heartbeat.start("sessions", 8)
    print("ready", flush=True)

    def supervise(session_id: str, attempt: int, agent: str, grace_s: float) -> None:
        session = sessions.take(session_id, attempt=attempt, worker=mine.worker)
        assert session is not None
        with tempfile.TemporaryDirectory() as folder, mine.supervising(session) as monitor:
            spec = agent_process.Spec(
                argv=AGENTS[agent],
                cwd=folder,
                env={"PATH": "/usr/bin:/bin"},
                marker=session_id,
                status_path=f"{folder}/status",
                journal_path=f"{folder}/journal",
                wall_s=60,
                grace_s=grace_s,
            )
            with agent_process.start(spec) as process:
                monitor.attach(process)
                for line in process.lines(poll_s=0.1):
                    if line is not None and line.text == "ready":
                        [pid] = procfs.descendants(procfs.all_processes(), [process.identity.pid])
                        print(pid, flush=True)
                monitor.attach(None)
            print(f"over {process.ended.kill_seconds}", flush=True)

    for line in sys.stdin:
        session_id, attempt, agent, grace = line.split()
        threading.Thread(target=supervise, args=(session_id, int(attempt), agent, float(grace)), daemon=True).start()


def bare() -> None:
    """Lines are empty. A subscription and killpg: no database, no marker, no second look."""
    import redis

    running: list[subprocess.Popen[bytes]] = []
    print("ready", flush=True)

    def listen() -> None:
        with redis.Redis.from_url(os.environ["REDIS_URL"]).pubsub() as pubsub:
            pubsub.subscribe(CHANNEL)
            for message in pubsub.listen():
                if message["type"] == "message":
                    os.killpg(running[-1].pid, signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
    for _ in sys.stdin:
        agent = subprocess.Popen(AGENTS["sleeps"], stdout=subprocess.PIPE, start_new_session=True)
        assert agent.stdout
        agent.stdout.readline()
        running.append(agent)
        print(agent.pid, flush=True)
        agent.wait()
        print("over 0", flush=True)


class Worker:
    """One of them, as a process of ours."""

    def __init__(self, kind: str) -> None:
        command = [sys.executable, "-m", "bench.stopping.stop_workers", kind]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=Path(__file__).parents[2]
        )
        assert self.read() == "ready"

    def start(self, *words: object) -> int:
        """The process id of an agent that is at work now."""
        assert self.process.stdin
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        return int(self.read())

    def read(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)


if __name__ == "__main__":
    {"muster": muster, "bare": bare}[sys.argv[1]]()
