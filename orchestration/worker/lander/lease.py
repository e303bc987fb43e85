"""The state of one lander while it works on a workspace: the fence of its lease, the repository, the config."""

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from orchestration import configuration
from orchestration.configuration import Approve, Config, secrets
from orchestration.git.clones.store.stores import Store
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Executor, Integration, Landing, PullRequest
from orchestration.repositories import local_repository
from orchestration.repositories.authority import Authority
from orchestration.sessions.folders import session_dir
from orchestration.sessions.sandbox import HostFault
from orchestration.verdicts import checks_hash
from orchestration.worker import host_faults
from workspaces.models import Workspace
from workspaces.secrets.masking import NO_MASK, Mask

RENEW_S = 2.0
STOPPED = "everything was stopped"


class Halted(Exception):
    """A person stopped everything, or this process shuts down: what is being checked returns to the queue."""


@dataclass
class Lease:
    """`is_stopping`: whether this process shuts down. `authority`: the repository that several hosts share; `shared`: its refs, as last seen."""

    workspace: Workspace
    fence: int
    config: Config
    is_stopping: Callable[[], bool]
    mask: Mask = NO_MASK
    authority: Authority | None = None
    shared: dict[str, str] = field(default_factory=dict)
    _renewed: float = field(default_factory=time.monotonic)
    _row: Integration | None = None

    @classmethod
    def read(cls, workspace_id: str, fence: int, is_stopping: Callable[[], bool]) -> "Lease":
        """Raises Halted while everything is stopped, HostFault where this release does not know the whole config."""
        executor = Executor.objects.select_related("workspace").get(pk=workspace_id)
        if executor.stop_all_at is not None and executor.state != Executor.State.RUNNING:
            raise Halted(STOPPED)
        if fault := host_faults.of_config(executor.config):
            raise HostFault(fault)
        config = configuration.load(executor.config)
        mask = secrets.mask_for(workspace_id, configuration.envs(config))
        return cls(executor.workspace, fence, config, is_stopping, mask, local_repository.authority_of(executor.workspace))

    @property
    def workspace_id(self) -> str:
        return self.workspace.pk

    @property
    def repo(self) -> Path:
        return local_repository.path(self.workspace)

    @property
    def origin(self) -> str:
        return self.workspace.origin

    @property
    def base_branch(self) -> str:
        return self.workspace.base_branch

    @property
    def branch_name(self) -> str:
        return self.config.integration_branch

    @property
    def checks_hash(self) -> str:
        return checks_hash.of(self.config)

    @property
    def folder(self) -> Path:
        """The folder of the lander's working copies."""
        return session_dir.worktrees()

    @property
    def store(self) -> Store:
        return session_dir.store(self.workspace_id, self.repo)

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
