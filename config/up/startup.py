"""From the first process to a running server, on the first start and every other."""

import fcntl
import json
import os
import select
import socket
import time
from typing import Any

from config.system import addresses, env, sockets
from config.up import copies, valkey
from config.up.children import Child
from config.up.messages import Failed, muster_command, report, welcome, with_log
from config.up.supervisor import Supervisor

FIRST_RESPONSE_S = 60.0


class Up(Supervisor):
    def __init__(self, *, host: str, port: int, demo: bool) -> None:
        super().__init__()
        self.host, self.port, self.demo = host, port, demo
        self.valkey_password = ""

    def start(self) -> None:
        """The database is prepared while the code is loaded. The code that only workers need is loaded while the web server starts to serve."""
        self.listener = self._listen()
        self.environ |= {"MUSTER_DATA_DIR": str(self.data), "PYTHONUNBUFFERED": "1"}
        self.environ["MUSTER_DEMO"] = os.environ.get("MUSTER_DEMO", "1") if self.demo else "0"
        self.environ.setdefault("MUSTER_BASE_URL", sockets.address(self.host, self.port))
        (self.data / "address").write_text(self.environ["MUSTER_BASE_URL"])
        self.agent_listener = self._listen_for_agents()
        self.environ.setdefault("MUSTER_AGENT_URL", sockets.address(*self.agent_listener.getsockname()[:2]))
        (self.data / "agent-address").write_text(self.environ["MUSTER_AGENT_URL"])
        self._open_gateway()
        if not sockets.is_loopback(self.host) and not os.environ.get("MUSTER_ALLOWED_HOSTS"):
            self.environ["MUSTER_ALLOWED_HOSTS"] = f"{env.read('MUSTER_ALLOWED_HOSTS')},{self.host}"
        if not addresses.broker():
            self._start_valkey()
        os.environ.update(self.environ)
        copies.load("config.preparation")
        bootstrap, output = self._begin_bootstrap()
        copies.load("config.preloaded")
        ready, release = os.pipe()
        handles = (self.listener.fileno(), self.agent_listener.fileno())
        web = self.python("web", "config.web", "--fd", str(handles[0]), "--agent-fd", str(handles[1]), "--after", str(ready))
        web.pass_fds = (*handles, ready)
        self.spawn(web)
        os.close(ready)
        result = self._await_bootstrap(bootstrap, output)
        self._await_valkey()
        os.close(release)  # the web server starts to serve
        copies.load("config.up.worker")
        web.argv, web.pass_fds = web.argv[:-2], handles
        self._await_response(web)
        self.spawn(self.worker("control", slots=2))
        self.spawn(self.worker("sessions", slots=env.value("MUSTER_SESSION_SLOTS")))
        report(welcome(sockets.address(self.host, self.port), result["login"], self.data))

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

    def _listen_for_agents(self) -> socket.socket:
        """The socket for agents: on the port after the web server's, or on any free one, since agents get the address."""
        host = env.value("MUSTER_AGENT_LISTEN") or self.host
        try:
            return sockets.listen(host, self.port + 1)
        except (OSError, OverflowError):
            pass
        try:
            return sockets.listen(host, 0)
        except OSError as error:
            raise Failed(f"MUSTER_AGENT_LISTEN: no port on {host} can be used ({error.strerror})") from None

    def _open_gateway(self) -> None:
        """Listen for agents that have a key. The process itself starts with the first call: who has no such agent pays nothing for it."""
        if "MUSTER_GATEWAY_URL" in self.environ:
            (self.data / "gateway-address").unlink(missing_ok=True)
            return
        self.gateway_listener = listener = sockets.listen("127.0.0.1", 0)
        self.environ["MUSTER_GATEWAY_URL"] = sockets.address("127.0.0.1", listener.getsockname()[1])
        (self.data / "gateway-address").write_text(self.environ["MUSTER_GATEWAY_URL"])
        fcntl.fcntl(listener, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(listener, fcntl.F_SETFL, fcntl.fcntl(listener, fcntl.F_GETFL) | os.O_ASYNC)

    def called(self) -> None:
        listener = self.gateway_listener
        if listener is None or self.stopping or any(child.name == "gateway" for child in self.children):
            return
        fcntl.fcntl(listener, fcntl.F_SETFL, fcntl.fcntl(listener, fcntl.F_GETFL) & ~os.O_ASYNC)
        gateway = self.python("gateway", "config.gateway", "--fd", str(listener.fileno()))
        gateway.pass_fds = (listener.fileno(),)
        self.spawn(gateway)

    def _start_valkey(self) -> None:
        self.valkey_at = sockets.valkey_socket(self.data)
        if self.valkey_at.parent != self.data:
            sockets.make_private(self.valkey_at.parent)
        folder = self.data / "valkey"
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            password_file = sockets.valkey_password_file(self.data)
            self.valkey_password = valkey.make_password(password_file)
            argv = valkey.command(self.valkey_at, folder, password_file=password_file)
        except FileNotFoundError as error:
            raise Failed(str(error)) from None
        self.spawn(Child("valkey", argv, self.environ, self.log_of("valkey")))
        self.environ = self.environ | {"REDIS_URL": sockets.valkey_url(self.data)}

    def _begin_bootstrap(self) -> tuple[Child, int]:
        """Migrate and create the owner, in one process. Returns it, and the pipe of its output."""
        if not (self.data / "bootstrapped").exists():
            report("First start: preparing the database.")
        bootstrap = self.python("bootstrap", "manage", "bootstrap")
        answer, stdout = os.pipe()
        self.spawn(bootstrap, stdout)
        os.close(stdout)
        return bootstrap, answer

    def _await_bootstrap(self, bootstrap: Child, answer: int) -> dict[str, Any]:
        """Returns the JSON of its last line."""
        while bootstrap.alive:
            self.require("valkey", "web")
            self.wait(0.5)
        self.children.remove(bootstrap)
        with open(answer) as lines:
            output = lines.read().splitlines()
        assert bootstrap.process
        if bootstrap.process.returncode != 0 or not output:
            raise Failed(with_log("The database could not be prepared.", bootstrap))
        (self.data / "bootstrapped").touch()
        result: dict[str, Any] = json.loads(output[-1])
        if not result["password_set"] and not sockets.is_loopback(self.host):
            raise Failed(
                f"Refusing to listen on {self.host}: no user has a password yet. Set one first:\n"
                f"  {muster_command(self.data)} manage changepassword owner"
            )
        return result

    def _await_valkey(self) -> None:
        while self.valkey_at and not valkey.answers(self.valkey_at, self.valkey_password):
            for child in self.children:
                if child.name == "valkey" and self.set_aside_bad_file(child):
                    self.spawn(child)
            self.require("valkey")
            self.wait(0.02)

    def _await_response(self, web: Child) -> None:
        """Wait until the web server answers: one request waits in the listener's queue."""
        deadline = time.monotonic() + FIRST_RESPONSE_S
        host = sockets.address(self.host, self.port).removeprefix("http://").rpartition(":")[0].strip("[]")
        with socket.create_connection((host, self.port)) as link:
            link.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            while not select.select([link], [], [], 0)[0]:
                self.require("web")
                if time.monotonic() > deadline:
                    raise Failed(with_log(f"The web server did not answer within {FIRST_RESPONSE_S:.0f} s.", web))
                self.wait(0.03)
