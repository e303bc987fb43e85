"""Runner of a session's commands in a working copy, with output to its log. Its stop requests end them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from django.conf import settings

from orchestration.configuration import Check, Command, gateway_use
from orchestration.processes.agent_process import Ended, Process, Spec
from orchestration.sessions import connections, supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.stages import prepared
from orchestration.sessions.stages.services import Data, Launch, ServiceFailed, Services
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.judging.checks import CannotJudge, NotReady, OnLine
from orchestration.worker.preparing.workbench import SessionContext

SETUP_TIMEOUT_S = 1800
OF_ENTRY = ("MUSTER_ENTRY_ID", "MUSTER_SESSION_ID", "MUSTER_ROUND", "MUSTER_SPEC_FILE", "MUSTER_PROMPT_FILE")


@dataclass(frozen=True)
class SessionRunner:
    """A runner of setup and verify commands."""

    context: SessionContext
    label: str = ""  # of its lines in the log
    with_entry: bool = True  # pass the entry's variables; False on a base

    @contextmanager
    def staged(self, folder: Path, commit: str = "", *, is_trusted: bool = False) -> Iterator[None]:
        """The stage of what runs in this working copy until the end of the block. `commit`: of its files; `is_trusted`: only text of the branch
        runs in it."""
        bench, flags = self.context.bench, self.context.stop_flags
        holder = supervise.holder_of(self.context.session, bench.directory, folder, flags)
        with bench.sandboxes.staged(folder, holder) as stage, ExitStack() as leases:
            if stage.network is not None:
                stage.network.on_end = flags.stop_process
                leases.enter_context(flags.accompanied(stage.network.process))
            data = Data(
                folder=bench.scratch(folder) / "services",
                stays=folder.name == bench.work_id,
                store=session_dir.prepared_data(bench.workspace_id),
                origin=partial(prepared.origin, bench.repo, commit, bench.config),
                is_trusted=is_trusted,
            )
            stage.services = Services(bench.config.services, _OfServices(self, folder), data)
            try:
                yield
            finally:
                stage.services.end()

    def start_services(self, folder: Path, *, anew: bool = False) -> None:
        """Start those of its stage; `anew`: with fresh data. Raises NotReady."""
        stage = self.context.bench.sandboxes.stages[folder]
        try:
            if stage.services is not None:
                stage.services.start(anew=anew)
        except ServiceFailed as problem:
            self.context.bench.sandboxes.check_stage(folder)
            raise NotReady(str(problem)) from None

    def failed_services(self, folder: Path) -> list[str]:
        stage = self.context.bench.sandboxes.stages.get(folder)
        return stage.services.failed() if stage is not None and stage.services is not None else []

    def set_up(self, checkout: Path, *, anew: bool = False) -> None:
        self.start_services(checkout, anew=anew)
        if failed := self._failed_setup(checkout):
            raise CannotJudge(f"setup {failed[0]}")

    def set_up_or_end(self, working_copy: Path) -> None:
        """Run the workspace's setup commands in a new working copy of the work. Raises SessionOver if one fails."""
        if failed := self._failed_setup(working_copy):
            raise SessionOver(Facts("failed", "config", (f"Setup {failed[0]}",), exit_code=failed[1]))

    def _failed_setup(self, folder: Path) -> tuple[str, int | None] | None:
        """The first failed setup command, with its exit code."""
        for n, command in enumerate(self.context.bench.config.setup, start=1):
            ended = self._run(folder, command, SETUP_TIMEOUT_S, f"setup-{n}", phase="setup")
            if ended.exit_code != 0:
                return f"command {n} failed: {ended.error or f'exit {ended.exit_code}'}", ended.exit_code
        return None

    def run(self, checkout: Path, check: Check, on_line: OnLine) -> Ended:
        return self._run(checkout, check.run, check.timeout_s, check.name, on_line=on_line)

    @property
    def has_services(self) -> bool:
        return bool(self.context.bench.config.services)

    def note_wait(self, sentence: str) -> None:
        self.context.writer.add("muster", sentence)
        supervise.try_database(lambda: supervise.flush(self.context.session, self.context.writer))

    def keep(self) -> None:
        connections.give_back()
        self.context.check_stop_requests()

    def _run(
        self,
        checkout: Path,
        command: Command,
        timeout_s: float,
        name: str,
        *,
        phase: str = "verification",
        on_line: OnLine | None = None,
    ) -> Ended:
        context, bench = self.context, self.context.bench
        label = self.labelled(name)
        started = bench.start(checkout, self.environment(phase, with_entry=self.with_entry))
        supervised = SupervisedProcess(
            supervise.argv_of(command),
            str(checkout),
            started.env,
            timeout_s,
            name=label,
            sandbox=started.sandbox,
            limits=started.limits,
        )
        missing = bench.sandboxes.missing()

        def on_each_line(line: str, stream: str) -> None:
            missing.read(line)
            if on_line is not None:
                on_line(bench.mask(line), stream)

        ended = supervise.run(
            context.session, bench.directory, supervised, context.stop_flags, context.writer, on_line=on_each_line
        )
        context.check_stop_requests()
        bench.sandboxes.check_stage(checkout)
        for sentence in [*missing.sentences(), *self.failed_services(checkout)] if ended.exit_code != 0 else ():
            context.writer.add(f"{label}:muster", sentence)
            on_each_line(sentence, "stderr")
        return ended

    def environment(self, phase: str, *, with_entry: bool) -> dict[str, str]:
        context, bench = self.context, self.context.bench
        extra = gateway_use.check_env(bench.config, has_gateway=bool(settings.GATEWAY_URL))
        env = session_dir.environment(context.session, bench.directory, phase=phase, extra=extra)
        return env if with_entry else {name: value for name, value in env.items() if name not in OF_ENTRY}

    def labelled(self, name: str) -> str:
        """The mark of its lines in the log."""
        return f"{self.label}-{name}" if self.label else name


@dataclass(frozen=True)
class _OfServices:
    """Runs the services of one working copy's stage."""

    runner: SessionRunner
    folder: Path

    def spec_of(self, launch: Launch) -> Spec:
        context, bench = self.runner.context, self.runner.context.bench
        env = self.runner.environment("setup", with_entry=False)
        started = bench.start(self.folder, env, service=launch.data)
        process = SupervisedProcess(
            supervise.argv_of(launch.command),
            str(self.folder),
            started.env,
            launch.wall_s,
            role=launch.record(self.folder.name),
            sandbox=started.sandbox,
            limits=launch.limited(started.limits),
        )
        spec = supervise.spec_of(context.session, bench.directory, process, context.stop_flags)
        return replace(spec, marker=launch.marker(spec.marker, self.folder.name), grace_s=launch.grace_s)

    def accompanied(self, process: Process) -> AbstractContextManager[None]:
        return self.runner.context.stop_flags.accompanied(process)

    def keep(self) -> None:
        self.runner.context.check_stop_requests()
        self.runner.context.bench.sandboxes.check_stage(self.folder)

    def note(self, mark: str, line: str) -> None:
        self.runner.context.writer.add(self.runner.labelled(mark), line)
