"""A provider that refuses agents at random, by their key, in a Muster whose session workers are killed meanwhile; and what must hold then."""

import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from orchestration.facts import waits
from tests.faults.harness import ROOT, Client, Running, until
from tests.faults.shop import Shop
from tests.faults.test_kills import QUICK
from tests.patience import PATIENCE
from tests.plugins.database import put_migrated

CODES = ("rate_limited", "overloaded", "quota", "auth")
SHARE = 0.35  # of the requests to a key that is not refused begin its refusal
KNOWN_S, UNKNOWN_S = (1.0, 6.0), (0.2, 4.0)
STEADY = "steady"
SLACK_S = 0.002  # the database keeps milliseconds
AGENTS = (*"abc", STEADY)
FALLBACKS = {"a": ["b", "c"], "b": ["c", "a"]}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`resets_at`: as the provider said; None: it said nothing."""

    key: str
    session: str
    code: str
    at: float
    resets_at: float | None


class Provider:
    """Refuses keys for a while, at random, until it has refused so many requests."""

    def __init__(self, seed: int, refusals: int) -> None:
        self.left, self.refusals, self.paid, self.printed = refusals, list[Refusal](), dict[str, tuple[str, int]](), set[str]()
        self._random, self._periods, self._lock = random.Random(seed), dict[str, tuple[str, float, bool]](), threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(provider.answer(**body) if self.path == "/request" else provider.print(**body)).encode()
                with suppress(ConnectionError):  # its agent was killed
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, key: str, session: str) -> dict[str, Any]:
        at = time.time()
        with self._lock:
            code, ends, is_known = self._periods.get(key, ("", 0.0, False))
            if at >= ends and not key.endswith(STEADY) and self._random.random() < SHARE:
                code = self._random.choice(CODES)
                is_known = (
                    self._random.random() < 0.5 or code in waits.LEAST_BREAK_S
                )  # else a person mends it, and this trial has none
                ends = at + self._random.uniform(*(KNOWN_S if is_known else UNKNOWN_S))
                self._periods[key] = (code, ends, is_known)
            if self.left > 0 and at < ends:
                self.left -= 1
                self.refusals.append(Refusal(key, session, code, at, ends if is_known else None))
                return {"code": code, "message": f"{key} is refused", **({"retry_at": ends} if is_known else {})}
            id_, micro = f"r{len(self.paid)}", self._random.randint(100, 9000)
            self.paid[id_] = (session, micro)
            return {"id": id_, "cost_usd": micro / 10**6}

    def print(self, id: str) -> dict[str, Any]:
        self.printed.add(id)
        return {}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class Figures:
    """`lost`: entries that are not done; `twice`, `unbooked`: requests in the ledger that the provider did not count, and the other way round; `cut`: it counted
    them, and their agent was killed before it could print them. `probes`: sessions that were claimed before the reset that an ended one knew.
    `wrong_lines`: entries whose history has not one line for each session with a fallback; `paused`: sessions that no provider was refused to, and ended as
    if it had been, and entries of the agent that is never refused which had to wait."""

    entries: int
    lost: int
    sessions: int
    refusals: int
    by_code: dict[str, int]
    kills: int
    interrupted: int
    requests: int
    micro: int
    cut: int
    twice: int
    unbooked: int
    probes: int
    known: int
    fallbacks: int
    wrong_lines: int
    unlogged: int
    paused: int
    seconds: float

    @property
    def broken(self) -> int:
        return self.lost + self.twice + self.unbooked + self.probes + self.wrong_lines + self.unlogged + self.paused

    def __str__(self) -> str:
        codes = ", ".join(f"{count} {code}" for code, count in sorted(self.by_code.items()))
        return (
            f"{self.refusals} refusals ({codes}), {self.kills} kills of the session worker ({self.interrupted} sessions lost) in {self.seconds:.0f} s: "
            f"{self.lost} of {self.entries} entries lost, {self.sessions} sessions; {self.requests} requests paid (${self.micro / 10**6:.4f}), "
            f"{self.twice} twice, {self.unbooked} not booked, {self.cut} cut off before they were reported; {self.probes} probes before {self.known} known resets; "
            f"{self.fallbacks} fallbacks, {self.wrong_lines} entries without exactly one line for each, {self.unlogged} without a logged choice; "
            f"{self.paused} pauses of other agents"
        )


@contextmanager
def muster(folder: Path, slots: int = 8) -> Iterator[Client]:
    data = folder / "data"
    put_migrated(data)
    running = Running(data, **QUICK, MUSTER_REPO_ROOTS=str(folder), MUSTER_SESSION_SLOTS=str(slots))
    try:
        until(running.is_ready, 60)
        yield Client(running)
    finally:
        running.process.terminate()
        running.process.wait(60)


class Trial:
    """Some workspaces, each with four agents that have keys of their own, while their provider refuses and their workers die."""

    def __init__(self, client: Client, folder: Path, provider: Provider, seed: int, workspaces: int) -> None:
        self._client, self._provider, self._random = client, provider, random.Random(seed + 1)
        self.kills, self.entries = 0, dict[str, str]()
        self._waited = set[str]()
        self._shops = [self._shop(folder / f"{seed}-{n}") for n in range(workspaces)]

    def _shop(self, folder: Path) -> Shop:
        folder.mkdir()
        command = [sys.executable, str(ROOT / "tests/faults/refused_agent.py"), self._provider.address]
        agents = {name: {"command": [*command, f"{folder.name}-{name}"]} for name in AGENTS}
        for name, others in FALLBACKS.items():
            agents[name]["fallback"] = others
        return Shop(
            self._client,
            folder,
            agents=agents,
            max_workers=4,
            round_ceiling_usd=0.5,
            verify=[{"name": "file", "run": "test -f work-$MUSTER_ENTRY_ID.txt"}],
        )

    def run(self, *, kill_every_s: float, within_s: float) -> Figures:
        within_s *= PATIENCE
        began, kill_at = time.monotonic(), time.monotonic() + self._random.uniform(0, 2) * kill_every_s
        while self._provider.left > 0 or self._unfinished():
            assert time.monotonic() - began < within_s, f"{self._provider.left} refusals left: {self._unfinished()}"
            for shop in self._shops if self._provider.left > 0 else ():
                if self._waiting(shop) < 6:
                    self._add(shop, 6)
            if self._provider.left > 0 and time.monotonic() > kill_at:
                kill_at = time.monotonic() + self._random.uniform(0.5, 1.5) * kill_every_s
                self._kill()
            time.sleep(0.3)
        return self._figures(time.monotonic() - began)

    def _add(self, shop: Shop, count: int) -> None:
        asked = [self._random.choice(AGENTS) for _ in range(count)]
        drafts = [
            {"content": f"entry {n}", "budget_usd": 0.5, "agent": agent, "spec": {"files_to_create": [f"work-{n}"]}}
            for n, agent in enumerate(asked, start=len(self.entries))
        ]
        added = shop.call("POST", "/todo/entries", {"entries": drafts})["entries"]
        self.entries |= {entry["id"]: agent for entry, agent in zip(added, asked, strict=True)}

    def _kill(self) -> None:
        with suppress(KeyError, ProcessLookupError):  # it is starting again
            os.kill(self._client.up.children()["sessions"], signal.SIGKILL)
            self.kills += 1

    def _waiting(self, shop: Shop) -> int:
        [[count]] = self._rows(
            "SELECT count(*) FROM orchestration_entry WHERE workspace_id = ? AND status = 'pending'", shop.path.split("/")[2]
        )
        return int(count)

    def _unfinished(self) -> list[tuple[Any, ...]]:
        waited = "SELECT id FROM orchestration_entry WHERE status = 'pending' AND agent = ? AND not_before IS NOT NULL"
        self._waited |= {id_ for (id_,) in self._rows(waited, STEADY)}
        return self._rows(
            "SELECT seq, status, reason_code FROM orchestration_entry WHERE status NOT IN ('done', 'failed', 'blocked')"
        )

    def _rows(self, sql: str, *parameters: str) -> list[tuple[Any, ...]]:
        place = f"file:{self._client.up.data / 'muster.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=20)) as database:
            return database.execute(sql, parameters).fetchall()

    def _figures(self, seconds: float) -> Figures:
        provider = self._provider
        done = {id_ for (id_,) in self._rows("SELECT id FROM orchestration_entry WHERE status = 'done'")}
        sessions = [Ran(*row) for row in self._rows(_SESSIONS)]
        booked = Counter(
            key.rsplit(":", 1)[-1] for (key,) in self._rows("SELECT event_key FROM budget_ledgerentry WHERE amount > 0")
        )
        money = dict(self._rows("SELECT session_ref, sum(amount) FROM budget_ledgerentry GROUP BY session_ref"))
        right = Counter[str]()
        for id_, (session, micro) in provider.paid.items():
            right[session] += micro if id_ in booked else 0
        lines = Counter((id_, json.loads(data)["agent"]) for id_, data in self._rows(_LINES))
        fell_back = [ran for ran in sessions if ran.agent != self.entries[ran.entry]]
        expected = Counter((ran.entry, ran.agent) for ran in fell_back)
        refused = {refusal.session for refusal in provider.refusals}
        return Figures(
            entries=len(self.entries),
            lost=len(self.entries.keys() - done),
            sessions=len(sessions),
            refusals=len(provider.refusals),
            by_code=Counter(refusal.code for refusal in provider.refusals),
            kills=self.kills,
            interrupted=sum(ran.outcome == "lost" for ran in sessions),
            requests=len(provider.paid),
            micro=sum(micro for _, micro in provider.paid.values()),
            cut=len(provider.paid.keys() - provider.printed - booked.keys()),
            twice=sum(n - 1 for n in booked.values())
            + len(booked.keys() - provider.paid.keys())
            + sum(money[s] != right[s] for s in money),
            unbooked=len(provider.printed - booked.keys()),
            probes=len(probes(provider.refusals, sessions)),
            known=sum(refusal.resets_at is not None for refusal in provider.refusals),
            fallbacks=len(fell_back),
            wrong_lines=len({entry for entry, _ in (lines - expected) + (expected - lines)}),
            unlogged=sum(ran.chosen != ran.agent for ran in fell_back),
            paused=sum(ran.outcome == "unavailable" and ran.id not in refused for ran in sessions) + len(self._waited),
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """A session, with times in seconds since the epoch. `chosen`: the agent in its logged choice."""

    id: str
    entry: str
    workspace: str
    agent: str
    outcome: str
    claimed_at: float
    ended_at: float
    chosen: str | None
    work: str = "implement"


_SESSIONS = """SELECT id, entry_id, workspace_id, agent_name, outcome, (julianday(claimed_at) - 2440587.5) * 86400.0,
    (julianday(ended_at) - 2440587.5) * 86400.0, json_extract(choice, '$.agent'), work FROM orchestration_session"""
_LINES = "SELECT object_id, data FROM workspaces_event WHERE verb = 'entry.agent_fell_back'"


def probes(refusals: Sequence[Refusal], sessions: Sequence[Ran]) -> list[tuple[Refusal, Ran]]:
    """Sessions that were claimed for a key after another one had ended with its refusal, and before the reset that it knew."""
    by_id = {ran.id: ran for ran in sessions}
    return [
        (refusal, ran)
        for refusal in refusals
        if refusal.resets_at is not None and (refused := by_id[refusal.session]).outcome == "unavailable"
        for ran in sessions
        if (ran.workspace, ran.agent, ran.work) == (refused.workspace, refused.agent, "implement")
        and refused.ended_at + SLACK_S < ran.claimed_at < refusal.resets_at - SLACK_S
    ]


def trial(folder: Path, *, refusals: int, seed: int, workspaces: int, kill_every_s: float, within_s: float) -> Figures:
    """One run in a Muster of its own."""
    provider = Provider(seed, refusals)
    try:
        with muster(folder) as client:
            return Trial(client, folder, provider, seed, workspaces).run(kill_every_s=kill_every_s, within_s=within_s)
    finally:
        provider.close()
