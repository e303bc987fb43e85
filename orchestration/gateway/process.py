"""The gateway as a process: its row, which is its lease, and the requests that a dead one left."""

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
MOST_STRANGERS, STRANGER_S = 1_000, 75.0
"""Connections without a token yet, and the time of one: longer than balancers keep theirs for probes (60 s)."""


class Strangers:
    """Connections on which no token was accepted yet. Too many, and the oldest ends; one of an agent has no limit here."""

    def __init__(self) -> None:
        self._timers: dict[asyncio.Protocol, asyncio.TimerHandle] = {}
        self._logged_at = -math.inf

    def greeting(self, server: Callable[[], Connection]) -> Callable[[], Connection]:
        """The factory of a server's connections, with a limit for each that is new."""

        def greet() -> Connection:
            connection = server()
            if len(self._timers) >= MOST_STRANGERS:
                self._end(next(iter(self._timers)))
            self._timers[connection] = asyncio.get_running_loop().call_later(STRANGER_S, self._end, connection)
            return connection

        return greet

    def accept(self, connection: asyncio.Protocol) -> None:
        """Its token is valid."""
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
    """This process's row among the workers. Other processes take its requests for lost when it is not renewed."""

    def __init__(self) -> None:
        self.id = ids.session().replace("sess_", "gate_")
        self._ended = threading.Event()

    def start(self) -> None:
        self._register()
        threading.Thread(target=self._renew_loop, name="lease", daemon=True).start()

    def end(self) -> None:
        """After its last stream."""
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
    """End the requests of gateways that are gone. Returns how many."""
    return requests.lose(_of_lost()) if _any_at_work.any() else 0


def _of_lost() -> Q:
    """Requests of processes without a row, or whose row is too old. A new one has its row before its first request."""
    alive = Worker.objects.filter(queue=QUEUE, seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S + settings.LEASE_GRACE_S))
    return ~Q(gateway__in=alive.values("pk"))


_any_at_work = StandingQuery(lambda: GatewayRequest.objects.filter(state__in=GatewayRequest.OPEN))
