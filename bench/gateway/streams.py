"""Streams of one permit and of as many permits, against the same streams without the gateway.

`python -m bench gateway streams [--streams 40] [--seconds 10] [--blocks 3] [--database postgresql|sqlite]`. Blocks alternate, so that what else the machine
does meets all three alike: the ratios say more than the milliseconds. Before them the first requests of a key that the gateway does not know.
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from bench.gateway import cost, stage
from bench.working.measuring import p50_p99

CHUNKS, PAUSE_S = 5, 0.5
"""An answer lasts as long as the longest pause before the next request."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m bench gateway streams", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10, help="of each block")
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, stage.servers(Path(folder), chosen.database), stage.provider() as provider:
        alone, *many = stage.permits(provider, 1 + chosen.streams)
        one = [alone] * chosen.streams
        with stage.gateway(Path(folder)) as (gateway, process):
            forms = {"direct": (provider, one), "one permit": (gateway, one), f"{chosen.streams} permits": (gateway, many)}
            asyncio.run(_measure(forms, process, chosen.seconds, chosen.blocks))
        cost.check()
    return 0


async def _measure(forms: dict[str, tuple[str, list[str]]], process: psutil.Process, seconds: float, blocks: int) -> None:
    taken: dict[str, list[float]] = {name: [] for name in forms}
    spent, cpu = dict.fromkeys(forms, 0.0), dict.fromkeys(forms, 0.0)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        for form in ("direct", "one permit"):
            first = await _streams(client, *forms[form], seconds, at_once=True)
            print(
                f"{form}, the first {seconds:.0f} s of a key: {len(first)} answers, p99 of the first byte {p50_p99(sorted(first))[1]:.0f} ms"
            )
        for _ in range(blocks):
            for name, (place, tokens) in forms.items():
                began, used = time.monotonic(), sum(process.cpu_times()[:2])
                taken[name] += await _streams(client, place, tokens, seconds)
                spent[name] += time.monotonic() - began
                cpu[name] += sum(process.cpu_times()[:2]) - used
    direct, rate = p50_p99(sorted(taken["direct"])), len(taken["direct"]) / spent["direct"]
    for name, each in taken.items():
        p50, p99 = p50_p99(sorted(each))
        print(
            f"{name}: {len(each) / spent[name]:.1f} answers a second ({len(each) / spent[name] / rate:.2f}x), first byte p50 {p50:.1f} ms "
            f"(+{p50 - direct[0]:.1f}, goal +5), p99 {p99:.1f} ms (+{p99 - direct[1]:.1f}, goal +20), "
            f"{cpu[name] / len(each) * 1000:.1f} ms CPU of the gateway each"
        )


async def _streams(
    client: aiohttp.ClientSession, place: str, tokens: list[str], seconds: float, *, at_once: bool = False
) -> list[float]:
    """Milliseconds to the first byte of each request, while every token has a stream. `at_once`: all begin together, else one after the other."""
    until, taken = time.monotonic() + seconds, list[float]()

    async def talk(n: int, token: str) -> None:
        dice = random.Random(n)
        while time.monotonic() < until:
            if taken or not at_once:
                await asyncio.sleep(dice.random() * PAUSE_S)
            taken.append(await cost.ask(client, place, token, CHUNKS))

    await asyncio.gather(*(talk(n, token) for n, token in enumerate(tokens)))
    return taken
