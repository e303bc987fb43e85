"""The web server as one process. `up` passes it an open socket, so that a restart refuses no connection."""

import argparse
import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Any

import django
import uvicorn

from config.system import env, sockets, streams

streams.install()  # before the settings, which may be refused

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from config import prepared  # noqa: E402
from config.http import agent_listener  # noqa: E402
from workspaces.people import login_links  # noqa: E402

API = "config.http.api"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./muster web", description="One web server process.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--agent-port", type=int, help="where agents reach the API; default: the next port, 0: nowhere")
    parser.add_argument(
        "--agent-host", help="the address on which agents reach the API; default: MUSTER_AGENT_LISTEN, else --host"
    )
    parser.add_argument("--agent-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)  # a socket that already listens
    parser.add_argument("--after", type=int, help=argparse.SUPPRESS)  # a pipe whose end means that the database is ready
    args = parser.parse_args(arguments)
    env.warn_of_unknown()
    from config.asgi import application  # collects static files: the workers need none

    get_resolver().url_patterns  # noqa: B018  (loads the site's code before the first request)
    if args.after is not None:
        os.read(args.after, 1)
    if args.fd is None and not sockets.is_loopback(args.host):
        prepared.wait()
    if args.fd is None and not sockets.is_loopback(args.host) and not login_links.any_password_set():
        print("No user has a password yet: ./muster manage changepassword owner", file=sys.stderr)
        return 1
    listener = socket.socket(fileno=args.fd) if args.fd is not None else sockets.listen(args.host, args.port)
    for_agents = _agent_listener(args)
    agent_listener.ports.update([for_agents.getsockname()[1]] if for_agents else [])
    Server(uvicorn_config(application)).run(sockets=[listener, *([for_agents] if for_agents else [])])
    return 0


class Server(uvicorn.Server):
    """Looks after itself once a second, as the date in its answers needs, and at once when it is to end. uvicorn wakes ten times a second."""

    async def main_loop(self) -> None:
        self._ending = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1)
            if API not in sys.modules:  # the first pages did not wait for it
                await asyncio.to_thread(import_module, API)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if hasattr(self, "_loop"):  # a signal before the first tick is seen there
            self._loop.call_soon_threadsafe(self._ending.set)


def _agent_listener(args: argparse.Namespace) -> socket.socket | None:
    """The listener for agents; None where it is switched off."""
    if args.agent_fd is not None:
        return socket.socket(fileno=args.agent_fd)
    host, port = args.agent_host or env.value("MUSTER_AGENT_LISTEN") or args.host, args.agent_port
    if port == 0:
        return None
    if port is not None and port == args.port:
        sys.exit("--agent-port must differ from --port, on whatever address: a request's port says who may send it")
    try:
        return sockets.listen(host, (args.port and args.port + 1) if port is None else port)
    except (OSError, OverflowError) as problem:
        where = f"port {args.port + 1 if port is None else port} on {host} cannot be used ({problem})"
        if port is not None or host != args.host:
            sys.exit(f"Agents have no address: {where}. Name an address of this machine with --agent-host or MUSTER_AGENT_LISTEN")
        print(f"Agents have no address of their own here: {where}", file=sys.stderr)
        return None


def uvicorn_config(app: Any) -> uvicorn.Config:
    """The server's configuration. Only MUSTER_TRUSTED_PROXIES may set a request's origin: uvicorn trusts every process of this machine by
    default, and agents are such processes; each forged address would have its own login tries."""
    return uvicorn.Config(
        app,
        loop="asyncio",  # uvloop, which the gateway has, would only take memory here
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,  # an open event stream never ends by itself
        proxy_headers=bool(settings.TRUSTED_PROXIES),
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
    )


if __name__ == "__main__":
    sys.exit(main())
