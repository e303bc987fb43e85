"""Runner of a lander's commands in a working copy, without a session and money. It renews the lease meanwhile."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings

from orchestration.configuration import Check, Command, gateway_use
from orchestration.models import Landing
from orchestration.processes import agent_process
from orchestration.processes.agent_process import Ended, Process, Spec
from orchestration.sessions import sandbox, supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.stages import prepared
from orchestration.sessions.stages.services import Data, Launch, ServiceFailed, Services
from orchestration.worker.judging.checks import CannotJudge, NotReady, OnLine
from orchestration.worker.lander.lease import Lease

SETUP_TIMEOUT_S = 1800
POLL_S = 0.2


def marker_of(workspace_id: str) -> str:
    """The marker of a workspace's lander processes."""
    return f"lander-{workspace_id}"


class LanderRunner:
    """A runner of setup and verify commands. A landing adds its entry's variables."""

    def __init__(self, lease: Lease, *, what: str, tree: str = "", landing: Landing | None = None) -> None:
        self.lease = lease
        self.what = what
        self.tree = tree
        self.entry = landing.entry if landing is not None else None
        self.round = landing.round if landing is not None else None
        self.directory = session_dir.SessionDir(settings.DATA_DIR / "landings" / lease.workspace_id)

    @contextmanager
    def staged(self, folder: Path, commit: str, *, is_trusted: bool) -> Iterator[None]:
        """The stage of what runs in this working copy of a commit. `is_trusted`: only text of the branch runs in it."""
        marker, record = f"{marker_of(self.lease.workspace_id)}.{folder.name}", self.directory.record_for(f"stage-{folder.name}")
        self.directory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = (str(record.status), str(record.journal))
        holder = agent_process.Spec([], "/", {}, marker, *files, wall_s=supervise.HELD_S, cgroup_parent=settings.CGROUP_PARENT)
        scratch, bench = self.directory.private / folder.name, self.lease.bench
        sandbox.remove_scratch(scratch)  # an earlier landing's
        data = Data(
            folder=scratch / "services",
            stays=False,
            store=session_dir.prepared_data(self.lease.workspace_id),
            origin=partial(prepared.origin, bench.repo, commit, bench.config),
            is_trusted=is_trusted,
        )
        with self.lease.sandboxes.staged(folder, holder) as stage:
            stage.services = Services(bench.config.services, _OfServices(self, folder), data)
            try:
                yield
            finally:
                stage.services.end()

    def set_up(self, checkout: Path, *, anew: bool = False) -> None:
        stage = self.lease.sandboxes.stages[checkout]
        try:
            if stage.services is not None:
                stage.services.start(anew=anew)
        except ServiceFailed as problem:
            self.lease.sandboxes.check_stage(checkout)
            raise NotReady(str(problem)) from None
        for n, command in enumerate(self.lease.bench.config.setup, start=1):
            ended = self._run(checkout, command, SETUP_TIMEOUT_S, f"setup {n}", lambda _line, _stream: None)
            if ended.exit_code != 0:
                raise CannotJudge(f"setup command {n} failed: {ended.error or f'exit {ended.exit_code}'}")

    def run(self, checkout: Path, check: Check, on_line: OnLine) -> Ended:
        def on_raw_line(line: str, stream: str) -> None:
            on_line(self.lease.bench.mask(line), stream)

        return self._run(checkout, check.run, check.timeout_s, check.name, on_raw_line)

    @property
    def has_services(self) -> bool:
        return bool(self.lease.bench.config.services)

    def failed_services(self, folder: Path) -> list[str]:
        stage = self.lease.sandboxes.stages.get(folder)
        return stage.services.failed() if stage is not None and stage.services is not None else []

    def note_wait(self, sentence: str) -> None:
        self.lease.enter(sentence, tree=self.tree)

    def keep(self) -> None:
        self.lease.keep()

    def _run(self, checkout: Path, command: Command, timeout_s: float, name: str, on_line: OnLine) -> Ended:
        self.lease.enter(f"{self.what}: {name}", tree=self.tree)
        self.directory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = self.directory.record_for("check")
        env, scratch = self._environment(), self.directory.private / checkout.name
        argv = supervise.argv_of(command)
        started = self.lease.sandboxes.start(checkout, env, scratch=scratch, files=self.directory.files)
        spec = agent_process.Spec(
            argv=argv,
            cwd=str(checkout),
            env=started.env,
            marker=marker_of(self.lease.workspace_id),
            status_path=str(record.status),
            journal_path=str(record.journal),
            wall_s=timeout_s,
            grace_s=settings.STOP_GRACE_S,
            cgroup_parent=settings.CGROUP_PARENT,
            limits=started.limits,
            sandbox=started.sandbox,
        )
        missing = self.lease.sandboxes.missing()
        with agent_process.start(spec) as process:  # ends it at any exception
            for line in process.lines(poll_s=POLL_S):
                if line is not None:
                    missing.read(line.text)
                    on_line(line.text, line.stream)
                self.lease.keep()
                self.lease.sandboxes.check_stage(checkout)
            self.lease.write()  # the result counts only with the lease: a successor removes the working copy
            self.lease.look()  # the rows are stale by now
            refused = started.sandbox.way_out.refused() if started.sandbox and started.sandbox.way_out else []
            notes = [*missing.sentences(), *self.failed_services(checkout)] if process.ended.exit_code != 0 else []
            for sentence in [*refused, *notes]:
                on_line(sentence, "stderr")
            return sandbox.check_start(argv, process.ended)

    def _environment(self) -> dict[str, str]:
        env = self.environment()
        if self.entry is None:
            return env
        content = {"id": self.entry.pk, "content": self.entry.content, "spec": self.entry.spec}
        self.directory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.spec.write_text(json.dumps(content), encoding="utf-8")
        self.directory.prompt.write_text(self.round.prompt if self.round is not None else "", encoding="utf-8")
        return env | {
            "MUSTER_ENTRY_ID": self.entry.pk,
            "MUSTER_SESSION_ID": self.round.session_id if self.round is not None else "",
            "MUSTER_ROUND": str(self.round.number if self.round is not None else 0),
            "MUSTER_SPEC_FILE": str(self.directory.spec),
            "MUSTER_PROMPT_FILE": str(self.directory.prompt),
        }

    def environment(self) -> dict[str, str]:
        """Without an entry."""
        env = session_dir.inherited() | gateway_use.check_env(self.lease.bench.config, has_gateway=bool(settings.GATEWAY_URL))
        return env | {
            "MUSTER_WORKSPACE_ID": self.lease.workspace_id,
            "MUSTER_PHASE": "verification",
            "MUSTER_API_URL": f"{settings.AGENT_URL}/api/v1",
        }


@dataclass(frozen=True)
class _OfServices:
    """Runs the services of one working copy's stage."""

    runner: LanderRunner
    folder: Path

    def spec_of(self, launch: Launch) -> Spec:
        lease, directory = self.runner.lease, self.runner.directory
        record, marker = directory.record_for(launch.record(self.folder.name)), marker_of(lease.workspace_id)
        scratch = directory.private / self.folder.name
        started = lease.sandboxes.start(self.folder, self.runner.environment(), scratch=scratch, service=launch.data)
        return Spec(
            argv=supervise.argv_of(launch.command),
            cwd=str(self.folder),
            env=started.env,
            marker=launch.marker(marker, self.folder.name),
            status_path=str(record.status),
            journal_path=str(record.journal),
            wall_s=launch.wall_s,
            grace_s=launch.grace_s,
            cgroup_parent=settings.CGROUP_PARENT,
            limits=launch.limited(started.limits),
            sandbox=started.sandbox,
        )

    def accompanied(self, process: Process) -> AbstractContextManager[None]:
        return nullcontext()

    def keep(self) -> None:
        self.runner.lease.keep()
        self.runner.lease.sandboxes.check_stage(self.folder)

    def note(self, mark: str, line: str) -> None:
        """A lander has no log."""
