"""One process of the gateway: `./muster gateway`. On SIGTERM it takes nothing new and finishes its streams."""

import argparse
import asyncio
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import django
import uvloop

from config.system import env, sockets, streams

streams.install()  # before the settings, which may be refused

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402

from config import prepared  # noqa: E402
from orchestration.gateway import database, server  # noqa: E402
from orchestration.gateway.process import Lease  # noqa: E402
from orchestration.sessions import connections  # noqa: E402

PORT = 8767
SWITCH_S = 0.0005
"""So long at most a thread with a statement keeps the streams from the interpreter."""
MOST_FILES = 65_536
STREAMS_S = 900.0
"""So long a stream that began before the end may last."""
LAST_S = 10.0
"""For the books of what was cut off, and while the database is away."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./muster gateway", description="One gateway process: agents' requests pass through it."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)  # a socket that already listens
    args = parser.parse_args(arguments)
    env.exit_if_bad()
    env.warn_of_unknown()
    if args.fd is None:
        prepared.wait()
    connections.share(database.MAX_CONNECTIONS, idle_s=60, are_checked=False)
    database.shorten_busy_timeout()
    sys.setswitchinterval(SWITCH_S)
    listener = socket.socket(fileno=args.fd) if args.fd is not None else sockets.listen(args.host, args.port)
    gc.collect()
    gc.freeze()  # what the start has loaded stays: no stream waits while it is looked through
    uvloop.run(_serve(listener))
    return 0


def _allow_connections() -> None:
    """Two for each stream: the usual 1,024 files are soon used up."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= now < MOST_FILES:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES if most < 0 else min(most, MOST_FILES), most))


async def _serve(listener: socket.socket) -> None:
    lease = Lease()
    await asyncio.to_thread(lease.start)
    runner = server.runner(lease.id, drain_s=min(settings.DRAIN_S or settings.STOP_GRACE_S, STREAMS_S))
    await runner.setup()
    site = await server.listen(runner, listener)
    ending = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, ending.set)
    await ending.wait()
    site.close()
    await runner.cleanup()
    if at_work := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(at_work, timeout=LAST_S)
    await asyncio.to_thread(lease.end)


if __name__ == "__main__":
    raise SystemExit(main())
