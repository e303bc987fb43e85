"""The places and values that work on a workspace needs: looked up once, then passed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from orchestration import configuration
from orchestration.configuration import Agent, Config, secrets
from orchestration.git.clones.store.stores import Store
from orchestration.landing import branch
from orchestration.models import Session
from orchestration.repositories import local_repository
from orchestration.repositories.remote import Remote
from orchestration.repositories.shared_branch import SharedBranch
from orchestration.sessions import sandbox
from orchestration.sessions.folders import session_dir
from orchestration.sessions.folders.session_dir import SessionDir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.sandbox import Sandboxes, Started
from orchestration.sessions.stop_flags import StopFlags
from orchestration.verdicts import checks_hash
from orchestration.worker import agents
from orchestration.worker.agents.shared.interface import Traits
from workspaces.models import Workspace
from workspaces.secrets import masking
from workspaces.secrets.masking import Mask


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """`repo`: the workspace's repository on this host; `store`: its objects, for working copies in the folder `copies`. `mask`: hides the
    workspace's secrets."""

    workspace_id: str
    config: Config
    mask: Mask
    repo: Path
    store: Store
    copies: Path
    checks_hash: str


@dataclass(frozen=True, kw_only=True)
class SessionBench(Workbench):
    """`directory`: of the session's own files. `private_home`: of its entry's own sandbox. `traits`: of its agent. `file_bytes`: larger files are not
    committed. `work_id`: of its working copy; empty for a run."""

    work_id: str
    private_home: Path
    file_bytes: int
    sandboxes: Sandboxes
    directory: SessionDir
    traits: Traits

    def scratch(self, working_copy: Path, role: str = "") -> Path:
        """The folder for a sandbox's private HOME and /tmp. The entry's own is kept with its working copy; what judges shares nothing with it."""
        if working_copy.name == self.work_id:
            return self.private_home
        return self.directory.private / (f"{working_copy.name}-{role}" if role else working_copy.name)

    def start(self, working_copy: Path, env: Mapping[str, str]) -> Started:
        """The environment, sandbox and limits with which a command of the workspace starts in this working copy."""
        return self.sandboxes.start(working_copy, env, scratch=self.scratch(working_copy), files=self.directory.files)


class SessionContext(Protocol):
    """The parts of a round's context, or of a run's place, that a session's agents and commands need."""

    @property
    def session(self) -> Session: ...
    @property
    def bench(self) -> SessionBench: ...
    @property
    def stop_flags(self) -> StopFlags: ...
    @property
    def writer(self) -> log_chunks.Writer: ...
    def check_stop_requests(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class LanderBench(Workbench):
    """`branch`: the integration branch; `own_ref`: Muster's own ref, which it follows. `is_home`: the workspace's own repository is on this
    host. `is_shared`: several hosts work on it. `shared`: its branch at the repository that they share, if that is another."""

    workspace: Workspace
    branch: str
    base_branch: str
    own_ref: str
    origin: str
    is_home: bool
    is_shared: bool
    shared: SharedBranch | None


def of_session(session: Session, config: Config, agent: Agent) -> SessionBench:
    """The workbench of a session. From this call on, the workspace's secrets are masked in foreign text. Raises HostFault if the sandbox that the config
    requires is missing."""
    workspace = session.workspace
    place = session.role if session.is_run else str(session.entry.seq)
    mask = masking.hide(_mask(workspace, config))
    return SessionBench(
        **_common(workspace, config, mask),
        work_id="" if session.is_run else session.work_id,
        private_home=session_dir.private_home(session.work_id),
        file_bytes=config.limits.file_bytes,
        sandboxes=sandbox.for_workspace(config, workspace, place=place, programs=agents.binaries(config)),
        directory=session_dir.for_session(session.pk),
        traits=agents.for_kind(agent.kind).TRAITS,
    )


def of_lander(workspace: Workspace, config: Config) -> LanderBench:
    authority, own_ref = local_repository.authority_of(workspace), branch.ref_of(workspace.pk)
    shared = None
    if isinstance(authority, Remote):
        shared = SharedBranch(workspace, authority, own_ref, config.integration_branch, workspace.base_branch)
    return LanderBench(
        **_common(workspace, config, _mask(workspace, config)),
        workspace=workspace,
        branch=config.integration_branch,
        base_branch=workspace.base_branch,
        own_ref=own_ref,
        origin=workspace.origin,
        is_home=local_repository.is_home(workspace),
        is_shared=authority is not None,
        shared=shared,
    )


def _mask(workspace: Workspace, config: Config) -> Mask:
    return secrets.mask_for(workspace.pk, configuration.envs(config))


def _common(workspace: Workspace, config: Config, mask: Mask) -> dict[str, Any]:
    repo = local_repository.path(workspace)
    return {
        "workspace_id": workspace.pk,
        "config": config,
        "mask": mask,
        "repo": repo,
        "store": session_dir.store(workspace.pk, repo),
        "copies": session_dir.worktrees(),
        "checks_hash": checks_hash.of(config),
    }
