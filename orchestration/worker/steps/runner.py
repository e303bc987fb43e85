"""Runner of a session's commands in a working copy, with output to its log. Its stop requests end them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from orchestration.configuration import Check, Command, gateway_use
from orchestration.processes.agent_process import Ended
from orchestration.sessions import connections, supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.judging.checks import CannotJudge, OnLine
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
    def staged(self, folder: Path) -> Iterator[None]:
        """The stage of what runs in this working copy until the end of the block."""
        bench, flags = self.context.bench, self.context.stop_flags
        holder = supervise.holder_of(self.context.session, bench.directory, folder, flags)
        with bench.sandboxes.staged(folder, holder) as stage:
            if stage is None:
                yield
                return
            stage.network.on_end = flags.stop_process
            with flags.accompanied(stage.network.process):
                yield

    def set_up(self, checkout: Path) -> None:
        if failed := self._failed_setup(checkout):
            raise CannotJudge(f"setup {failed[0]}")

    def set_up_or_end(self, working_copy: Path) -> None:
        """Run the workspace's setup commands in a new working copy of the work. Raises SessionOver if one fails."""
        if failed := self._failed_setup(working_copy):
            raise SessionOver(Facts("failed", "config", (f"Setup {failed[0]}",), exit_code=failed[1]))

    def _failed_setup(self, folder: Path) -> tuple[str, int | None] | None:
        """The first failed setup command, with its exit code."""
        bench = self.context.bench
        with bench.sandboxes.setting_up(bench.scratch(folder)):
            for n, command in enumerate(bench.config.setup, start=1):
                ended = self._run(folder, command, SETUP_TIMEOUT_S, f"setup-{n}", phase="setup")
                if ended.exit_code != 0:
                    return f"command {n} failed: {ended.error or f'exit {ended.exit_code}'}", ended.exit_code
        return None

    def keep_caches(self, checkout: Path) -> None:
        self.context.bench.sandboxes.keep_caches(self.context.bench.scratch(checkout))

    def run(self, checkout: Path, check: Check, on_line: OnLine) -> Ended:
        return self._run(checkout, check.run, check.timeout_s, check.name, on_line=on_line)

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
        extra = gateway_use.check_env(bench.config, has_gateway=bool(settings.GATEWAY_URL))
        env = session_dir.environment(context.session, bench.directory, phase=phase, extra=extra)
        if not self.with_entry:
            env = {name: value for name, value in env.items() if name not in OF_ENTRY}
        label = f"{self.label}-{name}" if self.label else name
        started = bench.start(checkout, env, is_setup=phase == "setup")
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
        for sentence in missing.sentences() if ended.exit_code != 0 else ():
            context.writer.add(f"{label}:muster", sentence)
            on_each_line(sentence, "stderr")
        return ended
