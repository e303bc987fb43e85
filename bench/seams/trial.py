"""One case, from its workspace to its verdict."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.seams import invariants
from bench.seams.acts import Acts
from bench.seams.dimensions import MONEY
from bench.seams.invariants import QUIET_CPU, QUIET_S, Asked, Watch
from bench.seams.looking import Look
from bench.seams.oracle import MAIN, MICRO, SPARE, Case
from bench.seams.provider import Provider
from bench.seams.stage import Workspace, World
from tests.faults.harness import cpu_of

EVERY_S = 1.0
LONGER = 1.5
"""A case that is late is watched for so many times its bound: it shows whether it ends at all."""
TIMES = 3.0
SETTLE_S = 10.0
USEFUL = ("passed", "failed", "no_change", "conflict", "doomed", "not_chosen", "asked")
"""Sessions that ended so had a round, or were not needed."""


@dataclass
class Verdict:
    """`broken`: sentences. `answers`: of the provider. `picture`: what one needs to understand them."""

    case: Case
    seconds: float = 0.0
    answers: int = 0
    broken: list[str] = field(default_factory=list)
    picture: list[str] = field(default_factory=list)


def slowness(world: World) -> float:
    """The time of a plain case here, by the oracle's: 1 at least. What is promised in seconds is promised on a machine that is free."""
    case = Case("money", 0, {name: values[0] for name, values in MONEY.items()})
    return max(run(world, case, 9.0, is_watched=False).seconds / case.floor_s, 1.0)


def run(world: World, case: Case, patience: float, *, is_watched: bool = True) -> Verdict:
    """`patience`: how much slower this machine is than the oracle's. Without `is_watched` it is timed alone."""
    case.bin, case.port = str(world.programs), world.port
    provider = Provider(case.keys())
    verdict = Verdict(case)
    try:
        work = Workspace(world, case, provider, f"{case}-{time.time_ns() % 10**6}")
        try:
            look = _work_off(work, provider, verdict, patience)
            if is_watched:
                _judge(world, look, verdict, patience)
        finally:
            work.close()
    finally:
        provider.close()
    return verdict


def _work_off(work: Workspace, provider: Provider, verdict: Verdict, patience: float) -> Look:
    """Look once a second until all is done, or the case is late beyond hope."""
    case = verdict.case
    look = Look(case, work, provider, (case.day_limit or case.cap) * MICRO)
    acts = Acts(look)
    overdraft = case.bound * case.workers if case.goes_past or case.has("makes more") else 0
    monitor = Watch(patience, in_books=not case.goes_past, overdraft=overdraft)
    limit = LONGER * (TIMES * case.floor_s * patience + case.recovery_s)
    began = time.monotonic()
    work.call("POST", "/executor/start")
    while time.monotonic() - began < limit:
        at = time.monotonic()
        try:
            monitor.look(look.now())
            acts.step()
        except (OSError, AssertionError, ValueError):
            if case.has_no_fault or at > look.disturbed_until + SETTLE_S:
                raise  # no process was killed that could be away
        if acts.done and all(status == "done" for status in look.status.values()):
            break
        time.sleep(max(EVERY_S - (time.monotonic() - at), 0.05))
    verdict.seconds, verdict.answers = time.monotonic() - began, sum(row.outcome == "answered" for row in provider.rows)
    verdict.broken += monitor.broken
    return look


def _judge(world: World, look: Look, verdict: Verdict, patience: float) -> None:
    case = verdict.case
    unfinished = [*_unfinished(look)]
    verdict.broken += unfinished
    if not unfinished:
        verdict.broken += invariants.too_late(verdict.seconds, case.floor_s * patience, case.recovery_s, times=TIMES)
        _settled(look)
        verdict.broken += [*_at_rest(world, look), *_work(look)]
        if not case.goes_past or case.is_exact:
            books = look.booked(), look.unknown(), look.provider.micro
            verdict.broken += invariants.books_at_the_end(*books, is_exact=case.is_exact)
    verdict.broken += _asked(look)
    if verdict.broken:
        verdict.picture = list(_picture(look))


def _unfinished(look: Look) -> Iterator[str]:
    for n, status in look.status.items():
        if status != "done":
            yield f"1: entry {n} is {status} at the end: {look.reasons[n] or 'no reason'}"


def _settled(look: Look) -> None:
    """Wait, bounded, until the last request is booked and the last session has ended."""
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        seen = look.now()
        if not look.open_sessions and seen.booked + look.unknown() >= look.provider.micro and not look.work.agents_alive():
            return
        time.sleep(0.3)


def _work(look: Look) -> Iterator[str]:
    """By git, files and processes alone."""
    landed = look.work.landed()
    for task in look.case.tasks:
        if missing := set(task.writes) - landed:
            yield f"git: entry {task.n} is done, and {', '.join(sorted(missing))} is not on the branch"
    up = look.work.world.up
    for path in [up.log, *filter(Path.is_file, up.data.glob("logs/**/*"))]:
        if any(key.encode() in path.read_bytes() for key in look.provider.keys):
            yield f"key: {path.name} has it"
    for command in look.work.agents_alive():
        yield f"processes: one is left: {command}"


def _rows(look: Look) -> dict[str, int]:
    """What a workspace at rest does not add to. The database's tables with a clock, such as heartbeats, are none of these."""
    events = look.work.call("GET", "/todo/events?after=0&limit=500")["events"]
    ledger = look.work.call("GET", "/budget/ledger?limit=500")["entries"]
    return {"events": len(events), "ledger": len(ledger), "requests": len(look.provider.rows)}


def _at_rest(world: World, look: Look) -> list[str]:
    """What the last event set off may take one look longer."""
    return _noise(world, look) and _noise(world, look)


def _noise(world: World, look: Look) -> list[str]:
    rows, processes = _rows(look), world.processes()
    began, before = time.monotonic(), cpu_of(processes)
    time.sleep(QUIET_S)
    after, seconds = cpu_of(processes), time.monotonic() - began
    used = sum(max(after.get(pid, 0.0) - cpu, 0.0) for pid, cpu in before.items())
    hosts = 2 if world.second else 1
    added = {name: count - rows[name] for name, count in _rows(look).items()}
    most = QUIET_CPU * (2 if world.has_quick_lease else 1)  # its heartbeats come ten times as often: 2.1 to 2.2 % were seen
    return list(invariants.noise(used / seconds / hosts, added, most))


def _asked(look: Look) -> Iterator[str]:
    case, rows = look.case, look.provider.rows
    answered = {row.session for row in rows if row.outcome == "answered"}
    starts: dict[str, list[bool]] = {}
    for session, entry in look.sessions.items():
        ended = look.work.call("GET", f"/executor/sessions/{session}")["status"]
        name = f"entry {look.work.ids.index(entry)}"
        starts.setdefault(name, []).append(session in answered or ended in USEFUL or session in look.open_sessions)
    yield from invariants.needless_starts(starts, case.vain_starts)
    asked = [
        Asked({MAIN: "main", SPARE: "spare"}[row.key], row.at, row.outcome == "answered", row.outcome == "refused", row.retry_at)
        for row in rows
    ]
    yield from invariants.needless_requests(asked, most=case.most_requests, at_once=case.workers, repeats=case.repeats)


def _picture(look: Look) -> Iterator[str]:
    for n, id_ in enumerate(look.work.ids):
        entry = look.work.call("GET", f"/todo/entries/{id_}")
        reason = next((f"{each['code']}: {each['message']}" for each in entry["reasons"]), "")
        yield f"entry {n}: {entry['status']} {reason}"
        for session in entry["session_ids"][-4:]:
            shown = look.work.call("GET", f"/executor/sessions/{session}")
            totals = look.work.call("GET", f"/executor/sessions/{session}/requests?limit=3")
            last = [(row["state"], row["status"], row["bound_usd"], row["reason"]) for row in totals["requests"]]
            yield f"  {session} {shown['agent']} {shown['status']} {shown['failure'] or ''} {(shown['stop_reason'] or '')[:120]} {last}"
    outcomes = [f"{row.outcome or 'open'}{row.status}" for row in look.provider.rows]
    yield f"provider: {len(outcomes)} requests, {look.provider.micro} micro-USD: {' '.join(outcomes[-40:])}"
    yield f"booked {look.booked()}, unknown {look.unknown()}, {len(look.sessions)} sessions, strangers {dict(look.provider.strangers)}"
    total = look.work.call("GET", "/budget")["global"]
    yield f"cap {total['max_project_spend_usd']}; waits for money: {look.for_money}, open: {sorted(look.open_sessions)}"
