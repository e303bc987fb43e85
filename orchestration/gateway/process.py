"""The gateway's process: its row among the workers is its lease. Requests of a dead process are ended."""

import asyncio
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Q
from django.db.models.functions import Now

from budget.ledger import requests
from budget.models import GatewayRequest
from orchestration.models import Worker
from orchestration.processes import leftovers
from workspaces.machine import hosts, release
from workspaces.values import ids
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

Connection = TypeVar("Connection", bound=asyncio.Protocol)
LOG_EVERY_S = 60.0

QUEUE = "gateway"
MAX_UNAUTHENTICATED, AUTHENTICATE_WITHIN_S = 1_000, 75.0
"""Connections without a valid token, and the time of one. Balancers keep theirs for probes for 60 s."""


class Unauthenticated:
    """Connections without a valid token yet: 20,000 idle ones had left none for agents. Beyond the limit the oldest ends; an agent's has none."""

    def __init__(self) -> None:
        self._timers: dict[asyncio.Protocol, asyncio.TimerHandle] = {}
        self._logged_at = -math.inf

    def factory(self, server: Callable[[], Connection]) -> Callable[[], Connection]:
        """The factory of a server's connections, each with a time limit."""

        def connect() -> Connection:
            connection = server()
            if len(self._timers) >= MAX_UNAUTHENTICATED:
                self._end(next(iter(self._timers)))
            self._timers[connection] = asyncio.get_running_loop().call_later(AUTHENTICATE_WITHIN_S, self._end, connection)
            return connection

        return connect

    def accept(self, connection: asyncio.Protocol) -> None:
        """Lift the limit: the connection has shown a valid token."""
        if (timer := self._timers.pop(connection, None)) is not None:
            timer.cancel()

    def _end(self, connection: asyncio.Protocol) -> None:
        self.accept(connection)
        transport = getattr(connection, "transport", None)
        if transport is None or transport.is_closing():
            return
        if time.monotonic() > self._logged_at + LOG_EVERY_S:
            self._logged_at = time.monotonic()
            log.warning("gateway.stranger_ended", peer=str(transport.get_extra_info("peername")), others=len(self._timers))
        transport.abort()


class Lease:
    """This process's row among the workers. Others take over its requests once it expires."""

    def __init__(self) -> None:
        self.id = ids.session().replace("sess_", "gate_")
        self._ended = threading.Event()

    def start(self) -> None:
        self._register()
        threading.Thread(target=self._renew_loop, name="lease", daemon=True).start()

    def end(self) -> None:
        """Delete the row. Called after the last stream."""
        self._ended.set()
        Worker.objects.filter(pk=self.id).delete()
        connection.close()

    def _register(self) -> None:
        identity = leftovers.identity(os.getpid())
        assert identity is not None
        Worker.objects.create(
            id=self.id,
            queue=QUEUE,
            host=socket.gethostname(),
            host_id=hosts.host_id(),
            version=release.NUMBER,
            boot_id=identity.boot_id,
            pid=identity.pid,
            started_ticks=identity.starttime,
            slots=0,
        )

    def _renew_loop(self) -> None:
        while not self._ended.wait(min(settings.LEASE_S / 4, 10)):
            try:
                if not Worker.objects.filter(pk=self.id).update(seen_at=Now()):
                    self._register()
                take_over()
            except (DatabaseError, InterfaceError) as problem:
                log.warning("gateway.lease_not_renewed", error=str(problem).split("\n")[0])
                connection.close()


def take_over() -> int:
    """End the requests of dead gateways. Returns their number."""
    return requests.lose(_of_lost()) if _any_at_work.any() else 0


def _of_lost() -> Q:
    """Requests of processes without a live lease. A process has its row before its first request."""
    alive = Worker.objects.filter(queue=QUEUE, seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S + settings.LEASE_GRACE_S))
    return ~Q(gateway__in=alive.values("pk"))


_any_at_work = StandingQuery(lambda: GatewayRequest.objects.filter(state__in=GatewayRequest.OPEN))
