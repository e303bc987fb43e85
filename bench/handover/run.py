"""`python -m bench handover [--links 20] [--postgresql]`: a chain of entries in a real Muster, and where the time goes between two agents.

An agent's exit and the next one's start are what the agents themselves wrote down; the rest are times of rows.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults.harness import Client, Running, until
from tests.faults.shop import Shop

AGENT = """date +%s.%N > {notes}/$MUSTER_ENTRY_ID.began
echo '{{"type": "usage", "id": "1", "cost_usd": 0.01}}'
echo done > work-$MUSTER_ENTRY_ID.txt
date +%s.%N > {notes}/$MUSTER_ENTRY_ID.ended"""
ROWS = """
import json
from orchestration.models import Landing, Round, Session
def at(moment): return moment.timestamp() if moment else None
rows = {}
for s in Session.objects.filter(outcome="passed"):
    rows[s.entry_id] = {"claimed": at(s.claimed_at), "taken": at(s.started_at), "over": at(s.ended_at)}
for r in Round.objects.all():
    rows[r.entry_id] |= {"begun": at(r.started_at), "judged": at(r.ended_at)}
for l in Landing.objects.select_related("intent"):
    rows[l.entry_id] |= {"queued": at(l.queued_at), "intended": at(l.intent.at), "landed": at(l.ended_at)}
print(json.dumps(rows))
"""
STAGES = ("exited", "judged", "over", "intended", "landed", "claimed", "taken", "begun", "started")
NAMES = {
    "judged": "agent's exit -> round judged",
    "over": "-> session over, landing queued",
    "intended": "-> the lander's intent",
    "landed": "-> landed",
    "claimed": "-> dependent claimed",
    "taken": "-> taken by a worker",
    "begun": "-> working copy, round begun",
    "started": "-> its agent's first statement",
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench handover", description=__doc__)
    parser.add_argument("--links", type=int, default=20)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="muster-handover-") as folder:
        if not chosen.postgresql:
            return _measure(Path(folder), chosen.links)
        servers = subprocess.Popen(
            [sys.executable, "-m", "tests.plugins.throwaway", "postgresql", "durable"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert servers.stdin and servers.stdout
        try:
            url = json.loads(servers.stdout.readline())["DATABASE_URL"]
            return _measure(Path(folder), chosen.links, DATABASE_URL=url)
        finally:
            servers.stdin.close()
            servers.wait(30)


def _measure(folder: Path, links: int, **extra: str) -> int:
    notes = folder / "notes"
    notes.mkdir()
    running = Running(folder / "muster" / "data", **extra, MUSTER_REPO_ROOTS=str(folder))
    try:
        until(running.is_ready, 90)
        shop = Shop(
            Client(running),
            folder,
            agent={"command": ["sh", "-c", AGENT.format(notes=shlex.quote(str(notes)))]},
            verify=[{"name": "nothing", "run": "true"}],
        )
        ids = _chain(shop, links)
        shop.becomes(ids[-1], "done", seconds=30 + 5 * links)
        rows = json.loads(running.muster("shell", "-v0", "-c", ROWS).splitlines()[-1])
    finally:
        running.process.terminate()
        running.process.wait(30)
    for id_ in ids:
        rows[id_] |= {"started": _noted(notes / f"{id_}.began"), "exited": _noted(notes / f"{id_}.ended")}
    _report([rows[id_] for id_ in ids])
    return 0


def _chain(shop: Shop, links: int) -> list[str]:
    """Each waits for the one before it. The executor starts when all are known."""
    shop.call("POST", "/executor/pause")
    ids: list[str] = []
    for number in range(links):
        ids.append(shop.add(f"Link {number}", depends_on=ids[-1:]))
    shop.call("POST", "/executor/start")
    return ids


def _noted(path: Path) -> float:
    return float(path.read_text())


def _report(rows: list[dict[str, Any]]) -> None:
    pairs = [_times(before, after) for before, after in pairwise(rows[1:])]  # the first one warms up
    print(f"P4 {'':32} {'p50':>7} {'p95':>7}  milliseconds of {len(pairs)} hand-overs")
    for earlier, later in pairwise(STAGES):
        _print(NAMES[later], pairs, lambda times, a=earlier, b=later: times[b] - times[a])  # type: ignore[misc]
    _print("session over -> dependent claimed", pairs, lambda times: times["claimed"] - times["over"], goal="p95 <= 100")
    _print("agent's exit -> dependent's process", pairs, lambda times: times["started"] - times["exited"], goal="p50 <= 350")


def _times(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    own = ("exited", "judged", "over", "intended", "landed")
    return {name: before[name] for name in own} | {name: after[name] for name in STAGES if name not in own}


def _print(name: str, pairs: list[dict[str, float]], stage: Callable[[dict[str, float]], float], *, goal: str = "") -> None:
    spent = sorted(stage(times) * 1000 for times in pairs)
    p95 = spent[min(int(len(spent) * 0.95), len(spent) - 1)]
    print(f"    {name:34} {statistics.median(spent):6.0f} {p95:7.0f}  {goal}".rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
