"""The heartbeat of a worker process: it marks the worker alive, renews its sessions' leases and reads their stop requests.

It has a thread of its own: no agent's output can delay it. A second thread without the database is the fence. A third (stop_listener) has stop requests read
at once.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models.functions import Now

from orchestration import sessions
from orchestration.hosts import draining, problems, service_manager
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Session, Worker
from orchestration.processes import leftovers, sandbox_probe, stage_probe
from orchestration.processes.shim import cgroups
from orchestration.sessions import sandbox
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import stop_listener
from orchestration.worker.agents.shared import cli_versions
from workspaces.machine import disk, hosts, release
from workspaces.values import ids

log = structlog.get_logger(__name__)


class Heartbeat:
    """The worker process's row in the database, and the stop flags of its sessions."""

    def __init__(self, queue: str, slots: int) -> None:
        self.queue = queue
        self.slots = slots
        self.supervised: dict[str, StopFlags] = {}
        self._draining = threading.Event()
        self._stopping = threading.Event()
        self._check_requested = threading.Event()
        self._lock = threading.Lock()
        self._also: list[tuple[Callable[[], object], Callable[[], object]]] = []
        self._agents: dict[str, str] = {}
        self.worker = self._register(ids.session().replace("sess_", "work_"))

    def _register(self, id_: str) -> Worker:
        """Create or update the row of this process."""
        identity = leftovers.identity(os.getpid())
        assert identity is not None
        return Worker.objects.create(
            id=id_,
            queue=self.queue,
            host=socket.gethostname(),
            host_id=hosts.host_id(),
            version=release.NUMBER,
            boot_id=identity.boot_id,
            pid=identity.pid,
            started_ticks=identity.starttime,
            slots=self._open_slots(),
            free_mb=disk.free_mb_known(),
            labels=settings.LABELS,
            problem=problems.find(),
            drain_by=draining.drained_by(),
            agents=self._agents,
        )

    def _open_slots(self) -> int:
        """The slots for new sessions; 0 at a problem of this host, or while the process shuts down."""
        return 0 if self._draining.is_set() or problems.that_stops() else self.slots

    def start(self) -> None:
        for target in (self._beat_loop, self._fence_loop, self._report_agents):
            threading.Thread(target=target, name=f"heartbeat{target.__name__}", daemon=True).start()
        stop_listener.start_listening(self.check_soon)

    def on_check(self, wake: Callable[[], object], end: Callable[[], object]) -> None:
        """Also call `wake` when a check is requested, and `end` when the process shuts down."""
        self._also.append((wake, end))

    def check_soon(self) -> None:
        """Read the stop requests now instead of at the next poll."""
        self._check_requested.set()
        for wake, _ in self._also:
            wake()

    def drain(self, limit_s: float) -> None:
        """Accept no new session after SIGTERM, and let running ones continue for a while. A second SIGTERM ends that."""
        limit_s = 0 if self._draining.is_set() else limit_s
        service_manager.extend_stop(limit_s)
        until = time.monotonic() + limit_s
        self._draining.set()
        for _, end in self._also:
            end()
        self._offer_no_slots()
        while self.supervised and time.monotonic() < until and not self._stopping.is_set():
            time.sleep(min(settings.POLL_S, 0.2))
        self.end()

    def _offer_no_slots(self) -> None:
        try:
            Worker.objects.filter(pk=self.worker.pk).update(slots=0)
        except (DatabaseError, InterfaceError) as error:  # the next renewal does it
            log.warning("heartbeat.failed", error=str(error).split("\n")[0])
        finally:
            connection.close()

    def end(self) -> None:
        """Interrupt every session; their entries are queued again."""
        self._stopping.set()
        self._check_requested.set()
        for flags in list(self.supervised.values()):
            flags.request_end("interrupted")

    def leave(self) -> None:
        """Remove the worker's row after an orderly end."""
        Worker.objects.filter(pk=self.worker.pk).delete()

    @contextmanager
    def supervising(self, session: Session) -> Iterator[StopFlags]:
        """Supervise a session for the duration of the block."""
        flags = StopFlags(session.pk, session.attempt)
        with self._lock:
            self.supervised[session.pk] = flags
        self._check_requested.set()  # without a session the loop sleeps long
        if self._stopping.is_set():
            flags.request_end("interrupted")
        try:
            yield flags
        finally:
            with self._lock:
                self.supervised.pop(session.pk, None)

    def _report_agents(self) -> None:
        """Record this host's agent programs and its sandbox, once: some take seconds to print their version."""
        if self.queue != "sessions":
            return
        try:
            self._agents = cli_versions.installed() | _of_host()
            Worker.objects.filter(pk=self.worker.pk).update(agents=self._agents)
        except (DatabaseError, InterfaceError) as error:
            log.warning("agents.not_recorded", error=str(error).split("\n")[0])
        finally:
            connection.close()

    def _beat_loop(self) -> None:
        renewed_at = time.monotonic()
        while self.supervised or not self._stopping.is_set():
            renew_every = min(settings.LEASE_S / 4, 10)
            self._check_requested.wait(settings.POLL_S if self.supervised else renew_every)
            self._check_requested.clear()  # before the read: a request that arrives meanwhile triggers the next one
            try:
                self._read_requests()
                if time.monotonic() - renewed_at >= renew_every:
                    close_old_connections()  # not before each read: it makes the next statement check the connection first
                    self._renew()
                    renewed_at = time.monotonic()
            except (DatabaseError, InterfaceError) as error:
                log.warning("heartbeat.failed", error=str(error).split("\n")[0])
                connection.close()
            except Exception:  # a dead heartbeat would end every session
                log.exception("heartbeat.crashed")
        connection.close()

    def _renew(self) -> None:
        """Renew the leases by the database's clock. This process counts a lease from before the statement: it never ends earlier than assumed."""
        disk.refill()
        updated = Worker.objects.filter(pk=self.worker.pk).update(
            seen_at=Now(), slots=self._open_slots(), free_mb=disk.free_mb_known(), problem=problems.find()
        )
        if not updated:  # the row was deleted: register again
            self.worker = self._register(self.worker.pk)
        all_flags = list(self.supervised.values())
        if all_flags:
            renewed_at = {flags.session_id: flags.clock() for flags in all_flags}
            Session.of_any_role.filter(pk__in=list(renewed_at), worker=self.worker, status=Session.Status.RUNNING).update(
                lease_until=sessions.lease_end()
            )
            for flags in all_flags:
                flags.renew(renewed_at[flags.session_id])

    def _read_requests(self) -> None:
        """Stop requests and the money left: one statement for all sessions."""
        all_flags = dict(self.supervised)
        if not all_flags:
            return
        with connection.cursor() as cursor:
            cursor.execute(_requests_sql(len(all_flags)), list(all_flags))
            rows = cursor.fetchall()
        for session_id, attempt, status, stop_wanted_at, kill_wanted_at, amount, drawn in rows:
            flags = all_flags[session_id]
            flags.money_left = None if amount is None else amount - drawn
            if attempt != flags.attempt or status == Session.Status.ENDED:
                if session_id in self.supervised and not flags.reason:
                    flags.request_end("superseded")
                continue
            if stop_wanted_at is not None and not flags.reason:
                flags.request_end("stopped")
            if kill_wanted_at is not None:
                flags.hurry()

    def _fence_loop(self) -> None:
        while True:
            time.sleep(min(settings.LEASE_S / 20, 1))
            hosts.beat(self.queue)  # here: a hanging database must not end this process
            for flags in list(self.supervised.values()):
                if not flags.may_act and flags.reason != "fenced":
                    log.error("session.fenced", session=flags.session_id)
                    flags.request_end("fenced")


def _of_host() -> dict[str, str]:
    """The sandbox and the memory limit in force on this host."""
    kept = cgroups.keeps_memory(settings.CGROUP_PARENT)
    report = sandbox.on_host(settings.SANDBOX, sandbox_probe.probe(), stage_probe.probe().problem)
    return {"sandbox": report, "memory": "kernel" if kept else "each second"}


@lru_cache
def _requests_sql(count: int) -> str:
    """The statement for so many sessions. Cached: building it takes longer than running it."""
    sessions = Session.of_any_role.filter(pk__in=[str(number) for number in range(count)])
    columns = sessions.values_list("id", "attempt", "status", "stop_wanted_at", "kill_wanted_at", "hold__amount", "hold__drawn")
    return str(columns.query.sql_with_params()[0])


_heartbeat: Heartbeat | None = None


def start(queue: str, slots: int) -> Heartbeat:
    """Start the heartbeat of this worker process."""
    global _heartbeat
    _heartbeat = Heartbeat(queue, slots)
    _heartbeat.start()
    _enqueue_all_cycles()
    return _heartbeat


def stop() -> None:
    """Drain for MUSTER_DRAIN_S, then interrupt the sessions. Returns after that."""
    if _heartbeat is not None:
        _heartbeat.drain(settings.DRAIN_S)


def unregister() -> None:
    """Remove this process's row after an orderly end."""
    if _heartbeat is not None:
        connection.close()  # idle since the start: the database may have restarted meanwhile
        _heartbeat.leave()


def record_tick() -> None:
    """Record a completed tick: for pages the executor is alive, not only its process."""
    if _heartbeat is not None:
        Worker.objects.filter(pk=_heartbeat.worker.pk).update(ticked_at=Now())


def has_control_worker() -> bool:
    """True if a control worker of this host is online."""
    here = Worker.objects.filter(queue="control", host=socket.gethostname(), host_id=hosts.host_id())
    return here.filter(seen_at__gt=Now() - timedelta(seconds=settings.LEASE_S)).exists()


def current() -> Heartbeat:
    """This process's heartbeat. A process that is not a worker has none (RuntimeError)."""
    if _heartbeat is None:
        raise RuntimeError("this process is not a session worker")
    return _heartbeat


def _enqueue_all_cycles() -> None:
    """Wake executors without a worker: one came online."""
    for workspace_id in Executor.objects.filter(state=Executor.State.RUNNING).values_list("pk", flat=True):
        wake_ups.enqueue_cycle(workspace_id)
