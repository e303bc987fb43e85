"""Listening to one process of an agent: what it spends is booked, what it waits for is shown, and it is stopped where it must be."""

import queue
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from budget import ledger
from budget.models import Category, Hold
from orchestration import sessions
from orchestration.configuration import circuit_breaker
from orchestration.configuration.secrets import NO_MASK, Mask
from orchestration.models import Session
from orchestration.sessions import conversations, metering, supervise
from orchestration.sessions.reservations import Growth
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agents.shared.events import Discrepancy, Event, Failure, Finished, Started, Text, Usage, Waiting
from orchestration.worker.agents.shared.interface import Reader, Task, Thread

# An agent that has used its hold up to the last micro-dollar may be done: it gets this long to say so before it is stopped.
LAST_WORD_S = 0.5
# Where there was no more money, it is asked for again: ever more seldom, but once more when the hold is used up.
ASK_AGAIN_S = 2.0
SELDOM_S = 30.0
USED_UP_S = 0.2


class UsageListener:
    """Books what the agent reports, and says when and why it has to stop. `reason` is empty while it may go on."""

    def __init__(
        self,
        session: Session,
        watch: StopFlags,
        reader: Reader,
        task: Task,
        category: Category,
        mask: Mask = NO_MASK,
        growth: Growth | None = None,
    ) -> None:
        self._session = session
        self._mask = mask
        self._watch = watch
        self._reader = reader
        self._task = task
        self._category = category
        self._growth = growth
        self._held = (0, 0)  # the hold's amount, and what of it is drawn
        self._asked_at = 0.0
        self._ask_after = 0.0
        self._unbooked: list[Usage] = []
        self._records: queue.SimpleQueue[tuple[str, Mapping[str, Any]]] = queue.SimpleQueue()
        self._kept: Thread | None = None
        self._used_up_at: float | None = None
        self._waiting_since: float | None = None
        self._waits_for = Waiting("")
        self._spent = 0
        self._answered = False
        self.finished: Finished | None = None
        self.failure: Failure | None = None
        self.waited: Waiting | None = None
        self.reason = ""

    # What comes in.

    def hear_line(self, line: str, stream: str) -> None:
        self._take(self._reader.read(line, is_error=stream == "stderr"))

    def hear_record(self, name: str, attributes: Mapping[str, Any]) -> None:
        """A telemetry record. Called from the endpoint's thread: it waits here for the session's own."""
        self._records.put((name, attributes))

    def tick(self) -> None:
        """Several times a second: telemetry, the CLI's files, and the limits."""
        self._take_records()
        self._take(self._reader.look())
        if self._unbooked:
            self.book()
        self._look_at_money()
        self._look_at_patience()

    def end(self, exit_code: int | None) -> None:
        """The process is dead and all its output was heard."""
        self._take_records()
        self._take(self._reader.look())
        self._take(self._reader.end(exit_code))
        self._keep_thread()
        self.waited = self._waits_for if self._waiting_since is not None else None
        self._waits_no_more()

    def _take_records(self) -> None:
        while True:
            try:
                name, attributes = self._records.get_nowait()
            except queue.Empty:
                return
            self._take(self._reader.hear(name, attributes))

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._handle(event)

    def _handle(self, event: Event) -> None:
        match event:
            case Usage():
                self._unbooked.append(event)
                self._waits_no_more()
                self.book()
            case Text(text=text):
                self._waits_no_more()
                supervise.patiently(lambda: sessions.write(self._session, progress=self._mask(text)[:500]))
            case Waiting():
                self._wait(event)
            case Started():
                if event.model and not self._session.model:
                    supervise.patiently(lambda: sessions.write(self._session, model=event.model[:200]))
                self._keep_thread()
            case Discrepancy(message=message):
                supervise.patiently(lambda: sessions.write(self._session, cost_note=self._mask(message)[:500]))
            case Failure():
                self._fail(event)
            case Finished():
                self.finished = replace(event, summary=self._mask(event.summary))
                if event.out_of_money:
                    self._stop("out_of_money")

    # Money.

    def book(self) -> bool:
        """Book what is not booked yet: a database that was away for a moment loses nothing. False: something is left."""
        while self._unbooked:
            usage = self._unbooked[0]
            if not supervise.patiently(partial(self._record, usage)):
                return False
            self._unbooked.pop(0)
            if not self._answered:
                self._answered = supervise.patiently(partial(circuit_breaker.provider_responded, self._session.workspace_id))
            if self._session.hold_id:
                self._look_at_hold()
            self._look_at_money()
        return True

    def _record(self, usage: Usage) -> None:
        """What an earlier session of the conversation has booked is not spent once more."""
        if metering.record(self._session, usage, self._category, role=self._task.role):
            self._spent += usage.cost if usage.cost is not None else metering.price(usage) or 0

    @property
    def _hold_id(self) -> int:
        assert self._session.hold_id is not None
        return self._session.hold_id

    def _look_at_hold(self) -> None:
        self._held = Hold.objects.values_list("amount", "drawn").get(pk=self._hold_id)
        self._watch.left = self._held[0] - self._held[1]

    def _grow(self) -> None:
        """Ask for another slice in good time. Where there is none now, ask again later: money may come back from others."""
        growth, left = self._growth, self._watch.left
        if growth is None or left is None or self._held[0] >= growth.ceiling:
            return
        if not growth.is_low(left) and not self._session.unpriced_model:
            return
        if time.monotonic() - self._asked_at > (self._ask_after if left > 0 else min(self._ask_after, USED_UP_S)):
            self._asked_at = time.monotonic()
            self._ask_after = min(max(self._ask_after * 2, ASK_AGAIN_S), SELDOM_S)
            supervise.patiently(lambda: self._ask(growth))

    def _ask(self, growth: Growth) -> None:
        self._look_at_hold()
        amount, drawn = self._held
        wanted = growth.next_step(amount=amount, drawn=drawn)
        if (
            self._session.unpriced_model
        ):  # it is charged all that it holds, and that must not be a slice of what it may have spent
            wanted = growth.ceiling - amount
        if wanted > 0 and ledger.extend(self._hold_id, wanted):
            self._look_at_hold()
            self._ask_after = 0.0

    def _look_at_money(self) -> None:
        """Stop the agent once its hold, or its role's own budget, is passed; or used up and not done soon."""
        if self.reason or self._session.hold_id is None or self._watch.left is None:
            return
        self._grow()
        left = min(self._watch.left, self._task.limit - self._spent) if self._task.role != "implement" else self._watch.left
        if left > 0:
            return
        self._used_up_at = self._used_up_at or time.monotonic()
        if left < 0 or (self.finished is None and time.monotonic() - self._used_up_at > LAST_WORD_S):
            self._stop("out_of_money")

    # Trouble.

    def _fail(self, failure: Failure) -> None:
        """The first failure is the cause. One that no retry can mend ends the process now instead of after ten attempts."""
        self.failure = self.failure or replace(failure, message=self._mask(failure.message))
        if failure.kind.cause == "setup" or failure.code == "context_full":
            self._stop("failed")

    def _wait(self, waiting: Waiting) -> None:
        self._waiting_since = self._waiting_since or time.monotonic()
        self._waits_for = waiting
        until = datetime.fromtimestamp(waiting.until, UTC) if waiting.until else None
        text = self._mask(waiting.message)[:300]
        supervise.patiently(lambda: sessions.wait(self._session, text, until))

    def _waits_no_more(self) -> None:
        if self._waiting_since is not None:
            self._waiting_since = None
            supervise.patiently(lambda: sessions.wait(self._session, "", None))

    def _look_at_patience(self) -> None:
        """A CLI that tries again and again by itself holds a worker all that time."""
        patience = self._task.agent.provider_patience_s
        if self._waiting_since is not None and time.monotonic() - self._waiting_since > patience:
            self.failure = self.failure or Failure(self._waits_for.code, self._waits_for.message, self._waits_for.until)
            self._stop("failed")

    def _stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._watch.stop_process()

    # The conversation.

    def _keep_thread(self) -> None:
        thread = self._reader.thread
        if thread is None or thread == self._kept:
            return
        entry, role, kind = self._session.entry_id, self._task.role, self._task.agent.kind
        if supervise.patiently(lambda: conversations.keep(entry, role, kind, thread.id, thread.totals)):
            self._kept = thread
