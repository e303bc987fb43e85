"""The lander's thread in a session worker process: it works on due workspaces, one by one."""

import threading
import time

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from orchestration.facts import waits
from orchestration.git.command import GitError
from orchestration.hosts import problems
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Integration, Worker
from orchestration.processes import leftovers
from orchestration.repositories.authority import Unreachable
from orchestration.sessions.sandbox import HostFault
from orchestration.worker import agent_checks, availability, host_faults, reaper, repository_watch
from orchestration.worker.judging.checks import CannotJudge
from orchestration.worker.lander import batches
from orchestration.worker.lander.lease import Halted, Lease
from orchestration.worker.lander.runner import marker_of
from orchestration.worker.preparing import sharing
from workspaces.models import Workspace
from workspaces.secrets import masking

log = structlog.get_logger(__name__)

POLL_S = 2.0
LOOK_S = 2.0
FIRST_TIDY_S, TIDY_S = 60.0, 3600.0


class Service:
    """The lander of a process. Failed workspaces have an exponential back-off. So have those with failing checks on the tip, unless a person asks sooner."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.wake_up = threading.Event()
        self._stopping = threading.Event()
        self._retry_at: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._check_at: dict[str, float] = {}
        self._check_pauses: dict[str, float] = {}
        self._look_at = 0.0
        self._tidy_at = time.monotonic() + FIRST_TIDY_S

    def start(self) -> None:
        threading.Thread(target=self._loop, name="lander", daemon=True).start()

    def stop(self) -> None:
        """Stop at the process's shutdown: the landings return to the queue."""
        self._stopping.set()
        self.wake_up.set()

    def run_due(self) -> int:
        """Work on every due workspace. Returns their number."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_S
            self._look_at_repositories()
            self._tidy()
            self._wake_unusable()
        worked = 0
        for workspace_id in branch.due(self.worker):
            if self._stopping.is_set():
                break
            if availability.is_lost(workspace_id):
                continue
            if time.monotonic() >= self._retry_at.get(workspace_id, 0):
                worked += self.run(workspace_id)
        return worked

    def _look_at_repositories(self) -> None:
        """Check repositories. A recovered one ends its workspace's back-off."""
        for workspace_id in [*repository_watch.look_at_all(), *availability.look_again()]:
            self._retry_at.pop(workspace_id, None)
        sharing.share_asked(but=availability.lost_here())

    def _tidy(self) -> None:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_S
            sharing.tidy_all(but=availability.lost_here())

    def _wake_unusable(self) -> None:
        """Retry workspaces with checks unable to run: the cause may be over, such as a full disk or a missing program."""
        unusable = set(Integration.objects.filter(state=Integration.State.UNUSABLE).values_list("pk", flat=True))
        for workspace_id in self._check_at.keys() - unusable:
            self._check_at.pop(workspace_id)
            self._check_pauses.pop(workspace_id, None)
        now = time.monotonic()
        for workspace_id in unusable:
            if now >= self._check_at.setdefault(workspace_id, now + waits.CHECKS_PAUSE_S):
                pause = min(self._check_pauses.get(workspace_id, waits.CHECKS_PAUSE_S) * 2, waits.MOST_CHECKS_PAUSE_S)
                self._check_at[workspace_id], self._check_pauses[workspace_id] = now + pause, pause
                Integration.objects.filter(pk=workspace_id).update(due=True)

    def run(self, workspace_id: str) -> bool:
        """Work on one workspace, if its lease is free."""
        structlog.contextvars.bind_contextvars(workspace=workspace_id, entry="")
        holder = Integration.objects.select_related("worker").get(pk=workspace_id)
        fence = branch.lease(holder, self.worker, is_dead=_is_dead(holder, self.worker))
        if fence is None:
            return False
        if holder.lease_until is not None:  # not released: its commands may still run
            leftovers.end_session(marker_of(workspace_id), 3.0)
        failed = True
        try:
            lease = Lease.read(workspace_id, fence, self._stopping.is_set)
            with masking.hiding(lease.bench.mask):
                batches.work(lease)
            failed = False
        except branch.Fenced:
            log.warning("lander.fenced", workspace=workspace_id)
        except Halted as halt:
            log.info("lander.halted", workspace=workspace_id, why=str(halt))
            failed = False
            if self._stopping.is_set():  # another process continues
                Integration.objects.filter(pk=workspace_id, fence=fence).update(due=True)
        except (Unreachable, HostFault) as problem:
            _leave_to_others(workspace_id, problem)
        except (GitError, CannotJudge) as problem:
            log.warning("lander.failed", workspace=workspace_id, error=str(problem)[-300:])
            Integration.objects.filter(pk=workspace_id, fence=fence).update(
                undelivered=str(problem)[-300:]
            )  # the next delivery clears it
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            log.exception("lander.crashed", workspace=workspace_id)
        finally:
            self._after(workspace_id, fence, failed=failed)
        return True

    def _after(self, workspace_id: str, fence: int, *, failed: bool) -> None:
        if failed:
            pause = min(self._pauses.get(workspace_id, 0.5) * 2, waits.MOST_LANDING_PAUSE_S)
            self._pauses[workspace_id], self._retry_at[workspace_id] = pause, time.monotonic() + pause
            Integration.objects.filter(pk=workspace_id, fence=fence).update(due=True)
        else:
            self._pauses.pop(workspace_id, None)
            self._retry_at.pop(workspace_id, None)
        branch.release(workspace_id, fence)
        wake_ups.publish_change(workspace_id, "landing")

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self.wake_up.wait(POLL_S)
            self.wake_up.clear()
            try:
                close_old_connections()
                if problems.of_version():  # the page of hosts names it
                    continue
                agent_checks.run_due(self.worker)
                while self.run_due() and not self._stopping.is_set():
                    pass
            except (DatabaseError, InterfaceError) as error:
                log.warning("lander.database_unavailable", error=str(error).split("\n")[0])
                connection.close()
            except Exception:  # a dead thread would land nothing
                log.exception("lander.crashed")
        connection.close()


def _is_dead(holder: Integration, worker: Worker) -> bool:
    """True if a dead process has the lease: one of this host, or one without a row, as after its death or end."""
    other = holder.worker
    if other is None:
        return holder.lease_until is not None
    is_here = other.host == worker.host and other.host_id in ("", worker.host_id)  # host names are not unique
    if not is_here or other.pk == worker.pk:
        return False
    return not reaper.is_worker_alive(other)


def _leave_to_others(workspace_id: str, problem: Unreachable | HostFault) -> None:
    """Leave a workspace to other hosts after a fault of this host. Other failures have the usual back-off."""
    sentence = str(problem)
    if isinstance(problem, HostFault):
        sentence = host_faults.problem(Workspace.objects.get(pk=workspace_id))
    if sentence:
        availability.lost(workspace_id, sentence)
    log.warning("lander.unfit", workspace=workspace_id, error=str(problem)[-300:])
