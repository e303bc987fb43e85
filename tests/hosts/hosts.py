"""The processes of Muster on each machine: web server and control worker on one, session workers on the others."""

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.harness import Running, until
from tests.hosts.machines import Machine, Network, send
from tests.hosts.services import Postgres, Valkey

WEB_PORT = 8765
AGENT = "planned_agent.py"  # in the command line of each agent


class Server(Running):
    """PostgreSQL, Valkey, web server and control worker."""

    def __init__(self, machine: Machine, **settings: str) -> None:
        self.machine, self.data, self.log = machine, machine.folder / "data", machine.folder / "out"
        self.database, self.valkey = Postgres(machine), Valkey(machine)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
        self.env = {
            **inherited,
            **settings,
            "MUSTER_SANDBOX": os.environ.get("MUSTER_SANDBOX", ""),
            "MUSTER_DATA_DIR": str(self.data),
            "DATABASE_URL": self.database.url,
            "REDIS_URL": self.valkey.url,
            "MUSTER_BASE_URL": f"http://{machine.address}:{WEB_PORT}",
            "MUSTER_ALLOWED_HOSTS": machine.address,
        }
        self.env["DJANGO_SUPERUSER_PASSWORD"] = "a password for the tests"
        self.muster("createsuperuser", "--noinput", "--username", "owner", "--email", "owner@localhost")
        web = ("-m", "config.web", "--host", machine.address, "--port", str(WEB_PORT))
        machine.start(sys.executable, *web, env=self.env, log=self.log)
        machine.start(sys.executable, "-m", "config.work", "--queue", "control", env=self.env, log=self.log)
        until(self.is_ready, 60, every=0.2)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz") == 200
        except OSError:
            return False

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.machine.address, WEB_PORT, timeout=timeout)
        connection.sock = self.machine.connect((self.machine.address, WEB_PORT), timeout)
        return connection

    def muster(self, *args: str) -> str:
        return manage(self.machine, self.env, *args)


def manage(machine: Machine, env: dict[str, str], *args: str) -> str:
    command = machine.inside(sys.executable, "-m", "manage", *args)
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL)
    is_diagnosis = args[:1] == ("doctor",) and result.returncode == 1  # this site has no port for agents alone, and it says so
    assert result.returncode == 0 or is_diagnosis, result.stdout + result.stderr
    return result.stdout


class SessionHost:
    """A session worker on a machine that reaches the server's address alone."""

    def __init__(self, machine: Machine, server: Server, network: Network, **extra: str) -> None:
        self.machine, self.server, self.network, self.name = machine, server, network, machine.name
        self.log = server.machine.folder.parent / f"{machine.name}.out"
        self.env = {**server.env, "MUSTER_DATA_DIR": str(machine.folder / "data"), **extra}
        self.process: subprocess.Popen[bytes] | None = None
        self.is_ending = False

    def start(self, *, wait: bool = True) -> None:
        command = (sys.executable, "-m", "config.work", "--queue", "sessions")
        self.is_ending = False
        self.process = self.machine.start(*command, env=self.env, log=self.log)
        if wait:
            until(self.is_online, 60, every=0.1)

    def is_online(self) -> bool:
        """Seen within the last half of a lease, and by the process that runs now."""
        rows = self.server.database.rows(
            "SELECT 1 FROM orchestration_worker WHERE host = %s AND pid = ANY(%s) AND seen_at > now() - interval '3 s'",
            self.name,
            self.pids_inside(),
        )
        return bool(rows)

    def pids_inside(self) -> list[int]:
        """The numbers that its processes have there."""
        numbers = (status(pid, "NSpid") for pid in self.machine.processes("celery"))
        return [int(number.split()[-1]) for number in numbers if number]

    def worker(self) -> list[int]:
        """The session worker's own process."""
        all_pids = self.machine.processes()
        return [pid for pid in self.machine.processes("celery") if parent(pid) not in (None, *all_pids)]

    def agents(self) -> list[int]:
        return self.machine.processes(AGENT)

    def work(self, action: str) -> None:
        """`./muster worker drain` or `resume` there."""
        command = self.machine.inside(sys.executable, "-m", "config.work", action)
        subprocess.run(command, env=self.env, check=True, capture_output=True, timeout=60)

    def muster(self, *args: str) -> str:
        """A management command there; its output."""
        return manage(self.machine, self.env, *args)

    def ensure_at_work(self) -> None:
        """One that was asked to end has ended before the next one starts."""
        self.thaw()  # where a test failed while it stood still
        if self.is_ending and self.process is not None:
            self.process.wait(60)
        if not self.worker():
            self.start()

    def signal(self, sig: signal.Signals) -> None:
        self.is_ending = self.is_ending or sig == signal.SIGTERM
        send(sig, self.worker())
        if sig == signal.SIGCONT:
            self.continue_nsenter()

    def continue_nsenter(self) -> None:
        """`nsenter` stops with the process that it started, and would never see its end."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def freeze(self) -> None:
        """The whole machine stands still, but for its first process."""
        send(signal.SIGSTOP, self._all())

    def thaw(self) -> None:
        send(signal.SIGCONT, self._all())
        self.continue_nsenter()

    def _all(self) -> list[int]:
        return [pid for pid in self.machine.processes() if pid != self.machine.pid]

    def stop(self, seconds: float = 40) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
            self.process.wait(seconds)


def status(pid: int, field: str) -> str:
    """A line of /proc/PID/status; empty once the process is gone."""
    try:
        lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    except OSError:
        return ""
    return next(value.strip() for name, _, value in lines if name == field)


def parent(pid: int) -> int | None:
    """None once the process is gone."""
    number = status(pid, "PPid")
    return int(number) if number else None
