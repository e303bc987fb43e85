"""Runs commands in a working copy for a session: their output goes to its log, and its stop requests end them."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from orchestration.configuration import Check
from orchestration.models import Session
from orchestration.processes.agent_process import Ended
from orchestration.sessions import supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.stop_flags import StopFlags
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker.judging.checks import CannotJudge, RunCheck
from orchestration.worker.preparing.workbench import SessionBench
from orchestration.worker.steps.context import SETUP_TIMEOUT_S

OF_ENTRY = ("MUSTER_ENTRY_ID", "MUSTER_SESSION_ID", "MUSTER_ROUND", "MUSTER_SPEC_FILE", "MUSTER_PROMPT_FILE")


class CommandContext(Protocol):
    """The parts of a round's context, or of a run's place, that a session's commands need."""

    @property
    def session(self) -> Session: ...
    @property
    def bench(self) -> SessionBench: ...
    @property
    def stop_flags(self) -> StopFlags: ...
    @property
    def writer(self) -> log_chunks.Writer: ...
    def check_stop_requests(self) -> None: ...


class SessionRunner:
    """`label`: marks the lines in the log. `with_entry`: whether the commands get the variables of the entry; on a base they do not."""

    def __init__(self, context: CommandContext, *, label: str = "", with_entry: bool = True) -> None:
        self.context = context
        self.label = label
        self.with_entry = with_entry

    def set_up(self, checkout: Path) -> None:
        for n, command in enumerate(self.context.bench.config.setup, start=1):
            ended = self._run(checkout, supervise.argv_of(command), SETUP_TIMEOUT_S, f"setup-{n}", phase="setup")
            if ended.exit_code != 0:
                raise CannotJudge(f"setup command {n} failed: {ended.error or f'exit {ended.exit_code}'}")

    def run(self, checkout: Path) -> RunCheck:
        def run(check: Check, on_line: Callable[[str, str], None]) -> Ended:
            def on_raw_line(line: str, stream: str) -> None:
                on_line(self.context.bench.mask(line), stream)

            return self._run(checkout, supervise.argv_of(check.run), check.timeout_s, check.name, on_line=on_raw_line)

        return run

    def _run(
        self,
        checkout: Path,
        argv: list[str],
        timeout_s: float,
        name: str,
        *,
        phase: str = "verification",
        on_line: Callable[[str, str], None] | None = None,
    ) -> Ended:
        context, bench = self.context, self.context.bench
        env = session_dir.environment(context.session, bench.directory, phase=phase, extra=bench.config.agent.env)
        if not self.with_entry:
            env = {name: value for name, value in env.items() if name not in OF_ENTRY}
        label = f"{self.label}-{name}" if self.label else name
        started = bench.start(checkout, env)
        supervised = SupervisedProcess(
            argv, str(checkout), started.env, timeout_s, name=label, sandbox=started.sandbox, limits=started.limits
        )
        missing = bench.sandboxes.missing()

        def on_each_line(line: str, stream: str) -> None:
            missing.read(line)
            if on_line is not None:
                on_line(line, stream)

        ended = supervise.run(
            context.session, bench.directory, supervised, context.stop_flags, context.writer, on_line=on_each_line
        )
        context.check_stop_requests()
        for sentence in missing.sentences() if ended.exit_code != 0 else ():
            context.writer.add(f"{label}:muster", sentence)
            on_each_line(sentence, "stderr")
        return ended
