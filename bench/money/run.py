"""Ten tasks of $0.40 under $4.50, some after others and four on one file, and the same without a limit, alternating: Claude Code with a
scripted provider.

`python -m bench money [--times 3] [--limit 4.5] [--latency 1] [--workers 10] [--busy 4] [--gateway]`. With `--gateway`: without a limit, through the
gateway and past it, alternating. Needs the CLI as the tests of agents install it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.agents import clis, short_money
from tests.agents.llm import ScriptedLLM
from tests.faults.harness import Client, Running, until
from tests.faults.shop import Shop
from tests.plugins.database import put_migrated

PLENTY = 1000.0


def main(arguments: list[str]) -> int:
    chosen = _chosen(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # only now: it reads the settings

    django.setup()
    clis.folder("claude")
    with (
        tempfile.TemporaryDirectory(prefix="money-") as name,
        _busy(chosen.busy),
        _muster(Path(name), chosen) as (client, provider),
    ):
        compared = [(PLENTY, "off"), (PLENTY, "auto")] if chosen.gateway else [(PLENTY, "auto"), (chosen.limit, "auto")]
        taken: dict[tuple[float, str], list[float]] = {each: [] for each in compared}
        for n in range(chosen.times):
            for (limit, gateway), seconds in taken.items():
                folder = Path(name) / f"{limit:g}-{gateway}-{n}"
                folder.mkdir()
                seconds.append(_run(chosen, client, provider, folder, limit, gateway))
    plenty, short = (statistics.median(seconds) for seconds in taken.values())
    if chosen.gateway:
        print(f"through the gateway: {short:.1f} s, past it {plenty:.1f} s; ratio {short / plenty:.3f}x (goal 1.05x)")
        return 0
    print(f"under ${chosen.limit:.2f}: {short:.1f} s, without a limit {plenty:.1f} s; ratio {short / plenty:.2f}x (goal 1.15x)")
    return 0


def _chosen(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench money", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--limit", type=float, default=4.5, help="USD: the cap, and the plan")
    parser.add_argument("--latency", type=float, default=1, help="seconds of each request")
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--busy", type=int, default=0, help="processes that only use the CPU, beside it")
    parser.add_argument("--gateway", action="store_true", help="compare with and without the gateway")
    return parser.parse_args(arguments)


@contextmanager
def _busy(count: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@contextmanager
def _muster(folder: Path, chosen: argparse.Namespace) -> Iterator[tuple[Client, ScriptedLLM]]:
    provider = ScriptedLLM(folder, short_money.scenarios(latency_ms=chosen.latency * 1000))
    settings = {"MUSTER_REPO_ROOTS": str(folder), "MUSTER_SESSION_SLOTS": str(chosen.workers), "MUSTER_SANDBOX": "auto"}
    data = folder / "muster" / "data"
    put_migrated(data)
    up = Running(data, **settings, PATH=clis.path())
    try:
        until(up.is_ready, 120)
        yield Client(up), provider
    finally:
        up.process.terminate()
        up.process.wait(60)
        provider.close()


def _run(chosen: argparse.Namespace, client: Client, provider: ScriptedLLM, folder: Path, limit: float, gateway: str) -> float:
    """Seconds from the first entry until all have landed, or until nothing moves any more."""
    env = {"ANTHROPIC_BASE_URL": provider.address, "ANTHROPIC_API_KEY": "stub-key"}
    agent = {"kind": "claude_code", "model": short_money.MODEL, "env": env}
    shop = Shop(
        client,
        folder,
        agent=agent,
        max_workers=chosen.workers,
        round_ceiling_usd=4,
        verify=[{"name": "ok", "run": "true"}],
        gateway=gateway,
    )
    client.call("PATCH", shop.path.removesuffix("/orchestration"), {"total_budget_usd": limit})
    shop.call("PATCH", "/budget", {"max_project_spend_usd": limit})
    before, began = len(provider.log()), time.monotonic()
    shop.call("POST", "/todo/entries", {"entries": short_money.entries()})
    until(lambda: _is_over(shop), 300, every=0.1)
    seconds = time.monotonic() - began
    entries = shop.call("GET", "/todo")["entries"]
    sessions = sum(len(entry["session_ids"]) for entry in entries)
    landed = sum(entry["status"] == "done" for entry in entries)
    print(
        f"      ${limit:.2f}, gateway {gateway}: {landed} of {len(entries)} landed after {seconds:.1f} s, "
        f"{len(provider.log()) - before} requests, {sessions} sessions",
        flush=True,
    )
    return seconds


def _is_over(shop: Shop) -> bool:
    statuses = {entry["status"] for entry in shop.call("GET", "/todo")["entries"]}
    return statuses <= {"done", "blocked", "failed"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
