"""Random runs through a real gateway process: a provider lies about its usage, and gateway, sessions and clients are killed at any state of a request.

A run spends a cap until the gateway refuses because no money is left. Then the provider's own bill is compared with the books.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web
from django.conf import settings
from django.db import connection

from budget import amounts, ledger
from budget.ledger import prices, requests, unknown
from budget.ledger.prices import Tokens
from budget.models import Category, GatewayRequest, Hold, LedgerEntry, Project
from config.up.children import die_with_parent
from orchestration.configuration import secrets
from orchestration.gateway import tokens
from orchestration.models import Entry
from tests.factories import ANA, a_workspace, an_entry
from tests.faults.harness import ROOT

MODEL = "claude-haiku-4-5"
LIES = ("missing", "too small", "twice", "late", "after the end", "cut", "error after 200", "nothing", "429", "500", "529")
HONEST = 0.8
BYTES_OF_TOKEN = 4
WORDS = ["the", "work", "goes", "on", "and", "each", "word", "of", "it", "is", "paid"]


@dataclass
class Figures:
    """`broken`: sentences about promises that were not kept. Amounts are micro-USD."""

    runs: int = 0
    requests: int = 0
    bill: int = 0
    spent: int = 0
    unknown: int = 0
    kills: int = 0
    lies: Counter[str] = field(default_factory=Counter)
    starved: int = 0
    used: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        share = sorted(self.used)
        return (
            f"{self.runs} runs, {self.requests} requests, {self.kills} kills of the gateway; bill {amounts.format_usd(self.bill)} <= "
            f"booked {amounts.format_usd(self.spent)} + unknown {amounts.format_usd(self.unknown)}; "
            f"{self.starved} left more than its smallest request; of long caps at least {share[0] if share else 1:.1%} used; "
            f"lies: {dict(self.lies)}; {len(self.broken)} broken {self.broken[:5]}"
        )


@dataclass
class Provider:
    """Bills what it really served, by the price table or less, whatever it says about it. `bills`: by the run that a body names."""

    dice: random.Random
    figures: Figures
    bills: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = json.loads(body)
        run, lie = asked["metadata"]["user_id"], "" if self.dice.random() < HONEST else self.dice.choice(LIES)
        self.figures.lies[lie or "honest"] += 1
        if lie in ("429", "500", "529"):
            return web.Response(status=int(lie), headers={"retry-after": "0"}, text="{}")
        words = self.dice.randint(1, min(asked["max_tokens"], 400))
        meal = Meal(run, input=len(body) // BYTES_OF_TOKEN, share=self.dice.choice((1.0, 1.0, 0.7)))
        try:
            return await self._serve(request, meal, words, lie)
        except ConnectionError:
            return web.Response()
        finally:
            self.bills[run] += meal.cost

    async def _serve(self, request: web.Request, meal: "Meal", words: int, lie: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        meal.is_served = lie != "nothing"
        if lie == "nothing":
            await asyncio.sleep(self.dice.random() * 0.3)
            if request.transport is not None:
                request.transport.abort()
            meal.is_served = True
            return response
        await response.prepare(request)
        usage = {"input_tokens": meal.input, "output_tokens": 1}
        await _write(
            response, {"type": "message_start", "message": {"model": MODEL, **({} if lie == "missing" else {"usage": usage})}}
        )
        stop_at = self.dice.randint(0, words) if lie in ("cut", "error after 200") else words
        for n in range(0, words, 40):
            if n >= stop_at and lie == "error after 200":
                await _write(response, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
                return response
            if n >= stop_at and lie == "cut":
                if request.transport is not None:
                    request.transport.abort()
                return response
            some = min(40, words - n)
            meal.output += some
            text = "".join(self.dice.choice("abcdefghijklmnop") for _ in range(some * BYTES_OF_TOKEN))
            await _write(response, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
            if self.dice.random() < 0.2:
                await asyncio.sleep(self.dice.random() * 0.02)
        await self._end(response, meal, lie)
        return response

    async def _end(self, response: web.StreamResponse, meal: "Meal", lie: str) -> None:
        stated = max(meal.output * 3 // 10, 1) if lie == "too small" else meal.output
        count = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": stated}}
        for _ in range({"missing": 0, "twice": 2, "late": 0, "after the end": 0}.get(lie, 1)):
            await _write(response, count)
        await _write(response, {"type": "message_stop"})
        if lie in ("late", "after the end"):
            await asyncio.sleep(0.05)
            with suppress(ConnectionError):
                await _write(response, count)


@dataclass
class Meal:
    """The true service of one request."""

    run: str
    input: int
    share: float
    output: int = 0
    is_served: bool = False

    @property
    def cost(self) -> int:
        if not self.is_served:
            return 0
        full = prices.cost(Tokens(MODEL, self.input, self.output))
        assert full is not None
        return int(full * self.share)


async def _write(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


class Gateway:
    """A real process behind a socket of ours, so that its address stays while it is killed. `extra`: variables of its environment."""

    def __init__(self, folder: Path, **extra: str) -> None:
        self._extra = extra
        self._log = open(folder / "gateway.log", "ab")  # noqa: SIM115  (as long as the process)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        number = self._listener.fileno()
        return subprocess.Popen(
            [sys.executable, "-m", "config.gateway", "--fd", str(number)],
            cwd=ROOT,
            env={
                **os.environ,
                **_database(),
                "MUSTER_LEASE_S": "1",
                "MUSTER_LEASE_GRACE_S": "1",
                "MUSTER_SECRET_KEY": settings.SECRET_KEY,
                **self._extra,
            },
            pass_fds=(number,),
            stdout=self._log,
            stderr=self._log,
            preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Ask it to end. Its socket is its own from now on."""
        self._listener.close()
        self._process.terminate()

    def status(self) -> int:
        """The code of its exit."""
        return self._process.wait(60)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def close(self) -> None:
        self.thaw()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._listener.close()
        self._log.close()


def _database() -> dict[str, str]:
    """The database of this test, for another process."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        options = urlencode({name: given["OPTIONS"][name] for name in ("timeout", "transaction_mode", "init_command")})
        return {"DATABASE_URL": f"sqlite:///{given['NAME']}?{options}", "MUSTER_DATA_DIR": str(settings.DATA_DIR)}
    server = urlsplit(os.environ["DATABASE_URL"])
    return {"DATABASE_URL": server._replace(path=f"/{given['NAME']}").geturl(), "MUSTER_DATA_DIR": str(settings.DATA_DIR)}


@dataclass
class Run:
    """One cap, spent by sessions one after the other, each with one or two conversations."""

    name: str
    entry: Entry
    cap: int
    dice: random.Random
    stage: "Trial"
    usual: list[int] = field(default_factory=list)
    has_refused: bool = False
    has_answered: bool = False

    async def play(self) -> None:
        for _ in range(200):
            left = await _in_database(self._left)
            amount = left if self.dice.random() < 0.5 else left // self.dice.choice((1, 2, 3))
            hold = await _in_database(partial(self._open, max(amount, 0)))
            if hold is None:
                break
            self.has_refused = self.has_answered = False
            access = await _in_database(partial(self._access, hold))
            talks = [self._talk(tokens.token_of(access)) for _ in range(self.dice.choice((1, 1, 2)))]
            with suppress(TimeoutError):
                limit = self.dice.random() * 2 if self.dice.random() < 0.3 else None
                await asyncio.wait_for(asyncio.gather(*talks), limit)
            await _in_database(partial(ledger.settle, hold.pk))
            if self.has_refused and not self.has_answered and amount == left == await _in_database(self._left):
                break  # not even the first request of a conversation is paid, although none of unknown cost took the money
        await asyncio.sleep(0)

    async def _talk(self, token: str) -> None:
        """A conversation of some turns. Its client leaves at times, as a killed one does, and tries again at times."""
        messages: list[dict[str, Any]] = []
        for n in range(self.dice.randint(1, 40)):
            words = " ".join(self.dice.choices(WORDS, k=self.dice.randint(5, 60)))
            messages += [{"role": "user", "content": words}]
            if not await self._ask(token, messages):
                return
            messages += [{"role": "assistant", "content": f"answer {n}"}]

    async def _ask(self, token: str, messages: list[dict[str, Any]]) -> bool:
        body = {"model": MODEL, "max_tokens": 2_000, "stream": True, "metadata": {"user_id": self.name}, "messages": messages}
        for _ in range(4):
            patience = self.dice.random() * 0.2 if self.dice.random() < 0.05 else 60
            try:
                async with (
                    asyncio.timeout(patience),
                    self.stage.client.post(
                        f"{self.stage.gateway.url}/v1/messages", json=body, headers={"x-api-key": token}
                    ) as answer,
                ):
                    await answer.read()
                    if answer.status == 402:
                        self.has_refused = True
                    if answer.status in (401, 402, 503):
                        return False
                    if answer.status == 200:
                        self.has_answered = True
                        return True
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(0.05)
        return True

    def _left(self) -> int:
        project = Project.objects.get(pk=self.entry.workspace_id)
        return int(project.headroom)

    def _open(self, amount: int) -> Hold | None:
        if amount <= 0:
            return None
        project = Project.objects.get(pk=self.entry.workspace_id)
        hold = Hold(project=project, account=self.entry.account, session_ref=f"s{self.dice.getrandbits(60):x}", amount=amount)
        hold.save()
        return hold

    def _access(self, hold: Hold) -> str:
        upstream = {
            "base_url": self.stage.provider_url,
            "key": {"variable": "K", "secret": "ANTHROPIC_API_KEY"},
            "credential": hold.session_ref,  # two broken answers end this session, not the run
        }
        access = requests.open_access(
            hold, role="implement", category=Category.ENTRY, upstreams={"anthropic": upstream}, round_number=1, agent="trial"
        )
        return access.pk


@dataclass
class Trial:
    gateway: Gateway
    provider_url: str
    client: aiohttp.ClientSession


def trial(folder: Path, *, runs: int, seed: int, at_once: int = 8, kill_every_s: float = 3.0) -> Figures:
    """So many runs, some of them side by side. Every access of a run leads to the lying provider."""
    figures = Figures()
    asyncio.run(_trial(folder, figures, runs, seed, at_once, kill_every_s))
    return figures


async def _trial(folder: Path, figures: Figures, runs: int, seed: int, at_once: int, kill_every_s: float) -> None:
    dice = random.Random(seed)
    provider = Provider(random.Random(seed + 1), figures)
    gateway = await asyncio.to_thread(Gateway, folder)
    try:
        async with _serving(provider) as url, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            stage = Trial(gateway, url, client)
            killing = asyncio.create_task(_kill(gateway, figures, random.Random(seed + 2), kill_every_s))
            gate = asyncio.Semaphore(at_once)
            await asyncio.gather(
                *(_play_run(gate, stage, provider, figures, f"run-{n}", dice.getrandbits(40)) for n in range(runs))
            )
            killing.cancel()
    finally:
        await asyncio.to_thread(gateway.close)


async def _kill(gateway: Gateway, figures: Figures, dice: random.Random, every_s: float) -> None:
    while every_s:
        await asyncio.sleep(every_s * (0.5 + dice.random()))
        await asyncio.to_thread(gateway.kill)
        figures.kills += 1


async def _play_run(gate: asyncio.Semaphore, stage: Trial, provider: Provider, figures: Figures, name: str, seed: int) -> None:
    async with gate:
        dice = random.Random(seed)
        cap = int(10 ** dice.uniform(4, 5.7))  # 1 cent to 50 cents
        entry = await _in_database(partial(_an_entry, cap))
        run = Run(name, entry, cap, dice, stage)
        await run.play()
        await asyncio.sleep(0.3)  # answers that the provider still gives to nobody
        await _in_database(partial(_judge, run, provider, figures))


def _an_entry(cap: int) -> Entry:
    usd = f"{cap / amounts.MICRO:.6f}"
    entry = an_entry(a_workspace(cap=usd), budget=usd)
    secrets.put(entry.workspace_id, "ANTHROPIC_API_KEY", f"sk-of-{entry.pk}", by=ANA)
    return entry


def _judge(run: Run, provider: Provider, figures: Figures) -> None:
    project = Project.objects.get(pk=run.entry.workspace_id)
    rows = GatewayRequest.objects.filter(hold__project=project)
    bill, spent, held = provider.bills[run.name], int(project.total_spent), int(project.held)
    booked = sum(LedgerEntry.objects.filter(project=project).values_list("amount", flat=True))
    may_cost = sum(Hold.objects.filter(project=project).values_list("in_flight", flat=True))
    figures.runs += 1
    figures.requests += rows.count()
    figures.bill, figures.spent, figures.unknown = figures.bill + bill, figures.spent + spent, figures.unknown + held
    if not bill <= spent + held <= run.cap:
        figures.broken.append(f"{run.name}: bill {bill}, spent {spent}, reserved {held}, cap {run.cap}")
    if (booked, may_cost) != (spent, held):
        figures.broken.append(
            f"{run.name}: the ledger has {booked}, the counter {spent}; reserved {held} for requests of {may_cost}"
        )
    smallest = _smallest()
    figures.starved += run.cap - spent - held >= smallest
    settled = list(rows.filter(state="settled", amount__gt=0).values_list("amount", flat=True))
    if settled and run.cap >= 200 * (sum(settled) // len(settled)):
        figures.used.append((spent + held) / run.cap)
    unknown.settle_all(project.pk, by=ANA, reason="the run is over")
    project.refresh_from_db()
    left = sum(rows.filter(state="sent").values_list("bound", flat=True))
    if project.held != left or project.total_spent + left > run.cap:
        figures.broken.append(f"{run.name}: settled at {project.total_spent} of {run.cap}, and {project.held} stays for {left}")


def _smallest() -> int:
    """The bound of a first request at the lowest limit that the gateway sends."""
    cost = prices.cost(Tokens(MODEL, 400, 4_096))
    assert cost is not None
    return min(cost, prices.cost(Tokens(MODEL, 400, 2_000)) or cost)


async def _in_database(action: Any) -> Any:
    def run() -> Any:
        for _ in range(200):
            try:
                return action()
            except Exception as problem:
                if "locked" not in str(problem):
                    raise
                time.sleep(0.05)
        raise TimeoutError("the database stayed locked")

    return await asyncio.to_thread(run)


@asynccontextmanager
async def _serving(provider: Provider) -> AsyncIterator[str]:
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/messages", provider.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    await web.SockSite(runner, listener).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()
