"""The gateway's cost: 100 streams at once with and without it; CPU and memory of a request; a flood of requests without a token.

`python -m bench gateway cost [--streams 100] [--seconds 20] [--database postgresql|sqlite]`. Client, provider, gateway and database share the machine.
Blocks with and without the gateway alternate. One run on a quiet machine. Every request is committed before it leaves, so that a stall of the storage is a stall
of its requests: with TMPDIR in memory the run shows the gateway without it.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from bench.gateway import stage
from bench.gateway.stage import MODEL
from bench.working.measuring import p50_p99

BLOCKS = 3
JOBS, REQUESTS_OF_A_JOB, AT_ONCE = 10, 4, 4
"""The job that comparisons of gateways use: ten tasks of four requests each."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench gateway cost", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20, help="of each block")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, stage.servers(Path(folder), chosen.database), stage.provider() as provider:
        tokens = stage.prepare(provider, chosen.streams)
        with stage.gateway(Path(folder)) as (gateway, process):
            asyncio.run(_measure(provider, gateway, tokens, process, chosen.seconds))
        check()
    return 0


async def _measure(provider: str, gateway: str, tokens: list[str], process: psutil.Process, seconds: float) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        await _streams(client, gateway, tokens, 2.0)
        await _jobs(client, provider, tokens), await _jobs(client, gateway, tokens)
        jobs = {place: [await _jobs(client, place, tokens) for _ in range(BLOCKS)] for place in (provider, gateway)}
        direct, passed = sorted(jobs[provider])[BLOCKS // 2], sorted(jobs[gateway])[BLOCKS // 2]
        print(
            f"ten tasks of four requests: {direct:.2f} s without, {passed:.2f} s with the gateway: {passed / direct:.3f}x (goal <= 1.05x)"
        )
        first: dict[str, list[float]] = {provider: [], gateway: []}
        cpu, requests = 0.0, 0
        for _ in range(BLOCKS):
            first[provider] += await _streams(client, provider, tokens, seconds)
            before = sum(process.cpu_times()[:2])
            taken = await _streams(client, gateway, tokens, seconds)
            cpu, requests = cpu + sum(process.cpu_times()[:2]) - before, requests + len(taken)
            first[gateway] += taken
        (direct50, direct99), (passed50, passed99) = (p50_p99(sorted(first[place])) for place in (provider, gateway))
        print(
            f"first byte of {len(tokens)} streams at once: p50 {direct50:.1f} and {passed50:.1f} ms: +{passed50 - direct50:.1f} (goal +5); "
            f"p99 {direct99:.1f} and {passed99:.1f} ms: +{passed99 - direct99:.1f} (goal +20); {requests} requests"
        )
        print(f"{cpu / requests * 1000:.1f} ms CPU of the gateway a request, {process.memory_info().rss / 2**20:.0f} MB in all")
        await _flood(client, gateway, tokens, process)


async def _streams(client: aiohttp.ClientSession, place: str, tokens: list[str], seconds: float) -> list[float]:
    """Milliseconds to the first byte of each request, while every token has a stream."""
    until, taken = time.monotonic() + seconds, []

    async def talk(n: int) -> None:
        dice = random.Random(n)
        await asyncio.sleep(dice.random() * min(seconds / 2, 4))
        while time.monotonic() < until:
            taken.append(await ask(client, place, tokens[n], chunks=20))
            await asyncio.sleep(dice.random() * 0.2)

    await asyncio.gather(*(talk(n) for n in range(len(tokens))))
    return taken


async def _jobs(client: aiohttp.ClientSession, place: str, tokens: list[str]) -> float:
    """Seconds of ten tasks, four at once."""
    gate, began = asyncio.Semaphore(AT_ONCE), time.monotonic()

    async def job(n: int) -> None:
        async with gate:
            for _ in range(REQUESTS_OF_A_JOB):
                await ask(client, place, tokens[n], chunks=3)

    await asyncio.gather(*(job(n) for n in range(JOBS)))
    return time.monotonic() - began


async def ask(client: aiohttp.ClientSession, place: str, token: str, chunks: int) -> float:
    body = {
        "model": MODEL,
        "max_tokens": 2_000,
        "stream": True,
        "metadata": {"user_id": str(chunks)},
        "messages": [{"role": "user", "content": "word " * 8_000}],
    }
    data, began = json.dumps(body).encode(), time.monotonic()
    headers = {"x-api-key": token, "content-type": "application/json"}
    async with client.post(f"{place}/v1/messages", data=data, headers=headers) as answer:
        await answer.content.readany()
        first = (time.monotonic() - began) * 1000
        rest = await answer.read()
        assert answer.status == 200, rest[:300]
    return first


async def _flood(client: aiohttp.ClientSession, gateway: str, tokens: list[str], process: psutil.Process) -> None:
    """1,000 requests a second with a token that Muster did not make, for some seconds, beside streams."""
    memory, refused = process.memory_info().rss, 0

    async def knock(at: float) -> None:
        nonlocal refused
        await asyncio.sleep(max(at - time.monotonic(), 0))
        async with client.post(f"{gateway}/v1/messages", data=b"{}", headers={"x-api-key": "nothing"}) as answer:
            refused += answer.status == 401

    began = time.monotonic()
    streams = asyncio.create_task(_streams(client, gateway, tokens[:20], 5.0))
    await asyncio.gather(*(knock(began + n / 1000) for n in range(5_000)))
    seconds = time.monotonic() - began
    taken = sorted(await streams) or [0.0]
    print(
        f"{refused} of 5000 requests without a token were refused in {seconds:.1f} s; beside them 20 streams had their first byte after "
        f"{p50_p99(taken)[0]:.1f} ms; memory +{(process.memory_info().rss - memory) / 2**20:.1f} MB"
    )


def check() -> None:
    from django.db.models import Sum

    from budget.models import GatewayRequest, LedgerEntry

    rows = GatewayRequest.objects.aggregate(sum=Sum("amount"))["sum"]
    booked = LedgerEntry.objects.aggregate(sum=Sum("amount"))["sum"]
    assert rows == booked, f"requests {rows}, ledger {booked}"
    assert not GatewayRequest.objects.exclude(state="settled").exists(), "not every request is settled"
