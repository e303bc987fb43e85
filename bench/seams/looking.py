"""A moment of a case, as the API and the provider show it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.seams.invariants import PROVIDER_S, Seen
from bench.seams.oracle import MICRO, PLENTY, Case, Moment
from bench.seams.provider import Provider
from bench.seams.stage import Workspace

WAITING = ("pending", "blocked", "failed")
AFTER_OPENING_S = 15.0
"""So long an entry may wait after its provider has opened: what the docs state of the pauses between tries, here."""


@dataclass
class Look:
    """Reads a workspace once for each moment. `status`: of each entry by its index; `sessions`: all that were seen, with their entries; `disturbed_until`: the
    end of what a fault, a person or the provider may disturb; `for_provider`,
    `for_money`: sessions with a request that waits; `of_people`: reasons that people gave to entries; `cap`: micro-USD."""

    case: Case
    work: Workspace
    provider: Provider
    cap: float
    status: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    open_sessions: set[str] = field(default_factory=set)
    for_provider: list[str] = field(default_factory=list)
    for_money: list[str] = field(default_factory=list)
    disturbed_until: float = 0.0
    of_people: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _totals: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    _was_open: bool = True

    def now(self) -> Seen:
        """Reads what is unknown before what is booked: what moves meanwhile is counted twice, never lost."""
        before = self.provider.micro
        entries = self._entries()
        self._requests()
        under_way = sum(self._usd(totals, "under_way_usd") for totals in self._totals.values())
        held, not_known = self._held()
        unknown = under_way + not_known
        booked = self.booked()
        seen_at = time.monotonic()
        is_open = self._is_open(seen_at)
        left = self.cap - max(booked, before)
        begun = {n for n, entry in enumerate(entries) if entry["session_ids"] and entry["status"] != "done"}
        moment = Moment(self.status, begun, self.case.workers - len(self.open_sessions), left - held, is_open, self.of_people)
        blocked = {f"entry {n}": self.case.true_reasons(self.case.tasks[n], moment) for n in self.waiting()}
        return Seen(
            at=seen_at,
            could_start=[name for name, reasons in blocked.items() if not reasons],
            free_slots=moment.free_slots,
            reasons={f"entry {n}": self.reasons[n] for n in self.waiting()},
            blocked_by={name: reasons for name, reasons in blocked.items() if reasons},
            waits_for_provider=self.for_provider if is_open else [],
            waits_for_money=[] if under_way or left - unknown < self.case.bound else self.for_money,
            is_disturbed=seen_at < self.disturbed_until,
            booked=booked,
            unknown=unknown,
            counted=(before, self.provider.micro),
            cap=int(self.cap) if self.cap < PLENTY * MICRO else None,
        )

    def waiting(self) -> list[int]:
        return [n for n, status in self.status.items() if status in WAITING]

    def disturb(self, seconds: float) -> None:
        self.disturbed_until = max(self.disturbed_until, time.monotonic() + seconds)

    def booked(self) -> int:
        return self._usd(self.work.call("GET", "/budget")["global"], "total_spent_usd")

    def unknown(self) -> int:
        return self._held()[1]

    @staticmethod
    def _usd(values: Mapping[str, Any], name: str) -> int:
        amount: float = values[name]
        return round(amount * MICRO)

    def _entries(self) -> list[dict[str, Any]]:
        rows = {row["id"]: row for row in self.work.call("GET", "/todo")["entries"]}
        entries = [rows[id_] for id_ in self.work.ids]
        self.status = {n: entry["status"] for n, entry in enumerate(entries)}
        self.reasons = {n: (entry["reasons"] or [{"code": ""}])[0]["code"] for n, entry in enumerate(entries)}
        at_work = self.work.call("GET", "/executor/workers")["workers"]
        self.open_sessions = {row["sessionID"] for row in at_work}
        self.sessions |= {row["sessionID"]: row["entryID"] for row in at_work}
        self.sessions |= {session: entry["id"] for entry in entries for session in entry["session_ids"]}
        return entries

    def _held(self) -> tuple[int, int]:
        """What is reserved, and what is stated as unknown."""
        answer = self.work.call("GET", "/budget/holds?limit=1")
        return self._usd(answer, "held_usd"), self._usd(answer, "unknown_usd")

    def _requests(self) -> None:
        """Sessions with a request that waits. The totals of a session that has ended with nothing unknown stay."""
        self.for_provider, self.for_money = [], []
        for session in self.sessions.keys() - self._ended:
            answer = self.work.call("GET", f"/executor/sessions/{session}/requests?limit=20")
            self._totals[session] = answer
            if session not in self.open_sessions and not answer["unknown_usd"] and not answer["under_way_usd"]:
                self._ended.add(session)
            reasons = {row["reason"] or "" for row in answer["requests"] if row["state"] == "waiting"}
            if reasons:
                (self.for_money if any("money" in reason for reason in reasons) else self.for_provider).append(session)

    def _is_open(self, now: float) -> bool:
        """Some agent of the case has a provider that takes it. What a refusal sets off has its time, and so has its end."""
        at = time.time()
        keys = self.provider.keys.items()
        usable = [key.is_open(at) for secret, key in keys if self.case.may_use(secret)]
        refused = [row.ended_at for row in self.provider.rows if row.outcome == "refused"]
        is_open = any(usable)
        if not all(usable) and self._was_open:
            self.disturb(PROVIDER_S)
        if is_open and not self._was_open:
            self.disturb(AFTER_OPENING_S)
        self._was_open = is_open
        return is_open and (len(usable) > 1 or at > max(refused, default=0.0) + AFTER_OPENING_S)
