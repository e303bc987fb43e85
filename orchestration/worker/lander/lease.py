"""A lander's hold on a workspace while it works on it: every write carries the fence, and renews it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from orchestration import configuration
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Integration, Landing, PullRequest
from orchestration.sessions.sandbox import HostFault
from orchestration.worker import host_faults
from orchestration.worker.preparing import workbench
from orchestration.worker.preparing.workbench import LanderBench
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.activity.events import ActivityEvent

RENEW_S = 2.0
STOPPED = "everything was stopped"


class Halted(Exception):
    """A person stopped everything, or this process shuts down: what is being checked returns to the queue."""


@dataclass
class Lease:
    """`is_stopping`: whether this process shuts down. `row`: the integration branch's, at the last `look`, with what this lander has written
    since. `has_waiting`: work waited for approval then, or as a pull request. `has_pull_requests`: some were open then, or merged and not
    ended."""

    bench: LanderBench
    fence: int
    is_stopping: Callable[[], bool]
    workspace_id: str = field(init=False)
    row: Integration = field(init=False)
    has_waiting: bool = field(init=False)
    has_pull_requests: bool = field(init=False)
    _renewed: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.workspace_id = self.bench.workspace_id
        self.look()

    @classmethod
    def read(cls, workspace_id: str, fence: int, is_stopping: Callable[[], bool]) -> "Lease":
        """Raises Halted while everything is stopped, HostFault where this release does not know the whole config."""
        executor = Executor.objects.select_related("workspace").get(pk=workspace_id)
        if executor.stop_all_at is not None and executor.state != Executor.State.RUNNING:
            raise Halted(STOPPED)
        if fault := host_faults.of_config(executor.config):
            raise HostFault(fault)
        return cls(workbench.of_lander(executor.workspace, configuration.load(executor.config)), fence, is_stopping)

    def look(self) -> None:
        """Look again at what others have written: before each batch, and once something has run."""
        undecided = Landing.objects.filter(workspace=OuterRef("pk"), state__in=Landing.UNDECIDED)
        is_open = Q(state__in=PullRequest.UNDECIDED) | Q(state=PullRequest.State.MERGED, ended_at__isnull=True)
        pulls = PullRequest.objects.filter(is_open, workspace=OuterRef("pk"))
        rows = Integration.objects.select_related("workspace__executor").annotate(waits=Exists(undecided), proposed=Exists(pulls))
        self.row = row = rows.get(pk=self.workspace_id)
        self.has_waiting, self.has_pull_requests = row.waits, row.proposed

    def write(self, event: ActivityEvent | None = None, reason: str = "", /, **fields: Any) -> None:
        """Write to the integration row and renew the lease; with an event, in one transaction with it. Raises Fenced."""
        with transaction.atomic() if event is not None else nullcontext():
            branch.write(self.workspace_id, self.fence, **fields)
            if event is not None:
                activity.record(self.workspace_id, event, by=MUSTER, object_id=self.workspace_id, reason=reason)
        self._renewed = time.monotonic()
        if fields:
            self.row = copy(self.row)
            for name, value in fields.items():
                setattr(self.row, name, value)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """A transaction with the executor's row locked, which moving an entry needs; afterwards what waits is woken. Raises Fenced."""
        with transaction.atomic():
            Executor.objects.select_for_update().get(pk=self.workspace_id)
            self.write()
            yield
        self.announce()

    def announce(self) -> None:
        """Wake those who may go on now, and refresh the pages."""
        wake_ups.enqueue_cycle(self.workspace_id)
        wake_ups.publish_change(self.workspace_id, "executor", "entries", "locks", "landing", "budget")

    def enter(self, phase: str, *, tree: str = "") -> None:
        """Show what is done now. `tree`: on which the checks run."""
        self.write(phase=phase[:200], phase_since=now(), judging_tree=tree)
        wake_ups.publish_change(self.workspace_id, "landing")

    def keep(self) -> None:
        """Called often while something runs. Renews the lease. Raises Fenced, or Halted when everything was stopped."""
        if self.is_stopping():
            raise Halted("the worker shuts down")
        if time.monotonic() - self._renewed < RENEW_S:
            return
        self.write()
        self.check_not_stopped()

    def check_not_stopped(self) -> None:
        """Raises Halted after stop-all, until the executor is started or resumed."""
        stopped = Executor.objects.filter(pk=self.workspace_id, stop_all_at__isnull=False)
        if stopped.exclude(state=Executor.State.RUNNING).exists():
            raise Halted(STOPPED)
