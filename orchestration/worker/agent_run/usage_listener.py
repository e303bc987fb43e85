"""Handles the events of one agent process: books its usage, shows what it waits for, and stops it at its limits."""

import queue
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from budget import ledger
from budget.ledger import requests
from budget.models import Category
from orchestration import sessions
from orchestration.configuration import circuit_breaker, windows
from orchestration.configuration.provider_trouble import reviewer
from orchestration.configuration.windows import Reading
from orchestration.models import Session
from orchestration.sessions import conversations, metering, preemption, reservations, supervise
from orchestration.sessions.reservations import Growth
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import agents
from orchestration.worker.agent_run.doomed_rounds import ProgressWatch
from orchestration.worker.agent_run.mailbox import Mailbox
from orchestration.worker.agent_run.own_report import OwnReport
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Limits, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Reader, Task, Thread
from workspaces.secrets.masking import NO_MASK, Mask

# An agent that has used up its reservation exactly may be done: it gets this long to report that before it is stopped.
FINISH_S = 0.5
# How long it may wait for the money of sessions that end for it.
MAKE_ROOM_S = 5.0
# One that has reported it and still runs after so long is stopped at its limit like any other.
LEAVE_S = 5.0
HELD_UP = {requests.FOR_PROVIDER: "it takes no more requests of this key now"}
"""The words of a session whose request waits for its provider. One that waits for money is among the requests of its page."""
# So often an agent behind the gateway is looked at.
GATEWAY_S = 1.5
# Retries of a refused growth: at growing intervals, but soon once the reservation is used up.
FIRST_RETRY_S = 2.0
MAX_RETRY_S = 30.0
USED_UP_RETRY_S = 0.2


class UsageListener:
    """Books what the agent reports, and stops it when it must end. `reason`: why it was stopped; empty: it may continue. `ended_early`:
    what was seen of a round that leads nowhere."""

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
        """`access`: to the gateway, which books its requests; empty: they are booked as it reports them."""
        self._session = session
        self._access = access
        self._own_report = OwnReport()
        self._gateway_asked_at = time.monotonic()
        self._held_up = ""
        self._progress_watch = progress_watch
        self.ended_early = ""
        self._mailbox = mailbox
        self._mask = mask
        self._stop_flags = stop_flags
        self._reader = reader
        self._task = task
        self._category = category
        self._growth = growth
        self._reserved = (0, 0)  # the reservation's amount, and how much of it is drawn
        self._growth_tried_at = 0.0
        self._growth_retry_s = 0.0
        self._unbooked: list[Usage] = []
        self._records: queue.SimpleQueue[tuple[str, Mapping[str, Any]]] = queue.SimpleQueue()
        self._kept_thread: Thread | None = None
        self._used_up_at: float | None = None
        self._finished_at: float | None = None
        self._room_until = 0.0
        self._waiting_since: float | None = None
        self._waiting = Waiting("")
        self._spent = 0
        self._provider_confirmed = False
        self._limits: tuple[Reading, ...] = ()
        self.finished: Finished | None = None
        self.failure: Failure | None = None
        self.last_wait: Waiting | None = None
        self.reason = ""

    # Input.

    def read_line(self, line: str, stream: str) -> None:
        self._handle_all(self._reader.read(line, is_error=stream == "stderr"))
        self._check_progress()

    def queue_record(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Queue a telemetry record. Called from the endpoint's thread; the session's own thread reads the queue."""
        self._records.put((name, attributes))

    def tick(self) -> None:
        """Called several times a second: reads telemetry and the CLI's files, and checks the limits."""
        self._read_records()
        self._handle_all(self._reader.poll())
        if self._unbooked:
            self.book()
        self._check_money()
        self._check_gateway()
        self._check_provider_wait()
        self._check_mailbox()
        self._check_progress()

    def end(self, exit_code: int | None) -> None:
        """The process is dead and all of its output was read."""
        self._read_records()
        self._handle_all(self._reader.poll())
        self._handle_all(self._reader.end(exit_code))
        self._keep_thread()
        if self._waiting_since is not None:
            self.last_wait = self._waiting
        elif self._held_up == requests.FOR_PROVIDER:
            self.last_wait = Waiting(HELD_UP[self._held_up])
        if self.last_wait is not None or self._held_up:
            supervise.try_database(lambda: sessions.wait(self._session, "", None))

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
                self._unbooked.append(event)
                self._end_wait()
                self.book()
            case Text(text=text):
                self._end_wait()
                supervise.try_database(lambda: sessions.write(self._session, progress=self._mask(text)[:500]))
            case Waiting():
                self._wait(event)
            case Started():
                if event.model and not self._session.model:
                    supervise.try_database(lambda: sessions.write(self._session, model=event.model[:200]))
                self._keep_thread()
            case Discrepancy(message=message) if not self._access:  # else the gateway has counted what its reports lack
                supervise.try_database(lambda: sessions.write(self._session, cost_note=self._mask(message)[:500]))
            case Failure():
                self._fail(event)
            case Finished():
                self.finished = replace(event, summary=self._mask(event.summary))
                if event.out_of_money:
                    self._stop("out_of_money")

    def _note_limits(self, readings: tuple[Reading, ...]) -> None:
        """Those of its own agent: a reviewing one has another credential."""
        if readings != self._limits and self._task.role == "implement":
            self._limits = readings
            record = partial(windows.record, self._session.workspace_id, self._session.credential, readings)
            supervise.try_database(record)

    def _check_mailbox(self) -> None:
        if self._mailbox is not None:
            self._mailbox.collect()
            if self._mailbox.goes_on:
                self._stop("asked")

    def _check_progress(self) -> None:
        """An agent that has finished needs no end."""
        if (
            self._progress_watch is not None
            and self.finished is None
            and not self.reason
            and (seen := self._progress_watch.check())
        ):
            self.ended_early = seen
            self._stop("doomed")

    # Money.

    @property
    def is_metered_by_gateway(self) -> bool:
        return bool(self._access)

    def ended_without_money(self, exit_code: int | None) -> str:
        """The reason `out_of_money` where the gateway refused a request of an agent that did not finish; else empty."""
        finished = exit_code == 0 and self.failure is None and (self.finished is None or self.finished.ok)
        is_unpaid = self._held_up == requests.FOR_MONEY or self._lacked_money()
        return "out_of_money" if is_unpaid and not finished else ""

    def compare_reports(self, exit_code: int | None) -> None:
        """Note where the sum that the agent reports differs from the gateway's count. One that was stopped or failed may have reported less."""
        sums = agents.for_kind(self._task.agent.kind).TRAITS.sums
        if not (self._access and sums and exit_code == 0 and self.finished and self.finished.ok) or self.reason or self.failure:
            return
        if note := self._own_report.differs(self._task.agent.kind, self._access):
            sessions.write(self._session, cost_note=note[:500])

    def _check_gateway(self) -> None:
        """End an agent for which the gateway has no money: some programs would repeat the request for minutes."""
        if self._access and not self.reason and time.monotonic() - self._gateway_asked_at > GATEWAY_S and not self._is_leaving():
            self._gateway_asked_at = time.monotonic()
            supervise.try_database(self._look_at_gateway)

    def _look_at_gateway(self) -> None:
        standing = requests.standing(self._access)
        if standing == requests.UNPAID:
            self._stop("out_of_money")
        elif standing == requests.BROKEN:
            self.failure = self.failure or Failure("overloaded", "It broke off two answers in a minute, which are paid")
            self._stop("failed")
        elif standing != self._held_up:
            self._held_up = standing
            if self._waiting_since is None:
                sessions.wait(self._session, HELD_UP.get(standing, ""), None)
        if standing in (requests.FOR_PROVIDER, requests.REFUSED):
            self._leave_provider()

    def _leave_provider(self) -> None:
        """End an agent to whose provider the gateway sends nothing for a while: some programs would ask again and again."""
        if row := circuit_breaker.closed_to(self._session, reviewer(self._task.role)):
            self.failure = self.failure or Failure(row.code, row.message, row.until.timestamp() if row.until else None)
            self._stop("failed")

    def _lacked_money(self) -> bool:
        return bool(self._access) and requests.lacked_money(self._access)

    def book(self) -> bool:
        """Book pending usage; it stays pending while the database is down. False: some usage is not booked yet."""
        while self._unbooked:
            usage = self._unbooked[0]
            if not supervise.try_database(partial(self._record, usage)):
                return False
            self._unbooked.pop(0)
            if not self._provider_confirmed:
                responded = partial(circuit_breaker.provider_responded, self._session, reviewer(self._task.role))
                self._provider_confirmed = supervise.try_database(responded)
            if self._session.hold_id:
                self._read_reservation()
            self._check_money()
        return True

    def _record(self, usage: Usage) -> None:
        """Usage that an earlier session of the conversation has booked is not counted again. The gateway has booked its own requests."""
        if self._access:
            self._own_report.add(usage)
            return
        if metering.record(self._session, usage, self._category, role=self._task.record):
            self._spent += usage.cost if usage.cost is not None else metering.price(usage) or 0
            self._growth_retry_s = 0.0  # it may need more now

    @property
    def _hold_id(self) -> int:
        assert self._session.hold_id is not None
        return self._session.hold_id

    def _read_reservation(self) -> None:
        self._reserved = ledger.drawn(self._hold_id)
        self._stop_flags.money_left = self._reserved[0] - self._reserved[1]

    def _grow_reservation(self) -> None:
        """Extend the reservation before it is used up. If it is refused, try again later: others may return money."""
        growth, left = self._growth, self._stop_flags.money_left
        if growth is None or left is None or self._reserved[0] >= growth.ceiling:
            return
        if not growth.is_low(amount=self._reserved[0], drawn=self._reserved[1]) and not self._session.unpriced_model:
            return
        if time.monotonic() - self._growth_tried_at > (
            self._growth_retry_s if left > 0 else min(self._growth_retry_s, USED_UP_RETRY_S)
        ):
            self._growth_tried_at = time.monotonic()
            self._growth_retry_s = min(max(self._growth_retry_s * 2, FIRST_RETRY_S), MAX_RETRY_S)
            supervise.try_database(lambda: self._extend_reservation(growth))

    def _extend_reservation(self, growth: Growth) -> None:
        self._growth = growth = reservations.with_usual(growth, self._session.workspace_id)
        self._read_reservation()
        amount, drawn = self._reserved
        increase = growth.next_step(amount=amount, drawn=drawn)
        if self._session.unpriced_model:  # it is charged its whole reservation, which must cover all that it may have spent
            increase = growth.ceiling - amount
        if increase <= 0:
            return
        if reservations.extend(self._session, increase):
            self._read_reservation()
            self._growth_retry_s = 0.0
        elif self._is_urgent(growth) and preemption.make_room(self._session):
            self._growth_retry_s = USED_UP_RETRY_S
            self._room_until = time.monotonic() + MAKE_ROOM_S

    def _is_urgent(self, growth: Growth) -> bool:
        """A session behind it may have to end for it. Not for a process that keeps its limit: it will stop by itself. Nor for one that may
        just have finished."""
        amount, drawn = self._reserved
        if growth.is_fixed or not growth.is_urgent(amount=amount, drawn=drawn):
            return False
        return drawn < amount or (self._used_up_at is not None and time.monotonic() - self._used_up_at > FINISH_S)

    def _check_money(self) -> None:
        """Stop the agent once its reservation, or its role's own limit, is exceeded, or used up without a result soon after. An agent that
        has finished spends no more: its last request may have used up the money."""
        if (
            self._access
            or self.reason
            or self._session.hold_id is None
            or self._stop_flags.money_left is None
            or self._is_leaving()
        ):
            return
        self._grow_reservation()
        left = (
            min(self._stop_flags.money_left, self._task.limit - self._spent)
            if self._task.role != "implement"
            else self._stop_flags.money_left
        )
        if left > 0:
            return
        self._used_up_at = self._used_up_at or time.monotonic()
        waits_until = max(self._used_up_at + FINISH_S, self._room_until)
        if left < 0 or (self.finished is None and time.monotonic() > waits_until):
            self._stop("out_of_money")

    def _is_leaving(self) -> bool:
        """It has finished, and its process is about to end."""
        if self.finished is None or not self.finished.ok:
            return False
        self._finished_at = self._finished_at or time.monotonic()
        return time.monotonic() - self._finished_at < LEAVE_S

    # Failures and waits.

    def _fail(self, failure: Failure) -> None:
        """The first failure is the cause. A failure that no retry can fix ends the process at once instead of after ten attempts. What the gateway
        refused because there was no money is no failure of a provider."""
        if self._access and self._lacked_money():
            self._stop("out_of_money")
            return
        self.failure = self.failure or replace(failure, message=self._mask(failure.message))
        if failure.kind.cause == "setup" or failure.code == "context_full":
            self._stop("failed")

    def _wait(self, waiting: Waiting) -> None:
        self._waiting_since = self._waiting_since or time.monotonic()
        text = self._mask(waiting.message)[:300]
        self._waiting = replace(waiting, message=text)  # it becomes the failure when it waits for too long
        until = datetime.fromtimestamp(waiting.until, UTC) if waiting.until else None
        supervise.try_database(lambda: sessions.wait(self._session, text, until))

    def _end_wait(self) -> None:
        if self._waiting_since is not None:
            self._waiting_since = None
            supervise.try_database(lambda: sessions.wait(self._session, HELD_UP.get(self._held_up, ""), None))

    def _check_provider_wait(self) -> None:
        """A CLI that retries by itself blocks a session slot all that time: limit its wait."""
        patience = self._task.agent.provider_patience_s
        if self._waiting_since is not None and time.monotonic() - self._waiting_since > patience:
            self.failure = self.failure or Failure(self._waiting.code, self._waiting.message, self._waiting.until)
            self._stop("failed")

    def _stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._stop_flags.stop_process()

    # The conversation.

    def _keep_thread(self) -> None:
        thread = self._reader.thread
        if thread is None or thread == self._kept_thread:
            return
        owner, role, kind = self._session.work_id, self._task.role, self._task.agent.kind
        if supervise.try_database(lambda: conversations.keep(owner, role, kind, thread.id, thread.totals)):
            self._kept_thread = thread
