"""One heartbeat a worker process: it says that the worker lives, renews the leases of its sessions and reads what people want of them.

It runs in a thread of its own, so that no agent's output can hold it up; a second thread, which never touches the database, is the fence.
A third one hears summonses (summons.py) and makes it look at once.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models.functions import Now

from orchestration import sessions
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Session, Worker
from orchestration.processes import leftovers
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import stop_listener
from orchestration.worker.agents.shared import versions
from workspaces import ids

log = structlog.get_logger(__name__)


class Heartbeat:
    """The worker process as the database knows it, and the watches of the sessions it supervises."""

    def __init__(self, queue: str, slots: int) -> None:
        self.queue = queue
        self.slots = slots
        self.watches: dict[str, StopFlags] = {}
        self._ending = threading.Event()
        self._rang = threading.Event()
        self._lock = threading.Lock()
        self.worker = self._register()

    def _register(self) -> Worker:
        me = leftovers.identity(os.getpid())
        assert me is not None
        return Worker.objects.create(
            id=ids.session().replace("sess_", "work_"),
            queue=self.queue,
            host=socket.gethostname(),
            boot_id=me.boot_id,
            pid=me.pid,
            started_ticks=me.starttime,
            slots=self.slots,
        )

    def start(self) -> None:
        for target in (self._beat, self._fence, self._tell_agents):
            threading.Thread(target=target, name=f"heartbeat{target.__name__}", daemon=True).start()
        stop_listener.listen(self.ring)

    def ring(self) -> None:
        """Look now: people may want something."""
        self._rang.set()

    def end(self) -> None:
        """The process is shutting down: every session is interrupted, and goes back in line."""
        self._ending.set()
        for watch in list(self.watches.values()):
            watch.want("interrupted")

    def leave(self) -> None:
        """The last word of a worker that ends well."""
        Worker.objects.filter(pk=self.worker.pk).delete()

    @contextmanager
    def supervising(self, session: Session) -> Iterator[StopFlags]:
        """Watch a session for as long as the block lasts."""
        watch = StopFlags(session.pk, session.attempt)
        with self._lock:
            self.watches[session.pk] = watch
        if self._ending.is_set():
            watch.want("interrupted")
        try:
            yield watch
        finally:
            with self._lock:
                self.watches.pop(session.pk, None)

    def _tell_agents(self) -> None:
        """Which agents' programs this host has: asked once, since some take seconds to say their version."""
        if self.queue != "sessions":
            return
        try:
            Worker.objects.filter(pk=self.worker.pk).update(agents=versions.installed())
        except (DatabaseError, InterfaceError) as error:
            log.warning("agents.not_told", error=str(error).split("\n")[0])
        finally:
            connection.close()

    def _beat(self) -> None:
        renewed_at = time.monotonic()
        while self.watches or not self._ending.is_set():
            self._rang.wait(settings.POLL_S)
            self._rang.clear()  # before the look: who rings meanwhile is heard in the next one
            try:
                self._look()
                if time.monotonic() - renewed_at >= min(settings.LEASE_S / 4, 10):
                    close_old_connections()  # not before each look: it makes the next statement ask first whether the line is up
                    self._renew()
                    renewed_at = time.monotonic()
            except (DatabaseError, InterfaceError) as error:
                log.warning("heartbeat.failed", error=str(error).split("\n")[0])
                connection.close()
            except Exception:  # a heart that stops beating would end every session
                log.exception("heartbeat.broke")
        connection.close()

    def _renew(self) -> None:
        """Alive, on the database's clock. A lease counts from before the statement, so that ours never ends later than we think."""
        seen = Worker.objects.filter(pk=self.worker.pk).update(seen_at=Now())
        if not seen:  # somebody cleared the table: be seen again
            self.worker.save(force_insert=True)
        watches = list(self.watches.values())
        if watches:
            before = {watch.session_id: watch.clock() for watch in watches}
            Session.objects.filter(pk__in=list(before), worker=self.worker, status=Session.Status.RUNNING).update(
                lease_until=sessions.lease_end()
            )
            for watch in watches:
                watch.renewed_at = before[watch.session_id]

    def _look(self) -> None:
        """What people want, and what is left of the holds: one statement for all sessions."""
        watches = dict(self.watches)
        if not watches:
            return
        with connection.cursor() as cursor:
            cursor.execute(_wishes(len(watches)), list(watches))
            rows = cursor.fetchall()
        for session_id, attempt, status, stop_wanted_at, kill_wanted_at, amount, drawn in rows:
            watch = watches[session_id]
            watch.left = None if amount is None else amount - drawn
            if attempt != watch.attempt or status == Session.Status.ENDED:
                if session_id in self.watches and not watch.reason:
                    watch.want("superseded")
                continue
            if stop_wanted_at is not None and not watch.reason:
                watch.want("stopped")
            if kill_wanted_at is not None:
                watch.hurry()

    def _fence(self) -> None:
        while True:
            time.sleep(min(settings.LEASE_S / 20, 1))
            for watch in list(self.watches.values()):
                if not watch.may_act and watch.reason != "fenced":
                    log.error("session.fenced", session=watch.session_id)
                    watch.want("fenced")


@lru_cache
def _wishes(count: int) -> str:
    """The statement that looks at so many sessions, put together once: that takes longer than the database needs to answer it."""
    some = Session.objects.filter(pk__in=[str(number) for number in range(count)])
    wanted = some.values_list("id", "attempt", "status", "stop_wanted_at", "kill_wanted_at", "hold__amount", "hold__drawn")
    return str(wanted.query.sql_with_params()[0])


_heartbeat: Heartbeat | None = None


def begin(queue: str, slots: int) -> Heartbeat:
    """Start the heartbeat of this worker process."""
    global _heartbeat
    _heartbeat = Heartbeat(queue, slots)
    _heartbeat.start()
    _nudge_everyone()
    return _heartbeat


def end() -> None:
    """This process is asked to end: what it supervises goes back in line."""
    if _heartbeat is not None:
        _heartbeat.end()


def leave() -> None:
    """This process ends in order."""
    if _heartbeat is not None:
        _heartbeat.leave()


def ticked() -> None:
    """The executor's tick came to its end: pages know by it that the executor is alive, not only its process."""
    if _heartbeat is not None:
        Worker.objects.filter(pk=_heartbeat.worker.pk).update(ticked_at=Now())


def current() -> Heartbeat:
    """This process's heartbeat. A process that is not a worker has none (RuntimeError)."""
    if _heartbeat is None:
        raise RuntimeError("this process is not a session worker")
    return _heartbeat


def _nudge_everyone() -> None:
    """A worker came online: executors that waited for one can go on."""
    for workspace_id in Executor.objects.filter(state=Executor.State.RUNNING).values_list("pk", flat=True):
        wake_ups.enqueue_cycle(workspace_id)
