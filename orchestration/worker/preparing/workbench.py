"""The surroundings of work on a workspace: read once, then passed on."""

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
    """The surroundings of a session or a lander, read once."""

    workspace_id: str
    config: Config
    mask: Mask  # of the workspace's secrets
    repo: Path  # the workspace's, on this host
    store: Store  # its objects, for working copies
    copies: Path  # the folder of working copies
    checks_hash: str


@dataclass(frozen=True, kw_only=True)
class SessionBench(Workbench):
    """The surroundings of a session."""

    work_id: str  # of its working copy; empty for a run
    private_home: Path  # of its entry's sandbox
    file_bytes: int  # the limit of a committed file
    sandboxes: Sandboxes
    directory: SessionDir  # of the session's own files
    traits: Traits  # of its agent

    def scratch(self, working_copy: Path, role: str = "") -> Path:
        """The folder for a sandbox's private HOME and /tmp. The entry's own is kept with its working copy. Judges share nothing with it."""
        if working_copy.name == self.work_id:
            return self.private_home
        return self.directory.private / (f"{working_copy.name}-{role}" if role else working_copy.name)

    def start(self, working_copy: Path, env: Mapping[str, str], *, service: Path | None = None) -> Started:
        """The environment, sandbox and limits of a command in this working copy. `service`: the folder of a service's data."""
        scratch = self.scratch(working_copy)
        return self.sandboxes.start(working_copy, env, scratch=scratch, files=self.directory.files, service=service)


class SessionContext(Protocol):
    """The interface of a round's context and a run's place for agents and commands."""

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
    """The surroundings of a lander."""

    workspace: Workspace
    branch: str  # the integration branch
    base_branch: str
    own_ref: str  # Muster's own ref, ahead of the branch
    origin: str
    is_home: bool  # the workspace's own repository is on this host
    is_shared: bool  # several hosts work on it
    shared: SharedBranch | None  # its branch at the shared repository, if another one


def of_session(session: Session, config: Config, agent: Agent) -> SessionBench:
    """The workbench of a session. From this call on, the workspace's secrets are masked in foreign text. Raises HostFault without the required sandbox."""
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
