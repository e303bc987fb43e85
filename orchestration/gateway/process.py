"""The gateway as a process: its row, which is its lease, and the requests that a dead one left."""

import os
import socket
import threading
from datetime import timedelta

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

QUEUE = "gateway"


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
