"""The invariants of `./muster chaos`, at every moment and at its end. Reads the database itself, so that no answer can hide a row."""

import collections
import fnmatch
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Count, Sum

from bench.seams import invariants
from bench.seams.invariants import QUIET_S, Seen, Watch
from budget.models import Hold, LedgerEntry
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Session
from orchestration.sessions.lifecycle import FAILURES
from tests.chaos.place import BRANCH, BUDGET_USD, MAX_WORKERS, Place
from tests.faults.harness import cpu_of

MICRO = 10**6
HOSTS = 2
# Its ticks and heartbeats come ten times as often as a user's, which cost 2.1 to 2.9 % of a core on two machines; a loop that finds no end costs 50 and more.
QUIET_CPU = 0.1
HEALED_S = 25.0
"""So long after a fault an entry may wait: a lease, and the pause after a crash."""


@dataclass
class Checker:
    """`broken`: each broken promise once, as a sentence. `fault_at`: when the last of the `faults` was healed."""

    place: Place
    broken: list[str] = field(default_factory=list)
    looks: int = 0
    tips: list[str] = field(default_factory=list)
    monitor: Watch = field(default_factory=lambda: Watch(in_books=False))
    faults: int = 0
    fault_at: float = 0.0

    def look(self) -> None:
        """At any moment. A database that is full or starting is looked at again later."""
        try:
            for sentence in [*self._sessions(), *self._money(), *self._branch(), *self.monitor.look(self._seen())]:
                self._note(sentence)
            self.looks += 1
        except (DatabaseError, InterfaceError):
            connection.close()

    def look_at_the_end(self, alive: list[str], ledger_problem: str) -> None:
        """After all work is done and everything was stopped. `ledger_problem`: what `ledger check` does not accept."""
        self.look()
        if ledger_problem:
            self._note(f"`ledger check`: {ledger_problem[-1000:]}")
        for sentence in [*self._leftovers(alive), *self._entries(), *self._usage()]:
            self._note(sentence)

    def look_at_rest(self) -> None:
        """Before it is stopped: an entry was not started in vain, and what has nothing to do does nothing, once the last fault's restarts are over."""
        noise = [*self._noise()]
        for _ in range(3):
            noise = noise and [*self._noise()]
        for sentence in [*self._starts(), *noise]:
            self._note(sentence)

    def _noise(self) -> Iterator[str]:
        processes, rows = self._processes(), self._rows()
        began, before = time.monotonic(), cpu_of(processes)
        time.sleep(QUIET_S)
        after = cpu_of(processes)
        used = sum(max(after.get(pid, 0.0) - cpu, 0.0) for pid, cpu in before.items())
        added = {name: count - rows[name] for name, count in self._rows().items()}
        return invariants.noise(used / (time.monotonic() - began) / HOSTS, added, QUIET_CPU)

    def healed(self) -> None:
        self.faults, self.fault_at = self.faults + 1, time.monotonic()

    def _seen(self) -> Seen:
        """An entry could start if no entry with a session, or one that is to land, has a file of its own."""
        entries = list(Entry.objects.exclude(status="done"))
        taken = {
            path: entry.pk for entry in entries if entry.status == "in_progress" or entry.rounds_completed for path in entry.paths
        }
        free = [
            each
            for each in entries
            if each.status == "pending" and all(taken.get(path, each.pk) == each.pk for path in each.paths)
        ]
        slots = MAX_WORKERS - Session.objects.filter(status__in=Session.OPEN).count()
        return Seen(
            at=time.monotonic(),
            could_start=[f"entry #{entry.seq}" for entry in free],
            free_slots=slots,
            reasons={f"entry #{entry.seq}": entry.reason_code for entry in free},
            is_disturbed=time.monotonic() < self.fault_at + HEALED_S,
        )

    def _starts(self) -> Iterator[str]:
        paid = set(LedgerEntry.objects.values_list("session_ref", flat=True))
        starts: dict[str, list[bool]] = collections.defaultdict(list)
        for session in Session.objects.select_related("entry"):
            starts[f"entry #{session.entry.seq}"].append(session.pk in paid)
        return invariants.needless_starts(starts, 2 + self.faults)

    def _processes(self) -> list[psutil.Process]:
        up = psutil.Process(self.place.up.process.pid)
        return [up, *up.children(recursive=True), *self.place.second.processes()]

    def _rows(self) -> dict[str, int]:
        return {"sessions": Session.objects.count(), "ledger": LedgerEntry.objects.count(), "holds": Hold.objects.count()}

    def _note(self, sentence: str) -> None:
        if sentence not in self.broken:
            self.broken.append(sentence)
            print(f"BROKEN: {sentence}", flush=True)

    def _sessions(self) -> Iterator[str]:
        open_sessions = Session.objects.filter(status__in=Session.OPEN)
        if (count := open_sessions.count()) > MAX_WORKERS:
            yield f"{count} sessions are open, and {MAX_WORKERS} may be"
        for row in open_sessions.values("entry__seq").annotate(count=Count("pk")).filter(count__gt=1):
            yield f"entry #{row['entry__seq']} has {row['count']} open sessions"
        if (overlap := self.place.notes / "overlap").exists():
            yield f"two agents of one entry were alive: {overlap.read_text().strip()}"
        for entry in Entry.objects.filter(status="failed"):
            if not self._has_crashed_by_us(entry):
                yield f"entry #{entry.seq} failed: {entry.reason_code}: {entry.reason_message[:300]}"

    def _has_crashed_by_us(self, entry: Entry) -> bool:
        """Three crashes in a row fail an entry, and so do five with lost workers. If a fault caused each, it is resumed, as its owner would."""
        failed = Session.objects.filter(entry=entry, outcome__in=FAILURES).order_by("-attempt")
        rows = list(failed.values_list("pk", "outcome")[: entry.crashes])
        not_ours = {pk for pk, outcome in rows if outcome != Session.Outcome.LOST} - self.place.hit
        if entry.reason_code != Reason.AGENT_UNAVAILABLE or not_ours:
            return False
        self.place.resume(entry.pk)
        return True

    def _money(self) -> Iterator[str]:
        spent = LedgerEntry.objects.aggregate(total=Sum("amount"))["total"] or 0
        if spent > BUDGET_USD * MICRO:
            yield f"{spent} micro-USD are spent, and {BUDGET_USD * MICRO} may be"
        for hold in Hold.objects.annotate(booked=Sum("ledger__amount")).filter(state="open"):
            if hold.drawn > hold.amount + MICRO // 100:
                yield f"session {hold.session_ref} drew {hold.drawn} of {hold.amount} micro-USD: more than one request over"

    def _branch(self) -> Iterator[str]:
        tip = self.place.git("rev-parse", "--verify", "--quiet", BRANCH)
        if not tip or (self.tips and self.tips[-1] == tip):
            return
        if self.tips and self.place.git("merge-base", self.tips[-1], tip) not in (self.tips[-1], ""):
            yield f"{BRANCH} went from {self.tips[-1][:12]} to {tip[:12]}, which does not contain it"
        self.tips.append(tip)

    def _leftovers(self, alive: list[str]) -> Iterator[str]:
        for command in alive:
            yield f"a process is left: {command[:200]}"
        if count := Session.objects.filter(status__in=Session.OPEN).count():
            yield f"{count} sessions are open at the end"
        if count := Hold.objects.filter(state="open").count():
            yield f"{count} reservations are open at the end"
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                [answer] = cursor.execute("PRAGMA integrity_check").fetchone()
            if answer != "ok":
                yield f"the database is damaged: {answer}"

    def _entries(self) -> Iterator[str]:
        files = self.place.git("ls-tree", "-r", "--name-only", BRANCH).splitlines()
        for entry in Entry.objects.order_by("seq"):
            own = [name for name in entry.paths if fnmatch.fnmatch(name, "file-*.txt")]
            if entry.status != "done":
                yield f"entry #{entry.seq} is {entry.status} at the end: {entry.reason_code}: {entry.reason_message[:300]}"
            elif missing := set(own) - set(files):
                yield f"entry #{entry.seq} is done, and {', '.join(missing)} is not on {BRANCH}"
        red = [sha for sha in self._commits() if not self._is_green(sha)]
        if red:
            yield f"{len(red)} commits of {BRANCH} hold an empty or conflicting file: {red[0][:12]}"

    def _commits(self) -> list[str]:
        return self.place.git("rev-list", "--first-parent", BRANCH).split()

    def _is_green(self, sha: str) -> bool:
        conflicts = self.place.git("grep", "-l", "-E", "^(<<<<<<<|>>>>>>>)", sha, "--", "*.txt")
        sizes = [line.split()[3] for line in self.place.git("ls-tree", "-r", "-l", sha).splitlines() if line.endswith(".txt")]
        return not conflicts and "0" not in sizes

    def _usage(self) -> Iterator[str]:
        """Every line that an agent printed is booked once, or its session was charged an estimate."""
        keys = collections.Counter[tuple[str, str]]()
        for key, session in LedgerEntry.objects.filter(session_ref__startswith="sess_").values_list("event_key", "session_ref"):
            keys[session, key.rpartition(":")[2]] += 1
        estimated = {session for session, end in keys if end == "unknown"}
        for line in (self.place.notes / "printed").read_text().splitlines():
            session, step, _ = line.split()
            if keys[session, step] != 1 and session not in estimated:
                yield f"usage {step} of {session} is booked {keys[session, step]} times"

    def all_done(self) -> bool:
        try:
            return not Entry.objects.exclude(status="done").exists()
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.5)
            return False
