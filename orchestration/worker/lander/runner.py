"""Runner of a lander's commands in a working copy, without a session and money. It renews the lease meanwhile."""

import json
from contextlib import AbstractContextManager
from pathlib import Path

from django.conf import settings

from orchestration.configuration import Check, Command, gateway_use
from orchestration.models import Landing
from orchestration.processes import agent_process
from orchestration.processes.agent_process import Ended
from orchestration.sessions import sandbox, supervise
from orchestration.sessions.folders import session_dir
from orchestration.worker.judging.checks import CannotJudge, OnLine
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

    def staged(self, folder: Path) -> AbstractContextManager[object]:
        """The stage of what runs in this working copy."""
        marker, record = f"{marker_of(self.lease.workspace_id)}.{folder.name}", self.directory.record_for(f"stage-{folder.name}")
        self.directory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = (str(record.status), str(record.journal))
        holder = agent_process.Spec([], "/", {}, marker, *files, wall_s=supervise.HELD_S, cgroup_parent=settings.CGROUP_PARENT)
        return self.lease.sandboxes.staged(folder, holder)

    def set_up(self, checkout: Path) -> None:
        sandbox.remove_scratch(self.directory.private / checkout.name)  # an earlier landing's
        with self.lease.sandboxes.setting_up(self.directory.private / checkout.name):
            for n, command in enumerate(self.lease.bench.config.setup, start=1):
                ended = self._run(checkout, command, SETUP_TIMEOUT_S, f"setup {n}", lambda _line, _stream: None, is_setup=True)
                if ended.exit_code != 0:
                    raise CannotJudge(f"setup command {n} failed: {ended.error or f'exit {ended.exit_code}'}")

    def keep_caches(self, checkout: Path, *, may_land: str = "") -> None:
        self.lease.sandboxes.keep_caches(self.directory.private / checkout.name, may_land=may_land)

    def run(self, checkout: Path, check: Check, on_line: OnLine) -> Ended:
        def on_raw_line(line: str, stream: str) -> None:
            on_line(self.lease.bench.mask(line), stream)

        return self._run(checkout, check.run, check.timeout_s, check.name, on_raw_line)

    def note_wait(self, sentence: str) -> None:
        self.lease.enter(sentence, tree=self.tree)

    def keep(self) -> None:
        self.lease.keep()

    def _run(
        self, checkout: Path, command: Command, timeout_s: float, name: str, on_line: OnLine, *, is_setup: bool = False
    ) -> Ended:
        self.lease.enter(f"{self.what}: {name}", tree=self.tree)
        self.directory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = self.directory.record_for("check")
        env, scratch = self._environment(), self.directory.private / checkout.name
        argv = supervise.argv_of(command)
        started = self.lease.sandboxes.start(checkout, env, scratch=scratch, files=self.directory.files, is_setup=is_setup)
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
            for sentence in [*refused, *(missing.sentences() if process.ended.exit_code != 0 else [])]:
                on_line(sentence, "stderr")
            return sandbox.check_start(argv, process.ended)

    def _environment(self) -> dict[str, str]:
        env = session_dir.inherited() | gateway_use.check_env(self.lease.bench.config, has_gateway=bool(settings.GATEWAY_URL))
        env |= {
            "MUSTER_WORKSPACE_ID": self.lease.workspace_id,
            "MUSTER_PHASE": "verification",
            "MUSTER_API_URL": f"{settings.AGENT_URL}/api/v1",
        }
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
