"""A lander's lease of a workspace: every write carries the fencing token, and renews the lease."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from orchestration import configuration
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Integration, Landing, PullRequest
from orchestration.sessions import sandbox
from orchestration.sessions.sandbox import HostFault, Sandboxes
from orchestration.worker import host_faults
from orchestration.worker.preparing import workbench
from orchestration.worker.preparing.workbench import LanderBench
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.activity.events import ActivityEvent

RENEW_S = 2.0
STOPPED = "everything was stopped"


class Halted(Exception):
    """A person stopped everything, or this process shuts down: the landings return to the queue."""


@dataclass
class Lease:
    """A lander's lease. Its rows are of the last `look`."""

    bench: LanderBench
    fence: int
    is_stopping: Callable[[], bool]  # this process shuts down
    workspace_id: str = field(init=False)
    row: Integration = field(init=False)  # the integration branch's, with this lander's writes
    has_waiting: bool = field(init=False)  # work waits for approval, or as a pull request
    has_pull_requests: bool = field(init=False)  # open, or merged and not ended
    _renewed: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.workspace_id = self.bench.workspace_id
        self.look()

    @classmethod
    def read(cls, workspace_id: str, fence: int, is_stopping: Callable[[], bool]) -> "Lease":
        """Read a lease. Raises Halted while everything is stopped, and HostFault at unknown config keys of a newer release."""
        executor = Executor.objects.select_related("workspace").get(pk=workspace_id)
        if executor.stop_all_at is not None and executor.state != Executor.State.RUNNING:
            raise Halted(STOPPED)
        if fault := host_faults.of_config(executor.config):
            raise HostFault(fault)
        return cls(workbench.of_lander(executor.workspace, configuration.load(executor.config)), fence, is_stopping)

    @cached_property
    def sandboxes(self) -> Sandboxes:
        """Raises HostFault."""
        return sandbox.for_workspace(self.bench.config, self.bench.workspace, place="landing")

    def look(self) -> None:
        """Reload the rows: before each batch, and after each run."""
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
        """A transaction with the executor's row locked, as for moving an entry. Waiting processes are woken afterwards. Raises Fenced."""
        with transaction.atomic():
            Executor.objects.select_for_update().get(pk=self.workspace_id)
            self.write()
            yield
        self.announce()

    def announce(self) -> None:
        """Wake waiting processes, and refresh the pages."""
        wake_ups.enqueue_cycle(self.workspace_id)
        wake_ups.publish_change(self.workspace_id, "executor", "entries", "locks", "landing", "budget")

    def enter(self, phase: str, *, tree: str = "") -> None:
        """Show the phase, and the tree under judgement."""
        self.write(phase=phase[:200], phase_since=now(), judging_tree=tree)
        wake_ups.publish_change(self.workspace_id, "landing")

    def keep(self) -> None:
        """Renew the lease, often while something runs. Raises Fenced, or Halted when everything was stopped."""
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
