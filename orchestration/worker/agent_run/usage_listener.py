"""The event handler of one agent process: books its usage, shows its waits, and stops it at its limits."""

import queue
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from budget.ledger import requests
from budget.models import Category
from orchestration import sessions
from orchestration.configuration import windows
from orchestration.configuration.windows import Reading
from orchestration.models import Session
from orchestration.sessions import conversations, supervise
from orchestration.sessions.reservations import Growth
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import agents
from orchestration.worker.agent_run.doomed_rounds import ProgressWatch
from orchestration.worker.agent_run.mailbox import Mailbox
from orchestration.worker.agent_run.meters import HELD_UP, GatewayMeter, Meter, ReportMeter, Running
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Limits, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Reader, Task, Thread
from workspaces.secrets.masking import NO_MASK, Mask


class UsageListener(Running):
    """Passes an agent's reports to its meter, and stops it at a limit or in a doomed round (`ended_early` has the signs)."""

    def __init__(
        self,
        session: Session,
        stop_flags: StopFlags,
        reader: Reader,
        task: Task,
        category: Category,
        mask: Mask = NO_MASK,
        growth: Growth | None = None,
        mailbox: Mailbox | None = None,
        progress_watch: ProgressWatch | None = None,
        access: str = "",
    ) -> None:
        """With an access the gateway meters it, else its reports."""
        super().__init__(session, stop_flags, task)
        self.meter: Meter = GatewayMeter(self, access) if access else ReportMeter(self, category, growth)
        self.ended_early = ""
        self.last_wait: Waiting | None = None
        self._reader = reader
        self._mask = mask
        self._mailbox = mailbox
        self._progress_watch = progress_watch
        self._records: queue.SimpleQueue[tuple[str, Mapping[str, Any]]] = queue.SimpleQueue()
        self._kept_thread: Thread | None = None
        self._waiting = Waiting("")
        self._limits: tuple[Reading, ...] = ()

    # Input.

    def read_line(self, line: str, stream: str) -> None:
        self._handle_all(self._reader.read(line, is_error=stream == "stderr"))
        self._check_progress()

    def queue_record(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Queue a telemetry record. Called from the endpoint's thread; the session's own thread reads the queue."""
        self._records.put((name, attributes))

    def tick(self) -> None:
        """Read telemetry and the CLI's files, and check the limits, several times a second."""
        self._read_records()
        self._handle_all(self._reader.poll())
        self.meter.book()
        self.meter.check()
        self._check_provider_wait()
        self._check_mailbox()
        self._check_progress()

    def end(self, exit_code: int | None) -> None:
        """Handle the end of the process, after all of its output."""
        self._read_records()
        self._handle_all(self._reader.poll())
        self._handle_all(self._reader.end(exit_code))
        self._keep_thread()
        if self.waiting_since is not None:
            self.last_wait = self._waiting
        elif self.meter.held_up == requests.FOR_PROVIDER:
            self.last_wait = Waiting(HELD_UP[self.meter.held_up])
        if self.last_wait is not None or self.meter.held_up:
            supervise.try_database(lambda: sessions.wait(self.session, "", None))

    def _read_records(self) -> None:
        while True:
            try:
                name, attributes = self._records.get_nowait()
            except queue.Empty:
                return
            self._handle_all(self._reader.read_record(name, attributes))

    def _handle_all(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._mailbox is not None:
                self._mailbox.read_event(event)
            if self._progress_watch is not None:
                self._progress_watch.read_event(event)
            if isinstance(event, Limits):
                self._note_limits(event.readings)
            else:
                self._handle(event)

    def _handle(self, event: Event) -> None:
        match event:
            case Usage():
                self.meter.add(event)
                self._end_wait()
                self.meter.book()
            case Text(text=text):
                self._end_wait()
                supervise.try_database(lambda: sessions.write(self.session, progress=self._mask(text)[:500]))
            case Waiting():
                self._wait(event)
            case Started():
                if event.model and not self.session.model:
                    supervise.try_database(lambda: sessions.write(self.session, model=event.model[:200]))
                self._keep_thread()
            case Discrepancy(message=message) if not self.meter.by_gateway:  # the gateway counts what reports lack
                supervise.try_database(lambda: sessions.write(self.session, cost_note=self._mask(message)[:500]))
            case Failure():
                self._fail(event)
            case Finished():
                self.finished = replace(event, summary=self._mask(event.summary))
                if event.out_of_money:
                    self.stop("out_of_money")

    def _note_limits(self, readings: tuple[Reading, ...]) -> None:
        """Record the windows of the session's own agent: a reviewer has another credential."""
        if readings != self._limits and self.task.role == "implement":
            self._limits = readings
            record = partial(windows.record, self.session.workspace_id, self.session.credential, readings)
            supervise.try_database(record)

    def _check_mailbox(self) -> None:
        if self._mailbox is not None:
            self._mailbox.collect()
            if self._mailbox.goes_on:
                self.stop("asked")

    def _check_progress(self) -> None:
        """Stop a doomed round, unless the agent has finished."""
        if (
            self._progress_watch is not None
            and self.finished is None
            and not self.reason
            and (seen := self._progress_watch.check())
        ):
            self.ended_early = seen
            self.stop("doomed")

    # Money.

    def ended_without_money(self, exit_code: int | None) -> str:
        """The reason `out_of_money` of an unfinished agent refused by the gateway, or ""."""
        finished = exit_code == 0 and self.failure is None and (self.finished is None or self.finished.ok)
        is_unpaid = self.meter.held_up == requests.FOR_MONEY or self.meter.lacked_money()
        return "out_of_money" if is_unpaid and not finished else ""

    def compare_reports(self, exit_code: int | None) -> None:
        """Note a difference of the agent's own sum from the gateway's. A stopped or failed one may have reported less."""
        sums = agents.for_kind(self.task.agent.kind).TRAITS.sums
        if not (sums and exit_code == 0 and self.finished and self.finished.ok) or self.reason or self.failure:
            return
        if note := self.meter.difference():
            sessions.write(self.session, cost_note=note[:500])

    # Failures and waits.

    def _fail(self, failure: Failure) -> None:
        """Record the first failure: it is the cause. A permanent one ends the process at once instead of after ten attempts. A refusal for money in the gateway is no
        failure of a provider."""
        if self.meter.lacked_money():
            self.stop("out_of_money")
            return
        self.failure = self.failure or replace(failure, message=self._mask(failure.message))
        if failure.kind.cause == "setup" or failure.code == "context_full":
            self.stop("failed")

    def _wait(self, waiting: Waiting) -> None:
        self.waiting_since = self.waiting_since or time.monotonic()
        text = self._mask(waiting.message)[:300]
        self._waiting = replace(waiting, message=text)  # the failure, once it waits for too long
        until = datetime.fromtimestamp(waiting.until, UTC) if waiting.until else None
        supervise.try_database(lambda: sessions.wait(self.session, text, until))

    def _end_wait(self) -> None:
        if self.waiting_since is not None:
            self.waiting_since = None
            supervise.try_database(lambda: sessions.wait(self.session, HELD_UP.get(self.meter.held_up, ""), None))

    def _check_provider_wait(self) -> None:
        """Limit the wait of a retrying CLI: it blocks a session slot."""
        patience = self.task.agent.provider_patience_s
        if self.waiting_since is not None and time.monotonic() - self.waiting_since > patience:
            self.fail(Failure(self._waiting.code, self._waiting.message, self._waiting.until))

    # The conversation.

    def _keep_thread(self) -> None:
        thread = self._reader.thread
        if thread is None or thread == self._kept_thread:
            return
        owner, role, kind = self.session.work_id, self.task.role, self.task.agent.kind
        if supervise.try_database(lambda: conversations.keep(owner, role, kind, thread.id, thread.totals)):
            self._kept_thread = thread
