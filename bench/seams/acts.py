"""What happens in a case beside its work: people who act, a process that is killed, and a person who puts right what the provider or the money stopped."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

from bench.seams.looking import Look
from bench.seams.oracle import FOR_GOOD, OF_MONEY

AFTER_ANSWERS = 2
"""People and faults come once so many requests were answered."""
RAISED = ("own budgets", "a day's limit", "raised")
PAUSE_S, STILL_S = 3.0, 8.0
RIGHTS_AFTER_S = 10.0
"""A person comes so long after the first refusal, whether pages said it or not."""
OF_FAULT = {"session worker": "sessions", "control worker": "control", "gateway": "gateway"}
FAULT_S, ACT_S = 20.0, 5.0
AWAY_S = 3.0
STILL = {"", "concurrency_limit", "dependencies_pending"}
NONE = -1


@dataclass
class Acts:
    """`step` once for each moment. `done`: nothing is left to happen."""

    look: Look
    has_killed: bool = False
    has_acted: bool = False
    has_raised: bool = False
    has_repaired: bool = False
    has_moved: bool = False
    has_lost: bool = False
    _back_at: float = 0.0
    _resume_at: float = 0.0
    _stopped: int | None = None
    _still_since: float = 0.0

    def step(self) -> None:
        begun = sum(row.outcome == "answered" for row in self.look.provider.rows) >= AFTER_ANSWERS
        if begun and not self.has_killed:
            self.has_killed = True
            self._kill(self.look.case.values.get("fault", "none"))
        if begun and not self.has_acted:
            self.has_acted = True
            self._act(self.look.case.values.get("people", "nobody"))
        if begun and not self.has_moved:
            self.has_moved = True
            if self.look.case.has("moves"):
                self.look.work.commit("a commit of a person", {"of-a-person.txt": "theirs\n"})
        self._lose(begun)
        self._go_on()
        self._approve()
        self.look.work.merge_pull_requests()
        self._put_right()

    @property
    def done(self) -> bool:
        return self.has_killed and self.has_acted and not self._back_at and not self._resume_at and self._stopped is None

    def _kill(self, fault: str) -> None:
        if fault == "none":
            return
        name = OF_FAULT[fault]
        with suppress(KeyError, ProcessLookupError):
            os.kill(self.look.work.world.up.children()[name], signal.SIGKILL)
        self.look.disturb(FAULT_S)

    def _lose(self, begun: bool) -> None:
        """The second host vanishes as by a loss of power, and comes back."""
        world = self.look.work.world
        if not world.second or not self.look.case.has("lost and back"):
            return
        if begun and not self.has_lost:
            self.has_lost = True
            self._back_at = time.monotonic() + AWAY_S
            world.second.vanish()
            self.look.disturb(FAULT_S)
        elif self._back_at and time.monotonic() > self._back_at:
            self._back_at = 0.0
            world.start_second()
            self.look.disturb(FAULT_S)

    def _act(self, people: str) -> None:
        look, work = self.look, self.look.work
        if people == "nobody":
            return
        look.disturb(ACT_S)
        at_work = next((n for n, status in look.status.items() if status == "in_progress"), 0)
        waits = next((n for n in reversed(look.status) if look.status[n] == "pending"), NONE)
        if people == "message":
            work.call("POST", f"/todo/entries/{work.ids[max(waits, 0)]}/instructions", {"text": "Mind the style."})
        elif people == "edit" and waits >= 0:
            with suppress(AssertionError):  # it may have started meanwhile
                body = work.call("GET", f"/todo/entries/{work.ids[waits]}")["content"]
                work.call("PATCH", f"/todo/entries/{work.ids[waits]}", {"content": f"{body}\nAnd mind the style."})
        elif people == "move priority" and waits >= 0:
            work.call("PATCH", f"/todo/entries/{work.ids[waits]}/priority", {"priority": "critical"})
        elif people == "raise the cap":
            work.call("PATCH", "/budget", {"max_project_spend_usd": look.case.cap + 1})
            look.cap = max(look.cap, 0) + 10**6 if look.case.day_limit is None else look.cap
        elif people == "pause and resume":
            work.call("POST", "/executor/pause")
            look.of_people = dict.fromkeys(look.status, ("executor_paused",))
            self._resume_at = time.monotonic() + PAUSE_S
        elif people == "stop one":
            with suppress(AssertionError):  # it may have ended meanwhile
                work.call("POST", f"/todo/entries/{work.ids[at_work]}/stop", {})
                look.of_people = {at_work: ("human_hold",)}
                self._stopped = at_work

    def _go_on(self) -> None:
        look, work = self.look, self.look.work
        if self._resume_at and time.monotonic() > self._resume_at:
            self._resume_at = 0.0
            work.call("POST", "/executor/resume")
            look.of_people = {}
            look.disturb(ACT_S)
        if self._stopped is not None and look.status.get(self._stopped) in ("blocked", "pending", "done"):
            if look.status[self._stopped] != "done":
                work.call("PATCH", f"/todo/entries/{work.ids[self._stopped]}/status", {"status": "pending"})
            self._stopped = None
            look.of_people = {}
            look.disturb(ACT_S)

    def _approve(self) -> None:
        if not self.look.case.has("approval"):
            return
        for row in self.look.work.call("GET", "/approvals")["approvals"]:
            with suppress(AssertionError):  # its commit may have moved
                self.look.work.call("POST", f"/todo/entries/{row['entry_id']}/approve", {"commit": row["commit"]})

    def _put_right(self) -> None:
        """A person pays, or sets a valid key, and says so; and raises the money once it alone is in the way."""
        look, case = self.look, self.look.case
        refused = next((row.at for row in look.provider.rows if row.outcome == "refused"), 0.0)
        needs_person = case.has(*FOR_GOOD) and not case.has("fallback") and not self.has_repaired
        if needs_person and refused and time.time() > refused + RIGHTS_AFTER_S:
            self.has_repaired = True
            look.provider.repair()
            look.work.call("POST", "/executor/agent/retry")
            look.disturb(ACT_S)
        if case.has(*RAISED) and not self.has_raised and self._is_still():
            self.has_raised = True
            look.work.raise_money()
            look.cap = float("inf")
            look.disturb(ACT_S)

    def _is_still(self) -> bool:
        """Nothing has been at work for a while, and pages say that it is for money."""
        look = self.look
        reasons = {look.reasons[n] for n, status in look.status.items() if status != "done"}
        is_still = not look.open_sessions - set(look.for_money) and reasons and reasons <= OF_MONEY | STILL
        self._still_since = (self._still_since or time.monotonic()) if is_still else 0.0
        return bool(is_still) and time.monotonic() > self._still_since + STILL_S
