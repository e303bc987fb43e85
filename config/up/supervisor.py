"""`./muster up`: a small parent that starts everything, mends what dies, and leaves nothing behind.

It imports no Django. Signals are blocked and collected in one place (`Up.wait`), so no handler ever runs between two lines.
"""

import argparse
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from config import env, sockets
from config.up import valkey as embedded_valkey
from config.up.children import LOUD_AFTER, Child, Record

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALS = (*ENDING, signal.SIGCHLD)
LOOK_AT_LOGS_S = 5.0
FIRST_ANSWER_S = 60.0


class Stop(Exception):
    """The person or the system asked for the end."""


class Failed(Exception):
    """It cannot start; the text says why and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


class Up:
    def __init__(self, *, host: str, port: int, demo: bool) -> None:
        self.host, self.port, self.demo = host, port, demo
        self.data = env.data_dir()
        self.grace = env.value("MUSTER_STOP_GRACE_S")
        self.record = Record(self.data / "children.json")
        self.children: list[Child] = []
        self.listener: socket.socket | None = None
        self.valkey_at: Path | None = None
        self.environ = dict(os.environ)
        self.stopping = False
        self.stopping_since = 0.0

    def run(self) -> None:
        (self.data / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock():
            try:
                self.record.clear_leftovers(self.grace + 2, say)
                self._start()
                while True:
                    self._mend()
                    self.wait(self._next_due() - time.monotonic())
            finally:
                self._stop()

    def wait(self, seconds: float) -> None:
        """Sleep until something happens: a child ended, the time is over, or we are asked to stop (raises `Stop`)."""
        got = signal.sigtimedwait(SIGNALS, max(0.0, seconds))
        if got is None or got.si_signo == signal.SIGCHLD:
            return
        if not self.stopping or self._is_second_ctrl_c(got.si_signo):
            raise Stop

    def _is_second_ctrl_c(self, sig: int) -> bool:
        """Not the same one twice: some programs signal the process and then its group."""
        return sig == signal.SIGINT and time.monotonic() - self.stopping_since > 0.3

    # --- from nothing to running ---

    def _lock(self) -> IO[str]:
        lock = open(self.data / "up.lock", "a")  # noqa: SIM115  (the caller holds it until the end)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Failed(f"`muster up` already runs with {self.data}. Use that one, or another --data-dir.") from None
        return lock

    def _start(self) -> None:
        """Valkey, the web server's imports and the database's preparation go side by side; workers would only slow them."""
        self.listener = self._listen()
        self.environ |= {"MUSTER_DATA_DIR": str(self.data), "PYTHONUNBUFFERED": "1"}
        self.environ.setdefault("MUSTER_BASE_URL", sockets.address(self.host, self.port))
        (self.data / "address").write_text(self.environ["MUSTER_BASE_URL"])
        if not sockets.is_loopback(self.host) and not os.environ.get("MUSTER_ALLOWED_HOSTS"):
            self.environ["MUSTER_ALLOWED_HOSTS"] = f"{env.read('MUSTER_ALLOWED_HOSTS')},{self.host}"
        if not os.environ.get("REDIS_URL"):
            self._start_valkey()
        go, hold = os.pipe()
        web = self._python("web", "config.web", "--fd", str(self.listener.fileno()), "--after", str(go))
        web.pass_fds = (self.listener.fileno(), go)
        self._spawn(web)
        os.close(go)
        answer = self._bootstrap()
        self._await_valkey()
        os.close(hold)  # the web server starts to answer
        web.argv, web.pass_fds = web.argv[:-2], web.pass_fds[:1]
        self._await_answer(web)
        self._spawn(self._worker("control", slots=2))
        self._spawn(self._worker("sessions", slots=env.value("MUSTER_SESSION_SLOTS")))
        self._welcome(answer)

    def _listen(self) -> socket.socket:
        try:
            listener = sockets.listen(self.host, self.port)
        except OverflowError:
            raise Failed(f"{self.port} is not a port: choose one from 1 to 65535, or 0 for any free one.") from None
        except OSError as error:
            what = "is in use" if error.errno == 98 else f"cannot be used ({error.strerror})"
            raise Failed(f"Port {self.port} on {self.host} {what}. Choose another: ./muster up --port {self.port + 1}") from None
        self.port = listener.getsockname()[1]
        return listener

    def _start_valkey(self) -> None:
        self.valkey_at = sockets.valkey_socket(self.data)
        if self.valkey_at.parent != self.data:
            sockets.make_private(self.valkey_at.parent)
        folder = self.data / "valkey"
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            argv = embedded_valkey.command(self.valkey_at, folder)
        except FileNotFoundError as error:
            raise Failed(str(error)) from None
        self._spawn(Child("valkey", argv, self.environ, self._log("valkey")))
        self.environ["REDIS_URL"] = f"unix://{self.valkey_at}"

    def _bootstrap(self) -> dict[str, Any]:
        """Migrate, make the owner and the demo, in one process; its last line is what we need to know."""
        if not (self.data / "bootstrapped").exists():
            say("First start: preparing the database" + (" and the demo." if self.demo else "."))
        job = self._python("bootstrap", "manage", "bootstrap", *([] if self.demo else ["--no-demo"]))
        self._spawn(job, stdout=subprocess.PIPE)
        assert job.process and job.process.stdout
        while job.alive:
            self._insist_on("valkey", "web")
            self.wait(0.5)
        self.children.remove(job)
        output = job.process.stdout.read().decode().splitlines()
        if job.process.returncode != 0 or not output:
            raise Failed(_with_log("The database could not be prepared.", job))
        (self.data / "bootstrapped").touch()
        answer: dict[str, Any] = json.loads(output[-1])
        if not answer["password_set"] and not sockets.is_loopback(self.host):
            raise Failed(
                f"Refusing to listen on {self.host}: nobody has a password yet. Set one first:\n"
                f"  {_muster(self.data)} manage changepassword owner"
            )
        return answer

    def _await_valkey(self) -> None:
        while self.valkey_at and not embedded_valkey.answers(self.valkey_at):
            for child in self.children:
                if child.name == "valkey" and self._has_bad_file(child):
                    self._spawn(child)
            self._insist_on("valkey")
            self.wait(0.02)

    def _has_bad_file(self, child: Child) -> bool:
        """Valkey ended by itself: its file cannot be read. It holds doorbells only, so it is put aside, once, and not mourned."""
        folder = self.data / "valkey"
        if child.alive or child.process is None or child.process.returncode <= 0 or not any(folder.iterdir()):
            return False
        aside = folder.with_name(f"valkey.bad-{int(time.time())}")
        folder.rename(aside)
        folder.mkdir(mode=0o700)
        say(f"Valkey could not start with its file, which is now in {aside}. No work is lost: the database has it all.")
        return True

    def _await_answer(self, web: Child) -> None:
        """One request waits in the listener's queue until the web server takes it."""
        deadline = time.monotonic() + FIRST_ANSWER_S
        host = sockets.address(self.host, self.port).removeprefix("http://").rpartition(":")[0].strip("[]")
        with socket.create_connection((host, self.port)) as link:
            link.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            while not select.select([link], [], [], 0)[0]:
                self._insist_on("web")
                if time.monotonic() > deadline:
                    raise Failed(_with_log(f"The web server did not answer within {FIRST_ANSWER_S:.0f} s.", web))
                self.wait(0.03)

    def _insist_on(self, *names: str) -> None:
        for child in self.children:
            if child.name in names and not child.alive:
                raise Failed(_with_log(f"{child.name} ended while starting ({_how(child)}).", child))

    def _welcome(self, answer: dict[str, Any]) -> None:
        base = sockets.address(self.host, self.port)
        say(f"\nMuster is running at  {base}/")
        if answer["login"]:
            say(f"Log in once with      {base}{answer['login']}")
            say(f"  (valid for an hour; another: {_muster(self.data)} manage login_link)")
        say(f"Data and logs in      {self.data}\nCtrl-C ends it.\n")

    # --- children ---

    def _log(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def _python(self, name: str, module: str, *args: str) -> Child:
        return Child(name, [sys.executable, "-m", module, *args], self.environ, self._log(name))

    def _worker(self, queue: str, slots: int) -> Child:
        return self._python(queue, "celery", *worker_args(queue, slots))

    def _spawn(self, child: Child, stdout: int | None = None) -> None:
        child.start(SIGNALS, stdout)
        if child not in self.children:
            self.children.append(child)
        self.record.write(self.children)

    def _next_due(self) -> float:
        return min([time.monotonic() + LOOK_AT_LOGS_S, *(child.restart_at for child in self.children if not child.alive)])

    def _mend(self) -> None:
        """Restart what died, after a moment that grows while it keeps dying young; say what the logs complain about."""
        for child in self.children:
            now = time.monotonic()
            if child.alive:
                self._report(child)
            elif child.restart_at > child.started_at:
                if now >= child.restart_at:
                    self._spawn(child)
            else:
                if child.name == "valkey":
                    self._has_bad_file(child)
                delay = child.crashed(now)
                text = f"{child.name} ended ({_how(child)}); starting it again in {delay:.1f} s."
                if child.quick_crashes >= LOUD_AFTER:
                    text = _with_log(f"{child.name} keeps crashing ({child.quick_crashes} times in a row). {text}", child)
                say(text)

    def _report(self, child: Child) -> None:
        if problems := child.new_problems():
            more = f" ({len(problems)} in all)" if len(problems) > 1 else ""
            say(f"{child.name} logged an error{more}: {problems[-1][:300]}\n  see {child.log}")
        child.cap_log()

    # --- to nothing again ---

    def _stop(self) -> None:
        """Workers first, for they still need the others; then web; then Valkey, which writes its file."""
        self.stopping, self.stopping_since = True, time.monotonic()
        if self.listener:
            self.listener.close()
        if any(child.alive for child in self.children):
            say("Stopping (Ctrl-C again kills at once).")
        end = time.monotonic() + self.grace + 1
        try:
            self._end({"bootstrap", "sessions", "control"}, end)
            self._end({"web"}, end + 0.5)
            self._end({"valkey"}, end + 0.8)
        except Stop:
            say("Killing.")
        finally:
            for child in self.children:
                child.signal(signal.SIGKILL)
                if child.process:
                    child.process.wait()
            self.record.path.unlink(missing_ok=True)
            if self.valkey_at:
                self.valkey_at.unlink(missing_ok=True)
                if self.valkey_at.parent != self.data:
                    self.valkey_at.parent.rmdir()

    def _end(self, names: set[str], until: float) -> None:
        """TERM, and KILL for those still there at `until`."""
        group = [child for child in self.children if child.name in names]
        for child in group:
            child.signal(signal.SIGTERM)
        while any(child.alive for child in group) and (left := until - time.monotonic()) > 0:
            self.wait(min(left, 0.25))  # a SIGCHLD may have been taken before we looked
        for child in group:
            child.signal(signal.SIGKILL)


def worker_args(queue: str, slots: int) -> list[str]:
    """Celery's words for one worker process of a queue; also used by `./muster worker`."""
    name = f"{queue}@%h"
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [
        "-A",
        "config",
        "worker",
        "-P",
        "threads",
        "-c",
        str(slots),
        "-Q",
        queue,
        "-n",
        name,
        "-l",
        env.value("MUSTER_LOG_LEVEL"),
        *quiet,
    ]


def _how(child: Child) -> str:
    code = child.process.returncode if child.process else 0
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _with_log(sentence: str, child: Child) -> str:
    return "\n".join([sentence, f"Last lines of {child.log}:", *(f"  {line}" for line in child.last_lines())])


def _muster(data: Path) -> str:
    """How to call the front for this data directory."""
    usual = Path(env.VARIABLES["MUSTER_DATA_DIR"].default).expanduser().resolve()
    return "./muster" if data == usual else f"./muster --data-dir {data}"


def main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    parser = argparse.ArgumentParser(prog="./muster up", description="Start Muster: web, workers, and an embedded Valkey.")
    parser.add_argument("--port", type=int, default=8765, help="default 8765; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="another address is refused until someone has a password")
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="do not create the demo workspace on a first start")
    args = parser.parse_args()
    env.exit_if_bad()
    env.warn_of_unknown()
    try:
        Up(host=args.host, port=args.port, demo=args.demo).run()
    except Failed as failure:
        print(failure, file=sys.stderr, flush=True)
        return 1
    except Stop:
        say("Stopped.")
    return 0
