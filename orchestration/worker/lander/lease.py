"""A lander's hold on a workspace while it works on it: every write carries the fence, and renews it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from orchestration import configuration
from orchestration.configuration import Approve
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Integration, Landing, PullRequest
from orchestration.sessions.sandbox import HostFault
from orchestration.worker import host_faults
from orchestration.worker.preparing import workbench
from orchestration.worker.preparing.workbench import LanderBench

RENEW_S = 2.0
STOPPED = "everything was stopped"


class Halted(Exception):
    """A person stopped everything, or this process shuts down: what is being checked returns to the queue."""


@dataclass
class Lease:
    """`is_stopping`: whether this process shuts down. `shared`: the refs of the repository that several hosts share, as last seen."""

    bench: LanderBench
    fence: int
    is_stopping: Callable[[], bool]
    workspace_id: str = field(init=False)
    shared: dict[str, str] = field(default_factory=dict)
    _renewed: float = field(default_factory=time.monotonic)
    _row: Integration | None = None

    def __post_init__(self) -> None:
        self.workspace_id = self.bench.workspace_id

    @classmethod
    def read(cls, workspace_id: str, fence: int, is_stopping: Callable[[], bool]) -> "Lease":
        """Raises Halted while everything is stopped, HostFault where this release does not know the whole config."""
        executor = Executor.objects.select_related("workspace").get(pk=workspace_id)
        if executor.stop_all_at is not None and executor.state != Executor.State.RUNNING:
            raise Halted(STOPPED)
        if fault := host_faults.of_config(executor.config):
            raise HostFault(fault)
        return cls(workbench.of_lander(executor.workspace, configuration.load(executor.config)), fence, is_stopping)

    @property
    def approval_rules(self) -> Approve:
        """The rules at the last `refresh`, which is before each batch: a person who has just asked for approvals counts on them."""
        return configuration.load(self.row().workspace.executor.config).approve

    @property
    def has_waiting(self) -> bool:
        """True if work waited for approval, or as a pull request, at the last `refresh`."""
        return bool(self.row().has_waiting)  # type: ignore[attr-defined]

    @property
    def has_pull_requests(self) -> bool:
        """True if pull requests were open at the last `refresh`, or merged and not ended."""
        return bool(self.row().has_pull_requests)  # type: ignore[attr-defined]

    def row(self) -> Integration:
        """The row at the last `refresh`, with what this lander has written since."""
        if self._row is None:
            undecided = Landing.objects.filter(workspace=OuterRef("pk"), state__in=Landing.UNDECIDED)
            is_open = Q(state__in=PullRequest.UNDECIDED) | Q(state=PullRequest.State.MERGED, ended_at__isnull=True)
            pulls = PullRequest.objects.filter(is_open, workspace=OuterRef("pk"))
            rows = Integration.objects.select_related("workspace__executor").annotate(
                has_waiting=Exists(undecided), has_pull_requests=Exists(pulls)
            )
            self._row = rows.get(pk=self.workspace_id)
        return self._row

    def refresh(self) -> None:
        """Look again at what others have written."""
        self._row = None

    def write(self, **fields: Any) -> None:
        """Write to the integration row and renew the lease. Raises Fenced."""
        branch.write(self.workspace_id, self.fence, **fields)
        self._renewed = time.monotonic()
        if self._row is not None and fields:
            self._row = copy(self._row)
            for name, value in fields.items():
                setattr(self._row, name, value)

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
        self.refresh()  # it takes a while
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
